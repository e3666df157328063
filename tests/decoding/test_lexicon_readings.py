"""Texts that a search keeps apart, against every path of every text; the search itself is as without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vivavoce.decoding.lexicon_readings import ReadingSearch
from vivavoce.decoding.lexicon_search import LexiconScorer, LexiconSearch
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import Weights

SAID = (
    Pronunciation("a", (1,)),
    Pronunciation("ab", (1, 2)),
    Pronunciation("hey", (1,), -0.7),  # sounds like "a"
    Pronunciation("b", (2,)),
    Pronunciation("b", (3, 2), -1.0),  # another way of saying it
    Pronunciation("cab", (3, 1, 2)),
)
WEIGHTS = Weights(model=0.8, word=0.3, unknown=0.0)
WIDE = {"beam_size": 10_000, "token_floor": 0.0, "beam_floor": 0.0, "blank_ceiling": 1.0}


@pytest.fixture(scope="module")
def model() -> NgramModel:
    rng = np.random.default_rng(0)
    text = number_words([[str(word) for word in rng.choice(["a", "ab", "b", "cab", "x"], 5)] for _ in range(60)])
    return NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables)


def posteriors(frames: int, seed: int, sharpness: float = 1.5) -> np.ndarray:
    values = sharpness * np.random.default_rng(seed).standard_normal((frames, 4))
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))


def every_text(log_probs: np.ndarray, model: NgramModel) -> dict[tuple[str, ...], float]:
    """Words -> the logarithm of the sum over all their pronunciations and paths."""
    found: dict[tuple[str, ...], float] = {}

    def read(tokens: tuple[int, ...], words: tuple[str, ...], log_cost: float) -> None:
        for one in SAID:
            longer = (*tokens, *one.token_ids)
            if len(longer) <= len(log_probs):
                text = (*words, one.word)
                cost = log_cost + one.log_prob
                known = found.get(text, -math.inf)
                found[text] = float(np.logaddexp(known, cost + spell(log_probs, longer)))
                read(longer, text, cost)

    read((), (), 0.0)
    for words in found:
        state = model.start()
        for word in words:
            log_prob, state = model.step(state, model.word_id(word))
            found[words] += WEIGHTS.model * max(log_prob, -16.0) + WEIGHTS.word
    found[()] = spell(log_probs, ())
    return found


def spell(log_probs: np.ndarray, tokens: tuple[int, ...]) -> float:
    """log P(tokens), by CTC's forward recursion over a blank before, between and behind the tokens."""
    states = [0, *(part for token in tokens for part in (token, 0))]
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = log_probs[0, states[:2]]
    for row in log_probs[1:]:
        new = alpha.copy()
        new[1:] = np.logaddexp(new[1:], alpha[:-1])
        for place in range(2, len(states)):
            if states[place] not in (0, states[place - 2]):
                new[place] = np.logaddexp(new[place], alpha[place - 2])
        alpha = new + row[states]
    return float(np.logaddexp.reduce(alpha[-2:]))


def keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop nothing."""
    monkeypatch.setattr("vivavoce.decoding.lexicon_readings.LEAST_PART", 0.0)
    monkeypatch.setattr("vivavoce.decoding.lexicon_readings.MOST_PARTS", 100_000)


@pytest.mark.parametrize("seed", range(5))
def test_each_text_has_its_own_probability(model: NgramModel, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_all(monkeypatch)
    log_probs = posteriors(6, seed)
    log_probs[3] = np.log([0.9999, 4e-5, 3e-5, 3e-5])
    expected = every_text(log_probs, model)
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    search = ReadingSearch(scorer, **{**WIDE, "blank_ceiling": 0.9999999})
    search.accept(log_probs)
    found = {tuple(one.text.split()): one.log_score for one in search.hypotheses()}
    assert len(found) > 100
    for words, score in found.items():
        assert score == pytest.approx(expected[words], abs=1e-8)
    assert max(expected, key=expected.__getitem__) == next(iter(found))
    assert all(words in found for words, score in expected.items() if score > -25.0)


def test_a_sure_blank_changes_no_shares(model: NgramModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that is looked at and one that is not, of the same probabilities, say the same."""
    keep_all(monkeypatch)
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    log_probs = np.concatenate([posteriors(5, 1), np.log([[1.0 - 3e-12, 1e-12, 1e-12, 1e-12]] * 2), posteriors(5, 2)])
    scores = []
    for ceiling in (0.9, 1.0):
        search = ReadingSearch(scorer, **{**WIDE, "blank_ceiling": ceiling})
        search.accept(log_probs)
        scores.append({one.text: one.log_score for one in search.hypotheses()})
    for text, score in scores[0].items():
        if score > max(scores[0].values()) - 8.0:
            assert scores[1][text] == pytest.approx(score, abs=1e-3)


def test_the_search_is_as_without(model: NgramModel, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_all(monkeypatch)
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    log_probs = posteriors(12, 7)
    plain, kept = LexiconSearch(scorer, beam_size=20), ReadingSearch(scorer, beam_size=20)
    for search in (plain, kept):
        search.accept(log_probs)
    np.testing.assert_array_equal(plain._key, kept._key)
    np.testing.assert_array_equal(plain._blank, kept._blank)
    assert plain.log_scale == kept.log_scale
    assert kept.first_pass() == plain.hypotheses()
    # However many texts they are, the probabilities of all are those of the search's hypotheses.
    sums = [np.logaddexp.reduce([one.log_score for one in search.hypotheses()]) for search in (plain, kept)]
    assert sums[0] == pytest.approx(sums[1], abs=1e-9)
    assert len(kept.hypotheses()) > 10 * len(plain.hypotheses())


@pytest.mark.parametrize("seed", range(4))
def test_what_is_dropped_is_little(model: NgramModel, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, times and probabilities are nearly those that are found where nothing is dropped."""
    search = ReadingSearch(LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS), beam_size=30)
    search.accept(posteriors(14, seed, 4.0))
    few = search.hypotheses(most=12)
    keep_all(monkeypatch)
    every = search.hypotheses()
    assert few[0].words == every[0].words
    assert len(few) == 12
    scores = {one.text: one.log_score for one in every}
    for one in few:
        assert scores[one.text] - 0.5 < one.log_score <= scores[one.text] + 1e-9
    best = every[:6]
    assert {one.text for one in best} <= {one.text for one in few}


def test_noise_without_end_has_texts(model: NgramModel) -> None:
    """Parts of noise get smaller than any number, and are still shares of one another."""
    search = ReadingSearch(LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS), beam_size=30)
    search.accept(np.log(np.full((1500, 4), 0.25)))
    found = search.hypotheses()
    assert len(found) > 10
    assert all(math.isfinite(one.log_score) for one in found)


def test_cuts_and_forks_leave_no_trace(model: NgramModel) -> None:
    scorer, rng = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS), np.random.default_rng(1)
    log_probs = np.concatenate([posteriors(20, 3), np.log([[0.9997, 1e-4, 1e-4, 1e-4]] * 5), posteriors(20, 4)])
    whole = ReadingSearch(scorer, beam_size=20)
    whole.accept(log_probs)
    for _ in range(4):
        search = ReadingSearch(scorer, beam_size=20)
        for piece in np.split(log_probs, np.sort(rng.integers(0, 45, 6))):
            aside = search.fork()
            aside.accept(posteriors(9, 9))
            aside.hypotheses()
            search.accept(piece)
            search.hypotheses()
        assert search.hypotheses() == whole.hypotheses()


def test_words_stand_where_they_were_said(model: NgramModel) -> None:
    """c a b, twice blank, a b with a blank between the two."""
    path = [0, 3, 3, 1, 2, 2, 0, 0, 1, 0, 2, 2, 0]
    log_probs = np.log(np.full((len(path), 4), 0.01) + 0.96 * np.eye(4)[path])
    search = ReadingSearch(LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS))
    search.accept(log_probs)
    readings = {one.text: one for one in search.hypotheses()}
    assert [(word.start_frame, word.end_frame) for word in readings["cab ab"].words] == [(1, 4), (8, 10)]
    assert [(word.start_frame, word.end_frame) for word in readings["cab hey b"].words] == [(1, 4), (8, 8), (10, 10)]
