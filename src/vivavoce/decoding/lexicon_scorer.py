"""What a lexicon's words are worth: a language model, weights and hotwords over a tree of pronunciations.

Until a word has ended, the best one at or below its node stands for it (look-ahead): that score needs no context, and
every node's is known beforehand. By how much a word then corrects it, behind what was said, is asked for many words at
once. This module knows nothing of sounds.

Source: Ortmanns, Ney and Eiden, "Language-model look-ahead for large vocabulary speech recognition", 1996.
"""

from __future__ import annotations

import copy
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vivavoce.decoding.hotwords import BOUNDARY, HotState, Hotwords
from vivavoce.decoding.lexicon_tree import LexiconTree
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.ngram_tables import UNK
from vivavoce.decoding.own_words import LIKELIHOOD
from vivavoce.decoding.word_scorer import LEAST_UNKNOWN, Weights, log_prob_of_unknown
from vivavoce.errors import ConfigError, DataError

Array = np.ndarray

Context = tuple[State, HotState | None]
"""What is known of the words before: by the language model, and of hotwords under way."""


def share_of_unknown(words: Iterable[str], model: NgramModel | None) -> float:
    """What each of a lexicon's words that a model does not know has of `<unk>`, if all have as much: its logarithm.

    0 where the model knows all of them.

    Raises:
        DataError: it knows none.
    """
    words = set(words)
    unknown = sum(word not in model for word in words) if model is not None else 0
    if unknown and unknown == len(words):
        raise DataError(
            f"the language model knows none of the lexicon's {unknown:,} words, such as {min(words)!r}; write both in "
            "the same way, in small letters."
        )
    return -math.log(unknown) if unknown else 0.0


FORESEEN_AT_ONCE = 6.0
"""Of what a hotword will earn so much is foreseen with its first token, as natural logarithm, and more by each token's
share: all at once, a heavy hotword would leave a search nothing but words that begin as it does."""


class LexiconScorer:
    """A lexicon and a language model, prepared for searches, which may share it.

    Attributes:
        tree: the lexicon.
        ahead: (N,) what is foreseen at each node: the best word's score without any context.
        step: (N,) by what factor that changes from a node's parent to the node; 0 where all words are impossible.
        opening: (V+1,) the same by the first token of a word; 0 for tokens that begin none, and for no token, -1.
        own_shares: of words whose own likelihoods count, the natural logarithms of what they have of `<unk>`.
    """

    def __init__(
        self,
        tree: LexiconTree,
        model: NgramModel | None = None,
        weights: Weights | None = None,
        hotwords: Hotwords | None = None,
        own: Mapping[str, float] | None = None,
    ) -> None:
        """Words that the model does not know are scored as `<unk>`, and `weights.unknown` is added.

        Args:
            own: words with the natural logarithms of their likelihoods. Those that the model does not know, or takes to
                be less likely, are scored as `<unk>`, of which each has its share; where the model still thinks more of
                a word behind others, that counts. Hotwords that the model does not know get `own_words.LIKELIHOOD`: all
                unknown words together, which is what `<unk>` stands for, are far likelier than any one of them.

        Raises:
            ConfigError: a hotword that the lexicon has no pronunciation of.
        """
        self.tree, self.model, self.weights = tree, model, weights or Weights(unknown=0.0)
        self.hotwords = hotwords
        if hotwords is not None and (lacking := hotwords.words - set(tree.words)):
            raise ConfigError(f"the lexicon has no pronunciation of the hotwords {sorted(lacking)}; add them to it.")
        w = self.weights
        self._fixed = tree.entry_log_probs + w.word
        self._ids = np.zeros(len(tree.words), np.int64)
        # What words that the model knows as rarer have of `<unk>`, as natural logarithms; -inf for all others.
        self._shares = np.full(len(tree.words), -np.inf)
        self.own_shares: dict[str, float] = {}
        scores = self._fixed.copy()
        if model is not None:
            self._ids = np.array([model.word_ids.get(word, UNK) for word in tree.words], np.int64)
            known = self._ids != UNK
            unigrams = np.maximum(model.trie.log_probs[self._ids].astype(np.float64), LEAST_UNKNOWN)
            fixed = np.where(known, 0.0, w.unknown)
            unknown = max(float(model.trie.log_probs[UNK]), LEAST_UNKNOWN)
            for place, log_prob in self._own(hotwords, own or {}):
                share = log_prob - unknown
                if not known[place]:
                    fixed[place] = w.model * share
                elif log_prob > unigrams[place]:
                    self._shares[place], unigrams[place] = share, log_prob
                else:
                    continue
                self.own_shares[tree.words[place]] = share
            self._raises = bool((self._shares > -np.inf).any())
            self._fixed += fixed[tree.entry_words]
            scores = self._fixed + w.model * unigrams[tree.entry_words]
        self._remembers = model is not None and model.order > 1
        self._remembered = self._ids if self._remembers else np.zeros_like(self._ids)
        self.ahead = tree.best_ahead(scores)
        if hotwords is not None:
            self._foresee(hotwords, scores)
        self._corrections = self._fixed - self.ahead.repeat(tree.entry_counts)
        possible = self.ahead > -math.inf
        self.step = np.zeros(len(tree))
        self.step[possible] = np.exp(self.ahead[possible] - self.ahead[tree.parents[possible]])
        self.opening = np.append(np.where(tree.root_children >= 0, self.step[tree.root_children], 0.0), 0.0)

    def _own(self, hotwords: Hotwords | None, own: Mapping[str, float]) -> list[tuple[int, float]]:
        """Places in the tree's words, and the logarithms of their likelihoods, of words that have one of their own."""
        assert self.model is not None
        wanted = {word: math.log(LIKELIHOOD) for word in hotwords.words if word not in self.model} if hotwords else {}
        wanted.update(own)
        return [(place, wanted[word]) for place, word in enumerate(self.tree.words) if word in wanted] if wanted else []

    def _foresee(self, hotwords: Hotwords, scores: Array) -> None:
        """Raise what is foreseen on the way to each hotword; `scores`, (E,), are the entries' without what it earns."""
        tree = self.tree
        earned = {
            n: self._heat(hotwords.begin(), word)[0] for n, word in enumerate(tree.words) if word in hotwords.words
        }
        nodes = np.repeat(np.arange(len(tree)), tree.entry_counts)
        for entry in np.isin(tree.entry_words, list(earned)).nonzero()[0].tolist():
            heat, way = earned[int(tree.entry_words[entry])], [int(nodes[entry])]
            while parent := int(tree.parents[way[-1]]):
                way.append(parent)
            for behind, node in enumerate(way):
                foreseen = max(min(heat, FORESEEN_AT_ONCE), heat * (1 - behind / len(way)))
                self.ahead[node] = max(self.ahead[node], scores[entry] + foreseen)

    def _raise(self, log_probs: Array, words: Array, contexts: Sequence[Context], owners: Array) -> None:
        """Change what the model says of words behind contexts into what a user's likelihoods do, where that is more."""
        assert self.model is not None
        shares = self._shares[words]
        for place in (shares > -np.inf).nonzero()[0].tolist():
            unknown = log_prob_of_unknown(self.model, contexts[owners[place]][0])
            log_probs[place] = max(log_probs[place], unknown + shares[place])

    def start(self) -> Context:
        """Before a text's first word."""
        state = self.model.start() if self.model is not None else ()
        return state, self.hotwords.begin() if self.hotwords is not None else None

    def gains(self, entries: Array, contexts: Sequence[Context], owners: Array) -> tuple[Array, Array]:
        """By how much words that end correct what was foreseen at their nodes.

        Args:
            entries: (E,) entries of the tree.
            contexts: some contexts.
            owners: (E,) which of them each word stands behind.

        Returns:
            (E,) natural logarithms; and (E,) int64, a number where nothing but the word is remembered behind it, that
            of the context `alone`, else -1: ask `after`.
        """
        gains, words = self._corrections[entries], self.tree.entry_words[entries]
        following = self._remembered[words]
        if self.model is not None:
            log_probs, held = self.model.scores([state for state, _ in contexts], owners, self._ids[words])
            log_probs = np.maximum(log_probs, LEAST_UNKNOWN)
            if self._raises:
                self._raise(log_probs, words, contexts, owners)
            gains += self.weights.model * log_probs
            following[held] = -1
        if self.hotwords is not None:
            heats = [contexts[owner][1] for owner in owners.tolist()]
            names = [self.tree.words[word] for word in words.tolist()]
            gains += [self._heat(heat, name)[0] for heat, name in zip(heats, names, strict=True)]
            following[:] = -1
        return gains, following

    def after(self, word: int, context: Context) -> Context:
        """What is known behind a word."""
        state, heat = context
        if self.model is not None:
            state = self.model.step(state, int(self._ids[word]))[1]
        if self.hotwords is not None:
            heat = self._heat(heat, self.tree.words[word])[1]
        return state, heat

    def alone(self, number: int) -> Context:
        """What is known where nothing but a word is remembered, whose number in the model is given: 0 for a model of
        single words, which remembers none, and without a model."""
        return (number,) if self._remembers else (), None

    def end(self, context: Context, sentence: bool = True) -> float:
        """What the end of a text adds: no hotword goes on and, unless another text follows, the sentence ends."""
        state, heat = context
        added = -heat.promise if heat is not None else 0.0
        if sentence and self.model is not None and self.weights.end:
            added += self.weights.end * self.model.end(state)
        return added

    def minds_the_end(self, sentence: bool) -> bool:
        """Whether `end` can be other than 0."""
        return self.hotwords is not None or (sentence and self.model is not None and self.weights.end != 0.0)

    def _heat(self, heat: HotState | None, word: str) -> tuple[float, HotState]:
        """What a whole word earns behind others, and the place after it."""
        assert self.hotwords is not None
        assert heat is not None
        total = 0.0
        for letter in word + BOUNDARY:
            bonus, heat = self.hotwords.step(heat, letter)
            total += bonus
        return total, heat


class WordEnds:
    """What a search has asked about words that end at a node behind a context: one row a word, those of a node and a
    context side by side, in the order of the tree's entries.

    Contexts have numbers. Most words are in no n-gram with those before them; then nothing but the word is remembered,
    and its number in the model is the context's, too, which need not be looked for.
    """

    def __init__(self, scorer: LexiconScorer) -> None:
        self.scorer = scorer
        self._alone = len(scorer.model.vocabulary) if scorer.model is not None else 1  # so many of the former kind
        self._others: list[Context] = []
        self._numbers: dict[Context, int] = {}  # of these
        # Arrays that grow in place, so that NumPy may look at them for a moment only. Where it must be asked what is
        # known behind a word, -1 stands for it until it is wanted.
        self._factors, self._words, self._following = array("d"), array("q"), array("q")

    def copy(self) -> WordEnds:
        """The same, to go on by itself."""
        other = copy.copy(self)
        for name in ("_others", "_numbers", "_factors", "_words", "_following"):
            setattr(other, name, copy.copy(getattr(self, name)))
        return other

    def number(self, context: Context) -> int:
        """The number of a context; equal ones have equal numbers."""
        word_id = context[0][0] if context[0] else 0
        if context == self.scorer.alone(word_id):
            return word_id
        number = self._numbers.setdefault(context, self._alone + len(self._others))
        if number == self._alone + len(self._others):
            self._others.append(context)
        return number

    def context(self, number: int) -> Context:
        """The context of a number."""
        return self.scorer.alone(number) if number < self._alone else self._others[number - self._alone]

    def ask(self, nodes: Array, numbers: Array) -> Array:
        """The first row of each node at which words end, behind the context of a number. All are new ones."""
        tree, scorer = self.scorer.tree, self.scorer
        counts = tree.entry_counts[nodes]
        owner, entries = members(tree.first_entry[nodes], counts)
        gains, following = scorer.gains(entries, [self.context(number) for number in numbers.tolist()], owner)
        first = len(self._factors)
        self._factors.frombytes(np.exp(gains).tobytes())
        self._words.frombytes(tree.entry_words[entries].tobytes())
        self._following.frombytes(following.tobytes())
        return counts.cumsum() - counts + first

    def factors(self, rows: Array) -> Array:
        """By what factor each word corrects what was foreseen."""
        return np.frombuffer(self._factors)[rows]

    def words(self, rows: Array) -> Array:
        """The words' numbers."""
        return np.frombuffer(self._words, np.int64)[rows]

    def following(self, rows: Array, numbers: Array) -> Array:
        """The numbers of the contexts behind the words; `numbers` are of those before them."""
        found = np.frombuffer(self._following, np.int64)[rows]
        wanted = (found < 0).nonzero()[0]
        for place, row, number in zip(wanted.tolist(), rows[wanted].tolist(), numbers[wanted].tolist(), strict=True):
            context = self.scorer.after(self._words[row], self.context(number))
            found[place] = self._following[row] = self.number(context)
        return found


def members(starts: Array, counts: Array) -> tuple[Array, Array]:
    """The members of ranges, starts[i] to starts[i] + counts[i] - 1: the i of each, and the member."""
    owner = np.arange(len(starts)).repeat(counts)
    return owner, np.arange(len(owner)) + (starts - counts.cumsum() + counts)[owner]
