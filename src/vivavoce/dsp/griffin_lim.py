"""A waveform for a magnitude spectrogram, by alternating between what the magnitudes say and what a waveform can be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.stft import StftConfig, istft, stft
from vivavoce.errors import AudioError, ConfigError


def griffin_lim(
    magnitudes: NDArray[Any],
    config: StftConfig | None = None,
    iterations: int = 32,
    momentum: float = 0.99,
    rng: np.random.Generator | None = None,
    num_samples: int | None = None,
) -> NDArray[np.float32]:
    """Estimate the waveform whose STFT has the given magnitudes.

    Args:
        magnitudes: (T, n_fft // 2 + 1), not negative.
        config: that of the STFT; None: StftConfig(). It must be centred.
        iterations: more are better, with little gain after 60.
        momentum: 0 is the original algorithm; up to 0.99 is faster.
        rng: draws the first phases; None: a generator seeded with 0, so that the same call gives the same waveform.
        num_samples: length wanted; None: as many as the frames give.

    Returns:
        (N,) float32.

    Raises:
        AudioError: magnitudes of another shape, or negative.
        ConfigError: not centred, no iteration, or momentum outside [0, 1).

    Source: Griffin and Lim (1984); momentum by Perraudin, Balazs and Sondergaard, A fast Griffin-Lim algorithm (2013).
    """
    config = config or StftConfig()
    if not config.centred:
        raise ConfigError("centred is False; expected a centred STFT, for otherwise the ends cannot be recovered.")
    if iterations < 1 or not 0 <= momentum < 1:
        raise ConfigError(f"iterations is {iterations} and momentum {momentum}; expected at least 1, and 0 to below 1.")
    if magnitudes.ndim != 2 or magnitudes.shape[1] != config.n_fft // 2 + 1 or not len(magnitudes):
        raise AudioError(f"magnitudes have shape {magnitudes.shape}; expected (T, {config.n_fft // 2 + 1}).")
    wanted = np.asarray(magnitudes, dtype=np.float32)
    if not np.isfinite(wanted).all() or wanted.min() < 0:
        raise AudioError("magnitudes are negative or not finite; expected magnitudes, not their logarithms.")
    rng = rng or np.random.default_rng(0)
    total = (len(wanted) - 1) * config.hop_length if num_samples is None else num_samples
    angles = np.exp(2j * np.pi * rng.random(wanted.shape)).astype(np.complex64)
    previous = np.zeros_like(angles)
    for _ in range(iterations):
        consistent = _fit(stft(_waveform(wanted * angles, config, total), config), len(wanted))
        ahead = consistent + np.float32(momentum) * (consistent - previous)
        previous = consistent
        angles = ahead / np.maximum(np.abs(ahead), np.float32(1e-12))
    return _waveform(wanted * angles, config, total)


def _waveform(spectrum: NDArray[Any], config: StftConfig, num_samples: int) -> NDArray[Any]:
    return istft(spectrum, config, max(1, num_samples))


def _fit(spectrum: NDArray[Any], num_frames: int) -> NDArray[Any]:
    """Cut or repeat frames at the end, where num_samples does not make the given number of frames."""
    return spectrum[np.minimum(np.arange(num_frames), len(spectrum) - 1)]
