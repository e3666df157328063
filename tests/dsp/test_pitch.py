"""Pitch of sounds whose pitch is known; tests/parity/test_pitch.py compares with librosa on speech."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.dsp.pitch import track_pitch
from vivavoce.errors import AudioError, ConfigError

RATE = 16000


def harmonics(f0_hz: np.ndarray, sample_rate: int = RATE, tilt: float = 1.0) -> np.ndarray:
    """A buzz whose pitch at every sample is given."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate
    parts = [np.sin(k * phase + k) / k**tilt * (k * f0_hz < sample_rate / 2.2) for k in range(1, 15)]
    return (0.1 * np.sum(parts, axis=0)).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
@pytest.mark.parametrize("f0_hz", [65.0, 100.0, 151.7, 233.1, 340.0, 480.0])
def test_a_steady_buzz(f0_hz: float, sample_rate: int) -> None:
    track = track_pitch(harmonics(np.full(sample_rate, f0_hz), sample_rate), sample_rate)
    inside = slice(6, -6)
    assert track.voiced[inside].all()
    np.testing.assert_allclose(track.f0_hz[inside], f0_hz, rtol=0.004)
    assert track.periodicity[inside].min() > 0.95


def test_a_pure_tone_and_a_buzz_without_its_fundamental() -> None:
    time = np.arange(RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 220 * time)
    missing = 0.1 * sum(np.sin(2 * np.pi * 150 * k * time + k) for k in range(2, 9))
    for waveform, f0_hz in ((tone, 220.0), (missing, 150.0)):
        track = track_pitch(waveform.astype(np.float32), RATE)
        np.testing.assert_allclose(track.f0_hz[6:-6], f0_hz, rtol=0.005)


def test_a_glide_is_followed_without_delay() -> None:
    f0_hz = np.geomspace(110, 330, 2 * RATE)
    track = track_pitch(harmonics(f0_hz), RATE)
    expected = f0_hz[np.minimum(np.arange(len(track.f0_hz)) * 160, 2 * RATE - 1)]
    np.testing.assert_allclose(track.f0_hz[6:-6], expected[6:-6], rtol=0.02)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)
    assert track_pitch(noise, RATE).voiced.mean() < 0.02
    silent = track_pitch(np.zeros(RATE, np.float32), RATE)
    assert not silent.voiced.any()
    assert not silent.f0_hz.any()
    assert not silent.periodicity.any()


def test_voice_begins_and_ends_where_the_buzz_does() -> None:
    waveform = 0.002 * np.random.default_rng(1).standard_normal(3 * RATE)
    waveform[RATE : 2 * RATE] += harmonics(np.full(RATE, 140.0))
    track = track_pitch(waveform.astype(np.float32), RATE)
    voiced = np.flatnonzero(track.voiced)
    assert abs(voiced[0] - 100) <= 3
    assert abs(voiced[-1] - 200) <= 3
    assert track.voiced[voiced[0] : voiced[-1]].all()


def test_a_buzz_in_noise_keeps_its_pitch() -> None:
    buzz = harmonics(np.full(2 * RATE, 180.0))
    noise = np.random.default_rng(2).standard_normal(2 * RATE) * buzz.std() / 10 ** (5 / 20)
    track = track_pitch((buzz + noise).astype(np.float32), RATE)
    assert track.voiced.mean() > 0.9
    error = np.abs(track.f0_hz[track.voiced] / 180 - 1)
    assert np.median(error) < 0.01
    assert (error < 0.2).all()


@pytest.mark.parametrize("num_samples", [1, 100, 1601])
def test_short_waveforms_have_frames(num_samples: int) -> None:
    track = track_pitch(np.ones(num_samples, np.float32), RATE)
    assert len(track.f0_hz) == len(track.voiced) == len(track.periodicity) == num_samples // 160 + 1


def test_the_hop_and_the_range_are_free() -> None:
    waveform = harmonics(np.full(RATE, 700.0))
    track = track_pitch(waveform, RATE, f_min_hz=300, f_max_hz=1000, hop_seconds=0.005)
    assert track.hop_seconds == 0.005
    assert len(track.f0_hz) == 201
    np.testing.assert_allclose(track.f0_hz[6:-6], 700.0, rtol=0.005)


def test_faults_are_named() -> None:
    with pytest.raises(AudioError, match="shape"):
        track_pitch(np.zeros((2, 100), np.float32), RATE)
    with pytest.raises(AudioError, match="NaN"):
        track_pitch(np.full(1000, np.nan, np.float32), RATE)
    with pytest.raises(ConfigError, match="500-60 Hz"):
        track_pitch(np.zeros(1000, np.float32), RATE, f_min_hz=500, f_max_hz=60)
    with pytest.raises(ConfigError, match="a quarter"):
        track_pitch(np.zeros(1000, np.float32), 1000)
