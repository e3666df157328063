"""Cepstra: the cosine transform, the lifter and the deltas that turn log-mel energies into MFCCs.

`features.mfcc` goes from the waveform to the cepstra; this module knows only frames of numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError


def dct_matrix(num_out: int, num_in: int) -> NDArray[np.float64]:
    """The first rows of the orthonormal cosine transform (DCT-II): (num_out, num_in) float64.

    Raises:
        ConfigError: more outputs than inputs.
    """
    if not 1 <= num_out <= num_in:
        raise ConfigError(f"{num_out} cepstra of {num_in} filters; expected between 1 and as many as filters.")
    matrix = np.cos(np.pi / num_in * np.arange(num_out)[:, None] * (np.arange(num_in) + 0.5)) * np.sqrt(2.0 / num_in)
    matrix[0] = np.sqrt(1.0 / num_in)
    return matrix


def lifter_weights(num_cepstra: int, lifter: float) -> NDArray[np.float64]:
    """HTK's and Kaldi's cepstral lifter, 1 + L/2 sin(pi n / L); ones where lifter is 0. (num_cepstra,) float64."""
    if lifter < 0:
        raise ConfigError(f"lifter is {lifter}; expected 0 (none) or more, Kaldi's is 22.")
    if lifter == 0:
        return np.ones(num_cepstra)
    return 1.0 + 0.5 * lifter * np.sin(np.pi * np.arange(num_cepstra) / lifter)


def deltas(frames: NDArray[Any], width: int = 9) -> NDArray[Any]:
    """The slope of each coefficient over time: the regression line through `width` frames.

    Args:
        frames: (T, F); beyond its ends the first and the last frame are repeated.
        width: odd number of frames, 3 or more; HTK's and Kaldi's default is 5, librosa's 9.

    Returns:
        (T, F) of the same type, change a frame. Second derivatives are the deltas of the deltas, as in HTK.

    Raises:
        ConfigError: a width that is even or below 3.

    Source: HTK book, equation 5.16; equals librosa.feature.delta(mode="nearest").
    """
    if width < 3 or width % 2 == 0:
        raise ConfigError(f"delta width is {width}; expected an odd number of frames, 3 or more.")
    reach = width // 2
    count = len(frames)
    result = np.zeros_like(frames)
    if not count:
        return result
    places = np.arange(count)
    for step in range(1, reach + 1):
        # Sums of elements in a fixed order: a frame's delta does not depend on how many frames are computed with it.
        ahead = frames[np.minimum(places + step, count - 1)]
        behind = frames[np.maximum(places - step, 0)]
        result += (ahead - behind) * frames.dtype.type(step)
    result /= frames.dtype.type(2 * sum(step * step for step in range(1, reach + 1)))
    return result


def append_deltas(frames: NDArray[Any], order: int = 2, width: int = 9) -> NDArray[Any]:
    """(T, F) to (T, F * (1 + order)): the frames, their deltas, and the deltas of those."""
    parts = [frames]
    for _ in range(order):
        parts.append(deltas(parts[-1], width))
    return np.concatenate(parts, axis=1)
