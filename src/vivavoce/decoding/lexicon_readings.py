"""The likeliest texts that a search has gone through, each with its own probability: what a second pass chooses from.

A search whose language model remembers a few words treats texts that differ further back as one hypothesis, as it
should: nothing that comes can tell them apart. A second pass, which remembers more, can. So the search notes, frame by
frame, what was added up; and when texts are wanted, all ways to end are followed back through what led to them. What
arrives at the beginning is each text's probability. It is known of every part, on the way back, how much of the end it
led to: so little has to be looked at, and what is dropped would have counted for little.

Noting costs the search next to nothing, and the search finds the same. Sums are exact, but for the parts dropped.

Source: n-best texts by a search backwards that knows the scores ahead of it (Soong and Huang 1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.decoding.lexicon_scorer import members
from vivavoce.decoding.lexicon_search import LexiconHypothesis, LexiconSearch, SpokenWord, likeliest, minus_ones

Array = np.ndarray

LEAST_PART = 1e-3  # parts of a lower share of the largest one are followed no further
MOST_PARTS = 80  # nor are more than so many at a frame


@dataclass(frozen=True)
class Merge:
    """How the Q hypotheses behind a frame came from the P before it: P stayed, and M moves were made.

    Attributes:
        frame: its number.
        before: (P,) the nodes of the former.
        stay_spoken: (P,) what of them stays by its token said again.
        origin, value, word: (M,) for each move the hypothesis that it comes from, its probability, and the number of
            the word that ends by it, or -1.
        order, starts, kept: as `LexiconSearch._merge` returns them.
        after: (Q,) the nodes of the new ones.
        blank, spoken: (Q,) their probabilities, ending in a blank and in a token.
    """

    frame: int
    before: Array
    stay_spoken: Array
    origin: Array
    value: Array
    word: Array
    order: Array
    starts: Array
    kept: Array
    after: Array
    blank: Array
    spoken: Array


class ReadingSearch(LexiconSearch):
    """A search that can tell apart the texts of one hypothesis, and finds the same otherwise."""

    def __init__(self, *settings: Any, **named: Any) -> None:
        """Settings and errors as for `LexiconSearch`."""
        super().__init__(*settings, **named)
        self._merges: list[Merge] = []

    def fork(self) -> ReadingSearch:
        """A search that stands where this one does and goes on by itself."""
        other = super().fork()
        assert isinstance(other, ReadingSearch)
        other._merges = self._merges.copy()
        return other

    def hypotheses(self, ends: bool = True, most: int | None = None) -> list[LexiconHypothesis]:
        """What was said so far, likeliest first, each text by itself; so many at most. The search may go on."""
        origin, row, score = self._ways(ends)
        whole = row >= 0
        word = minus_ones(len(row))
        word[whole] = self._ends.words(row[whole])
        best = float(score[0])
        parts = Parts(origin, word, np.exp(score - best))
        for merge in reversed(self._merges):
            parts.go_back(merge, self.scorer.tree.tokens)
        found = parts.texts(most)
        ways = [way for _, _, way in found]
        contexts = self._behind(origin[ways], row[ways])
        names = self.scorer.tree.words
        return [
            LexiconHypothesis(tuple([SpokenWord(names[one], *frames) for one, *frames in said]), log + best, context)
            for (said, log, _), context in zip(found, contexts, strict=True)
        ]

    def first_pass(self, ends: bool = True, most: int | None = None) -> list[LexiconHypothesis]:
        """As of a search that cannot tell them apart, which is quicker."""
        return super().hypotheses(ends, most)

    def _merge(
        self, stay_blank: Array, stay_spoken: Array, origin: Array, key: Array, value: Array, word: Array
    ) -> tuple[Array, Array, Array]:
        before = self._node
        merged = super()._merge(stay_blank, stay_spoken, origin, key, value, word)
        after = self._node, self._blank, self._spoken
        self._merges.append(Merge(self.frames, before, stay_spoken, origin, value, word, *merged, *after))
        return merged


TEXT, LAST, SAID, WAY = range(4)
EITHER, BLANK, SPOKEN = range(3)


class Parts:
    """Parts of ways to end, on the way back: each is at one hypothesis, with one text behind it."""

    def __init__(self, hypothesis: Array, word: Array, amount: Array) -> None:
        """At the ends: (L,) the hypotheses, the words that end there, -1 for none, and how likely each way is."""
        self._texts = [(-1, -1)]  # by number: its first word, and the text behind it; number 0 has no words
        self._numbers: dict[tuple[int, int], int] = {}
        self._said: list[tuple[int, int, int, int]] = []  # (word, first frame, last frame, what was said behind it)
        self._frame, self._log_scale = -1, 0.0
        self._hypothesis = hypothesis
        # (4, L): the text; the last frame of its first word, -1 while that is not come to; what was said behind the
        # word, -1 for nothing; the way to end. The text apart, what holds for the largest of parts that join counts.
        self._known = np.full((4, len(word)), -1)
        self._known[TEXT] = [self._number(one, 0) if one >= 0 else 0 for one in word.tolist()]
        self._known[WAY] = np.arange(len(word))
        # (3, L): how much of each may end either way, in a blank or in a token, and how much in the one or the other.
        self._amounts = np.zeros((3, len(word)))
        self._amounts[EITHER] = amount

    def go_back(self, merge: Merge, tokens: Array) -> None:
        """From behind a frame to before it, given all nodes' tokens."""
        blank, spoken = self._split(merge)
        # What came to each hypothesis: stays and moves, and their shares.
        group, here = merge.kept[self._hypothesis], len(merge.stay_spoken)
        ends = np.append(merge.starts[1:], len(merge.order))
        first = merge.starts[group]
        counts = ends[group] - first
        owner, place = members(first, counts)
        source = merge.order[place]
        came = np.concatenate((np.arange(here), merge.origin))[source]
        value = np.concatenate((merge.stay_spoken, merge.value))[source]
        sums = np.add.reduceat(value, counts.cumsum() - counts)
        sums[sums == 0.0] = 1.0  # nothing ends in a token
        value *= (spoken / sums)[owner]
        moved = source >= here
        again = moved & (tokens[merge.after[self._hypothesis[owner]]] == tokens[merge.before[came]])
        amounts = np.zeros((3, len(owner)))
        # A stay by a blank may follow either, one by a token only a token, and a move by the same token only a blank.
        amounts[EITHER] = np.where(moved, value, blank[owner])
        amounts[SPOKEN] = np.where(moved, 0.0, value)
        amounts[BLANK, again], amounts[EITHER, again] = value[again], 0.0
        totals = amounts.sum(axis=0)
        most = totals.max()  # the scale: in noise the largest part gets smaller with every frame
        kept = (totals > LEAST_PART * most).nonzero()[0]
        self._log_scale += math.log(most)
        source, came, known = source[kept], came[kept], self._known.take(owner[kept], axis=1)
        moved = moved[kept].nonzero()[0]
        known[LAST, moved[known[LAST, moved] < 0]] = merge.frame
        word = merge.word[source[moved] - here]
        begun = (word >= 0) | (merge.before[came[moved]] == 0)
        self._begin_words(known, moved[begun], word[begun], merge.frame)
        self._frame = merge.frame
        self._join(came, known, amounts.take(kept, axis=1) / most)

    def texts(self, most: int | None) -> list[tuple[list[tuple[int, int, int]], float, int]]:
        """At the beginning: words with their first and last frames, logarithms of how likely the texts are, likeliest
        first, and a way to end that each has."""
        amounts = self._amounts.sum(axis=0)
        order = np.argsort(-amounts, kind="stable")[:most]
        found = []
        logs = np.log(amounts[order]) + self._log_scale
        for said, way, log in zip(*self._known[SAID:, order].tolist(), logs.tolist(), strict=True):
            words = []
            while said >= 0:
                *one, said = self._said[said]
                words.append(tuple(one))
            found.append((words, log, way))
        return found

    def _split(self, merge: Merge) -> tuple[Array, Array]:
        """(L,) how much of each part ends behind a frame in a blank, and in a token."""
        either, blank, spoken = self._amounts
        if self._frame != merge.frame + 1:  # behind it all became blanks
            either, blank, spoken = either + blank + spoken, np.zeros_like(blank), np.zeros_like(spoken)
        blank_now, spoken_now = merge.blank[self._hypothesis], merge.spoken[self._hypothesis]
        share = blank_now / (blank_now + spoken_now)
        return blank + either * share, spoken + either * (1.0 - share)

    def _begin_words(self, known: Array, begun: Array, word: Array, frame: int) -> None:
        """The words under way begin here, some of them behind others, which end; -1 stands for none."""
        for place, ended in zip(begun.tolist(), word.tolist(), strict=True):
            text, last, said, _ = known[:, place].tolist()
            first_word = self._texts[text][0]
            if first_word >= 0:
                known[SAID, place] = len(self._said)
                self._said.append((first_word, frame, last, said))
            if ended >= 0:
                known[TEXT, place] = self._number(ended, text)
        known[LAST, begun] = -1

    def _number(self, word: int, text: int) -> int:
        """The number of a text with a word before it."""
        number = self._numbers.setdefault((word, text), len(self._texts))
        if number == len(self._texts):
            self._texts.append((word, text))
        return number

    def _join(self, hypothesis: Array, known: Array, amounts: Array) -> None:
        """Add up the parts of one hypothesis and one text, and keep the largest."""
        many = len(self._texts)
        key = hypothesis * many + known[TEXT]
        order = key.argsort()
        key = key[order]
        fresh = np.ones(len(key), np.bool_)
        np.not_equal(key[1:], key[:-1], out=fresh[1:])
        starts = fresh.nonzero()[0]
        amounts, hypothesis = amounts.take(order, axis=1), key[starts] // many
        if len(starts) < len(key):
            totals, group = amounts.sum(axis=0), fresh.cumsum() - 1
            largest = (totals == np.maximum.reduceat(totals, starts)[group]).nonzero()[0]
            chosen = np.empty(len(starts), np.int64)
            chosen[group[largest]] = order[largest]
            order = chosen
            amounts = np.add.reduceat(amounts, starts, axis=1)
        if len(starts) > MOST_PARTS:
            kept = likeliest(amounts.sum(axis=0), MOST_PARTS)
            order, hypothesis, amounts = order[kept], hypothesis[kept], amounts.take(kept, axis=1)
        self._hypothesis, self._known, self._amounts = hypothesis, known.take(order, axis=1), amounts
