"""Level: gain in dB that never clips by accident, clipping on purpose, and the level of the speech in a waveform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array, as_waveform, mean_power
from vivavoce.errors import ConfigError

SILENCE_POWER = 1e-10  # -100 dB re full scale: below the last bit of 16, nothing is said
_MARGIN = 10.0**-1.59  # a frame counts while at most 15.9 dB below the level of those that count (ITU-T P.56)


def active_power(waveform: NDArray[Any], sample_rate: int) -> float:
    """Mean power of the frames in which something is said; pauses do not count.

    Args:
        waveform: (N,) float32.

    Returns:
        Mean square of the 20 ms frames that are at most 15.9 dB below that very mean; 0 for silence.

    Source: the margin and the idea of ITU-T P.56 (active speech level), on frames instead of an envelope follower.
    """
    waveform = as_waveform(waveform)
    frame = max(1, sample_rate // 50)
    count = len(waveform) // frame
    if count < 2:
        return mean_power(waveform)
    frames = waveform[: count * frame].reshape(count, frame)
    powers = np.einsum("tn,tn->t", frames, frames)
    level = float(powers.mean())
    while level > 0.0:
        # Raising the threshold can only drop frames, hence raise the mean: this climbs to a fixed point and ends.
        risen = float(powers[powers >= level * _MARGIN].mean())
        if risen <= level * 1.0001:
            break
        level = risen
    return level / frame


@dataclass(frozen=True)
class LevelParams:
    """gain_db as drawn; clip_db: how far the peak is above the level where it is cut off, None for no clipping."""

    gain_db: float
    clip_db: float | None = None


@dataclass(frozen=True)
class Level:
    """Gain uniform in dB; with `clip_probability`, the peaks are first cut off as an overdriven input does."""

    min_db: float = -20.0
    max_db: float = 6.0
    clip_probability: float = 0.0
    max_clip_db: float = 10.0
    peak: float = 0.999

    Params = LevelParams

    def __post_init__(self) -> None:
        if not self.min_db <= self.max_db:
            raise ConfigError(f"level runs from {self.min_db} to {self.max_db} dB; expected min_db <= max_db.")
        if not 0.0 <= self.clip_probability <= 1.0 or self.max_clip_db < 0.0:
            raise ConfigError(
                f"clip_probability {self.clip_probability}, max_clip_db {self.max_clip_db}; expected 0-1 and >= 0."
            )

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> LevelParams:
        """Gain, and whether to clip."""
        gain_db = float(rng.uniform(self.min_db, self.max_db))
        clips = rng.random() < self.clip_probability
        clip_db = float(rng.uniform(0.0, self.max_clip_db))
        return LevelParams(gain_db, clip_db if clips else None)

    def apply(self, waveform: NDArray[Any], params: LevelParams) -> Array:
        """(N,) -> (N,); where that would leave a peak above `peak`, the gain is what just fits."""
        waveform = as_waveform(waveform)
        if not len(waveform):
            return waveform.copy()
        peak = max(float(waveform.max()), -float(waveform.min()))
        if peak == 0.0:
            return waveform.copy()
        if params.clip_db is not None:
            ceiling = peak * 10.0 ** (-params.clip_db / 20.0)
            waveform = np.clip(waveform, np.float32(-ceiling), np.float32(ceiling))
            peak = ceiling
        gain = min(10.0 ** (params.gain_db / 20.0), self.peak / peak)
        return waveform * np.float32(gain)
