"""The torch twin of the voice's log-mel against dsp.features, and what the losses measure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import ConfigError
from vivavoce.training.mel_losses import SpectralLoss, TorchLogMel

VOICE = FeatureConfig.voice()


@pytest.mark.parametrize("samples", [1025, 5000, 22050])
def test_the_twin_equals_the_features(samples: int) -> None:
    rng = np.random.default_rng(samples)
    waveform = (0.1 * rng.standard_normal(samples) * np.linspace(0, 1, samples) ** 4).astype(np.float32)
    waveform += 0.2 * np.sin(2 * np.pi * 300 * np.arange(samples) / 22050).astype(np.float32)
    expected = features(waveform, VOICE)
    found = TorchLogMel(VOICE)(torch.from_numpy(waveform)[None])[0].numpy()
    assert found.shape == expected.shape
    heard = expected > -6.0  # below it the tone's rounding is as loud as what there is, in both
    assert heard.mean() > 0.5
    assert np.abs(found - expected)[heard].max() < 1e-4
    assert np.abs(np.exp(found) - np.exp(expected)).max() < 1e-5 * np.exp(expected).max()


def test_silence_is_the_floor() -> None:
    assert torch.allclose(TorchLogMel(VOICE)(torch.zeros(1, 4096)), torch.tensor(np.log(1e-5), dtype=torch.float32))


def test_other_features_are_refused() -> None:
    for other in (FeatureConfig(), FeatureConfig.voice(spectrum_power=2), FeatureConfig.voice(win_length=800)):
        with pytest.raises(ConfigError, match="torch twin"):
            TorchLogMel(other)


def test_losses_are_nothing_for_the_same_and_nepers_for_louder() -> None:
    loss = SpectralLoss(VOICE)
    noise = 0.1 * torch.randn(2, 256 * 40, generator=torch.Generator().manual_seed(0))
    assert all(float(value) == 0.0 for value in loss(noise, noise).values())
    louder = loss(noise * 2.0, noise)
    assert float(louder["mel"]) == pytest.approx(np.log(2.0), abs=1e-4)
    assert float(louder["log_magnitude"]) == pytest.approx(np.log(2.0), abs=0.02)  # but for the floor
    assert float(louder["convergence"]) == pytest.approx(1.0, abs=1e-4)


def test_frames_that_disagree_in_phase_are_told_from_those_that_do_not() -> None:
    """The same magnitudes in frames of 1,024, other ones in the loss's windows."""
    loss, time = SpectralLoss(VOICE), torch.arange(256 * 40) / 22050
    tone = 0.3 * torch.sin(2 * torch.pi * 220 * time)[None]
    broken = tone.clone()
    for start in range(0, broken.shape[1], 1024):  # turn the phase at every fourth frame
        broken[:, start : start + 1024] *= 1.0 if start // 1024 % 2 else -1.0
    turned = -tone
    assert float(loss(turned, tone)["log_magnitude"]) < 1e-5
    assert float(loss(broken, tone)["log_magnitude"]) > 0.3
    assert float(loss(broken, tone)["convergence"]) > 0.2


def test_gradients_are_finite_in_silence() -> None:
    made = torch.zeros(1, 256 * 20, requires_grad=True)
    sum(SpectralLoss(VOICE)(made, torch.zeros(1, 256 * 20)).values()).backward()
    assert made.grad is not None
    assert torch.isfinite(made.grad).all()
