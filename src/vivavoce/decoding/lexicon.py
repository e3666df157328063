"""A vocabulary as a prefix tree that grows where a search looks: opening it costs one sort, whatever its size.

A node is a range of the sorted words that share a prefix. Its children are found by bisection when they are first asked
for, and then kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from vivavoce.errors import TextError

Array = np.ndarray


class LexiconNode:
    """A prefix: `word` is its index in the vocabulary if it is a word itself, else -1; `best` the highest of the
    scores of all words that begin with it."""

    __slots__ = ("_children", "_depth", "_first", "_last", "_lexicon", "best", "word")

    def __init__(self, lexicon: Lexicon, first: int, last: int, depth: int) -> None:
        self._lexicon, self._first, self._last, self._depth = lexicon, first, last, depth
        self._children: dict[str, LexiconNode | None] = {}
        # The shortest word of a range stands first.
        self.word = int(lexicon.indices[first]) if first < last and len(lexicon.words[first]) == depth else -1
        self.best = float(lexicon.scores[first:last].max()) if first < last else -np.inf

    def child(self, letter: str) -> LexiconNode | None:
        """The prefix one letter longer; None when no word begins so."""
        try:
            return self._children[letter]
        except KeyError:
            node = self._children[letter] = self._find(letter)
            return node

    def _find(self, letter: str) -> LexiconNode | None:
        words, depth = self._lexicon.words, self._depth
        prefix = words[self._first][:depth] + letter
        first = bisect_left(words, prefix, self._first, self._last)
        last = bisect_left(words, prefix[:-1] + chr(ord(letter) + 1), first, self._last)
        return LexiconNode(self._lexicon, first, last, depth + 1) if first < last else None


class Lexicon:
    """The prefix tree of a vocabulary; `root` is the empty prefix."""

    def __init__(self, vocabulary: Sequence[str], scores: Array | None = None) -> None:
        """Sort the words.

        Args:
            vocabulary: words, each once; empty ones are left out.
            scores: (len(vocabulary),) of each word, for `LexiconNode.best`; 0 where not given.

        Raises:
            TextError: no word.
        """
        order = sorted((index for index, word in enumerate(vocabulary) if word), key=vocabulary.__getitem__)
        if not order:
            raise TextError("the vocabulary has no word; expected at least one.")
        self.words = [vocabulary[index] for index in order]
        self.indices = np.array(order)
        self.scores = np.zeros(len(order)) if scores is None else np.asarray(scores, np.float64)[self.indices]
        self.root = LexiconNode(self, 0, len(order), 0)
