"""A text and a recording's log-probabilities -> when each written word, and each character of it, is spoken.

CTC marks a character by a peak of a frame or two, somewhere within its sound, and says nothing of the sound's length.
Where words begin and end is therefore a rule over the peaks; it stands in `character_times` alone, with its numbers in
`WordTiming` (bench/alignment.py measures them on synthetic speech, whose true times are known).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.alignment import Alignment, align_tokens, frames_needed
from vivavoce.decoding.alignment_text import WrittenWord, written_words
from vivavoce.decoding.words import BOUNDARY
from vivavoce.errors import ConfigError, TextError
from vivavoce.text.alphabet import Alphabet

Array = np.ndarray

_SHORTEST_SECONDS = 0.005  # what a character keeps where the recording ends before its peak; less if it is very short


@dataclass(frozen=True)
class WordTiming:
    """How peaks become stretches of sound.

    Attributes:
        lag_seconds: how much later than its sound begins a character's peak does.
        trail_seconds: how long the last character of a word is heard beyond the length of its peak.
        pause_seconds: silence between two words that is shorter than this is given to the two.
        share: the part of such a silence that the earlier word gets, 0 to 1.

    Raises:
        ConfigError: a negative time, or a share outside of its range.
    """

    lag_seconds: float = 0.1
    trail_seconds: float = 0.07
    pause_seconds: float = 0.04
    share: float = 0.0

    def __post_init__(self) -> None:
        if min(self.lag_seconds, self.trail_seconds, self.pause_seconds) < 0 or not 0 <= self.share <= 1:
            raise ConfigError(f"{self} cannot be: times must be 0 or more, and share 0 to 1.")


@dataclass(frozen=True, slots=True)
class AlignedCharacter:
    """A character of a word as it is read, where it is heard, and its probability there."""

    character: str
    start_seconds: float
    end_seconds: float
    confidence: float


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word as it is written, and how and where it is spoken.

    Attributes:
        word: with its case and marks; "25," say. Several, where they are read only together ("$5 million").
        spoken: what was looked for: "twenty five".
        start_seconds, end_seconds: where it is heard.
        confidence: geometric mean of its characters' probabilities, 0 to 1; low where something else was said.
        characters: of `spoken`, without spaces.
    """

    word: str
    spoken: str
    start_seconds: float
    end_seconds: float
    confidence: float
    characters: tuple[AlignedCharacter, ...]


@dataclass(frozen=True)
class AlignedText:
    """The words of a text in order; `log_prob` is that of the best alignment (see `Alignment`)."""

    words: tuple[AlignedWord, ...]
    log_prob: float
    duration_seconds: float


def align_text(
    log_probs: Array,
    text: str,
    alphabet: Alphabet,
    frame_seconds: float,
    duration_seconds: float | None = None,
    partial: bool = False,
    timing: WordTiming | None = None,
) -> AlignedText:
    """Find when each word of a text is spoken.

    Args:
        log_probs: (T, V) natural log-probabilities of a recording.
        text: as written, in any case, with marks and numbers.
        alphabet: what the V tokens mean: characters, with a space between words.
        frame_seconds: time from one frame of log_probs to the next.
        duration_seconds: the recording's length, where words must end; None for that of the frames.
        partial: whether the recording may hold other speech before and after the text.
        timing: how peaks become words; None for what suits the default recogniser.

    Raises:
        TextError: the text has no words, or more than fit into the recording, or the alphabet cannot spell it.
    """
    if BOUNDARY not in alphabet.tokens or alphabet.separator:
        raise TextError("the alphabet has no space between words; alignment needs a recogniser that writes characters.")
    written = written_words(text)
    token_ids = alphabet.encode(BOUNDARY.join(word for item in written for word in item.spoken))
    needed = frames_needed(token_ids)
    if needed > len(log_probs):
        raise TextError(
            f"the text has {len(token_ids)} characters, which take {needed * frame_seconds:.1f} s or more; the "
            f"recording has {len(log_probs) * frame_seconds:.1f} s. Give the words of this recording alone."
        )
    alignment = align_tokens(log_probs, token_ids, alphabet.blank_id, partial)
    duration = len(log_probs) * frame_seconds if duration_seconds is None else duration_seconds
    words = _words(alignment, written, alphabet, frame_seconds, duration, timing or WordTiming())
    return AlignedText(tuple(words), alignment.log_prob, duration)


def character_times(
    start_seconds: Array, end_seconds: Array, begins: Array, duration_seconds: float, timing: WordTiming
) -> tuple[Array, Array]:
    """Where characters are heard, from the times of their peaks.

    Within a word each character lasts until the next one begins. Between words a silence stays a silence if it is as
    long as `pause_seconds`; a shorter one is mostly the sound of its neighbours, and they meet within it. Where a word
    would still be heard when the next one begins, it ends there.

    Args:
        start_seconds, end_seconds: (n,) the times of the peaks, rising; spaces are not among them.
        begins: (w,) the first character of each word; the first of them is 0.
        duration_seconds: nothing is heard after it.
        timing: the numbers of the rule.

    Returns:
        (n,) starts and (n,) ends, rising, within the recording.
    """
    # Near the recording's ends the shifts shrink, so that no two characters fall onto each other.
    starts = start_seconds - np.minimum(timing.lag_seconds, 0.9 * start_seconds)
    shortest = min(_SHORTEST_SECONDS, duration_seconds / (2 * len(starts)))
    starts = np.minimum(starts, duration_seconds - shortest * np.arange(len(starts), 0, -1))
    ends = np.append(starts[1:], duration_seconds)
    lasts = np.append(begins[1:], len(starts)) - 1
    lengths = end_seconds[lasts] - start_seconds[lasts]
    heard = np.minimum(starts[lasts] + lengths + timing.trail_seconds, duration_seconds)
    following = starts[begins[1:]]
    silence = np.maximum(following - heard[:-1], 0.0)
    shared = silence < timing.pause_seconds
    heard[:-1] = np.minimum(heard[:-1] + np.where(shared, timing.share * silence, 0.0), following)
    starts[begins[1:]] = np.where(shared, heard[:-1], following)
    ends[lasts] = heard
    return starts, ends


def _words(
    alignment: Alignment,
    written: list[WrittenWord],
    alphabet: Alphabet,
    frame_seconds: float,
    duration_seconds: float,
    timing: WordTiming,
) -> list[AlignedWord]:
    """Characters with times and probabilities, put together to the words that were written."""
    letters = np.flatnonzero(alignment.token_ids != alphabet.tokens.index(BOUNDARY))
    lengths = np.array([len(word) for item in written for word in item.spoken])
    begins = np.cumsum(lengths) - lengths
    starts, ends = character_times(
        alignment.start_frames[letters] * frame_seconds,
        alignment.end_frames[letters] * frame_seconds,
        begins,
        duration_seconds,
        timing,
    )
    scores = np.minimum(alignment.log_probs[letters], 0.0).tolist()
    names = [alphabet.tokens[token] for token in alignment.token_ids[letters].tolist()]
    characters = [
        AlignedCharacter(name, start, end, math.exp(score))
        for name, start, end, score in zip(names, starts.tolist(), ends.tolist(), scores, strict=True)
    ]
    words, first = [], 0
    for item in written:
        last = first + sum(map(len, item.spoken))
        mean = math.exp(sum(scores[first:last]) / (last - first))
        own = tuple(characters[first:last])
        words.append(
            AlignedWord(item.text, " ".join(item.spoken), own[0].start_seconds, own[-1].end_seconds, mean, own)
        )
        first = last
    return words
