"""Guesses how a word is said that the pronouncing dictionary lacks: letters become phones.

A pronunciation is read off letter by letter as joint units (`text.joint_units`), and an n-gram model says which unit
follows which. Two such models read each word and their probabilities are averaged: one forwards, with units of one or
two letters, and one backwards, with units of single letters. They go wrong in different places. Stress is not guessed,
and nothing here knows which word is English.

Source: Bisani and Ney, "Joint-sequence models for grapheme-to-phoneme conversion", 2008; Novak et al.,
"Phonetisaurus: exploring grapheme-to-phoneme conversion with joint n-gram models in the WFST framework", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter
from pathlib import Path
from typing import Any

from vivavoce.decoding.g2p_file import read_models, write_models
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_tables import MARKS
from vivavoce.decoding.ngram_training import estimate
from vivavoce.errors import ConfigError, DataError, ModelError, TextError
from vivavoce.text.joint_units import SHAPES, SINGLE_SHAPES, JointUnit, align_units

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")

BEAM = 16
WIDTH = 8.0
BITS = 8

Phones = tuple[str, ...]

_CACHE_SIZE = 1 << 15
_log_prob = itemgetter(0)


class Reading:
    """One joint n-gram model and the beam search over its units, from the word's beginning or from its end."""

    def __init__(self, model: NgramModel, backwards: bool = False, beam: int = BEAM, width: float = WIDTH) -> None:
        """Sort the model's units by their letters.

        Args:
            model: its words are the names of joint units.
            backwards: whether it was trained on units from the last to the first.
            beam: so many partial readings of the same letters are kept,
            width: and of these only the ones whose log probability is so close to the best's.

        Raises:
            DataError: a word of the model is no joint unit.
        """
        self.model, self.backwards, self.beam, self.width = model, backwards, beam, width
        self._units: dict[str, list[tuple[int, Phones]]] = {}
        for number, name in enumerate(model.vocabulary[len(MARKS) :], len(MARKS)):
            unit = JointUnit.parse(name)
            self._units.setdefault(unit.letters, []).append((number, unit.phones))
        self.letters = frozenset("".join(self._units))
        self._longest = max(map(len, self._units), default=0)
        self._cache: dict[tuple[State, str], list[tuple[float, State, Phones]]] = {}

    def guess(self, word: str) -> dict[Phones, float]:
        """Pronunciations and their probabilities, which add up to 1; empty where the units cannot spell the word.

        A pronunciation's probability is the sum over all ways to cut it that the beam kept.
        """
        length = len(word)
        kept: list[list[tuple[float, State, Phones]]] = [[] for _ in range(length + 1)]
        best = [-math.inf] * (length + 1)
        kept[0].append((0.0, self.model.start(), ()))
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
        ended = [(log_prob + self.model.end(state), phones) for log_prob, state, phones in self._prune(kept[-1])]
        top = max(map(_log_prob, ended), default=0.0)
        found: dict[Phones, float] = {}
        for log_prob, phones in ended:
            if phones:
                found[phones] = found.get(phones, 0.0) + math.exp(log_prob - top)
        whole = sum(found.values())
        return {phones: prob / whole for phones, prob in found.items()}

    def _prune(self, partial: list[tuple[float, State, Phones]]) -> list[tuple[float, State, Phones]]:
        """The best within beam and width."""
        floor = max(map(_log_prob, partial), default=0.0) - self.width
        close = [reading for reading in partial if reading[0] >= floor]
        return nlargest(self.beam, close, key=_log_prob) if len(close) > self.beam else close

    def _following(self, state: State, letters: str) -> list[tuple[float, State, Phones]]:
        """Units with these letters after a state, best first: log probability, the state then, phones.

        Those that are further from the best than the width are left out; with it beside them they never survive.
        """
        key = (state, letters)
        found = self._cache.get(key)
        if found is None:
            found = [(*self.model.step(state, number), phones) for number, phones in self._units[letters]]
            found.sort(key=_log_prob, reverse=True)
            floor = found[0][0] - self.width
            found = [unit for unit in found if unit[0] >= floor]
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = found
        return found


class G2p:
    """Grapheme to phoneme: the mean of several readings."""

    def __init__(self, readings: Sequence[Reading], info: Mapping[str, Any] | None = None) -> None:
        """`info` is what a model's maker wished to say about it."""
        assert readings
        self.readings = tuple(readings)
        self.info = dict(info or {})
        self.letters = frozenset.intersection(*(reading.letters for reading in self.readings))

    @classmethod
    def train(
        cls,
        entries: Iterable[tuple[str, Sequence[str]]],
        order: int = 7,
        max_ngrams: int | None = None,
        iterations: int = 8,
        min_count: int = 3,
    ) -> G2p:
        """Learn from a dictionary.

        Args:
            entries: words and their phones without stress, variants as entries of their own. Words with anything but
                a-z and apostrophes are passed over.
            order: units of the longest n-grams.
            max_ngrams: how many n-grams each of the two models may keep; all of them if None.
            iterations: of the alignment.
            min_count: joint units must occur so often.

        Raises:
            DataError: no entry is left, or none can be aligned.
            ConfigError: `order` or another number is too small.
        """
        if min(order, iterations, min_count) < 1:
            raise ConfigError(f"order {order}, {iterations} iterations, min_count {min_count}: expected 1 or more.")
        pairs = [(word, tuple(phones)) for word, phones in entries if word and LETTERS.issuperset(word) and phones]
        if not pairs:
            raise DataError("no entry is a word of a-z and apostrophes with its phones; expected a dictionary's.")
        readings = []
        for shapes, backwards in ((SHAPES, False), (SINGLE_SHAPES, True)):
            cut = align_units(pairs, iterations, min_count, shapes)
            names = ([str(unit) for unit in units] for units in cut if units is not None)
            text = number_words(row[::-1] if backwards else row for row in names)
            estimated = estimate(text.vocabulary, count_ngrams(text, order))
            tables = estimated.tables
            if max_ngrams is not None:
                tables = prune_by_entropy(tables, max_ngrams, counts=estimated.counts)
            readings.append(Reading(NgramModel.from_tables(tables, BITS), backwards))
        return cls(readings, {"entries": len(pairs), "order": order})

    @classmethod
    def load(cls, path: str | Path) -> G2p:
        """Open a model.

        Raises:
            DataError: there is no such file.
            ModelError: it is not of our making, of a later version, or damaged.
        """
        models, info = read_models(path)
        try:
            return cls([Reading(model, backwards) for model, backwards in models], info)
        except DataError as error:
            raise ModelError(f"{path} holds other n-grams than those of joint units: {error}") from None

    def save(self, path: str | Path, **info: Any) -> None:
        """Write the model, with `info` (JSON values) added to what is known of it."""
        models = [(reading.model, reading.backwards) for reading in self.readings]
        write_models(path, models, {**self.info, **info})

    def pronounce(self, word: str, n: int = 1) -> list[tuple[list[str], float]]:
        """The likeliest pronunciations, at most `n` and at least one, with their probabilities.

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
            raise TextError(
                f"{word!r} {fault}; pronunciations can be guessed of words of {''.join(sorted(self.letters))}."
            )
        means: dict[Phones, float] = {}
        for reading in self.readings:
            for phones, prob in reading.guess(spelt).items():
                means[phones] = means.get(phones, 0.0) + prob / len(self.readings)
        if not means:
            raise TextError(f"no pronunciation of {word!r} was found; give it one in the dictionary.")
        # Equal probabilities are put in the order of the alphabet, so that a guess is the same everywhere.
        ranked = sorted(means.items(), key=lambda item: (-item[1], item[0]))
        return [(list(phones), prob) for phones, prob in ranked[:n]]
