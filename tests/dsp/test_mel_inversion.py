"""Back from log-mel: the magnitudes and the waveform have the features that were asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.dsp.mel_inversion import mel_magnitudes, mel_to_waveform
from vivavoce.errors import AudioError, ConfigError

VOICE = FeatureConfig.voice()


def speech_like() -> np.ndarray:
    """Half a second of a gliding voice of 20 harmonics in noise."""
    time = np.arange(11025) / 22050
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 3 * time)) / 22050
    tones = sum(np.sin(k * phase) / k for k in range(1, 21))
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.1 * tones * np.hanning(len(time)) + 0.003 * noise).astype(np.float32)


def test_the_filters_hear_the_magnitudes_as_wanted() -> None:
    log_mel = features(speech_like(), VOICE)
    magnitudes = mel_magnitudes(log_mel, VOICE)
    assert magnitudes.shape == (len(log_mel), 513)
    assert (magnitudes >= 0).all()
    filters = mel_filterbank(22050, 1024, 80, 0.0, 11025.0, "slaney", "slaney")
    error = np.abs(np.log(magnitudes @ filters.T) - log_mel)
    assert error.mean() < 0.05
    power = replace(VOICE, spectrum_power=2)
    again = mel_magnitudes(features(speech_like(), power), power)
    assert np.abs(np.log(again**2 @ filters.T) - features(speech_like(), power)).mean() < 0.1


def test_the_waveform_has_the_features() -> None:
    log_mel = features(speech_like(), VOICE)
    errors = []
    for iterations in (1, 40):
        waveform = mel_to_waveform(log_mel, iterations=iterations)
        assert waveform.shape == (256 * len(log_mel),)
        errors.append(float(np.abs(features(waveform, VOICE)[:-1] - log_mel)[2:-2].mean()))
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.3


def test_what_cannot_be_inverted() -> None:
    with pytest.raises(AudioError, match=r"shape \(3, 79\); expected \(T, 80\)"):
        mel_to_waveform(np.zeros((3, 79)))
    with pytest.raises(AudioError, match="expected"):
        mel_to_waveform(np.zeros((0, 80)))
    with pytest.raises(AudioError, match="NaN or infinite"):
        mel_to_waveform(np.full((2, 80), np.inf))
    with pytest.raises(ConfigError, match="plain log_mel"):
        mel_magnitudes(np.zeros((2, 80)), replace(VOICE, log="db"))
    with pytest.raises(ConfigError, match="not centred"):
        mel_magnitudes(np.zeros((2, 80)), FeatureConfig())
