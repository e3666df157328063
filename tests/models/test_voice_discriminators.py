"""Discriminators: views of the same waveform, losses of known value, and that they can learn to tell."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vivavoce.models.voice_discriminators import (
    DiscriminatorDims,
    PeriodDiscriminator,
    VoiceDiscriminators,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)

DIMS = DiscriminatorDims(periods=(2, 3), period_widths=(4, 8), n_ffts=(256,), spectrum_width=4)


def told(*scores: float, feature: float = 1.0) -> list[tuple[Tensor, list[Tensor]]]:
    return [(torch.full((2, 3), score), [torch.full((2, 5), feature)]) for score in scores]


def test_every_view_gives_scores_and_features() -> None:
    judges = VoiceDiscriminators(DIMS)
    verdicts = judges(torch.randn(3, 4096))
    assert len(verdicts) == 3
    assert [len(features) for _, features in verdicts] == [2, 2, 4]
    assert all(scores.shape[0] == 3 and torch.isfinite(scores).all() for scores, _ in verdicts)


def test_a_row_is_judged_alone() -> None:
    judges, waveforms = VoiceDiscriminators(DIMS), torch.randn(3, 4096)
    for (together, _), (alone, _) in zip(judges(waveforms), judges(waveforms[1:2]), strict=True):
        assert torch.allclose(together[1], alone[0], atol=1e-5)


def test_a_period_view_sees_every_period_th_sample() -> None:
    view, waveform = PeriodDiscriminator(5, (4,)), torch.zeros(1, 500)
    waveform[0, 3::5] = 1.0
    before, after = view(torch.zeros(1, 500))[0].view(5, -1), view(waveform)[0].view(5, -1)
    assert torch.equal(before[[0, 1, 2, 4]], after[[0, 1, 2, 4]])
    assert not torch.equal(before[3], after[3])


def test_losses_have_their_values() -> None:
    assert discriminator_loss(told(1.0, 1.0), told(0.0, 0.0)) == 0.0
    assert discriminator_loss(told(0.5), told(0.5)) == pytest.approx(0.5)
    assert adversarial_loss(told(1.0, 0.0)) == pytest.approx(0.5)
    assert feature_matching_loss(told(0.0, feature=2.0), told(0.0, feature=3.0)) == pytest.approx(0.5)
    assert feature_matching_loss(told(0.0), told(0.0)) == 0.0


def test_they_learn_to_tell() -> None:
    torch.manual_seed(0)
    judges = VoiceDiscriminators(DIMS)
    optimizer = torch.optim.AdamW(judges.parameters(), lr=1e-2)
    time = torch.arange(2048) / 22050
    for _ in range(25):
        hum = torch.sin(2 * torch.pi * (100 + 400 * torch.rand(4, 1)) * time)
        loss = discriminator_loss(judges(hum), judges(0.7 * torch.randn(4, 2048)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3  # 0.5 is what one who cannot tell gets
