"""Intervals and significance against scipy and against enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats

from vivavoce.errors import DataError
from vivavoce.metrics.confidence import bootstrap_interval, compare_systems, matched_pairs, permutation_test


def errors_of(rng: np.random.Generator, count: int, rate: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    lengths = rng.integers(1, 40, count)
    return rng.binomial(lengths, rate), lengths


def test_interval_agrees_with_scipy() -> None:
    errors, lengths = errors_of(np.random.default_rng(1), 300)
    ours = bootstrap_interval(errors, lengths, resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (errors, lengths),
        lambda e, n, axis: e.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=5000,
        vectorized=True,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours.value == errors.sum() / lengths.sum()
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * width)
    assert ours.units == 300


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        errors, lengths = errors_of(rng, 120)
        interval = bootstrap_interval(errors, lengths, resamples=400, seed=trial, level=0.9)
        covered += interval.low <= 0.2 <= interval.high
    assert 0.83 <= covered / 200 <= 0.97


def test_speakers_who_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    speakers = np.repeat(np.arange(20), 30)
    lengths = rng.integers(5, 20, 600)
    errors = rng.binomial(lengths, rng.uniform(0.0, 0.6, 20)[speakers])
    single = bootstrap_interval(errors, lengths)
    grouped = bootstrap_interval(errors, lengths, groups=[f"speaker {number}" for number in speakers])
    assert grouped.value == single.value
    assert grouped.units == 20
    assert grouped.high - grouped.low > 2.0 * (single.high - single.low)


def test_one_group_each_equals_no_groups() -> None:
    errors, lengths = errors_of(np.random.default_rng(5), 50)
    assert bootstrap_interval(errors, lengths, groups=range(50)) == bootstrap_interval(errors, lengths)


def test_a_seed_gives_the_same_answer_and_another_a_near_one() -> None:
    errors, lengths = errors_of(np.random.default_rng(6), 100)
    first, again, other = (bootstrap_interval(errors, lengths, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.low == pytest.approx(other.low, abs=0.01)


def test_wider_levels_hold_narrower_ones() -> None:
    errors, lengths = errors_of(np.random.default_rng(7), 100)
    narrow, wide = (bootstrap_interval(errors, lengths, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_constant_rates_have_no_width() -> None:
    interval = bootstrap_interval([1, 2, 3], [10, 20, 30])
    assert (interval.low, interval.value, interval.high) == pytest.approx((0.1, 0.1, 0.1))


@pytest.mark.parametrize("count", [1, 4, 9])
def test_permutation_is_exact_for_few_pairs(count: int) -> None:
    rng = np.random.default_rng(count)
    differences = rng.integers(-4, 6, count).astype(float)
    observed = abs(differences.sum())
    patterns = [abs(np.dot(signs, differences)) >= observed for signs in product((-1, 1), repeat=count)]
    assert permutation_test(differences, resamples=10_000) == pytest.approx(np.mean(patterns))


def test_permutation_agrees_with_scipy_for_many_pairs() -> None:
    differences = np.random.default_rng(8).normal(0.15, 1.0, 150)
    theirs = scipy.stats.permutation_test(
        (differences,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(9),
    ).pvalue
    assert permutation_test(differences, resamples=20_000) == pytest.approx(theirs, abs=0.015)


def test_matched_pairs_agrees_with_the_paired_t_test_on_many_pairs() -> None:
    differences = np.random.default_rng(10).normal(0.05, 1.0, 2000)
    assert matched_pairs(differences) == pytest.approx(scipy.stats.ttest_1samp(differences, 0.0).pvalue, abs=1e-3)
    assert matched_pairs(np.zeros(5)) == 1.0
    assert matched_pairs(np.ones(5)) == 0.0
    assert matched_pairs(np.ones(1)) == 1.0


def test_compare_finds_a_better_system_and_not_an_equal_one() -> None:
    rng = np.random.default_rng(11)
    lengths = rng.integers(5, 30, 400)
    worse, better, equal = (rng.binomial(lengths, rate) for rate in (0.25, 0.18, 0.25))
    found = compare_systems(worse, better, lengths)
    assert found.difference == pytest.approx((better.sum() - worse.sum()) / lengths.sum())
    assert found.interval.high < 0.0
    assert max(found.permutation_p, found.matched_pairs_p) < 0.001
    none = compare_systems(worse, equal, lengths)
    assert none.interval.low < 0.0 < none.interval.high
    assert min(none.permutation_p, none.matched_pairs_p) > 0.05
    same = compare_systems(worse, worse, lengths)
    assert (same.difference, same.permutation_p, same.matched_pairs_p) == (0.0, 1.0, 1.0)


def test_false_alarms_are_as_rare_as_they_say() -> None:
    rng = np.random.default_rng(12)
    small = [permutation_test(rng.normal(size=25), resamples=200, seed=trial) <= 0.1 for trial in range(300)]
    assert 0.05 <= np.mean(small) <= 0.16


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match="entries"):
        bootstrap_interval([1, 2], [3])
    with pytest.raises(DataError, match="entries"):
        bootstrap_interval([], [])
    with pytest.raises(DataError, match="entries"):
        compare_systems([1], [1], [2], groups=["a", "b"])
    with pytest.raises(DataError, match="no token"):
        bootstrap_interval([1, 2], [0, 0])
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval([1], [1], level=1.0)
