"""A packed model: the arrays that a file holds and lookups read, two to four bytes an n-gram of the highest order.

A context's continuations lie side by side, sorted by word, so an n-gram costs a word number of two bytes (three where
the vocabulary is over 65,536 words) and the code of its probability. Most n-grams of a pruned model are continued by
none; one bit says so, and only the others, counted by ranks in that bit field, have a backoff and a place where their
continuations start. How to look something up is in `ngram`.

Source: Germann et al., "Tightly packed tries", 2009, and Heafield, "KenLM: faster and smaller language model queries",
2011, for the trie and its codes; the rank of bits after Jacobson, 1989.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.ngram_tables import NgramTable, NgramTables

Array = np.ndarray

BITS = (8, 16, 32)
"""Bits for a logarithm; 32 is float32 itself, the others are codes."""

ALL = slice(None)

_NO_TABLE = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Values:
    """Numbers as float32 `codes` themselves, or as indices into `table`, which is then not empty."""

    codes: Array
    table: Array

    def decode(self, places: Array | slice = ALL) -> Array:
        """The numbers at some places, float64."""
        codes = self.codes[places]
        return (self.table[codes] if len(self.table) else codes).astype(np.float64)


@dataclass(frozen=True)
class Starts:
    """A rising sequence: entry i is bases[i >> shift] + offsets[i]."""

    bases: Array
    offsets: Array
    shift: int

    def decode(self, places: Array) -> Array:
        """The entries at some places, int64."""
        return self.bases[places >> self.shift].astype(np.int64) + self.offsets[places]


@dataclass(frozen=True)
class Layer:
    """The n-grams of one order above the first, and what is known of their contexts.

    A context is an n-gram of the order below that has continuations or a backoff. Contexts are numbered in the order
    of their rows; every word is a context of the bigrams.

    Attributes:
        starts: the first row of each context's continuations, and where the last one's end.
        backoffs: of each context.
        low_words: uint16, the lower half of each n-gram's last word.
        high_words: uint8, the upper half; empty where all words fit into the lower.
        log_probs: of each n-gram.
        context_bits: uint64, bit i & 63 of entry i >> 6 says whether row i is a context of the next layer.
        context_ranks: uint32, how many contexts stand before each 64 rows. Both are empty in the highest layer.
    """

    starts: Starts
    backoffs: Values
    low_words: Array
    high_words: Array
    log_probs: Values
    context_bits: Array
    context_ranks: Array

    def words(self, rows: Array | slice = ALL) -> Array:
        """The last words of some rows, int64."""
        low = self.low_words[rows].astype(np.int64)
        return low | self.high_words[rows].astype(np.int64) << 16 if len(self.high_words) else low

    def find(self, contexts: Array, words: Array) -> Array:
        """The rows of words after contexts, -1 where there are none; (B,) int64 each. A binary search, all in step."""
        left, right = self.starts.decode(contexts), self.starts.decode(contexts + 1)
        end, last = right, max(len(self.low_words) - 1, 0)
        while (searching := left < right).any():
            middle = np.minimum((left + right) >> 1, last)
            below = searching & (self.words(middle) < words)
            left = np.where(below, middle + 1, left)
            right = np.where(searching & ~below, middle, right)
        found = np.full(len(words), -1, np.int64)
        inside = np.flatnonzero(left < end)
        found[inside] = np.where(self.words(left[inside]) == words[inside], left[inside], -1)
        return found

    def contexts(self, rows: Array) -> Array:
        """Which contexts of the next layer some rows are, -1 for those that are none; (B,) int64 each."""
        words, places = self.context_bits[rows >> 6], (rows & 63).astype(np.uint64)
        one = np.uint64(1)
        before = self.context_ranks[rows >> 6] + np.bitwise_count(words & ((one << places) - one)).astype(np.int64)
        return np.where(words >> places & one, before, -1)

    def context_rows(self) -> Array:
        """The rows that are contexts of the next layer."""
        bits = np.unpackbits(self.context_bits.astype("<u8").view(np.uint8), bitorder="little")
        return np.flatnonzero(bits[: len(self.low_words)])


@dataclass(frozen=True)
class Trie:
    """A packed model: the unigrams' float32 logarithms, by word number, and a layer for each higher order."""

    vocabulary: tuple[str, ...]
    log_probs: Array
    layers: tuple[Layer, ...]

    @property
    def order(self) -> int:
        return 1 + len(self.layers)

    @property
    def counts(self) -> tuple[int, ...]:
        return (len(self.vocabulary), *(len(layer.low_words) for layer in self.layers))


def pack(tables: NgramTables, bits: int = 32) -> tuple[Trie, float]:
    """Pack a model. Unigrams stay float32 in any case.

    Args:
        bits: for a probability or backoff of the higher orders, one of `BITS`.

    Returns:
        The packed model, and the largest error of any logarithm in it.
    """
    first = tables.tables[0]
    contexts = np.arange(len(first))
    layers: list[Layer] = []
    largest = 0.0
    for below, table, above in zip(tables.tables, tables.tables[1:], (*tables.tables[2:], None), strict=False):
        log_probs, probs_error = quantise(table.log_probs, bits)
        backoffs, backoffs_error = quantise(below.log_backoffs[contexts], bits if layers else 32)
        largest = max(largest, probs_error, backoffs_error)
        starts = _pack_starts(np.append(np.searchsorted(table.prefixes, contexts), len(table)))
        continued = np.zeros(len(table), np.bool_)
        if above is not None:
            continued[above.prefixes] = True
            continued |= table.log_backoffs != 0.0
        layers.append(
            Layer(
                starts,
                backoffs,
                table.words.astype(np.uint16),
                (table.words >> 16).astype(np.uint8) if len(first) > 1 << 16 else np.zeros(0, np.uint8),
                log_probs,
                *_pack_bits(continued if above is not None else continued[:0]),
            )
        )
        contexts = np.flatnonzero(continued)
    return Trie(tables.vocabulary, first.log_probs.astype(np.float32), tuple(layers)), largest


def unpack(trie: Trie) -> NgramTables:
    """The model as sorted tables."""
    contexts = np.arange(len(trie.vocabulary))
    tables = [_table(np.zeros_like(contexts), contexts, trie.log_probs.astype(np.float64))]
    for layer in trie.layers:
        tables[-1].log_backoffs[contexts] = layer.backoffs.decode()
        prefixes = np.repeat(contexts, np.diff(layer.starts.decode(np.arange(len(contexts) + 1))))
        tables.append(_table(prefixes, layer.words(), layer.log_probs.decode()))
        contexts = layer.context_rows()
    return NgramTables(trie.vocabulary, tuple(tables))


def _table(prefixes: Array, words: Array, log_probs: Array) -> NgramTable:
    return NgramTable(prefixes.astype(np.int32), words.astype(np.int32), log_probs, np.zeros(len(words)))


def quantise(values: Array, bits: int) -> tuple[Values, float]:
    """Numbers as codes of 8 or 16 bits, such that the largest error is (nearly) as small as so many codes allow.

    Equal steps would spend most codes on the gap before a few outliers, such as the -99 of ARPA files; here the
    occupied stretches alone are covered, by the least width of interval that suffices.

    Returns:
        The coded numbers, and the largest difference from `values`.
    """
    if bits == 32 or not len(values):
        exact = values.astype(np.float32)
        return Values(exact, _NO_TABLE), float(np.abs(exact - values).max(initial=0.0))
    size, ordered = 1 << bits, np.unique(values.astype(np.float32)).astype(np.float64)
    low, high = 0.0, float(ordered[-1] - ordered[0]) / size  # an interval's width: too small, and enough
    firsts = _cover(ordered, low, size)
    if firsts is None:
        for _ in range(12):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if _cover(ordered, middle, size) is not None else (middle, high)
        firsts = _cover(ordered, high, size)
        assert firsts is not None
    lasts = np.append(firsts[1:], len(ordered)) - 1
    table = (0.5 * (ordered[firsts] + ordered[lasts])).astype(np.float32)
    codes = np.searchsorted(ordered[firsts], values.astype(np.float32), side="right") - 1
    coded = Values(codes.astype(np.uint8 if bits == 8 else np.uint16), table)
    return coded, float(np.abs(coded.decode() - values).max())


def _cover(ordered: Array, width: float, size: int) -> Array | None:
    """Where intervals of a width begin that cover all of some rising numbers; None if more than `size` are needed."""
    if width == 0.0:
        return np.arange(len(ordered)) if len(ordered) <= size else None
    firsts: list[int] = []
    place = 0
    while place < len(ordered):
        if len(firsts) == size:
            return None
        firsts.append(place)
        # Above the upper end by a rounding error, so that the whole range over `size` always suffices.
        place = int(np.searchsorted(ordered, ordered[place] + width * (1.0 + 1e-9) + 1e-12, side="right"))
    return np.array(firsts)


def _pack_starts(values: Array) -> Starts:
    """As few bases as let every offset fit 16 bits; one for each entry at worst."""
    for shift in range(8, -1, -1):
        bases = values[:: 1 << shift]
        offsets = values - bases[np.arange(len(values)) >> shift]
        if offsets.max() < 1 << 16:
            break
    return Starts(bases.astype(np.uint32), offsets.astype(np.uint16), shift)


def _pack_bits(flags: Array) -> tuple[Array, Array]:
    """Flags as 64-bit words, and the number of set ones before each word."""
    padded = np.zeros(-(-len(flags) // 64) * 64, np.bool_)
    padded[: len(flags)] = flags
    words = np.packbits(padded, bitorder="little").view("<u8").astype(np.uint64)
    counts = np.bitwise_count(words).astype(np.int64)
    return words, (np.cumsum(counts) - counts).astype(np.uint32)
