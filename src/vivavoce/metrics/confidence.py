"""How far a measured rate may be trusted: bootstrap intervals, and tests of one system against another.

A rate here is errors / length over many utterances. The utterances of one speaker resemble one another, so resampling
them singly promises too much; give `groups` (the speakers) and whole speakers are drawn. Every function takes a seed
and gives the same answer for it. Nothing here knows what an error is.

Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004;
Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms", ICASSP 1989.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.errors import DataError

Array = np.ndarray
_BLOCK = 1 << 22  # numbers drawn at a time, so that memory stays flat in utterances x resamples


@dataclass(frozen=True)
class Interval:
    """`value` as measured and the bounds that hold `level` of the resampled values; `units` things were resampled."""

    value: float
    low: float
    high: float
    level: float
    units: int


@dataclass(frozen=True)
class Comparison:
    """System B against system A.

    Attributes:
        difference: rate of B minus rate of A; below zero, B is better.
        interval: paired bootstrap interval of the difference.
        permutation_p: share of random exchanges of A and B whose difference is at least as large, either way.
        matched_pairs_p: two-sided p of the mean difference in errors per unit, taken as normal (the MAPSSWE test with
            utterances or speakers as segments). Trust it from about 30 units on.
        units: how many utterances or groups were compared.
    """

    difference: float
    interval: Interval
    permutation_p: float
    matched_pairs_p: float
    units: int


def bootstrap_interval(
    errors: Sequence[int] | Array,
    lengths: Sequence[int] | Array,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of sum(errors) / sum(lengths).

    Args:
        errors: (n,) errors of each utterance.
        lengths: (n,) reference tokens of each utterance.
        groups: (n,) what to resample whole, such as speakers; None resamples utterances.
        level: share of resampled rates between the bounds.
        resamples: how many times to draw.
        seed: of the draws.

    Raises:
        DataError: no utterance, unequal numbers of them, or no reference token at all.
        ValueError: `level` outside (0, 1) or no resamples.
    """
    _check_settings(level, resamples)
    sums = _grouped(groups, errors, lengths)
    rates = _bootstrap(sums, resamples, seed)
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    return _percentiles(value, rates[:, 0] / rates[:, 1], level, len(sums))


def compare_systems(
    errors_a: Sequence[int] | Array,
    errors_b: Sequence[int] | Array,
    lengths: Sequence[int] | Array,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Whether B differs from A on the same utterances; arguments as in `bootstrap_interval`.

    Raises:
        DataError: no utterance, unequal numbers of them, or no reference token at all.
        ValueError: `level` outside (0, 1) or no resamples.
    """
    _check_settings(level, resamples)
    sums = _grouped(groups, errors_a, lengths, errors_b)
    differences = sums[:, 2] - sums[:, 0]  # (units,) errors that B makes more
    length = float(sums[:, 1].sum())
    value = float(differences.sum() / length)
    drawn = _bootstrap(sums, resamples, seed)
    interval = _percentiles(value, (drawn[:, 2] - drawn[:, 0]) / drawn[:, 1], level, len(sums))
    return Comparison(
        value, interval, permutation_test(differences, resamples, seed), matched_pairs(differences), len(sums)
    )


def permutation_test(differences: Array, resamples: int = 2000, seed: int = 0) -> float:
    """Two-sided p of the sum of paired differences when each sign is a coin's.

    Every pattern of signs is tried where there are no more of them than `resamples`; else that many are drawn, and the
    pattern that was measured is counted in, so that p is never 0.
    """
    differences = np.asarray(differences, np.float64)
    differences = differences[differences != 0.0]  # their signs change nothing
    count = len(differences)
    observed = (
        abs(differences.sum()) - 1e-9 * np.abs(differences).sum()
    )  # sums in another order differ in the last bits
    if count < 60 and 2**count <= resamples:
        patterns = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ differences) >= observed))
    rng = np.random.default_rng(seed)
    extreme = 0
    for block in _blocks(resamples, count):
        signs = rng.integers(0, 2, (block, count), dtype=np.int8)
        # sum of signed differences = 2 * (sum of those with a plus) - sum of all
        extreme += int(np.count_nonzero(np.abs(2.0 * (signs @ differences) - differences.sum()) >= observed))
    return (extreme + 1) / (resamples + 1)


def matched_pairs(differences: Array) -> float:
    """Two-sided p of the mean of paired differences under the normal law; 1 where all differences are 0."""
    differences = np.asarray(differences, np.float64)
    mean, count = float(differences.mean()), len(differences)
    if not differences.any() or count < 2:
        return 1.0
    deviation = float(differences.std(ddof=1))
    return math.erfc(abs(mean) * math.sqrt(count) / deviation / math.sqrt(2.0)) if deviation else 0.0


def _grouped(groups: Sequence[Hashable] | None, *columns: Sequence[int] | Array) -> Array:
    """(units, columns) float64, summed over each group; the second column holds the lengths."""
    sizes = {len(column) for column in columns} | ({len(groups)} if groups is not None else set())
    if len(sizes) != 1 or 0 in sizes:
        raise DataError(f"errors, lengths and groups have {sorted(sizes)} entries; expected one of each per utterance.")
    table = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    if not table[:, 1].sum() > 0:
        raise DataError("the references hold no token; an error rate needs at least one.")
    if groups is None:
        return table
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(group, len(numbers)) for group in groups]
    sums = np.zeros((len(numbers), table.shape[1]))
    np.add.at(sums, rows, table)
    return sums


def _bootstrap(sums: Array, resamples: int, seed: int) -> Array:
    """(resamples, columns) sums over units drawn with replacement."""
    rng = np.random.default_rng(seed)
    units = len(sums)
    even = np.full(units, 1.0 / units)
    # how often each unit is drawn is multinomial: one matrix product per block instead of a gather
    drawn = [rng.multinomial(units, even, size=block) @ sums for block in _blocks(resamples, units)]
    table = np.concatenate(drawn)
    table[:, 1] = np.maximum(table[:, 1], 1.0)  # a draw of empty references alone: errors count against one token
    return table


def _percentiles(value: float, values: Array, level: float, units: int) -> Interval:
    low, high = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value, float(low), float(high), level, units)


def _blocks(rows: int, columns: int) -> list[int]:
    size = max(1, _BLOCK // max(columns, 1))
    return [min(size, rows - first) for first in range(0, rows, size)]


def _check_settings(level: float, resamples: int) -> None:
    if not 0.0 < level < 1.0 or resamples < 1:
        raise ValueError(f"level is {level}, resamples {resamples}; expected a share between 0 and 1, and at least 1.")
