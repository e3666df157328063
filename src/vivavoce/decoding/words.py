"""From decoded characters to words with times and confidences.

The times are those of CTC's own spikes: a word begins with the frame of its first character and ends after that of its
last. They are right to a few frames, not a forced alignment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from vivavoce.decoding.ctc_greedy import GreedyResult
from vivavoce.errors import TextError
from vivavoce.text.alphabet import Alphabet

BOUNDARY = " "


@dataclass(frozen=True)
class Word:
    """A word, where it stands in the recording, and how sure the decoder was of its characters, 0 to 1."""

    word: str
    start_seconds: float
    end_seconds: float
    confidence: float


def token_words(
    result: GreedyResult, alphabet: Alphabet, frame_seconds: float, offset_seconds: float = 0.0
) -> list[Word]:
    """Split decoded tokens at the spaces between words.

    Args:
        result: tokens and their frames.
        alphabet: what the tokens mean; it must hold a space.
        frame_seconds: time from one frame of the decoder's input to the next.
        offset_seconds: time of frame 0 in the recording.

    Returns:
        The words in order. The confidence of a word is the geometric mean of its characters' probabilities.

    Raises:
        TextError: the alphabet has no space, or a token is outside it.
    """
    if BOUNDARY not in alphabet.tokens:
        raise TextError("the alphabet has no space between words; word times need a recogniser that writes characters.")
    boundary = alphabet.tokens.index(BOUNDARY)
    token_ids = result.token_ids.tolist()
    edges = [-1, *(place for place, token in enumerate(token_ids) if token == boundary), len(token_ids)]
    starts, ends, log_probs = result.start_frames.tolist(), result.end_frames.tolist(), result.log_probs.tolist()
    words = []
    for before, after in pairwise(edges):
        first, last = before + 1, after - 1
        if first > last:
            continue  # two spaces in a row, or one at either end
        mean = sum(log_probs[first:after]) / (after - first)
        words.append(
            Word(
                alphabet.decode(token_ids[first:after]),
                offset_seconds + starts[first] * frame_seconds,
                offset_seconds + ends[last] * frame_seconds,
                math.exp(min(mean, 0.0)),
            )
        )
    return words
