"""Change of sample rate: whole equals streamed, tones stay, what does not fit goes."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.dsp.resample import Resampler, resample
from vivavoce.errors import AudioError, ConfigError

RATES = [(44100, 16000), (48000, 16000), (8000, 16000), (16000, 22050), (16000, 16000)]


def noise(num_samples: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


@given(st.sampled_from(RATES), st.integers(0, 80000), st.lists(st.integers(0, 80000), max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_chunking_gives_the_same_bits(rates: tuple[int, int], length: int, cuts: list[int]) -> None:
    waveform = noise(length)
    resampler = Resampler(*rates)
    chunks = np.split(waveform, sorted(min(cut, length) for cut in cuts))
    streamed = np.concatenate([*[resampler.accept(chunk) for chunk in chunks], resampler.finish()])
    np.testing.assert_array_equal(streamed, resample(waveform, *rates))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES[:4])
def test_samples_are_soxrs(from_hz: int, to_hz: int) -> None:
    waveform = noise(200_001)
    np.testing.assert_array_equal(resample(waveform, from_hz, to_hz), soxr.resample(waveform, from_hz, to_hz))
    assert len(resample(waveform, from_hz, to_hz)) == pytest.approx(len(waveform) * to_hz / from_hz, abs=1)


def test_a_tone_keeps_its_place_in_time() -> None:
    tone = np.sin(2 * np.pi * 700 * np.arange(48000) / 48000).astype(np.float32)
    expected = np.sin(2 * np.pi * 700 * np.arange(16000) / 16000)
    np.testing.assert_allclose(resample(tone, 48000, 16000)[500:-500], expected[500:-500], atol=2e-4)


def test_what_is_above_half_the_new_rate_is_gone() -> None:
    tone = np.sin(2 * np.pi * 10000 * np.arange(48000) / 48000).astype(np.float32)
    assert np.abs(resample(tone, 48000, 16000)[500:-500]).max() < 1e-4


def test_a_finished_resampler_begins_anew() -> None:
    resampler = Resampler(44100, 16000)
    first = np.concatenate([resampler.accept(noise(9000)), resampler.finish()])
    again = np.concatenate([resampler.accept(noise(9000)), resampler.finish()])
    np.testing.assert_array_equal(first, again)


def test_faults_are_named() -> None:
    with pytest.raises(ConfigError, match="0 and 16000"):
        resample(noise(10), 0, 16000)
    with pytest.raises(ConfigError, match="best"):
        Resampler(8000, 16000, "best")
    with pytest.raises(AudioError, match="shape"):
        resample(np.zeros((2, 10), np.float32), 8000, 16000)
