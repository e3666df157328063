"""Detection counts against loops, average precision against its definition threshold by threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import DataError
from vivavoce.metrics.detection import Detection, average_precision, best_f1, detection

PAIRS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40)


def arrays(pairs: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p[0] for p in pairs], bool), np.array([p[1] for p in pairs], float)


@given(PAIRS, st.integers(0, 6))
def test_counts_are_those_of_a_loop(pairs: list[tuple[bool, int]], threshold: int) -> None:
    truth, scores = arrays(pairs)
    counts = {(t, d): 0 for t in (True, False) for d in (True, False)}
    for t, s in pairs:
        counts[t, s >= threshold] += 1
    found = detection(truth, scores >= threshold)
    assert found == Detection(counts[True, True], counts[False, True], counts[True, False], counts[False, False])
    if found.hits:
        assert found.f1 == pytest.approx(2 / (1 / found.precision + 1 / found.recall))
    else:
        assert found.precision == found.recall == found.f1 == 0.0


@given(PAIRS)
def test_average_precision_is_its_definition(pairs: list[tuple[bool, int]]) -> None:
    truth, scores = arrays(pairs)
    area, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        at = detection(truth, scores >= threshold)
        area += (at.recall - before) * at.precision
        before = at.recall
    assert average_precision(truth, scores) == pytest.approx(area)


@given(PAIRS.filter(len))
def test_the_best_threshold_is_the_best_of_all(pairs: list[tuple[bool, int]]) -> None:
    truth, scores = arrays(pairs)
    value, threshold = best_f1(truth, scores)
    assert value == pytest.approx(max(detection(truth, scores >= t).f1 for t in set(scores)))
    assert detection(truth, scores >= threshold).f1 == pytest.approx(value)


def test_known_values() -> None:
    truth = np.array([1, 0, 1, 0], bool)
    assert average_precision(truth, np.array([4.0, 3.0, 2.0, 1.0])) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(truth, np.zeros(4)) == 0.5  # one threshold: the share of positives
    assert average_precision(~truth & False, np.arange(4.0)) == 0.0
    assert detection(truth, np.array([1, 1, 0, 0], bool)).false_alarm_rate == 0.5


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(DataError, match=r"truth has shape \(2,\)"):
        average_precision(np.zeros(2, bool), np.zeros(3))
    with pytest.raises(DataError, match="no decision"):
        best_f1(np.zeros(0, bool), np.zeros(0))
