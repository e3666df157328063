"""Mu-law companding: loudness-like steps for samples, so that 256 levels are enough for speech.

The smooth curve that G.711 draws with straight pieces; the levels are numbered from the most negative sample up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import AudioError, ConfigError

LEVELS = 256


def compress(waveform: NDArray[Any], levels: int = LEVELS) -> NDArray[np.float32]:
    """Samples in [-1, 1] -> the same shape in [-1, 1], float32, small ones spread: sign(x) ln(1 + mu |x|) / ln(1 + mu).

    mu is levels - 1.

    Raises:
        ConfigError: fewer than two levels.

    Source: ITU-T G.711; van den Oord et al. 2016, arXiv:1609.03499, section 2.2.
    """
    mu = _mu(levels)
    values = np.asarray(waveform, dtype=np.float64)
    return (np.sign(values) * np.log1p(mu * np.abs(values)) / math.log1p(mu)).astype(np.float32)


def expand(compressed: NDArray[Any], levels: int = LEVELS) -> NDArray[np.float32]:
    """The inverse of `compress`."""
    mu = _mu(levels)
    values = np.asarray(compressed, dtype=np.float64)
    return (np.sign(values) * np.expm1(np.abs(values) * math.log1p(mu)) / mu).astype(np.float32)


def mu_law_encode(waveform: NDArray[Any], levels: int = LEVELS) -> NDArray[np.int64]:
    """Samples -> numbers of their levels.

    Args:
        waveform: any shape, in [-1, 1]; what lies beyond is given the outermost level.
        levels: how many there are, 256 for 8 bits.

    Returns:
        int64 of the same shape, 0 for -1, levels - 1 for +1, levels // 2 for silence.

    Raises:
        AudioError: a sample is not finite. ConfigError: fewer than two levels.
    """
    mu = _mu(levels)
    values = np.asarray(waveform, dtype=np.float64)
    if not np.isfinite(values).all():
        raise AudioError("the waveform holds samples that are not finite; mend or leave out the recording.")
    place = compress(values.clip(-1.0, 1.0), levels).astype(np.float64)
    return np.floor((place + 1.0) / 2.0 * mu + 0.5).astype(np.int64)


def mu_law_decode(codes: NDArray[Any], levels: int = LEVELS) -> NDArray[np.float32]:
    """Numbers of levels -> samples, float32 in [-1, 1].

    Raises:
        AudioError: a number that is no level. ConfigError: fewer than two levels.
    """
    mu = _mu(levels)
    codes = np.asarray(codes)
    if codes.size and (codes.min() < 0 or codes.max() >= levels):
        raise AudioError(f"codes reach from {codes.min()} to {codes.max()}; expected 0 to {levels - 1}.")
    return expand(codes.astype(np.float64) / mu * 2.0 - 1.0, levels)


def _mu(levels: int) -> int:
    if levels < 2:
        raise ConfigError(f"levels is {levels}; expected 2 or more, 256 as a rule.")
    return levels - 1
