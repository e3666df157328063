"""Gain, guard, clipping, and the level of speech."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.level import Level, LevelParams, active_power
from vivavoce.errors import ConfigError


@settings(max_examples=50, deadline=None)
@given(st.floats(-40, 30), st.floats(1e-3, 3.0), st.integers(1, 3000), st.integers(0, 1000))
def test_gain_is_what_was_drawn_or_what_fits(gain_db: float, scale: float, num_samples: int, seed: int) -> None:
    waveform = (np.random.default_rng(seed).uniform(-1, 1, num_samples) * scale).astype(np.float32)
    changed = Level().apply(waveform, LevelParams(gain_db))
    assert changed.dtype == np.float32
    peak = np.abs(waveform).max()
    if peak * 10 ** (gain_db / 20) <= 0.999:
        np.testing.assert_allclose(changed, waveform * 10 ** (gain_db / 20), rtol=1e-5)
    else:
        assert np.abs(changed).max() == pytest.approx(0.999, rel=1e-5)
        np.testing.assert_allclose(changed * peak, waveform * np.abs(changed).max(), rtol=1e-4, atol=1e-6)


def test_clipping_cuts_the_peaks_only() -> None:
    waveform = np.sin(np.linspace(0, 20, 4000)).astype(np.float32) * np.float32(0.5)
    clipped = Level().apply(waveform, LevelParams(0.0, 6.0206))
    assert np.abs(clipped).max() == pytest.approx(0.25, rel=1e-4)
    low = np.abs(waveform) < 0.249
    np.testing.assert_array_equal(clipped[low], waveform[low])
    assert np.mean(np.isclose(np.abs(clipped), 0.25)) == pytest.approx(2 / 3, abs=0.02)  # |sin| > 1/2


def test_draws_stay_in_range_and_clip_as_often_as_told() -> None:
    level, rng = Level(-20, 6, clip_probability=0.3, max_clip_db=8), np.random.default_rng(1)
    drawn = [level.draw(rng, 1, 16000) for _ in range(2000)]
    gains = np.array([params.gain_db for params in drawn])
    assert -20 <= gains.min() < -19.5
    assert 5.5 < gains.max() <= 6
    clips = [params.clip_db for params in drawn if params.clip_db is not None]
    assert len(clips) / 2000 == pytest.approx(0.3, abs=0.04)
    assert 0 <= min(clips) <= max(clips) <= 8


def test_silence_and_nothing() -> None:
    assert not Level().apply(np.zeros(100, np.float32), LevelParams(6.0, 3.0)).any()
    assert Level().apply(np.zeros(0, np.float32), LevelParams(6.0)).shape == (0,)


def test_active_power_leaves_pauses_out() -> None:
    rng = np.random.default_rng(2)
    speech = rng.standard_normal(16000).astype(np.float32) * np.float32(0.1)
    with_pauses = np.concatenate([np.zeros(16000, np.float32), speech, np.zeros(32000, np.float32)])
    assert active_power(with_pauses, 16000) == pytest.approx(active_power(speech, 16000), rel=1e-3)
    noisy = with_pauses + rng.standard_normal(len(with_pauses)).astype(np.float32) * np.float32(0.001)
    assert 10 * np.log10(active_power(noisy, 16000) / 0.01) == pytest.approx(0, abs=0.1)
    assert active_power(np.zeros(1000, np.float32), 16000) == 0.0
    assert active_power(np.zeros(0, np.float32), 16000) == 0.0


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="min_db"):
        Level(3, -3)
    with pytest.raises(ConfigError):
        Level(clip_probability=1.5)
