"""Interpolated modified Kneser-Ney: counts become a model.

The same model as KenLM's lmplz makes: three discounts an order, from the counts of counts before pruning; below the
highest order an n-gram counts how many different words stand before it, unless it begins a sentence; unigrams are
interpolated with a uniform share for every word and `<unk>`; the mass of pruned n-grams goes to their context's
backoff.

Source: Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, equations 21 to 26;
Heafield et al., "Scalable modified Kneser-Ney language model estimation", 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.ngram_counts import NgramCount
from vivavoce.decoding.ngram_tables import BOS, LOG_ZERO, NgramTable, NgramTables, select
from vivavoce.errors import ConfigError

Array = np.ndarray

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Estimate:
    """A trained model and what was found on the way.

    Attributes:
        tables: the model.
        discounts: for each order, what is taken from n-grams seen once, twice, and more often.
        complaints: for each order whose discounts are the fallback, a sentence that says why.
        counts: for each order, (n,) occurrences of the n-grams in `tables`.
    """

    tables: NgramTables
    discounts: tuple[tuple[float, float, float], ...]
    complaints: tuple[str, ...]
    counts: tuple[Array, ...]


def estimate(vocabulary: tuple[str, ...], counted: Sequence[NgramCount], prune: Sequence[int] = ()) -> Estimate:
    """Train a model on the counts of `count_ngrams`.

    Args:
        prune: for each order, n-grams that occur so often or less are left out; the last value goes for all higher
            orders. Must begin with 0 and never fall.

    Raises:
        ConfigError: `prune` is not as said.
    """
    thresholds = prune_thresholds(prune, len(counted))
    begins = [counted[0].words == BOS]
    for grams in counted[1:]:
        begins.append(begins[-1][grams.prefixes])
    discounts: list[tuple[float, float, float]] = []
    complaints: list[str] = []
    kept = [grams.counts > threshold for grams, threshold in zip(counted, thresholds, strict=True)]
    kept[0][:] = True
    log_probs: list[Array] = []
    log_backoffs: list[Array] = []
    below = np.full(1, 1.0 / (len(vocabulary) - 1))  # the uniform share: <unk> has one, <s> is never predicted
    for number, grams in enumerate(counted):
        above = counted[number + 1] if number + 1 < len(counted) else None
        adjusted = _adjusted(grams, above, begins[number])
        if number == 0:
            adjusted[BOS] = 0  # it stands in the text, but is given, not predicted
        discount, complaint = _discounts(adjusted, number + 1)
        discounts.append(discount)
        complaints += [complaint] if complaint else []
        probs, backoffs = _interpolate(grams, adjusted, kept[number], discount, below)
        if number:
            log_backoffs.append(_log(backoffs))
        else:
            probs[BOS] = 1.0  # nothing asks for it; lmplz writes the same
        log_probs.append(_log(probs))
        below = probs
    log_backoffs.append(np.zeros(len(counted[-1])))
    tables = NgramTables(
        vocabulary,
        tuple(
            NgramTable(grams.prefixes, grams.words, *logs)
            for grams, *logs in zip(counted, log_probs, log_backoffs, strict=True)
        ),
    )
    return Estimate(
        select(tables, kept),
        tuple(discounts),
        tuple(complaints),
        tuple(grams.counts[keep] for grams, keep in zip(counted, kept, strict=True)),
    )


def prune_thresholds(prune: Sequence[int], order: int) -> tuple[int, ...]:
    """One threshold an order.

    Raises:
        ConfigError: more values than orders, a falling one, or unigrams to be pruned.
    """
    given = tuple(prune) or (0,)
    rising = list(given) == sorted(given)
    if len(given) > order or given[0] != 0 or not rising:
        raise ConfigError(
            f"pruning {', '.join(map(str, given))} of {order} orders: expected at most {order} numbers, the first of "
            "them 0 (to leave out words, limit the vocabulary), none smaller than the one before."
        )
    return given + given[-1:] * (order - len(given))


def _adjusted(grams: NgramCount, above: NgramCount | None, begins: Array) -> Array:
    """What stands for the count: the different words before an n-gram, or, where none can stand there, occurrences."""
    if above is None:
        return grams.counts.copy()
    return np.where(begins, grams.counts, np.bincount(above.suffixes, minlength=len(grams)))


def _discounts(adjusted: Array, order: int) -> tuple[tuple[float, float, float], str]:
    """Equation 26 of Chen and Goodman; the fallback, and why, where it has no sensible answer."""
    once, twice, thrice, four_times = (int((adjusted == times).sum()) for times in (1, 2, 3, 4))
    if not (once and twice and thrice):
        fault = f"{once}, {twice} and {thrice} {order}-grams have a count of 1, 2 and 3, and none of these may be 0"
    else:
        share = once / (once + 2.0 * twice)
        found = (
            1.0 - 2.0 * share * twice / once,
            2.0 - 3.0 * share * thrice / twice,
            3.0 - 4.0 * share * four_times / thrice,
        )
        if all(0.0 <= discount <= times for times, discount in enumerate(found, 1)):
            return found, ""
        shown = ", ".join(f"{discount:.2f}" for discount in found)
        fault = f"the counts of {order}-grams give the discounts {shown}, which must lie between 0 and 1, 2 and 3"
    shown = ", ".join(map(str, FALLBACK_DISCOUNTS))
    return (
        FALLBACK_DISCOUNTS,
        f"{fault}: the text is small, repetitive or artificial. {shown} are taken instead.",
    )


def _interpolate(
    grams: NgramCount, adjusted: Array, kept: Array, discount: tuple[float, float, float], below: Array
) -> tuple[Array, Array]:
    """Probabilities of one order, and the backoffs of the order below.

    Args:
        below: the probabilities of the order below.
    """
    contexts = len(below)
    totals = np.bincount(grams.prefixes, adjusted, minlength=contexts)
    taken = np.where(kept, np.array((0.0, *discount))[np.minimum(adjusted, 3)], adjusted)  # the pruned lose everything
    divisors = np.where(totals > 0.0, totals, 1.0)
    backoffs = np.bincount(grams.prefixes, taken, minlength=contexts) / divisors
    probs = (adjusted - taken) / divisors[grams.prefixes] + backoffs[grams.prefixes] * below[grams.suffixes]
    backoffs[totals == 0.0] = 1.0  # no context of anything
    return probs, backoffs


def _log(probs: Array) -> Array:
    """Natural logarithms, `LOG_ZERO` for 0."""
    return np.log(np.maximum(probs, np.exp(LOG_ZERO)))
