"""The word search against the enumeration of every alignment, whose texts are scored as wholes by the model itself."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding.alignment import align_tokens
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_beam import WordHypothesis, WordSearch, word_beam
from vivavoce.decoding.word_scorer import LEAST_UNKNOWN, Weights, WordScorer
from vivavoce.decoding.words import token_words
from vivavoce.text.alphabet import BLANK, Alphabet

EXACT: dict[str, Any] = {"beam_size": 10**6, "token_floor": 0.0, "beam_floor": 0.0, "blank_ceiling": 1.0}
SMALL = Alphabet((BLANK, " ", "a", "b"))
LETTERS = Alphabet.characters()
SENTENCES = ["a ba b", "ba a", "b ab a ba", "a a b", "ba ba b a", "ab", "a ba b ab"]


def train(sentences: Sequence[str], order: int = 3) -> NgramModel:
    numbered = number_words([sentence.split() for sentence in sentences])
    return NgramModel.from_tables(estimate(numbered.vocabulary, count_ngrams(numbered, order)).tables)


MODEL = train(SENTENCES)


def random_log_probs(seed: int, frames: int, vocabulary: int, sharpness: float = 1.5) -> np.ndarray:
    logits = sharpness * np.random.default_rng(seed).standard_normal((frames, vocabulary))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def spell(alphabet: Alphabet, path: Sequence[int]) -> tuple[str, ...]:
    """The words of an alignment."""
    return tuple(alphabet.decode(token for token, _ in groupby(path)).split())


def acoustic(log_probs: np.ndarray, alphabet: Alphabet) -> dict[tuple[str, ...], float]:
    """The probability of every text, from every alignment."""
    totals: dict[tuple[str, ...], float] = defaultdict(float)
    for path in product(range(len(alphabet)), repeat=len(log_probs)):
        score = sum(log_probs[frame, token] for frame, token in enumerate(path))
        totals[spell(alphabet, path)] += math.exp(score)
    return totals


def count_phrases(phrases: dict[str, float], words: Sequence[str]) -> float:
    """What the occurrences of phrases among words earn, one by one."""
    total = 0.0
    for phrase, weight in phrases.items():
        parts = tuple(phrase.split())
        total += weight * sum(tuple(words[at : at + len(parts)]) == parts for at in range(len(words)))
    return total


def language(
    words: Sequence[str],
    weights: Weights,
    model: NgramModel | None = None,
    phrases: dict[str, float] | None = None,
    further: Sequence[str] = (),
) -> float:
    """What a text earns, said in one piece."""
    phrases = phrases or {}
    known = {*further, *" ".join(phrases).split(), *(model.vocabulary if model else ())}
    total = count_phrases(phrases, words)
    state = model.start() if model else ()
    for word in words:
        total += weights.word
        if word not in known and (model or further):
            total += weights.unknown
        if model:
            log_prob, state = model.step(state, model.word_id(word))
            total += weights.model * (log_prob if word in model else max(log_prob, LEAST_UNKNOWN))
    return total + (weights.end * model.end(state) if model else 0.0)


def texts(found: Sequence[WordHypothesis], alphabet: Alphabet = SMALL) -> dict[tuple[str, ...], float]:
    return {tuple(alphabet.decode(reading.token_ids).split()): reading.log_score for reading in found}


CASES: dict[str, dict[str, Any]] = {
    "model": {"model": MODEL},
    "model, other weights": {"model": MODEL, "weights": Weights(1.3, 0.7, -0.5, -2.0)},
    "unigrams": {"model": train(SENTENCES, 1), "weights": Weights(0.8, 0.8, 0.3, -1.0)},
    "no unknown words": {"model": MODEL, "weights": Weights(unknown=-math.inf)},
    "nothing": {},
    "hotwords alone": {"hotwords": Hotwords({"ab": 3.0, "ab a": 2.0, "b ab": 1.0})},
    "vocabulary": {"vocabulary": ["a", "bab"], "weights": Weights(unknown=-1.5)},
    "model and hotwords": {"model": MODEL, "hotwords": Hotwords({"a ba": 4.0, "bb": 6.0, "a": 0.5, "bb a": 1.0})},
    "all": {"model": MODEL, "hotwords": Hotwords({"bb b": 4.0, "b": 1.0}), "vocabulary": ["aa"]},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("frames", "seeds"), [(0, 1), (1, 2), (4, 3), (6, 2)])
def test_a_wide_beam_equals_the_enumeration(name: str, frames: int, seeds: int) -> None:
    case = CASES[name]
    weights = case.get("weights", Weights())
    hotwords = case.get("hotwords")
    scorer = WordScorer(SMALL, **case)
    for seed in range(seeds):
        log_probs = random_log_probs(seed, frames, len(SMALL))
        expected = {}
        for words, prob in acoustic(log_probs, SMALL).items():
            added = language(
                words, weights, case.get("model"), hotwords and hotwords.phrases, case.get("vocabulary", ())
            )
            if added > -math.inf:
                expected[words] = (math.log(prob) + added, math.log(prob))
        found = word_beam(log_probs, scorer, **EXACT)
        assert set(texts(found)) == set(expected)
        assert len(found) == len(expected)
        for reading in found:
            score, sound = expected[tuple(SMALL.decode(reading.token_ids).split())]
            assert reading.log_score == pytest.approx(score, abs=1e-5)
            assert reading.acoustic_log_prob == pytest.approx(sound, abs=1e-6)
            assert reading.context is None
        order = [reading.log_score for reading in found]
        assert order == sorted(order, reverse=True)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(0, 5),
    sharpness=st.floats(0.1, 6.0),
    weights=st.builds(Weights, st.floats(0, 3), st.floats(0, 3), st.floats(-3, 3), st.floats(-9, 0)),
    phrases=st.dictionaries(st.sampled_from(["a", "b", "a b", "a ba", "ba a", "bb", "bb a"]), st.floats(0.1, 9)),
    with_model=st.booleans(),
)
def test_any_input_equals_the_enumeration(
    seed: int, frames: int, sharpness: float, weights: Weights, phrases: dict[str, float], with_model: bool
) -> None:
    log_probs = random_log_probs(seed, frames, len(SMALL), sharpness)
    model = MODEL if with_model else None
    scorer = WordScorer(SMALL, model, weights, Hotwords(phrases) if phrases else None)
    expected = {
        words: math.log(prob) + language(words, weights, model, phrases)
        for words, prob in acoustic(log_probs, SMALL).items()
    }
    assert texts(word_beam(log_probs, scorer, **EXACT)) == pytest.approx(expected, abs=1e-5)


def test_the_blank_may_be_any_token() -> None:
    turned = Alphabet(("b", "a", BLANK, " "), blank_id=2)
    order = [SMALL.tokens.index(token) for token in turned.tokens]
    log_probs = random_log_probs(3, 5, 4)
    expected = texts(word_beam(log_probs, WordScorer(SMALL, MODEL), **EXACT))
    found = texts(word_beam(log_probs[:, order], WordScorer(turned, MODEL), **EXACT), turned)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_going_on_from_every_reading_equals_one_run(seed: int) -> None:
    """Cut at a sure blank: what one run says of a text is the sum over all ways to divide it between two."""
    scorer = WordScorer(SMALL, MODEL, Weights(end=0.4), Hotwords({"ab a": 3.0, "bb": 2.0}))
    first, second = random_log_probs(seed, 3, len(SMALL)), random_log_probs(seed + 100, 3, len(SMALL))
    sure = np.full((1, len(SMALL)), -np.inf)
    sure[0, SMALL.blank_id] = 0.0
    whole = word_beam(np.concatenate([first, sure, second]), scorer, **{**EXACT, "blank_ceiling": 0.999})
    totals: dict[tuple[str, ...], float] = defaultdict(float)
    for before in word_beam(first, scorer, ends=False, **EXACT):
        assert before.context is not None
        open_score = before.log_score - scorer.end(before.context, sentence=False)
        for after in word_beam(second, scorer, start=before.context, **EXACT):
            words = tuple(SMALL.decode([*before.token_ids, *after.token_ids]).split())
            totals[words] += math.exp(open_score + after.log_score)
    found = texts(whole)
    assert set(found) == set(totals)
    assert [math.log(totals[words]) for words in found] == pytest.approx(list(found.values()), abs=1e-6)


def spiky_log_probs(rng: np.random.Generator, text: str, doubt: float = 0.2) -> np.ndarray:
    """As a trained recogniser's of a text: sure blanks, a peak for each letter, some of them doubted."""
    tokens = LETTERS.encode(text)
    logits = rng.standard_normal((2 * len(tokens) + 8, len(LETTERS)))
    logits[:, 0] += 11.0
    for place, token in zip(np.sort(rng.choice(len(logits), len(tokens), replace=False)), tokens, strict=True):
        logits[place, 0] -= 11.0
        logits[place, token] += 9.0
        if rng.random() < doubt:
            logits[place, rng.integers(0, len(LETTERS))] += rng.uniform(7.0, 10.0)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


TALK = ["the cat sat on the mat", "the dog ate the fish", "a cat and a dog", "the fish sat on a dog", "he had a hat"]


@pytest.mark.parametrize("cuts", [[1], [7, 8, 30], list(range(1, 70))])
def test_cuts_leave_no_trace(cuts: list[int]) -> None:
    scorer = WordScorer(LETTERS, train(TALK), hotwords=Hotwords({"dog ate": 2.0}))
    log_probs = spiky_log_probs(np.random.default_rng(2), "the dog ate the cat on a mat", doubt=0.6)
    search = WordSearch(scorer)
    search.accept(log_probs)
    pieces = WordSearch(scorer)
    for piece in np.split(log_probs, cuts):
        pieces.accept(piece)
        pieces.hypotheses()  # to look changes nothing
    expected, found = search.hypotheses(), pieces.hypotheses()
    assert len(found) > 1
    assert [reading.token_ids for reading in found] == [reading.token_ids for reading in expected]
    assert [reading.log_score for reading in found] == pytest.approx([reading.log_score for reading in expected])
    one, many = search.timed(expected), pieces.timed(found)
    np.testing.assert_array_equal(one.start_frames, many.start_frames)
    np.testing.assert_array_equal(one.end_frames, many.end_frames)
    np.testing.assert_allclose(one.log_probs, many.log_probs)


def test_a_fork_goes_on_by_itself() -> None:
    scorer = WordScorer(LETTERS, train(TALK))
    log_probs = spiky_log_probs(np.random.default_rng(2), "the dog ate the cat on a mat", doubt=0.6)
    other_end = spiky_log_probs(np.random.default_rng(3), " he had a hat", doubt=0.6)
    for cut in (0, 1, 20, len(log_probs)):
        search = WordSearch(scorer)
        search.accept(log_probs[:cut])
        fork = search.fork()
        fork.accept(other_end)
        search.accept(log_probs[cut:])
        for found, heard in (
            (search, log_probs),
            (fork, np.concatenate([log_probs[:cut], other_end])),
        ):
            whole = WordSearch(scorer)
            whole.accept(heard)
            expected, readings = whole.hypotheses(), found.hypotheses()
            assert [reading.token_ids for reading in readings] == [reading.token_ids for reading in expected]
            assert [r.log_score for r in readings] == pytest.approx([r.log_score for r in expected])
            np.testing.assert_array_equal(found.timed(readings).start_frames, whole.timed(expected).start_frames)


def test_pieces_between_pauses_read_as_the_whole() -> None:
    """The best reading's context is enough where the pieces are clear."""
    scorer = WordScorer(LETTERS, train(TALK), hotwords=Hotwords({"mat he": 3.0}))
    rng = np.random.default_rng(5)
    pause = np.full((6, len(LETTERS)), np.log(1e-9))
    pause[:, 0] = 0.0
    said = ["the cat sat on", " the mat ", "he had", " a hat"]
    pieces = [np.concatenate([spiky_log_probs(rng, text, doubt=0.0), pause]) for text in said]
    whole = word_beam(np.concatenate(pieces), scorer)[0]
    context, tokens, score = None, [], 0.0
    for number, piece in enumerate(pieces):
        best = word_beam(piece, scorer, start=context, ends=number == len(pieces) - 1)[0]
        context = best.context
        tokens += best.token_ids
        score += best.log_score - (scorer.end(context, sentence=False) if context is not None else 0.0)
    assert tokens == list(whole.token_ids) == LETTERS.encode("".join(said))
    assert score == pytest.approx(whole.log_score, abs=0.05)


def test_a_model_mends_what_the_sound_leaves_open() -> None:
    scorer = WordScorer(LETTERS, train(TALK), Weights(model=1.0))
    log_probs = spiky_log_probs(np.random.default_rng(0), "the cat sat on the mat", doubt=0.0)
    peak = int(np.argmax(log_probs[:, LETTERS.encode("m")[0]]))
    n, m = LETTERS.encode("nm")
    log_probs[peak, n], log_probs[peak, m] = log_probs[peak, m], log_probs[peak, m] - 1.0
    plain = word_beam(log_probs, WordScorer(LETTERS))[0]
    helped = word_beam(log_probs, scorer)[0]
    assert LETTERS.decode(plain.token_ids) == "the cat sat on the nat"
    assert LETTERS.decode(helped.token_ids) == "the cat sat on the mat"
    assert helped.acoustic_log_prob < plain.acoustic_log_prob


@pytest.mark.parametrize("with_model", [False, True])
def test_a_hotword_is_heard_though_no_vocabulary_has_it(with_model: bool) -> None:
    model = train(TALK) if with_model else None
    log_probs = spiky_log_probs(np.random.default_rng(1), "the dog ate vronsky", doubt=0.0)
    peak = int(np.argmax(log_probs[:, LETTERS.encode("v")[0]]))
    v, f = LETTERS.encode("vf")
    log_probs[peak, f], log_probs[peak, v] = log_probs[peak, v], log_probs[peak, v] - 1.5
    without = word_beam(log_probs, WordScorer(LETTERS, model))[0]
    named = word_beam(log_probs, WordScorer(LETTERS, model, hotwords=Hotwords({"Vronsky": 8.0})))[0]
    assert LETTERS.decode(without.token_ids) == "the dog ate fronsky"
    assert LETTERS.decode(named.token_ids) == "the dog ate vronsky"


def test_hotwords_work_with_a_model_that_calls_unknown_words_impossible() -> None:
    """ARPA files without `<unk>` give it a log probability of -230."""
    tables = train(TALK).tables()
    tables.tables[0].log_probs[0] = -230.0
    scorer = WordScorer(LETTERS, NgramModel.from_tables(tables), hotwords=Hotwords({"vronsky": 8.0}))
    log_probs = spiky_log_probs(np.random.default_rng(1), "the dog ate vronsky", doubt=0.0)
    assert LETTERS.decode(word_beam(log_probs, scorer)[0].token_ids) == "the dog ate vronsky"


@pytest.mark.parametrize("seed", range(8))
def test_the_shortcuts_keep_the_best_text(seed: int) -> None:
    scorer = WordScorer(LETTERS, train(TALK), hotwords=Hotwords({"dog": 1.0}))
    log_probs = spiky_log_probs(np.random.default_rng(seed), "the dog ate the cat on a mat", doubt=0.3)
    exact = word_beam(log_probs, scorer, beam_size=150, token_floor=1e-4, beam_floor=1e-9, blank_ceiling=1.0)[0]
    quick = word_beam(log_probs, scorer)[0]
    assert quick.token_ids == exact.token_ids
    assert quick.log_score == pytest.approx(exact.log_score, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_more_room_finds_nothing_worse(seed: int) -> None:
    """With the same pruning otherwise, the best score found cannot pass the true one, and a full beam reaches it."""
    scorer = WordScorer(SMALL, MODEL)
    log_probs = random_log_probs(seed, 7, len(SMALL), 2.0)
    true = word_beam(log_probs, scorer, **EXACT)[0].log_score
    for beam_size in (1, 2, 4, 8, 16, 64):
        assert word_beam(log_probs, scorer, **{**EXACT, "beam_size": beam_size})[0].log_score <= true + 1e-9
    assert word_beam(log_probs, scorer, **{**EXACT, "beam_size": 1000})[0].log_score == pytest.approx(true, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), more=st.floats(0.0, 5.0))
def test_scores_follow_the_weights(seed: int, more: float) -> None:
    """A greater bonus never lowers a reading's score; a greater weight of a hotword raises those that hold it alone."""
    log_probs = random_log_probs(seed, 4, len(SMALL))

    def scores(**settings: Any) -> dict[tuple[str, ...], float]:
        return texts(word_beam(log_probs, WordScorer(SMALL, MODEL, **settings), **EXACT))

    before, after = scores(weights=Weights(word=0.5)), scores(weights=Weights(word=0.5 + more))
    assert all(after[words] == pytest.approx(before[words] + more * len(words), abs=1e-6) for words in before)
    before, after = scores(hotwords=Hotwords({"ab": 1.0})), scores(hotwords=Hotwords({"ab": 1.0 + more}))
    assert all(after[words] == pytest.approx(before[words] + more * words.count("ab"), abs=1e-6) for words in before)


@pytest.mark.parametrize("seed", range(6))
def test_times_are_those_of_the_likeliest_alignment(seed: int) -> None:
    log_probs = random_log_probs(seed, 6, len(SMALL), 1.5)
    search = WordSearch(WordScorer(SMALL, MODEL), **EXACT)
    search.accept(log_probs)
    best: dict[str, tuple[float, tuple[int, ...]]] = {}
    for path in product(range(len(SMALL)), repeat=6):
        score = sum(log_probs[frame, token] for frame, token in enumerate(path))
        spelled = SMALL.decode(token for token, _ in groupby(path))
        text = " ".join(spelled.split()) + " " * (spelled.rstrip() != spelled and bool(spelled.strip()))
        if text not in best or score > best[text][0]:
            best[text] = score, path
    readings = search.hypotheses(ends=False)
    for number, reading in enumerate(readings[:60]):
        result = search.timed(readings, number)
        found = [(word.start_seconds, word.end_seconds) for word in token_words(result, SMALL, 1.0)]
        assert result.token_ids.tolist() == list(reading.token_ids)
        assert found == word_frames(best[SMALL.decode(reading.token_ids)][1])


def word_frames(path: Sequence[int]) -> list[tuple[float, float]]:
    """First frame of each word's first letter, and the frame after the run of its last."""
    runs, at = [], 0
    for token, run in groupby(path):
        length = len(list(run))
        if token != SMALL.blank_id:
            runs.append((token, at, at + length))
        at += length
    words: list[list[tuple[int, int, int]]] = [[]]
    for run_of in runs:
        if SMALL.tokens[run_of[0]] == " ":
            words.append([])
        else:
            words[-1].append(run_of)
    return [(word[0][1], word[-1][2]) for word in words if word]


@pytest.mark.parametrize("seed", range(5))
def test_times_agree_with_forced_alignment(seed: int) -> None:
    scorer = WordScorer(LETTERS, train(TALK))
    log_probs = spiky_log_probs(np.random.default_rng(seed), "the dog ate the cat on a mat", doubt=0.3)
    search = WordSearch(scorer)
    search.accept(log_probs)
    result = search.timed(search.hypotheses())
    aligned = align_tokens(log_probs, result.token_ids.tolist())
    np.testing.assert_array_equal(result.start_frames, aligned.start_frames)
    assert (np.abs(result.end_frames - aligned.end_frames) <= 1).mean() > 0.95
    assert (result.log_probs <= 0).all()


def test_a_word_that_few_readings_hold_is_not_trusted() -> None:
    log_probs = spiky_log_probs(np.random.default_rng(0), "the cat sat on the mat", doubt=0.0)
    c, h = LETTERS.encode("ch")
    peak = int(np.argmax(log_probs[:, c]))
    log_probs[peak, h] = log_probs[peak, c] = np.logaddexp(log_probs[peak, h], log_probs[peak, c]) - np.log(2)
    search = WordSearch(WordScorer(LETTERS, train(TALK)))
    search.accept(log_probs)
    readings = search.hypotheses()
    words = token_words(search.timed(readings), LETTERS, 0.04)
    assert [word.word for word in words] == ["the", "cat", "sat", "on", "the", "mat"]
    share = 1 / (1 + math.exp(readings[1].log_score - readings[0].log_score))
    letters = 0.5 ** (1 / 3)  # geometric mean of three letters, of which one is as likely as not
    assert words[1].confidence == pytest.approx(share * letters, abs=0.02)
    assert all(word.confidence > 0.97 for number, word in enumerate(words) if number != 1)
    other = token_words(search.timed(readings, 1), LETTERS, 0.04)[1]
    assert other.word == "hat"
    assert other.confidence == pytest.approx((1 - share) * letters, abs=0.02)
    assert 0.5 < share < 0.99


def test_long_speech_is_forgotten_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    from vivavoce.decoding import ctc_beam

    scorer = WordScorer(LETTERS, train(TALK))
    log_probs = np.concatenate(
        [spiky_log_probs(np.random.default_rng(seed), "the dog ate the cat ", doubt=0.4) for seed in range(8)]
    )
    expected = word_beam(log_probs, scorer)
    monkeypatch.setattr(ctc_beam, "_ROOM", 50)
    search = WordSearch(scorer)
    search.accept(log_probs)
    found = search.hypotheses()
    assert [(reading.token_ids, reading.log_score) for reading in found] == [
        (reading.token_ids, reading.log_score) for reading in expected
    ]
    assert len(search.timed(found).token_ids) == len(found[0].token_ids)


def test_where_no_word_may_be_an_unfinished_one_is_left() -> None:
    scorer = WordScorer(LETTERS, train(TALK), Weights(unknown=-math.inf))
    log_probs = spiky_log_probs(np.random.default_rng(0), "the ca", doubt=0.0)
    best = word_beam(log_probs, scorer, beam_size=1)[0]
    assert LETTERS.decode(best.token_ids) == "the ca"
    assert math.isfinite(best.log_score)


def test_nothing_heard_is_nothing_said() -> None:
    scorer = WordScorer(LETTERS, train(TALK))
    search = WordSearch(scorer)
    search.accept(np.zeros((0, len(LETTERS))))
    only = search.hypotheses()
    assert [(reading.token_ids, reading.log_score) for reading in only] == [((), 0.0)]
    assert len(search.timed(only).token_ids) == 0
    assert len(search.timed([]).token_ids) == 0
    silence = np.full((40, len(LETTERS)), np.log(1e-6))
    silence[:, 0] = np.log(1 - 28e-6)
    assert word_beam(silence, scorer)[0].token_ids == ()


def test_wrong_input_is_refused() -> None:
    scorer = WordScorer(LETTERS)
    with pytest.raises(ValueError, match="alphabet"):
        word_beam(np.zeros((5, 3)), scorer)
    with pytest.raises(ValueError, match="alphabet"):
        word_beam(np.zeros(29), scorer)
    with pytest.raises(ValueError, match="at least 1"):
        word_beam(np.zeros((5, 29)), scorer, beam_size=0)
    with pytest.raises(ValueError, match="distribution"):
        word_beam(np.full((5, 29), -np.inf), scorer)
