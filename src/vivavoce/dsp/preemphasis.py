"""Pre-emphasis: a first difference that raises the treble of speech, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError


def pre_emphasize(waveform: NDArray[Any], coefficient: float = 0.97, previous: float = 0.0) -> NDArray[Any]:
    """x[n] - coefficient * x[n - 1].

    Args:
        waveform: (N,) float.
        coefficient: 0 to below 1.
        previous: the sample before the first; in a stream, the last sample of the chunk before.

    Returns:
        (N,) of the same type.
    """
    _check(coefficient)
    delayed = np.empty_like(waveform)
    delayed[:1] = previous
    delayed[1:] = waveform[:-1]
    return waveform - waveform.dtype.type(coefficient) * delayed


def de_emphasize(waveform: NDArray[Any], coefficient: float = 0.97, previous: float = 0.0) -> NDArray[Any]:
    """The inverse of `pre_emphasize`: y[n] = x[n] + coefficient * y[n - 1].

    `previous` is the output before the first; in a stream, the last output of the chunk before.
    """
    _check(coefficient)
    result = np.asarray(waveform, dtype=np.float64).copy()
    if len(result):
        result[0] += coefficient * previous
    # 1 / (1 - a z) is the product of (1 + a z), (1 + a^2 z^2), (1 + a^4 z^4) ...: a few whole-array steps, no loop.
    delay, factor = 1, coefficient
    while delay < len(result) and factor > 1e-18:
        result[delay:] += factor * result[:-delay].copy()
        delay, factor = 2 * delay, factor * factor
    return result.astype(waveform.dtype)


def _check(coefficient: float) -> None:
    if not 0 <= coefficient < 1:
        raise ConfigError(f"pre-emphasis coefficient is {coefficient}; expected 0 to below 1, usually 0.97.")
