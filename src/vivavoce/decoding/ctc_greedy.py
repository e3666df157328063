"""Greedy CTC decoding: the best token of every frame, repeats merged, blanks dropped.

Whole and as a stream that gives the same tokens for every chunking. Text and seconds are `decoding.words`.

Source: Graves et al., "Connectionist temporal classification", ICML 2006, section 3.2 (best path decoding).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class GreedyResult:
    """The tokens of the best path and the frames that they hold.

    Attributes:
        token_ids: (U,) int64, no blanks.
        start_frames: (U,) int64, first frame of each token's run.
        end_frames: (U,) int64, the frame after its last.
        log_probs: (U,) float32, mean log-probability of the token over its run; its exponential is the confidence.
    """

    token_ids: Array
    start_frames: Array
    end_frames: Array
    log_probs: Array

    @property
    def confidences(self) -> Array:
        """(U,) float32 in [0, 1]."""
        return np.exp(np.minimum(self.log_probs, 0.0))


def ctc_greedy(log_probs: Array, blank_id: int = 0) -> GreedyResult:
    """Decode one utterance along its best path.

    Args:
        log_probs: (T, V) natural log-probabilities; T may be 0.
        blank_id: the token that stands for nothing.

    Raises:
        ValueError: not two-dimensional, or blank_id outside the vocabulary.
    """
    best, scores = best_path(log_probs, blank_id)
    return merge_runs(best, scores, blank_id)


def best_path(log_probs: Array, blank_id: int) -> tuple[Array, Array]:
    """(T,) best token of every frame and (T,) its log-probability."""
    if log_probs.ndim != 2 or not 0 <= blank_id < log_probs.shape[1]:
        raise ValueError(f"log_probs has shape {log_probs.shape}; expected (T, V) with blank_id {blank_id} below V.")
    best = log_probs.argmax(axis=1)
    return best, np.take_along_axis(log_probs, best[:, None], axis=1)[:, 0]


def merge_runs(best: Array, scores: Array, blank_id: int, first_frame: int = 0) -> GreedyResult:
    """Merge equal neighbours of a path into tokens and drop the blanks; frames are counted from `first_frame`."""
    if not len(best):
        nothing = np.zeros(0, np.int64)
        return GreedyResult(nothing, nothing, nothing, np.zeros(0, np.float32))
    starts = np.concatenate(([0], np.flatnonzero(best[1:] != best[:-1]) + 1))
    ends = np.concatenate((starts[1:], [len(best)]))
    # float64, and a sum of each run by itself: the same value however the frames arrived
    means = np.add.reduceat(scores.astype(np.float64), starts) / (ends - starts)
    kept = best[starts] != blank_id
    starts, ends = starts[kept], ends[kept]
    return GreedyResult(
        best[starts].astype(np.int64), starts + first_frame, ends + first_frame, means[kept].astype(np.float32)
    )


class GreedyStream:
    """Greedy decoding of log-probabilities that arrive in chunks, equal to the whole for every chunking.

    A token stays open while its run may go on in the next chunk. `accept` returns the tokens that a chunk closed, with
    frames counted from the beginning of the stream; `open` shows the one that it left open, and `finish` closes it.
    """

    def __init__(self, blank_id: int = 0) -> None:
        self.blank_id = blank_id
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next chunk is the first."""
        self._first_frame = 0  # of the open run
        self._best = np.zeros(0, np.int64)
        self._scores = np.zeros(0, np.float32)

    @property
    def open(self) -> GreedyResult:
        """The token whose run reached the end of the last chunk, as it stands; none if that was blank."""
        return merge_runs(self._best, self._scores, self.blank_id, self._first_frame)

    def accept(self, log_probs: Array) -> GreedyResult:
        """Decode a chunk.

        Args:
            log_probs: (t, V); t may be 0.

        Returns:
            The tokens whose runs ended in this chunk or with the one before it.
        """
        best, scores = best_path(log_probs, self.blank_id)
        best, scores = np.concatenate((self._best, best)), np.concatenate((self._scores, scores))
        changes = np.flatnonzero(best[1:] != best[:-1])
        cut = int(changes[-1]) + 1 if len(changes) else 0
        closed = merge_runs(best[:cut], scores[:cut], self.blank_id, self._first_frame)
        if len(best) and best[-1] == self.blank_id:
            cut = len(best) - 1  # of a silence, the last frame tells all: an endless one must not fill the memory
        self._best, self._scores = best[cut:], scores[cut:]
        self._first_frame += cut
        return closed

    def fork(self) -> GreedyStream:
        """A decoder that stands where this one does and goes on by itself."""
        return copy.copy(self)

    def finish(self) -> GreedyResult:
        """Close the open token, if there is one, and begin anew."""
        last = self.open
        self.reset()
        return last


def join_results(results: Sequence[GreedyResult]) -> GreedyResult:
    """Results of consecutive chunks as one."""
    if not results:
        return merge_runs(np.zeros(0, np.int64), np.zeros(0, np.float32), 0)
    return GreedyResult(
        np.concatenate([result.token_ids for result in results]),
        np.concatenate([result.start_frames for result in results]),
        np.concatenate([result.end_frames for result in results]),
        np.concatenate([result.log_probs for result in results]),
    )
