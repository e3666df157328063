"""CTC prefix beam search with a language model over words, a vocabulary and hotwords.

The search of `ctc_beam`, in which each new letter also brings what `WordScorer` says of it. A letter's score depends on
the prefix alone and is looked up once, when the prefix first appears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.ctc_beam import PrefixSearch
from vivavoce.decoding.word_scorer import Context, WordScorer

Array = np.ndarray

_ROOT = -1


@dataclass(frozen=True)
class WordHypothesis:
    """One reading: tokens without blanks, and the natural log of its score, acoustic and language together.

    `acoustic_log_prob` is the part of the sound alone; `context` is where a search may go on behind it.
    """

    token_ids: tuple[int, ...]
    log_score: float
    acoustic_log_prob: float
    context: Context


def word_beam(
    log_probs: Array,
    scorer: WordScorer,
    blank_id: int = 0,
    beam_size: int = 50,
    token_floor: float = 2e-3,
    beam_floor: float = 1e-6,
    blank_ceiling: float = 0.999,
    start: Context | None = None,
    ends: bool = True,
) -> list[WordHypothesis]:
    """The best readings of a stretch of speech, best first, at most `beam_size` of them.

    Args:
        log_probs: (T, V) natural log-probabilities; T may be 0.
        scorer: of the alphabet of these V tokens.
        beam_size: prefixes kept after each frame.
        token_floor, beam_floor, blank_ceiling: as for `ctc_beam`.
        start: where an earlier stretch ended; None at the beginning of a text.
        ends: whether the text ends here; if not, the last word may go on.

    Raises:
        ValueError: log_probs of another shape than the scorer's alphabet, or a beam of 0.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != len(scorer.letters) or beam_size < 1:
        raise ValueError(
            f"log_probs has shape {log_probs.shape} and beam_size is {beam_size}; expected (T, {len(scorer.letters)}) "
            "and at least 1."
        )
    search = _WordSearch(scorer, blank_id, beam_size, beam_floor, scorer.start() if start is None else start)
    search.run(log_probs, token_floor, blank_ceiling)
    return search.hypotheses(ends)


class _WordSearch(PrefixSearch):
    """Prefixes with contexts; `gains` holds what each step from a prefix to a longer one multiplies."""

    def __init__(self, scorer: WordScorer, blank_id: int, beam_size: int, beam_floor: float, start: Context) -> None:
        super().__init__(len(scorer.letters), blank_id, beam_size, beam_floor)
        self.scorer = scorer
        self.contexts = {_ROOT: start}
        self.added = {_ROOT: 0.0}  # natural log of all gains on the way to a prefix
        self.gains: dict[int, float] = {}

    def step(self, probs: list[float], alive: list[int]) -> None:
        """Extend every prefix by one frame."""
        vocabulary, nodes, gains = self.vocabulary, self.nodes, self.gains
        blank = probs[self.blank_id]
        if not alive and blank > 0.0:
            self._hold(probs, blank)
            return
        ends_blank: dict[int, float] = {}
        ends_token: dict[int, float] = {}
        for key, in_blank, in_token in self.beam:
            both = in_blank + in_token
            last = key % vocabulary if key != _ROOT else -1
            ends_blank[key] = both * blank
            if in_token:
                ends_token[key] = ends_token.get(key, 0.0) + in_token * probs[last]
            first_child = nodes[key] * vocabulary
            for token in alive:
                child = first_child + token
                gain = gains.get(child)
                if gain is None:
                    gain = self._gain(key, child, token)
                # a token after itself is a new one only where a blank stood between
                reached = (in_blank if token == last else both) * probs[token] * gain
                if reached:
                    ends_token[child] = ends_token.get(child, 0.0) + reached
        self._keep_best(ends_blank, ends_token)

    def _gain(self, key: int, child: int, token: int) -> float:
        log_gain, self.contexts[child] = self.scorer.step(self.contexts[key], token)
        self.added[child] = self.added[key] + log_gain
        gain = self.gains[child] = math.exp(log_gain)
        return gain

    def hypotheses(self, ends: bool) -> list[WordHypothesis]:
        """The beam, best first."""
        found = []
        for key, in_blank, in_token in self.beam:
            if not in_blank + in_token > 0.0:
                continue
            log_score = math.log(in_blank + in_token) + self.log_scale
            context = self.contexts[key]
            last = self.scorer.end(context) if ends else 0.0
            acoustic = log_score - self.added[key]
            found.append(WordHypothesis(self._tokens(key), log_score + last, acoustic, context))
        return sorted(found, key=lambda hypothesis: -hypothesis.log_score)
