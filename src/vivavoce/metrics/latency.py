"""How late and how steady live text is: delays in percentiles, and how many shown words are taken back.

Source of the second: the unstable partial word ratio of Shangguan et al. 2020 (arXiv:2006.01416). Ours does not count a
last word that only grows, "lig" to "light": a recogniser of characters shows those on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.errors import DataError


@dataclass(frozen=True)
class Latency:
    """Percentiles of `count` delays."""

    median_seconds: float
    p95_seconds: float
    p99_seconds: float
    count: int

    def __str__(self) -> str:
        shown = [f"{1000 * value:.0f}" for value in (self.median_seconds, self.p95_seconds, self.p99_seconds)]
        return f"median {shown[0]} ms, 95% within {shown[1]} ms, 99% within {shown[2]} ms"


def latency(delays_seconds: Sequence[float]) -> Latency:
    """Percentiles of delays, interpolated between neighbours.

    Raises:
        DataError: no delay, or one that is not finite.
    """
    delays = np.asarray(delays_seconds, np.float64)
    if not delays.size or not np.isfinite(delays).all():
        raise DataError(f"{delays.size} delays were given; expected at least one, and all of them finite.")
    median, p95, p99 = np.percentile(delays, (50, 95, 99))
    return Latency(float(median), float(p95), float(p99), delays.size)


class Steadiness:
    """Counts words as they are shown and as they are taken back, over one growing text."""

    def __init__(self) -> None:
        self.shown = self.taken_back = 0
        self._previous: Sequence[str] = ()

    def add(self, words: Sequence[str]) -> None:
        """The whole text as it is shown now."""
        before = self._previous
        same = 0
        for old, new in zip(before, words, strict=False):
            if old != new:
                break
            same += 1
        gone = len(before) - same
        if gone == 1 and len(words) > same and words[same].startswith(before[same]):
            gone = 0  # the last word grew
            self.shown -= 1  # it is the same word still
        self.taken_back += gone
        self.shown += len(words) - same
        self._previous = tuple(words)

    @property
    def share(self) -> float:
        """Words taken back, as a share of all that were shown; 0 where nothing was."""
        return self.taken_back / self.shown if self.shown else 0.0
