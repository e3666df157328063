"""What autoregressive voices need beside their networks: chance, and a memory of samples.

Training's own generation and the runtime both call this module, so that the same generator gives the same speech from
PyTorch and from a graph. A generator belongs to one sentence, whatever else is computed beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MU_LAW = "mu_law"
LOGISTICS = "logistics"
MIN_LOG_SCALE = -9.0  # below, a logistic is narrower than ten levels of 16 bits, and in training its gradients explode


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
        parameters: (B, 3 K) logits of the K weights, means, and natural logarithms of the scales, which count as
            MIN_LOG_SCALE where they are below.
        uniforms: (B, 2) in [0, 1): the first chooses the component, the second the place within it.
        levels: 65536 for samples of 16 bits.

    Returns:
        (B,) float32.

    Source: Salimans et al. 2017, arXiv:1701.05517, section 2.1.
    """
    logits, means, log_scales = np.split(np.asarray(parameters, dtype=np.float64), 3, axis=1)
    log_scales = np.maximum(log_scales, MIN_LOG_SCALE)
    uniforms = np.asarray(uniforms, dtype=np.float64)
    chosen = draw_levels(logits, uniforms[:, 0])[:, None]
    place = uniforms[:, 1].clip(1e-12, 1.0 - 1e-12)
    mean, log_scale = (np.take_along_axis(values, chosen, axis=1)[:, 0] for values in (means, log_scales))
    sample = (mean + np.exp(log_scale) * np.log(place / (1.0 - place))).clip(-1.0, 1.0)
    return (np.rint((sample + 1.0) * (levels - 1) / 2.0) * 2.0 / (levels - 1) - 1.0).astype(np.float32)


def draw_samples(
    answers: NDArray[Any], draws: Sequence[np.random.Generator], output: str, levels: int
) -> NDArray[np.int64] | NDArray[np.float32]:
    """The next sample of each row, (B,): a level for MU_LAW, else a value in [-1, 1].

    Args:
        answers: (B, V) logits of levels, or (B, 3 K) parameters of logistic distributions.
        draws: a generator a row.
        output: MU_LAW or LOGISTICS. levels: how many there are.
    """
    if output == MU_LAW:
        return draw_levels(answers, np.array([rng.random() for rng in draws]))
    return draw_logistics(answers, np.stack([rng.random(2) for rng in draws]), levels)


def dropout_factors(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> NDArray[np.float32]:
    """Factors for units that dropout, at work outside of training too, leaves out: 0, or 1 / (1 - rate)."""
    return (rng.random(shape) >= rate).astype(np.float32) / np.float32(1.0 - rate)


class Rings:
    """What every layer was given in the last `dilation` samples; the past of sample n lies where n's present will."""

    def __init__(self, dilations: Sequence[int], batch: int, channels: int) -> None:
        self.dilations = np.asarray(dilations)
        self.begins = np.cumsum(self.dilations) - self.dilations
        self.values = np.zeros((batch, int(self.dilations.sum()), channels), np.float32)

    def past(self, number: int) -> NDArray[np.float32]:
        """(B, L, C) the layers' inputs `dilation` samples before sample `number`."""
        return self.values[:, self.begins + number % self.dilations]

    def remember(self, number: int, present: NDArray[np.float32]) -> None:
        """Keep (B, L, C), the layers' inputs of sample `number`."""
        self.values[:, self.begins + number % self.dilations] = present
