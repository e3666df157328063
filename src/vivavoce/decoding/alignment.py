"""CTC forced alignment: the likeliest alignment of known tokens to frames, exact, and fit for an hour of audio.

Short texts are searched whole. For long ones a first search drops what falls too far behind; if it ends at least as
high as the best path that it dropped, nothing better exists, and if not, a second search drops only what is already
below the first one's end. Where the text does not fit the audio the second search may keep all that can be reached; it
is then the whole dynamic programme.
"Exact" is up to the rounding of float32 sums over a block (tests/decoding/test_alignment.py enumerates alignments).

This module knows tokens and frames; words and seconds are `decoding.alignment_words`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.alignment_search import Frames, Text, best_path, search
from vivavoce.errors import TextError

Array = np.ndarray

# Speed alone depends on these: how many nats the first search may fall behind; and how many tokens within reach cost no
# more than the loop around them, so that there is little to win by dropping some.
_BEAM, _BEAM_PER_FRAME, _NARROW = 100.0, 0.1, 2000


@dataclass(frozen=True)
class Alignment:
    """Where each token of a text stands. Frames that no token holds are blank, or outside of a partial alignment.

    Attributes:
        token_ids: (U,) int64, the tokens that were asked for.
        start_frames: (U,) int64, first frame of each token.
        end_frames: (U,) int64, the frame after its last.
        log_probs: (U,) float32, mean log-probability of the token over its frames; its exponential is the confidence.
        log_prob: natural log of the probability of this alignment; frames outside of a partial one do not count.
    """

    token_ids: Array
    start_frames: Array
    end_frames: Array
    log_probs: Array
    log_prob: float

    @property
    def confidences(self) -> Array:
        """(U,) float32 in [0, 1]."""
        return np.exp(np.minimum(self.log_probs, 0.0))


def align_tokens(
    log_probs: Array,
    token_ids: Sequence[int] | Array,
    blank_id: int = 0,
    partial: bool = False,
    beam: float | None = None,
) -> Alignment:
    """Find the likeliest alignment of a token sequence.

    Args:
        log_probs: (T, V) natural log-probabilities.
        token_ids: (U,) the tokens of the text, without blanks; U may be 0.
        blank_id: the token that stands for nothing.
        partial: whether other speech may stand before and after the text. Its frames cost nothing, as if whatever the
            recogniser hears best there had been asked for.
        beam: how many nats the first search may fall behind its best path; None for a value that suits the size.
            Any value gives an alignment of the same probability, sooner or later.

    Raises:
        TextError: the text needs more frames than there are.
        ValueError: log_probs is not two-dimensional or holds a frame that is no distribution, or an id is outside the
            vocabulary or the blank's.
    """
    tokens = np.asarray(token_ids, np.int64)
    _check(log_probs, tokens, blank_id)
    if not len(tokens):
        nothing = np.zeros(0, np.int64)
        total = 0.0 if partial else float(log_probs[:, blank_id].sum(dtype=np.float64))
        return Alignment(nothing, nothing, nothing, np.zeros(0, np.float32), total)
    text = Text.build(tokens, blank_id, log_probs.shape[1] if partial else None)
    frames = Frames(log_probs, blank_id, partial)
    found = search(frames, text, beam=_first_beam(len(log_probs), len(tokens)) if beam is None else beam)
    if found.dropped > found.score:
        # The slack is for what float32 sums lose on the way to the same end.
        floor = found.score - 0.01 - 1e-5 * abs(found.score)
        del found  # its rows, before those of the next
        found = search(frames, text, floor=floor)
    return _alignment(frames, tokens, text, best_path(frames, text, found))


def _first_beam(count: int, length: int) -> float:
    within_reach = length * (1 - length / count)  # tokens on average: from both ends, at most one a frame
    return np.inf if within_reach < _NARROW else _BEAM + _BEAM_PER_FRAME * count


def frames_needed(token_ids: Sequence[int] | Array) -> int:
    """The fewest frames that hold a text: one a token, and a blank between equal neighbours."""
    tokens = np.asarray(token_ids)
    return len(tokens) + int(np.count_nonzero(tokens[1:] == tokens[:-1]))


def _check(log_probs: Array, tokens: Array, blank_id: int) -> None:
    if log_probs.ndim != 2 or not 0 <= blank_id < log_probs.shape[1]:
        raise ValueError(f"log_probs has shape {log_probs.shape}; expected (T, V) with blank_id {blank_id} below V.")
    if tokens.ndim != 1 or np.any((tokens < 0) | (tokens >= log_probs.shape[1]) | (tokens == blank_id)):
        raise ValueError(
            f"token_ids has shape {tokens.shape}; expected (U,) ids of 0 to {log_probs.shape[1] - 1} without the blank."
        )
    needed = frames_needed(tokens)
    if needed > len(log_probs):
        raise TextError(
            f"the text has {len(tokens)} tokens and needs at least {needed} frames; the recording has {len(log_probs)}."
            " Align the text of this recording alone."
        )


def _alignment(frames: Frames, asked: Array, text: Text, path: Array) -> Alignment:
    """Read the tokens' frames and probabilities off a path."""
    held = np.flatnonzero(path & 1)
    owners = path[held] >> 1  # rises, and every token that was asked for is among them
    starts = held[np.searchsorted(owners, text.places)]
    ends = held[np.searchsorted(owners, text.places, side="right") - 1] + 1
    labels = np.full(len(path), frames.blank_id)
    labels[held] = text.tokens[owners]
    inside = slice(starts[0], ends[-1]) if frames.star else slice(len(path))
    emissions = np.zeros(len(path) + 1)  # one more, for the last token's end
    emissions[:-1][inside] = np.take_along_axis(frames.log_probs[inside], labels[inside, None], axis=1)[:, 0]
    sums = np.add.reduceat(emissions, np.stack([starts, ends], axis=1).ravel())[::2]
    means = (sums / (ends - starts)).astype(np.float32)
    return Alignment(asked, starts, ends, means, float(emissions.sum()))
