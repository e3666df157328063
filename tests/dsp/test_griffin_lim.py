"""A waveform from magnitudes alone."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.dsp.griffin_lim import griffin_lim
from vivavoce.dsp.stft import StftConfig, stft
from vivavoce.errors import AudioError, ConfigError

CONFIG = StftConfig(512, 128)


def chord(num_samples: int = 16000) -> np.ndarray:
    time = np.arange(num_samples) / 16000
    glide = np.sin(2 * np.pi * (300 * time + 200 * time**2)) + 0.5 * np.sin(2 * np.pi * 1234 * time)
    return (0.2 * glide * np.hanning(num_samples)).astype(np.float32)


def inconsistency(waveform: np.ndarray, magnitudes: np.ndarray) -> float:
    got = np.abs(stft(waveform, CONFIG))
    return float(np.linalg.norm(got - magnitudes) / np.linalg.norm(magnitudes))


def test_iterations_bring_the_magnitudes_nearer() -> None:
    magnitudes = np.abs(stft(chord(), CONFIG))
    errors = [inconsistency(griffin_lim(magnitudes, CONFIG, count), magnitudes) for count in (1, 8, 64)]
    assert errors[0] > 1.5 * errors[1] > 3 * errors[2]
    assert errors[2] < 0.1


def test_momentum_is_faster_than_the_original() -> None:
    magnitudes = np.abs(stft(chord(), CONFIG))
    slow = inconsistency(griffin_lim(magnitudes, CONFIG, 32, momentum=0.0), magnitudes)
    fast = inconsistency(griffin_lim(magnitudes, CONFIG, 32), magnitudes)
    assert fast < slow


def test_the_same_generator_gives_the_same_waveform() -> None:
    magnitudes = np.abs(stft(chord(), CONFIG))
    first = griffin_lim(magnitudes, CONFIG, 2, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(first, griffin_lim(magnitudes, CONFIG, 2, rng=np.random.default_rng(5)))
    assert not np.array_equal(first, griffin_lim(magnitudes, CONFIG, 2, rng=np.random.default_rng(6)))


@pytest.mark.parametrize("num_samples", [15900, 16000, 16050])
def test_the_length_is_the_one_wanted(num_samples: int) -> None:
    magnitudes = np.abs(stft(chord(), CONFIG))
    result = griffin_lim(magnitudes, CONFIG, 2, num_samples=num_samples)
    assert result.shape == (num_samples,)
    assert result.dtype == np.float32


def test_faults_are_named() -> None:
    magnitudes = np.ones((5, 257), np.float32)
    with pytest.raises(AudioError, match="negative"):
        griffin_lim(-magnitudes, CONFIG)
    with pytest.raises(AudioError, match=r"\(5, 200\)"):
        griffin_lim(magnitudes[:, :200], CONFIG)
    with pytest.raises(ConfigError, match="centred"):
        griffin_lim(magnitudes, StftConfig(512, 128, centred=False))
    with pytest.raises(ConfigError, match="momentum"):
        griffin_lim(magnitudes, CONFIG, momentum=1.5)
