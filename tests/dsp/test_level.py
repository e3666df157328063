"""Levels, clipping and noise of waveforms made to measure."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.dsp.level import find_clipping, frame_energy_db, normalize_rms, peak_db, rms_db, snr_estimate_db
from vivavoce.errors import AudioError, ConfigError

RATE = 16000


def sine(amplitude: float, num_samples: int = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * 200 * np.arange(num_samples) / RATE)).astype(np.float32)


def test_a_full_scale_sine() -> None:
    assert rms_db(sine(1.0)) == pytest.approx(-3.0103, abs=1e-3)
    assert peak_db(sine(1.0)) == pytest.approx(0.0, abs=1e-3)
    assert rms_db(sine(0.1)) == pytest.approx(-23.0103, abs=1e-3)
    assert peak_db(-np.ones(5)) == 0.0


def test_silence_is_endlessly_quiet() -> None:
    assert rms_db(np.zeros(10)) == peak_db(np.zeros(10)) == -np.inf


def test_the_level_of_a_long_waveform_is_exact() -> None:
    assert rms_db(np.full(3_000_000, 0.1, np.float32)) == pytest.approx(-20.0, abs=1e-6)


def test_energy_follows_the_frames() -> None:
    waveform = np.concatenate([sine(0.5), np.zeros(RATE, np.float32), sine(0.05)])
    levels = frame_energy_db(waveform, RATE)
    assert levels.shape == (298,)
    np.testing.assert_allclose(levels[:98], 20 * np.log10(0.5) - 3.0103, atol=0.01)
    assert (levels[100:197] == -200).all()
    np.testing.assert_allclose(levels[200:], 20 * np.log10(0.05) - 3.0103, atol=0.01)


def test_normalising_reaches_the_level_but_spares_the_peak() -> None:
    assert rms_db(normalize_rms(sine(0.01), -25.0)) == pytest.approx(-25.0, abs=1e-3)
    click = np.zeros(RATE, np.float32)
    click[100] = 0.5
    assert peak_db(normalize_rms(click, -25.0)) == pytest.approx(-1.0, abs=1e-3)
    assert not normalize_rms(np.zeros(10, np.float32)).any()


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_clipping_is_found_and_counted_even_after_turning_down(gain: float) -> None:
    clipped = np.clip(sine(1.25), -1.0, 1.0) * np.float32(gain)
    found = find_clipping(clipped)
    assert found.clipped
    assert found.num_runs == 400  # one at the top and one at the bottom of each of 200 periods
    assert found.num_samples == int((np.abs(sine(1.25)) >= 1.0).sum())
    assert found.fraction == pytest.approx(found.num_samples / RATE)
    assert found.level == pytest.approx(gain)


def test_what_only_touches_the_top_is_not_clipped() -> None:
    # 200.3 Hz: no two samples of the sine are alike at its tops.
    tone = np.sin(2 * np.pi * 1200.3 * np.arange(RATE) / RATE).astype(np.float32)
    assert not find_clipping(tone).clipped
    assert not find_clipping(np.zeros(100)).clipped
    assert not find_clipping(0.1 * np.random.default_rng(0).standard_normal(RATE)).clipped


@pytest.mark.parametrize(
    ("rate", "hz", "amplitude"), [(44100, 120, 0.2), (48000, 50, 0.2), (192000, 200, 0.5), (16000, 20, 0.9)]
)
@pytest.mark.parametrize("phase", [0.0, 0.5, 2.0])
def test_smooth_tops_are_not_clipped_however_flat(rate: int, hz: float, amplitude: float, phase: float) -> None:
    tone = amplitude * np.cos(2 * np.pi * hz * np.arange(rate) / rate + phase)
    for waveform in (tone, tone.astype(np.float32), np.rint(tone * 32767) / 32768):
        assert not find_clipping(waveform).clipped
        assert find_clipping(np.clip(waveform, -0.7 * amplitude, 0.7 * amplitude)).num_runs >= 2 * hz


def test_only_one_side_may_be_clipped() -> None:
    assert find_clipping(np.minimum(sine(1.0), 0.8)).num_runs == 200


def speech_like(rng: np.random.Generator, seconds: float = 6.0) -> np.ndarray:
    """Bursts of harmonics with pauses: the level of speech comes and goes."""
    time = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * time + k) / k for k in range(1, 25))
    loudness = np.clip(np.sin(2 * np.pi * 1.7 * time) + 0.3 * np.sin(2 * np.pi * 0.4 * time), 0, None) ** 2
    return 0.1 * buzz * loudness


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize("pink", [False, True])
def test_the_noise_that_was_added_is_estimated(snr_db: float, pink: bool) -> None:
    rng = np.random.default_rng(3)
    clean = speech_like(rng)
    noise = rng.standard_normal(len(clean))
    if pink:
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 20.0), len(clean))
    noise *= np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    estimate = snr_estimate_db((clean + noise).astype(np.float32), RATE)
    assert estimate == pytest.approx(snr_db, abs=2.5)
    # Gates and codecs make digital silence: it is no noise.
    gated = np.concatenate([np.zeros(RATE), clean + noise, np.zeros(RATE)])
    assert snr_estimate_db(gated, RATE) == pytest.approx(estimate, abs=1.0)


def test_noise_alone_and_silence_have_a_low_ratio() -> None:
    assert snr_estimate_db(np.random.default_rng(0).standard_normal(RATE) * 0.1, RATE) < 0
    assert snr_estimate_db(np.zeros(RATE), RATE) == -10


def test_faults_are_named() -> None:
    with pytest.raises(AudioError, match=r"0\.100 s; expected at least 0\.2 s"):
        snr_estimate_db(np.zeros(1600), RATE)
    with pytest.raises(AudioError, match="shape"):
        rms_db(np.zeros((2, 5)))
    with pytest.raises(AudioError, match="shape"):
        peak_db(np.zeros(0))
    with pytest.raises(AudioError, match="expected at least 400"):
        frame_energy_db(np.zeros(399), RATE)
    with pytest.raises(ConfigError, match="int16"):
        rms_db(np.zeros(10, np.int16))
