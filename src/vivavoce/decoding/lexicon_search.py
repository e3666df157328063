"""CTC search over a lexicon: only words that it knows, each by every pronunciation, scored by a language model.

A hypothesis is a place in the prefix tree of pronunciations and a state of the language model; all alignments and all
pronunciations that lead there are summed. Which word was said is settled when the next one begins, or the text ends:
until then the best word at or below the place stands for it (look-ahead), so that long words are not behind short ones.

The beam is a handful of arrays. A frame is some hundred small array operations whatever the beam's width, and frames of
a sure blank cost next to nothing; that, and no compiled code, is what makes it quick. So these operations are counted:
where two ways do the same, it is the one of fewer. What cannot come above the beam's floor is left out early, and the
language model is asked about a word in a place once, when it may end there for the first time.

Sources: token passing (Young, Russell and Thornton 1989), CTC prefix search (Graves et al. 2006).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.lexicon_scorer import Context, LexiconScorer, WordEnds, members
from vivavoce.errors import ConfigError

Array = np.ndarray

BEAM_SIZE = 200
# Ten times as high, these cost nothing on the speakers of the training and two points on others (docs/lab-log.md).
TOKEN_FLOOR = 3e-4
BEAM_FLOOR = 1e-7
BLANK_CEILING = 0.9


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
        self._size = len(scorer.tree)
        # What is asked of contexts ends with the search, which is short: nothing grows over an hour.
        self._ends = WordEnds(scorer)
        # A hypothesis: its place, which is a node and a context's number, and their key, number * size + node, by which
        # they are sorted; its probability of ending in blank and in its token; the first row of its node's words in
        # `_ends`, -1 if not asked yet; the words before, and the frames of its word's first and last token.
        self._node = np.zeros(1, np.int64)
        self._state = np.array([self._ends.number(scorer.start() if start is None else start)])
        self._key = self._state * self._size
        self._blank, self._spoken = np.ones(1), np.zeros(1)
        self._row, self._trace, self._first, self._last = (np.full(1, -1) for _ in range(4))
        self._said: list[tuple[int, int, int, int]] = []  # (before, word, first frame, last frame)

    def accept(self, log_probs: Array) -> None:
        """Take (t, V) natural log-probabilities."""
        frames, vocabulary = log_probs.shape
        probs = np.zeros((frames, vocabulary + 1))  # no token, -1, is never heard
        np.exp(log_probs.astype(np.float64), out=probs[:, :vocabulary])
        likely = probs >= self.token_floor
        likely[:, [self.blank_id, -1]] = False
        chances = np.where(likely, probs, 0.0)
        for row, chance, blank in zip(probs, chances, probs[:, self.blank_id].tolist(), strict=True):
            if blank > self.blank_ceiling:
                self._blank, self._spoken = self._blank + self._spoken, np.zeros(len(self._node))
                self.log_scale += math.log(blank)
            else:
                self._take(row, chance)
            self.frames += 1

    def fork(self) -> LexiconSearch:
        """A search that stands where this one does and goes on by itself."""
        other = copy.copy(self)  # arrays of hypotheses are never changed in place
        other._said, other._ends = self._said.copy(), self._ends.copy()
        return other

    def between_words(self) -> bool:
        """Whether a word may have ended where the likeliest hypothesis stands."""
        return bool(self.scorer.tree.entry_counts[self._node[(self._blank + self._spoken).argmax()]])

    def hypotheses(self, ends: bool = True, most: int | None = None) -> list[LexiconHypothesis]:
        """What was said so far, likeliest first; each text once. The search may go on.

        Args:
            ends: whether the text ends here, or other words follow.
            most: look only at so many of the likeliest ways to end here; fewer texts then, and less work.

        A word that has only begun is left out, where no hypothesis has come to a word's end; else such hypotheses are.
        """
        origin, row, score = self._ways(ends, most)
        return self._readings(origin, row, score)

    def _ways(self, ends: bool, most: int | None = None) -> tuple[Array, Array, Array]:
        """Ways to end here, likeliest first: the hypothesis, the row of the word that is whole, -1 for none, the score;
        settings as for `hypotheses`."""
        scores = np.log(self._blank + self._spoken) + self.log_scale
        # Ways to end: between words, of which -1 stands for the row, or with a word that is whole.
        between = (self._node == 0).nonzero()[0]
        origin, row, factor = self._word_rows()
        possible = factor.nonzero()[0]
        score = np.concatenate((scores[between], scores[origin[possible]] + np.log(factor[possible])))
        row = np.concatenate((np.full(len(between), -1), row[possible]))
        origin = np.concatenate((between, origin[possible]))
        if not len(origin):
            origin, row, score = np.arange(len(scores)), np.full(len(scores), -1), scores
        elif self.scorer.minds_the_end(ends):
            behind = self._behind(origin, row)
            score += np.array([self.scorer.end(context, ends) for context in behind])
        order = np.argsort(score, kind="stable")[::-1][:most]
        return origin[order], row[order], score[order]

    def _behind(self, origin: Array, row: Array) -> list[Context]:
        """What is known behind hypotheses, with the words of their rows."""
        numbers = self._state[origin]
        whole = (row >= 0).nonzero()[0]
        numbers[whole] = self._ends.following(row[whole], numbers[whole])
        return [self._ends.context(number) for number in numbers.tolist()]

    def _readings(self, origin: Array, row: Array, score: Array) -> list[LexiconHypothesis]:
        """The texts of ways to end, which are given likeliest first, and the sums of their scores."""
        found: dict[tuple[str, ...], LexiconHypothesis] = {}
        whole = row >= 0
        words = np.full(len(row), -1)
        words[whole] = self._ends.words(row[whole])
        before: dict[int, tuple[SpokenWord, ...]] = {-1: ()}  # most hypotheses share what was said long ago
        for place, word, log_score, context in zip(
            origin.tolist(), words.tolist(), score.tolist(), self._behind(origin, row), strict=True
        ):
            said = self._words(int(self._trace[place]), before)
            if word >= 0:
                name = self.scorer.tree.words[word]
                said = (*said, SpokenWord(name, int(self._first[place]), int(self._last[place])))
            text = tuple([one.word for one in said])
            known = found.get(text)
            if known is not None:
                said, context = known.words, known.context
                log_score = known.log_score + math.log1p(math.exp(log_score - known.log_score))
            found[text] = LexiconHypothesis(said, log_score, context)
        return sorted(found.values(), key=lambda one: -one.log_score)

    def _words(self, trace: int, known: dict[int, tuple[SpokenWord, ...]]) -> tuple[SpokenWord, ...]:
        """The words up to a trace; those of earlier ones may be known, and these are then."""
        further = []
        while trace not in known:
            further.append(trace)
            trace = self._said[trace][0]
        words = known[trace]
        for one in reversed(further):
            _, word, first, last = self._said[one]
            words = known[one] = (*words, SpokenWord(self.scorer.tree.words[word], first, last))
        return words

    def _take(self, probs: Array, chances: Array) -> None:
        """One frame: (V+1,) probabilities, and the same with 0 for the blank and for unlikely tokens."""
        tree, both = self.scorer.tree, self._blank + self._spoken
        token = tree.tokens[self._node]
        # In the same place: a blank, or the same token again.
        stay_blank, stay_spoken = both * probs[self.blank_id], self._spoken * probs[token]
        best = highest(stay_blank + stay_spoken)
        origin, node, context, word, value = self._sources(both, chances, best * self.beam_floor)
        # To every child of a node whose token is likely.
        owner, child = members(tree.first_child[node], tree.child_counts[node])
        said = tree.tokens[child]
        value = value[owner] * chances[said] * self.scorer.step[child]
        kept = (value > best * self.beam_floor).nonzero()[0]
        owner, child, said, value = owner[kept], child[kept], said[kept], value[kept]
        origin = origin[owner]
        # A token after itself is a new one only where a blank stood between.
        again = (said == token[origin]).nonzero()[0]
        value[again] *= (self._blank / both)[origin[again]]
        best = max(best, highest(value))
        kept = (value > best * self.beam_floor).nonzero()[0]
        owner = owner[kept]
        key = (context * self._size)[owner] + child[kept]
        self._merge(stay_blank, stay_spoken, origin[kept], key, value[kept], word[owner])

    def _sources(self, both: Array, chances: Array, floor: float) -> tuple[Array, ...]:
        """Where tokens may be said next: in the words under way, and, as by hypotheses at the root, behind words that
        may have ended. For each the hypothesis, node and context, the word that ended, -1 for none, the probability."""
        here = np.arange(len(both))
        standing = here, self._node, self._state, minus_ones(len(here)), both
        opening = highest(chances * self.scorer.opening)
        if opening == 0.0:
            return standing
        origin, row, factor = self._word_rows()
        value = both[origin] * factor
        kept = (value * opening > floor).nonzero()[0]
        if not len(kept):
            return standing
        origin, row = origin[kept], row[kept]
        context = self._ends.following(row, self._state[origin])
        ended = origin, np.zeros(len(row), np.int64), context, self._ends.words(row), value[kept]
        return tuple([np.concatenate(parts) for parts in zip(standing, ended, strict=True)])

    def _word_rows(self) -> tuple[Array, Array, Array]:
        """Every word that may end here: its hypothesis, its row in `_ends`, by what factor it corrects the score."""
        counts = self.scorer.tree.entry_counts[self._node]
        ended = counts.nonzero()[0]
        unknown = ended[self._row[ended] < 0]
        if len(unknown):
            self._row = self._row.copy()
            self._row[unknown] = self._ends.ask(self._node[unknown], self._state[unknown])
        owner, row = members(self._row[ended], counts[ended])
        return ended[owner], row, self._ends.factors(row)

    def _merge(
        self, stay_blank: Array, stay_spoken: Array, origin: Array, key: Array, value: Array, word: Array
    ) -> tuple[Array, Array, Array]:
        """Add up what leads to the same place, keep the best places, and remember how they were come to.

        Args:
            stay_blank, stay_spoken: (P,) what of each hypothesis stays where it is, ending in blank and in its token.
            origin, key, value, word: (M,) moves: the hypothesis, the place's key, the probability, and the number of
                the word that ended, -1 for none.

        Returns:
            (P + M,) those that stay and the moves behind them, by place; where in that each place's begin; and which
            of these places are kept.
        """
        here = len(stay_blank)
        key = np.concatenate((self._key, key))
        blank = np.zeros(len(key))
        blank[:here] = stay_blank
        spoken = np.concatenate((stay_spoken, value))
        order = key.argsort(kind="stable")
        key = key[order]
        fresh = np.empty(len(key), np.bool_)
        fresh[0] = True
        np.not_equal(key[1:], key[:-1], out=fresh[1:])
        starts = fresh.nonzero()[0]
        held = source = order[starts]  # the hypothesis that stood there, if one did, comes first
        amounts = blank + spoken
        blank, spoken = blank[held], spoken[order]
        if len(starts) < len(key):
            spoken = np.add.reduceat(spoken, starts)
            # The largest share decides which words came before: written last, it stays.
            amounts, place = amounts[order], fresh.cumsum() - 1
            largest = (amounts == np.maximum.reduceat(amounts, starts)[place]).nonzero()[0]
            source = held.copy()
            source[place[largest]] = order[largest]
        both = blank + spoken
        best = highest(both)
        if best <= 0.0:
            raise ValueError("a frame of log_probs gives no token any probability; expected a distribution.")
        kept = (both > best * self.beam_floor).nonzero()[0]
        if len(kept) > self.beam_size:
            kept = kept[likeliest(both[kept], self.beam_size)]
        self._key = key[starts[kept]]
        self._state, self._node = self._key // self._size, self._key % self._size
        self._blank, self._spoken = blank[kept] / best, spoken[kept] / best
        self.log_scale += math.log(best)
        held, source = held[kept], source[kept]
        self._row = np.concatenate((self._row, minus_ones(len(origin))))[held]
        came = np.concatenate((np.arange(here), origin))[source]
        self._remember(source >= here, came, np.concatenate((minus_ones(here), word))[source])
        return order, starts, kept

    def _remember(self, moved: Array, came: Array, word: Array) -> None:
        """Of the new hypotheses: whether they moved, which old ones they come from, and the words that ended, or -1."""
        trace, first, last = self._trace[came], self._first[came], self._last[came]
        begun = (word >= 0).nonzero()[0]
        if len(begun):
            ended = (trace[begun], word[begun], first[begun], last[begun])
            before = len(self._said)
            self._said.extend(zip(*(part.tolist() for part in ended), strict=True))
            trace[begun], first[begun] = np.arange(before, len(self._said)), -1
        last[moved] = self.frames
        first[moved & (first < 0)] = self.frames
        self._trace, self._first, self._last = trace, first, last


def highest(values: Array) -> float:
    """The highest of some values, 0 for none; on few, much quicker than `max`."""
    return float(values[values.argmax()]) if len(values) else 0.0


def likeliest(values: Array, most: int) -> Array:
    """Where the highest values stand, rising; of equal ones the first."""
    least = np.partition(values, -most)[-most]
    chosen: Array = (values >= least).nonzero()[0]
    surplus = len(chosen) - most
    return np.delete(chosen, (values[chosen] == least).nonzero()[0][-surplus:]) if surplus else chosen


def minus_ones(count: int) -> Array:
    """(count,) int64; on few, much quicker than `np.full`."""
    values = np.empty(count, np.int64)
    values.fill(-1)
    return values


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
