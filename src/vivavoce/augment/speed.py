"""Speed perturbation: play faster or slower, so that tempo and pitch change together (Ko et al., 2015).

Tempo alone is in tempo.py; a vocal tract of another length, alone, in vtlp.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array, as_waveform
from vivavoce.errors import ConfigError


def change_speed(waveform: NDArray[Any], factor: float, sample_rate: int = 16000, quality: str = "HQ") -> Array:
    """Play a waveform `factor` times as fast.

    Args:
        waveform: (N,) float32.
        factor: above 1 is faster, shorter and higher.
        quality: soxr's name of a quality: "LQ", "MQ", "HQ", "VHQ". LQ saves nothing worth having over HQ.

    Returns:
        (about N / factor,) float32; a copy for factor 1.

    Raises:
        ConfigError: a factor outside 0.25-4.
    """
    waveform = as_waveform(waveform)
    if not 0.25 <= factor <= 4.0:
        raise ConfigError(f"speed factor is {factor}; expected 0.25 to 4 (0.9 and 1.1 are usual).")
    if factor == 1.0 or not len(waveform):
        return waveform.copy()
    # Read as if recorded at sample_rate * factor: in sample_rate there are fewer samples, hence a faster waveform.
    return np.asarray(soxr.resample(waveform, sample_rate * factor, sample_rate, quality=quality), dtype=np.float32)


@dataclass(frozen=True)
class SpeedParams:
    """The factor drawn, and the rate at which it is applied."""

    factor: float
    sample_rate: int


@dataclass(frozen=True)
class Speed:
    """One of a few factors, each as likely. A fixed set keeps soxr's filters and the buckets of batches few."""

    factors: tuple[float, ...] = (0.9, 1.0, 1.1)
    quality: str = "HQ"

    Params = SpeedParams

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(self.factors))
        if not self.factors or any(not 0.25 <= factor <= 4.0 for factor in self.factors):
            raise ConfigError(f"speed factors are {self.factors}; expected one or more from 0.25 to 4.")

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> SpeedParams:
        """One factor."""
        return SpeedParams(float(self.factors[int(rng.integers(len(self.factors)))]), int(sample_rate))

    def apply(self, waveform: NDArray[Any], params: SpeedParams) -> Array:
        """(N,) -> (about N / factor,)."""
        return change_speed(waveform, params.factor, params.sample_rate, self.quality)
