"""Dither: noise too faint to hear that keeps rounding from following the signal, and logarithms from falling to minus
infinity in digital silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError


def triangular_dither(waveform: NDArray[Any], rng: np.random.Generator, bits: int = 16) -> NDArray[Any]:
    """Add triangular noise of plus or minus one step of a `bits`-bit converter, to be rounded to that many bits next.

    The rounding error of the sum has then mean and variance that do not depend on the signal.

    Args:
        waveform: (N,) float in [-1, 1].
        rng: draws the noise.
        bits: 2 to 24.

    Raises:
        ConfigError: bits out of range.

    Source: Lipshitz, Wannamaker and Vanderkooy, Quantization and dither: a theoretical survey (1992).
    """
    if not 2 <= bits <= 24:
        raise ConfigError(f"bits is {bits}; expected 2 to 24.")
    step = 2.0 ** (1 - bits)
    noise = (rng.random(len(waveform)) - rng.random(len(waveform))) * step
    return (waveform + noise).astype(waveform.dtype)


def gaussian_dither(waveform: NDArray[Any], rng: np.random.Generator, level_db: float = -90.3) -> NDArray[Any]:
    """Add white Gaussian noise of an RMS level in dB of full scale; the default is one step of 16 bits, as in Kaldi."""
    noise = rng.standard_normal(len(waveform), dtype=np.float32) * np.float32(10.0 ** (level_db / 20.0))
    return (waveform + noise).astype(waveform.dtype)
