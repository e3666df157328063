"""What every transform takes and gives: (N,) float32, mono. Knows nothing of the transforms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import AudioError

Array = NDArray[np.float32]


def as_waveform(waveform: NDArray[Any]) -> Array:
    """The same samples as float32.

    Args:
        waveform: (N,), N >= 0, real numbers.

    Returns:
        (N,) float32; the array itself where it already is one.

    Raises:
        AudioError: not one-dimensional, or integers (which would be wrong by a factor of 32768).
    """
    samples = np.asarray(waveform)
    if samples.ndim != 1:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono. Use audio.to_mono.")
    if samples.dtype.kind != "f":
        raise AudioError(
            f"waveform holds {samples.dtype} numbers; expected floats in [-1, 1]. Divide by full scale first."
        )
    return samples.astype(np.float32, copy=False)


def mean_power(waveform: Array) -> float:
    """Mean square of the samples; 0 for none."""
    return float(np.dot(waveform, waveform)) / len(waveform) if len(waveform) else 0.0


def at_unit_power(waveform: Array) -> Array:
    """Scaled to a mean power of 1; silence stays what it is."""
    power = mean_power(waveform)
    return waveform * np.float32(1.0 / math.sqrt(power)) if power > 1e-12 else waveform


def fit_length(waveform: Array, num_samples: int) -> Array:
    """Cut, or pad with zeros, at the end to exactly `num_samples`."""
    if len(waveform) >= num_samples:
        return waveform[:num_samples]
    return np.pad(waveform, (0, num_samples - len(waveform)))
