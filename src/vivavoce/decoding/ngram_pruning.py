"""Relative-entropy pruning: leave out the n-grams whose loss changes the model least, and weigh the rest anew.

Source: Stolcke, "Entropy-based pruning of backoff language models", 1998. Kneser-Ney's lower orders are no marginals of
the higher ones, so where occurrences are known they say how likely a context is, and not the model (Chelba et al.,
"Study on interaction between entropy pruning and Kneser-Ney smoothing", 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vivavoce.decoding.ngram_tables import BOS, EOS, NgramTables, build_tables, select
from vivavoce.errors import ConfigError

Array = np.ndarray

_TINY = 1e-9  # a context's mass that is left: float rounding must not make it 0 or negative


def prune_by_entropy(
    tables: NgramTables,
    max_ngrams: int | None = None,
    threshold: float | None = None,
    counts: Sequence[Array] | None = None,
) -> NgramTables:
    """A smaller model: the unigrams, and of the longer n-grams those that matter most.

    Args:
        max_ngrams: how many n-grams of all orders may stay.
        threshold: n-grams stay whose loss would cost more than this, in nats a word.
        counts: for each order, how often the n-grams occur in the training text; without them the model's own
            probabilities say how likely contexts are.

    Raises:
        ConfigError: fewer n-grams than words are asked for, or neither a size nor a threshold.
    """
    if max_ngrams is None and threshold is None:
        raise ConfigError("entropy pruning needs a number of n-grams or a threshold.")
    words = len(tables.vocabulary)
    if max_ngrams is not None and max_ngrams < words:
        raise ConfigError(f"{max_ngrams} n-grams are fewer than the {words} words; limit the vocabulary first.")
    suffixes = tables.suffixes()
    if any((rows < 0).any() for rows in suffixes):
        tables = _with_suffixes(tables)
        suffixes, counts = tables.suffixes(), None
    losses = _losses(tables, suffixes, counts)
    limit = -np.inf if threshold is None else threshold
    if max_ngrams is not None and sum(tables.counts) > max_ngrams:
        pooled = np.concatenate([*losses[1:]])
        surplus = len(pooled) - (max_ngrams - words)
        limit = max(limit, np.partition(pooled, surplus - 1)[surplus - 1])
    kept = [np.ones(words, np.bool_), *(loss > limit for loss in losses[1:])]
    return select(_reweighted(tables, suffixes, kept), kept)


def _losses(tables: NgramTables, suffixes: Sequence[Array], counts: Sequence[Array] | None) -> list[Array]:
    """What each n-gram's absence would cost, in nats a word; at least what those cost that it is the prefix of."""
    losses = [np.full(len(tables.vocabulary), np.inf)]
    log_contexts = _log_contexts(tables, counts)
    for k in range(1, tables.order):
        table, contexts = tables.tables[k], len(tables.tables[k - 1])
        probs, lower = np.exp(table.log_probs), np.exp(tables.tables[k - 1].log_probs[suffixes[k]])
        left = np.maximum(1.0 - np.bincount(table.prefixes, probs, minlength=contexts), _TINY)[table.prefixes]
        lower_left = np.maximum(1.0 - np.bincount(table.prefixes, lower, minlength=contexts), _TINY)[table.prefixes]
        log_backoffs = np.log(left / lower_left)
        new_log_backoffs = np.log((left + probs) / (lower_left + lower))
        change = probs * (np.log(lower) + new_log_backoffs - table.log_probs) + left * (new_log_backoffs - log_backoffs)
        losses.append(-np.exp(log_contexts[k - 1][table.prefixes]) * change)
    for k in range(tables.order - 1, 1, -1):
        np.maximum.at(losses[k - 1], tables.tables[k].prefixes, losses[k])
    return losses


def _log_contexts(tables: NgramTables, counts: Sequence[Array] | None) -> list[Array]:
    """How likely each n-gram is to be the context of a word."""
    if counts is not None:
        words = counts[0].sum() - counts[0][BOS]
        return [np.log(np.maximum(count, 0.5) / words) for count in counts[:-1]]
    first = tables.tables[0].log_probs.copy()
    first[BOS] = first[EOS]  # there are as many beginnings as ends, whatever the tool wrote
    log_contexts = [first]
    for table in tables.tables[1:-1]:
        log_contexts.append(log_contexts[-1][table.prefixes] + table.log_probs)
    return log_contexts


def _reweighted(tables: NgramTables, suffixes: Sequence[Array], kept: Sequence[Array]) -> NgramTables:
    """The same n-grams with the backoffs that the kept ones need."""
    weighted = list(tables.tables)
    probs = np.exp(weighted[0].log_probs)  # what the pruned model says of every n-gram of the order, kept or not
    for k in range(1, tables.order):
        table, contexts = tables.tables[k], len(tables.tables[k - 1])
        lower, own, keep = probs[suffixes[k]], np.exp(table.log_probs), kept[k]
        rows = table.prefixes[keep]
        left = np.maximum(1.0 - np.bincount(rows, own[keep], minlength=contexts), _TINY)
        lower_left = np.maximum(1.0 - np.bincount(rows, lower[keep], minlength=contexts), _TINY)
        backoffs = left / lower_left
        backoffs[np.bincount(rows, minlength=contexts) == 0] = 1.0
        weighted[k - 1] = replace(weighted[k - 1], log_backoffs=np.log(backoffs))
        probs = np.where(keep, own, backoffs[table.prefixes] * lower)
    return NgramTables(tables.vocabulary, tuple(weighted))


def _with_suffixes(tables: NgramTables) -> NgramTables:
    """The same model with every suffix of its n-grams in it."""
    words = [tables.spell(k, np.arange(count)) for k, count in enumerate(tables.counts, 1)]
    log_probs, log_backoffs = [t.log_probs for t in tables.tables], [t.log_backoffs for t in tables.tables]
    return build_tables(tables.vocabulary, words, log_probs, log_backoffs, with_suffixes=True)
