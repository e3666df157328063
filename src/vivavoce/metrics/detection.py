"""How well a yes-or-no decision is made: precision, recall, F1, and average precision over all thresholds.

Truth and scores are one number a decision; this module knows nothing of frames or speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import DataError


@dataclass(frozen=True)
class Detection:
    """How many decisions were right and wrong. Ratios without anything to divide by are 0."""

    hits: int
    false_alarms: int
    misses: int
    rejections: int

    @property
    def precision(self) -> float:
        """The share of what was called positive that is."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """The share of the positives that was found."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def false_alarm_rate(self) -> float:
        """The share of the negatives that was called positive."""
        return _ratio(self.false_alarms, self.false_alarms + self.rejections)


def detection(truth: NDArray[np.bool_], decisions: NDArray[np.bool_]) -> Detection:
    """Count (K,) decisions against the (K,) truth.

    Raises:
        DataError: the two are not of one length.
    """
    truth, decisions = _pair(truth, decisions)
    truth, decisions = truth.astype(bool), decisions.astype(bool)
    hits = int(np.count_nonzero(truth & decisions))
    called, positives = int(np.count_nonzero(decisions)), int(np.count_nonzero(truth))
    return Detection(hits, called - hits, positives - hits, len(truth) - called - positives + hits)


def average_precision(truth: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """Area under the curve of precision over recall, by steps: each score is a threshold, equal scores are one.

    Args:
        truth: (K,) bool.
        scores: (K,) higher for what is likelier positive.

    Returns:
        sum over thresholds of (recall - recall before) * precision; 0 where nothing is positive.

    Raises:
        DataError: the two are not of one length.

    Source: average precision as in information retrieval, without interpolation.
    """
    truth, scores = _pair(truth, scores)
    positives = int(np.count_nonzero(truth))
    if not positives:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)  # of each group of equal scores
    hits = np.cumsum(truth[order].astype(bool))[last]
    gained = np.diff(hits, prepend=0)
    return float(np.sum(gained * (hits / (last + 1.0))) / positives)


def best_f1(truth: NDArray[np.bool_], scores: NDArray[Any]) -> tuple[float, float]:
    """The highest F1 that any threshold reaches, and that threshold (scores from it on are positive).

    Raises:
        DataError: the two are not of one length, or empty.
    """
    truth, scores = _pair(truth, scores)
    if not len(truth):
        raise DataError("there is no decision to find a threshold for; expected one or more.")
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    hits = np.cumsum(truth[order].astype(bool))[last]
    f1 = 2.0 * hits / np.maximum(last + 1.0 + np.count_nonzero(truth), 1.0)
    best = int(np.argmax(f1))
    return float(f1[best]), float(falling[last[best]])


def _pair(truth: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    truth, values = np.asarray(truth), np.asarray(values)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise DataError(f"truth has shape {truth.shape} and the decisions {values.shape}; expected (K,) of both.")
    return truth, values


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
