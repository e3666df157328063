"""From blocks of frames to blocks of features: what each frame's numbers are, whatever came before or comes after it.

`features` cuts a signal into frames and joins the results; here a block of frames at a time passes through the steps
that `FeatureConfig` names. Every array has a fixed shape and place in memory, so a frame's features depend on its
samples and on its place in the block only.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.dsp.block_spectrum import BlockSpectrum
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.dsp.mfcc import dct_matrix, lifter_weights
from vivavoce.dsp.windows import window

_KEPT_PER_THREAD = 4
_LOG_FACTOR = {"ln": 1.0, "log10": 1.0 / np.log(10.0), "db": 10.0 / np.log(10.0)}
_local = threading.local()


def feature_blocks(config: FeatureConfig) -> FeatureBlocks:
    """This thread's workspace for a configuration; a few are kept, for making one costs a hundred short utterances."""
    kept: OrderedDict[FeatureConfig, FeatureBlocks] | None = getattr(_local, "kept", None)
    if kept is None:
        kept = _local.kept = OrderedDict()
    found = kept.get(config)
    if found is None:
        found = kept[config] = FeatureBlocks(config)
        if len(kept) > _KEPT_PER_THREAD:
            kept.popitem(last=False)
    else:
        kept.move_to_end(config)
    return found


class FeatureBlocks:
    """Features of blocks of `block_frames` frames; not to be shared between threads.

    `compute` gives, a frame a row, what can be said of a frame alone: all of it, unless the configuration limits values
    below the utterance's peak or appends deltas. In the first case the rows are the logarithms of the mel energies (and
    then the frame's log energy, where that is wanted), and `complete` does the rest.
    """

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        dtype: type[np.floating[Any]] = np.float64 if config.precision == "double" else np.float32
        # About half a megabyte of workspace in single precision, and a multiple of the widest vector.
        self.block_frames = max(16, min(128, 65536 // config.n_fft // 16 * 16))
        taper = window(config.window, config.win_length) * (config.scale if not self._shapes_frames else 1.0)
        self._spectrum = BlockSpectrum(taper, config.n_fft, self.block_frames, dtype)
        self._rows = np.zeros((self.block_frames, config.n_mels), dtype)
        self._bands = self._banded_filters(dtype)
        self._floor = dtype(config.log_floor)
        self._factor = dtype(_LOG_FACTOR[config.log])
        self._offset, self._gain = dtype(config.log_offset), dtype(config.log_gain)
        self.limited = config.range_below_peak is not None
        self.width = config.n_mels + self._keeps_energy if self.limited else self._static_width
        self._out = np.zeros((self.block_frames, self.width), dtype)
        self._emphasis = np.zeros((config.win_length, self.block_frames), dtype) if config.pre_emphasis else None
        self._energy = np.zeros(self.block_frames, dtype)
        hop, win = config.hop_length, config.win_length
        self._staged = np.zeros(timeline.frames_to_samples(self.block_frames, win, hop), np.float32)
        step = self._staged.itemsize
        self._staged_frames = as_strided(self._staged, (self.block_frames, win), (hop * step, step), writeable=False)
        if config.kind == "mfcc":
            transform = dct_matrix(config.n_mfcc, config.n_mels) * lifter_weights(config.n_mfcc, config.lifter)[:, None]
            self._transform = np.ascontiguousarray(transform.T).astype(dtype)  # (n_mels, n_mfcc)
            self._cepstra = np.zeros((self.block_frames, config.n_mfcc), dtype)

    @property
    def _keeps_energy(self) -> bool:
        return self.config.kind == "mfcc" and self.config.energy_first

    @property
    def _shapes_frames(self) -> bool:
        """Whether frames change before the window, so that the scale cannot hide in the window."""
        return self._keeps_energy or self.config.remove_mean or self.config.pre_emphasis != 0

    @property
    def _static_width(self) -> int:
        return self.config.n_mfcc if self.config.kind == "mfcc" else self.config.n_mels

    def compute(self, frames: NDArray[Any]) -> NDArray[Any]:
        """(block_frames, win_length) waveform frames to (block_frames, width); valid until the next call."""
        config, spectrum = self.config, self._spectrum
        np.copyto(spectrum.frames, frames.T)
        if self._shapes_frames:
            self._shape_frames(spectrum.frames)
        power = spectrum.power()
        if config.spectrum_power == 1:
            np.sqrt(power, out=power)
        for first, last, filters, out in self._bands:
            np.matmul(power[first:last].T, filters, out=out)
        rows = self._rows
        np.maximum(rows, self._floor, out=rows)
        np.log(rows, out=rows)
        if config.log != "ln":
            np.multiply(rows, self._factor, out=rows)
        if self.limited:
            self._out[:, : config.n_mels] = rows
            if self._keeps_energy:
                self._out[:, -1] = self._energy
            return self._out
        return self._complete_block(rows, self._energy)

    def compute_some(self, samples: NDArray[Any], column: int, count: int) -> NDArray[Any]:
        """The rows of `count` frames from the first sample on, as the frames `column` and following of a block."""
        begin = column * self.config.hop_length
        self._staged[:begin] = 0
        self._staged[begin : begin + len(samples)] = samples
        self._staged[begin + len(samples) :] = 0
        return self.compute(self._staged_frames)[column : column + count]

    def complete(self, logarithms: NDArray[Any], peak: float) -> NDArray[Any]:
        """What `compute` left undone for a block of its rows, (block_frames, width), once the peak is known."""
        config = self.config
        assert config.range_below_peak is not None
        np.maximum(
            logarithms[:, : config.n_mels], self._rows.dtype.type(peak - config.range_below_peak), out=self._rows
        )
        return self._complete_block(self._rows, logarithms[:, -1])

    def _complete_block(self, rows: NDArray[Any], energy: NDArray[Any]) -> NDArray[Any]:
        config = self.config
        if config.log_offset:
            np.add(rows, self._offset, out=rows)
        if config.log_gain != 1.0:
            np.multiply(rows, self._gain, out=rows)
        if config.kind == "log_mel":
            return rows
        np.matmul(rows, self._transform, out=self._cepstra)
        if self._keeps_energy:
            self._cepstra[:, 0] = energy
        return self._cepstra

    def _shape_frames(self, frames: NDArray[Any]) -> None:
        """Scale, mean and pre-emphasis, in Kaldi's order, in place on (win_length, block_frames)."""
        config = self.config
        if config.scale != 1.0:
            np.multiply(frames, self._rows.dtype.type(config.scale), out=frames)
        if config.remove_mean:
            np.subtract(frames, frames.mean(axis=0), out=frames)
        if self._keeps_energy:
            energy = np.einsum("nt,nt->t", frames, frames)
            self._energy[...] = np.log(np.maximum(energy, self._floor)) * self._factor
        if self._emphasis is not None:
            # The sample before a frame's first is taken to equal it, as Kaldi does.
            np.multiply(frames, self._rows.dtype.type(config.pre_emphasis), out=self._emphasis)
            np.subtract(frames[1:], self._emphasis[:-1], out=frames[1:])
            np.subtract(frames[0], self._emphasis[0], out=frames[0])

    def _banded_filters(self, dtype: type[np.floating[Any]]) -> list[tuple[int, int, NDArray[Any], NDArray[Any]]]:
        """Groups of neighbouring filters, each with the rows of the power spectrum between its outermost bins.

        Sixteen filters a group: fewer waste the vector units, more multiply too many zeros.
        """
        config = self.config
        filters = mel_filterbank(
            config.sample_rate,
            config.n_fft,
            config.n_mels,
            config.f_min_hz,
            config.f_max_hz,
            config.mel_scale,
            config.mel_norm,
        )
        bins = self._spectrum.row_bins
        by_row = np.where(bins >= 0, filters[:, bins], 0.0)  # (n_mels, rows)
        groups = []
        for start in range(0, config.n_mels, 16):
            group = slice(start, min(start + 16, config.n_mels))
            used = np.flatnonzero(by_row[group].any(axis=0))
            first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
            matrix = np.ascontiguousarray(by_row[group, first:last].T).astype(dtype)
            groups.append((first, last, matrix, self._rows[:, group]))
        return groups
