"""Loudness: EBU's test signals, the recommendation's tables, streams against whole waveforms, gains."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal

from vivavoce.dsp.loudness import (
    LoudnessMeter,
    apply_gain,
    gain_to,
    k_weighting,
    loudness_lufs,
    normalize_loudness,
)
from vivavoce.errors import AudioError, ConfigError

# ITU-R BS.1770-4, tables 1 and 2.
SHELF = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
HIGH_PASS = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])

# EBU Tech 3341, cases 1 to 5: dBFS and seconds of a 1 kHz sine in both channels. In one channel the same loudness needs
# twice the power.
EBU = {
    1: ([(-23.0, 20.0)], -23.0),
    2: ([(-33.0, 20.0)], -33.0),
    3: ([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
    4: ([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
    5: ([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
}


def sine(pieces: list[tuple[float, float]], sample_rate: int, hz: float = 1000.0) -> np.ndarray:
    level_db = np.concatenate([np.full(round(seconds * sample_rate), level) for level, seconds in pieces])
    tone = np.sin(2 * np.pi * hz / sample_rate * np.arange(len(level_db)))
    return (10.0 ** (level_db / 20.0) * tone).astype(np.float32)


def bursts(sample_rate: int, seconds: float = 7.3, seed: int = 1) -> np.ndarray:
    """Noise of a syllable's rhythm, with a pause: every gate has something to do."""
    rng = np.random.default_rng(seed)
    count = round(seconds * sample_rate)
    time = np.arange(count) / sample_rate
    shape = 0.15 * np.maximum(np.sin(2 * np.pi * 1.7 * time), 0.003) * (np.abs(time - 3.5) > 0.8)
    return (shape * rng.standard_normal(count)).astype(np.float32)


@pytest.mark.parametrize("case", EBU)
@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_ebus_signals_read_as_they_must(case: int, sample_rate: int) -> None:
    pieces, expected = EBU[case]
    waveform = math.sqrt(2) * sine(pieces, sample_rate)
    assert loudness_lufs(waveform, sample_rate) == pytest.approx(expected, abs=0.1)


def test_a_full_scale_sine_reads_three_db_below_zero() -> None:
    assert loudness_lufs(sine([(0.0, 5.0)], 48000, 997.0), 48000) == pytest.approx(-3.01, abs=0.002)


def test_at_48_khz_the_filters_are_the_tables() -> None:
    impulse = np.zeros(len(k_weighting(48000)))
    impulse[0] = 1.0
    expected = scipy.signal.lfilter(*HIGH_PASS, scipy.signal.lfilter(*SHELF, impulse))
    np.testing.assert_allclose(k_weighting(48000), expected, atol=1e-12)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 44100, 96000])
def test_every_rate_weighs_as_48_khz_does(sample_rate: int) -> None:
    answer = k_weighting(sample_rate)
    hz = np.geomspace(20.0, min(0.49 * sample_rate, 20000.0), 200)
    ours = np.abs(scipy.signal.freqz(answer, worN=hz, fs=sample_rate)[1])
    tables = [np.abs(scipy.signal.freqz(*table, worN=hz, fs=48000)[1]) for table in (SHELF, HIGH_PASS)]
    np.testing.assert_allclose(20 * np.log10(ours / (tables[0] * tables[1])), 0.0, atol=0.002)
    assert abs(answer[-1]) < 1e-6 * np.abs(answer).max()  # nothing that matters is cut off


def test_a_meter_fed_in_pieces_reads_as_the_whole() -> None:
    waveform = bursts(22050)
    whole = loudness_lufs(waveform, 22050)
    meter = LoudnessMeter(22050)
    rng = np.random.default_rng(2)
    place = 0
    while place < len(waveform):
        size = int(rng.choice([0, 1, 7, 500, 4410, 40000]))
        meter.accept(waveform[place : place + size])
        place += size
    assert meter.loudness_lufs() == pytest.approx(whole, abs=1e-9)
    meter.reset()
    meter.accept(0.5 * waveform)
    assert meter.loudness_lufs() == pytest.approx(whole - 20 * math.log10(2), abs=0.05)


def test_pauses_do_not_count() -> None:
    sound = sine([(-20.0, 10.0)], 16000)
    paused = np.concatenate([sound, np.zeros(16000 * 20, np.float32), sound])
    assert loudness_lufs(paused, 16000) == pytest.approx(loudness_lufs(sound, 16000), abs=0.1)
    # without gates half the time would be silent: 3 dB less
    assert 10 * math.log10(0.5) < -3.0


def test_silence_and_short_sounds() -> None:
    assert loudness_lufs(np.zeros(16000, np.float32), 16000) == -math.inf
    assert loudness_lufs(sine([(-80.0, 3.0)], 16000), 16000) == -math.inf
    short = sine([(-20.0, 0.25)], 16000)
    assert loudness_lufs(short, 16000) == pytest.approx(loudness_lufs(sine([(-20.0, 5.0)], 16000), 16000), abs=0.3)
    assert LoudnessMeter(16000).loudness_lufs() == -math.inf


def test_normalised_speech_has_the_loudness_asked_for() -> None:
    waveform = bursts(22050)
    result = normalize_loudness(waveform, 22050, -30.0)
    assert result.dtype == np.float32
    assert loudness_lufs(result, 22050) == pytest.approx(-30.0, abs=0.01)
    np.testing.assert_allclose(result, waveform * (np.abs(result).max() / np.abs(waveform).max()), rtol=1e-5)
    loud = normalize_loudness(waveform, 22050, -3.0, peak_limit_db=-1.0)
    assert 20 * math.log10(np.abs(loud).max()) == pytest.approx(-1.0, abs=1e-4)
    assert loudness_lufs(loud, 22050) < -3.0
    silence = np.zeros(100, np.float32)
    np.testing.assert_array_equal(normalize_loudness(silence, 22050), silence)


def test_sentences_with_one_gain_make_a_stream_of_the_target() -> None:
    """Sentences of a spread of 2 dB; the gain is found on the first four, the stream is of twenty."""
    rng = np.random.default_rng(4)
    sentences = [bursts(22050, 4.0, seed) * np.float32(10 ** (rng.uniform(-1, 1) / 20)) for seed in range(20)]
    meter = LoudnessMeter(22050)
    for sentence in sentences[:4]:
        meter.accept(sentence)
    gain = gain_to(meter.loudness_lufs(), -23.0)
    stream = np.concatenate([apply_gain(sentence, gain) for sentence in sentences])
    assert loudness_lufs(stream, 22050) == pytest.approx(-23.0, abs=0.6)
    np.testing.assert_array_equal(stream, apply_gain(np.concatenate(sentences), gain))


def test_a_gain_bends_peaks_and_nothing_else() -> None:
    ramp = np.linspace(-4, 4, 100001).astype(np.float32)
    result = apply_gain(ramp, 2.0, peak_limit_db=-1.0)
    limit = 10 ** (-1 / 20)
    knee = limit * 10 ** (-3 / 20)
    assert np.abs(result).max() <= limit + 1e-6
    quiet = np.abs(2 * ramp) <= knee
    np.testing.assert_array_equal(result[quiet], 2 * ramp[quiet])
    slope = np.diff(result.astype(np.float64)) / np.diff(ramp.astype(np.float64))
    assert slope.min() > -0.02  # float32 steps
    assert np.abs(np.diff(slope)).max() < 0.05  # no corner
    np.testing.assert_allclose(result, -result[::-1], atol=1e-6)


def test_faults_are_named() -> None:
    with pytest.raises(AudioError, match=r"\(2, 10\)"):
        loudness_lufs(np.zeros((2, 10), np.float32), 16000)
    with pytest.raises(AudioError, match="no samples"):
        loudness_lufs(np.zeros(0, np.float32), 16000)
    with pytest.raises(AudioError, match="int16"):
        loudness_lufs(np.zeros(10, np.int16), 16000)
    with pytest.raises(AudioError, match="NaN"):
        loudness_lufs(np.full(10, np.nan, np.float32), 16000)
    with pytest.raises(ConfigError, match="3000 Hz"):
        LoudnessMeter(3000)
    with pytest.raises(ConfigError, match="-inf"):
        gain_to(-math.inf)
    with pytest.raises(ConfigError, match="-1"):
        apply_gain(np.zeros(3, np.float32), -1.0)
