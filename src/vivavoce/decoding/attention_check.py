"""Did a voice with attention say its text? What an alignment tells of skips, repeats, and ends that came wrong.

An alignment says for every step of the decoder how much it looked at each token. Good ones run along the text, one
token after the other, and stop at its end; the ways they fail are known and can be seen in the numbers, before anybody
has to listen. Nothing here knows which model made the alignment, and nothing is mended: the caller decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ModelError
from vivavoce.text.voice_tokens import BREAK, MARKS, PAD, SPACE

Array = NDArray[np.float64]

SKIPPED = "skipped"
REPEATED = "repeated"
STUCK = "stuck"
STOPPED_EARLY = "stopped early"
NEVER_STOPPED = "never stopped"
NOT_ALIGNED = "not aligned"

_SILENT = frozenset((PAD, BREAK, SPACE, *MARKS))


@dataclass(frozen=True)
class AttentionRule:
    """What counts as a failure.

    Attributes:
        heard_frames: a phone that was looked at for less than so many frames in all was not said; attention blurs over
            neighbours, so
        skipped_phones: so many in a row must not have been said.
        back_tokens, back_seconds: looking back so far, for so long, is a repeat.
        stuck_seconds: a phone lasts no longer; a pause may last `pause_seconds`.
        focus: the mean weight of the token that each step looks at most; below, there is no alignment to speak of.
    """

    heard_frames: float = 1.0
    skipped_phones: int = 2
    back_tokens: int = 3
    back_seconds: float = 0.1
    stuck_seconds: float = 0.8
    pause_seconds: float = 1.6
    focus: float = 0.25


@dataclass(frozen=True)
class AttentionFault:
    """One failure: its kind, the first and last token concerned (their places), the words, and when it was heard.

    `words` are numbers, from 0, of the words of the text; seconds are from the beginning of the speech.
    """

    kind: str
    first_token: int
    last_token: int
    words: tuple[int, ...]
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class AttentionReport:
    """What was found.

    `focus`: mean weight of each step's favourite token; `said`: share of the phones that were looked at long enough;
    `forward`: share of the steps that look no further back than the one before.
    """

    faults: tuple[AttentionFault, ...]
    focus: float
    said: float
    forward: float

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def lines(self, tokens: Sequence[str]) -> list[str]:
        """One line a fault, which names the tokens."""
        return [
            f"{fault.kind}: {' '.join(tokens[fault.first_token : fault.last_token + 1]).replace('   ', ' | ')} "
            f"(word {', '.join(str(word + 1) for word in fault.words) or '-'}, "
            f"{fault.start_seconds:.2f} to {fault.end_seconds:.2f} s)"
            for fault in self.faults
        ]


def check_attention(
    weights: NDArray[Any],
    tokens: Sequence[str],
    stopped: bool,
    frames_per_second: float,
    reduction: int = 1,
    rule: AttentionRule | None = None,
) -> AttentionReport:
    """Look for failures in the alignment of one spoken text.

    Args:
        weights: (S, U), each step's attention over the tokens.
        tokens: (U,) symbols of `text.voice_tokens`.
        stopped: whether the model said itself that it had ended.
        frames_per_second, reduction: S steps of `reduction` frames each.

    Raises:
        ModelError: not one column a token, no step, or weights that are not finite.
    """
    rule = rule or AttentionRule()
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(tokens) or not weights.size:
        raise ModelError(f"attention has shape {weights.shape}; expected (S, {len(tokens)}), a column a token.")
    if not np.isfinite(weights).all():
        raise ModelError("attention holds values that are not finite; the model has diverged.")
    found = _Alignment(weights, tokens, reduction / frames_per_second)
    frames = weights.sum(axis=0) * reduction
    phones = np.array([token not in _SILENT for token in tokens])
    focus = float(weights.max(axis=1).mean())
    said = frames >= rule.heard_frames
    if focus < rule.focus:
        faults = [found.fault(NOT_ALIGNED, 0, len(tokens) - 1, 0, len(weights))]
    else:
        reached = int(found.furthest[-1])
        faults = [
            *_skipped(found, phones, said, reached, rule),
            *_repeated(found, rule),
            *_stuck(found, phones, rule),
            *_ended(found, phones, stopped, reached, rule),
        ]
    return AttentionReport(
        tuple(sorted(faults, key=lambda fault: (fault.start_seconds, fault.first_token))),
        focus,
        float(said[phones].mean()) if phones.any() else 1.0,
        float((np.diff(found.path) >= 0).mean()) if len(weights) > 1 else 1.0,
    )


class _Alignment:
    """The path through the tokens, and what it means in words and seconds."""

    def __init__(self, weights: Array, tokens: Sequence[str], seconds_per_step: float) -> None:
        self.path = weights.argmax(axis=1)  # (S,)
        self.furthest = np.maximum.accumulate(self.path)
        self.seconds_per_step = seconds_per_step
        self.word_of = np.cumsum([token == SPACE for token in tokens])
        self.spoken = [token not in _SILENT for token in tokens]

    def fault(self, kind: str, first_token: int, last_token: int, first_step: int, end_step: int) -> AttentionFault:
        """Tokens and steps from `first` on, to `last` and before `end`."""
        places = [place for place in range(first_token, last_token + 1) if self.spoken[place]]
        words = tuple(sorted({int(self.word_of[place]) for place in places}))
        times = first_step * self.seconds_per_step, end_step * self.seconds_per_step
        return AttentionFault(kind, int(first_token), int(last_token), words, *times)

    def steps(self, seconds: float) -> int:
        """The fewest steps that last so long."""
        return max(1, int(np.ceil(seconds / self.seconds_per_step - 1e-9)))


def _skipped(
    found: _Alignment, phones: NDArray[Any], said: NDArray[Any], reached: int, rule: AttentionRule
) -> Iterator[AttentionFault]:
    """Stretches in which no phone was said, before the place that was reached last."""
    silent = ~phones | ~said
    for first, end in _runs(silent[: reached + 1]):
        missed = [place for place in range(first, end) if phones[place]]
        if len(missed) >= rule.skipped_phones:
            step = int(np.argmax(found.furthest >= missed[-1]))
            yield found.fault(SKIPPED, missed[0], missed[-1], step, step + 1)


def _repeated(found: _Alignment, rule: AttentionRule) -> Iterator[AttentionFault]:
    back = found.furthest - found.path >= rule.back_tokens
    for first, end in _runs(back):
        if end - first >= found.steps(rule.back_seconds):
            yield found.fault(REPEATED, found.path[first:end].min(), found.furthest[end - 1], first, end)


def _stuck(found: _Alignment, phones: NDArray[Any], rule: AttentionRule) -> Iterator[AttentionFault]:
    borders = np.flatnonzero(np.diff(found.path)) + 1
    for first, end in zip([0, *borders], [*borders, len(found.path)], strict=True):
        token = int(found.path[first])
        longest = rule.stuck_seconds if phones[token] else rule.pause_seconds
        if (end - first) * found.seconds_per_step > longest:
            yield found.fault(STUCK, token, token, int(first), int(end))


def _ended(
    found: _Alignment, phones: NDArray[Any], stopped: bool, reached: int, rule: AttentionRule
) -> Iterator[AttentionFault]:
    steps = len(found.path)
    left = [place for place in range(reached + 1, len(phones)) if phones[place]]
    if stopped and len(left) >= rule.skipped_phones:
        yield found.fault(STOPPED_EARLY, left[0], left[-1], steps, steps)
    if not stopped:
        arrived = int(np.argmax(found.furthest == reached))
        yield found.fault(NEVER_STOPPED, reached, len(phones) - 1, arrived, steps)


def _runs(flags: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """(first, end) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
