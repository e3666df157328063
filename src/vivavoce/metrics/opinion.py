"""What people say of voices: mean opinion scores, paired comparisons, and preference tests.

Ratings of one listener resemble one another, as do votes; intervals over single ratings promise too much. Give `groups`
(the listeners, or the sentences, whichever are fewer) and each group counts once, with its mean. Nothing here knows
how a listening test is run; that its order was random and its listeners did not know the systems is taken for granted.

Source: ITU-T P.800 (the scale of 1 to 5); Student (1908); Clopper and Pearson (1934). Held to scipy in
tests/metrics/test_opinion.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.errors import DataError
from vivavoce.metrics.confidence import Interval, permutation_test

Array = np.ndarray


@dataclass(frozen=True)
class OpinionComparison:
    """System B against system A, by the same listeners on the same sentences.

    Attributes:
        difference: mean of B minus mean of A, with Student's interval; above 0, B is liked better.
        t_p: two-sided p of Student's paired test.
        permutation_p: share of random exchanges of A and B whose difference is at least as large, either way. It asks
            nothing of the ratings' distribution, which on a scale of five steps is never normal.
    """

    difference: Interval
    t_p: float
    permutation_p: float


@dataclass(frozen=True)
class Preference:
    """Votes for B among those for A or B, their exact interval, the two-sided p of chance, and who could not decide."""

    share: Interval
    p: float
    undecided: int


def mean_opinion(
    ratings: Sequence[float] | Array,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    scale: tuple[float, float] = (1.0, 5.0),
) -> Interval:
    """The mean opinion score of a system, with Student's interval.

    Args:
        ratings: (n,) of one system.
        groups: (n,) who rated, or what; None: every rating stands for itself.
        level: of the interval.
        scale: lowest and highest rating there is.

    Returns:
        The mean (of the groups' means) and its bounds; `units` is the number of ratings or groups.

    Raises:
        DataError: fewer than two ratings or groups, unequal numbers of them, or a rating outside of the scale.
        ValueError: `level` outside (0, 1).
    """
    return _student(_unit_means(_rated(ratings, scale), groups), level)


def compare_opinions(
    ratings_a: Sequence[float] | Array,
    ratings_b: Sequence[float] | Array,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    scale: tuple[float, float] = (1.0, 5.0),
    resamples: int = 2000,
    seed: int = 0,
) -> OpinionComparison:
    """Whether B is liked better than A; rating n of both is by the same listener on the same sentence.

    Arguments and errors as for `mean_opinion`; `resamples` and `seed` as for `confidence.permutation_test`.
    """
    before, after = _rated(ratings_a, scale), _rated(ratings_b, scale)
    if len(before) != len(after):
        raise DataError(f"{len(before)} ratings of A and {len(after)} of B; expected pairs.")
    differences = _unit_means(after - before, groups)
    interval = _student(differences, level)
    deviation = float(differences.std(ddof=1))
    if deviation:
        t_p = student_p(interval.value / deviation * math.sqrt(len(differences)), len(differences) - 1)
    else:
        t_p = 0.0 if interval.value else 1.0
    return OpinionComparison(interval, t_p, permutation_test(differences, resamples, seed))


def preference(for_a: int, for_b: int, undecided: int = 0, level: float = 0.95) -> Preference:
    """An AB test: how many prefer B, and whether chance would do as well.

    Args:
        for_a, for_b, undecided: votes; the undecided are told, and left out of share and test.
        level: of the exact interval, which holds the truth at least so often.

    Raises:
        DataError: negative numbers, or nobody decided.
        ValueError: `level` outside (0, 1).
    """
    votes = for_a + for_b
    if min(for_a, for_b, undecided) < 0 or not votes:
        raise DataError(f"{for_a} votes for A, {for_b} for B, {undecided} undecided; expected some for A or B.")
    _check_level(level)
    tail = (1.0 - level) / 2.0
    low = _quantile(lambda x: beta_cdf(x, for_b, for_a + 1), tail) if for_b else 0.0
    high = _quantile(lambda x: beta_cdf(x, for_b + 1, for_a), 1.0 - tail) if for_a else 1.0
    fewer = min(for_a, for_b)
    # P(at most `fewer` of fair coins) is a beta integral, too; both tails are alike.
    p = min(1.0, 2.0 * beta_cdf(0.5, votes - fewer, fewer + 1))
    return Preference(Interval(for_b / votes, low, high, level, votes), p, undecided)


def student_p(t: float, degrees: int) -> float:
    """Two-sided p of Student's t."""
    return beta_cdf(degrees / (degrees + t * t), degrees / 2.0, 0.5)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction; a and b above 0.

    Source: Abramowitz and Stegun, 26.5.8, evaluated by Lentz's method.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # there the fraction converges slowly, and at the other end quickly
        return 1.0 - beta_cdf(1.0 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    tiny = 1e-300
    upper, lower = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or tiny)
    value = lower
    for step in range(1, 100_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            lower = 1.0 / (1.0 + term * lower or tiny)
            upper = 1.0 + term / upper or tiny
            value *= upper * lower
        if abs(upper * lower - 1.0) < 1e-15:
            break
    return front * value / a


def _student(values: Array, level: float) -> Interval:
    """The mean of (n,) values with Student's interval."""
    _check_level(level)
    count, mean = len(values), float(values.mean())
    x = _quantile(lambda x: beta_cdf(x, (count - 1) / 2.0, 0.5), 1.0 - level)
    t = math.sqrt((count - 1) * (1.0 - x) / x)
    half = t * float(values.std(ddof=1)) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, level, count)


def _quantile(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises from 0 to 1 on [0, 1] has a value: halving, to the last bit."""
    low, high = 0.0, 1.0
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return high


def _rated(ratings: Sequence[float] | Array, scale: tuple[float, float]) -> Array:
    values = np.asarray(ratings, np.float64)
    if values.ndim != 1:
        raise DataError(f"ratings have shape {values.shape}; expected (n,).")
    outside = values[~((values >= scale[0]) & (values <= scale[1]))]
    if len(outside):
        raise DataError(f"a rating is {outside[0]}; expected {scale[0]:g} to {scale[1]:g}. Is it the right column?")
    return values


def _unit_means(values: Array, groups: Sequence[Hashable] | None) -> Array:
    """The values, or the mean of each group's."""
    if groups is not None:
        if len(groups) != len(values):
            raise DataError(f"{len(values)} ratings and {len(groups)} groups; expected one for each.")
        numbers: dict[Hashable, int] = {}
        rows = [numbers.setdefault(group, len(numbers)) for group in groups]
        values = np.bincount(rows, values) / np.bincount(rows) if rows else values
    if len(values) < 2:
        raise DataError(f"{len(values)} ratings or groups; expected two or more, for one alone tells no spread.")
    return values


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; expected a share between 0 and 1.")
