"""Vocal tract length perturbation (Jaitly and Hinton, 2013): formants moved along the mel axis of (T, F) features.

Pitch and timing stay. On features the warp costs microseconds; it does not know of waveforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array
from vivavoce.dsp.features import FeatureConfig
from vivavoce.dsp.mel import hz_to_mel, mel_to_hz
from vivavoce.errors import ConfigError, DataError


@dataclass(frozen=True)
class VtlpParams:
    """Above 1 moves formants up, as a shorter vocal tract does."""

    factor: float


@dataclass(frozen=True)
class Vtlp:
    """Factor uniform in a range. Up to `knee_hz` (after the warp) the warp is linear; f_max_hz stays where it is."""

    min_factor: float = 0.9
    max_factor: float = 1.1
    knee_hz: float = 4800.0
    f_min_hz: float = FeatureConfig.f_min_hz
    f_max_hz: float = FeatureConfig.f_max_hz
    mel_scale: str = FeatureConfig.mel_scale

    Params = VtlpParams

    def __post_init__(self) -> None:
        if not 0.5 <= self.min_factor <= self.max_factor <= 2.0:
            raise ConfigError(f"vtlp factors are {self.min_factor}-{self.max_factor}; expected 0.5 to 2, in order.")
        if not 0.0 <= self.f_min_hz < self.knee_hz < self.f_max_hz:
            raise ConfigError(
                f"vtlp has f_min_hz {self.f_min_hz}, knee_hz {self.knee_hz}, f_max_hz {self.f_max_hz}; "
                "expected them in rising order."
            )

    @classmethod
    def for_features(cls, config: FeatureConfig, min_factor: float = 0.9, max_factor: float = 1.1) -> Vtlp:
        """The warp on the mel axis of these features."""
        knee_hz = 0.63 * config.f_max_hz  # 4800 of 7600 Hz
        return cls(min_factor, max_factor, knee_hz, config.f_min_hz, config.f_max_hz, config.mel_scale)

    def draw(self, rng: np.random.Generator, num_frames: int, num_features: int) -> VtlpParams:
        """One factor."""
        return VtlpParams(float(rng.uniform(self.min_factor, self.max_factor)))

    def apply(self, features: NDArray[Any], params: VtlpParams) -> Array:
        """(T, F) -> (T, F) float32: what was at f is now at factor * f; bins outside the old range repeat its ends."""
        features = np.asarray(features)
        if features.ndim != 2:
            raise DataError(f"features have shape {features.shape}; expected (T, F).")
        if params.factor == 1.0:
            return features.astype(np.float32)
        places = np.clip(self.source_bins(features.shape[1], params.factor), 0.0, features.shape[1] - 1.0)
        before = np.minimum(places.astype(np.int64), max(0, features.shape[1] - 2))
        after = np.minimum(before + 1, features.shape[1] - 1)
        share = (places - before).astype(np.float32)
        return (features[:, before] * (1 - share) + features[:, after] * share).astype(np.float32)

    def source_bins(self, num_features: int, factor: float) -> NDArray[np.float64]:
        """(F,): the fractional old bin that each new bin shows."""
        low, high = hz_to_mel([self.f_min_hz, self.f_max_hz], self.mel_scale)
        step = (high - low) / (num_features + 1)
        centres_hz = mel_to_hz(low + step * np.arange(1, num_features + 1), self.mel_scale)
        knee = self.knee_hz * min(factor, 1.0)
        old_hz = np.interp(centres_hz, [0.0, knee, self.f_max_hz], [0.0, knee / factor, self.f_max_hz])
        return (hz_to_mel(old_hz, self.mel_scale) - low) / step - 1.0
