"""A second look at what a search has found, by a language model that remembers more than a few words.

The search scores words by n-grams. Of its likeliest texts the n-grams' part is taken out again, and another put in:

    model * sum of log((1 - share) * P_ngram(word) + share * P_units(word)) + word * number of words

P_units is the probability of all the word's units (text/subwords.py) behind the text so far, that of earlier pieces
too. What the sound and hotwords have earned stays; a caller who has heard letters besides phones may say how likely a
text's are, and `letters` times that logarithm is added. Texts that begin alike share their beginnings in a tree, each
part of which is looked at once, and all in one call.

Which network predicts units is the caller's affair: anything that maps a tree to logarithms will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from vivavoce.decoding.lexicon_search import LexiconHypothesis
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.ngram_tables import UNK
from vivavoce.decoding.word_scorer import LEAST_UNKNOWN, Weights, log_prob_of_unknown
from vivavoce.errors import ConfigError, DataError
from vivavoce.text.subwords import Subwords

Array = np.ndarray

REMEMBERED_WORDS = 40
MOST_READINGS, FARTHEST = 30, 8.0  # so many, and so many nats behind the first pass's best, are looked at
MOST_UNITS = 256  # of texts are foreseen in one call: attention's time and memory grow with their square


@dataclass(frozen=True)
class SecondWeights:
    """How much each source counts in the second pass.

    Attributes:
        share: of the units' probability in a word's, the n-grams having the rest; 0 to 1.
        model: factor of the logarithm of both together.
        word: added for every word.
        letters: factor of the logarithm of the probability that the text's letters were heard.
    """

    share: float = 0.7
    model: float = 1.0
    word: float = 0.0
    letters: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ConfigError: a share outside 0 to 1, a factor below 0, or a bonus that is not finite.
        """
        factors = 0.0 <= self.model < math.inf and 0.0 <= self.letters < math.inf
        if not (0.0 <= self.share <= 1.0 and factors and math.isfinite(self.word)):
            raise ConfigError(f"{self}: expected a share of 0 to 1, factors of at least 0 and a finite word bonus.")


@dataclass(frozen=True)
class UnitTree:
    """Texts that share their beginnings, N units. The first is the root, the mark before all texts.

    Attributes:
        units: (N,) int64.
        parents: (N,) int64, each lower than the unit's own number; -1 for the root.
        asked: the units from this one on are to be foreseen; those before are only looked back at.
    """

    units: Array
    parents: Array
    asked: int = 1

    @cached_property
    def places(self) -> Array:
        """(N,) int64: how many units stand before each."""
        places = np.zeros(len(self.units), np.int64)
        for node, parent in enumerate(self.parents.tolist()[1:], 1):
            places[node] = places[parent] + 1
        return places

    def parts(self, most: int) -> Iterator[UnitTree]:
        """Trees that ask for `most` units at a time, in order, and hold what stands before these."""
        if len(self.units) - self.asked <= most:
            yield self
            return
        parents = self.parents.tolist()
        for first in range(self.asked, len(self.units), most):
            asked = range(first, min(first + most, len(self.units)))
            before: set[int] = set()
            for node in asked:
                above = parents[node]
                while above not in before and 0 <= above < first:
                    before.add(above)
                    above = parents[above]
            kept = [*sorted(before), *asked]
            number = {node: place for place, node in enumerate(kept)}
            above_kept = [number.get(parents[node], -1) for node in kept]
            yield UnitTree(self.units[kept], np.array(above_kept, np.int64), len(before))

    def ancestors(self, most: int) -> Array:
        """(N, N) bool: whether the column's unit is the row's or one of the `most` - 1 before it in its text."""
        mask = np.zeros((len(self.units), len(self.units)), np.bool_)
        mask[0, 0] = True
        far = np.zeros(len(self.units), np.int64)  # the oldest that each sees
        places = self.places
        path: list[int]
        for node, parent in enumerate(self.parents.tolist()[1:], 1):
            mask[node] = mask[parent]
            mask[node, node] = True
            far[node] = far[parent]
            if places[node] - places[far[node]] >= most:
                path = np.flatnonzero(mask[node]).tolist()
                mask[node, path[0]] = False
                far[node] = path[1]
        return mask


class Network(Protocol):
    """What predicts units.

    Attributes:
        subwords: the units; `mark` is the number of the one before a text.
        longest: so many units it has learnt to look at, the mark and the one before the predicted included.
    """

    @property
    def subwords(self) -> Subwords: ...
    @property
    def mark(self) -> int: ...
    @property
    def longest(self) -> int: ...
    def __call__(self, tree: UnitTree) -> Array:
        """(N,) natural log-probability of each unit of a tree behind its ancestors, of those that are asked for."""
        ...


Letters = Callable[[Sequence[Sequence[str]]], Array]
"""Texts -> (R,) how likely the letters of each are by the sound, natural logarithms."""


class SecondPass:
    """A network of units and an n-gram model together, for many streams."""

    def __init__(
        self,
        network: Network,
        model: NgramModel | None,
        first: Weights,
        weights: SecondWeights,
        own: Mapping[str, float] | None = None,
    ) -> None:
        """`model` and the weights `first` are those of the first pass; `own` are words whose likelihoods a user gave,
        as logarithms of their shares of `<unk>` (`LexiconScorer.own_shares`): both passes go by these alone."""
        self.network, self.model, self.first, self.weights, self.own = network, model, first, weights, own or {}
        # `<unk>` is all unknown words together; what the first pass added for one of them makes its probability of it.
        self._share_of_unknown = first.unknown / first.model if first.model and math.isfinite(first.unknown) else 0.0

    def rescore(
        self,
        readings: Sequence[LexiconHypothesis],
        state: State,
        before: Sequence[str] = (),
        letters: Letters | None = None,
    ) -> list[LexiconHypothesis]:
        """The readings with other scores, likeliest first; those that were far from the best are left out.

        Args:
            readings: of one piece, likeliest first.
            state: the n-gram model's, before the piece.
            before: the words before it, the last of which count.
            letters: asked where they have a weight; there must be one then.
        """
        kept = self.chosen(readings)
        texts = [[word.word for word in one.words] for one in kept]
        look = self.look(texts, state, before)
        if self.weights.letters:
            assert letters is not None, "the weights ask for letters"
            look = replace(look, letters=letters(texts))
        changes = look.changes(self.weights, self.first)
        changed = [replace(one, log_score=one.log_score + more) for one, more in zip(kept, changes, strict=True)]
        return sorted(changed, key=lambda one: -one.log_score)

    def chosen(self, readings: Sequence[LexiconHypothesis]) -> list[LexiconHypothesis]:
        """Of the readings, likeliest first, those that are worth another look."""
        return [one for one in readings[:MOST_READINGS] if one.log_score >= readings[0].log_score - FARTHEST]

    def look(self, texts: Sequence[Sequence[str]], state: State, before: Sequence[str] = ()) -> Look:
        """What both models say of the words of texts, by which they can be weighed in any way; see `rescore`."""
        trie = WordTrie(texts)
        tree, behind = self._tree(trie, before)
        logs = np.zeros(len(tree.units))
        if len(trie.nodes):
            logs[tree.asked :] = np.concatenate([self.network(part)[part.asked :] for part in tree.parts(MOST_UNITS)])
        units = np.add.reduceat(logs, behind[:-1]) if len(trie.nodes) else np.zeros(0)
        if self.model is None:
            return Look(trie, units, None)
        ngrams: list[float] = []
        states = [state]
        for parent, word in trie.nodes:
            number = self.model.word_id(word)
            log_prob, following = self.model.step(states[parent], number)
            log_prob, share = max(log_prob, LEAST_UNKNOWN), self.own.get(word)
            if number == UNK:
                log_prob += self._share_of_unknown if share is None else share
            elif share is not None:
                log_prob = max(log_prob, log_prob_of_unknown(self.model, states[parent]) + share)
            if share is not None:
                units[len(ngrams)] = log_prob
            ngrams.append(log_prob)
            states.append(following)
        return Look(trie, units, np.array(ngrams))

    def _tree(self, trie: WordTrie, before: Sequence[str]) -> tuple[UnitTree, list[int]]:
        """The units of what was before and of a trie of words; where in them each word's units begin, and the end."""
        depths = [0]
        spelled = [self.network.subwords.encode_word(word) for _, word in trie.nodes]
        for (parent, _), word_units in zip(trie.nodes, spelled, strict=True):
            depths.append(depths[parent] + len(word_units))
        units = [self.network.mark, *self._remembered(before, self.network.longest - 1 - max(depths))]
        parents = list(range(-1, len(units) - 1))
        starts, ends = [len(units)], [len(units) - 1]  # behind each word, and its last unit
        for (parent, _), word_units in zip(trie.nodes, spelled, strict=True):
            parents += [ends[parent], *range(len(units), len(units) + len(word_units) - 1)]
            units += word_units
            starts.append(len(units))
            ends.append(len(units) - 1)
        return UnitTree(np.array(units, np.int64), np.array(parents, np.int64), starts[0]), starts

    def _remembered(self, before: Sequence[str], room: int) -> list[int]:
        """The units of the last words, as many as there is room for."""
        found: list[int] = []
        for word in reversed(before[-REMEMBERED_WORDS:]):
            units = self.network.subwords.encode_word(word)
            if len(found) + len(units) > room:
                break
            found[:0] = units
        return found


class WordTrie:
    """Texts that share their beginnings, by words; node 0 is the root.

    Attributes:
        nodes: of every other node, from 1 on, its parent and its word; parents come first.
        ends: the node of each text's last word.
    """

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        """Build the trie."""
        known: dict[tuple[int, str], int] = {}
        self.ends: list[int] = []
        for text in texts:
            node = 0
            for word in text:
                node = known.setdefault((node, word), len(known) + 1)
            self.ends.append(node)
        self.nodes = list(known)


@dataclass(frozen=True)
class Look:
    """What two models say of the words of a trie: of its nodes from 1 on the logarithms of the words' probabilities;
    and of each text that of its letters, where these were heard."""

    trie: WordTrie
    units: Array
    ngrams: Array | None
    letters: Array | None = None

    def changes(self, weights: SecondWeights, first: Weights) -> list[float]:
        """By how much the second pass changes the score of each text, which the first has weighed by `first`."""
        added = weights.model * self.log_probs(weights.share)
        if self.ngrams is not None:
            added = added - first.model * self.ngrams
        added = added + (weights.word - first.word)
        totals = [0.0]
        for (parent, _), more in zip(self.trie.nodes, added.tolist(), strict=True):
            totals.append(totals[parent] + more)
        heard = [0.0] * len(self.trie.ends) if self.letters is None else (weights.letters * self.letters).tolist()
        return [totals[node] + more for node, more in zip(self.trie.ends, heard, strict=True)]

    def log_probs(self, share: float) -> Array:
        """Of each node's word both together."""
        if self.ngrams is None or share == 1.0:
            return self.units
        if share == 0.0:
            return self.ngrams
        return np.logaddexp(self.ngrams + math.log1p(-share), self.units + math.log(share))


@dataclass(frozen=True)
class Perplexities:
    """How well the words of texts are foreseen, ends of texts not counted: e to the mean loss in nats a word.

    Attributes:
        words, known: all, and those that the n-gram model knows, of which the perplexities are.
        ngrams, units, both: by the model, the network, and both in the share that was asked for.
        units_of_all: by the network, of all words.
    """

    words: int
    known: int
    ngrams: float
    units: float
    both: float
    units_of_all: float


def perplexities(
    network: Network, model: NgramModel, texts: Iterable[Sequence[str]], share: float = 0.7
) -> Perplexities:
    """Judge both models by texts that they were not trained on, each by itself.

    Raises:
        DataError: there is no word.
    """
    both = SecondPass(network, model, Weights(unknown=0.0), SecondWeights(share))
    known: list[bool] = []
    logs: list[Array] = []
    for text in texts:
        look = both.look([text], model.start())
        known += [word in model for _, word in look.trie.nodes]
        logs.append(np.stack([look.log_probs(0.0), look.units, look.log_probs(share)]))
    if not any(known):
        raise DataError("the texts have no words that the model knows; a perplexity needs some.")
    losses = -np.concatenate(logs, axis=1)
    ngrams, units, mixed = np.exp(losses[:, np.array(known)].mean(axis=1)).tolist()
    return Perplexities(len(known), sum(known), ngrams, units, mixed, float(np.exp(losses[1].mean())))
