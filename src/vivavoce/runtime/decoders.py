"""Decoders that take log-probabilities as they come: greedy, and three beam searches piece by piece.

All turn frames into tokens with times and confidences, give the same tokens for every chunking, and hold no more than
the frames of the present piece, however long the recording is.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding import lexicon_search
from vivavoce.decoding.ctc_beam import ctc_beam
from vivavoce.decoding.ctc_greedy import GreedyResult, GreedyStream, join_results
from vivavoce.decoding.letter_scores import spelling_log_probs
from vivavoce.decoding.lexicon_readings import ReadingSearch
from vivavoce.decoding.lexicon_search import Context as LexiconContext
from vivavoce.decoding.lexicon_search import LexiconHypothesis, LexiconScorer, LexiconSearch
from vivavoce.decoding.second_pass import REMEMBERED_WORDS, SecondPass
from vivavoce.decoding.word_beam import WordSearch, word_shares
from vivavoce.decoding.word_scorer import WordContext, WordScorer
from vivavoce.decoding.words import BOUNDARY
from vivavoce.errors import ConfigError
from vivavoce.runtime.bundle import CHARACTERS, PHONES, Bundle
from vivavoce.text.alphabet import Alphabet

Array = NDArray[np.float32]
Indices = NDArray[np.int64]

DECODERS = ("greedy", "beam", "words", "lexicon")
BEAM_SIZE = 16
WORD_BEAM_SIZE = 50
LEXICON_BEAM = lexicon_search.BEAM_SIZE
LEAST_SHARE = 1e-6
SHARED_READINGS = 50
WORD_QUIET_FRAMES = 15  # a model's memory of other readings ends with the piece: longer pauses, 0.6 s
LEXICON_QUIET_FRAMES = 12  # a lexicon's piece ends behind fewer, if between words: one fewer for every twelve frames
LEAST_QUIET_FRAMES = 2
SURE_BLANK = math.log(0.999)  # no more than 0.1% of a text's probability is lost behind it
QUIET_FRAMES = 5  # sure blanks in a row that end a piece, 0.2 s in the default model
LIKELY_BLANK = math.log(0.5)
LONGEST_PIECE = 750  # frames; without a pause for so long the piece ends at its likeliest blank


class Decoder(Protocol):
    """Log-probabilities in, tokens out; `accept` returns those that can no longer change, `open` the others."""

    def accept(self, log_probs: Array) -> GreedyResult: ...
    @property
    def open(self) -> GreedyResult: ...
    def finish(self) -> GreedyResult: ...
    def fork(self) -> Decoder: ...
    def reset(self) -> None: ...


@dataclass(frozen=True)
class LexiconPasses:
    """What the decoder "lexicon" scores words by: in its search, and in a second look at what that has found."""

    scorer: LexiconScorer
    second: SecondPass | None = None


Scorer = WordScorer | LexiconPasses


def outputs_for(name: str, scorer: Scorer | None) -> tuple[str, ...]:
    """The outputs of the graph that a decoder reads, side by side in each frame."""
    if name != "lexicon":
        return (CHARACTERS,)
    assert isinstance(scorer, LexiconPasses), "the recogniser makes one"
    hears_letters = scorer.second is not None and scorer.second.weights.letters > 0.0
    return (PHONES, CHARACTERS) if hears_letters else (PHONES,)


def make_decoder(name: str, bundle: Bundle, scorer: Scorer | None = None) -> Decoder:
    """A decoder of `DECODERS` for a bundle's outputs; "words" and "lexicon" need their scorers.

    Raises:
        ConfigError: another name.
    """
    if name == "lexicon":
        assert isinstance(scorer, LexiconPasses), "the recogniser makes one"
        assert bundle.phones is not None
        return LexiconStream(scorer, bundle.tokens, bundle.phones)
    if name == "words":
        assert isinstance(scorer, WordScorer), "the recogniser makes one"
        return WordStream(scorer)
    if name == "greedy":
        return GreedyStream(bundle.tokens.blank_id)
    if name == "beam":
        return BeamStream(bundle.tokens.blank_id)
    raise ConfigError(f"decoder is {name!r}; expected one of {', '.join(DECODERS)}.")


class BeamStream:
    """Prefix beam search over pieces between pauses.

    A frame that is surely blank separates what was said before from what comes after: no alignment's probability
    couples the two. So the pieces' best texts, put together, are the best text of the whole (within the 0.1% that a
    sure blank leaves open), and neither memory nor the search grow with the recording.
    """

    def __init__(self, blank_id: int = 0, beam_size: int = BEAM_SIZE) -> None:
        self.blank_id, self.beam_size = blank_id, beam_size
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._piece: list[Array] = []  # frames since the last cut
        self._quiet = 0  # sure blanks at its end
        self._first_frame = 0

    def accept(self, log_probs: Array) -> GreedyResult:
        """(t, V) frames -> the tokens of the pieces that they complete."""
        closed = []
        for frame in log_probs:
            self._piece.append(frame)
            self._quiet = self._quiet + 1 if frame[self.blank_id] > SURE_BLANK else 0
            if self._quiet == QUIET_FRAMES:
                closed.append(self._close(len(self._piece)))
            elif len(self._piece) == LONGEST_PIECE:
                later = [frame[self.blank_id] for frame in self._piece[LONGEST_PIECE // 2 :]]
                closed.append(self._close(LONGEST_PIECE // 2 + int(np.argmax(later)) + 1))
        return join_results(closed)

    @property
    def open(self) -> GreedyResult:
        """The tokens of the piece that is not complete, as they stand."""
        return self._decode(self._piece)

    def finish(self) -> GreedyResult:
        """The tokens of the last piece; the decoder then begins anew."""
        last = self.open
        self.reset()
        return last

    def fork(self) -> BeamStream:
        """A decoder that stands where this one does and goes on by itself."""
        other = copy.copy(self)
        other._piece = self._piece.copy()
        return other

    def _close(self, count: int) -> GreedyResult:
        done, self._piece = self._decode(self._piece[:count]), self._piece[count:]
        self._first_frame += count
        self._quiet = 0
        return done

    def _decode(self, frames: list[Array]) -> GreedyResult:
        if len(frames) <= self._quiet:  # nothing but sure blanks
            return join_results([])
        log_probs = np.stack(frames)
        token_ids = np.array(ctc_beam(log_probs, self.blank_id, self.beam_size)[0].token_ids, np.int64)
        starts, ends = align(log_probs, token_ids, self.blank_id)
        means = [log_probs[a:b, token].mean() for token, a, b in zip(token_ids, starts, ends, strict=True)]
        return GreedyResult(
            token_ids, starts + self._first_frame, ends + self._first_frame, np.array(means, np.float32)
        )


class PieceStream(ABC):
    """Search for words with a language model and hotwords, over pieces between pauses.

    At the end of a piece the best reading is kept, with what the model remembers of it; the next piece goes on from
    there. Speech without pauses is cut sooner and sooner: behind one sure blank after half of LONGEST_PIECE, behind any
    likely one after all of it. The cuts depend on the frames alone, not on how they arrive.
    """

    def __init__(self, blank_id: int) -> None:
        self.blank_id = blank_id
        self._count = self._quiet = 0  # frames of the piece, and sure blanks at its end
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._begin(None, 0)

    def accept(self, log_probs: Array) -> GreedyResult:
        """(t, V) frames -> the tokens of the pieces that they complete."""
        closed, start = [], 0
        for place, blank in enumerate(log_probs[:, self.blank_id].tolist(), 1):
            sure = blank > SURE_BLANK
            if sure and not self._count:
                self._first_frame += 1  # silence before a piece changes nothing
                start = place
                continue
            self._count += 1
            self._quiet = self._quiet + 1 if sure else 0
            ends = (
                self._quiet == WORD_QUIET_FRAMES
                or (sure and self._count >= LONGEST_PIECE // 2)
                or (blank > LIKELY_BLANK and self._count >= LONGEST_PIECE)
            )
            if ends or (sure and self._may_end()):
                self._take(log_probs[start:place])
                start = place
                if ends or self._search.between_words():
                    closed.append(self._close())
        self._take(log_probs[start:])
        return join_results(closed)

    @property
    def open(self) -> GreedyResult:
        """The tokens of the piece that is not complete, as they stand."""
        return self._shifted(self._best(ends=False)[0]) if self._count else join_results([])

    def finish(self) -> GreedyResult:
        """The tokens of the last piece; the decoder then begins anew."""
        last = self._shifted(self._best(ends=True)[0]) if self._count else join_results([])
        self.reset()
        return last

    def fork(self) -> Self:
        """A decoder that stands where this one does and goes on by itself."""
        other = copy.copy(self)
        other._search = self._search.fork()
        return other

    def _may_end(self) -> bool:
        """Whether the piece might end behind a sure blank, if it is between words."""
        return False

    @abstractmethod
    def _make_search(self, start: Any) -> Any:
        """A search that begins behind what `_best` gave; None at the beginning of a text."""

    @abstractmethod
    def _best(self, ends: bool) -> tuple[GreedyResult, Any]:
        """The best reading of the piece, its frames counted from the piece's first, and where the text goes on."""

    def _begin(self, start: Any, first_frame: int) -> None:
        self._start, self._first_frame = start, first_frame
        self._search = self._make_search(start)
        self._count = self._quiet = 0

    def _take(self, frames: Array) -> None:
        if len(frames):
            self._search.accept(frames)

    def _close(self) -> GreedyResult:
        tokens, after = self._best(ends=False)
        tokens = self._shifted(tokens)
        self._begin(after, self._first_frame + self._count)
        return tokens

    def _shifted(self, tokens: GreedyResult) -> GreedyResult:
        first = self._first_frame
        return replace(tokens, start_frames=tokens.start_frames + first, end_frames=tokens.end_frames + first)


class WordStream(PieceStream):
    """Words spelled as the letters say, by a prefix search with a language model of words."""

    def __init__(self, scorer: WordScorer, beam_size: int = WORD_BEAM_SIZE) -> None:
        self.scorer, self.beam_size = scorer, beam_size
        super().__init__(scorer.blank_id)

    def _make_search(self, start: WordContext | None) -> WordSearch:
        return WordSearch(self.scorer, self.beam_size, start=start)

    def _best(self, ends: bool) -> tuple[GreedyResult, WordContext | None]:
        readings = self._search.hypotheses(ends)
        if not readings:  # the weights allow no word that the sound does
            return join_results([]), self._start
        return self._search.timed(readings), readings[0].context


LexiconStart = tuple[LexiconContext, tuple[str, ...]]
"""Where a piece begins: what the first pass knows of the words before, and the last of these for the second."""


class LexiconStream(PieceStream):
    """Words of a lexicon, heard by their phones, and spelled here: to callers the tokens are letters as of others.

    The second pass looks at whole pieces alone. What is still open is shown as the first reads it: the second would
    look at it again with every chunk. So pieces are short: where the likeliest hypothesis is between words, a shorter
    pause ends one, the shorter the longer the piece is. Of a short piece the few texts that are looked at again are
    most of what it may be; little is taken back when it ends, and nobody waits long for it.
    """

    def __init__(
        self, passes: LexiconPasses, letters: Alphabet, phones: Alphabet, beam_size: int = LEXICON_BEAM
    ) -> None:
        """Frames are of the phones, and beside them of the letters if the second pass gives these a weight."""
        self.scorer, self.second = passes.scorer, passes.second
        self.letters, self.phones, self.beam_size = letters, phones, beam_size
        super().__init__(phones.blank_id)

    @property
    def open(self) -> GreedyResult:
        """The tokens of the piece that is not complete, as the first pass reads them."""
        if not self._count:
            return join_results([])
        look = self._search.first_pass if self.second is not None else self._search.hypotheses
        return self._shifted(self._spelled(look(False, SHARED_READINGS), ends=False))

    def fork(self) -> Self:
        """A decoder that stands where this one does and goes on by itself."""
        other = super().fork()
        other._heard_letters = self._heard_letters.copy()
        return other

    def _begin(self, start: LexiconStart | None, first_frame: int) -> None:
        super()._begin(start, first_frame)
        self._heard_letters: list[Array] = []  # of the piece's frames

    def _take(self, frames: Array) -> None:
        super()._take(frames[:, : len(self.phones)])
        if len(frames):  # or silence, which ends no piece, would pile up
            self._heard_letters.append(frames[:, len(self.phones) :])

    def _letters_of(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        return spelling_log_probs(np.concatenate(self._heard_letters), texts, self.letters)

    def _may_end(self) -> bool:
        return self._quiet >= max(LEAST_QUIET_FRAMES, LEXICON_QUIET_FRAMES - self._count // LEXICON_QUIET_FRAMES)

    def _make_search(self, start: LexiconStart | None) -> LexiconSearch:
        context = start[0] if start is not None else None
        if self.second is None:
            return LexiconSearch(self.scorer, self.blank_id, self.beam_size, start=context)
        return ReadingSearch(self.scorer, self.blank_id, self.beam_size, start=context)

    def _best(self, ends: bool) -> tuple[GreedyResult, LexiconStart]:
        readings = self._search.hypotheses(ends, SHARED_READINGS)
        before: tuple[str, ...] = ()
        if self.second is not None:
            context, before = self._start or (self.scorer.start(), ())
            readings = self.second.rescore(readings, context[0], before, self._letters_of)
            before = (*before, *(word.word for word in readings[0].words))[-REMEMBERED_WORDS:]
        return self._spelled(readings, ends), (readings[0].context, before)

    def _spelled(self, readings: Sequence[LexiconHypothesis], ends: bool) -> GreedyResult:
        """The first of the readings, letter by letter, each as sure as its word is in all readings."""
        best = readings[0]
        shares = reading_shares(readings)
        boundary = self.letters.tokens.index(BOUNDARY)
        rows: list[tuple[int, int, int, float]] = []  # token, its first frame, the frame behind its last, log share
        for number, (word, share) in enumerate(zip(best.words, shares.tolist(), strict=True)):
            ids = self.letters.encode(word.word)
            # Which letter stands for which phone is not known: they share the word's frames evenly.
            edges = np.rint(np.linspace(word.start_frame, word.end_frame + 1, len(ids) + 1)).astype(int).tolist()
            log_share = math.log(max(share, LEAST_SHARE))
            rows += [(*row, log_share) for row in zip(ids, edges[:-1], edges[1:], strict=True)]
            if number + 1 < len(best.words) or not ends:  # another word, or another piece, follows
                rows.append((boundary, edges[-1], edges[-1], 0.0))
        tokens, starts, behind = (np.array([row[n] for row in rows], np.int64) for n in range(3))
        return GreedyResult(tokens, starts, behind, np.array([row[3] for row in rows], np.float32))


def reading_shares(readings: Sequence[LexiconHypothesis]) -> NDArray[np.float64]:
    """(words of the first,) how much of the probability of all readings holds each."""
    weights = [math.exp(reading.log_score - readings[0].log_score) for reading in readings]
    words = [[word.word for word in reading.words] for reading in readings]
    return word_shares(words, [weight / sum(weights) for weight in weights])


def align(log_probs: Array, token_ids: Indices, blank_id: int) -> tuple[Indices, Indices]:
    """First frame of each token, and the frame after its last, along the likeliest path that spells the tokens.

    Args:
        log_probs: (T, V), T enough for the tokens and a blank between equal neighbours.
        token_ids: (U,) without blanks.

    Source: Viterbi's algorithm over CTC's states, a blank before, between and behind the tokens.
    """
    states = np.full(2 * len(token_ids) + 1, blank_id)
    states[1::2] = token_ids
    # A token may follow another directly unless they are equal.
    skips = np.zeros(len(states), bool)
    skips[3::2] = token_ids[1:] != token_ids[:-1]
    scores = np.full(len(states), -np.inf)
    scores[:2] = log_probs[0, states[:2]]
    steps = np.zeros((len(log_probs), len(states)), np.int8)
    for t in range(1, len(log_probs)):
        one = np.concatenate(([-np.inf], scores[:-1]))
        two = np.where(skips, np.concatenate(([-np.inf, -np.inf], scores[:-2]))[: len(states)], -np.inf)
        choices = np.stack([scores, one, two])
        steps[t] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + log_probs[t, states]
    state = len(states) - 1 if len(states) == 1 or scores[-1] >= scores[-2] else len(states) - 2
    path = np.empty(len(log_probs), np.int64)
    for t in range(len(log_probs) - 1, -1, -1):
        path[t] = state
        state -= int(steps[t, state])
    wanted = 2 * np.arange(len(token_ids)) + 1
    first, behind = np.searchsorted(path, wanted, side="left"), np.searchsorted(path, wanted, side="right")
    return first.astype(np.int64), behind.astype(np.int64)
