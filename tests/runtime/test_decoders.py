"""Beam search in pieces against the whole, alignment against every path, words as they come against all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vivavoce.decoding.ctc_beam import ctc_beam
from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_search import LexiconScorer
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.second_pass import SecondWeights
from vivavoce.decoding.word_beam import WordSearch
from vivavoce.decoding.word_scorer import WordScorer
from vivavoce.decoding.words import token_words
from vivavoce.errors import ConfigError
from vivavoce.runtime import decoders
from vivavoce.runtime.bundle import Bundle, load_bundle
from vivavoce.runtime.decoders import BeamStream, LexiconPasses, LexiconStream, WordStream, align, make_decoder
from vivavoce.runtime.transcript import WordReader
from vivavoce.text.alphabet import Alphabet


def random_log_probs(rng: np.random.Generator, frames: int, vocabulary: int, sharpness: float = 2.0) -> np.ndarray:
    logits = sharpness * rng.standard_normal((frames, vocabulary))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def with_pauses(rng: np.random.Generator, phrases: int, vocabulary: int, space: int | None = None) -> np.ndarray:
    """Phrases of random frames between pauses of blanks that are as good as certain; each may end in a clear space."""
    pause = np.full(vocabulary, np.log(1e-9), np.float32)
    pause[0] = 0.0
    between = np.empty((0, vocabulary), np.float32)
    if space is not None:
        between = np.roll(pause, space)[None]
    parts = [between[:0]]
    for _ in range(phrases):
        spoken = random_log_probs(rng, int(rng.integers(1, 12)), vocabulary)
        parts += [spoken, between, np.tile(pause, (rng.integers(5, 9), 1))]
    return np.concatenate(parts)


def test_alignment_is_the_likeliest_path() -> None:
    rng = np.random.default_rng(0)
    for tokens in ([1], [1, 2], [1, 1], [2, 1, 2], []):
        log_probs = random_log_probs(rng, 6, 3)
        best, best_score = None, -np.inf
        for path in product(range(3), repeat=6):
            collapsed = [t for i, t in enumerate(path) if t and (i == 0 or path[i - 1] != t)]
            score = sum(log_probs[i, t] for i, t in enumerate(path))
            if collapsed == tokens and score > best_score:
                best, best_score = path, score
        assert best is not None
        expected = ctc_greedy(np.log(np.eye(3)[list(best)] + 1e-9).astype(np.float32))
        starts, ends = align(log_probs, np.array(tokens, np.int64), 0)
        assert starts.tolist() == expected.start_frames.tolist()
        assert ends.tolist() == expected.end_frames.tolist()


def log_probability(log_probs: np.ndarray, tokens: list[int]) -> float:
    """Of a text, over all its alignments, by PyTorch's CTC loss."""
    import torch

    frames = torch.from_numpy(log_probs)[:, None]
    lengths = torch.tensor([len(log_probs)]), torch.tensor([len(tokens)])
    return -float(torch.nn.functional.ctc_loss(frames, torch.tensor([tokens]), *lengths, reduction="sum"))


def test_pieces_are_as_likely_as_the_whole() -> None:
    """On the whole likelier: one beam over all must hold the alternatives of every phrase at once."""
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(10):
        log_probs = with_pauses(rng, 5, 6)
        whole = list(ctc_beam(log_probs, 0, decoders.BEAM_SIZE)[0].token_ids)
        stream = BeamStream()
        pieces = [stream.accept(part) for part in np.array_split(log_probs, 7)] + [stream.finish()]
        tokens = [token for piece in pieces for token in piece.token_ids.tolist()]
        gains.append(log_probability(log_probs, tokens) - log_probability(log_probs, whole))
        starts = [frame for piece in pieces for frame in piece.start_frames.tolist()]
        ends = [frame for piece in pieces for frame in piece.end_frames.tolist()]
        assert all(a < b for a, b in zip(starts, ends, strict=True))
        assert all(b <= a for b, a in zip(ends, starts[1:], strict=False))
        assert ends[-1] <= len(log_probs)
    assert np.mean(gains) > 0.0
    assert min(gains) > -0.1  # what the search's floors leave out


def test_chunking_of_the_beam_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no pause comes and a piece ends at its likeliest blank."""
    monkeypatch.setattr(decoders, "LONGEST_PIECE", 20)
    rng = np.random.default_rng(2)
    log_probs = np.concatenate([with_pauses(rng, 3, 5), random_log_probs(rng, 75, 5), with_pauses(rng, 2, 5)])
    expected = None
    for parts in (1, 3, len(log_probs)):
        stream = BeamStream()
        results = [stream.accept(part) for part in np.array_split(log_probs, parts)]
        assert len(stream._piece) < 20
        results.append(stream.finish())
        tokens = [
            (token, start, end)
            for result in results
            for token, start, end in zip(result.token_ids, result.start_frames, result.end_frames, strict=True)
        ]
        expected = expected or tokens
        assert tokens == expected
    assert expected
    assert max(end for _, _, end in expected) <= len(log_probs)


def test_the_open_piece_is_what_finish_would_say() -> None:
    log_probs = random_log_probs(np.random.default_rng(3), 9, 4)
    stream = BeamStream()
    assert len(stream.accept(log_probs).token_ids) == 0
    open_tokens = stream.open.token_ids.tolist()
    assert open_tokens == list(ctc_beam(log_probs, 0, decoders.BEAM_SIZE)[0].token_ids)
    assert stream.finish().token_ids.tolist() == open_tokens
    assert stream.finish().token_ids.tolist() == []


def test_decoders_by_name() -> None:
    log_probs = random_log_probs(np.random.default_rng(4), 30, 5, sharpness=20.0)  # so sharp that all agree
    log_probs[:, 0] = np.logaddexp(log_probs[:, 0], log_probs[:, 4])  # no spaces: a lexicon hears none
    log_probs[:, 4] = -50.0
    letters = Alphabet(("<b>", "a", "b", "c", " "))
    bundle: Any = SimpleNamespace(tokens=letters, phones=Alphabet(("<b>", "A", "B", "C", "S")))
    said = [Pronunciation(letter, (token,)) for token, letter in enumerate("abc", 1)]
    scorers: dict[str, Any] = {
        "words": WordScorer(letters),
        "lexicon": LexiconPasses(LexiconScorer(LexiconTree(said, 5))),
    }
    texts = {}
    for name in decoders.DECODERS:
        decoder = make_decoder(name, bundle, scorers.get(name))
        closed = decoder.accept(log_probs).token_ids.tolist()
        texts[name] = "".join(letters.tokens[token] for token in closed + decoder.finish().token_ids.tolist())
    assert texts["greedy"] == texts["beam"]
    assert texts["lexicon"].split() == list(texts["greedy"])  # in it, each letter is a word
    with pytest.raises(ConfigError, match="expected one of greedy, beam, words, lexicon"):
        make_decoder("best", bundle)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: str) -> Bundle:
    return load_bundle(tiny_bundle)


def test_words_as_they_come(bundle: Bundle) -> None:
    rng = np.random.default_rng(5)
    log_probs = random_log_probs(rng, 400, 29, sharpness=4.0)
    expected = token_words(ctc_greedy(log_probs), bundle.tokens, bundle.frame_seconds)
    for parts in (1, 9, 400):
        reader = WordReader(bundle)
        for part in np.array_split(log_probs, parts):
            reader.accept(part)
            assert len(reader._tail.token_ids) < 120  # only the last word is held as tokens
        transcript = reader.finish(16.0)
        assert transcript.text == " ".join(word.word for word in expected)
        for word, truth in zip(transcript.words, expected, strict=True):
            assert word.start_seconds == pytest.approx(truth.start_seconds, abs=1e-3)
            assert word.end_seconds == pytest.approx(truth.end_seconds, abs=1e-3)
            assert word.confidence == pytest.approx(truth.confidence, abs=1e-4)
        assert reader.finish(0.0).text == ""


@pytest.fixture(scope="module")
def scorer() -> WordScorer:
    """Of a model of five words over the letters a, b and c."""
    text = number_words([["a", "cab"], ["a", "bab", "cab"], ["ab", "cab", "a"], ["bab", "a", "acc"]] * 3)
    tables = estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables
    alphabet = Alphabet(("<b>", " ", "a", "b", "c"))
    return WordScorer(alphabet, NgramModel.from_tables(tables), hotwords=Hotwords({"acc": 3.0}))


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the pauses of `with_pauses` end a piece."""
    monkeypatch.setattr(decoders, "WORD_QUIET_FRAMES", 5)


def run(stream: WordStream, pieces: list[np.ndarray]) -> tuple[list[int], list[int], list[int], list[float]]:
    found = [stream.accept(piece) for piece in pieces]
    found.append(stream.finish())
    columns = zip(*((r.token_ids, r.start_frames, r.end_frames, r.log_probs) for r in found), strict=True)
    return tuple(np.concatenate(column).tolist() for column in columns)  # type: ignore[return-value]


def test_word_search_in_pieces_is_the_same_for_every_chunking(scorer: WordScorer, short_pauses: None) -> None:
    rng = np.random.default_rng(21)
    for phrases in range(6):
        log_probs = with_pauses(rng, phrases, 5)
        whole = run(WordStream(scorer, 20), [log_probs])
        for _ in range(3):
            cuts = np.sort(rng.integers(0, len(log_probs) + 1, 6))
            assert run(WordStream(scorer, 20), np.split(log_probs, cuts)) == whole
        assert all(a < b <= len(log_probs) for a, b in zip(whole[1], whole[2], strict=True))
        assert whole[1] == sorted(whole[1])


def test_pieces_read_nearly_as_one_search_does(scorer: WordScorer, short_pauses: None) -> None:
    """A piece keeps its best reading alone: another may have been better with what came later, by very little."""
    rng, same = np.random.default_rng(22), 0
    for _ in range(40):
        log_probs = with_pauses(rng, 3, 5, space=scorer.boundary)
        search = WordSearch(scorer, 200)
        search.accept(log_probs)
        readings = {spelled(scorer, reading.token_ids): reading.log_score for reading in search.hypotheses()[::-1]}
        found = spelled(scorer, run(WordStream(scorer, 200), [log_probs])[0])
        best = max(readings.values())
        assert readings[found] > best - 1.0
        same += readings[found] == best
    assert same >= 25


def spelled(scorer: WordScorer, token_ids: Iterable[int]) -> str:
    return " ".join("".join(scorer.letters[token] for token in token_ids).split())


def test_a_word_search_shows_what_is_open_and_can_be_forked(scorer: WordScorer, short_pauses: None) -> None:
    rng = np.random.default_rng(23)
    log_probs = with_pauses(rng, 4, 5)
    for cut in (7, 20, 33):
        stream, other = WordStream(scorer), WordStream(scorer)
        closed = stream.accept(log_probs[:cut])
        other.accept(log_probs[:cut])
        assert np.array_equal(stream.open.token_ids, stream.open.token_ids)
        fork = stream.fork()
        assert fork.open.token_ids.tolist() == stream.open.token_ids.tolist()
        ahead = run(fork, [log_probs[cut:]])
        assert run(stream, [log_probs[cut:]]) == ahead == run(other, [log_probs[cut:]])  # a fork changes nothing
        assert len(closed.token_ids) + len(ahead[0]) > 4


def test_endless_speech_is_cut(scorer: WordScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "LONGEST_PIECE", 30)
    rng = np.random.default_rng(24)
    log_probs = random_log_probs(rng, 600, 5, 3.0)
    stream = WordStream(scorer, 10)
    closed = stream.accept(log_probs)
    assert stream._count < 100
    assert len(closed.token_ids) > 50
    assert run(WordStream(scorer, 10), [log_probs[:311], log_probs[311:]]) == run(WordStream(scorer, 10), [log_probs])


def test_silence_fills_no_memory(scorer: WordScorer) -> None:
    stream = WordStream(scorer)
    silence = np.tile(np.log([0.9999, 1e-5, 1e-5, 1e-5, 7e-5]).astype(np.float32), (5000, 1))
    assert len(stream.accept(silence).token_ids) == 0
    assert (stream._count, stream._search.frames) == (0, 0)
    assert len(stream.finish().token_ids) == 0


def test_silence_fills_no_memory_of_letters() -> None:
    stream = LexiconStream(LexiconPasses(LexiconScorer(LexiconTree(SAID, 4)), Speller()), LETTERS, SPOKEN)  # type: ignore[arg-type]
    for _ in range(20):
        stream.accept(np.hstack([of_path([0] * 32), np.zeros((32, 5), np.float32)]))
    assert (stream._count, stream._heard_letters) == (0, [])


LETTERS = Alphabet(("<blank>", " ", "a", "b", "c"))
SPOKEN = Alphabet(("<blank>", "A", "B", "C"), separator=" ")
SAID = (Pronunciation("ab", (1, 2)), Pronunciation("cab", (3, 1, 2)), Pronunciation("b", (2,)))


class Likelier:
    """A second pass that likes long words."""

    weights = SecondWeights(letters=1.0)

    def rescore(self, readings: list[Any], state: Any, before: Any, letters: Any) -> list[Any]:
        def score(one: Any) -> float:
            return float(one.log_score + sum(len(word.word) for word in one.words))

        return sorted((replace(one, log_score=score(one)) for one in readings), key=lambda one: -one.log_score)


class Speller(Likelier):
    """A second pass that likes what the letters say."""

    def rescore(self, readings: list[Any], state: Any, before: Any, letters: Any) -> list[Any]:
        heard = letters([[word.word for word in one.words] for one in readings])
        spelled = [replace(one, log_score=float(score)) for one, score in zip(readings, heard, strict=True)]
        return sorted(spelled, key=lambda one: -one.log_score)


@pytest.fixture
def passes(request: pytest.FixtureRequest) -> LexiconPasses:
    return LexiconPasses(LexiconScorer(LexiconTree(SAID, 4)), request.param() if request.param else None)


def of_path(path: list[int]) -> np.ndarray:
    """Log-probabilities that say a path; its blanks are sure."""
    sure = np.log(np.full((len(path), 4), 1e-5) + (1 - 4e-5) * np.eye(4)[path])
    doubtful = np.log(np.full((len(path), 4), 0.03) + 0.88 * np.eye(4)[path])
    return np.where(np.array(path)[:, None] == 0, sure, doubtful).astype(np.float32)


@pytest.mark.parametrize("passes", [None, Likelier], indirect=True)
def test_a_lexicon_piece_ends_between_words_behind_ever_shorter_pauses(passes: LexiconPasses) -> None:
    def cut(path: list[int]) -> bool:
        return len(LexiconStream(passes, LETTERS, SPOKEN).accept(of_path(path)).token_ids) > 0

    assert not cut([3, 1, 2] + [0] * 10)
    assert cut([3, 1, 2] + [0] * 11)
    assert not cut([3, 1] + [0] * 14)  # within a word
    assert cut([3, 1] + [0] * 15)
    words = [1, 2, 0] * 16
    assert not cut(words + [0] * 6)
    assert cut(words + [0] * 7)
    assert cut([1, 2, 0] * 48 + [0])
    assert not cut([1, 2, 0] * 30)


def test_letters_choose_among_the_readings() -> None:
    passes = LexiconPasses(LexiconScorer(LexiconTree(SAID, 4)), Speller())  # type: ignore[arg-type]
    phones = of_path([3, 1, 2, 0, 1, 2])
    phones[0] = np.log([0.3, 0.1, 0.1, 0.5])  # "cab" more likely than "ab"
    for first, text in ((4, "cab ab"), (0, "ab ab")):
        letters = np.log(np.full((6, 5), 0.01) + 0.95 * np.eye(5)[[first, 2, 3, 1, 2, 3]]).astype(np.float32)
        stream = LexiconStream(passes, LETTERS, SPOKEN)
        stream.accept(np.hstack([phones, letters])[:2])
        stream.accept(np.hstack([phones, letters])[2:])
        assert LETTERS.decode(stream.finish().token_ids) == text


@pytest.mark.parametrize("passes", [None, Likelier, Speller], indirect=True)
def test_lexicon_pieces_are_the_same_for_every_chunking(passes: LexiconPasses) -> None:
    rng = np.random.default_rng(3)
    path = [token for count in (3, 20, 40, 2, 5) for token in [*([1, 2, 0, 3, 1, 2, 0] * count), *[0] * 8]]
    log_probs = of_path(path)
    log_probs[rng.integers(0, len(path), 30)] = random_log_probs(rng, 30, 4)
    log_probs = np.hstack([log_probs, random_log_probs(rng, len(path), 5)])
    whole = LexiconStream(passes, LETTERS, SPOKEN)
    expected = [whole.accept(log_probs), whole.finish()]
    assert len(expected[0].token_ids) > 100
    for _ in range(4):
        stream, parts = LexiconStream(passes, LETTERS, SPOKEN), []
        for piece in np.split(log_probs, np.sort(rng.integers(0, len(path), 12))):
            aside = stream.fork()
            aside.accept(piece[::-1])
            parts.append(stream.accept(piece))
            assert len(stream.open.token_ids) >= 0
        parts.append(stream.finish())
        for field in ("token_ids", "start_frames", "end_frames", "log_probs"):
            found, wanted = (np.concatenate([getattr(one, field) for one in of]) for of in (parts, expected))
            np.testing.assert_array_equal(found, wanted)
