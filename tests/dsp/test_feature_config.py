"""The record that bundles store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ConfigError

PRESETS = [
    FeatureConfig(),
    FeatureConfig.librosa(),
    FeatureConfig.librosa_mfcc(),
    FeatureConfig.kaldi(),
    FeatureConfig.kaldi_mfcc(deltas=2),
    FeatureConfig.whisper(n_mels=128),
]


@pytest.mark.parametrize("config", PRESETS)
def test_json_keeps_every_setting(config: FeatureConfig) -> None:
    assert FeatureConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_recognisers_features_are_as_agreed() -> None:
    expected = {
        "kind": "log_mel",
        "sample_rate": 16000,
        "win_length": 400,
        "hop_length": 160,
        "n_fft": 512,
        "window": "hann",
        "padding": "none",
        "n_mels": 80,
        "f_min_hz": 20.0,
        "f_max_hz": 7600.0,
        "mel_scale": "htk",
        "mel_norm": "none",
        "log": "ln",
        "log_floor": 1e-6,
        "dither": 0.0,
        "pre_emphasis": 0.0,
        "precision": "single",
    }
    assert expected.items() <= FeatureConfig().to_dict().items()


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="hop_size"):
        FeatureConfig.from_dict({"hop_size": 160})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "spectrogram"}, "spectrogram"),
        ({"window": "kaiser"}, "kaiser"),
        ({"padding": "edge"}, "edge"),
        ({"log": "log2"}, "log2"),
        ({"precision": "half"}, "half"),
        ({"n_fft": 510}, "510"),
        ({"n_fft": 256}, "256"),
        ({"hop_length": 0}, "hop_length"),
        ({"win_length": 12.5}, "win_length"),
        ({"log_floor": 0.0}, "log_floor"),
        ({"dither": -1.0}, "dither"),
        ({"n_mfcc": 81}, "n_mfcc"),
        ({"deltas": 3}, "deltas"),
        ({"delta_width": 4}, "delta_width"),
        ({"spectrum_power": 3}, "spectrum_power"),
    ],
)
def test_impossible_settings_are_refused(changes: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(FeatureConfig(), **changes)


def test_the_upper_edge_follows_the_sample_rate_of_a_preset() -> None:
    assert FeatureConfig.librosa(sample_rate=16000).f_max_hz == 8000
    assert FeatureConfig.kaldi(sample_rate=8000, win_length=200, hop_length=80, n_fft=256).f_max_hz == 4000
    assert FeatureConfig.kaldi(sample_rate=8000, f_max_hz=3700.0).f_max_hz == 3700


def test_widths() -> None:
    assert FeatureConfig().num_features == 80
    assert FeatureConfig.kaldi_mfcc().num_features == 13
    assert FeatureConfig.kaldi_mfcc(deltas=2).num_features == 39
    assert FeatureConfig().frames_per_second == 100
