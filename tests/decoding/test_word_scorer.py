"""What letters earn on the way to a text, against the formula for the whole; settings that cannot be."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding import word_scorer
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import LEAST_UNKNOWN, Weights, WordContext, WordScorer
from vivavoce.errors import ConfigError, TextError
from vivavoce.text.alphabet import Alphabet

LETTERS = Alphabet.characters()
SENTENCES = ["the cat sat", "the cats sat on a mat", "a hat", "the mat sat"]


def train(order: int = 3) -> NgramModel:
    numbered = number_words([sentence.split() for sentence in SENTENCES])
    return NgramModel.from_tables(estimate(numbered.vocabulary, count_ngrams(numbered, order)).tables)


MODEL = train()
WORDS = st.sampled_from(["the", "cat", "cats", "ca", "catsup", "a", "at", "zzz", "mat"])


def walk(scorer: WordScorer, text: str, context: WordContext | None = None) -> tuple[float, WordContext]:
    here, total = scorer.start() if context is None else context, 0.0
    for token in LETTERS.encode(text):
        gain, log_gain, here = here[token]
        assert gain == pytest.approx(math.exp(log_gain))
        total += log_gain
    return total, here


@settings(deadline=None)
@given(
    words=st.lists(WORDS, max_size=6),
    weights=st.builds(Weights, st.floats(0, 2), st.floats(0, 2), st.floats(-2, 2), st.floats(-9, 0)),
    spaces=st.integers(1, 3),
)
def test_letters_add_up_to_the_text(words: list[str], weights: Weights, spaces: int) -> None:
    scorer = WordScorer(LETTERS, MODEL, weights, Hotwords({"cat": 2.0, "zzz mat": 3.0}), vocabulary=["at"])
    total, context = walk(scorer, (" " * spaces).join(words))
    expected, state = 2.0 * words.count("cat"), MODEL.start()
    expected += 3.0 * sum(pair == ("zzz", "mat") for pair in pairwise(words))
    for word in words:
        log_prob, state = MODEL.step(state, MODEL.word_id(word))
        expected += weights.word + weights.model * (log_prob if word in MODEL else max(log_prob, LEAST_UNKNOWN))
        expected += weights.unknown if word in ("ca", "catsup") else 0.0
    assert total + scorer.end(context, sentence=False) == pytest.approx(expected, abs=1e-6)
    expected += weights.end * MODEL.end(state)
    assert total + scorer.end(context) == pytest.approx(expected, abs=1e-6)


def test_a_letter_is_worth_the_best_word_that_it_may_become() -> None:
    weights = Weights(model=0.7, word=0.3, unknown=-4.0)
    scorer = WordScorer(LETTERS, MODEL, weights)
    unigrams = {word: MODEL.step((), MODEL.word_id(word))[0] for word in MODEL.vocabulary[3:]}
    for prefix in ("c", "cat", "ma", "th"):
        best = max(score for word, score in unigrams.items() if word.startswith(prefix))
        assert walk(scorer, prefix)[0] == pytest.approx(0.3 + 0.7 * best)
    unknown = 0.3 - 4.0 + 0.7 * MODEL.step((), 0)[0]
    for prefix in ("x", "catt", "cattle"):  # once, with the letter that leads out of the vocabulary
        assert walk(scorer, prefix)[0] == pytest.approx(unknown)


def test_texts_that_go_on_alike_share_their_look_ups() -> None:
    scorer = WordScorer(LETTERS, train(2))
    assert walk(scorer, "the cat sat ")[1] is walk(scorer, "a sat ")[1]
    assert walk(scorer, "cat ")[1] is walk(scorer, "cat  ")[1]


def test_a_full_cache_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = walk(WordScorer(LETTERS, MODEL), "the cats sat on a mat")[0]
    monkeypatch.setattr(word_scorer, "_CACHE_SIZE", 2)
    assert walk(WordScorer(LETTERS, MODEL), "the cats sat on a mat")[0] == expected


def test_a_start_after_other_words() -> None:
    scorer = WordScorer(LETTERS, MODEL, Weights(1.0, 0.0, 0.0, 0.0))

    def score(words: list[str] | None) -> float:
        total, context = walk(scorer, "cat", scorer.start(words))
        return total + scorer.end(context)

    assert score(["the"]) == pytest.approx(
        MODEL.score("the cat", begin=False, end=False) - MODEL.score("the", begin=False, end=False)
    )
    assert score(["the"]) > score(["mat"])
    assert score(None) == pytest.approx(MODEL.score("cat", end=False))
    assert WordScorer(LETTERS).start(["the"]).state == ()


def test_an_impossible_word_ends_it() -> None:
    scorer = WordScorer(LETTERS, MODEL, Weights(unknown=-math.inf))
    context = walk(scorer, "ca")[1]
    assert context[LETTERS.encode("x")[0]][:2] == (0.0, -math.inf)
    assert scorer.end(context) == -math.inf


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": -1.0},
        {"end": math.nan},
        {"model": math.inf},
        {"word": math.inf},
        {"unknown": 1.0},
        {"unknown": math.nan},
    ],
)
def test_weights_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Weights"):
        Weights(**wrong)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="single characters"):
        WordScorer(Alphabet.phones(), MODEL)
    with pytest.raises(ConfigError, match="single characters"):
        WordScorer(Alphabet(("<blank>", "a", "b")), MODEL)
    with pytest.raises(ConfigError, match="'anna'"):
        WordScorer(Alphabet(("<blank>", " ", "a", "b")), None, hotwords=Hotwords({"anna": 1.0}))
    with pytest.raises(TextError, match="no word"):
        WordScorer(Alphabet(("<blank>", " ", "x")), MODEL)
