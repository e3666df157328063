"""The aligner against enumeration: its loss and its search over every monotonic alignment of small cases."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from vivavoce.errors import ConfigError, ModelError
from vivavoce.models.aligner import (
    IMPOSSIBLE,
    Aligner,
    AlignerDims,
    best_durations,
    binarisation_loss,
    forward_sum_loss,
    log_prior,
    log_priors,
)


def all_durations(frames: int, tokens: int) -> list[list[int]]:
    """Every way to share out frames among tokens, one or more each."""
    return [
        list(np.diff([0, *cuts, frames])) for cuts in combinations(range(1, frames), tokens - 1)
    ]  # fmt: skip


def score(log_probs: np.ndarray, durations: list[int]) -> float:
    owners = np.repeat(np.arange(len(durations)), durations)
    return float(log_probs[np.arange(len(owners)), owners].astype(np.float64).sum())


def random_batch(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens, frames = torch.tensor([4, 1, 5, 3]), torch.tensor([9, 6, 5, 8])
    scores = 2.0 * torch.randn(4, 9, 5, generator=generator)
    scores.masked_fill_(torch.arange(5) >= tokens[:, None, None], IMPOSSIBLE)
    return torch.log_softmax(scores, -1).clamp(min=IMPOSSIBLE), tokens, frames


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_forward_sum_is_the_sum_over_all_alignments(seed: int) -> None:
    log_probs, tokens, frames = random_batch(seed)
    expected = []
    for row, u, t in zip(log_probs.numpy(), tokens.tolist(), frames.tolist(), strict=True):
        expected.append(-np.logaddexp.reduce([score(row[:t], ways) for ways in all_durations(t, u)]) / t)
    assert float(forward_sum_loss(log_probs, tokens, frames)) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_search_finds_the_best_of_all_alignments(seed: int) -> None:
    log_probs, tokens, frames = random_batch(seed)
    found = best_durations(log_probs.numpy(), tokens.numpy(), frames.numpy())
    for row, durations, u, t in zip(log_probs.numpy(), found, tokens.tolist(), frames.tolist(), strict=True):
        best = max(all_durations(t, u), key=lambda ways: score(row[:t], ways))
        assert durations[:u].tolist() == best
        assert not durations[u:].any()


def test_more_tokens_than_frames_is_refused() -> None:
    with pytest.raises(ModelError, match="5 tokens do not fit into 4 frames"):
        best_durations(np.zeros((1, 4, 5), np.float32), np.array([5]), np.array([4]))


def test_binarisation_loss_reads_the_alignments_own_tokens() -> None:
    log_probs, tokens, frames = random_batch(5)
    durations = torch.from_numpy(best_durations(log_probs.numpy(), tokens.numpy(), frames.numpy()))
    total = sum(
        score(row[:t], d[:u].tolist())
        for row, d, u, t in zip(log_probs.numpy(), durations, tokens.tolist(), frames.tolist(), strict=True)
    )
    assert float(binarisation_loss(log_probs, durations, frames)) == pytest.approx(
        -total / float(frames.sum()), rel=1e-5
    )


def test_prior_is_a_distribution_along_the_diagonal() -> None:
    prior = np.exp(log_prior(40, 11))
    assert prior.shape == (40, 11)
    np.testing.assert_allclose(prior.sum(1), 1.0, atol=1e-5)
    middles = prior.argmax(1)
    assert (middles[0], middles[-1]) == (0, 10)
    assert (np.diff(middles) >= 0).all()
    # One frame and two tokens: a fair coin.
    np.testing.assert_allclose(np.exp(log_prior(1, 2)), [[0.5, 0.5]], atol=1e-6)
    batch = log_priors(torch.tensor([11, 3]), torch.tensor([40, 7]))
    np.testing.assert_array_equal(batch[1, :7, :3], log_prior(7, 3))
    assert batch.shape == (2, 40, 11)
    assert not batch[1, 7:].any()
    with pytest.raises(ConfigError, match="expected sizes"):
        log_prior(0, 3)


def test_padding_does_not_change_a_row() -> None:
    torch.manual_seed(1)
    net = Aligner(AlignerDims(n_tokens=20, n_features=6, width=16, n_common=8)).eval()
    tokens, mel = torch.randint(1, 20, (2, 7)), torch.randn(2, 15, 6)
    tokens[1, 5:], mel[1, 11:] = 0, 0.0
    lengths = torch.tensor([7, 5])
    with torch.inference_mode():
        together = net(tokens, mel, lengths, torch.zeros(2, 15, 7))
        alone = net(tokens[1:, :5], mel[1:, :11], lengths[1:], torch.zeros(1, 11, 5))
    np.testing.assert_allclose(together[1, :11, :5].exp(), alone[0].exp(), atol=1e-6)
    np.testing.assert_allclose(together[1, :11].exp().sum(-1), 1.0, atol=1e-5)


def test_it_learns_to_tell_sounds_apart() -> None:
    """Six kinds of sound, a vector each with noise: with a window of where each may be, its loss all but vanishes.

    Nothing in the loss says where exactly a boundary is; training/duration_refinement.py finds that.
    """
    rng = np.random.default_rng(0)
    sounds = rng.standard_normal((7, 10)).astype(np.float32)
    texts = np.stack([rng.permutation(np.arange(1, 7)) for _ in range(12)])
    lasts = rng.integers(4, 9, (12, 6))
    rows = [torch.from_numpy(sounds[np.repeat(text, last)]) for text, last in zip(texts, lasts, strict=True)]
    mel = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths, frames = torch.full((12,), 6), torch.from_numpy(lasts.sum(1))
    ends = lasts.cumsum(1)[:, None, :]
    frame = np.arange(mel.shape[1])[None, :, None]
    outside = (frame < ends - lasts[:, None, :] - 2) | (frame >= ends + 2)
    prior = torch.from_numpy(-50.0 * outside.astype(np.float32))
    torch.manual_seed(0)
    net = Aligner(AlignerDims(n_tokens=7, n_features=10, width=16, n_common=8, sharpness=0.05))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        log_probs = net(torch.from_numpy(texts), mel, lengths, prior)
        loss = forward_sum_loss(log_probs, lengths, frames)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    found = best_durations(log_probs.detach().numpy(), lengths.numpy(), frames.numpy())
    assert np.abs(found.cumsum(1) - lasts.cumsum(1)).max() <= 2
