"""From a distribution over the next sample, and numbers drawn evenly, to the sample: what autoregressive vocoders do.

Training's own generation and the runtime both call this module, so that the same numbers give the same speech. It draws
nothing itself: `uniforms` come from the caller's generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def draw_levels(logits: NDArray[Any], uniforms: NDArray[Any]) -> NDArray[np.int64]:
    """One of V levels each.

    Args:
        logits: (B, V) of a softmax. uniforms: (B,) in [0, 1).

    Returns:
        (B,) the level at which the probabilities, summed up from level 0, pass the number.
    """
    shifted = np.asarray(logits, dtype=np.float64)
    weights = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    sums = weights.cumsum(axis=1)
    passed = sums <= np.asarray(uniforms)[:, None] * sums[:, -1:]
    return np.minimum(passed.sum(axis=1), sums.shape[1] - 1)


def draw_logistics(parameters: NDArray[Any], uniforms: NDArray[Any], levels: int) -> NDArray[np.float32]:
    """A sample each of a mixture of logistic distributions, on the nearest of `levels` evenly spaced in [-1, 1].

    Args:
        parameters: (B, 3 K) logits of the K weights, means, and natural logarithms of the scales.
        uniforms: (B, 2) in [0, 1): the first chooses the component, the second the place within it.
        levels: 65536 for samples of 16 bits.

    Returns:
        (B,) float32.

    Source: Salimans et al. 2017, arXiv:1701.05517, section 2.1.
    """
    logits, means, log_scales = np.split(np.asarray(parameters, dtype=np.float64), 3, axis=1)
    uniforms = np.asarray(uniforms, dtype=np.float64)
    chosen = draw_levels(logits, uniforms[:, 0])[:, None]
    place = uniforms[:, 1].clip(1e-12, 1.0 - 1e-12)
    mean, log_scale = (np.take_along_axis(values, chosen, axis=1)[:, 0] for values in (means, log_scales))
    sample = (mean + np.exp(log_scale) * np.log(place / (1.0 - place))).clip(-1.0, 1.0)
    return (np.rint((sample + 1.0) * (levels - 1) / 2.0) * 2.0 / (levels - 1) - 1.0).astype(np.float32)
