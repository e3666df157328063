"""Speed: length, pitch and edge cases. Against soxr itself: tests/parity/test_augment.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.speed import Speed, change_speed
from vivavoce.errors import AudioError, ConfigError


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5000), st.sampled_from([0.9, 1.0, 1.1, 0.8, 1.25]), st.integers(0, 100))
def test_length_and_type(num_samples: int, factor: float, seed: int) -> None:
    waveform = np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32)
    changed = change_speed(waveform, factor)
    assert changed.dtype == np.float32
    assert abs(len(changed) - num_samples / factor) <= 1
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_tone_moves_by_the_factor(factor: float) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    changed = change_speed(tone, factor)
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed)), 1 << 18))
    assert np.argmax(spectrum) * 16000 / (1 << 18) == pytest.approx(1000 * factor, abs=0.5)
    assert np.abs(changed[2000:-2000]).max() == pytest.approx(1.0, abs=2e-3)


def test_silence_stays_silence_and_one_is_a_copy() -> None:
    assert not change_speed(np.zeros(1000, np.float32), 1.1).any()
    waveform = np.ones(10, np.float32)
    assert np.array_equal(change_speed(waveform, 1.0), waveform)
    assert change_speed(waveform, 1.0) is not waveform


def test_every_factor_is_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = [Speed().draw(rng, 16000, 16000).factor for _ in range(600)]
    assert {factor: drawn.count(factor) > 150 for factor in (0.9, 1.0, 1.1)} == {0.9: True, 1.0: True, 1.1: True}


def test_faults_are_named() -> None:
    with pytest.raises(ConfigError, match="5"):
        change_speed(np.zeros(10, np.float32), 5.0)
    with pytest.raises(AudioError, match=r"\(2, 10\).*mono"):
        change_speed(np.zeros((2, 10), np.float32), 1.1)
    with pytest.raises(AudioError, match="int16"):
        change_speed(np.zeros(10, np.int16), 1.1)
    with pytest.raises(ConfigError):
        Speed(())
