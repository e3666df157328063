"""A waveform for a log-mel, without a network: magnitudes that the filters would hear so, then phases by Griffin-Lim.

The vocoder that needs no training. Filters are fewer than bins, so the magnitudes are one choice among many, near
smooth ones; it sounds hollow, and is understood.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.features import checked_log_mel
from vivavoce.dsp.griffin_lim import griffin_lim
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.dsp.stft import StftConfig
from vivavoce.errors import ConfigError


def mel_to_waveform(
    log_mel: NDArray[Any], config: FeatureConfig | None = None, iterations: int = 32
) -> NDArray[np.float32]:
    """Estimate the waveform of log-mel frames.

    Args:
        log_mel: (T, F) as `features` gives them with `config`, None: those of voices.
        iterations: of Griffin-Lim.

    Returns:
        (hop T,) float32; frame t is centred on sample t times the hop.

    Raises:
        AudioError: another shape, or values that are not finite. ConfigError: as `mel_magnitudes`.
    """
    config = config or FeatureConfig.voice()
    magnitudes = mel_magnitudes(log_mel, config)
    frames = StftConfig(config.n_fft, config.hop_length, config.win_length, config.window)
    # One frame more than asked for, so that the last hop has frames on both sides.
    extended = np.concatenate([magnitudes, magnitudes[-1:]])
    return griffin_lim(extended, frames, iterations, num_samples=config.hop_length * len(magnitudes))


def mel_magnitudes(log_mel: NDArray[Any], config: FeatureConfig, iterations: int = 40) -> NDArray[np.float32]:
    """(T, n_fft // 2 + 1) magnitudes, none negative, of which the mel filters make (nearly) the given frames.

    Raises:
        AudioError: not (T, F), or values that are not finite.
        ConfigError: features that are no plain, centred log-mel.

    Source: non-negative least squares by multiplicative updates, Lee and Seung, "Algorithms for non-negative matrix
    factorization" (2000).
    """
    if (config.kind, config.log, config.log_offset, config.log_gain) != ("log_mel", "ln", 0.0, 1.0):
        raise ConfigError("only plain log_mel features with natural logarithms can be turned back into magnitudes.")
    if config.padding == "none":
        raise ConfigError("frames that are not centred cannot be turned back into a waveform; set padding to reflect.")
    frames = checked_log_mel(log_mel, config.n_mels, np.float64)
    filters = mel_filterbank(
        config.sample_rate,
        config.n_fft,
        config.n_mels,
        config.f_min_hz,
        config.f_max_hz,
        config.mel_scale,
        config.mel_norm,
    )
    wanted = np.exp(frames) / config.scale**config.spectrum_power  # (T, F)
    heard = wanted @ filters  # (T, bins)
    norms = np.maximum(filters.sum(axis=1), 1e-12)
    energies = (wanted / norms) @ filters / np.maximum(filters.sum(axis=0), 1e-12)  # each bin what its filters say
    for _ in range(iterations):
        energies *= heard / np.maximum((energies @ filters.T) @ filters, 1e-12)
    return (energies ** (1.0 / config.spectrum_power)).astype(np.float32)
