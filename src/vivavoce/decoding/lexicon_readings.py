"""Of each hypothesis of a search the likeliest texts, each with its own probability: what a second pass chooses from.

A search whose language model remembers a few words treats texts that differ further back as one hypothesis, as it
should: nothing that comes can tell them apart. A second pass, which remembers more, can. So their probabilities are
carried beside the search's own, which they do not change, text by text and exactly, but for those that are dropped.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.decoding.lexicon_search import LexiconHypothesis, LexiconSearch, SpokenWord
from vivavoce.errors import ConfigError

Array = np.ndarray

SHARE_FLOOR = 1e-3  # texts of a lower share of what is most of their hypothesis are dropped
READINGS = 8
LISTED_AT_A_WAY = 2  # so many texts are listed for each way to end, likeliest first


class ReadingSearch(LexiconSearch):
    """A search that keeps several texts of each hypothesis apart, and finds the same otherwise."""

    def __init__(self, *settings: Any, readings: int = READINGS, **named: Any) -> None:
        """Settings as for `LexiconSearch`; so many texts are kept of each hypothesis.

        Raises:
            ConfigError: as there, or readings below 1.
        """
        super().__init__(*settings, **named)
        if readings < 1:
            raise ConfigError(f"readings is {readings}; expected 1 or more.")
        self._texts = Readings(readings)

    def fork(self) -> ReadingSearch:
        """A search that stands where this one does and goes on by itself."""
        other = super().fork()
        assert isinstance(other, ReadingSearch)
        other._texts = self._texts.fork()
        return other

    def _merge(
        self, stay_blank: Array, stay_spoken: Array, origin: Array, key: Array, value: Array, word: Array
    ) -> None:
        before, log_scale = self._key, self.log_scale
        if not self._spoken.any():  # there were frames of a sure blank, of which nothing was said here
            self._texts.be_quiet()
        token = self.scorer.tree.tokens
        again = token[key % self._size] == token[self._node[origin]]
        super()._merge(stay_blank, stay_spoken, origin, key, value, word)
        keys = np.concatenate((before, key))
        rank = np.minimum(self._key.searchsorted(keys), len(self._key) - 1)
        rank[self._key[rank] != keys] = -1
        scale = math.exp(self.log_scale - log_scale)
        steps = Steps(stay_blank, stay_spoken, origin, value, word, again, rank, len(self._key), scale, self.frames)
        self._texts.take(steps)

    def _remember(self, moved: Array, came: Array, word: Array) -> None:
        """Nothing: `_texts` remembers it of each text."""

    def _readings(self, origin: Array, row: Array, score: Array) -> list[LexiconHypothesis]:
        whole = row >= 0
        last_words = np.full(len(row), -1)
        last_words[whole] = self._ends.words(row[whole])
        contexts = self._behind(origin, row)
        log_shares = self._texts.log_shares()
        scores = score[:, None] + log_shares[origin]
        found: dict[tuple[str, ...], LexiconHypothesis] = {}
        names = self.scorer.tree.words
        for number in np.argsort(-scores, axis=None, kind="stable")[: LISTED_AT_A_WAY * len(score)].tolist():
            way, reading = divmod(number, scores.shape[1])
            log_score, place = float(scores[way, reading]), int(origin[way])
            if log_score == -math.inf:
                break
            said = self._texts.words(place, reading)
            if whole[way]:
                said.append((int(last_words[way]), *self._texts.unfinished(place, reading)))
            words = tuple([SpokenWord(names[word], first, last) for word, first, last in said])
            text = tuple([one.word for one in words])
            context = contexts[way]
            if (known := found.get(text)) is not None:
                words, context = known.words, known.context
                log_score = known.log_score + math.log1p(math.exp(log_score - known.log_score))
            found[text] = LexiconHypothesis(words, log_score, context)
        return sorted(found.values(), key=lambda one: -one.log_score)


@dataclass(frozen=True)
class Steps:
    """What one frame did to the hypotheses of a search: P of them stayed, M moves were made, Q are there now.

    Attributes:
        stay_blank, stay_spoken: (P,) what of a hypothesis stays where it is, by a blank and by its token again.
        origin, value, word: (M,) for each move the hypothesis that it comes from, its probability, and the number of
            the word that ends by it, or -1.
        again: (M,) whether a move is by its origin's token, so that only what ended in a blank can make it.
        rank: (P + M,) the new hypothesis that each leads to; -1 for none.
        count: Q.
        scale: what probabilities are divided by.
        frame: its number.
    """

    stay_blank: Array
    stay_spoken: Array
    origin: Array
    value: Array
    word: Array
    again: Array
    rank: Array
    count: int
    scale: float
    frame: int


TEXT, TRACE, FIRST, LAST = range(4)
BLANK, SPOKEN = range(2)


class Readings:
    """The likeliest texts of each of P hypotheses, K at most; a search begins with one hypothesis, of no word.

    What is little of a hypothesis is dropped, and shared out among what is kept. Arrays are never changed in place.
    """

    def __init__(self, most: int) -> None:
        """Keep so many texts of each hypothesis."""
        self.most = most
        # (4, P * K), the texts of each hypothesis side by side: a text's number, -1 for none, how its likeliest
        # alignment said its words, and the frames of its unfinished word's first and last token; (2, P * K): how
        # probable it is, ending in a blank and in a token.
        self._known = np.full((4, most), -1, np.int64)
        self._parts = np.zeros((2, most))
        self._known[TEXT, 0], self._parts[BLANK, 0] = 0, 1.0
        self._said: list[tuple[int, int, int, int]] = []  # (before, word, first frame, last frame)
        self._numbers: dict[tuple[int, int], int] = {}  # (text before, word): a text; 0 has no words

    def fork(self) -> Readings:
        """The same, to go on by itself."""
        other = copy.copy(self)
        other._said, other._numbers = self._said.copy(), self._numbers.copy()
        return other

    def be_quiet(self) -> None:
        """A frame that is surely a blank."""
        both = self._parts.sum(axis=0)
        self._parts = np.stack((both, np.zeros_like(both)))

    def log_shares(self) -> Array:
        """(P, K) how much of a hypothesis's probability is of each text, as natural logarithms, -inf for none."""
        both = self._parts.sum(axis=0).reshape(-1, self.most)
        with np.errstate(divide="ignore"):
            return np.log(both / both.sum(axis=1, keepdims=True))

    def words(self, hypothesis: int, reading: int) -> list[tuple[int, int, int]]:
        """The words of a text that have ended, with the frames of their first and last tokens."""
        found, trace = [], int(self._known[TRACE, hypothesis * self.most + reading])
        while trace >= 0:
            trace, word, first, last = self._said[trace]
            found.append((word, first, last))
        return found[::-1]

    def unfinished(self, hypothesis: int, reading: int) -> tuple[int, int]:
        """The frames of the first and the last token of the word behind those."""
        first, last = self._known[FIRST:, hypothesis * self.most + reading].tolist()
        return first, last

    def take(self, steps: Steps) -> None:
        """Go on by a frame."""
        here, most = len(steps.stay_blank), self.most
        # What is little of its new hypothesis is left out before its texts are looked at: that is most of all.
        led = (steps.rank >= 0).nonzero()[0]
        rank, amounts = steps.rank[led], np.concatenate((steps.stay_blank + steps.stay_spoken, steps.value))[led]
        floor = np.zeros(steps.count)
        np.maximum.at(floor, rank, amounts)
        floor *= SHARE_FLOOR
        kept = (amounts > floor[rank]).nonzero()[0]
        led, rank = led[kept], rank[kept]
        came = np.concatenate((np.arange(here), steps.origin))[led]
        parts = self._moved(steps, led, came)  # (2, L, K)
        both = parts[BLANK] + parts[SPOKEN]
        chosen = (both > floor[rank, None]).ravel().nonzero()[0]
        row = chosen // most
        parts, amounts, rank = parts.reshape(2, -1).take(chosen, axis=1), both.ravel()[chosen], rank[row]
        known = self._known.take(came[row] * most + chosen % most, axis=1)
        led = led[row]
        word = np.concatenate((np.full(here, -1), steps.word))[led]
        self._add_words(known, word)
        # Add up what is of one text at one place; the largest part says when its words were said.
        many = len(self._numbers) + 1
        key = rank * many + known[TEXT]
        order = key.argsort()
        key, amounts = key[order], amounts[order]
        fresh = np.ones(len(key), np.bool_)
        np.not_equal(key[1:], key[:-1], out=fresh[1:])
        starts = fresh.nonzero()[0]
        parts = np.add.reduceat(parts.take(order, axis=1), starts, axis=1)
        group = fresh.cumsum() - 1
        chosen = np.empty(len(starts), np.int64)
        largest = (amounts == np.maximum.reduceat(amounts, starts)[group]).nonzero()[0]
        chosen[group[largest]] = order[largest]
        rank = key[starts] // many
        kept, column = self._likeliest(rank, parts, steps.count)
        chosen, at = chosen[kept], rank[kept] * most + column
        known = self._remembered(known.take(chosen, axis=1), word[chosen], led[chosen] >= here, steps.frame)
        self._known = np.full((4, steps.count * most), -1)
        self._known[:, at] = known
        self._parts = np.zeros((2, steps.count * most))
        self._parts[:, at] = parts.take(kept, axis=1) / steps.scale

    def _likeliest(self, rank: Array, parts: Array, count: int) -> tuple[Array, Array]:
        """Of texts, by their hypotheses' numbers, which rise, those to keep, and in which column of theirs."""
        starts = rank.searchsorted(np.arange(count))
        column = np.arange(len(rank)) - starts[rank]
        if column.max() < self.most:
            return np.arange(len(rank)), column
        amounts = parts[BLANK] + parts[SPOKEN]
        # Sorted by hypothesis and, in it, by what is no part of the whole: between one number and the next.
        order = (rank - amounts / np.add.reduceat(amounts, starts)[rank]).argsort()
        kept = (column < self.most).nonzero()[0]  # the columns are the same in any order within a hypothesis
        return order[kept], column[kept]

    def _moved(self, steps: Steps, led: Array, came: Array) -> Array:
        """(2, L, K): what of each text stays or moves, ending in a blank, and in a token.

        Args:
            led: (L,) which of the steps, (P + M), are looked at, in order.
            came: (L,) the hypotheses that they come from.
        """
        stay = int(led.searchsorted(len(steps.stay_blank)))
        move = led[stay:] - len(steps.stay_blank)
        old = self._parts.reshape(2, -1, self.most).take(came, axis=1)
        both = old[BLANK] + old[SPOKEN]
        both /= both.sum(axis=1, keepdims=True)
        # Of what a token needs: to be said again, an ending in it; to be another of its kind, an ending in a blank.
        able = both.copy()
        able[:stay] = old[SPOKEN, :stay]
        apart = stay + steps.again[move].nonzero()[0]
        able[apart] = old[BLANK, apart]
        sums = able.sum(axis=1, keepdims=True)
        lost = (sums == 0.0).nonzero()[0]  # of texts that were dropped
        able[lost], sums[lost] = both[lost], 1.0
        values = np.concatenate((steps.stay_spoken[came[:stay]], steps.value[move]))
        parts = np.zeros((2, *both.shape))
        parts[SPOKEN] = able * (values[:, None] / sums)
        parts[BLANK, :stay] = both[:stay] * steps.stay_blank[came[:stay], None]
        return parts

    def _add_words(self, known: Array, word: Array) -> None:
        """Change the numbers of texts into those of the texts with one word more, where a word has ended."""
        ended = (word >= 0).nonzero()[0]
        numbers = self._numbers
        pairs = zip(known[TEXT, ended].tolist(), word[ended].tolist(), strict=True)
        known[TEXT, ended] = [numbers.setdefault(pair, len(numbers) + 1) for pair in pairs]

    def _remembered(self, known: Array, word: Array, moved: Array, frame: int) -> Array:
        """(4, N): what is known of texts, of some of which a word has ended, and which moved in this frame or not."""
        ended = (word >= 0).nonzero()[0]
        said = (known[TRACE, ended], word[ended], known[FIRST, ended], known[LAST, ended])
        number = len(self._said)
        self._said.extend(zip(*(part.tolist() for part in said), strict=True))
        known[TRACE, ended] = np.arange(number, len(self._said))
        known[FIRST, ended] = -1
        known[FIRST, moved & (known[FIRST] < 0)] = frame
        known[LAST, moved] = frame
        return known
