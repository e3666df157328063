"""The transform and its inverse; tests/parity/test_stft.py holds them to librosa."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.dsp.stft import StftConfig, istft, overlap_add, stft
from vivavoce.errors import AudioError, ConfigError


def noise(num_samples: int, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(num_samples).standard_normal(num_samples).astype(dtype)


@given(
    num_samples=st.integers(1, 5000),
    n_fft=st.sampled_from([16, 64, 100, 512]),
    overlap=st.sampled_from([2, 3, 4, 5, 8]),
    window=st.sampled_from(["hann", "hamming", "blackman", "hann_symmetric"]),
)
@settings(max_examples=80, deadline=None)
def test_the_inverse_gives_the_waveform_back(num_samples: int, n_fft: int, overlap: int, window: str) -> None:
    config = StftConfig(n_fft, max(1, n_fft // overlap), window=window)
    waveform = noise(num_samples)
    result = istft(stft(waveform, config), config, num_samples)
    covered = (config.count_frames(num_samples) - 1) * config.hop_length
    np.testing.assert_allclose(result[:covered], waveform[:covered], atol=1e-9)
    assert len(result) == num_samples


def test_single_precision_stays_single() -> None:
    waveform = noise(10000, np.float32)
    spectrum = stft(waveform)
    assert spectrum.dtype == np.complex64
    result = istft(spectrum, num_samples=9900)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, waveform[:9900], atol=2e-6)


def test_without_centring_the_inside_comes_back() -> None:
    config = StftConfig(256, 64, centred=False)
    waveform = noise(256 + 64 * 20)
    result = istft(stft(waveform, config), config)
    assert len(result) == len(waveform)
    np.testing.assert_allclose(result[8:-8], waveform[8:-8], atol=1e-6)


def test_frames_are_where_the_configuration_says() -> None:
    waveform = noise(1000)
    config = StftConfig(64, 40, win_length=50, centred=False)
    spectrum = stft(waveform, config)
    assert spectrum.shape == (24, 33)
    np.testing.assert_allclose(spectrum[3], np.fft.rfft(waveform[120:184] * config.taper()), atol=1e-12)
    assert not config.taper()[:7].any()
    centred = stft(waveform, StftConfig(64, 40))
    np.testing.assert_allclose(centred[5], np.fft.rfft(waveform[168:232] * StftConfig(64, 40).taper()), atol=1e-12)


def test_a_long_waveform_is_transformed_as_a_short_one_is() -> None:
    waveform = noise(400_000, np.float32)
    np.testing.assert_array_equal(stft(waveform)[100:200], stft(waveform[80 * 256 : 220 * 256])[20:120])


@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 40))
def test_overlap_add_is_a_sum_of_shifted_frames(num_frames: int, length: int, hop: int) -> None:
    frames = np.random.default_rng(0).standard_normal((num_frames, length))
    expected = np.zeros((num_frames - 1) * hop + length)
    for index, frame in enumerate(frames):
        expected[index * hop : index * hop + length] += frame
    np.testing.assert_allclose(overlap_add(frames, hop), expected, atol=1e-12)


def test_what_cannot_be_inverted_is_refused() -> None:
    with pytest.raises(ConfigError, match="do not overlap enough"):
        istft(np.ones((10, 33), complex), StftConfig(64, 64))
    with pytest.raises(AudioError, match=r"\(10, 32\)"):
        istft(np.ones((10, 32), complex), StftConfig(64, 16))


def test_faults_are_named() -> None:
    with pytest.raises(AudioError, match="30 samples; expected at least one frame of 64"):
        stft(np.zeros(30), StftConfig(64, 16, centred=False))
    with pytest.raises(AudioError, match=r"\(2, 30\)"):
        stft(np.zeros((2, 30)))
    with pytest.raises(ConfigError, match="n_fft is 63"):
        StftConfig(63)
    with pytest.raises(ConfigError, match="win_length is 65"):
        StftConfig(64, win_length=65)
    with pytest.raises(ConfigError, match="hop_length is 0"):
        StftConfig(64, 0)
