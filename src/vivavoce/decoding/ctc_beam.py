"""CTC prefix beam search without a language model: the likeliest token sequences, over all their alignments.

The greedy path is one alignment; several alignments of another text may together be likelier. Probabilities are kept
linear and scaled frame by frame, which needs no logarithm inside the loop. Only tokens above a floor are looked at, and
frames that are surely blank change nothing but the total; with the floors at 0 and the ceiling at 1 the search is exact
whenever the beam holds every prefix (tests/decoding/test_ctc_beam.py enumerates all alignments).

Source: Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs",
2014 (prefix beam search).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

_ROOT = -1  # key of the empty prefix; every other key is parent * V + token


@dataclass(frozen=True)
class BeamResult:
    """One hypothesis: `token_ids` without blanks, and the natural log of the probability of all its alignments
    found."""

    token_ids: tuple[int, ...]
    log_prob: float


def ctc_beam(
    log_probs: Array,
    blank_id: int = 0,
    beam_size: int = 16,
    token_floor: float = 5e-3,
    beam_floor: float = 5e-5,
    blank_ceiling: float = 0.999,
) -> list[BeamResult]:
    """The best hypotheses of one utterance, likeliest first, at most `beam_size` of them.

    Args:
        log_probs: (T, V) natural log-probabilities; T may be 0.
        blank_id: the token that stands for nothing.
        beam_size: prefixes kept after each frame.
        token_floor: tokens less probable than this in a frame begin no new prefix there.
        beam_floor: prefixes less probable than this, as a share of the best one, are dropped.
        blank_ceiling: frames whose blank is more probable than this are passed over.

    Raises:
        ValueError: not two-dimensional, blank_id outside the vocabulary, a beam of 0, or a frame of no probability.
    """
    if log_probs.ndim != 2 or not 0 <= blank_id < log_probs.shape[1] or beam_size < 1:
        raise ValueError(
            f"log_probs has shape {log_probs.shape}, blank_id is {blank_id} and beam_size {beam_size}; "
            "expected (T, V), an id below V, and at least 1."
        )
    search = PrefixSearch(log_probs.shape[1], blank_id, beam_size, beam_floor)
    search.run(log_probs, token_floor, blank_ceiling)
    return search.results()


class PrefixSearch:
    """The living prefixes: each has a key, parent * V + last token, and, once it was kept, a node number."""

    def __init__(self, vocabulary: int, blank_id: int, beam_size: int, beam_floor: float) -> None:
        self.vocabulary, self.blank_id, self.beam_size, self.beam_floor = vocabulary, blank_id, beam_size, beam_floor
        self.nodes = {_ROOT: 0}  # key -> node
        self.keys = [_ROOT]  # node -> key
        self.log_scale = 0.0
        # key, probability of the alignments that end in a blank, and of those that end in the last token
        self.beam: list[tuple[int, float, float]] = [(_ROOT, 1.0, 0.0)]

    def run(self, log_probs: Array, token_floor: float, blank_ceiling: float) -> None:
        """Take (T, V) frames: those of a sure blank end all runs, the others offer their likely tokens."""
        probs = np.exp(log_probs.astype(np.float64))
        alive = probs > token_floor
        alive[:, self.blank_id] = False
        blanks = probs[:, self.blank_id]
        skipped = blanks > blank_ceiling
        self.log_scale += float(np.log(blanks[skipped]).sum())
        previous_skipped = False
        for frame in range(len(probs)):
            if skipped[frame]:
                if not previous_skipped:
                    self.close_runs()
                previous_skipped = True
                continue
            previous_skipped = False
            self.step(probs[frame].tolist(), np.flatnonzero(alive[frame]).tolist())

    def close_runs(self) -> None:
        """What a sure blank does: every alignment now ends in one."""
        self.beam = [(key, in_blank + in_token, 0.0) for key, in_blank, in_token in self.beam]

    def step(self, probs: list[float], alive: list[int]) -> None:
        """Extend every prefix by one frame."""
        vocabulary, nodes = self.vocabulary, self.nodes
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
                # a token after itself is a new one only where a blank stood between
                ends_token[child] = ends_token.get(child, 0.0) + (in_blank if token == last else both) * probs[token]
        self._keep_best(ends_blank, ends_token)

    def _hold(self, probs: list[float], blank: float) -> None:
        """A frame without a new token: every prefix stays and only shares move."""
        best = 0.0
        beam = []
        for key, in_blank, in_token in self.beam:
            in_blank = (in_blank + in_token) * blank
            in_token = in_token * probs[key % self.vocabulary] if in_token else 0.0
            best = max(best, in_blank + in_token)
            beam.append((key, in_blank, in_token))
        self.beam = [(key, in_blank / best, in_token / best) for key, in_blank, in_token in beam]
        self.log_scale += math.log(best)

    def _keep_best(self, ends_blank: dict[int, float], ends_token: dict[int, float]) -> None:
        totals = ends_token.copy()
        for key, value in ends_blank.items():
            totals[key] = totals.get(key, 0.0) + value
        best = max(totals.values())
        if not best > 0.0:
            raise ValueError("a frame of log_probs gives no token any probability; expected a distribution.")
        floor = best * self.beam_floor
        chosen = [key for key, value in totals.items() if value > floor]
        if len(chosen) > self.beam_size:
            chosen.sort(key=totals.__getitem__, reverse=True)
            del chosen[self.beam_size :]
        nodes, keys, beam = self.nodes, self.keys, []
        for key in chosen:
            if key not in nodes:
                nodes[key] = len(keys)
                keys.append(key)
            beam.append((key, ends_blank.get(key, 0.0) / best, ends_token.get(key, 0.0) / best))
        self.beam = beam
        self.log_scale += math.log(best)

    def results(self) -> list[BeamResult]:
        """The beam, likeliest first."""
        ordered = sorted(
            ((in_blank + in_token, key) for key, in_blank, in_token in self.beam), key=lambda pair: -pair[0]
        )
        return [
            BeamResult(self._tokens(key), math.log(total) + self.log_scale) for total, key in ordered if total > 0.0
        ]

    def _tokens(self, key: int) -> tuple[int, ...]:
        tokens: list[int] = []
        while key != _ROOT:
            node, token = divmod(key, self.vocabulary)
            tokens.append(token)
            key = self.keys[node]
        return tuple(reversed(tokens))
