"""Words by their pronunciations: a prefix tree of tokens (phones, or characters) in flat arrays.

Nodes are numbered level by level, so that the children of one stand side by side, and a search can look at thousands of
nodes in a few array operations. Words of one sound share a node, and a word has as many as it has pronunciations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from vivavoce.errors import TextError

Array = np.ndarray


@dataclass(frozen=True)
class Pronunciation:
    """A word and the tokens that it is spoken as; `log_prob` is what this way of saying it costs, 0 or less."""

    word: str
    token_ids: tuple[int, ...]
    log_prob: float = 0.0


class Pronunciations(Sequence[Pronunciation]):
    """Many of them in columns: a large lexicon is read and made a tree of in array operations.

    Attributes:
        words: (E,) the word of each.
        lengths, log_probs: (E,) int64, float64.
        tokens: (L,) int64, the tokens of one after those of the other.
    """

    def __init__(self, words: Sequence[str], lengths: Array, tokens: Array, log_probs: Array) -> None:
        self.words, self.lengths, self.tokens, self.log_probs = tuple(words), lengths, tokens, log_probs
        self._ends = lengths.cumsum()

    @classmethod
    def of(cls, said: Sequence[Pronunciation]) -> Pronunciations:
        """Columns of any sequence."""
        if isinstance(said, Pronunciations):
            return said
        return cls(
            [one.word for one in said],
            np.array([len(one.token_ids) for one in said], np.int64),
            np.array([token for one in said for token in one.token_ids], np.int64),
            np.array([one.log_prob for one in said], np.float64),
        )

    def __add__(self, others: Sequence[Pronunciation]) -> Pronunciations:
        more = Pronunciations.of(others)
        columns = ("lengths", "tokens", "log_probs")
        joined = [np.concatenate([getattr(self, name), getattr(more, name)]) for name in columns]
        return Pronunciations(self.words + more.words, *joined)

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> Pronunciation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pronunciation]: ...
    def __getitem__(self, index: int | slice) -> Pronunciation | list[Pronunciation]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        end = int(self._ends[number])
        token_ids = self.tokens[end - int(self.lengths[number]) : end].tolist()
        return Pronunciation(self.words[number], tuple(token_ids), float(self.log_probs[number]))

    def __iter__(self) -> Iterator[Pronunciation]:
        tokens, start = self.tokens.tolist(), 0
        for word, length, log_prob in zip(self.words, self.lengths.tolist(), self.log_probs.tolist(), strict=True):
            yield Pronunciation(word, tuple(tokens[start : start + length]), log_prob)
            start += length


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
        said = Pronunciations.of(pronunciations)
        numbers = {word: number for number, word in enumerate(dict.fromkeys(said.words))}
        self.words = tuple(numbers)
        lengths = said.lengths
        padded = np.full((len(said), int(lengths.max())), -1, np.int64)
        inside = np.arange(padded.shape[1]) < lengths[:, None]
        padded[inside] = said.tokens
        if not lengths.all() or said.tokens.min() < 0 or said.tokens.max() >= vocabulary:
            wrong = next(
                s.word for s in said if not s.token_ids or not 0 <= min(s.token_ids) <= max(s.token_ids) < vocabulary
            )
            raise TextError(f"the pronunciation of {wrong!r} is empty or holds a token outside 0 to {vocabulary - 1}.")
        tokens, parents, total = [np.array([-1])], [np.array([-1])], 1
        self._levels = [1]  # where each level begins, and the last one's end
        nodes = np.zeros(len(said), np.int64)  # where each pronunciation stands so far
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
        # A word that is given twice at a node is one entry there. They lie by node, those of one as they were given.
        words = np.array([numbers[word] for word in said.words])
        _, firsts, entries = np.unique(nodes * len(numbers) + words, return_index=True, return_inverse=True)
        log_probs = np.full(len(firsts), -np.inf)
        np.maximum.at(log_probs, entries, said.log_probs)
        order = np.lexsort((firsts, nodes[firsts]))
        self.entry_words, self.entry_log_probs = words[firsts][order], log_probs[order]
        self.entry_counts = np.bincount(nodes[firsts], minlength=total)
        self.first_entry = self.entry_counts.cumsum() - self.entry_counts
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
