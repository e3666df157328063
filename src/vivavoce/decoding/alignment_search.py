"""The search behind `decoding.alignment`: Viterbi over the states of a text, pruned provably, without back pointers.

Scores are losses against the frame's best token, so they only ever fall. That is what makes pruning provable: a path
dropped at a score can end no higher, and whoever knows what was dropped knows whether the best was among it.

The search stores its scores every `BLOCK_FRAMES` frames; from the end backwards each block is computed again, but only
for the tokens that a path into its end can have passed, one a frame at most. So the memory is that of the stored rows.

Source: Graves et al., "Connectionist temporal classification", ICML 2006 (the states and their transitions); Viterbi,
"Error bounds for convolutional codes", 1967.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

BLOCK_FRAMES = 256
_GATHERED = 1 << 15  # emissions looked up in one call: they stay in the processor's cache
_UNREACHED = np.float32(-1e30)
_IMPOSSIBLE = np.float32(-1e6)  # stands for a log-probability of minus infinity, which sums must not reach


@dataclass(frozen=True)
class Text:
    """The tokens as the search steps through them: a token may be skipped to from its neighbour, always.

    Between equal neighbours, where CTC demands a blank, that blank is a token of its own: then no transition has
    exceptions. A partial alignment has a token of no cost, number V, at either end; `optional` is 1 if these are there.
    """

    tokens: Array  # (W,) intp
    places: Array  # (U,) where the asked-for tokens stand
    optional: int

    @classmethod
    def build(cls, tokens: Array, blank_id: int, star: int | None) -> Text:
        repeats = np.concatenate(([False], tokens[1:] == tokens[:-1]))
        places = np.arange(len(tokens)) + np.cumsum(repeats)
        full = np.full(places[-1] + 1, blank_id, np.intp)
        full[places] = tokens
        if star is None:
            return cls(full, places, 0)
        return cls(np.concatenate(([star], full, [star])), places + 1, 1)


@dataclass(frozen=True)
class Frames:
    """Log-probabilities, a block at a time, as losses against each frame's best token."""

    log_probs: Array
    blank_id: int
    star: bool

    def __len__(self) -> int:
        return len(self.log_probs)

    def block(self, start: int) -> tuple[Array, list[float]]:
        """(t, V) float32, one more column of zeros where there is a star; and the blank's losses."""
        rows = self.log_probs[start : start + BLOCK_FRAMES].astype(np.float32)
        best = rows.max(axis=1, keepdims=True)
        if not np.isfinite(best).all():
            frame = start + int(np.flatnonzero(~np.isfinite(best[:, 0]))[0])
            raise ValueError(f"frame {frame} of log_probs holds {best[frame - start, 0]}; expected a distribution.")
        rows -= best
        np.maximum(rows, _IMPOSSIBLE, out=rows)
        if self.star:
            rows = np.concatenate([rows, np.zeros((len(rows), 1), np.float32)], axis=1)
        return rows, rows[:, self.blank_id].tolist()


@dataclass(frozen=True)
class _Row:
    """Scores of the states that were kept before some frame.

    Attributes:
        first: the token of column 0.
        blank: (w + 1,) scores in the blank before token first + i; the last one is the blank behind them all.
        token: (w,) scores in token first + i.
    """

    first: int
    blank: Array
    token: Array

    def window(self, first: int, end: int) -> tuple[Array, Array]:
        """Copies of the scores for tokens `first` to `end`, unreached where nothing was kept."""
        blank = np.full(end - first + 1, _UNREACHED)
        token = np.full(end - first, _UNREACHED)
        start, stop = max(first, self.first), min(end, self.first + len(self.token))
        if start <= stop:
            blank[start - first : stop + 1 - first] = self.blank[start - self.first : stop + 1 - self.first]
            token[start - first : stop - first] = self.token[start - self.first : stop - self.first]
        return blank, token


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        rows: one for every block, its scores before the first frame of it.
        score: of the best path.
        state: where that path ends; 2 u is the blank before token u, 2 u + 1 the token.
        dropped: the highest score that was dropped.
    """

    rows: list[_Row]
    score: float
    state: int
    dropped: float


def search(frames: Frames, text: Text, beam: float = np.inf, floor: float = -np.inf) -> Found:
    """Run through all frames, dropping between blocks the ends of the row that fell below `floor` or the beam."""
    count, tokens = len(frames), text.tokens
    goal = len(tokens) - 1 - text.optional  # the token that every path must have passed or reached
    row = _Row(0, np.full(1 + text.optional, 0.0, np.float32), np.full(text.optional, _UNREACHED))
    rows, base, dropped = [], 0.0, -np.inf
    for start in range(0, count, BLOCK_FRAMES):
        rows.append(row)
        emissions, blanks = frames.block(start)
        first = row.first
        # a token a frame; two more, so that the last block holds the optional end
        end = min(first + len(row.token) + len(blanks) + 2, len(tokens))
        blank, token = row.window(first, end)
        _advance(blank, token, emissions, blanks, tokens[first:end])
        left = count - start - len(blanks)
        if not left:
            break
        cut = goal - left - first  # from further back the end is out of reach
        if cut >= 0:
            blank, token, first = blank[cut:], token[cut:], first + cut
            blank[0] = _UNREACHED
        best = max(blank.max(), token.max(initial=_UNREACHED))
        base += float(best)
        blank -= best
        token -= best
        row, lost = _keep(first, blank, token, max(floor - base, -beam))
        dropped = max(dropped, base + lost)
    last = _Row(first, blank, token).window(goal, len(tokens))
    scores = np.stack([last[0], np.append(last[1], _UNREACHED)], axis=1).ravel()[1:]  # blank, token, blank ...
    best_end = int(scores.argmax())
    return Found(rows, base + float(scores[best_end]), 2 * goal + 1 + best_end, dropped)


def _keep(first: int, blank: Array, token: Array, floor: float) -> tuple[_Row, float]:
    """The part of a row between its first and last score above the floor, and the best score outside of it."""
    floor = max(floor, float(_UNREACHED) / 2)
    blanks, tokens = np.flatnonzero(blank >= floor), np.flatnonzero(token >= floor)
    start = min(_first(blanks), _first(tokens))
    stop = max(_last(blanks), _last(tokens) + 1)
    outside = (blank[:start], token[:start], blank[stop + 1 :], token[stop:])
    lost = max(float(part.max(initial=-np.inf)) for part in outside)
    # copies: views would keep the whole row in memory
    row = _Row(first + start, blank[start : stop + 1].copy(), token[start:stop].copy())
    return row, lost if lost > float(_UNREACHED) / 2 else -np.inf


def _first(places: Array) -> int:
    return int(places[0]) if len(places) else np.iinfo(np.int64).max


def _last(places: Array) -> int:
    return int(places[-1]) if len(places) else -1


def _advance(blank: Array, token: Array, emissions: Array, blanks: list[float], tokens: Array) -> None:
    """Take the scores of a row through the frames of a block, in place.

    The blank before token u is reached from itself and from token u - 1; the token from itself and from all that
    reaches that blank. So one maximum serves both, before the blank's own loss is added.
    """
    step = max(1, _GATHERED // max(1, len(tokens)))
    gathered = np.empty((min(step, len(blanks)), len(tokens)), np.float32)
    before, behind = blank[:-1], blank[1:]
    maximum, add = np.maximum, np.add
    for start in range(0, len(blanks), step):
        losses = gathered[: len(blanks) - start]
        # clip, because only that mode writes to `out` without a copy; no id is outside
        np.take(emissions[start : start + step], tokens, axis=1, out=losses, mode="clip")
        for loss, blank_loss in zip(losses, blanks[start : start + step], strict=True):
            maximum(behind, token, out=behind)
            maximum(token, before, out=token)
            add(token, loss, out=token)
            if blank_loss:
                add(blank, blank_loss, out=blank)


def _replay(blank: Array, token: Array, emissions: Array, blanks: list[float], tokens: Array) -> tuple[Array, Array]:
    """The rows before each frame of a block, by the same steps: (t, w + 1) blanks, and (t, w + 1) tokens of which
    column i is the one before that blank, and column 0 nothing."""
    losses = emissions.take(tokens, axis=1)
    blank_rows = np.empty((len(blanks), len(blank)), np.float32)
    token_rows = np.full((len(blanks), len(blank)), _UNREACHED)
    blank_rows[0], token_rows[0, 1:] = blank, token
    old = (blank_rows[:-1], token_rows[:-1], token_rows[:-1, 1:])
    new = (blank_rows[1:], blank_rows[1:, :-1], token_rows[1:, 1:])
    maximum, add = np.maximum, np.add
    for was_blank, was_before, was_token, in_blank, to_token, in_token, loss, blank_loss in zip(
        *old, *new, losses, blanks, strict=False
    ):
        maximum(was_blank, was_before, out=in_blank)
        maximum(was_token, to_token, out=in_token)
        add(in_token, loss, out=in_token)
        if blank_loss:
            add(in_blank, blank_loss, out=in_blank)
    return blank_rows, token_rows


def best_path(frames: Frames, text: Text, found: Found) -> Array:
    """(T,) int64 state of each frame on the best path: 2 u for the blank before token u, 2 u + 1 for the token."""
    path = np.empty(len(frames), np.int64)
    state = found.state
    for number in range(len(found.rows) - 1, -1, -1):
        start = number * BLOCK_FRAMES
        emissions, blanks = frames.block(start)
        count = len(blanks)
        end = (state + 1) // 2  # tokens up to the state's own
        first = max(found.rows[number].first, state // 2 - count)
        blank, token = found.rows[number].window(first, end)
        rows = _replay(blank, token, emissions, blanks, text.tokens[first:end])
        states, state = _trace(*rows, state - 2 * first)
        path[start : start + count] = states + 2 * first
        state += 2 * first
    return path


def _trace(blank: Array, token: Array, state: int) -> tuple[Array, int]:
    """The states of a block's frames, and the one before them, from `_replay`'s rows and the state after the last."""
    from_blank = blank >= token
    arrived = np.maximum(blank, token)
    codes = from_blank.view(np.uint8)
    codes[:, :-1] |= (token[:, 1:] >= arrived[:, :-1]).view(np.uint8) << 1
    moves, width = codes.tobytes(), codes.shape[1]
    column, in_token = divmod(state, 2)
    states = []
    for row in range((len(blank) - 1) * width, -1, -width):
        states.append(2 * column + in_token)
        move = moves[row + column]
        if in_token:
            if move & 2:
                continue
            if move & 1:
                in_token = 0
            else:
                column -= 1
        elif not move & 1:
            column -= 1
            in_token = 1
    return np.array(states[::-1], np.int64), 2 * column + in_token
