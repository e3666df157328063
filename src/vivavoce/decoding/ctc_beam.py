"""CTC prefix beam search without a language model: the likeliest token sequences, over all their alignments.

The greedy path is one alignment; several alignments of another text may together be likelier. Probabilities are kept
linear and scaled frame by frame, which needs no logarithm inside the loop. The beam is sorted, so that a token is
offered to the likeliest prefixes and to no more of them than could stay above the floor; frames that are surely blank
change nothing but the total. With the floors at 0 and the ceiling at 1 the search is exact whenever the beam holds
every prefix (tests/decoding/test_ctc_beam.py enumerates all alignments).

Source: Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs",
2014 (prefix beam search).
"""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Self

import numpy as np

Array = np.ndarray

NO_TOKEN = -1  # before the empty prefix
NONE_REPEATABLE = -2
_SMALL = 1e-60  # below this, probabilities are scaled up again
_ROOM = 20_000  # prefixes before those are forgotten that no living one continues; about 8 MB


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
    search = PrefixSearch(log_probs.shape[1], blank_id, beam_size, token_floor, beam_floor, blank_ceiling)
    search.accept(log_probs)
    return search.results()


class Context(dict[int, "Step"]):
    """What a scorer knows of a text: for each token, what it adds. A missing token is looked up once, and kept.

    This one, of a search without a scorer, says that no token adds anything.
    """

    __slots__ = ()

    def __missing__(self, token_id: int) -> Step:
        step = self[token_id] = 1.0, 0.0, self
        return step

    def __bool__(self) -> bool:
        return True  # though nothing was looked up yet


Step = tuple[float, float, Context]
"""What the probability of an alignment is multiplied by where a token is added, its natural logarithm, and what is
known of the text behind it."""


class Prefix:
    """A text begun, and the probability of the alignments that spell it, as a share of the best prefix's.

    Attributes:
        parent, last: the prefix without its last token, and that token.
        base: its number times the vocabulary's size; with a token added, the key of that child.
        in_blank, in_token, both: of the alignments that end in a blank, of those that end in `last`, and their sum.
        incoming: what the frame that is being taken brings from the parent.
        born, touched: counts of frames taken when the prefix was first reached, and last kept.
        gain: what an alignment is multiplied by when it comes to this prefix from its parent.
        log_gain: natural log of all gains from the empty prefix to here.
        context: what a scorer knows of it.
    """

    __slots__ = (
        "base",
        "born",
        "both",
        "context",
        "gain",
        "in_blank",
        "in_token",
        "incoming",
        "last",
        "log_gain",
        "parent",
        "touched",
    )
    in_blank: float
    in_token: float
    both: float
    touched: int

    def __init__(self, parent: Prefix | None, last: int, base: int, born: int, context: Any) -> None:
        # The rest is set where the first frame that reaches it keeps it: most are not kept.
        self.parent = parent
        self.last = last
        self.base = base
        self.born = born
        self.context = context
        self.gain = 1.0
        self.log_gain = 0.0
        self.incoming = 0.0

    def chain(self) -> list[Prefix]:
        """All prefixes from the empty one to this."""
        chain, prefix = [], self
        while prefix.parent is not None:
            chain.append(prefix)
            prefix = prefix.parent
        chain.append(prefix)
        return chain[::-1]

    def token_ids(self) -> tuple[int, ...]:
        """Its tokens in order."""
        return tuple([prefix.last for prefix in self.chain()[1:]])


_both = attrgetter("both")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Python's collector of cycles looks at all living objects again and again while many are made. A search makes
    many, in no cycles, and spent up to half of its time so."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class PrefixSearch:
    """The living prefixes, best first. Frames may come in pieces of any size; the cuts leave no trace.

    Memory holds the beam and its past, a few hundred bytes for each token of it.
    """

    def __init__(
        self,
        vocabulary: int,
        blank_id: int,
        beam_size: int,
        token_floor: float,
        beam_floor: float,
        blank_ceiling: float,
        repeatable: int = NONE_REPEATABLE,
        context: Context | None = None,
    ) -> None:
        """Settings are those of `ctc_beam`; of `repeatable`, a token, any number in a row is the same text as one.

        `context` is what a scorer knows of the empty prefix.
        """
        self.vocabulary, self.blank_id, self.repeatable = vocabulary, blank_id, repeatable
        self.beam_size, self.beam_floor = beam_size, beam_floor
        self.token_floor, self.blank_ceiling = token_floor, blank_ceiling
        self.highest_gain = 1.0  # no token but `repeatable` is multiplied by more
        self.taken = 0  # frames, without those passed over
        self.frames = 0  # with them
        self.log_scale = 0.0
        self.root = Prefix(None, NO_TOKEN, 0, 0, Context() if context is None else context)
        self.root.in_blank, self.root.in_token, self.root.both, self.root.touched = 1.0, 0.0, 1.0, 0
        self.beam = [self.root]
        self.prefixes: dict[int, Prefix] = {}  # by key; the root has none
        self.numbered = 0
        self.room = _ROOM

    def accept(self, log_probs: Array) -> None:
        """Take (t, V) frames: those of a sure blank, or of a blank and no likely token, end all runs; the others offer
        their likely tokens."""
        with _collector_paused():
            self._accept(log_probs)

    def _accept(self, log_probs: Array) -> None:
        probs = np.exp(log_probs.astype(np.float64))
        blanks = probs[:, self.blank_id].copy()
        likely = probs > self.token_floor
        likely[:, self.blank_id] = False
        passed = (blanks > self.blank_ceiling) | (~likely.any(axis=1) & (blanks > 0.5))
        self.log_scale += float(np.log(blanks[passed]).sum())
        taken = np.flatnonzero(~passed)
        probs = probs[taken]
        places, tokens = np.nonzero(likely[taken])
        cuts = np.searchsorted(places, np.arange(len(taken) + 1)).tolist()
        offered = tokens.tolist()
        before = self.frames - 1
        for number, (place, row) in enumerate(zip(taken.tolist(), probs.tolist(), strict=True)):
            frame = self.frames + place
            if frame > before + 1:
                self._end_runs()
            before = frame
            self._take(frame, row, offered[cuts[number] : cuts[number + 1]])
        self.frames += len(log_probs)
        if self.frames > before + 1:
            self._end_runs()
        if len(self.prefixes) > self.room:
            self._forget_the_dead()

    def results(self) -> list[BeamResult]:
        """The beam, likeliest first."""
        return [BeamResult(prefix.token_ids(), math.log(prefix.both) + self.log_scale) for prefix in self.beam]

    def fork(self) -> Self:
        """A search that stands where this one does and goes on by itself."""
        other = copy.copy(self)
        twins: dict[Prefix, Prefix] = {}
        for leaf in self.beam:
            parent = None
            for prefix in leaf.chain():
                twin = twins.get(prefix)
                if twin is None:
                    twin = twins[prefix] = copy.copy(prefix)
                    twin.parent = parent
                parent = twin
        other.root = twins[self.root]
        other.beam = [twins[prefix] for prefix in self.beam]
        other.prefixes = {twin.parent.base + twin.last: twin for twin in twins.values() if twin.parent is not None}
        return other

    def _end_runs(self) -> None:
        """What sure blanks do: every alignment now ends in one."""
        for prefix in self.beam:
            prefix.in_blank, prefix.in_token = prefix.both, 0.0

    def _take(self, frame: int, probs: list[float], offered: list[int]) -> None:
        """Extend every prefix by one frame, of which only the tokens `offered` may begin anything new."""
        self.taken = now = self.taken + 1
        blank, repeatable, beam = probs[self.blank_id], self.repeatable, self.beam
        likeliest = beam[0]
        best = likeliest.both * blank + likeliest.in_token * probs[likeliest.last]
        reached, best = self._extend(probs, offered, best)
        floor = best * self.beam_floor
        kept = []
        for prefix in beam:
            both, last = prefix.both, prefix.last
            in_token = (both if last == repeatable else prefix.in_token) * probs[last]
            if prefix.incoming:
                in_token += prefix.incoming
                prefix.incoming = 0.0
            in_blank = both * blank
            both = in_blank + in_token
            if both > floor:
                prefix.in_blank = in_blank
                prefix.in_token = in_token
                prefix.both = both
                prefix.touched = now
                kept.append(prefix)
        for prefix in reached:
            both = prefix.incoming
            if both > floor:
                prefix.in_blank = 0.0
                prefix.in_token = prefix.both = both
                prefix.touched = now
                kept.append(prefix)
            prefix.incoming = 0.0
        if not kept:
            raise ValueError("a frame of log_probs gives no token any probability; expected a distribution.")
        kept.sort(key=_both, reverse=True)
        best = kept[0].both
        floor = best * self.beam_floor
        if len(kept) > self.beam_size:
            del kept[self.beam_size :]
        while kept[-1].both < floor:
            kept.pop()
        if best < _SMALL:
            self.log_scale += math.log(best)
            for prefix in kept:
                prefix.in_blank /= best
                prefix.in_token /= best
                prefix.both /= best
        self.beam = kept

    def _extend(self, probs: list[float], offered: list[int], best: float) -> tuple[list[Prefix], float]:
        """Give each token's share to the children of the beam; returns those that got one, and the best of these and
        `best`."""
        beam, prefixes, repeatable, highest = self.beam, self.prefixes, self.repeatable, self.highest_gain
        beam_floor = self.beam_floor
        reached: list[Prefix] = []
        if len(offered) > 1:
            # The likeliest first: it raises what all the others must reach.
            offered.sort(key=probs.__getitem__, reverse=True)
        floor = best * beam_floor
        for token in offered:
            prob = probs[token]
            needed = floor / (prob * highest) if token != repeatable else 0.0
            for prefix in beam:
                share = prefix.both
                if share < needed:
                    break  # and so are all behind it
                if prefix.last == token:
                    # A token after itself is a new one only where a blank stood between.
                    share = prefix.in_blank if token != repeatable else 0.0
                child = prefixes.get(prefix.base + token)
                if child is not None:
                    child.incoming = value = share * prob * child.gain
                else:
                    gain, log_gain, context = prefix.context[token]
                    value = share * prob * gain
                    if value <= floor:
                        continue
                    self.numbered += 1
                    child = Prefix(prefix, token, self.numbered * self.vocabulary, self.taken, context)
                    child.gain = gain
                    child.log_gain = prefix.log_gain + log_gain
                    child.incoming = value
                    prefixes[prefix.base + token] = child
                reached.append(child)
                if value > best:
                    best = value
                    floor = best * beam_floor
        return reached, best

    def _forget_the_dead(self) -> None:
        """Keep only what the beam stands on; a prefix that is forgotten is grown anew where it is reached again."""
        living: dict[int, Prefix] = {}
        for leaf in self.beam:
            prefix = leaf
            while prefix.parent is not None:
                key = prefix.parent.base + prefix.last
                if key in living:
                    break
                living[key] = prefix
                prefix = prefix.parent
        self.prefixes = living
        self.room = _ROOM + 2 * len(living)
