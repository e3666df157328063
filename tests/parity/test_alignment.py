"""Forced alignment against two other definitions: the textbook's state graph, and PyTorch's sum over all alignments.

The first is the dynamic programme that torchaudio's `forced_align` documents: 2 U + 1 states, blanks between the tokens
and at both ends; a state is reached from itself, the one before it, and the one before that unless it is a blank or the
same token. It is written here from the paper, cell by cell in float64.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.decoding import alignment_search
from vivavoce.decoding.alignment import align_tokens, frames_needed


def state_graph(log_probs: np.ndarray, tokens: list[int], blank_id: int) -> tuple[float, list[int]]:
    """Score and frame labels of the best alignment; Graves et al. 2006, section 4.1, with the maximum for the sum."""
    labels = [blank_id]
    for token in tokens:
        labels += [token, blank_id]
    # Two columns before the first state's: a path begins in the second of them, before the first frame.
    scores = np.full((len(log_probs) + 1, len(labels) + 2), -np.inf)
    scores[0, 1] = 0.0
    steps = np.zeros((len(log_probs), len(labels)), int)
    for frame, row in enumerate(log_probs):
        for state, label in enumerate(labels):
            may_skip = label != blank_id and (state < 2 or label != labels[state - 2])
            ways = [scores[frame, state + 2], scores[frame, state + 1], scores[frame, state] if may_skip else -np.inf]
            steps[frame, state] = int(np.argmax(ways))
            scores[frame + 1, state + 2] = max(ways) + row[label]
    state = len(labels) - 1 - int(scores[-1, -2] > scores[-1, -1])
    best, path = scores[-1, state + 2], []
    for frame in range(len(log_probs) - 1, -1, -1):
        path.append(labels[state])
        state -= steps[frame, state]
    return float(best), path[::-1]


def random_case(rng: np.random.Generator, spikes: bool) -> tuple[np.ndarray, list[int], int]:
    """(T, V) log_probs, tokens that fit into them, and the blank; with spikes, mostly sure blanks."""
    frames, vocabulary = int(rng.integers(20, 90)), int(rng.integers(3, 9))
    blank_id = int(rng.integers(vocabulary))
    logits = 2.0 * rng.standard_normal((frames, vocabulary))
    if spikes:
        logits[rng.random(frames) < 0.7, blank_id] += 8.0
    others = [token for token in range(vocabulary) if token != blank_id]
    tokens = [int(token) for token in rng.choice(others, frames)]
    while frames_needed(tokens) > frames * rng.uniform(0.2, 1.0):
        tokens.pop()
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), tokens, blank_id


@pytest.mark.parametrize("spikes", [False, True])
@pytest.mark.parametrize("block_frames", [5, 16, 256])
def test_paths_are_those_of_the_state_graph(monkeypatch: pytest.MonkeyPatch, block_frames: int, spikes: bool) -> None:
    monkeypatch.setattr(alignment_search, "BLOCK_FRAMES", block_frames)
    for seed in range(15):
        rng = np.random.default_rng(seed)
        log_probs, tokens, blank_id = random_case(rng, spikes)
        best, path = state_graph(log_probs, tokens, blank_id)
        for beam in (None, float(rng.uniform(0, 30))):
            found = align_tokens(log_probs.astype(np.float32), tokens, blank_id, beam=beam)
            assert found.log_prob == pytest.approx(best, abs=1e-3)
            ours = [blank_id] * len(log_probs)
            for token, start, end in zip(tokens, found.start_frames, found.end_frames, strict=True):
                ours[start:end] = [token] * int(end - start)
            # of random numbers no two alignments are equally likely
            assert ours == path


def test_no_alignment_outweighs_torchs_sum_over_all() -> None:
    rng = np.random.default_rng(2)
    for scale, gap in ((1.0, np.inf), (400.0, 0.01)):  # when all is sure, one alignment is the sum
        logits = scale * rng.standard_normal((60, 6))
        log_probs = torch.from_numpy(logits).log_softmax(dim=1)
        tokens = [1, 2, 2, 5, 3, 1]
        total = -torch.nn.functional.ctc_loss(
            log_probs[:, None], torch.tensor([tokens]), torch.tensor([60]), torch.tensor([6]), reduction="sum"
        ).item()
        best = align_tokens(log_probs.numpy(), tokens).log_prob
        assert total - gap <= best <= total + 1e-3
