"""Counts the n-grams of a text of few different words, such as joint units, with one or two sortings of its places.

`ngram_counts.count_ngrams` sorts once an order, for texts of any vocabulary. Where several words fit into 64 bits, one
sorting serves several orders of n-grams: a guesser's model is open in half the time.
"""

from __future__ import annotations

import numpy as np

from vivavoce.decoding.ngram_counts import NgramCount, Text
from vivavoce.decoding.ngram_tables import EOS

Array = np.ndarray

KEY_BITS = 63


def count_by_one_sort(text: Text, order: int) -> list[NgramCount]:
    """What `count_ngrams` finds: the n-grams of every order from 1 to `order`; none reaches over a sentence's end."""
    word_ids, vocabulary = text.word_ids, len(text.vocabulary)
    word_bits = max(1, (vocabulary - 1).bit_length())
    none = np.zeros(vocabulary, np.int32)
    counts = np.bincount(word_ids, minlength=vocabulary)
    found = [NgramCount(none, np.arange(vocabulary, dtype=np.int32), none.copy(), counts)]
    padded = np.concatenate((word_ids, np.zeros(order, np.int32)))
    row_at = word_ids  # by place: the row of the n-gram of the order below that begins there
    places = np.flatnonzero(word_ids != EOS)  # where n-grams begin: sorted by as many words as `sorted_by`
    rows = word_ids[places]  # of the order below, by rank
    sorted_by = 0
    for k in range(2, order + 1):
        if sorted_by < k:
            more = max(1, (KEY_BITS - int(rows.max(initial=0)).bit_length()) // word_bits)
            sorted_by = min(order, k - 1 + more)
            by_key = np.argsort(_keys(padded, places, rows, range(k - 1, sorted_by), word_bits))
            places, rows = places[by_key], rows[by_key]
            new = _differs(rows)
        last = padded[places + (k - 1)]
        new |= _differs(last)
        firsts = np.flatnonzero(new)
        sizes = np.diff(firsts, append=len(places))
        found.append(NgramCount(rows[firsts], last[firsts], row_at[places[firsts] + 1], sizes))
        if k < order:
            rows = np.cumsum(new, dtype=np.int32)
            rows -= 1
            row_at = np.zeros(len(word_ids), np.int32)
            row_at[places] = rows
            alive = np.flatnonzero(last != EOS)  # words alike all end, or none does: no first one is lost alone
            places, rows, new = places[alive], rows[alive], new[alive]
    return found


def _keys(padded: Array, places: Array, rows: Array, offsets: range, word_bits: int) -> Array:
    """(n,) numbers in the order of the rows, and among equal ones of the words at the offsets."""
    keys = rows.astype(np.int64)
    for offset in offsets:
        keys <<= word_bits
        keys |= padded[places + offset]
    return keys


def _differs(values: Array) -> Array:
    """(n,) whether each differs from the one before; the first does."""
    new = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new
