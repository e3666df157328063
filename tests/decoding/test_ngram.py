"""Lookups: by hand, against a dictionary that backs off, one at a time against many at once."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from vivavoce.decoding import ngram
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_arpa import read_arpa
from vivavoce.decoding.ngram_tables import BOS, EOS, MARKS, UNK, NgramTables, build_tables
from vivavoce.errors import DataError

LN10 = math.log(10.0)

TINY = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.5
-0.9\t</s>
-0.6\ta\t-0.25
-0.7\tb\t-0.125

\\2-grams:
-0.3\t<s> a\t-0.2
-0.4\ta b\t-0.1
-0.35\tb a
-0.45\tb </s>

\\3-grams:
-0.05\t<s> a b
-0.15\ta b </s>

\\end\\
"""


@pytest.fixture
def tiny(tmp_path: Path) -> NgramModel:
    (tmp_path / "tiny.arpa").write_text(TINY)
    return NgramModel.load(tmp_path / "tiny.arpa")


def random_tables(seed: int, words: int = 30, order: int = 4, rows: int = 300) -> NgramTables:
    """A model with random numbers and n-grams: prefixes and suffixes are missing here and there."""
    rng = np.random.default_rng(seed)
    grams, probs, backoffs = [np.arange(words, dtype=np.int32)[:, None]], [], []
    for k in range(2, order + 1):
        drawn = rng.integers(0, words, (rows, k)).astype(np.int32) ** 2 // words
        drawn[:, 1:][drawn[:, 1:] == BOS] = UNK
        drawn[:, :-1][drawn[:, :-1] == EOS] = UNK
        grams.append(np.unique(drawn, axis=0))
    for gram in grams:
        probs.append(-rng.exponential(3.0, len(gram)) - 1e-3)
        backoffs.append(np.where(rng.random(len(gram)) < 0.5, 0.0, -rng.exponential(1.0, len(gram))))
    backoffs[-1][:] = 0.0
    names = (*MARKS, *(f"w{number}" for number in range(words - len(MARKS))))
    return build_tables(names, grams, probs, backoffs)


def backing_off(tables: NgramTables) -> dict[tuple[int, ...], tuple[float, float]]:
    """Every n-gram with its two logarithms."""
    return {
        tuple(row): (log_prob, log_backoff)
        for k, table in enumerate(tables.tables, 1)
        for row, log_prob, log_backoff in zip(
            tables.spell(k, np.arange(len(table))).tolist(), table.log_probs, table.log_backoffs, strict=True
        )
    }


def expected(grams: dict[tuple[int, ...], tuple[float, float]], context: tuple[int, ...], word: int) -> float:
    if (*context, word) in grams:
        return grams[*context, word][0]
    return grams.get(context, (0.0, 0.0))[1] + expected(grams, context[1:], word)


def test_by_hand(tiny: NgramModel) -> None:
    a, b = tiny.word_id("a"), tiny.word_id("b")
    assert tiny.order == 3
    assert tiny.vocabulary == (*MARKS, "a", "b")
    assert (tiny.word_id("zebra"), tiny.word_id("<unk>"), tiny.word_id("</s>")) == (UNK, UNK, EOS)
    assert "a" in tiny
    assert "zebra" not in tiny
    log_prob, state = tiny.step(tiny.start(), a)
    assert log_prob == pytest.approx(-0.3 * LN10)
    log_prob, state = tiny.step(state, b)
    assert log_prob == pytest.approx(-0.05 * LN10)
    assert tiny.end(state) == pytest.approx(-0.15 * LN10)
    assert tiny.score("a b") == pytest.approx(-0.5 * LN10)
    assert tiny.score(["a", "b"]) == tiny.score("a b")
    # <s> b: not there, so <s>'s backoff and b's own; then b a, which has no continuation.
    assert tiny.score("b a a") == pytest.approx((-0.5 - 0.7 - 0.35 - 0.25 - 0.6 - 0.25 - 0.9) * LN10)
    assert tiny.score("zebra") == pytest.approx((-0.5 - 1.5 - 0.9) * LN10)
    assert tiny.score("a b", begin=False) == pytest.approx((-0.6 - 0.4 - 0.15) * LN10)
    assert tiny.score("a b", end=False) == pytest.approx(-0.35 * LN10)
    assert tiny.score("") == pytest.approx((-0.5 - 0.9) * LN10)


def test_what_cannot_matter_is_not_remembered(tiny: NgramModel) -> None:
    """b a continues nothing, so after it the state is that of a alone: equal futures, equal states."""
    a, b = tiny.word_id("a"), tiny.word_id("b")
    after_a = tiny.step((), a)[1]
    assert tiny.step(tiny.step((), b)[1], a)[1] == after_a
    assert tiny.step(tiny.start(), a)[1] != after_a


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("order", [1, 2, 4])
def test_lookups_back_off_as_a_dictionary_does(seed: int, order: int) -> None:
    tables = random_tables(seed, order=order)
    grams = backing_off(tables)
    model = NgramModel.from_tables(tables)
    rng = np.random.default_rng(seed)
    for _ in range(200):
        words = (rng.integers(0, 30, 6) ** 2 // 30).tolist()
        state, context = model.start(), (BOS,)[: order - 1]
        for word in words:
            log_prob, state = model.step(state, word)
            assert log_prob == pytest.approx(expected(grams, context, word), abs=1e-5)
            context = (*context, word)[-(order - 1) :] if order > 1 else ()


@pytest.mark.parametrize("bits", [8, 32])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_batches_are_steps(bits: int, order: int) -> None:
    tables = random_tables(7, order=order)
    model = NgramModel.from_tables(tables, bits)
    rng = np.random.default_rng(order)
    states = [model.start()] * 50
    packed = model.pack_states(states)
    for _ in range(6):
        words = rng.integers(0, 30, 50) ** 2 // 30
        log_probs, packed = model.step_batch(packed, words)
        steps = [model.step(state, word) for state, word in zip(states, words.tolist(), strict=True)]
        np.testing.assert_allclose(log_probs, [log_prob for log_prob, _ in steps], atol=1e-12)
        owners = rng.permutation(50)
        scores, held = model.scores([states[owner] for owner in owners], np.argsort(owners), words)
        np.testing.assert_allclose(scores, log_probs, atol=1e-12)
        alone = [state for (_, state), there in zip(steps, held.tolist(), strict=True) if not there]
        assert alone == [(word,)[: order - 1] for word in words[~held].tolist()]
        states = [state for _, state in steps]
        np.testing.assert_array_equal(packed, model.pack_states(states))


def test_the_tables_say_the_same() -> None:
    tables = random_tables(11)
    model = NgramModel.from_tables(tables)
    rng = np.random.default_rng(11)
    rows = rng.integers(0, 30, (100, 4)) ** 2 // 30
    found = []
    for row in rows.tolist():
        state: ngram.State = ()
        for word in row[:-1]:
            state = model.step(state, word)[1]
        found.append(model.step(state, row[-1])[0])
    np.testing.assert_allclose(tables.log_prob(rows), found, atol=1e-5)


def test_a_full_cache_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = random_tables(5)
    rng = np.random.default_rng(5)
    texts = [[f"w{number}" for number in rng.integers(0, 30, 8)] for _ in range(30)]
    scores = [NgramModel.from_tables(tables).score(words) for words in texts]
    monkeypatch.setattr(ngram, "_CACHE_SIZE", 3)
    small = NgramModel.from_tables(tables)
    assert [small.score(words) for words in texts] == scores


@pytest.mark.parametrize("small_batch", [1, 24, 10**6])
def test_perplexity(tiny: NgramModel, small_batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram, "_SMALL_BATCH", small_batch)
    texts = ["a b", ["b", "zebra"], "", "zebra a okapi a b zebra", *["a b a"] * 40]
    found = tiny.perplexity(texts)
    assert (found.sentences, found.words, found.tokens) == (44, 130, 174)
    assert found.log_prob == pytest.approx(sum(tiny.score(text) for text in texts), abs=1e-4)
    assert found.perplexity == pytest.approx(math.exp(-found.log_prob / 174))
    assert found.oovs == (("zebra", 3), ("okapi", 1))
    assert (found.oov_count, found.oov_rate) == (4, pytest.approx(4 / 130))
    # After b: its backoff; after a: its own; at the start: <s>'s; the unknown word itself is nobody's context.
    assert found.oov_log_prob == pytest.approx(
        ((-0.125 - 1.5) + (-0.5 - 1.5) + (-0.25 - 1.5) + (-0.1 - 0.125 - 1.5)) * LN10
    )
    assert found.perplexity_without_oovs == pytest.approx(math.exp(-(found.log_prob - found.oov_log_prob) / 170))


def test_nothing_to_judge_is_refused(tiny: NgramModel) -> None:
    with pytest.raises(DataError, match="no sentence"):
        tiny.perplexity([])


def test_missing_prefixes_are_put_in_without_changing_a_score(tmp_path: Path) -> None:
    """Other tools may drop "a b" and keep "a b c"."""
    cut = TINY.replace("ngram 2=4", "ngram 2=3").replace("-0.4\ta b\t-0.1\n", "")
    (tmp_path / "cut.arpa").write_text(cut)
    tables = read_arpa(tmp_path / "cut.arpa")
    assert tables.counts == (5, 4, 2)
    model = NgramModel.from_tables(tables)
    assert model.score("a b", begin=False, end=False) == pytest.approx((-0.6 - 0.25 - 0.7) * LN10)
    assert model.score("a b", begin=False) == pytest.approx((-0.6 - 0.25 - 0.7 - 0.15) * LN10)
    assert model.score("a b a", end=False) == pytest.approx((-0.3 - 0.05 - 0.35) * LN10)
