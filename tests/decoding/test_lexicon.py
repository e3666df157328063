"""The growing prefix tree against a plain dictionary of prefixes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding.lexicon import Lexicon, LexiconNode
from vivavoce.errors import TextError


def find(lexicon: Lexicon, prefix: str) -> LexiconNode | None:
    node: LexiconNode | None = lexicon.root
    for letter in prefix:
        node = node.child(letter) if node else None
    return node


@settings(deadline=None)
@given(
    words=st.lists(st.text("ab'z", max_size=4), unique=True, min_size=1).filter(any),
    seed=st.integers(0, 1000),
    prefixes=st.lists(st.text("ab'z", max_size=5)),
)
def test_every_prefix(words: list[str], seed: int, prefixes: list[str]) -> None:
    scores = np.random.default_rng(seed).standard_normal(len(words))
    lexicon = Lexicon(words, scores)
    for prefix in [*words, *prefixes]:
        beginning = [number for number, word in enumerate(words) if word and word.startswith(prefix)]
        node = find(lexicon, prefix)
        if not beginning:
            assert node is None
        else:
            assert node is not None
            assert node.word == (words.index(prefix) if prefix and prefix in words else -1)
            assert node.best == max(scores[beginning])
            assert find(lexicon, prefix) is node  # kept


def test_without_scores_all_words_are_alike() -> None:
    assert Lexicon(["b", "", "abc"]).root.best == 0.0


def test_a_vocabulary_without_words_is_refused() -> None:
    with pytest.raises(TextError, match="no word"):
        Lexicon([""])
