"""Where a clean recording holds speech: a rule over frame levels, which says also where it cannot know.

The rule works on recordings with quiet backgrounds only, and refuses the others. Two thresholds below the level of the
speech are applied: a high one that pauses, breaths and noise stay below, and a low one that whatever is said stays
above. Where both agree the answer is sure; in between (weak fricatives, fading vowels, breaths) it is not, and neither
training nor measurement should count such frames. It knows nothing of words or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.augment.level import SILENCE_POWER, active_power
from vivavoce.dsp.level import frame_energy_db
from vivavoce.errors import ConfigError

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SpeechRule:
    """All levels are relative to the active speech level (`augment.level.active_power`).

    Attributes:
        high_db, low_db: the two thresholds, below the active level.
        floor_quantile: the share of frames that are taken to show the background.
        floor_margin_db: how far above the background the low threshold stays at least.
        fill_seconds: shorter gaps are closures and the like, inside of words.
        shortest_seconds: what is shorter than this, its gaps filled, is a click.
        win_seconds, hop_seconds: the frames, those of the features.
    """

    high_db: float = 25.0
    low_db: float = 40.0
    floor_quantile: float = 0.05
    floor_margin_db: float = 5.0
    fill_seconds: float = 0.2
    shortest_seconds: float = 0.1
    win_seconds: float = 0.025
    hop_seconds: float = 0.010

    def __post_init__(self) -> None:
        if not 0.0 < self.high_db <= self.low_db or self.floor_margin_db < 0.0:
            raise ConfigError(
                f"high_db is {self.high_db}, low_db {self.low_db} and floor_margin_db {self.floor_margin_db}; expected "
                "0 < high_db <= low_db and no negative margin."
            )
        if not 0.0 < self.floor_quantile < 1.0:
            raise ConfigError(f"floor_quantile is {self.floor_quantile}; expected a share between 0 and 1.")


@dataclass(frozen=True)
class SpeechFrames:
    """speech: (T,) whether frame t is part of speech; sure: (T,) whether the rule can know."""

    speech: Mask
    sure: Mask


def speech_frames(waveform: NDArray[Any], sample_rate: int, rule: SpeechRule | None = None) -> SpeechFrames | None:
    """Label the frames of one recording.

    Args:
        waveform: (N,) float32, one person's speech.

    Returns:
        T labels, T being the whole frames in N samples; None where the recording cannot be labelled: it is silent or
        shorter than two frames, or its background (the quietest twentieth) is not `high_db` and the margin below the
        speech. A recording without any pause is refused for the same reason, for it shows no background.
    """
    rule = rule or SpeechRule()
    win = timeline.seconds_to_samples(rule.win_seconds, sample_rate)
    hop = timeline.seconds_to_samples(rule.hop_seconds, sample_rate)
    power = active_power(waveform, sample_rate)
    if len(waveform) < timeline.frames_to_samples(2, win, hop) or power <= SILENCE_POWER:
        return None
    levels = frame_energy_db(waveform, sample_rate, rule.win_seconds, rule.hop_seconds) - 10.0 * np.log10(power)
    floor = float(np.quantile(levels, rule.floor_quantile)) + rule.floor_margin_db
    if floor > -rule.high_db:
        return None
    fill, shortest = round(rule.fill_seconds / rule.hop_seconds), round(rule.shortest_seconds / rule.hop_seconds)
    high = tidy_runs(levels >= -rule.high_db, fill, shortest)
    low = tidy_runs(levels >= max(-rule.low_db, floor), fill, shortest)
    return SpeechFrames(high, high == low)


def tidy_runs(mask: Mask, fill: int, shortest: int) -> Mask:
    """(T,) -> (T,): gaps of at most `fill` frames between two runs are closed, then runs under `shortest` dropped."""
    starts, ends = runs(mask)
    if not len(starts):
        return np.zeros_like(mask)
    apart = np.flatnonzero(starts[1:] - ends[:-1] > fill)
    starts, ends = starts[np.append(0, apart + 1)], ends[np.append(apart, len(ends) - 1)]
    result = np.zeros_like(mask)
    for start, end in zip(starts, ends, strict=True):
        result[start:end] = end - start >= shortest
    return result


def runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the runs of True in a (T,) mask begin, and where they have ended; both (R,)."""
    steps = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return steps[::2], steps[1::2]
