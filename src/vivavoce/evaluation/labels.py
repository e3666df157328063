"""Training utterances that a recogniser makes: texts for speech that has none, and single words cut out of sentences.

Self-training (Scudder 1965; for speech Kahn et al. 2020, arXiv:1909.09116): a network learns from what it, together
with a lexicon and a language model, read in speech without text, where it was sure. And a network that has only heard
sentences reads nothing in a recording of half a second; words cut out of sentences are such recordings.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vivavoce.data.manifest import Utterance
from vivavoce.data.selection import origins
from vivavoce.decoding.alignment_words import AlignedWord, align_text
from vivavoce.errors import ConfigError, TextError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.transcript import Transcript


def label(
    utterances: Sequence[Utterance], recognizer: Recognizer, jobs: int = 1
) -> Iterator[tuple[Utterance, float] | None]:
    """Each utterance with the text that is heard in it, and how sure that is; None where nothing is heard.

    How sure: the geometric mean of the words' confidences, 0 to 1.

    Raises:
        AudioError: a recording cannot be read.
    """
    heard = recognizer.transcribe_files(map(audio_of, utterances), jobs)
    for utterance, transcript in zip(utterances, heard, strict=True):
        if not isinstance(transcript, Transcript):
            raise transcript
        if not transcript.words:
            yield None
            continue
        logs = [math.log(max(word.confidence, 1e-6)) for word in transcript.words]
        sure = math.exp(sum(logs) / len(logs))
        extra = {**utterance.extra, "labelled_by": recognizer.bundle.name, "confidence": round(sure, 4)}
        yield replace(utterance, text=transcript.text, extra=extra), sure


@dataclass(frozen=True)
class Cuts:
    """Which words are cut out.

    Attributes:
        shortest_seconds, longest_seconds: of a cut, its margins included.
        margin_seconds: what is kept before and behind the word.
        least_confidence: of the alignment; below it something else may have been said there.

    Raises:
        ConfigError: a value that leaves nothing.
    """

    shortest_seconds: float = 0.3
    longest_seconds: float = 1.2
    margin_seconds: float = 0.04
    least_confidence: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.shortest_seconds < self.longest_seconds or self.margin_seconds < 0:
            raise ConfigError(f"{self} leaves no word; expected lengths that rise from above 0.")
        if not 0 <= self.least_confidence <= 1:
            raise ConfigError(f"least_confidence is {self.least_confidence}; expected 0 to 1.")


def cut_words(utterances: Sequence[Utterance], recognizer: Recognizer, cuts: Cuts) -> Iterator[list[Utterance]]:
    """The words of each utterance that are fit to be cut out, as utterances: parts of the same recording.

    Of an utterance whose text does not fit its recording, none. How many of one word there are is not looked at here.

    Raises:
        AudioError: a recording cannot be read.
    """
    for utterance, words in zip(utterances, align_words(utterances, recognizer), strict=True):
        pieces = (_cut(utterance, number, word, cuts) for number, word in enumerate(words))
        yield [piece for piece in pieces if piece is not None]


def align_words(utterances: Sequence[Utterance], recognizer: Recognizer) -> Iterator[tuple[AlignedWord, ...]]:
    """Where each utterance's words are spoken; none of an utterance whose text does not fit its recording.

    Raises:
        AudioError: a recording cannot be read.
    """
    bundle = recognizer.bundle
    for utterance in utterances:
        try:
            log_probs = recognizer.log_probs(audio_of(utterance))
            yield align_text(
                log_probs, utterance.text, bundle.tokens, bundle.frame_seconds, utterance.duration_seconds
            ).words
        except TextError:
            yield ()


def _cut(utterance: Utterance, number: int, word: AlignedWord, cuts: Cuts) -> Utterance | None:
    start = max(0.0, word.start_seconds - cuts.margin_seconds)
    end = min(utterance.duration_seconds, word.end_seconds + cuts.margin_seconds)
    fits = cuts.shortest_seconds <= end - start <= cuts.longest_seconds
    if not fits or word.confidence < cuts.least_confidence or " " in word.spoken:
        return None
    return replace(
        utterance,
        id=f"{utterance.id}-word{number}",
        text=word.spoken,
        offset_seconds=round(utterance.offset_seconds + start, 3),
        duration_seconds=round(end - start, 3),
        extra={**utterance.extra, "of": origins(utterance)},
    )


def at_most(pieces: Iterable[Utterance], most: int) -> list[Utterance]:
    """At most so many utterances of each text, whichever come first by a hash of their ids: any order, one choice."""
    counts: dict[str, int] = {}
    kept = []
    for piece in sorted(pieces, key=lambda piece: hashlib.sha256(piece.id.encode()).digest()):
        counts[piece.text] = counts.get(piece.text, 0) + 1
        if counts[piece.text] <= most:
            kept.append(piece)
    return kept
