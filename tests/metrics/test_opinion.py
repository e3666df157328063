"""Listening-test statistics against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats

from vivavoce.errors import DataError
from vivavoce.metrics.opinion import beta_cdf, compare_opinions, mean_opinion, preference, student_p


def ratings(seed: int, count: int, mean: float = 3.5) -> np.ndarray:
    return np.clip(np.rint(np.random.default_rng(seed).normal(mean, 0.9, count)), 1, 5)


@pytest.mark.parametrize("count", [2, 5, 40, 400])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_mean_has_students_interval(count: int, level: float) -> None:
    values = ratings(count, count) + np.linspace(0, 0.001, count)  # never all equal
    values = np.minimum(values, 5)
    found = mean_opinion(values, level=level)
    expected = scipy.stats.t.interval(level, count - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)
    assert (found.units, found.level) == (count, level)


def test_listeners_count_once_each() -> None:
    values, listeners = ratings(3, 60), np.repeat(np.arange(6), 10)
    means = values.reshape(6, 10).mean(axis=1)
    found = mean_opinion(values, groups=listeners.tolist())
    assert found == mean_opinion(means)
    assert found.units == 6


def test_pairs_are_compared_as_scipy_does() -> None:
    before, after = ratings(1, 30, 3.2), ratings(2, 30, 3.8)
    found = compare_opinions(before, after)
    expected = scipy.stats.ttest_rel(after, before)
    interval = expected.confidence_interval(0.95)
    assert found.t_p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    drawn = scipy.stats.permutation_test(
        (after, before), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", n_resamples=5000, rng=0
    )
    assert found.permutation_p == pytest.approx(drawn.pvalue, abs=0.02)
    same = compare_opinions(before, before)
    assert (same.difference.value, same.t_p, same.permutation_p) == (0.0, 1.0, 1.0)
    assert compare_opinions([1.0, 2.0], [2.0, 3.0]).t_p == 0.0  # the same step up, both times


@pytest.mark.parametrize(("for_a", "for_b"), [(10, 20), (20, 10), (15, 15), (0, 8), (8, 0), (1, 0), (140, 180)])
def test_preferences_are_binomial(for_a: int, for_b: int) -> None:
    found = preference(for_a, for_b, undecided=4)
    expected = scipy.stats.binomtest(for_b, for_a + for_b)
    interval = expected.proportion_ci(0.95, method="exact")
    assert found.share.value == for_b / (for_a + for_b)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.share.low, found.share.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert found.undecided == 4


def test_the_beta_integral_is_scipys() -> None:
    for a in (0.5, 1.0, 3.5, 40.0, 900.0):
        for b in (0.5, 1.0, 7.0, 300.0):
            for x in (0.0, 1e-6, 0.1, 0.5, 0.77, 0.999, 1.0):
                assert beta_cdf(x, a, b) == pytest.approx(scipy.special.betainc(a, b, x), rel=1e-9, abs=1e-200)
    assert student_p(2.5, 7) == pytest.approx(2 * scipy.stats.t.sf(2.5, 7), rel=1e-12)


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match=r"rating is 6\.0; expected 1 to 5"):
        mean_opinion([3, 6])
    with pytest.raises(DataError, match="rating is nan"):
        mean_opinion([3, float("nan")])
    with pytest.raises(DataError, match="1 ratings or groups"):
        mean_opinion([3, 4], groups=["a", "a"])
    with pytest.raises(DataError, match="2 ratings and 3 groups"):
        mean_opinion([3, 4], groups=["a", "b", "c"])
    with pytest.raises(DataError, match="expected pairs"):
        compare_opinions([3, 4], [3, 4, 5])
    with pytest.raises(DataError, match="0 votes for A"):
        preference(0, 0, 5)
    with pytest.raises(ValueError, match="level"):
        mean_opinion([3, 4], level=1.0)
