"""Words by their pronunciations: a prefix tree of tokens (phones, or characters) in flat arrays.

Nodes are numbered level by level, so that the children of one stand side by side, and a search can look at thousands of
nodes in a few array operations. Words of one sound share a node, and a word has as many as it has pronunciations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.errors import TextError

Array = np.ndarray


@dataclass(frozen=True)
class Pronunciation:
    """A word and the tokens that it is spoken as; `log_prob` is what this way of saying it costs, 0 or less."""

    word: str
    token_ids: tuple[int, ...]
    log_prob: float = 0.0


class LexiconTree:
    """N nodes, of which number 0 is the root. Numbers are int64: with smaller ones NumPy looks up at half the speed.

    Attributes:
        words: each once, in the order in which they were first given.
        tokens: (N,) the token that leads to a node; -1 for the root.
        parents: (N,) -1 for the root.
        first_child, child_counts: (N,) the children of node n stand side by side from first_child[n], by token.
        first_entry, entry_counts: (N,) its words are the entries from first_entry[n], so many.
        entry_words, entry_log_probs: (E,) the second float64; by node.
        root_children: (V,) the child of the root for each token; -1 where no word begins so.
    """

    def __init__(self, pronunciations: Sequence[Pronunciation], vocabulary: int) -> None:
        """Build the tree.

        Args:
            pronunciations: in any order; of equal ones the likeliest counts.
            vocabulary: number of tokens, V.

        Raises:
            TextError: none is given, one is empty, or one holds a token outside 0 to V-1.
        """
        if not pronunciations:
            raise TextError("a lexicon needs at least one pronunciation; none was given.")
        numbers: dict[str, int] = {}
        kept: dict[tuple[int, tuple[int, ...]], float] = {}
        for said in pronunciations:
            key = (numbers.setdefault(said.word, len(numbers)), said.token_ids)
            kept[key] = max(said.log_prob, kept.get(key, -np.inf))
        self.words = tuple(numbers)
        lengths = np.array([len(token_ids) for _, token_ids in kept])
        padded = np.full((len(kept), int(lengths.max())), -1, np.int64)
        for row, (_, token_ids) in zip(padded, kept, strict=True):
            row[: len(token_ids)] = token_ids
        inside = np.arange(padded.shape[1]) < lengths[:, None]
        if not lengths.all() or padded[inside].min() < 0 or padded.max() >= vocabulary:
            wrong = next(w for w, ids in kept if not ids or min(ids) < 0 or max(ids) >= vocabulary)
            raise TextError(
                f"the pronunciation of {self.words[wrong]!r} is empty or holds a token outside 0 to {vocabulary - 1}."
            )
        tokens, parents, total = [np.array([-1])], [np.array([-1])], 1
        self._levels = [1]  # where each level begins, and the last one's end
        nodes = np.zeros(len(kept), np.int64)  # where each pronunciation stands so far
        for level in range(padded.shape[1]):
            going = np.flatnonzero(inside[:, level])
            steps, where = np.unique(nodes[going] * vocabulary + padded[going, level], return_inverse=True)
            tokens.append(steps % vocabulary)
            parents.append(steps // vocabulary)
            nodes[going] = total + where
            total += len(steps)
            self._levels.append(total)
        self.tokens, self.parents = np.concatenate(tokens), np.concatenate(parents)
        self.first_child = np.searchsorted(self.parents, np.arange(total))
        self.child_counts = np.bincount(self.parents[1:], minlength=total)
        order = np.argsort(nodes, kind="stable")
        self.first_entry = np.searchsorted(nodes[order], np.arange(total))
        self.entry_counts = np.bincount(nodes, minlength=total)
        self.entry_words = np.array([word for word, _ in kept])[order]
        self.entry_log_probs = np.array(list(kept.values()))[order]
        self.root_children = np.full(vocabulary, -1)
        ones = np.arange(1, 1 + self.child_counts[0])
        self.root_children[self.tokens[ones]] = ones

    def __len__(self) -> int:
        return len(self.tokens)

    def best_ahead(self, entry_scores: Array) -> Array:
        """(E,) scores of the entries -> (N,) float64: the highest at or below each node; 0 for the root."""
        best = np.full(len(self), -np.inf)
        nodes = np.repeat(np.arange(len(self)), self.entry_counts)
        np.maximum.at(best, nodes, entry_scores)
        # Children are numbered behind their parents: whole levels at a time, the last first.
        for start, end in zip(self._levels[-2::-1], self._levels[:0:-1], strict=True):
            np.maximum.at(best, self.parents[start:end], best[start:end])
        best[0] = 0.0
        return best
