"""What a language model, a vocabulary and hotwords say to each letter that a search adds.

A word's probability is known only at its end; until then each letter is scored by the likeliest word that it may still
become, so that hypotheses in the middle of a word compare fairly with those behind one. Letters that lead out of the
vocabulary pay a penalty, once a word. Everything is a natural logarithm, added to the acoustic one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vivavoce.decoding.hotwords import Hotwords, Match
from vivavoce.decoding.lexicon import Lexicon, LexiconNode
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.words import BOUNDARY
from vivavoce.errors import ConfigError
from vivavoce.text.alphabet import Alphabet


@dataclass(frozen=True)
class Weights:
    """How much each source counts.

    Attributes:
        model: factor of the language model's logarithms.
        word: added for every word; a language model alone prefers few words.
        unknown: added to a word that the vocabulary lacks; -inf allows none.
    """

    model: float = 0.5
    word: float = 1.0
    unknown: float = -6.0


class Context(NamedTuple):
    """Where a hypothesis stands: `ahead` is what its unfinished word has been scored by so far."""

    state: State
    node: LexiconNode | None
    letters: int
    ahead: float
    match: Match | None


class WordScorer:
    """Scores the letters of hypotheses. It holds no hypothesis, so that searches may share one."""

    def __init__(
        self, model: NgramModel, alphabet: Alphabet, weights: Weights | None = None, hotwords: Hotwords | None = None
    ) -> None:
        """Prepare the vocabulary.

        Raises:
            ConfigError: a factor below 0, a positive `unknown`, or an alphabet without a space.
        """
        weights = weights or Weights()
        if not weights.model >= 0 or not weights.unknown <= 0 or not math.isfinite(weights.word):
            raise ConfigError(f"{weights}: expected a model factor of at least 0 and at most 0 for unknown words.")
        if BOUNDARY not in alphabet.tokens:
            raise ConfigError("the alphabet has no space between words; a word model needs one.")
        self.model, self.weights, self.hotwords = model, weights, hotwords
        self.letters = alphabet.tokens
        self.boundary = alphabet.tokens.index(BOUNDARY)
        spelled = set(alphabet.tokens) - {BOUNDARY}
        words = [word if spelled.issuperset(word) else "" for word in model.vocabulary]
        nothing = model.pack_states([()] * len(words))
        unigrams, _ = model.step_batch(nothing, np.arange(len(words)))
        self._lexicon = Lexicon(words, unigrams)

    def start(self, state: State | None = None) -> Context:
        """Before the first word; `state` is what the language model remembers of earlier ones."""
        match = self.hotwords.begin() if self.hotwords else None
        return Context(self.model.start() if state is None else state, self._lexicon.root, 0, 0.0, match)

    def step(self, context: Context, token_id: int) -> tuple[float, Context]:
        """What a token adds, and where the hypothesis stands after it."""
        if token_id == self.boundary:
            return self._space(context)
        letter = self.letters[token_id]
        bonus, match = self.hotwords.step(context.match, letter) if self.hotwords else (0.0, None)
        node = context.node.child(letter) if context.node is not None else None
        if node is not None:
            ahead = self.weights.model * node.best
        else:
            # Inside a hotword no penalty is due; it is when the match breaks off.
            hot = match is not None and match.promise > 0.0
            ahead = 0.0 if hot else self.weights.unknown
        after = Context(context.state, node, context.letters + 1, ahead, match)
        return ahead - context.ahead + bonus, after

    def end(self, context: Context) -> float:
        """What the end of the text adds: its last word becomes whole."""
        bonus = self.hotwords.end(context.match) if self.hotwords else 0.0
        if not context.letters:
            return bonus
        return self._word(context)[0] - context.ahead + bonus

    def _space(self, context: Context) -> tuple[float, Context]:
        bonus, match = self.hotwords.step(context.match, BOUNDARY) if self.hotwords else (0.0, None)
        if not context.letters:  # a second space says nothing
            return bonus, context._replace(match=match)
        score, state = self._word(context)
        return score - context.ahead + bonus, Context(state, self._lexicon.root, 0, 0.0, match)

    def _word(self, context: Context) -> tuple[float, State]:
        """The score of the word that is whole now, and the state after it."""
        known = context.node is not None and context.node.word >= 0
        log_prob, state = self.model.step(context.state, context.node.word if known and context.node else 0)
        score = self.weights.model * log_prob + self.weights.word
        if not known:
            whole = context.match is not None and context.match.node.whole is not None
            score += 0.0 if whole else self.weights.unknown
        return score, state
