"""From frames of log-probabilities to a transcript that grows: text, words with times, confidences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.ctc_greedy import GreedyResult, join_results
from vivavoce.decoding.words import BOUNDARY, Word, token_words
from vivavoce.runtime.bundle import Bundle
from vivavoce.runtime.decoders import Scorer, make_decoder

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Transcript:
    """What was said: the text, its words with times in seconds and confidences, and how much audio was heard.

    The first `stable_words` of the words can no longer change, whatever is said next; of a final transcript, all.
    """

    text: str
    words: tuple[Word, ...]
    duration_seconds: float
    stable_words: int


class WordReader:
    """Reads words out of log-probabilities as they come; work and memory follow the words, not the audio."""

    def __init__(self, bundle: Bundle, decoder: str = "greedy", scorer: Scorer | None = None) -> None:
        """`decoder` is a name of `decoders.DECODERS`; "words" and "lexicon" need their scorers."""
        self._bundle = bundle
        self._decoder = make_decoder(decoder, bundle, scorer)
        self._boundary = bundle.tokens.tokens.index(BOUNDARY)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._decoder.reset()
        self._words: list[Word] = []
        self._tail = join_results([])  # tokens behind the last space: a word that may still grow
        self._accepted = 0
        self._shown: tuple[tuple[int, int], Transcript] | None = None  # what `result` gave, and of how many frames

    def accept(self, log_probs: Array) -> None:
        """Take (t, V) frames, t >= 0."""
        if len(log_probs):
            self._accepted += len(log_probs)
            self._keep(self._decoder.accept(log_probs))

    def result(self, duration_seconds: float, early: Array | None = None) -> Transcript:
        """The transcript so far; its last words may still change.

        Args:
            duration_seconds: of the audio heard.
            early: (t, V) frames to read on behind those accepted, for this result alone; until others are accepted,
                only ever more of the same.
        """
        frames = self._accepted, 0 if early is None else len(early)
        # A stream is asked far more often than a chunk is complete: what was read of the same frames still holds, if
        # the end of the audio did not cut its last word short.
        if self._shown is not None and self._shown[0] == frames:
            shown = self._shown[1]
            if not shown.words or shown.words[-1].end_seconds < round(shown.duration_seconds, 3):
                return replace(shown, duration_seconds=duration_seconds)
        tokens = [self._tail, self._decoder.open]
        if early is not None and len(early):
            ahead = self._decoder.fork()
            tokens = [self._tail, ahead.accept(early), ahead.open]
        transcript = self._transcript(join_results(tokens), duration_seconds)
        self._shown = frames, transcript
        return transcript

    def finish(self, duration_seconds: float) -> Transcript:
        """The final transcript; the reader then begins anew."""
        self._keep(self._decoder.finish())
        self._words += self._spell(self._tail)
        transcript = self._transcript(_part(self._tail, 0, 0), duration_seconds)
        self.reset()
        return transcript

    def _keep(self, closed: GreedyResult) -> None:
        tokens = join_results([self._tail, closed])
        spaces = np.flatnonzero(tokens.token_ids == self._boundary)
        cut = int(spaces[-1]) + 1 if len(spaces) else 0
        self._words += self._spell(_part(tokens, 0, cut))
        self._tail = _part(tokens, cut, len(tokens.token_ids))

    def _spell(self, tokens: GreedyResult) -> list[Word]:
        words = token_words(tokens, self._bundle.tokens, self._bundle.frame_seconds)
        return [Word(w.word, round(w.start_seconds, 3), round(w.end_seconds, 3), round(w.confidence, 4)) for w in words]

    def _transcript(self, tail: GreedyResult, duration_seconds: float) -> Transcript:
        words = [*self._words, *self._spell(tail)]
        # The last chunk is padded beyond the end of the audio; the times of its words must not pass it.
        limit = round(duration_seconds, 3)
        for number in reversed(range(len(words))):
            word = words[number]
            if word.end_seconds <= limit:
                break
            words[number] = replace(word, start_seconds=min(word.start_seconds, limit), end_seconds=limit)
        return Transcript(" ".join(word.word for word in words), tuple(words), duration_seconds, len(self._words))


def _part(tokens: GreedyResult, start: int, end: int) -> GreedyResult:
    return GreedyResult(
        tokens.token_ids[start:end],
        tokens.start_frames[start:end],
        tokens.end_frames[start:end],
        tokens.log_probs[start:end],
    )
