"""Quiet before and behind a short utterance: a spoken command has it, a word cut out of a sentence has not.

The quiet is noise far below the word, which stands under the word too: it does not begin and end with it. A few
utterances stand in digital silence. What is far louder than quiet is left to the transforms that come behind this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.noise import COLOURS, coloured
from vivavoce.augment.waveform import Array, as_waveform, mean_power
from vivavoce.errors import ConfigError

SHORT_SECONDS = 1.5  # as recorded, at whichever speed it is played: a sentence has pauses of its own
SILENT_SHARE = 0.15
BELOW_DB = (25.0, 60.0)  # the quiet's level under the utterance's own
FADE_SECONDS = 0.005  # a cut goes through the middle of sounds, and its edge would click in the quiet


def most_added(seconds: float, max_seconds: float) -> float:
    """What an utterance of a recorded length gains at most, in seconds of the finished audio."""
    return 2.0 * max_seconds if seconds < SHORT_SECONDS else 0.0


@dataclass(frozen=True)
class SurroundRows:
    """What is drawn for several utterances, each (count,): `gain` is the quiet's over the utterance, 0 for silence."""

    lead_seconds: NDArray[np.float64]
    tail_seconds: NDArray[np.float64]
    colour: NDArray[np.int64]
    start: NDArray[np.float64]
    gain: NDArray[np.float64]


@dataclass(frozen=True)
class SurroundParams:
    """Samples before and behind; the quiet's colour, its start as a share of the noise, and its gain (0: silence)."""

    lead_samples: int
    tail_samples: int
    colour: str
    start: float
    gain: float
    sample_rate: int


@dataclass(frozen=True)
class Surround:
    """Up to `max_seconds` of quiet on either side. Which utterances are short enough for it is the caller's to say."""

    max_seconds: float = 0.5

    Params = SurroundParams

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_seconds < math.inf:
            raise ConfigError(f"surround is {self.max_seconds} seconds; expected 0 or more.")

    def draw_rows(self, rng: np.random.Generator, count: int) -> SurroundRows:
        """For `count` utterances at once."""
        lead, tail = rng.uniform(0.0, self.max_seconds, (2, count))
        colour, start = rng.integers(len(COLOURS), size=count), rng.random(count)
        gain = 10.0 ** (-rng.uniform(*BELOW_DB, count) / 20.0)
        return SurroundRows(lead, tail, colour, start, np.where(rng.random(count) < SILENT_SHARE, 0.0, gain))

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> SurroundParams:
        """Lengths, colour and level."""
        row = self.draw_rows(rng, 1)
        return SurroundParams(
            int(row.lead_seconds[0] * sample_rate), int(row.tail_seconds[0] * sample_rate),
            tuple(COLOURS)[int(row.colour[0])], float(row.start[0]), float(row.gain[0]), int(sample_rate),
        )  # fmt: skip

    def apply(self, waveform: NDArray[Any], params: SurroundParams) -> Array:
        """(N,) -> (lead + N + tail,), the quiet at its level below the mean power of the N samples."""
        waveform = as_waveform(waveform)
        ramp = (np.arange(len(waveform), dtype=np.float32) + 0.5) / (FADE_SECONDS * params.sample_rate)
        faded = waveform * np.minimum(np.minimum(ramp, ramp[::-1]), 1.0)
        out = np.pad(faded, (params.lead_samples, params.tail_samples))
        if params.gain and len(out):
            noise = coloured(params.colour, params.sample_rate)
            noise = noise.take(np.arange(len(out)) + int(params.start * len(noise)), mode="wrap")
            out += noise * np.float32(params.gain * math.sqrt(mean_power(waveform) / mean_power(noise)))
        return out
