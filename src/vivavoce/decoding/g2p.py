"""Guesses how a word is said that the pronouncing dictionary lacks: letters become phones.

A pronunciation is read off letter by letter as joint units (`text.joint_units`), and an n-gram model says which unit
follows which. It reads from a word's end and knows stress, though its guesses have it only when asked for: endings
often decide where the stress lies, and stress which vowel is said. Both lowered the errors on words held out.

A model's file is the dictionary cut into units, and the n-grams are counted when it is opened: that takes less than a
second, and a third of the space that a pruned model's n-grams would take. Nothing here knows which language it is.

Source: Bisani and Ney, "Joint-sequence models for grapheme-to-phoneme conversion", 2008; Novak et al.,
"Phonetisaurus: exploring grapheme-to-phoneme conversion with joint n-gram models in the WFST framework", 2016.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.decoding.joint_ngram import JointNgram, State
from vivavoce.decoding.ngram_counts import Text, number_words
from vivavoce.decoding.ngram_tables import EOS, MARKS
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.unit_counts import count_by_one_sort
from vivavoce.errors import ConfigError, DataError, ModelError, TextError
from vivavoce.text.joint_units import JointUnit, align_units, shapes
from vivavoce.text.phonemes import without_stress

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")
"""What words are made of."""

LONGEST_WORD = 60
"""Letters. The longest words of any dictionary have 45; a guess takes a millisecond a letter."""

VERSION = 1

Phones = tuple[str, ...]
_Partial = tuple[float, State, Phones]  # log probability, the model's state, the phones so far

_FORMAT = "vivavoce g2p"
_CACHE_SIZE = 1 << 15  # some 30 MB when full
_log_prob = itemgetter(0)


def is_spelled(word: str) -> bool:
    """Whether it is a word of a-z and apostrophes, and not of apostrophes alone."""
    return LETTERS.issuperset(word) and bool(word.strip("'"))


class G2p:
    """Grapheme to phoneme: a joint n-gram model and the beam search over its units.

    Attributes:
        letters: that it can spell words of.
        phones: that it guesses, without stress.
        order, backwards, beam, width, info: as given.
    """

    def __init__(
        self,
        cuts: Iterable[Sequence[str]] | Text,
        order: int = 8,
        backwards: bool = True,
        beam: int = 24,
        width: float = 8.0,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Count the n-grams of pronunciations that are cut into units.

        Args:
            cuts: names of joint units, in the order of the letters; or these numbered, in the order of reading.
            order: units of the longest n-grams.
            backwards: whether words are read from their end.
            beam: so many partial readings of the same letters are kept,
            width: and of these only the ones whose log probability is so close to the best's.
            info: what a model's maker wishes to say about it.

        Raises:
            DataError: no cuts, or a name is no joint unit's.
            ConfigError: `order` or `beam` is below 1.
        """
        if min(order, beam) < 1:
            raise ConfigError(f"order {order}, beam {beam}: expected 1 or more of both.")
        self.order, self.backwards, self.beam, self.width, self.info = order, backwards, beam, width, dict(info or {})
        if not isinstance(cuts, Text):
            cuts = number_words(cut[::-1] if backwards else cut for cut in cuts)
        self._text: Text = cuts
        self.ngrams = JointNgram(estimate(self._text.vocabulary, count_by_one_sort(self._text, order)).tables)
        self._units: dict[str, list[int]] = {}
        self._phones: dict[int, Phones] = {}
        for number, name in enumerate(self._text.vocabulary[len(MARKS) :], len(MARKS)):
            unit = JointUnit.parse(name)
            self._units.setdefault(unit.letters, []).append(number)
            self._phones[number] = unit.phones
        self.letters = frozenset("".join(self._units))
        self.phones = frozenset(phone for phones in self._phones.values() for phone in without_stress(phones))
        self._longest = max(map(len, self._units))
        self._cache: dict[tuple[State, str], list[_Partial]] = {}

    @classmethod
    def train(
        cls,
        entries: Iterable[tuple[str, Sequence[str]]],
        order: int = 8,
        letters: int = 1,
        backwards: bool = True,
        iterations: int = 8,
        min_count: int = 3,
    ) -> G2p:
        """Learn from a dictionary.

        Args:
            entries: words and their phones, best with stress digits; variants are entries of their own. Words with
                anything but a-z and apostrophes are passed over.
            order, backwards: as for `G2p`.
            letters: of the longest joint units, 1 or 2.
            iterations: of the alignment.
            min_count: joint units must occur so often, stress not counted.

        Raises:
            DataError: no entry is left, or none can be aligned.
            ConfigError: `letters` is neither 1 nor 2, or another number is below 1.
        """
        if letters not in (1, 2) or min(order, iterations, min_count) < 1:
            raise ConfigError(
                f"letters {letters}, order {order}, iterations {iterations}, min_count {min_count}: expected 1 or 2 "
                "letters, and 1 or more of the others."
            )
        pairs = [(word, tuple(phones)) for word, phones in entries if word and LETTERS.issuperset(word) and phones]
        if not pairs:
            raise DataError("no entry is a word of a-z and apostrophes with phones; expected those of a dictionary.")
        plain = [(word, without_stress(phones)) for word, phones in pairs]
        cuts = align_units(plain, iterations, min_count, shapes(letters))
        stressed = (_stressed(cut, phones) for cut, (_, phones) in zip(cuts, pairs, strict=True) if cut is not None)
        return cls(stressed, order, backwards, info={"entries": len(pairs)})

    @classmethod
    def load(cls, path: str | Path) -> G2p:
        """Open a model.

        Raises:
            DataError: there is no such file.
            ModelError: it is not of our making, of a later version, or damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path} is not a file; expected a grapheme-to-phoneme model.")
        try:
            first, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
            header = json.loads(first)
            if header["format"] == _FORMAT and header["version"] > VERSION:
                raise ModelError(
                    f"{path} has format version {header['version']}; this vivavoce reads up to {VERSION}. Update it."
                )
            cuts = (line.split(" ") for line in lines)
            return cls(cuts, header["order"], header["backwards"], info=header["info"])
        except (DataError, EOFError, KeyError, OSError, TypeError, ValueError, zlib.error) as error:
            raise ModelError(
                f"{path} is no grapheme-to-phoneme model, or a damaged one ({error}). Train it again with "
                "`viva train g2p`, or copy it anew."
            ) from None

    def save(self, path: str | Path, **info: Any) -> None:
        """Write the model, with `info` (JSON values) added to what is known of it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        header = {
            "format": _FORMAT,
            "version": VERSION,
            "order": self.order,
            "backwards": self.backwards,
            "info": {**self.info, **info},
        }
        lines = "\n".join([json.dumps(header), *map(" ".join, self.cuts())])
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(gzip.compress(lines.encode(), mtime=0))  # without the time, equal models are equal files
        partial.replace(path)  # a reader never sees half a model

    def pronounce(self, word: str, n: int = 1, stress: bool = False) -> list[tuple[list[str], float]]:
        """The likeliest pronunciations, at most `n` and at least one: phones and their probability.

        A probability is the sum over stress and over all ways to cut the word; what the beam lost is not counted.

        Args:
            stress: whether each pronunciation has its likeliest stress, as digits; readings that do not have just one
                main stress are left out then, unless there are no others.

        Raises:
            TextError: the word is empty, has letters that the training never saw, or no units spell it.
            ConfigError: `n` is below 1.
        """
        if n < 1:
            raise ConfigError(f"{n} pronunciations were asked for; expected 1 or more.")
        spelt = word.lower()
        unknown = sorted(set(spelt) - self.letters)
        if unknown or not spelt:
            fault = f"has {', '.join(map(repr, unknown))}" if unknown else "is empty"
            known = "".join(sorted(self.letters))
            raise TextError(f"{word!r} {fault}; pronunciations can be guessed of words of {known}.")
        readings = self._search(spelt)
        if stress:
            proper = [reading for reading in readings if _main_stresses(reading[0]) == 1]
            readings = proper or readings
        if not readings:
            raise TextError(f"no pronunciation of {word!r} was found; give it one in the dictionary.")
        found: dict[Phones, float] = {}
        stressed: dict[Phones, float] = {}
        for said, weight in readings:
            phones = without_stress(said)
            found[phones] = found.get(phones, 0.0) + weight
            stressed[said] = stressed.get(said, 0.0) + weight
        whole = sum(found.values())
        # Equal probabilities are put in the order of the alphabet, so that a guess is the same everywhere.
        best = _ranked(found)[:n]
        if stress:
            likeliest = {without_stress(said): said for said, _ in reversed(_ranked(stressed))}
            return [(list(likeliest[phones]), weight / whole) for phones, weight in best]
        return [(list(phones), weight / whole) for phones, weight in best]

    def _search(self, word: str) -> list[tuple[Phones, float]]:
        """Readings with their stress, and numbers in proportion to their probabilities; several may be alike."""
        length = len(word)
        kept: list[list[_Partial]] = [[] for _ in range(length + 1)]  # by how many letters have been read
        best = [-math.inf] * (length + 1)
        kept[0].append((0.0, self.ngrams.start(), ()))
        for place in range(length):
            partial = self._prune(kept[place])
            for taken in range(1, min(self._longest, length - place) + 1):
                left = length - place - taken if self.backwards else place
                letters = word[left : left + taken]
                if letters not in self._units:
                    continue
                reached, top = kept[place + taken], best[place + taken]
                for log_prob, state, phones in partial:
                    for step, after, said in self._following(state, letters):
                        total = log_prob + step
                        if total < top - self.width:
                            break  # they are sorted: the others are worse
                        top = max(top, total)
                        reached.append((total, after, said + phones if self.backwards else phones + said))
                best[place + taken] = top
        ended = [
            (log_prob + self.ngrams.following(state, (EOS,))[0][0], phones)
            for log_prob, state, phones in self._prune(kept[-1])
        ]
        top = max(map(_log_prob, ended), default=0.0)
        return [(phones, math.exp(log_prob - top)) for log_prob, phones in ended if phones]

    def _prune(self, partial: list[_Partial]) -> list[_Partial]:
        """The best within beam and width."""
        floor = max(map(_log_prob, partial), default=0.0) - self.width
        close = [reading for reading in partial if reading[0] >= floor]
        return nlargest(self.beam, close, key=_log_prob) if len(close) > self.beam else close

    def _following(self, state: State, letters: str) -> list[_Partial]:
        """Units with these letters after a state, best first: log probability, the state then, phones.

        Those that are further from the best than the width are left out; with it beside them they never survive.
        """
        key = (state, letters)
        found = self._cache.get(key)
        if found is None:
            units = self._units[letters]
            steps = self.ngrams.following(state, units)
            found = [(*step, self._phones[unit]) for step, unit in zip(steps, units, strict=True)]
            found.sort(key=_log_prob, reverse=True)
            floor = found[0][0] - self.width
            found = [unit for unit in found if unit[0] >= floor]
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = found
        return found

    def cuts(self) -> Iterator[list[str]]:
        """The names of the units of every pronunciation, in the order of the letters."""
        word_ids = self._text.word_ids
        ends = np.flatnonzero(word_ids == EOS).tolist()
        for before, end in pairwise([-1, *ends]):
            cut = [self._text.vocabulary[number] for number in word_ids[before + 2 : end].tolist()]
            yield cut[::-1] if self.backwards else cut


def _stressed(cut: Sequence[JointUnit], phones: Sequence[str]) -> list[str]:
    """The names of units with the phones as the dictionary has them."""
    left = iter(phones)
    return [str(JointUnit(unit.letters, tuple(next(left) for _ in unit.phones))) for unit in cut]


def _ranked(weights: Mapping[Phones, float]) -> list[tuple[Phones, float]]:
    """The heaviest first."""
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))


def _main_stresses(phones: Phones) -> int:
    return sum(phone.endswith("1") for phone in phones)
