"""Prefix beam search against the enumeration of every alignment, and against torch's CTC loss."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest
import torch

from vivavoce.decoding.ctc_beam import ctc_beam
from vivavoce.decoding.ctc_greedy import ctc_greedy

EXACT = {"beam_size": 100_000, "token_floor": 0.0, "beam_floor": 0.0, "blank_ceiling": 1.0}


def softmax_log_probs(rng: np.random.Generator, frames: int, vocabulary: int, scale: float = 1.0) -> np.ndarray:
    logits = scale * rng.standard_normal((frames, vocabulary))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def spiky_log_probs(rng: np.random.Generator, frames: int, vocabulary: int) -> np.ndarray:
    """As a trained recogniser's: mostly sure blanks, with tokens in between, some of them doubtful."""
    logits = rng.standard_normal((frames, vocabulary))
    logits[:, 0] += 11.0
    for frame in rng.choice(frames, frames // 3, replace=False):
        token = rng.integers(1, vocabulary)
        logits[frame, 0] -= 11.0
        logits[frame, token] += 9.0
        if rng.random() < 0.3:
            logits[frame, rng.integers(0, vocabulary)] += 8.5
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def enumerate_texts(log_probs: np.ndarray, blank_id: int) -> dict[tuple[int, ...], float]:
    frames, vocabulary = log_probs.shape
    totals: dict[tuple[int, ...], float] = defaultdict(float)
    for path in product(range(vocabulary), repeat=frames):
        tokens = tuple(token for token, _ in groupby(path) if token != blank_id)
        totals[tokens] += float(np.exp(sum(log_probs[frame, token] for frame, token in enumerate(path))))
    return totals


@pytest.mark.parametrize(("frames", "vocabulary"), [(1, 2), (1, 4), (3, 3), (5, 3), (6, 4), (8, 2)])
@pytest.mark.parametrize("blank_id", [0, 1])
def test_a_wide_beam_equals_the_enumeration(frames: int, vocabulary: int, blank_id: int) -> None:
    for seed in range(5):
        log_probs = softmax_log_probs(np.random.default_rng(seed), frames, vocabulary, scale=1.5)
        expected = enumerate_texts(log_probs, blank_id)
        found = ctc_beam(log_probs, blank_id, **EXACT)
        assert {result.token_ids for result in found} == set(expected)
        for result in found:
            assert np.exp(result.log_prob) == pytest.approx(expected[result.token_ids], rel=1e-9)
        order = [result.log_prob for result in found]
        assert order == sorted(order, reverse=True)
        assert sum(np.exp(order)) == pytest.approx(1.0)


def test_the_probability_of_a_text_is_that_of_torchs_ctc_loss() -> None:
    log_probs = spiky_log_probs(np.random.default_rng(5), 80, 29)
    best = ctc_beam(log_probs, beam_size=100, token_floor=0.0, beam_floor=0.0, blank_ceiling=1.0)[0]
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs)[:, None],
        torch.tensor([best.token_ids]),
        torch.tensor([80]),
        torch.tensor([len(best.token_ids)]),
        reduction="sum",
    )
    assert best.log_prob == pytest.approx(-loss.item(), abs=1e-3)


def test_several_alignments_outweigh_the_best_path() -> None:
    log_probs = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert ctc_greedy(log_probs).token_ids.tolist() == []
    best, second = ctc_beam(log_probs)
    assert best.token_ids == (1,)
    assert np.exp(best.log_prob) == pytest.approx(0.64)
    assert second.token_ids == ()
    assert np.exp(second.log_prob) == pytest.approx(0.36)


def test_the_shortcuts_keep_the_best_text() -> None:
    for seed in range(6):
        log_probs = spiky_log_probs(np.random.default_rng(seed), 120, 29)
        exact = ctc_beam(log_probs, beam_size=50, token_floor=0.0, beam_floor=0.0, blank_ceiling=1.0)[0]
        quick = ctc_beam(log_probs)[0]
        assert quick.token_ids == exact.token_ids
        assert quick.log_prob == pytest.approx(exact.log_prob, abs=0.05)


def test_a_long_utterance_neither_underflows_nor_loses_its_order() -> None:
    log_probs = softmax_log_probs(np.random.default_rng(7), 3000, 5, scale=3.0).astype(np.float32)
    found = ctc_beam(log_probs, beam_size=8)
    assert len(found) == 8
    assert all(np.isfinite(result.log_prob) for result in found)
    assert found[0].log_prob >= log_probs.max(axis=1).sum() - 1e-3  # at least its best alignment


def test_no_frames_and_sure_silence_give_the_empty_text() -> None:
    empty = ctc_beam(np.zeros((0, 3)))
    assert [(result.token_ids, result.log_prob) for result in empty] == [((), 0.0)]
    silence = np.log(np.repeat([[1 - 2e-6, 1e-6, 1e-6]], 50, axis=0))
    best = ctc_beam(silence)[0]
    assert best.token_ids == ()
    assert best.log_prob == pytest.approx(-1e-4, rel=1e-3)


def test_impossible_tokens_may_be_minus_infinity() -> None:
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]))
    found = ctc_beam(log_probs, blank_ceiling=1.0)
    assert {result.token_ids: round(float(np.exp(result.log_prob)), 9) for result in found} == {
        (1,): 0.5,
        (2,): 0.25,
        (1, 2): 0.25,
    }


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        ctc_beam(np.zeros(5))
    with pytest.raises(ValueError, match="expected"):
        ctc_beam(np.zeros((5, 3)), blank_id=3)
    with pytest.raises(ValueError, match="expected"):
        ctc_beam(np.zeros((5, 3)), beam_size=0)
    with pytest.raises(ValueError, match="distribution"):
        ctc_beam(np.full((5, 3), -np.inf))
