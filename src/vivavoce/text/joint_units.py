"""Which letters of a word make which of its phones: alignment by expectation and maximisation.

A word and its pronunciation are cut into joint units, each of one or two letters and the phones that they stand for.
How likely a unit is, is learned from all pairs at once, over all ways to cut them. This module knows nothing of what
follows what: that is `decoding.g2p`'s n-gram model, for which it makes the text.

Source: Jiampojamarn et al., "Applying many-to-many alignments and hidden Markov models to letter-to-phoneme
conversion", 2007; Bisani and Ney, "Joint-sequence models for grapheme-to-phoneme conversion", 2008.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vivavoce.errors import DataError

Array = np.ndarray

Shape = tuple[int, int]
"""How many letters and how many phones a unit has."""


def shapes(letters: int) -> tuple[Shape, ...]:
    """The shapes of units of up to so many letters, 1 or 2. Two letters for two phones would hide two units in one."""
    return ((1, 0), (1, 1), (1, 2), (2, 1))[: 2 + letters]


class JointUnit(NamedTuple):
    """Letters and the phones that they stand for; written `ph:F`, `x:K+S`, `e:`."""

    letters: str
    phones: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.letters}:{'+'.join(self.phones)}"

    @classmethod
    def parse(cls, name: str) -> JointUnit:
        """What `str` writes.

        Raises:
            DataError: it is not such a name.
        """
        letters, colon, phones = name.partition(":")
        if not letters or not colon:
            raise DataError(f"{name!r} is no joint unit; expected letters, a colon, and phones such as `x:K+S`.")
        return cls(letters, tuple(phones.split("+")) if phones else ())


@dataclass(frozen=True)
class _Group:
    """Pairs of equal lengths: `places` (n,) among all pairs, and for each shape (n, I', J') numbers of the units that
    begin at letter i and phone j."""

    places: Array
    letters: int
    phones: int
    units: tuple[Array, ...]


class UnitLattices:
    """Every way to cut every pair into units of some shapes; the units are numbered by `units`."""

    def __init__(self, pairs: Sequence[tuple[str, Sequence[str]]], shapes: Sequence[Shape]) -> None:
        """Find the units.

        Args:
            pairs: words and their phones, at least one letter and one phone each.
            shapes: letters (1 or 2) and phones (0, 1 or 2) of the units.
        """
        assert all(1 <= letters <= 2 and 0 <= phones <= 2 for letters, phones in shapes)
        assert all(word and said for word, said in pairs)
        self.shapes = tuple(shapes)
        self.count = len(pairs)
        letters = sorted({letter for word, _ in pairs for letter in word})
        phones = sorted({phone for _, said in pairs for phone in said})
        # A unit's key has a digit each for up to two letters and up to two phones; 0 stands for none.
        letter_base, phone_base = len(letters) + 1, len(phones) + 1
        letter_codes = {letter: code for code, letter in enumerate(letters, 1)}
        phone_codes = {phone: code for code, phone in enumerate(phones, 1)}
        places: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, pair in enumerate(pairs):
            places[len(pair[0]), len(pair[1])].append(place)
        used = np.zeros(letter_base**2 * phone_base**2, np.bool_)
        keyed: list[tuple[Array, int, int, list[Array]]] = []
        for (rows, columns), members in sorted(places.items()):
            spelt = np.array([[letter_codes[letter] for letter in pairs[place][0]] for place in members], np.int32)
            said = np.array([[phone_codes[phone] for phone in pairs[place][1]] for place in members], np.int32)
            keys = []
            for taken, made in self.shapes:
                left = _pieces(spelt, taken, letter_base) * phone_base**2
                key = left[:, :, None] + _pieces(said, made, phone_base)[:, None, :]
                used[key] = True
                keys.append(key)
            keyed.append((np.array(members), rows, columns, keys))
        found = np.flatnonzero(used)
        numbers = np.zeros(len(used), np.int32)
        numbers[found] = np.arange(len(found))
        self.units = [_unit(key, letters, phones) for key in found.tolist()]
        self._groups: list[_Group] = []
        while keyed:  # each is let go when its numbers are there: both together would double the memory
            chosen, rows, columns, keys = keyed.pop()
            self._groups.append(_Group(chosen, rows, columns, tuple(numbers[key] for key in keys)))

    def expectations(self, probs: Array) -> tuple[Array, float]:
        """How often each unit is expected over all ways to cut the pairs.

        Args:
            probs: (units,) probabilities.

        Returns:
            (units,) expected counts, and the log likelihood of all pairs that can be cut.
        """
        counts = np.zeros(len(self.units))
        log_likelihood = 0.0
        for group in self._groups:
            arcs = [probs[units] for units in group.units]
            ahead = self._forward(group, arcs)
            behind = self._backward(group, arcs)
            total = ahead[:, -1, -1]
            possible = total > 0.0
            log_likelihood += float(np.log(total[possible]).sum())
            share = np.where(possible, 1.0 / np.where(possible, total, 1.0), 0.0)[:, None, None]
            for (taken, made), units, arc in zip(self.shapes, group.units, arcs, strict=True):
                rows, columns = units.shape[1:]
                weights = ahead[:, :rows, :columns] * arc * behind[:, taken:, made:] * share
                counts += np.bincount(units.ravel(), weights.ravel(), minlength=len(counts))
        return counts, log_likelihood

    def best(self, probs: Array) -> list[list[int] | None]:
        """For each pair the units of the likeliest way to cut it; None where there is no way."""
        found: list[list[int] | None] = [None] * self.count
        for group in self._groups:
            members, rows, columns = len(group.places), group.letters, group.phones
            score = np.zeros((members, rows + 1, columns + 1))
            score[:, 0, 0] = 1.0
            choice = np.full(score.shape, -1, np.int8)
            for row in range(1, rows + 1):
                for number, (taken, made) in enumerate(self.shapes):
                    if taken <= row and made <= columns:
                        start = row - taken
                        via = score[:, start, : columns + 1 - made] * probs[group.units[number][:, start]]
                        better = via > score[:, row, made:]
                        score[:, row, made:][better] = via[better]
                        choice[:, row, made:][better] = number
            for member in np.flatnonzero(score[:, -1, -1] > 0.0).tolist():
                row, column, path = rows, columns, []
                while row:
                    number = int(choice[member, row, column])
                    taken, made = self.shapes[number]
                    row, column = row - taken, column - made
                    path.append(int(group.units[number][member, row, column]))
                found[int(group.places[member])] = path[::-1]
        return found

    def _forward(self, group: _Group, arcs: Sequence[Array]) -> Array:
        """(n, I + 1, J + 1) probability of the first letters and phones, over all ways."""
        sums = np.zeros((len(group.places), group.letters + 1, group.phones + 1))
        sums[:, 0, 0] = 1.0
        for row in range(1, group.letters + 1):
            for (taken, made), arc in zip(self.shapes, arcs, strict=True):
                if taken <= row and made <= group.phones:
                    start = row - taken
                    sums[:, row, made:] += sums[:, start, : group.phones + 1 - made] * arc[:, start]
        return sums

    def _backward(self, group: _Group, arcs: Sequence[Array]) -> Array:
        """(n, I + 1, J + 1) probability of what is left, over all ways."""
        sums = np.zeros((len(group.places), group.letters + 1, group.phones + 1))
        sums[:, -1, -1] = 1.0
        for row in range(group.letters - 1, -1, -1):
            for (taken, made), arc in zip(self.shapes, arcs, strict=True):
                if row + taken <= group.letters and made <= group.phones:
                    sums[:, row, : group.phones + 1 - made] += arc[:, row] * sums[:, row + taken, made:]
        return sums


def align_units(
    pairs: Sequence[tuple[str, Sequence[str]]],
    iterations: int,
    min_count: int,
    shapes: Sequence[Shape],
) -> Iterator[list[JointUnit] | None]:
    """Cut pairs into units.

    Args:
        pairs: words and their phones.
        iterations: of expectation and maximisation.
        min_count: units that the best cuts use less often are given up, and the pairs cut anew without them.
        shapes: of the units.

    Returns:
        For each pair its units; None where no units of these shapes make it, as for most abbreviations.

    Raises:
        DataError: no pair can be cut.
    """
    lattices = UnitLattices(pairs, shapes)
    probs = np.full(len(lattices.units), 1.0 / max(1, len(lattices.units)))
    for _ in range(iterations):
        counts, _ = lattices.expectations(probs)
        if not counts.any():
            raise DataError(f"none of {len(pairs)} words can be aligned with its phones; expected about one a letter.")
        probs = counts / counts.sum()
    paths = lattices.best(probs)
    if min_count > 1:
        used = np.bincount(_flat(paths), minlength=len(probs))
        paths = lattices.best(np.where(used >= min_count, probs, 0.0))
    units = lattices.units
    return ([units[number] for number in path] if path is not None else None for path in paths)


def _flat(paths: Iterable[list[int] | None]) -> Array:
    return np.array([number for path in paths for number in path or ()], np.int64)


def _pieces(codes: Array, length: int, base: int) -> Array:
    """(n, L) codes -> (n, L + 1 - length) keys of the pieces of some length at every place."""
    if length == 0:
        return np.zeros((len(codes), codes.shape[1] + 1), np.int32)
    if length == 1:
        return codes * base
    return codes[:, :-1] * base + codes[:, 1:]


def _unit(key: int, letters: Sequence[str], phones: Sequence[str]) -> JointUnit:
    letter_base, phone_base = len(letters) + 1, len(phones) + 1
    left, right = divmod(key, phone_base**2)
    spelt = "".join(letters[code - 1] for code in divmod(left, letter_base) if code)
    return JointUnit(spelt, tuple(phones[code - 1] for code in divmod(right, phone_base) if code))
