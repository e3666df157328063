"""Features of whole utterances; tests/parity/test_features.py holds the presets to other toolkits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.dsp.features import FeatureConfig, features, log_mel, mfcc
from vivavoce.errors import AudioError, ConfigError


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


def by_definition(waveform: np.ndarray) -> np.ndarray:
    """The recogniser's features, written out from their definition in double precision."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    edges_mel = np.linspace(*(2595 * np.log10(1 + np.array([20.0, 7600.0]) / 700)), 82)
    edges_hz = 700 * (10 ** (edges_mel / 2595) - 1)
    filters = np.array([np.interp(np.arange(257) * 31.25, edges_hz[m : m + 3], [0, 1, 0]) for m in range(80)])
    rows = []
    for start in range(0, len(waveform) - 400 + 1, 160):
        power = np.abs(np.fft.rfft(waveform[start : start + 400] * taper, 512)) ** 2
        rows.append(np.log(np.maximum(filters @ power, 1e-6)))
    return np.array(rows)


def test_log_mel_is_what_its_definition_says() -> None:
    waveform = noise(33333)
    result = log_mel(waveform)
    assert result.dtype == np.float32
    assert result.shape == (206, 80)
    np.testing.assert_allclose(result, by_definition(waveform), atol=2e-5)


def test_silence_is_at_the_floor() -> None:
    assert (log_mel(np.zeros(1000, np.float32)) == np.float32(np.log(1e-6))).all()


def test_a_tone_lights_the_filter_at_its_pitch() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    edges_mel = np.linspace(*(2595 * np.log10(1 + np.array([20.0, 7600.0]) / 700)), 82)
    nearest = int(np.argmin(np.abs(edges_mel[1:-1] - 1000)))
    assert (log_mel(tone).argmax(axis=1) == nearest).all()


@given(st.integers(1, 3000), st.sampled_from(["none", "reflect", "zero"]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_number_of_frames_is_the_one_announced(num_samples: int, padding: str, drop_last: bool) -> None:
    config = FeatureConfig(padding=padding, drop_last=drop_last)
    expected = config.count_frames(num_samples)
    if expected == 0:
        with pytest.raises(AudioError, match=f"has {num_samples} samples"):
            features(noise(num_samples), config)
    else:
        assert features(noise(num_samples), config).shape == (expected, 80)


@pytest.mark.parametrize(
    "config",
    [
        FeatureConfig(),
        FeatureConfig.kaldi(),
        FeatureConfig.librosa_mfcc(sample_rate=16000, n_fft=512, win_length=400, hop_length=160, deltas=2),
        FeatureConfig.whisper(),
    ],
)
def test_out_receives_the_same_features(config: FeatureConfig, tmp_path: Path) -> None:
    waveform = noise(40000)
    expected = features(waveform, config)
    stored = np.lib.format.open_memmap(tmp_path / "f.npy", mode="w+", dtype=np.float32, shape=expected.shape)
    assert features(waveform, config, out=stored) is stored
    np.testing.assert_array_equal(np.asarray(stored), expected)
    with pytest.raises(ConfigError, match="float64"):
        features(waveform, config, out=np.empty(expected.shape))


def test_the_waveform_is_left_alone_and_may_be_a_view() -> None:
    stereo = noise(40000).reshape(-1, 2)
    before = stereo.copy()
    np.testing.assert_array_equal(log_mel(stereo[:, 0]), log_mel(stereo[:, 0].copy()))
    np.testing.assert_array_equal(stereo, before)
    stereo.flags.writeable = False
    log_mel(stereo[:, 1])


def test_double_precision_is_nearer_to_the_definition() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    waveform = (tone + 1e-4 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    expected = by_definition(waveform)
    single = np.abs(log_mel(waveform) - expected).max()
    double = np.abs(log_mel(waveform, FeatureConfig(precision="double")) - expected).max()
    assert double < 1e-6 < single < 2e-2  # the faintest filters lie 100 dB under the tone


def test_kinds_dispatch() -> None:
    waveform = noise(8000)
    config = FeatureConfig(kind="mfcc", n_mfcc=20)
    np.testing.assert_array_equal(features(waveform, config), mfcc(waveform, config))
    np.testing.assert_array_equal(mfcc(waveform, replace(config, kind="log_mel")), mfcc(waveform, config))
    np.testing.assert_array_equal(log_mel(waveform, config), log_mel(waveform))


def test_magnitudes_scales_and_gains() -> None:
    waveform = noise(8000)
    louder = log_mel(waveform, FeatureConfig(scale=10.0))
    np.testing.assert_allclose(louder, log_mel(waveform) + np.log(100.0), atol=1e-5)
    tens = log_mel(waveform, FeatureConfig(log="log10", log_offset=4.0, log_gain=0.25))
    np.testing.assert_allclose(tens, (log_mel(waveform) / np.log(10) + 4) / 4, atol=1e-6)
    decibels = log_mel(waveform, FeatureConfig(log="db"))
    np.testing.assert_allclose(decibels, log_mel(waveform) * 10 / np.log(10), atol=1e-5)
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    ratio = log_mel(tone, FeatureConfig(spectrum_power=1)) - log_mel(tone / 2, FeatureConfig(spectrum_power=1))
    np.testing.assert_allclose(ratio.max(axis=1), np.log(2), atol=1e-4)


def test_nothing_is_further_below_the_peak_than_the_range() -> None:
    waveform = np.concatenate([noise(16000), np.zeros(16000, np.float32)])
    limited = log_mel(waveform, FeatureConfig(range_below_peak=5.0))
    free = log_mel(waveform)
    np.testing.assert_array_equal(limited, np.maximum(free, free.max() - np.float32(5)))


def test_dither_lifts_silence_the_same_way_each_time() -> None:
    silence = np.zeros(16000, np.float32)
    config = FeatureConfig(dither=1e-3)
    first = log_mel(silence, config)
    assert np.median(first) > np.log(1e-6) + 3
    np.testing.assert_array_equal(first, log_mel(silence, config))
    assert not np.array_equal(first, log_mel(silence, replace(config, dither_seed=1)))


def test_threads_do_not_disturb_each_other() -> None:
    waveforms = [noise(20000 + 500 * i, i) for i in range(12)]
    alone = [log_mel(w) for w in waveforms]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for expected, result in zip(alone, pool.map(log_mel, waveforms), strict=True):
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("waveform", "named"),
    [
        (np.zeros((2, 48000), np.float32), r"\(2, 48000\).*to_mono"),
        (np.zeros(399, np.float32), "399 samples; expected at least 400"),
        (np.array([0.0] * 500 + [np.nan] * 3, np.float32), "nan at sample 500"),
        (np.array([np.inf, -np.inf] * 300, np.float32), "inf at sample 0"),
        (np.zeros(16000, np.int16), "int16.*32768"),
    ],
)
def test_faulty_waveforms_are_named(waveform: np.ndarray, named: str) -> None:
    with pytest.raises(AudioError, match=named):
        log_mel(waveform)


def test_large_finite_samples_are_not_taken_for_infinite() -> None:
    assert np.isfinite(log_mel(np.full(5000, 3e15, np.float32))).all()
