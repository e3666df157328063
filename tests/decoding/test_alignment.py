"""Forced alignment against the enumeration of every alignment, and what must hold of any."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding import alignment_search
from vivavoce.decoding.alignment import Alignment, align_tokens, frames_needed
from vivavoce.errors import TextError


def softmax_log_probs(rng: np.random.Generator, frames: int, vocabulary: int, scale: float = 2.0) -> np.ndarray:
    logits = scale * rng.standard_normal((frames, vocabulary))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def spiky_log_probs(
    rng: np.random.Generator, tokens: list[int], frames: int, vocabulary: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sure blanks and sure tokens at known frames, some of which are doubtful or wrong."""
    logits = rng.standard_normal((frames, vocabulary))
    logits[:, 0] += 9.0
    places = 2 * np.sort(rng.choice(frames // 2, len(tokens), replace=False))  # never neighbours: repeats fit
    logits[places, 0] -= 9.0
    logits[places, tokens] += 9.0
    for place in rng.choice(places, len(places) // 10, replace=False):
        logits[place, rng.integers(1, vocabulary)] += 10.0
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), places


def path_of(alignment: Alignment, frames: int, blank_id: int) -> list[int]:
    path = [blank_id] * frames
    for token, start, end in zip(alignment.token_ids, alignment.start_frames, alignment.end_frames, strict=True):
        path[start:end] = [int(token)] * int(end - start)
    return path


def score_of(log_probs: np.ndarray, path: list[int]) -> float:
    return float(log_probs[np.arange(len(path)), path].sum())


def enumerate_alignments(log_probs: np.ndarray, blank_id: int) -> dict[tuple[int, ...], list[tuple[float, list[int]]]]:
    """Of every text the scores and paths of all its alignments, best first."""
    frames, vocabulary = log_probs.shape
    found: dict[tuple[int, ...], list[tuple[float, list[int]]]] = {}
    for path in product(range(vocabulary), repeat=frames):
        tokens = tuple(token for token, _ in groupby(path) if token != blank_id)
        found.setdefault(tokens, []).append((score_of(log_probs, list(path)), list(path)))
    return {tokens: sorted(paths, reverse=True) for tokens, paths in found.items()}


@pytest.mark.parametrize(("frames", "vocabulary"), [(1, 2), (1, 3), (2, 2), (4, 3), (6, 3), (7, 2), (5, 4)])
@pytest.mark.parametrize("blank_id", [0, 1])
def test_every_text_gets_its_best_alignment(frames: int, vocabulary: int, blank_id: int) -> None:
    for seed in range(3):
        log_probs = softmax_log_probs(np.random.default_rng(seed), frames, vocabulary)
        for tokens, paths in enumerate_alignments(log_probs, blank_id).items():
            best, path = paths[0]
            alignment = align_tokens(log_probs.astype(np.float32), tokens, blank_id)
            assert alignment.log_prob == pytest.approx(best, abs=1e-4)
            if len(paths) == 1 or best - paths[1][0] > 1e-4:
                assert path_of(alignment, frames, blank_id) == path


@pytest.mark.parametrize("block_frames", [1, 2, 3])
@pytest.mark.parametrize("beam", [None, 0.0, 2.0])
def test_blocks_and_beams_change_nothing(
    monkeypatch: pytest.MonkeyPatch, block_frames: int, beam: float | None
) -> None:
    monkeypatch.setattr(alignment_search, "BLOCK_FRAMES", block_frames)
    log_probs = softmax_log_probs(np.random.default_rng(9), 6, 3)
    for tokens, paths in enumerate_alignments(log_probs, 0).items():
        alignment = align_tokens(log_probs, tokens, beam=beam)
        assert alignment.log_prob == pytest.approx(paths[0][0], abs=1e-4)
        assert score_of(log_probs, path_of(alignment, 6, 0)) == pytest.approx(paths[0][0], abs=1e-4)


def test_a_beam_that_loses_the_best_path_is_noticed() -> None:
    """Two tokens late in the recording outweigh an early temptation only in the end."""
    log_probs = np.full((2000, 3), -20.0)
    log_probs[:, 0] = 0.0
    log_probs[100] = [-9.0, 0.0, -9.0]  # a false 1: who refuses it is 9 behind for long
    log_probs[1900] = [-20.0, 0.0, -20.0]
    log_probs[1902] = [-20.0, -20.0, 0.0]
    log_probs[300] = [-5.0, -20.0, -1.0]  # a false 2
    for beam in (None, 1.0, 5.0, 50.0):
        alignment = align_tokens(log_probs.astype(np.float32), [1, 2], beam=beam)
        # the false pair costs 1 + 20 + 20 at the true places, the true one 9 + 5
        assert alignment.start_frames.tolist() == [1900, 1902]
        assert alignment.log_prob == pytest.approx(-14.0)


def brute_partial(log_probs: np.ndarray, tokens: tuple[int, ...]) -> float:
    """The least loss against the best token of each frame, over all stretches that hold the text."""
    losses = log_probs - log_probs.max(axis=1, keepdims=True)
    frames = len(losses)
    scores = [
        enumerate_alignments(losses[start:end], 0)[tokens][0][0]
        for start in range(frames)
        for end in range(start + frames_needed(tokens), frames + 1)
    ]
    return max(scores)


@pytest.mark.parametrize("tokens", [(1,), (1, 1), (2, 1), (1, 2, 2)])
@pytest.mark.parametrize(("block_frames", "beam"), [(256, None), (1, None), (2, 1.0), (4, 0.0)])
def test_a_partial_text_takes_the_stretch_that_fits_best(
    monkeypatch: pytest.MonkeyPatch, tokens: tuple[int, ...], block_frames: int, beam: float | None
) -> None:
    monkeypatch.setattr(alignment_search, "BLOCK_FRAMES", block_frames)
    for seed in range(3):
        log_probs = softmax_log_probs(np.random.default_rng(seed), 6, 3)
        losses = log_probs - log_probs.max(axis=1, keepdims=True)
        alignment = align_tokens(log_probs, tokens, partial=True, beam=beam)
        first, last = int(alignment.start_frames[0]), int(alignment.end_frames[-1])
        path = path_of(alignment, 6, 0)
        assert score_of(losses[first:last], path[first:last]) == pytest.approx(
            brute_partial(log_probs, tokens), abs=1e-4
        )
        assert alignment.log_prob == pytest.approx(score_of(log_probs[first:last], path[first:last]), abs=1e-4)


def test_a_part_is_found_within_other_speech() -> None:
    rng = np.random.default_rng(3)
    tokens = rng.integers(1, 29, 300).tolist()
    log_probs, places = spiky_log_probs(rng, tokens, 1500, 29)
    alignment = align_tokens(log_probs, tokens[100:160], partial=True)
    assert np.mean(alignment.start_frames == places[100:160]) > 0.9
    whole = align_tokens(log_probs, tokens[100:160])
    assert whole.log_prob < alignment.log_prob - 500  # which must call the other 240 tokens blank
    # a text without surroundings is the same with and without them
    part = log_probs[places[100] : places[159] + 1]
    assert path_of(align_tokens(part, tokens[100:160], partial=True), len(part), 0) == path_of(
        align_tokens(part, tokens[100:160]), len(part), 0
    )


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.lists(st.integers(1, 4), max_size=12),
    spare=st.integers(0, 30),
    seed=st.integers(0, 1000),
    partial=st.booleans(),
)
def test_what_holds_of_every_alignment(tokens: list[int], spare: int, seed: int, partial: bool) -> None:
    frames = max(1, frames_needed(tokens) + spare)
    log_probs = softmax_log_probs(np.random.default_rng(seed), frames, 5).astype(np.float32)
    found = align_tokens(log_probs, tokens, partial=partial)
    assert found.token_ids.tolist() == tokens
    starts, ends = found.start_frames, found.end_frames
    assert len(starts) == len(ends) == len(found.log_probs) == len(tokens)
    assert np.all(starts < ends)
    assert np.all(starts >= 0)
    assert np.all(ends <= frames)
    gaps = starts[1:] - ends[:-1]
    assert np.all(gaps >= np.equal(tokens[1:], tokens[:-1]))  # a blank between equal neighbours
    assert np.all((found.confidences >= 0) & (found.confidences <= 1))
    for token, start, end, mean in zip(tokens, starts, ends, found.log_probs, strict=True):
        assert mean == pytest.approx(log_probs[start:end, token].mean(), abs=1e-4)
    if not partial:
        assert found.log_prob == pytest.approx(score_of(log_probs, path_of(found, frames, 0)), abs=1e-3)


def test_tokens_are_found_where_they_were_spoken() -> None:
    rng = np.random.default_rng(5)
    tokens = rng.integers(1, 29, 900).tolist()
    log_probs, places = spiky_log_probs(rng, tokens, 3000, 29)
    alignment = align_tokens(log_probs.astype(np.float32), tokens)
    assert np.mean(alignment.start_frames == places) > 0.99


def test_no_tokens_are_all_blank() -> None:
    log_probs = softmax_log_probs(np.random.default_rng(1), 10, 4)
    assert align_tokens(log_probs, []).log_prob == pytest.approx(log_probs[:, 0].sum())
    assert align_tokens(log_probs, [], partial=True).log_prob == 0.0
    assert len(align_tokens(np.zeros((0, 4)), []).token_ids) == 0


def test_a_text_that_just_fits_and_one_that_does_not() -> None:
    log_probs = softmax_log_probs(np.random.default_rng(1), 5, 4)
    alignment = align_tokens(log_probs, [1, 1, 2, 3])
    assert alignment.start_frames.tolist() == [0, 2, 3, 4]
    for partial in (False, True):
        with pytest.raises(TextError, match="needs at least 6 frames; the recording has 5"):
            align_tokens(log_probs, [1, 1, 2, 2], partial=partial)
    with pytest.raises(TextError, match="has 0"):
        align_tokens(np.zeros((0, 4)), [1])


def test_impossible_tokens_are_avoided_or_told() -> None:
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.5, 0.5, 0.0], [0.1, 0.0, 0.9], [0.0, 0.9, 0.1], [1.0, 0.0, 0.0]]))
    assert align_tokens(log_probs, [1]).log_prob == pytest.approx(np.log(0.5 * 0.1 * 0.9))
    alignment = align_tokens(log_probs, [2, 2])
    assert alignment.log_prob == -np.inf
    assert alignment.confidences.min() >= 0.0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        align_tokens(np.zeros(5), [1])
    with pytest.raises(ValueError, match="expected"):
        align_tokens(np.zeros((5, 3)), [1], blank_id=3)
    for tokens in ([3], [-1], [0], [[1]]):
        with pytest.raises(ValueError, match="without the blank"):
            align_tokens(np.zeros((5, 3)), tokens)
    for value in (np.nan, np.inf):
        log_probs = np.zeros((5, 3))
        log_probs[3, 1] = value
        with pytest.raises(ValueError, match="frame 3"):
            align_tokens(log_probs, [1])
    with pytest.raises(ValueError, match="frame 0"):
        align_tokens(np.full((5, 3), -np.inf), [1])


HOUR_IN_SMALL = """
import numpy as np, sys
from vivavoce.decoding.alignment import align_tokens
def peak_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
rng = np.random.default_rng(0)
frames, length = 18_000, 9_000
log_probs = rng.standard_normal((frames, 29)).astype(np.float32)
tokens = np.arange(length) % 28 + 1
align_tokens(log_probs[:300], tokens[:100])
before = peak_kb()
found = align_tokens(log_probs, tokens, beam=10.0)
assert found.end_frames[-1] <= frames
print((peak_kb() - before) / 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_memory_is_a_small_part_of_the_table() -> None:
    """The worst case, a text that does not fit at all: 18,000 by 18,001 states would be 324 MB at a byte each."""
    done = subprocess.run([sys.executable, "-c", HOUR_IN_SMALL], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 16.0
