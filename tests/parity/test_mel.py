"""Filterbanks against librosa and Kaldi's formula."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from vivavoce.dsp.mel import hz_to_mel, mel_filterbank, mel_to_hz


@pytest.mark.parametrize("htk", [False, True])
def test_scales_are_librosas(htk: bool) -> None:
    scale = "htk" if htk else "slaney"
    hz = np.linspace(0, 22050, 5000)
    np.testing.assert_allclose(hz_to_mel(hz, scale), librosa.hz_to_mel(hz, htk=htk), rtol=1e-12)
    mels = np.linspace(0, 3500 if htk else 55, 5000)
    np.testing.assert_allclose(mel_to_hz(mels, scale), librosa.mel_to_hz(mels, htk=htk), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "f_min_hz", "f_max_hz"),
    [
        (16000, 512, 80, 20.0, 7600.0),
        (22050, 2048, 128, 0.0, None),
        (16000, 400, 128, 0.0, 8000.0),
        (8000, 256, 23, 64.0, 3800.0),
    ],
)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_filterbanks_are_librosas(
    sample_rate: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float | None, htk: bool, norm: str
) -> None:
    theirs = librosa.filters.mel(
        sr=sample_rate,
        n_fft=n_fft,
        n_mels=n_mels,
        fmin=f_min_hz,
        fmax=f_max_hz,
        htk=htk,
        norm=None if norm == "none" else norm,
        dtype=np.float64,
    )
    ours = mel_filterbank(sample_rate, n_fft, n_mels, f_min_hz, f_max_hz, "htk" if htk else "slaney", norm)
    np.testing.assert_allclose(ours, theirs, atol=1e-11)


def test_kaldis_triangles_are_straight_in_mel() -> None:
    ours = mel_filterbank(16000, 512, 23, 20.0, 8000.0, "kaldi")
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), 25)
    mels = 1127 * np.log(1 + np.arange(257) * 31.25 / 700)
    expected = [np.interp(mels, edges[m : m + 3], [0, 1, 0]) for m in range(23)]
    np.testing.assert_allclose(ours, expected, atol=1e-12)
