"""Counting by one sort: the same n-grams, in the same order, as counting order by order."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vivavoce.decoding.ngram_counts import Text, count_ngrams, number_words
from vivavoce.decoding.unit_counts import count_by_one_sort


def random_text(words: int, sentences: int, longest: int, seed: int) -> Text:
    rng = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(words)]
    return number_words([rng.choices(vocabulary, k=rng.randint(1, longest)) for _ in range(sentences)])


# With 300 words seven fit into one key; with 70,000 three, and later two beside the row of those before them.
@pytest.mark.parametrize(("words", "sentences", "longest"), [(3, 200, 9), (300, 800, 12), (70000, 4000, 8), (1, 5, 4)])
@pytest.mark.parametrize("order", [1, 2, 5, 8, 11])
def test_it_finds_what_counting_finds(words: int, sentences: int, longest: int, order: int) -> None:
    text = random_text(words, sentences, longest, seed=order)
    expected, found = count_ngrams(text, order), count_by_one_sort(text, order)
    assert [len(grams) for grams in found] == [len(grams) for grams in expected]
    for here, there in zip(found, expected, strict=True):
        for name in ("prefixes", "words", "suffixes", "counts"):
            np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
            assert getattr(here, name).dtype == getattr(there, name).dtype


def test_orders_beyond_the_longest_sentence_are_empty() -> None:
    found = count_by_one_sort(number_words([["a", "b"], ["a"]]), 6)
    assert [len(grams) for grams in found] == [5, 4, 3, 1, 0, 0]  # <s> a b </s> is the only one of four
    assert found[3].counts.tolist() == [1]
