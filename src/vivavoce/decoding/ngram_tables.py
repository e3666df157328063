"""An n-gram model as sorted arrays, one table an order: what training makes, ARPA files hold, the trie is packed from.

Every n-gram is a row that names the row of its first words, one table below, and its last word. So a table needs no
more than two integers a row whatever the order, and the rows that continue a context lie side by side. All logarithms
are natural.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

UNK, BOS, EOS = 0, 1, 2
MARKS = ("<unk>", "<s>", "</s>")
"""The first three words of every vocabulary: the word that stands for all unknown ones, and a sentence's two ends."""

LOG_ZERO = -99.0 * math.log(10.0)
"""What stands for the logarithm of 0, as in ARPA files."""


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of one order, sorted by `prefixes`, then by `words`; no two alike.

    Attributes:
        prefixes: (n,) int32, the row of all words but the last in the table of the order below; 0 for unigrams.
        words: (n,) int32, the last word.
        log_probs: (n,) float64, of the last word after the others.
        log_backoffs: (n,) float64, the weight of shorter contexts where the n-gram is itself the context; 0 at the
            highest order.
    """

    prefixes: Array
    words: Array
    log_probs: Array
    log_backoffs: Array

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class NgramTables:
    """A whole model: the vocabulary, which begins with `MARKS`, and the tables from unigrams upwards.

    The unigrams are all words in the vocabulary's order.
    """

    vocabulary: tuple[str, ...]
    tables: tuple[NgramTable, ...]

    @property
    def order(self) -> int:
        return len(self.tables)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many n-grams there are of each order."""
        return tuple(map(len, self.tables))

    def find(self, order: int, prefixes: Array, words: Array) -> Array:
        """The rows of some n-grams, given the rows of their prefixes; -1 for those that are missing.

        A prefix of -1 has no n-grams; (n,) int64 each.
        """
        if order == 1:
            return words.astype(np.int64)
        table = self.tables[order - 1]
        vocabulary = len(self.vocabulary)
        keys = table.prefixes * np.int64(vocabulary) + table.words
        return find_sorted(keys, np.where(prefixes < 0, -1, prefixes * np.int64(vocabulary) + words))

    def rows(self, words: Array) -> Array:
        """The rows of n-grams given as (n, k) word numbers, in the table of order k; -1 for those that are missing."""
        rows = words[:, 0].astype(np.int64)
        for order in range(2, words.shape[1] + 1):
            rows = self.find(order, rows, words[:, order - 1])
        return rows

    def spell(self, order: int, rows: Array) -> Array:
        """The words of some rows, (n, order) int32."""
        words = np.empty((len(rows), order), np.int32)
        for k in range(order, 0, -1):
            table = self.tables[k - 1]
            words[:, k - 1] = table.words[rows]
            rows = table.prefixes[rows]
        return words

    def suffixes(self) -> list[Array]:
        """For each order, the rows of all words but the first in the table below; -1 where those are missing."""
        found = [np.zeros(len(self.vocabulary), np.int64)]
        for order in range(2, self.order + 1):
            table = self.tables[order - 1]
            found.append(self.find(order - 1, found[-1][table.prefixes], table.words))
        return found

    def log_prob(self, words: Array) -> Array:
        """log P(last word | the words before it) for (n, k) word numbers, by backing off. (n,) float64."""
        log_probs = self.tables[0].log_probs[words[:, -1]]
        for length in range(1, min(words.shape[1], self.order)):
            contexts = self.rows(words[:, -1 - length : -1])
            found = self.find(length + 1, contexts, words[:, -1])
            there, longer = contexts >= 0, found >= 0
            log_probs[there] += self.tables[length - 1].log_backoffs[contexts[there]]
            log_probs[longer] = self.tables[length].log_probs[found[longer]]
        return log_probs


def find_sorted(keys: Array, wanted: Array) -> Array:
    """Where each wanted key stands among sorted ones; -1 for those that do not. int64."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def select(tables: NgramTables, kept: Sequence[Array]) -> NgramTables:
    """The model without some of its rows; whoever drops a row drops those that it is the prefix of.

    Args:
        kept: for each order, (n,) booleans.
    """
    chosen = [tables.tables[0]]
    for table, keep, below in zip(tables.tables[1:], kept[1:], kept[:-1], strict=True):
        moved = np.cumsum(below, dtype=np.int32) - 1
        assert below[table.prefixes[keep]].all()
        chosen.append(
            NgramTable(moved[table.prefixes[keep]], table.words[keep], table.log_probs[keep], table.log_backoffs[keep])
        )
    assert kept[0].all()
    return NgramTables(tables.vocabulary, tuple(chosen))


def build_tables(
    vocabulary: tuple[str, ...],
    words: Sequence[Array],
    log_probs: Sequence[Array],
    log_backoffs: Sequence[Array],
    with_suffixes: bool = False,
) -> NgramTables:
    """Sort n-grams given by their words into tables.

    Other tools may leave out the prefix of an n-gram that they keep. It is put in with the probability that backing off
    gives it, and so changes no score.

    Args:
        words: for each order k, (n, k) int32 word numbers without repetition; unigrams are all words in their order.
        log_probs, log_backoffs: for each order (n,) float64.
        with_suffixes: put missing suffixes in, too.
    """
    grams, probs, backoffs = list(words), list(log_probs), list(log_backoffs)
    if with_suffixes:
        _put_in_missing(grams, probs, backoffs, with_suffixes=True)
    built: list[NgramTable] = []
    for k in range(1, len(grams) + 1):
        below = NgramTables(vocabulary, tuple(built))
        prefixes = below.rows(grams[k - 1][:, :-1]) if k > 1 else np.zeros(len(grams[0]), np.int64)
        if (prefixes < 0).any():  # rare, so it is looked for only when it shows
            _put_in_missing(grams, probs, backoffs, with_suffixes=False)
            return build_tables(vocabulary, grams, probs, backoffs)
        gaps = np.flatnonzero(np.isnan(probs[k - 1]))
        if len(gaps):
            probs[k - 1] = probs[k - 1].copy()
            probs[k - 1][gaps] = below.tables[-1].log_backoffs[prefixes[gaps]] + below.log_prob(grams[k - 1][gaps, 1:])
        last = grams[k - 1][:, -1]
        order = np.lexsort((last, prefixes))
        built.append(
            NgramTable(
                prefixes[order].astype(np.int32),
                last[order].astype(np.int32),
                probs[k - 1][order],
                backoffs[k - 1][order],
            )
        )
    return NgramTables(vocabulary, tuple(built))


def _put_in_missing(grams: list[Array], probs: list[Array], backoffs: list[Array], with_suffixes: bool) -> None:
    """Append the prefixes (and suffixes) that are not there, with NaN for their probability."""
    for k in range(len(grams), 2, -1):  # from the longest down: what is put in may lack its own prefix
        parts = [grams[k - 1][:, :-1], grams[k - 1][:, 1:]] if with_suffixes else [grams[k - 1][:, :-1]]
        missing = np.concatenate([_missing(part, grams[k - 2]) for part in parts])
        if len(missing):
            missing = np.unique(missing, axis=0)
            grams[k - 2] = np.concatenate([grams[k - 2], missing])
            probs[k - 2] = np.concatenate([probs[k - 2], np.full(len(missing), np.nan)])
            backoffs[k - 2] = np.concatenate([backoffs[k - 2], np.zeros(len(missing))])


def _missing(wanted: Array, present: Array) -> Array:
    """The rows of `wanted` that are not among those of `present`, with repetitions; both (n, k)."""
    both = np.concatenate([present, wanted])
    keys = both[:, 0].astype(np.int64)
    for column in both.T[1:]:
        # Numbers of the distinct beginnings so far keep the key below 2^63 for every order.
        keys = np.unique(keys, return_inverse=True)[1] * (np.int64(both.max()) + 1) + column
    return wanted[~np.isin(keys[len(present) :], keys[: len(present)])]
