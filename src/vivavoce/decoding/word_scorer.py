"""What a language model, a vocabulary and hotwords say to each letter that a search adds.

A word's probability is known only at its end; until then each letter is scored by the likeliest word that it may still
become, so that hypotheses in the middle of a word compare fairly with those behind one. Letters that lead out of the
vocabulary pay a penalty, once a word. Everything is a natural logarithm, added to the acoustic one. When a text is
whole, what was only foreseen has cancelled out, and its score is, exactly,

    model * log P(words) + end * log P(end) + word * number of words + unknown * number of unknown words + hotwords

Source of the look-ahead: Ortmanns, Ney and Eiden, "Language-model look-ahead for large vocabulary speech recognition",
1996; with unigrams it needs no table for each history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.ctc_beam import Context, Step
from vivavoce.decoding.hotwords import HotState, Hotwords
from vivavoce.decoding.lexicon import Lexicon, LexiconNode
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.ngram_tables import MARKS, UNK
from vivavoce.decoding.words import BOUNDARY
from vivavoce.errors import ConfigError
from vivavoce.text.alphabet import Alphabet

LEAST_UNKNOWN = -16.0
"""An unknown word's log probability is taken to be no less: a model without `<unk>` says -230, which no hotword could
make good; how unwelcome unknown words are is said by `Weights.unknown`."""

_CACHE_SIZE = 200_000  # contexts, about 100 MB


def log_prob_of_unknown(model: NgramModel, state: State) -> float:
    """What a model says of an unknown word behind a state, and `LEAST_UNKNOWN` at least."""
    return max(model.step(state, UNK)[0], LEAST_UNKNOWN)


@dataclass(frozen=True)
class Weights:
    """How much each source counts; all but `model` and `end` are natural logarithms.

    Attributes:
        model: factor of the language model's logarithms.
        end: factor of the logarithm of a sentence's end; 0 where texts break off in the middle of sentences.
        word: added for every word; a language model alone prefers few words.
        unknown: added for every word that is neither in the vocabulary nor in a hotword; -inf allows none.
    """

    model: float = 0.5
    end: float = 0.0
    word: float = 1.0
    unknown: float = -10.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ConfigError: a factor below 0 or not finite, a word bonus that is not finite, or a positive `unknown`.
        """
        if not (0 <= self.model < math.inf and 0 <= self.end < math.inf):
            raise ConfigError(f"{self}: the factors model and end must be at least 0.")
        if not math.isfinite(self.word) or not self.unknown <= 0:
            raise ConfigError(f"{self}: word must be finite, and unknown, a penalty, at most 0.")


class WordContext(Context):
    """Where a text stands, as far as scores go; texts that go on alike share one. To a caller it is only a token.

    `ahead` is what the unfinished word has been scored by so far.
    """

    __slots__ = ("ahead", "hot", "node", "scorer", "state", "within")

    def __init__(
        self,
        scorer: WordScorer,
        state: State,
        node: LexiconNode | None,
        within: bool,
        ahead: float,
        hot: HotState | None,
    ) -> None:
        self.scorer, self.state, self.node, self.within = scorer, state, node, within
        self.ahead, self.hot = ahead, hot

    def __missing__(self, token_id: int) -> Step:
        step = self[token_id] = self.scorer.look_up(self, token_id)
        return step


class WordScorer:
    """Scores the letters of texts. It holds no text, so that searches and threads may share one.

    Attributes:
        letters: what each token writes.
        blank_id, boundary: the tokens that stand for nothing and for the space between words.
        highest_gain: what a letter inside a word can be multiplied by at most.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        model: NgramModel | None = None,
        weights: Weights | None = None,
        hotwords: Hotwords | None = None,
        vocabulary: Iterable[str] = (),
    ) -> None:
        """Prepare the vocabulary: that of the model, the hotwords' words and `vocabulary`.

        Where there is neither a model nor a `vocabulary`, no word is unknown.

        Args:
            alphabet: of the log-probabilities; each token but the blank is one character.
            model: None for none.
            weights: None for the default ones.
            hotwords: None for none.
            vocabulary: further words that pay no penalty; the model takes them for `<unk>`.

        Raises:
            ConfigError: an alphabet without a space or with longer tokens, or one that cannot write the hotwords.
            TextError: a vocabulary of which no word can be written in the alphabet.
        """
        written = {token for number, token in enumerate(alphabet.tokens) if number != alphabet.blank_id}
        if BOUNDARY not in written or any(len(token) != 1 for token in written):
            raise ConfigError("a word search needs an alphabet of single characters with a space among them.")
        for word in hotwords.words if hotwords else ():
            if not written.issuperset(word):
                raise ConfigError(
                    f"the hotword {word!r} holds {sorted(set(word) - written)}, which the alphabet lacks; leave it out."
                )
        self.weights = weights or Weights()
        self.letters, self.blank_id = alphabet.tokens, alphabet.blank_id
        self.boundary = alphabet.tokens.index(BOUNDARY)
        self._model, self._hotwords = model, hotwords
        further = dict.fromkeys(vocabulary)
        self._lexicon = self._open(written - {BOUNDARY}, further) if model is not None or further else None
        step = hotwords.highest_step if hotwords else 0.0
        self.highest_gain = math.exp(max(0.0, self.weights.word) + step)
        self._begun: dict[tuple[State, HotState | None], WordContext] = {}
        self._looked_up = 0

    def start(self, words: Iterable[str] | None = None) -> WordContext:
        """Before a text's first word.

        Args:
            words: what was said just before; None at the beginning of a sentence.
        """
        hot = self._hotwords.begin() if self._hotwords else None
        if self._model is None:
            return self._between_words((), hot)
        state = self._model.start() if words is None else ()
        for word in words or ():
            state = self._model.step(state, self._model.word_id(word))[1]
        return self._between_words(state, hot)

    def look_up(self, context: WordContext, token_id: int) -> Step:
        """What a token adds to a text; `context[token_id]` is the same, and remembers it."""
        self._looked_up += 1
        if self._looked_up > _CACHE_SIZE:
            # Searches under way keep what they hold; the next words begin new trees.
            self._begun, self._looked_up = {}, 0
        letter = self.letters[token_id]
        bonus, hot = 0.0, None
        if self._hotwords is not None and context.hot is not None:
            bonus, hot = self._hotwords.step(context.hot, letter)
        if token_id == self.boundary:
            if not context.within:  # a second space says nothing
                return 1.0, 0.0, context
            score, state = self._whole(context)
            after = self._between_words(state, hot)
        else:
            node = context.node.child(letter) if context.node is not None else None
            score = self.weights.word
            if node is not None:
                score += node.best
            elif self._lexicon is not None:
                score += self._unknown_ahead + self.weights.unknown
            if node is None and context.node is None and context.within and hot is context.hot:
                after = context  # outside the vocabulary, one letter is like another
            else:
                after = WordContext(self, context.state, node, True, score, hot)
        # Into a word that must not be: -inf. What would come behind it is never asked.
        log_gain = score - context.ahead + bonus
        return math.exp(log_gain), log_gain, after

    def end(self, context: WordContext, sentence: bool = True) -> float:
        """What the end of the text adds: its last word becomes whole, no hotword goes on, and, unless another text
        follows, the sentence ends."""
        added = self._hotwords.end(context.hot) if self._hotwords and context.hot else 0.0
        state = context.state
        if context.within:
            score, state = self._whole(context)
            added += score - context.ahead
        if sentence and self._model is not None and self.weights.end:
            added += self.weights.end * self._model.end(state)
        return added

    def _open(self, spelled: set[str], further: dict[str, None]) -> Lexicon:
        """The vocabulary as a tree, each word with what it adds when nothing is known of those before it."""
        if self._model is None:
            words: list[str] = []
            scores = np.zeros(0)
        else:
            words = [word if spelled.issuperset(word) else "" for word in self._model.vocabulary]
            words[: len(MARKS)] = [""] * len(MARKS)
            nothing = self._model.pack_states([()] * len(words))
            scores, _ = self._model.step_batch(nothing, np.arange(len(words)))
            scores[UNK] = max(scores[UNK], LEAST_UNKNOWN)
        there = set(words)
        hot = sorted(self._hotwords.words) if self._hotwords else []
        added = [word for word in dict.fromkeys((*further, *hot)) if spelled.issuperset(word) and word not in there]
        unigrams = np.concatenate([scores, np.full(len(added), scores[UNK] if len(scores) else 0.0)])
        self._unknown_ahead = float(self.weights.model * unigrams[UNK]) if self._model is not None else 0.0
        self._of_the_model = len(words)
        return Lexicon([*words, *added], self.weights.model * unigrams)

    def _between_words(self, state: State, hot: HotState | None) -> WordContext:
        context = self._begun.get((state, hot))
        if context is None:
            root = self._lexicon.root if self._lexicon else None
            context = self._begun[state, hot] = WordContext(self, state, root, False, 0.0, hot)
        return context

    def _whole(self, context: WordContext) -> tuple[float, State]:
        """What the word that ends here adds in all, and the state after it."""
        weights, model = self.weights, self._model
        word = context.node.word if context.node is not None else -1
        score = weights.word
        if word < 0 and self._lexicon is not None:
            score += weights.unknown
        if model is None:
            return score, ()
        if 0 <= word < self._of_the_model:
            log_prob, state = model.step(context.state, word)
            return score + weights.model * log_prob, state
        log_prob, state = model.step(context.state, UNK)
        return score + weights.model * max(log_prob, LEAST_UNKNOWN), state
