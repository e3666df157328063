"""Tempo keeps the pitch, pitch keeps the tempo, and neither adds noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.pitch import Pitch, PitchParams, change_pitch
from vivavoce.augment.tempo import Tempo, TempoParams, change_tempo
from vivavoce.errors import ConfigError

RATE = 16000


def vowel(f0_hz: float, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = np.arange(1, int(4000 / f0_hz))[:, None]
    return (np.sin(2 * np.pi * f0_hz * harmonics * time + harmonics) / harmonics).sum(axis=0).astype(np.float32) * 0.2


def off_harmonic_db(waveform: np.ndarray, f0_hz: float) -> float:
    """Power more than 4 Hz away from every harmonic, relative to all of it."""
    inner = waveform[3000:-3000].astype(np.float64)
    power = np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2
    hertz = np.fft.rfftfreq(len(inner), 1 / RATE)
    far = np.abs(hertz - f0_hz * np.rint(hertz / f0_hz)) > 4.0
    return float(10 * np.log10(power[far].sum() / power.sum()))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 20000), st.floats(0.4, 2.5), st.integers(0, 100))
def test_length_type_and_finiteness(num_samples: int, factor: float, seed: int) -> None:
    waveform = np.random.default_rng(seed).uniform(-0.5, 0.5, num_samples).astype(np.float32)
    changed = change_tempo(waveform, factor)
    assert changed.dtype == np.float32
    assert changed.shape == (round(num_samples / factor),)
    assert np.isfinite(changed).all()
    assert np.abs(changed).max(initial=0) <= 0.5 * np.sqrt(2)


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
@pytest.mark.parametrize("f0_hz", [80.0, 130.0, 240.0])
def test_harmonics_stay_where_they_are(f0_hz: float, factor: float) -> None:
    waveform = vowel(f0_hz)
    changed = change_tempo(waveform, factor)
    assert off_harmonic_db(waveform, f0_hz) < -55
    assert off_harmonic_db(changed, f0_hz) < -35
    assert np.std(changed) == pytest.approx(np.std(waveform), rel=0.02)


@pytest.mark.parametrize("factor", [0.7, 0.9, 1.1, 1.5])
def test_moments_come_when_they_should(factor: float) -> None:
    rng = np.random.default_rng(1)
    waveform = (rng.standard_normal(3 * RATE) * 1e-4).astype(np.float32)
    moments = np.array([0.4, 1.1, 1.9, 2.6])
    for moment in moments:
        start = int(moment * RATE)
        waveform[start : start + 800] += vowel(150, 0.05)[:800]
    changed = change_tempo(waveform, factor)
    loud = np.convolve(changed**2, np.ones(400) / 400, "same") > 1e-3
    onsets = np.flatnonzero(np.diff(loud.astype(int)) == 1) / RATE
    assert len(onsets) == len(moments)
    np.testing.assert_allclose(onsets, moments / factor, atol=0.03)


@pytest.mark.parametrize("semitones", [-3.0, -1.0, 1.0, 2.5])
def test_pitch_moves_and_length_stays(semitones: float) -> None:
    waveform = vowel(130.0)
    changed = change_pitch(waveform, semitones)
    assert changed.dtype == np.float32
    assert changed.shape == waveform.shape
    assert off_harmonic_db(changed, 130.0 * 2 ** (semitones / 12)) < -30


def test_silence_one_and_draws() -> None:
    assert not change_tempo(np.zeros(9000, np.float32), 1.2).any()
    assert not change_pitch(np.zeros(9000, np.float32), 1.5).any()
    waveform = vowel(100.0, 0.2)
    assert np.array_equal(change_tempo(waveform, 1.0), waveform)
    assert np.array_equal(change_pitch(waveform, 0.0), waveform)
    rng = np.random.default_rng(2)
    tempos = [Tempo().draw(rng, 1, RATE) for _ in range(300)]
    assert all(0.85 <= params.factor <= 1.15 for params in tempos)
    assert Tempo().apply(waveform, TempoParams(1.1, RATE)).shape == (round(len(waveform) / 1.1),)
    pitches = [Pitch().draw(rng, 1, RATE) for _ in range(300)]
    assert all(-2 <= params.semitones <= 2 for params in pitches)
    assert Pitch().apply(waveform, PitchParams(1.0, RATE)).shape == waveform.shape


def test_faults() -> None:
    with pytest.raises(ConfigError):
        change_tempo(np.zeros(10, np.float32), 3.0)
    with pytest.raises(ConfigError):
        change_pitch(np.zeros(10, np.float32), 13.0)
    with pytest.raises(ConfigError):
        Tempo(1.2, 0.8)
    with pytest.raises(ConfigError):
        Pitch(2, -2)
