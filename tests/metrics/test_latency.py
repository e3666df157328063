from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from vivavoce.errors import DataError
from vivavoce.metrics.latency import Steadiness, latency


def test_percentiles() -> None:
    delays = np.random.default_rng(0).gamma(2.0, 0.02, 1001)
    found = latency(delays.tolist())
    assert found.median_seconds == statistics.median(delays)
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    assert found.p95_seconds == pytest.approx(cuts[94])
    assert found.p99_seconds == pytest.approx(cuts[98])
    assert found.count == 1001
    assert str(latency([0.01, 0.02, 0.03])) == "median 20 ms, 95% within 29 ms, 99% within 30 ms"


@pytest.mark.parametrize("wrong", [[], [0.1, math.nan], [math.inf]])
def test_no_delays(wrong: list[float]) -> None:
    with pytest.raises(DataError, match="expected at least one"):
        latency(wrong)


@pytest.mark.parametrize(
    ("texts", "shown", "taken_back"),
    [
        ([], 0, 0),
        (["", "the", "the cat", "the cat sat"], 3, 0),
        (["th", "the", "the ca", "the cat"], 2, 0),  # words that grow
        (["the", "they", "they can"], 2, 0),
        (["the cat", "the dog"], 3, 1),
        (["the cat sat", "a cat sat"], 6, 3),  # what stands behind a change moves on the screen
        (["the cat sat", "the"], 3, 2),
        (["the cat", "the", "the cat"], 3, 1),
        (["the ca", "the cat", "the car"], 3, 1),
        (["i see the", "i see that", "i saw that"], 6, 3),
    ],
)
def test_words_taken_back(texts: list[str], shown: int, taken_back: int) -> None:
    steadiness = Steadiness()
    for text in texts:
        steadiness.add(text.split())
    assert (steadiness.shown, steadiness.taken_back) == (shown, taken_back)
    assert steadiness.share == (taken_back / shown if shown else 0.0)
