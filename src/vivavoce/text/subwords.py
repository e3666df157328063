"""Words in pieces: byte-pair encoding over letters, for language models that must know every word.

A unit is a run of letters; one that ends a word carries the space behind it ("the ", "ing "), so that a word's
probability is complete with its last unit and does not wait for the next word. The units begin with the letters
themselves, which spell any word of a-z and apostrophe; the others come of merging pairs, the most frequent first.

The module knows nothing of models. It is pure Python, and encodes alike in training and in the runtime.

Source: Sennrich, Haddow and Birch 2016 (arXiv:1508.07909).
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from vivavoce.errors import ConfigError, TextError

END = " "
LETTERS = "'abcdefghijklmnopqrstuvwxyz"
SINGLE = (*LETTERS, *(letter + END for letter in LETTERS))
_CACHE_SIZE = 200_000  # words


class Subwords:
    """A vocabulary of units.

    Attributes:
        units: the text of each unit by its number; those of one letter are the first, then one for each merge.
        merges: the pairs of units that are merged, most urgent first.
    """

    def __init__(self, merges: Iterable[Sequence[int]]) -> None:
        """Make the vocabulary that merging these pairs gives.

        Raises:
            ConfigError: a pair is none, comes before its parts, ends a word in its middle, or comes twice.
        """
        units = list(SINGLE)
        self.merges = tuple([(int(left), int(right)) for left, right in merges])
        for left, right in self.merges:
            if not (0 <= left < len(units) and 0 <= right < len(units)) or units[left].endswith(END):
                raise ConfigError(f"merge {len(units) - len(SINGLE)}, {(left, right)}, cannot be; expected two units "
                                  "that came before it, the first of which ends no word.")  # fmt: skip
            units.append(units[left] + units[right])
        self.units = tuple(units)
        self._numbers = {pair: len(SINGLE) + rank for rank, pair in enumerate(self.merges)}
        if len(self._numbers) != len(self.merges):
            raise ConfigError("a pair of units is merged twice; every merge needs a pair of its own.")
        self._single = {unit: number for number, unit in enumerate(SINGLE)}
        self._words: dict[str, tuple[int, ...]] = {}

    @classmethod
    def train(cls, counts: Mapping[str, int], size: int) -> Subwords:
        """Units for a text of these words.

        Args:
            counts: how often each word occurs.
            size: how many units there shall be; fewer where the words allow no more.

        Raises:
            ConfigError: fewer units than letters.
            TextError: a word is empty or holds something else than a-z and apostrophes.
        """
        if size < len(SINGLE):
            raise ConfigError(f"size is {size}; expected {len(SINGLE)} or more, the letters within and at the end.")
        return cls(_merge_frequent(counts, size - len(SINGLE)))

    def __len__(self) -> int:
        return len(self.units)

    def encode_word(self, word: str) -> tuple[int, ...]:
        """The units of one word.

        Raises:
            TextError: it is empty, or holds something else than a-z and apostrophes.
        """
        known = self._words.get(word)
        if known is None:
            if len(self._words) >= _CACHE_SIZE:
                self._words.clear()
            known = self._words[word] = self._merge(spell(word, self._single))
        return known

    def encode(self, words: Iterable[str]) -> list[int]:
        """The units of words, one after another; errors as of `encode_word`."""
        return [unit for word in words for unit in self.encode_word(word)]

    def decode(self, units: Iterable[int]) -> str:
        """The text of units, with a space behind each whole word."""
        return "".join([self.units[unit] for unit in units])

    def _merge(self, spelled: list[int]) -> tuple[int, ...]:
        """Merge pairs, the most urgent first, of equal ones the first."""
        units = spelled
        while len(units) > 1:
            found = [(self._numbers.get(pair, len(self.units)), place) for place, pair in enumerate(pairwise(units))]
            merged, place = min(found)
            if merged == len(self.units):
                break
            units[place : place + 2] = [merged]
        return tuple(units)


def spell(word: str, single: Mapping[str, int]) -> list[int]:
    """A word's letters as units.

    Raises:
        TextError: it is empty, or holds something else than a-z and apostrophes.
    """
    try:
        return [*(single[letter] for letter in word[:-1]), single[word[-1] + END]]
    except (KeyError, IndexError):
        raise TextError(f"{word!r} is no word of a-z and apostrophes. Use normalize_for_training first.") from None


def _merge_frequent(counts: Mapping[str, int], merges: int) -> list[tuple[int, int]]:
    """The pairs to merge, by counts that are kept up to date; of equally frequent ones that of the lowest numbers."""
    single = {unit: number for number, unit in enumerate(SINGLE)}
    words = [(spell(word, single), count) for word, count in sorted(counts.items()) if count > 0]
    pairs: Counter[tuple[int, int]] = Counter()
    places: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for number, (units, count) in enumerate(words):
        for pair in pairwise(units):
            pairs[pair] += count
            places[pair].add(number)
    # A heap whose entries may be out of date: they are checked when they come up.
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    chosen: list[tuple[int, int]] = []
    while heap and len(chosen) < merges:
        negative, pair = heapq.heappop(heap)
        if -negative != pairs[pair]:
            if pairs[pair] > 0:
                heapq.heappush(heap, (-pairs[pair], pair))
            continue
        if not pairs[pair]:
            continue
        merged = len(SINGLE) + len(chosen)
        chosen.append(pair)
        touched: set[tuple[int, int]] = set()
        for number in places.pop(pair):
            units, count = words[number]
            for old in pairwise(units):
                pairs[old] -= count
            _replace(units, pair, merged)
            for new in pairwise(units):
                pairs[new] += count
                if merged in new:
                    places[new].add(number)
                    touched.add(new)
        for new in touched:
            heapq.heappush(heap, (-pairs[new], new))
    return chosen


def _replace(units: list[int], pair: tuple[int, int], merged: int) -> None:
    """Merge a pair wherever it stands, from the left."""
    place = 0
    while place + 1 < len(units):
        if (units[place], units[place + 1]) == pair:
            units[place : place + 2] = [merged]
        place += 1
