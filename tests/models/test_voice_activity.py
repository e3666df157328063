"""The activity network: whole against chunked, causal, its size, its loss against a loop, a task that is learned."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.errors import ConfigError
from vivavoce.models.voice_activity import ActivityDims, VoiceActivityNet, activity_loss

DIMS = ActivityDims(n_features=6, width=8, dilations=(1, 2, 5), lookahead_frames=2)


def network(dims: ActivityDims = DIMS) -> VoiceActivityNet:
    torch.manual_seed(1)
    net = VoiceActivityNet(dims).eval()
    net.set_normalisation(torch.randn(dims.n_features), torch.rand(dims.n_features) + 0.5)
    return net


def features(batch: int, frames: int, width: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, frames, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
@torch.inference_mode()
def test_chunks_with_carried_state_equal_the_whole(counts: list[int]) -> None:
    net, x = network(), features(2, sum(counts))
    whole = net(x)
    state, pieces = net.initial_state(2), []
    for piece in x.split(counts, dim=1):
        output = net(piece, state)
        state = output.state
        pieces.append(output.logits)
    torch.testing.assert_close(torch.cat(pieces, 1), whole.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(state.blocks, whole.state.blocks, atol=1e-5, rtol=0)
    torch.testing.assert_close(state.features, whole.state.features, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_past_alone_counts_and_ends_where_the_dims_say() -> None:
    net, x = network(), features(1, 60)
    changed = x.clone()
    changed[:, 20] += 3.0
    before, after = net(x).logits[0], net(changed).logits[0]
    reach = DIMS.past_frames + 2  # the front end looks two frames back
    assert torch.equal(before[:20], after[:20])
    assert (before[20 : 20 + reach + 1] - after[20 : 20 + reach + 1]).abs().min() > 0
    torch.testing.assert_close(before[20 + reach + 1 :], after[20 + reach + 1 :], atol=1e-6, rtol=0)


def test_the_default_network_is_small() -> None:
    dims = ActivityDims()
    assert sum(p.numel() for p in VoiceActivityNet(dims).parameters()) <= 60_000
    assert 2.0 <= dims.past_frames / 100 <= 3.0


def test_the_loss_is_that_of_a_loop() -> None:
    logits, speech = features(2, 9, 1)[..., 0], torch.randint(0, 2, (2, 9))
    weights = torch.rand(2, 9)
    weights[1, :4] = 0.0
    total = weight = 0.0
    for row in range(2):
        for frame in range(9 - 2):
            probability = 1 / (1 + math.exp(-float(logits[row, frame + 2])))
            likelihood = probability if speech[row, frame] else 1 - probability
            total -= float(weights[row, frame]) * math.log(likelihood)
            weight += float(weights[row, frame])
    assert float(activity_loss(logits, speech, weights, 2)) == pytest.approx(total / weight, rel=1e-5)
    assert float(activity_loss(logits, speech, torch.zeros(2, 9), 2)) == 0.0


def test_it_learns_a_late_answer() -> None:
    """Frame t is positive where a feature two frames later is: only a network that waits can know."""
    torch.manual_seed(0)
    net = VoiceActivityNet(DIMS)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    x = features(8, 50, seed=3)
    speech = torch.zeros(8, 50)
    speech[:, :-2] = (x[:, 2:, 0] > 0).float()
    for _ in range(150):
        loss = activity_loss(net(x).logits, speech, torch.ones(8, 50), 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert float(loss.detach()) < 0.15


def test_impossible_dims() -> None:
    for wrong in ({"width": 0}, {"dilations": (1, 0)}, {"dilations": ()}, {"lookahead_frames": -1}):
        with pytest.raises(ConfigError, match="expected sizes"):
            ActivityDims(**wrong)
