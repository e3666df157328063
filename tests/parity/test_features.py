"""The presets against librosa, kaldi-native-fbank and Whisper's recipe, on noise and on speech.

Tolerances: librosa and Whisper 1e-5 in the natural logarithm (librosa's own float32 spends most of it); Kaldi 1e-3 in
the mean and 2e-2 at most, for kaldi-native-fbank's float32 transform is itself as far from the exact result in filters
that lie 80 dB below a frame's loudest (noise, which has no such filters, is held to 5e-4).
"""

from __future__ import annotations

import os
from pathlib import Path

import kaldi_native_fbank as knf
import librosa
import numpy as np
import pytest

from vivavoce.audio import read_waveform
from vivavoce.dsp.features import FeatureConfig, log_mel, mfcc

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
RECORDINGS = (
    sorted((DATA / "librispeech" / "train-dev-clean-12").rglob("*.mp3"))[:2]
    + sorted((DATA / "an4" / "audio").glob("*.opus"))[:1]
)
SIGNALS = ["noise", "quiet noise", *[str(path) for path in RECORDINGS]]
SMALL = {"sample_rate": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160}


def signal(name: str) -> np.ndarray:
    if "noise" in name:
        gain = 1e-3 if "quiet" in name else 0.1
        return (gain * np.random.default_rng(7).standard_normal(40000)).astype(np.float32)
    return read_waveform(name, sample_rate=16000)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("settings", [{}, SMALL | {"n_mels": 80}], ids=["defaults", "16 kHz"])
def test_librosa_log_mel(name: str, settings: dict) -> None:
    waveform = signal(name)
    config = FeatureConfig.librosa(**settings)
    names = {"sr": config.sample_rate, "n_fft": config.n_fft, "hop_length": config.hop_length}
    power = librosa.feature.melspectrogram(y=waveform, n_mels=config.n_mels, win_length=config.win_length, **names)
    in_nepers = np.log(10) / 10
    result = log_mel(waveform, config)
    np.testing.assert_allclose(result * in_nepers, librosa.power_to_db(power).T * in_nepers, atol=1e-5)
    unlimited = FeatureConfig.librosa(**settings, range_below_peak=None, log="ln")
    np.testing.assert_allclose(log_mel(waveform, unlimited), np.log(np.maximum(power, 1e-10)).T, atol=1e-5)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("settings", [{}, SMALL | {"n_mels": 40}], ids=["defaults", "16 kHz"])
def test_librosa_mfcc(name: str, settings: dict) -> None:
    waveform = signal(name)
    config = FeatureConfig.librosa_mfcc(**settings)
    names = {"sr": config.sample_rate, "n_fft": config.n_fft, "hop_length": config.hop_length, "n_mels": config.n_mels}
    theirs = librosa.feature.mfcc(y=waveform, win_length=config.win_length, **names).T
    # Cepstra reach hundreds of dB: 1e-5 of the largest is two steps of float32.
    np.testing.assert_allclose(mfcc(waveform, config), theirs, atol=1e-5 * max(10.0, np.abs(theirs).max()))


def test_librosa_deltas() -> None:
    waveform = signal("noise")
    result = mfcc(waveform, FeatureConfig.librosa_mfcc(**SMALL, deltas=1))
    theirs = librosa.feature.delta(result[:, :20], width=9, axis=0, mode="nearest")
    np.testing.assert_allclose(result[:, 20:], theirs, atol=1e-4)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("n_mels", [80, 128])
def test_whisper_log_mel(name: str, n_mels: int) -> None:
    waveform = signal(name)
    # Whisper's published recipe, step by step: mirrored frames, the last one dropped, 8 decades, shifted and divided.
    power = np.abs(librosa.stft(waveform, n_fft=400, hop_length=160, window="hann", pad_mode="reflect"))[:, :-1] ** 2
    mel = librosa.filters.mel(sr=16000, n_fft=400, n_mels=n_mels) @ power
    logs = np.log10(np.maximum(mel, 1e-10))
    expected = (np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0
    result = log_mel(waveform, FeatureConfig.whisper(n_mels=n_mels))
    np.testing.assert_allclose(result, expected.T, atol=1e-5)


def kaldi_frames(computer, waveform: np.ndarray) -> np.ndarray:
    computer.accept_waveform(16000, (waveform * 32768).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(index) for index in range(computer.num_frames_ready)])


def kaldi_options(options, num_filters: int):
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = num_filters
    return options


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("name", SIGNALS)
def test_kaldi_fbank(name: str, precision: str) -> None:
    waveform = signal(name)
    theirs = kaldi_frames(knf.OnlineFbank(kaldi_options(knf.FbankOptions(), 80)), waveform)
    ours = log_mel(waveform, FeatureConfig.kaldi(precision=precision))
    assert ours.shape == theirs.shape
    error = np.abs(ours - theirs)
    assert error.mean() < 1e-3
    assert error.max() < (5e-4 if "noise" in name else 2e-2)


@pytest.mark.parametrize("name", SIGNALS)
def test_kaldi_mfcc(name: str) -> None:
    waveform = signal(name)
    theirs = kaldi_frames(knf.OnlineMfcc(kaldi_options(knf.MfccOptions(), 23)), waveform)
    ours = mfcc(waveform, FeatureConfig.kaldi_mfcc())
    assert ours.shape == theirs.shape
    error = np.abs(ours - theirs)
    assert error.mean() < 1e-3
    assert error.max() < (1e-3 if "noise" in name else 3e-2)
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=1e-5)
