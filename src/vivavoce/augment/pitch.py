"""Pitch: higher or lower at the same tempo. Formants move along, as with a larger or smaller speaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.speed import change_speed
from vivavoce.augment.tempo import change_tempo
from vivavoce.augment.waveform import Array, as_waveform, fit_length
from vivavoce.errors import ConfigError


def change_pitch(waveform: NDArray[Any], semitones: float, sample_rate: int = 16000) -> Array:
    """Move every frequency by `semitones`, timing unchanged within 10 ms.

    Args:
        waveform: (N,) float32.
        semitones: above 0 is higher; a twelfth of an octave each.

    Returns:
        (N,) float32.

    Raises:
        ConfigError: more than 12 semitones up or down.
    """
    waveform = as_waveform(waveform)
    if not -12.0 <= semitones <= 12.0:
        raise ConfigError(f"pitch change is {semitones} semitones; expected -12 to 12.")
    # soxr keeps a filter for each ratio it meets: hundredths of a percent are fine enough and make them few.
    factor = round(2.0 ** (semitones / 12.0), 4)
    if factor == 1.0:
        return waveform.copy()
    # The shorter of the two waveforms is the cheaper to resample.
    if factor > 1.0:
        changed = change_tempo(change_speed(waveform, factor, sample_rate), 1.0 / factor, sample_rate)
    else:
        changed = change_speed(change_tempo(waveform, 1.0 / factor, sample_rate), factor, sample_rate)
    return fit_length(changed, len(waveform))


@dataclass(frozen=True)
class PitchParams:
    """Semitones drawn, and the rate at which they are applied."""

    semitones: float
    sample_rate: int


@dataclass(frozen=True)
class Pitch:
    """Semitones uniform in a range."""

    min_semitones: float = -2.0
    max_semitones: float = 2.0

    Params = PitchParams

    def __post_init__(self) -> None:
        if not -12.0 <= self.min_semitones <= self.max_semitones <= 12.0:
            raise ConfigError(
                f"pitch runs from {self.min_semitones} to {self.max_semitones} semitones; expected -12 to 12, in order."
            )

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> PitchParams:
        """Semitones."""
        return PitchParams(float(rng.uniform(self.min_semitones, self.max_semitones)), int(sample_rate))

    def apply(self, waveform: NDArray[Any], params: PitchParams) -> Array:
        """(N,) -> (N,)."""
        return change_pitch(waveform, params.semitones, params.sample_rate)
