"""What is to be said, and how: text or SSML -> sentences of tokens, each token with its rate, pitch and volume.

Lazy: of a book, the next sentence is planned when it is asked for. Here the parts of the front end come together, in
the one order that training used, too: sentences (`text.sentences`), spoken form (`text.spoken`), tokens
(`decoding.pronouncer`). Sound is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.g2p import LONGEST_WORD
from vivavoce.decoding.pronouncer import GivenWord, Pronouncer
from vivavoce.errors import ConfigError, TextError
from vivavoce.text.sentences import split_sentences
from vivavoce.text.spoken import spoken_form, unreadable
from vivavoce.text.ssml import Segment, parse_ssml, split_phones
from vivavoce.text.voice_tokens import BREAK, MARKS, SPACE, token_ids

Array = NDArray[np.float32]

LEAST_RATE, MOST_RATE = 0.25, 4.0
LEAST_SCALE, MOST_SCALE = 0.2, 5.0  # of a token's length, whatever style and SSML come to together
MOST_SEMITONES = 24.0


@dataclass(frozen=True)
class Style:
    """How a text is said.

    Attributes:
        rate: factor on the speed, 0.25 to 4.
        pitch_semitones: added to the voice's pitch, -24 to 24.
        loudness_lufs: of the speech; None for the bundle's own.
        pause_seconds: behind each sentence, besides the short one that the voice itself makes.
        ssml: whether the text is SSML (text/ssml.py).

    Raises:
        ConfigError: a value outside these.
    """

    rate: float = 1.0
    pitch_semitones: float = 0.0
    loudness_lufs: float | None = None
    pause_seconds: float = 0.15
    ssml: bool = False

    def __post_init__(self) -> None:
        loudness = -20.0 if self.loudness_lufs is None else self.loudness_lufs
        for name, value, least, most in (
            ("rate", self.rate, LEAST_RATE, MOST_RATE),
            ("pitch_semitones", self.pitch_semitones, -MOST_SEMITONES, MOST_SEMITONES),
            ("loudness_lufs", loudness, -60.0, -5.0),
            ("pause_seconds", self.pause_seconds, 0.0, 60.0),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{name} is {value}; expected {least:g} to {most:g}.")


@dataclass(frozen=True)
class Sentence:
    """One call of the acoustic model, or a pause alone, where there are no tokens.

    Attributes:
        text: as it was written.
        spelled: the tokens by name.
        tokens: (U,) int64.
        duration_scale, pitch_shift, volume_db: (U,) float32, of each token: factor, semitones, dB.
        pause_before_seconds, pause_seconds: silence in front and behind.
        unread: what of the text cannot be read and is left out.
    """

    text: str
    spelled: tuple[str, ...]
    tokens: NDArray[np.int64]
    duration_scale: Array
    pitch_shift: Array
    volume_db: Array
    pause_before_seconds: float
    pause_seconds: float
    unread: tuple[str, ...]


class Planner:
    """Texts to sentences. It holds no text's state, so threads may share it."""

    def __init__(self, lexicon: str | Path, own: str | Path | None = None) -> None:
        """Open a voice's lexicon, and a file of the user's own words where there is one.

        Raises:
            DataError, ModelError, TextError: as `Pronouncer.open`.
        """
        self.pronouncer = Pronouncer.open(lexicon, own)

    def plan(self, text: str | Iterable[str], style: Style) -> Iterator[Sentence]:
        """The sentences of a text, each when it is asked for.

        Args:
            text: a string, or its pieces in order, cut anywhere. Of SSML all pieces are read before the first sentence.
            style: how all of it is said.

        Raises:
            TextError: nothing of the text can be said, or its SSML is not valid.
        """
        said = False
        unread: dict[str, None] = {}
        for segments in self._groups(text, style.ssml):
            sentence = self._sentence(segments, style)
            said = said or bool(len(sentence.tokens))
            unread |= dict.fromkeys(sentence.unread)
            if len(sentence.tokens) or sentence.pause_seconds or sentence.unread:
                yield sentence
        if not said:
            only = f"; of {', '.join(list(unread)[:10])} it knows no reading" if unread else ""
            raise TextError(f"there is nothing to say{only}. A voice says English: letters, numbers, common signs.")

    def _groups(self, text: str | Iterable[str], ssml: bool) -> Iterator[list[Segment]]:
        """The segments of each sentence."""
        if ssml:
            yield from _sentences(parse_ssml(text if isinstance(text, str) else "".join(text)))
            return
        for sentence in split_sentences(text):
            yield split_phones(sentence)

    def _sentence(self, segments: Sequence[Segment], style: Style) -> Sentence:
        """Segments that are said in one go."""
        unread: dict[str, None] = {}
        pieces: list[str | GivenWord] = []
        owners: list[Segment] = []  # of each piece
        for segment in segments:
            for piece in _pieces(segment, unread):
                pieces.append(piece)
                owners.append(segment)
        said = self.pronouncer.say(pieces)
        spelled: list[str] = []
        whose: list[Segment] = []  # of each token
        for number, word in enumerate(said):
            tokens = [SPACE if number else BREAK, *word.phones, *word.mark]
            spelled += tokens
            whose += [owners[word.piece]] * len(tokens)
        if said:
            spelled.append(BREAK)
            whose.append(whose[-1])
        scale = [1.0 / (style.rate * segment.rate) for segment in whose]
        between = style.pause_seconds if said else 0.0
        return Sentence(
            " ".join(segment.text for segment in segments),
            tuple(spelled),
            np.array(token_ids(spelled), np.int64),
            np.clip(np.array(scale, np.float32), LEAST_SCALE, MOST_SCALE),
            np.array([style.pitch_semitones + segment.pitch_semitones for segment in whose], np.float32),
            np.array([segment.volume_db for segment in whose], np.float32),
            segments[0].break_before_seconds,
            segments[-1].break_after_seconds or between,
            tuple(unread),
        )


def _pieces(segment: Segment, unread: dict[str, None]) -> Iterator[str | GivenWord]:
    """What the pronouncer is given of a segment; what is left out is noted."""
    if segment.phones:
        word: list[str] = []
        for phone in (*segment.phones, SPACE):
            if phone != SPACE and phone not in MARKS:
                word.append(phone)
                continue
            if word:
                yield GivenWord(segment.text, tuple(word))
            word = []
            if phone in MARKS:
                yield phone
        return
    spoken = segment.text if segment.spoken else spoken_form(segment.text)
    unread |= dict.fromkeys(unreadable(segment.text))
    if len(spoken) > LONGEST_WORD:
        words = spoken.split()
        long = dict.fromkeys(word for word in words if any(len(part) > LONGEST_WORD for part in word.split("-")))
        if long:
            unread |= dict.fromkeys(f"{word[:40]}... ({len(word):,} letters)" for word in long)
            spoken = " ".join(word for word in words if word not in long)
    yield spoken


def _sentences(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Segments of SSML, put together to sentences; a pause inside one cuts it."""
    held: list[Segment] = []
    for segment in segments:
        parts = [segment]
        if not (segment.spoken or segment.phones):
            texts = list(split_sentences(segment.text)) or [segment.text]
            parts = [replace(segment, text=text, break_before_seconds=0.0, break_after_seconds=0.0) for text in texts]
            parts[0] = replace(parts[0], break_before_seconds=segment.break_before_seconds)
            parts[-1] = replace(parts[-1], break_after_seconds=segment.break_after_seconds)
        for number, part in enumerate(parts):
            held.append(part)
            whole = number + 1 < len(parts) or part.text.rstrip("\"')]} ").endswith((".", "?", "!"))
            if whole or part.ends_sentence or part.break_after_seconds:
                yield held
                held = []
    if held:
        yield held
