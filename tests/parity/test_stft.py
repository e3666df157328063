"""STFT, inverse and Griffin-Lim against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from vivavoce.dsp.griffin_lim import griffin_lim
from vivavoce.dsp.stft import StftConfig, istft, stft

WAVEFORM = (0.1 * np.random.default_rng(0).standard_normal(30011)).astype(np.float32)


@pytest.mark.parametrize(
    ("n_fft", "hop", "win"), [(1024, 256, None), (512, 160, 400), (400, 160, 400), (2048, 300, 1200)]
)
@pytest.mark.parametrize("centred", [True, False])
def test_stft_is_librosas(n_fft: int, hop: int, win: int | None, centred: bool) -> None:
    ours = stft(WAVEFORM, StftConfig(n_fft, hop, win, centred=centred))
    theirs = librosa.stft(WAVEFORM, n_fft=n_fft, hop_length=hop, win_length=win, center=centred, pad_mode="reflect").T
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize(("n_fft", "hop", "win"), [(1024, 256, None), (512, 128, 400)])
def test_inverse_of_a_changed_spectrum_is_librosas(n_fft: int, hop: int, win: int | None) -> None:
    rng = np.random.default_rng(1)
    spectrum = stft(WAVEFORM, StftConfig(n_fft, hop, win))
    changed = (spectrum * rng.uniform(0.5, 1.5, spectrum.shape)).astype(np.complex64)
    theirs = librosa.istft(changed.T, hop_length=hop, n_fft=n_fft, win_length=win, length=30000)
    ours = istft(changed, StftConfig(n_fft, hop, win), num_samples=30000)
    np.testing.assert_allclose(ours[:29900], theirs[:29900], atol=1e-5 * np.abs(theirs).max())


def test_griffin_lim_is_as_good_as_librosas() -> None:
    config = StftConfig(512, 128)
    time = np.arange(16000) / 16000
    chord = (0.2 * np.sin(2 * np.pi * (300 * time + 200 * time**2)) * np.hanning(16000)).astype(np.float32)
    magnitudes = np.abs(stft(chord, config))

    def inconsistency(waveform: np.ndarray) -> float:
        return float(np.linalg.norm(np.abs(stft(waveform, config)) - magnitudes) / np.linalg.norm(magnitudes))

    theirs = librosa.griffinlim(magnitudes.T, n_iter=32, hop_length=128, n_fft=512, random_state=0)
    assert inconsistency(griffin_lim(magnitudes, config, 32)) < 1.2 * inconsistency(theirs)
