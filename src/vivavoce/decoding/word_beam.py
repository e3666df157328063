"""CTC prefix beam search with a language model over words, a vocabulary and hotwords.

The search of `ctc_beam`, in which each new letter also brings what `WordScorer` says of it. A letter's score depends
on the prefix alone and is looked up once, when the prefix first appears. Spaces in a row, and before the first word,
are one text with one space: a reading is its words, and its probability that of all alignments of all such spellings.

Times come from the same search: it knows when each prefix of a reading was alive, and within these bounds the likeliest
alignment is found in little time. The confidence of a word is the probability of its letters where they were heard,
times the share of the beam that reads this word here. On held-out speech the product tells right words from wrong ones
better (area under the curve 0.84) than the letters alone (0.81) or the share alone (0.72).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import numpy as np

from vivavoce.decoding.ctc_beam import Prefix, PrefixSearch
from vivavoce.decoding.ctc_greedy import GreedyResult, join_results
from vivavoce.decoding.word_scorer import WordContext, WordScorer

Array = np.ndarray

BEAM_SIZE = 50
TOKEN_FLOOR = 5e-3
BEAM_FLOOR = 5e-5
BLANK_CEILING = 0.999
_DOUBT = 1e-3  # readings of a lesser share say nothing about confidence
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class WordHypothesis:
    """One reading of what was heard.

    Attributes:
        log_score: natural log of its score, acoustic and language together, with its last word whole.
        acoustic_log_prob: the part of the sound alone.
        context: where another search may go on behind it; None where the text has ended.
    """

    log_score: float
    acoustic_log_prob: float
    context: WordContext | None = field(repr=False, compare=False)
    _text: Prefix = field(repr=False)
    _likeliest: Prefix = field(repr=False)  # its spelling, with a last space or without

    @cached_property
    def token_ids(self) -> tuple[int, ...]:
        """Without blanks, with single spaces."""
        return self._text.token_ids()


def word_beam(
    log_probs: Array,
    scorer: WordScorer,
    beam_size: int = BEAM_SIZE,
    token_floor: float = TOKEN_FLOOR,
    beam_floor: float = BEAM_FLOOR,
    blank_ceiling: float = BLANK_CEILING,
    start: WordContext | None = None,
    ends: bool = True,
) -> list[WordHypothesis]:
    """The best readings of a stretch of speech, best first, at most `beam_size` of them.

    Args:
        log_probs: (T, V) natural log-probabilities; T may be 0.
        scorer: of the alphabet of these V tokens.
        beam_size: prefixes kept after each frame.
        token_floor, beam_floor, blank_ceiling: as for `ctc_beam`.
        start: the `context` of a reading of the stretch before, which ended in a blank; None where a text begins.
        ends: whether the text ends here; if not, its last word may go on.

    Raises:
        ValueError: log_probs of another shape than the scorer's alphabet, a beam of 0, or a frame of no probability.
    """
    search = WordSearch(scorer, beam_size, token_floor, beam_floor, blank_ceiling, start)
    search.accept(log_probs)
    return search.hypotheses(ends)


class WordSearch(PrefixSearch):
    """The search itself, for frames that come piece by piece. However they are cut, the readings are the same.

    search = WordSearch(scorer)
    search.accept(log_probs); ...; readings = search.hypotheses(); tokens = search.timed(readings)
    """

    def __init__(
        self,
        scorer: WordScorer,
        beam_size: int = BEAM_SIZE,
        token_floor: float = TOKEN_FLOOR,
        beam_floor: float = BEAM_FLOOR,
        blank_ceiling: float = BLANK_CEILING,
        start: WordContext | None = None,
    ) -> None:
        """Arguments are those of `word_beam`."""
        if beam_size < 1:
            raise ValueError(f"beam_size is {beam_size}; expected at least 1.")
        boundary = scorer.boundary
        context = scorer.start() if start is None else start
        super().__init__(
            len(scorer.letters), scorer.blank_id, beam_size, token_floor, beam_floor, blank_ceiling, boundary, context
        )
        self.scorer = scorer
        self.highest_gain = scorer.highest_gain
        if not context.within:
            self.root.last = boundary  # so that a space adds nothing
        self._rows: list[tuple[int, list[float]]] = []  # frames taken: their numbers and probabilities

    def accept(self, log_probs: Array) -> None:
        """Take (t, V) frames of natural log-probabilities; t may be 0.

        Raises:
            ValueError: another shape than the scorer's alphabet, or a frame of no probability.
        """
        if log_probs.ndim != 2 or log_probs.shape[1] != self.vocabulary:
            raise ValueError(
                f"log_probs has shape {log_probs.shape}; expected (T, {self.vocabulary}), the scorer's alphabet."
            )
        super().accept(log_probs)

    def fork(self) -> WordSearch:
        """A search that stands where this one does and goes on by itself."""
        other = super().fork()
        other._rows = self._rows.copy()
        return other

    def hypotheses(self, ends: bool = True) -> list[WordHypothesis]:
        """The readings of what was heard so far, best first; the search may go on.

        Args:
            ends: whether the text ends here. Readings that differ by a last space are then one. If not, each has a
                `context`, and they are ranked as if their last words were whole, so pieces should end between words;
                but the contexts leave them open, and what a whole last word brings is
                `scorer.end(context, sentence=False)`.
        """
        ended = [self.scorer.end(prefix.context, ends) for prefix in self.beam]
        if max(ended) == -math.inf:
            # Every last word is one that must not be; better an unfinished word than nothing.
            ended = [0.0] * len(ended)
        together: dict[Prefix, list[tuple[float, float, Prefix]]] = {}
        for prefix, end in zip(self.beam, ended, strict=True):
            if end == -math.inf:
                continue
            log_prob = math.log(prefix.both) + self.log_scale
            text = prefix
            if ends and prefix.last == self.repeatable and prefix.parent is not None:
                text = prefix.parent
            together.setdefault(text, []).append((log_prob + end, log_prob - prefix.log_gain, prefix))
        found = []
        for text, parts in together.items():
            score, acoustic = _log_sum([part[0] for part in parts]), _log_sum([part[1] for part in parts])
            likeliest = max(parts, key=lambda part: part[0])[2]
            found.append(WordHypothesis(score, acoustic, None if ends else text.context, text, likeliest))
        return sorted(found, key=lambda hypothesis: -hypothesis.log_score)

    def timed(self, hypotheses: Sequence[WordHypothesis], number: int = 0) -> GreedyResult:
        """The tokens of a reading with the frames that they hold, counted from the first one accepted.

        Args:
            hypotheses: what `hypotheses` gave since the last frame was accepted.
            number: which of them.

        Returns:
            Tokens as `decoding.words.token_words` takes them. The frames are those of the likeliest alignment.
            `log_probs` are the tokens' mean log-probabilities over their frames; to those of letters the logarithm of
            their word's share is added, how much of the probability of all `hypotheses` reads this word here.
        """
        if not hypotheses:
            return join_results([])
        chosen = hypotheses[number]
        result = self._align(chosen._likeliest, len(chosen.token_ids))
        shares = self._shares(hypotheses, number)
        in_word = result.token_ids != self.scorer.boundary
        # The word of each letter: how many words have begun before it.
        begins = in_word & np.concatenate(([True], ~in_word[:-1]))
        number_of_word = np.maximum(np.cumsum(begins) - 1, 0)
        log_shares = np.log(np.maximum(shares, _LEAST_SHARE))[number_of_word] if len(shares) else 0.0
        return replace(result, log_probs=(result.log_probs + np.where(in_word, log_shares, 0.0)).astype(np.float32))

    def _shares(self, hypotheses: Sequence[WordHypothesis], number: int) -> Array:
        """(words,) how much of the probability of all readings holds each word of one of them."""
        best = max(hypothesis.log_score for hypothesis in hypotheses)
        weights = [math.exp(hypothesis.log_score - best) for hypothesis in hypotheses]
        total = sum(weights)
        counted = [n for n, weight in enumerate(weights) if weight > _DOUBT * total or n == number]
        words = ["".join([self.scorer.letters[token] for token in hypotheses[n].token_ids]).split() for n in counted]
        return word_shares(words, [weights[n] / total for n in counted], counted.index(number))

    def _take(self, frame: int, probs: list[float], offered: list[int]) -> None:
        self._rows.append((frame, probs))
        super()._take(frame, probs, offered)

    def _align(self, prefix: Prefix, count: int) -> GreedyResult:
        """The likeliest alignment of a prefix, of which the first `count` tokens are wanted."""
        chain = prefix.chain()
        alive: list[list[int]] = [[] for _ in range(len(self._rows) + 1)]
        for place, link in enumerate(chain):
            for taken in range(link.born, link.touched + 1):
                alive[taken].append(place)
        path = self._best_path([link.last for link in chain], alive)
        first, behind, total = [-1] * len(chain), [0] * len(chain), [0.0] * len(chain)
        frames = [0] * len(chain)
        for taken, place in path:
            frame, probs = self._rows[taken - 1]
            if first[place] < 0:
                first[place] = frame
            behind[place] = frame + 1
            total[place] += math.log(probs[chain[place].last])
            frames[place] += 1
        places = range(1, count + 1)
        return GreedyResult(
            np.array(prefix.token_ids()[:count], np.int64),
            np.array([first[place] for place in places], np.int64),
            np.array([behind[place] for place in places], np.int64),
            np.array([total[place] / frames[place] for place in places], np.float32),
        )

    def _best_path(self, tokens: list[int], alive: list[list[int]]) -> list[tuple[int, int]]:
        """Where the likeliest alignment is in a token: pairs of a frame taken and a place, in order.

        Viterbi's algorithm. `tokens[0]` is what stands before the text; `alive` the places that each frame may be in.
        """
        nothing = (-math.inf, -math.inf)
        now = {0: (0.0, -math.inf)}  # by place: the best path that ends in a blank behind its token, or in the token
        steps: list[dict[int, tuple[bool, tuple[int, bool]]]] = []
        previous = -1
        for taken, (frame, probs) in enumerate(self._rows, 1):
            passed = frame > previous + 1  # by sure blanks
            previous = frame
            blank = math.log(probs[self.blank_id]) if probs[self.blank_id] else -math.inf
            after: dict[int, tuple[float, float]] = {}
            came: dict[int, tuple[bool, tuple[int, bool]]] = {}
            for place in alive[taken]:
                token = tokens[place]
                in_blank, in_token = now.get(place, nothing)
                was_token = in_token > in_blank
                either = in_token if was_token else in_blank
                again = token == self.repeatable
                best, source = (either, (place, was_token)) if again else (in_token, (place, True))
                if passed and not again:
                    best = -math.inf
                if place:
                    ended, running = now.get(place - 1, nothing)
                    if token == tokens[place - 1] and not passed:
                        running = -math.inf  # without a blank between, it would be the same run
                    if ended > best:
                        best, source = ended, (place - 1, False)
                    if running > best:
                        best, source = running, (place - 1, True)
                prob = probs[token] if place or again else 0.0
                after[place] = either + blank, best + math.log(prob) if prob else -math.inf
                came[place] = was_token, source
            steps.append(came)
            now = after
        place = len(tokens) - 1
        in_blank, in_token = now.get(place, nothing)
        inside = in_token > in_blank
        path = []
        for taken in range(len(steps), 0, -1):
            was_token, source = steps[taken - 1][place]
            if inside:
                path.append((taken, place))
                place, inside = source
            else:
                inside = was_token
        return path[::-1]


def word_shares(readings: Sequence[Sequence[str]], probs: Sequence[float], number: int = 0) -> Array:
    """How probable each word of a reading is, given others.

    A reading holds the words that it begins with or ends with as the chosen one does. Where it differs in two places,
    the words between count as doubtful, too; the share of such readings is small.

    Args:
        readings: the words of each.
        probs: of the readings; they need not add up to 1, for others may hold all these words.
        number: the chosen one.

    Returns:
        (words of the chosen one,) float64, 0 to 1.
    """
    chosen = readings[number]
    doubts = [0.0] * (len(chosen) + 1)  # differences from one word to the next
    for other, prob in zip(readings, probs, strict=True):
        if other is chosen:
            continue
        longest = min(len(chosen), len(other))
        same = next((place for place in range(longest) if chosen[place] != other[place]), longest)
        rest = longest - same
        tail = next((place for place in range(rest) if chosen[-1 - place] != other[-1 - place]), rest)
        doubts[same] += prob
        doubts[len(chosen) - tail] -= prob
    return np.clip(1.0 - np.fromiter(accumulate(doubts[:-1]), np.float64, len(chosen)), 0.0, 1.0)


def _log_sum(logs: list[float]) -> float:
    highest = max(logs)
    return highest + math.log(sum(math.exp(log - highest) for log in logs)) if len(logs) > 1 else highest
