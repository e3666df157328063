"""Analysis windows, in double precision; whoever uses one casts it.

A periodic window of length n is the first n samples of a symmetric window of length n + 1: its shifted copies add up to
a constant, which is what an inverse STFT wants.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError

WINDOWS = ("hann", "hann_symmetric", "hamming", "hamming_symmetric", "povey", "blackman", "rectangular")


def window(name: str, length: int) -> NDArray[np.float64]:
    """A window by name: `hann`, `hamming` and `blackman` are periodic, the `_symmetric` ones and `povey` symmetric.

    Returns:
        (length,) float64.

    Raises:
        ConfigError: an unknown name, or a length below 1.

    Source: Povey's window is Kaldi's, a symmetric Hann window to the power of 0.85.
    """
    if name not in WINDOWS:
        raise ConfigError(f"window is {name!r}; expected one of {', '.join(WINDOWS)}.")
    if length < 1:
        raise ConfigError(f"window length is {length}; expected 1 or more samples.")
    if name == "rectangular" or length == 1:
        return np.ones(length)
    symmetric = name.endswith("_symmetric") or name == "povey"
    phase = 2 * np.pi * np.arange(length) / (length - 1 if symmetric else length)
    shape = name.removesuffix("_symmetric")
    if shape == "hamming":
        return 0.54 - 0.46 * np.cos(phase)
    if shape == "blackman":
        return 0.42 - 0.5 * np.cos(phase) + 0.08 * np.cos(2 * phase)
    hann = 0.5 - 0.5 * np.cos(phase)
    return np.maximum(hann, 0.0) ** 0.85 if shape == "povey" else hann
