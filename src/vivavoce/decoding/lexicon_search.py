"""CTC search over a lexicon: only words that it knows, each by every pronunciation, scored by a language model.

A hypothesis is a place in the prefix tree of pronunciations and a state of the language model; all alignments and all
pronunciations that lead there are summed. Which word was said is settled when the next one begins, or the text ends:
until then the best word at or below the place stands for it (look-ahead), so that long words are not behind short ones.

The beam is a handful of arrays. A frame is some forty array operations whatever the beam's width, and frames of a sure
blank cost next to nothing; that, and no compiled code, is what makes it quick.

Sources: token passing (Young, Russell and Thornton 1989), look-ahead (Ortmanns, Ney and Eiden 1996), CTC prefix search
(Graves et al. 2006).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.decoding.hotwords import BOUNDARY, HotState, Hotwords
from vivavoce.decoding.lexicon_tree import LexiconTree
from vivavoce.decoding.ngram import NgramModel, State
from vivavoce.decoding.ngram_tables import UNK
from vivavoce.decoding.own_words import LIKELIHOOD
from vivavoce.decoding.word_scorer import LEAST_UNKNOWN, Weights
from vivavoce.errors import ConfigError

Array = np.ndarray

BEAM_SIZE = 150
TOKEN_FLOOR = 1e-3
BEAM_FLOOR = 1e-6
BLANK_CEILING = 0.999

Context = tuple[State, HotState | None]
"""What is known of the words before: by the language model, and of hotwords under way."""


@dataclass(frozen=True)
class SpokenWord:
    """A word and the frames of its first and last token."""

    word: str
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class LexiconHypothesis:
    """One reading: its words, the natural log of its score, acoustic and language together, what is known behind it."""

    words: tuple[SpokenWord, ...]
    log_score: float
    context: Context

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word.word for word in self.words)


class LexiconScorer:
    """A lexicon and a language model, prepared for searches, which may share it.

    Attributes:
        tree: the lexicon.
        ahead: (N,) what is foreseen at each node: the best word's score without any context.
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
        self._shares: dict[int, float] = {}  # of `<unk>`, for words that the model knows as rarer; natural logarithms
        scores = self._fixed.copy()
        if model is not None:
            known = np.array([word in model for word in tree.words])
            self._ids = np.array([model.word_id(word) for word in tree.words], np.int64)
            unigrams = np.maximum(model.trie.log_probs[self._ids].astype(np.float64), LEAST_UNKNOWN)
            fixed = np.where(known, 0.0, w.unknown)
            unknown = max(float(model.trie.log_probs[UNK]), LEAST_UNKNOWN)
            for place, log_prob in self._own(hotwords, own or {}):
                if not known[place]:
                    fixed[place] = w.model * (log_prob - unknown)
                elif log_prob > unigrams[place]:
                    self._shares[place], unigrams[place] = log_prob - unknown, log_prob
            self._fixed += fixed[tree.entry_words]
            scores = self._fixed + w.model * unigrams[tree.entry_words]
        if hotwords is not None:
            hot = {word: self._heat(hotwords.begin(), word)[0] for word in hotwords.words}
            scores = scores + np.array([hot.get(tree.words[word], 0.0) for word in tree.entry_words.tolist()])
        self.ahead = tree.best_ahead(scores)

    def _own(self, hotwords: Hotwords | None, own: Mapping[str, float]) -> list[tuple[int, float]]:
        """Places in the tree's words, and the logarithms of their likelihoods, of words that have one of their own."""
        assert self.model is not None
        wanted = {word: math.log(LIKELIHOOD) for word in hotwords.words if word not in self.model} if hotwords else {}
        wanted.update(own)
        return [(place, wanted[word]) for place, word in enumerate(self.tree.words) if word in wanted] if wanted else []

    def _raised(self, log_prob: float, word: int, state: State) -> float:
        """What the model says of a word, or, where that is more, what a user's likelihood of it says."""
        share = self._shares.get(word)
        if share is None:
            return log_prob
        assert self.model is not None
        return max(log_prob, max(self.model.step(state, UNK)[0], LEAST_UNKNOWN) + share)

    def start(self) -> Context:
        """Before a text's first word."""
        state = self.model.start() if self.model is not None else ()
        return state, self.hotwords.begin() if self.hotwords is not None else None

    def entries(self, node: int, context: Context) -> tuple[Array, list[Context], Array]:
        """The words that end at a node, what is known behind each, and by how much each corrects what was foreseen."""
        first, last = int(self.tree.first_entry[node]), int(self.tree.first_entry[node + 1])
        words = self.tree.entry_words[first:last]
        gains = self._fixed[first:last] - self.ahead[node]
        behind: list[Context] = []
        for place, word in enumerate(words.tolist()):
            state, heat = context
            if self.model is not None:
                log_prob, after = self.model.step(state, int(self._ids[word]))
                gains[place] += self.weights.model * self._raised(max(log_prob, LEAST_UNKNOWN), word, state)
                state = after
            if heat is not None:
                bonus, heat = self._heat(heat, self.tree.words[word])
                gains[place] += bonus
            behind.append((state, heat))
        return words, behind, gains

    def end(self, context: Context, sentence: bool = True) -> float:
        """What the end of a text adds: no hotword goes on and, unless another text follows, the sentence ends."""
        state, heat = context
        added = -heat.promise if heat is not None else 0.0
        if sentence and self.model is not None and self.weights.end:
            added += self.weights.end * self.model.end(state)
        return added

    def _heat(self, heat: HotState, word: str) -> tuple[float, HotState]:
        """What a whole word earns behind others, and the place after it."""
        assert self.hotwords is not None
        total = 0.0
        for letter in word + BOUNDARY:
            bonus, heat = self.hotwords.step(heat, letter)
            total += bonus
        return total, heat


class LexiconSearch:
    """The living hypotheses of one utterance. Frames may come in pieces of any size; the cuts leave no trace."""

    def __init__(
        self,
        scorer: LexiconScorer,
        blank_id: int = 0,
        beam_size: int = BEAM_SIZE,
        token_floor: float = TOKEN_FLOOR,
        beam_floor: float = BEAM_FLOOR,
        blank_ceiling: float = BLANK_CEILING,
        start: Context | None = None,
    ) -> None:
        """Prepare a search.

        Args:
            scorer: lexicon and language model.
            blank_id: the token that stands for nothing.
            beam_size: hypotheses kept after each frame.
            token_floor: tokens of a lower probability begin nothing in a frame.
            beam_floor: hypotheses of a lower share of the best one's score are dropped.
            blank_ceiling: frames in which the blank has a higher probability count as a sure blank.
            start: what is known of the words before; None at the beginning of a text.

        Raises:
            ConfigError: a beam of no hypothesis.
        """
        if beam_size < 1:
            raise ConfigError(f"beam_size is {beam_size}; expected 1 or more.")
        self.scorer, self.blank_id, self.beam_size = scorer, blank_id, beam_size
        self.token_floor, self.beam_floor, self.blank_ceiling = token_floor, beam_floor, blank_ceiling
        self.frames = 0
        self.log_scale = 0.0
        # Contexts by number, and what `entries` says of a node behind one; they end with the search, which is short.
        self._contexts = [scorer.start() if start is None else start]
        self._numbers = {self._contexts[0]: 0}
        self._entries: dict[tuple[int, int], tuple[Array, Array, Array]] = {}
        # A hypothesis: its node, context, probability of ending in blank and in its token, words before, and the frames
        # of its word's first and last token.
        self._node, self._state = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._blank, self._spoken = np.ones(1), np.zeros(1)
        self._trace, self._first, self._last = (np.full(1, -1, np.int64) for _ in range(3))
        self._said: list[tuple[int, int, int, int]] = []  # (before, word, first frame, last frame)

    def accept(self, log_probs: Array) -> None:
        """Take (t, V) natural log-probabilities."""
        probs = np.exp(log_probs.astype(np.float64))
        for row in probs:
            blank = row[self.blank_id]
            if blank > self.blank_ceiling:
                self._blank, self._spoken = self._blank + self._spoken, np.zeros(len(self._node))
                self.log_scale += math.log(blank)
            else:
                self._take(row)
            self.frames += 1

    def fork(self) -> LexiconSearch:
        """A search that stands where this one does and goes on by itself."""
        other = copy.copy(self)  # arrays are never changed in place
        other._said, other._contexts = self._said.copy(), self._contexts.copy()
        other._numbers, other._entries = self._numbers.copy(), self._entries.copy()
        return other

    def _entries_at(self, node: int, number: int) -> tuple[Array, Array, Array]:
        """`entries` of a node, with the contexts' numbers."""
        found = self._entries.get((node, number))
        if found is None:
            words, behind, gains = self.scorer.entries(node, self._contexts[number])
            numbers = []
            for context in behind:
                numbers.append(self._numbers.setdefault(context, len(self._contexts)))
                if numbers[-1] == len(self._contexts):
                    self._contexts.append(context)
            found = self._entries[node, number] = words, np.array(numbers, np.int64), gains
        return found

    def hypotheses(self, ends: bool = True, most: int | None = None) -> list[LexiconHypothesis]:
        """What was said so far, likeliest first; each text once. The search may go on.

        Args:
            ends: whether the text ends here, or other words follow.
            most: look only at so many of the likeliest ways to end here; fewer texts then, and less work.

        A word that has only begun is left out, where no hypothesis has come to a word's end; else such hypotheses are.
        """
        tree = self.scorer.tree
        whole: list[tuple[float, int, int, int]] = []  # score, hypothesis, its last word, the state behind it
        begun: list[tuple[float, int, int, int]] = []
        for place, (node, state) in enumerate(zip(self._node.tolist(), self._state.tolist(), strict=True)):
            score = math.log(self._blank[place] + self._spoken[place]) + self.log_scale
            if node == 0:
                whole.append((score + self.scorer.end(self._contexts[state], ends), place, -1, state))
                continue
            begun.append((score, place, -1, state))
            words, states, gains = self._entries_at(node, state)
            for word, following, gain in zip(words.tolist(), states.tolist(), gains.tolist(), strict=True):
                if gain > -math.inf:
                    whole.append(
                        (score + gain + self.scorer.end(self._contexts[following], ends), place, word, following)
                    )
        found: dict[tuple[str, ...], LexiconHypothesis] = {}
        before: dict[int, tuple[SpokenWord, ...]] = {}  # most hypotheses share what was said long ago
        for score, place, word, state in sorted(whole or begun, reverse=True)[:most]:
            trace = int(self._trace[place])
            if trace not in before:
                before[trace] = self._words(trace)
            said = before[trace]
            if word >= 0:
                said = (*said, SpokenWord(tree.words[word], int(self._first[place]), int(self._last[place])))
            text = tuple([one.word for one in said])
            known = found.get(text)
            if known is None:
                found[text] = LexiconHypothesis(said, score, self._contexts[state])
            else:
                found[text] = replace(known, log_score=float(np.logaddexp(known.log_score, score)))
        return sorted(found.values(), key=lambda one: -one.log_score)

    def _words(self, trace: int) -> tuple[SpokenWord, ...]:
        words = []
        while trace >= 0:
            trace, word, first, last = self._said[trace]
            words.append(SpokenWord(self.scorer.tree.words[word], first, last))
        return tuple(words[::-1])

    def _take(self, probs: Array) -> None:
        """One frame."""
        tree, ahead = self.scorer.tree, self.scorer.ahead
        node, state, both = self._node, self._state, self._blank + self._spoken
        token = tree.tokens[node]
        # In the same place: a blank, or the same token again.
        stay_blank = both * probs[self.blank_id]
        stay_spoken = np.where(token >= 0, self._spoken * probs[token], 0.0)
        best = float((stay_blank + stay_spoken).max())
        likely = probs >= self.token_floor
        likely[self.blank_id] = False

        # On inside a word: every child whose token is likely.
        starts = tree.first_child[node]
        counts = tree.first_child[node + 1] - starts
        origin = np.repeat(np.arange(len(node)), counts)
        child = np.arange(len(origin)) - np.repeat(np.cumsum(counts) - counts - starts, counts)
        said = tree.tokens[child]
        chosen = np.flatnonzero(likely[said])
        origin, child, said = origin[chosen], child[chosen], said[chosen]
        # A token after itself is a new one only where a blank stood between.
        share = np.where(said == token[origin], self._blank[origin], both[origin])
        value = share * probs[said] * np.exp(ahead[child] - ahead[node[origin]])
        columns = [(origin, child, state[origin], value, np.full(len(origin), -1))]

        # Into the next word, from where one may have ended.
        begun = tree.root_children[np.flatnonzero(likely)]
        begun = begun[begun >= 0]
        ended = np.flatnonzero(tree.first_entry[node + 1] > tree.first_entry[node])
        if len(ended) and len(begun):
            ends = [self._entries_at(n, s) for n, s in zip(node[ended].tolist(), state[ended].tolist(), strict=True)]
            origin = np.repeat(ended, [len(words) for words, _, _ in ends])
            words, following, gains = (np.concatenate(parts) for parts in zip(*ends, strict=True))
            first_tokens = tree.tokens[begun]
            again = token[origin, None] == first_tokens
            share = np.where(again, self._blank[origin, None], both[origin, None])
            value = share * np.exp(gains)[:, None] * (probs[first_tokens] * np.exp(ahead[begun]))
            many = len(begun)
            columns.append(
                (np.repeat(origin, many), np.tile(begun, len(origin)), np.repeat(following, many), value.ravel(),
                 np.repeat(words, many))
            )  # fmt: skip
        origin, child, child_state, value, word = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        best = max(best, float(value.max(initial=0.0)))
        chosen = np.flatnonzero(value > best * self.beam_floor)
        self._merge(stay_blank, stay_spoken, *(part[chosen] for part in (origin, child, child_state, value, word)))

    def _merge(
        self, stay_blank: Array, stay_spoken: Array, origin: Array, child: Array, child_state: Array, value: Array,
        word: Array,
    ) -> None:  # fmt: skip
        """Add up what leads to the same place, keep the best places, and remember how they were come to."""
        size, here = len(self.scorer.tree), np.arange(len(self._node))
        keys = np.concatenate([self._state * size + self._node, child_state * size + child])
        places, where = np.unique(keys, return_inverse=True)
        spoken = np.bincount(where, np.concatenate([stay_spoken, value]), len(places))
        blank = np.bincount(where[: len(here)], stay_blank, len(places))
        both = spoken + blank
        order = np.argsort(-both, kind="stable")[: self.beam_size]
        best = float(both[order[0]])
        if best <= 0.0:
            raise ValueError("a frame of log_probs gives no token any probability; expected a distribution.")
        order = order[both[order] > best * self.beam_floor]
        # The largest share decides which words came before: written last, it stays.
        amounts = np.concatenate([stay_blank + stay_spoken, value])
        source = np.empty(len(places), np.int64)
        rising = np.argsort(amounts, kind="stable")
        source[where[rising]] = rising
        source = source[order]
        moved = source >= len(here)
        came = np.concatenate([here, origin])[source]
        new_word = np.concatenate([np.full(len(here), -1), word])[source]
        trace, first = self._trace[came], self._first[came]
        last = np.where(moved, self.frames, self._last[came])
        first = np.where(moved & (first < 0), self.frames, first)
        for place in np.flatnonzero(new_word >= 0).tolist():
            before = int(came[place])
            self._said.append((int(trace[place]), int(new_word[place]), int(first[place]), int(self._last[before])))
            trace[place], first[place] = len(self._said) - 1, self.frames
        self._node, self._state = places[order] % size, places[order] // size
        self._blank, self._spoken = blank[order] / best, spoken[order] / best
        self._trace, self._first, self._last = trace, first, last
        self.log_scale += math.log(best)


def lexicon_search(
    log_probs: Array,
    scorer: LexiconScorer,
    blank_id: int = 0,
    beam_size: int = BEAM_SIZE,
    token_floor: float = TOKEN_FLOOR,
    beam_floor: float = BEAM_FLOOR,
    blank_ceiling: float = BLANK_CEILING,
) -> list[LexiconHypothesis]:
    """The readings of a whole utterance, (T, V) natural log-probabilities, likeliest first; settings as for
    `LexiconSearch`."""
    search = LexiconSearch(scorer, blank_id, beam_size, token_floor, beam_floor, blank_ceiling)
    search.accept(log_probs)
    return search.hypotheses()
