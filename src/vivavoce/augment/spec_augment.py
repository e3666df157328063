"""SpecAugment (Park et al., 2019): masks over time and over frequency on (T, F) features, and a warp of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array
from vivavoce.errors import ConfigError, DataError


@dataclass(frozen=True)
class SpecAugmentParams:
    """Masks as (first, width); the frame `warp_from` moves to `warp_to` (both 0: no warp)."""

    time_masks: tuple[tuple[int, int], ...] = ()
    frequency_masks: tuple[tuple[int, int], ...] = ()
    warp_from: int = 0
    warp_to: int = 0

    def __post_init__(self) -> None:
        # Lists come out of JSON.
        object.__setattr__(self, "time_masks", tuple((int(first), int(width)) for first, width in self.time_masks))
        object.__setattr__(
            self, "frequency_masks", tuple((int(first), int(width)) for first, width in self.frequency_masks)
        )


@dataclass(frozen=True)
class SpecAugment:
    """How many masks and how wide at most: widths are uniform from 0 on; one time mask hides at most a share of T."""

    time_masks: int = 4
    max_time_frames: int = 30
    max_time_share: float = 0.07
    frequency_masks: int = 2
    max_frequency_bins: int = 18
    warp_frames: int = 0

    Params = SpecAugmentParams

    def __post_init__(self) -> None:
        counts = (
            self.time_masks,
            self.max_time_frames,
            self.frequency_masks,
            self.max_frequency_bins,
            self.warp_frames,
        )
        if min(counts) < 0 or not 0.0 <= self.max_time_share <= 1.0:
            raise ConfigError(f"{self}: expected counts and widths from 0 on and max_time_share in 0-1.")

    def draw(self, rng: np.random.Generator, num_frames: int, num_features: int) -> SpecAugmentParams:
        """Masks for (num_frames, num_features) features."""
        widest = min(self.max_time_frames, int(self.max_time_share * num_frames))
        times = [_mask(rng, widest, num_frames) for _ in range(self.time_masks)]
        widest = min(self.max_frequency_bins, num_features)
        frequencies = [_mask(rng, widest, num_features) for _ in range(self.frequency_masks)]
        warp_from = warp_to = 0
        if self.warp_frames and num_frames > 2 * self.warp_frames + 2:
            warp_from = int(rng.integers(self.warp_frames + 1, num_frames - self.warp_frames - 1))
            warp_to = warp_from + int(rng.integers(-self.warp_frames, self.warp_frames + 1))
        return SpecAugmentParams(tuple(times), tuple(frequencies), warp_from, warp_to)

    def apply(self, features: NDArray[Any], params: SpecAugmentParams, fill: float | NDArray[Any] = 0.0) -> Array:
        """Warp, then hide.

        Args:
            features: (T, F) log-mel features; not changed in place.
            fill: what stands in a mask: one number, or (F,), say the utterance's mean.

        Returns:
            (T, F) float32.
        """
        features = np.asarray(features)
        if features.ndim != 2:
            raise DataError(f"features have shape {features.shape}; expected (T, F).")
        masked = features.astype(np.float32)  # a copy in any case
        if params.warp_from != params.warp_to:
            masked = warp_time(masked, params.warp_from, params.warp_to)
        filling = np.broadcast_to(np.asarray(fill, dtype=np.float32), masked.shape[1:])
        for first, width in params.time_masks:
            masked[first : first + width] = filling
        for first, width in params.frequency_masks:
            masked[:, first : first + width] = filling[first : first + width]
        return masked


def warp_time(features: Array, warp_from: int, warp_to: int) -> Array:
    """(T, F) -> (T, F): frame `warp_from` lands on `warp_to`, the ends stay, and between them time runs evenly."""
    last = len(features) - 1
    if not (0 < warp_from < last and 0 < warp_to < last):
        raise DataError(
            f"time warp {warp_from} -> {warp_to} of {last + 1} frames; expected frames inside the utterance."
        )
    places = np.interp(np.arange(last + 1), [0, warp_to, last], [0, warp_from, last])
    before = np.minimum(places.astype(np.int64), last - 1)
    share = (places - before).astype(np.float32)[:, None]
    return features[before] * (1 - share) + features[before + 1] * share


def _mask(rng: np.random.Generator, widest: int, length: int) -> tuple[int, int]:
    width = int(rng.integers(0, widest + 1))
    return int(rng.integers(0, length - width + 1)), width
