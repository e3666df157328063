"""Cut a signal that comes in parts into frames, and pass them on in blocks of fixed shape.

Frame t always stands in column t mod block_frames of a block, whatever the parts: see `block_spectrum` for why. Signals
whose frames are centred are padded here too. What becomes of the frames is `feature_blocks`' business.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.dsp.feature_blocks import FeatureBlocks, feature_blocks
from vivavoce.dsp.feature_config import FeatureConfig

Array = NDArray[np.float32]


class Framer:
    """Cuts pushed samples into frames and passes them on in blocks."""

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        self._next_frame = 0
        self._held: Array = np.empty(0, dtype=np.float32)  # from the first sample of the next frame on
        self._skip = 0  # samples to pass over before the next frame, where the hop is longer than the window
        self.width = feature_blocks(config).width

    def rows_after(self, parts: list[Array]) -> Array:
        """The rows, (t, width), of the frames that the samples in `parts` complete."""
        config = self._config
        available = len(self._held) + sum(map(len, parts)) - self._skip
        rows = np.empty(
            (timeline.count_frames(available, config.win_length, config.hop_length), self.width), np.float32
        )
        done = 0
        for part in parts:
            done += self.push(part, rows[done:])
        assert done == len(rows)
        return rows

    def push(self, samples: Array, out: Array) -> int:
        """Write the rows of the frames that `samples` completes into the beginning of `out`; how many."""
        config, blocks = self._config, feature_blocks(self._config)
        passed = min(self._skip, len(samples))
        self._skip -= passed
        samples = samples[passed:]
        done = 0
        if len(self._held):
            # What was held is joined with no more of the samples than fill a block: a long waveform is not copied.
            count = blocks.block_frames - self._next_frame % blocks.block_frames
            while count * config.hop_length < len(self._held):
                count += blocks.block_frames
            reach = timeline.frames_to_samples(count, config.win_length, config.hop_length) - len(self._held)
            joined = np.concatenate([self._held, samples[:reach]])
            done = self._frame(joined, out, blocks)
            if len(samples) < reach:
                self._hold(joined, done)
                return done
            begin = count * config.hop_length - len(self._held)
            self._skip += max(0, begin - len(samples))
            samples = samples[begin:]
        more = self._frame(samples, out[done:], blocks)
        self._hold(samples, more)
        return done + more

    def _hold(self, samples: Array, num_frames: int) -> None:
        begin = num_frames * self._config.hop_length
        self._held = samples[begin:].copy()
        self._skip += max(0, begin - len(samples))

    def _frame(self, samples: Array, out: Array, blocks: FeatureBlocks) -> int:
        """The rows of all whole frames of `samples`, the first of which is the next frame; how many."""
        config = self._config
        count = timeline.count_frames(len(samples), config.win_length, config.hop_length)
        step = samples.strides[0]
        frames = as_strided(samples, (count, config.win_length), (config.hop_length * step, step), writeable=False)
        done = 0
        while done < count:
            column = self._next_frame % blocks.block_frames
            take = min(blocks.block_frames - column, count - done)
            if take == blocks.block_frames:
                rows = blocks.compute(frames[done : done + take])
            else:
                begin = done * config.hop_length
                end = begin + timeline.frames_to_samples(take, config.win_length, config.hop_length)
                rows = blocks.compute_some(samples[begin:end], column, take)
            out[done : done + take] = rows
            done += take
            self._next_frame += take
        return count


def padding_samples(config: FeatureConfig) -> tuple[int, int]:
    """Samples to add on both sides, so that the middle of frame t's n_fft samples is sample t * hop_length."""
    if config.padding == "none":
        return 0, 0
    before = config.n_fft // 2 - (config.n_fft - config.win_length) // 2
    return before, config.win_length - before


def padded(samples: Array, config: FeatureConfig) -> Iterator[Array]:
    """The whole signal in up to three parts."""
    before, after = padding_samples(config)
    if config.padding == "none":
        yield samples
        return
    yield _edges(samples, config, before, 0)[:before]
    yield samples
    yield _edges(samples, config, 0, after)[-after:]


def _edges(samples: Array, config: FeatureConfig, before: int, after: int) -> Array:
    """`samples`, or as much of it as the padding mirrors, padded."""
    near = max(before, after) + 1
    samples = samples[:near] if before else samples[-near:]
    return np.pad(samples, (before, after), mode="reflect" if config.padding == "reflect" else "constant")
