"""The second pass against texts looked at one by one, without a tree; what it leaves alone; perplexities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from vivavoce.decoding import second_pass
from vivavoce.decoding.lexicon_search import LexiconHypothesis, SpokenWord
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_tables import UNK
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.second_pass import SecondPass, SecondWeights, UnitTree, perplexities
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, DataError
from vivavoce.text.subwords import SINGLE, Subwords

FIRST = Weights(model=0.9, word=0.4, unknown=0.0)
SECOND = SecondWeights(share=0.6, model=1.1, word=-0.3)
WORDS = ("the", "then", "hen", "he", "a", "at", "cat", "o'clock")


class Hashes:
    """A network whose logarithms are some function of a unit and all that it may look at."""

    def __init__(self, longest: int = 128) -> None:
        self.subwords = Subwords.train({"the": 5, "then": 4, "cat": 2}, len(SINGLE) + 4)
        self.mark, self.longest = len(self.subwords), longest
        self.seen = 0

    def __call__(self, tree: UnitTree) -> np.ndarray:
        self.seen += len(tree.units)
        mask = tree.ancestors(self.longest)
        paths = [tuple(tree.units[np.flatnonzero(row)].tolist()) for row in mask]
        assert all(len(path) <= self.longest for path in paths)
        return np.array([self.log_prob(path) for path in paths], np.float32)

    def log_prob(self, path: tuple[int, ...]) -> float:
        return -3.0 * (hash(path) % 1000) / 1000 - 0.1

    def spell(self, words: Sequence[str], before: Sequence[str] = ()) -> list[float]:
        """Each word's logarithm, unit by unit."""
        path, logs = [self.mark, *self.subwords.encode(before)], []
        for word in words:
            total = 0.0
            for unit in self.subwords.encode_word(word):
                path.append(unit)
                total += self.log_prob(tuple(path))
            logs.append(total)
        return logs


@pytest.fixture(scope="module")
def model() -> NgramModel:
    rng = np.random.default_rng(0)
    text = number_words([[str(word) for word in rng.choice(["the", "hen", "a", "cat", "x"], 5)] for _ in range(60)])
    return NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 3), [0, 0, 0]).tables)


def texts(count: int, seed: int = 1) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[str(word) for word in rng.choice(WORDS, rng.integers(0, 7))] for _ in range(count)]


def reading(words: Sequence[str], log_score: float) -> LexiconHypothesis:
    return LexiconHypothesis(tuple([SpokenWord(word, 0, 1) for word in words]), log_score, ((), None))


@pytest.mark.parametrize("before", [[], ["a", "cat"], ["then"] * 9])
@pytest.mark.parametrize("with_model", [True, False])
@pytest.mark.parametrize("unknown", [0.0, -5.0])
@pytest.mark.parametrize("most_units", [1, 7, 256])
def test_a_tree_scores_as_texts_one_by_one(
    model: NgramModel,
    before: list[str],
    with_model: bool,
    unknown: float,
    most_units: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(second_pass, "MOST_UNITS", most_units)
    network, first = Hashes(), replace(FIRST, unknown=unknown)
    second = SecondPass(network, model if with_model else None, first, SECOND)
    state = model.start()
    for word in before:
        state = model.step(state, model.word_id(word))[1]
    said = [*texts(30), ["the", "hen"], ["the", "hen", "a"], []]
    for text, change in zip(said, second.look(said, state, before).changes(SECOND, first), strict=True):
        expected, at = 0.0, state
        for word, units in zip(text, network.spell(text, before), strict=True):
            expected += SECOND.word - FIRST.word
            if with_model:
                ngram, at = model.step(at, model.word_id(word))
                ngram = max(ngram, -16.0)
                if word not in model:  # one of the unknown words: so the first pass took it
                    ngram += unknown / first.model
                mixed = math.log(0.4 * math.exp(ngram) + 0.6 * math.exp(units))
                expected += SECOND.model * mixed - FIRST.model * ngram
            else:
                expected += SECOND.model * units
        assert change == pytest.approx(expected, abs=1e-5)


def test_shared_beginnings_are_looked_at_once(model: NgramModel) -> None:
    network = Hashes()
    said = [["the", "cat", *end] for end in (["a"], ["at"], ["a", "hen"])]
    SecondPass(network, model, FIRST, SECOND).look(said, model.start(), ["he"])
    assert network.seen == 1 + len(network.subwords.encode(["he", "the", "cat", "a", "at", "hen"]))


def test_readings_are_ordered_anew(model: NgramModel) -> None:
    second = SecondPass(Hashes(), model, FIRST, SECOND)
    readings = [reading(text, -0.2 * n) for n, text in enumerate(texts(80))]
    found = second.rescore(readings, model.start())
    kept = readings[: second_pass.MOST_READINGS]
    changes = second.look([[w.word for w in one.words] for one in kept], model.start()).changes(SECOND, FIRST)
    expected = sorted([one.log_score + more for one, more in zip(kept, changes, strict=True)], reverse=True)
    assert [one.log_score for one in found] == pytest.approx(expected)
    assert len(second.rescore([reading(["a"], 0.0), reading(["at"], -7.5), reading(["he"], -8.5)], model.start())) == 2


def test_equal_weights_change_nothing(model: NgramModel) -> None:
    same = SecondWeights(share=0.0, model=FIRST.model, word=FIRST.word)
    look = SecondPass(Hashes(), model, FIRST, same).look(texts(9), model.start())
    assert look.changes(same, FIRST) == pytest.approx([0.0] * 9, abs=1e-12)


def test_words_of_the_users_own_count_by_their_likelihoods(model: NgramModel) -> None:
    """One unknown to the model, one that it takes to be rarer, and one that it does not."""
    shares = {"o'clock": -3.0, "hen": 5.0, "a": -20.0}
    second = SecondPass(Hashes(), model, FIRST, SECOND, own=shares)
    start = model.start()
    (change,) = second.look([["o'clock", "hen"]], start).changes(SECOND, FIRST)
    unknown, behind = model.step(start, UNK)
    first, following = unknown + shares["o'clock"], model.step(behind, UNK)[0] + shares["hen"]
    assert following > model.step(behind, model.word_id("hen"))[0]
    expected = (SECOND.model - FIRST.model) * (first + following) + 2 * (SECOND.word - FIRST.word)
    assert change == pytest.approx(expected)
    look = second.look([["a"]], start)
    assert look.units[0] == look.ngrams[0] == pytest.approx(model.step(start, model.word_id("a"))[0])


def test_what_is_long_ago_is_forgotten(model: NgramModel) -> None:
    """With room for twelve units the words before give way to those that are scored, and these to themselves."""
    network = Hashes(longest=12)
    second = SecondPass(network, model, FIRST, SECOND)
    look = second.look([["cat", "cat"]], model.start(), ["then"] * 30)
    units = len(network.subwords.encode(["cat", "cat"]))
    kept = ["then"] * ((11 - units) // len(network.subwords.encode(["then"])))
    assert len(kept) > 2
    np.testing.assert_allclose(look.units, network.spell(["cat", "cat"], kept), rtol=1e-5)
    long = second.look([["o'clock"] * 6], model.start(), ["then"]).units
    assert len(long) == 6
    path = (network.mark, *network.subwords.encode(["o'clock"] * 6))
    last = sum(network.log_prob(path[max(0, end - 12) : end]) for end in range(len(path) - 6, len(path) + 1))
    assert network.subwords.encode_word("o'clock") == path[-7:]
    assert long[-1] == pytest.approx(last, rel=1e-5)


def test_perplexities(model: NgramModel) -> None:
    network, said = Hashes(), [["the", "cat"], ["a", "o'clock", "hen"]]
    found = perplexities(network, model, said, 0.5)
    assert (found.words, found.known) == (5, 4)
    known = [0, 1, 2, 4]
    units = np.concatenate([network.spell(text) for text in said])
    ngrams = []
    for text in said:
        state = model.start()
        for word in text:
            log_prob, state = model.step(state, model.word_id(word))
            ngrams.append(log_prob)
    assert found.units_of_all == pytest.approx(math.exp(-units.mean()), rel=1e-5)
    assert found.units == pytest.approx(math.exp(-units[known].mean()), rel=1e-5)
    assert found.ngrams == pytest.approx(math.exp(-np.array(ngrams)[known].mean()), rel=1e-5)
    both = np.logaddexp(np.array(ngrams)[known], units[known]) + math.log(0.5)
    assert found.both == pytest.approx(math.exp(-both.mean()), rel=1e-5)
    with pytest.raises(DataError, match="no words that the model knows"):
        perplexities(network, model, [["zebra"]])


@pytest.mark.parametrize("wrong", [{"share": 1.1}, {"share": -0.1}, {"model": -1.0}, {"word": math.inf}])
def test_weights_that_cannot_be(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="SecondWeights"):
        SecondWeights(**wrong)
