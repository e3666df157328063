"""Finding transcripts that cannot be right: text far too long or too short for its recording.

Each corpus has its own pace and its own pauses around an utterance (a child reading digits, an actor reading Dickens).
So each gets a line, expected seconds = pause + characters x pace, through the medians of its durations, and bounds from
the median absolute deviation around it, which a few bad transcripts do not move. This module reads no audio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.text.normalize import normalize_for_training

DEVIATION_OF_MAD = 1.4826  # standard deviation of a normal distribution, over its median absolute deviation
FEWEST = 20  # utterances below which a corpus has no bounds of its own
FASTEST_SECONDS = 0.02  # a character; nobody speaks faster

Array = np.ndarray


@dataclass(frozen=True)
class Suspicion:
    """One fault of one utterance, in words; `characters_per_second` of the normalised text."""

    utterance: Utterance
    reason: str
    characters_per_second: float


@dataclass(frozen=True)
class CheckConfig:
    """What is suspect."""

    deviations: float = 4.5
    """Robust standard deviations of the duration's logarithm, from what the corpus's line expects."""
    frames_per_second: float = 25.0
    """Output frames of the CTC model that is to learn from the text."""


def find_suspicious(utterances: Sequence[Utterance], config: CheckConfig | None = None) -> list[Suspicion]:
    """Utterances whose text does not fit their duration, in the order given; those without text are not judged.

    A CTC model needs a frame for each character and one between two equal ones: what it cannot align at all is suspect
    whatever its corpus. All others are held against the line of their corpus (`extra["corpus"]`).
    """
    config = config or CheckConfig()
    texts = [normalize_for_training(utterance.text) for utterance in utterances]
    paces = _paces(utterances, texts)
    found = []
    for utterance, text in zip(utterances, texts, strict=True):
        seconds, pace = utterance.duration_seconds, paces.get(_corpus_of(utterance))
        needed, available = ctc_frames_needed(text), int(seconds * config.frames_per_second)
        reason = ""
        if not utterance.text.strip():
            continue
        if not text:
            reason = "nothing of the text can be written in the alphabet"
        elif needed > available:
            reason = f"needs {needed} CTC frames, has {available}"
        elif pace is not None and abs(pace.deviations(seconds, len(text))) > config.deviations:
            expected = pace.seconds(len(text))
            fault = "long" if seconds < expected else "short"
            reason = f"text too {fault} for its {seconds:.2f} s; {expected:.2f} s were to be expected"
        if reason:
            found.append(Suspicion(utterance, reason, len(text) / max(seconds, 1e-3)))
    return found


def ctc_frames_needed(text: str) -> int:
    """Frames below which CTC has no path for this text: one a character, one more between equal neighbours."""
    return len(text) + sum(first == second for first, second in pairwise(text))


@dataclass(frozen=True)
class _Pace:
    """One corpus: seconds around an utterance, seconds a character, and how far (logarithm) durations scatter."""

    pause_seconds: float
    character_seconds: float
    scatter: float

    def seconds(self, characters: int) -> float:
        return self.pause_seconds + characters * self.character_seconds

    def deviations(self, seconds: float, characters: int) -> float:
        return float(np.log(max(seconds, 1e-3) / self.seconds(characters))) / self.scatter


def _paces(utterances: Sequence[Utterance], texts: Sequence[str]) -> dict[str, _Pace]:
    """Corpus -> pace, where it has enough utterances to tell."""
    points: dict[str, list[tuple[int, float]]] = {}
    for utterance, text in zip(utterances, texts, strict=True):
        if text and utterance.duration_seconds > 0.0:
            points.setdefault(_corpus_of(utterance), []).append((len(text), utterance.duration_seconds))
    return {corpus: _fit(np.array(pairs)) for corpus, pairs in points.items() if len(pairs) >= FEWEST}


def _fit(points: Array) -> _Pace:
    """A line through the medians of ten groups of like text length, then the scatter around it."""
    groups = np.array_split(points[np.argsort(points[:, 0], kind="stable")], 10)
    medians = np.array([np.median(group, axis=0) for group in groups])
    if np.ptp(medians[:, 0]) < 1.0:  # all texts are of one length
        pause, slope = 0.0, float(np.median(points[:, 1] / points[:, 0]))
    else:
        slope, pause = (float(value) for value in np.polyfit(medians[:, 0], medians[:, 1], 1))
    slope, pause = max(slope, FASTEST_SECONDS), max(pause, 0.0)
    logarithms = np.log(points[:, 1] / (pause + slope * points[:, 0]))
    centre = float(np.median(logarithms))
    scatter = DEVIATION_OF_MAD * float(np.median(np.abs(logarithms - centre)))
    return _Pace(pause * np.exp(centre), slope * np.exp(centre), max(scatter, 0.05))


def _corpus_of(utterance: Utterance) -> str:
    return str(utterance.extra.get("corpus", ""))
