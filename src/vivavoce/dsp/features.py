"""The one definition of features: training, export, streaming and the server all call this module.

Whole utterances and streams take the same path: samples are pushed, and whole frames fall into blocks of fixed shape,
frame t always in column t mod block_frames of block t // block_frames. So a frame's features are the same bits however
its samples arrived. What the numbers are is said by `FeatureConfig` and done by `FeatureBlocks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.feature_blocks import feature_blocks
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.framing import Framer, padded, padding_samples
from vivavoce.dsp.mfcc import append_deltas
from vivavoce.errors import AudioError, ConfigError

__all__ = ["FeatureConfig", "FeatureStream", "features", "iterate_features", "log_mel", "mfcc"]

Array = NDArray[np.float32]
_DITHERED_SAMPLES = 1 << 17


def log_mel(waveform: NDArray[Any], config: FeatureConfig | None = None) -> Array:
    """Log-mel spectrogram of one utterance.

    Args:
        waveform: (N,) float32 in [-1, 1], mono, at config.sample_rate.
        config: window, hop and mel settings; None: the recogniser's.

    Returns:
        (T, F) float32, the logarithm of mel energies; T is config.count_frames(N).

    Raises:
        AudioError: not one-dimensional, not finite, or shorter than one window.

    Source: tests/parity/test_features.py holds the presets to librosa, Kaldi and Whisper.
    """
    return features(waveform, _with_kind(config, "log_mel"))


def mfcc(waveform: NDArray[Any], config: FeatureConfig | None = None) -> Array:
    """Mel-frequency cepstra, (T, n_mfcc * (1 + deltas)) float32; arguments and errors as for `log_mel`."""
    return features(waveform, _with_kind(config, "mfcc"))


def features(waveform: NDArray[Any], config: FeatureConfig | None = None, out: Array | None = None) -> Array:
    """The features that `config.kind` names; arguments and errors as for `log_mel`.

    Args:
        waveform: (N,) float32 in [-1, 1], mono, at config.sample_rate.
        config: what to compute; None: the recogniser's.
        out: (T, F) float32 to write into, for example a memory map; None: a new array. Beside it the work needs about a
            megabyte, however long the waveform is.

    Raises:
        AudioError: as for `log_mel`.
        ConfigError: `out` has another shape or type.
    """
    config = config or FeatureConfig()
    samples = checked(waveform)
    num_frames = config.count_frames(len(samples))
    if num_frames == 0:
        fewest = config.win_length if config.padding == "none" else 1 + config.drop_last * config.hop_length
        raise AudioError(
            f"waveform has {len(samples)} samples; expected at least {fewest}, which make one frame. "
            "Pad it with zeros, or leave it out."
        )
    shape = (num_frames, config.num_features)
    if out is not None and (out.shape != shape or out.dtype != np.float32):
        raise ConfigError(f"out is {out.shape} {out.dtype}; expected {shape} float32.")
    if config.dither:
        pieces = range(0, len(samples), _DITHERED_SAMPLES)
        stream = iterate_features((samples[start : start + _DITHERED_SAMPLES] for start in pieces), config)
        rows = np.concatenate(list(stream))
    else:
        framer = Framer(config)
        shape = (num_frames + config.drop_last, framer.width)
        rows = out if out is not None and out.shape == shape else np.empty(shape, dtype=np.float32)
        done = 0
        for part in padded(samples, config):
            done += framer.push(part, rows[done:])
        assert done == len(rows)
        rows = complete_rows(rows[:num_frames], config)
    if out is None:
        return rows
    if not np.may_share_memory(rows, out):
        out[...] = rows
    return out


def iterate_features(blocks: Iterable[NDArray[Any]], config: FeatureConfig | None = None) -> Iterator[Array]:
    """Features of audio of any length in constant memory: blocks of samples in, (t, F) frames out as they complete."""
    stream = FeatureStream(config)
    for samples in blocks:
        rows = stream.accept(samples)
        if len(rows):
            yield rows
    rows = stream.finish()
    if len(rows):
        yield rows


class FeatureStream:
    """Features of audio that arrives in chunks: the same bits as `features` of the whole, for every chunking.

    Frames come out as soon as their samples are complete. Settings that look ahead delay them: deltas by a few frames,
    drop_last by one, and range_below_peak, which needs the whole utterance's peak, until `finish`.
    """

    def __init__(self, config: FeatureConfig | None = None) -> None:
        self.config = config or FeatureConfig()
        self._centred = self.config.padding != "none"
        self._edge = max(padding_samples(self.config)) + 1  # samples at an end that the padding looks at
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample is the first."""
        self._framer = Framer(self.config)
        self._completion = _Completion(self.config)
        self._noise = np.random.default_rng(self.config.dither_seed)
        self._begun = not self._centred
        self._tail: Array = np.empty(0, dtype=np.float32)

    def accept(self, samples: NDArray[Any]) -> Array:
        """Take (n,) samples, n >= 0, and give the (t, F) frames that they complete.

        Raises:
            AudioError: samples that are not one-dimensional or not finite; the stream is then as it was before.
        """
        samples = checked(samples)
        if self.config.dither:
            noise = self._noise.standard_normal(len(samples), dtype=np.float32)
            samples = samples + noise * np.float32(self.config.dither)
        parts = [samples]
        if self._centred:
            if not self._begun:
                samples = np.concatenate([self._tail, samples])
                self._begun = len(samples) >= self._edge
                parts = list(padded(samples, self.config))[:2] if self._begun else []
                self._tail = samples
            else:
                self._tail = np.concatenate([self._tail, samples[-self._edge :]])
            self._tail = self._tail[-self._edge :].copy()
        return self._completion.push(self._framer.rows_after(parts))

    def finish(self) -> Array:
        """The frames that only the end of the audio completes, (t, F), maybe none. The stream then begins anew."""
        parts: list[Array] = []
        if self._centred and len(self._tail):
            parts = list(padded(self._tail, self.config))
            parts = parts[2:] if self._begun else parts
        result = self._completion.finish(self._framer.rows_after(parts))
        self.reset()
        return result


class _Completion:
    """In a stream, holds back what later frames may still change or drop."""

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        self._all = config.range_below_peak is not None
        self._reach = config.deltas * (config.delta_width // 2)
        self._held: list[Array] = []
        self._past = 0  # held rows that have been given out already, and only lend the deltas their left side

    def push(self, rows: Array) -> Array:
        """Take (t, width) rows and give the (t', F) frames that are final."""
        if not (self._all or self._reach or self._config.drop_last):
            return rows
        self._held.append(rows)
        if self._all:
            return np.empty((0, self._config.num_features), np.float32)
        held = np.concatenate(self._held)
        return self._give(held, max(self._past, len(held) - self._reach - self._config.drop_last))

    def finish(self, rows: Array) -> Array:
        """The same for the last rows: all frames not given out so far."""
        held = np.concatenate([*self._held, rows])
        if self._config.drop_last:
            held = held[:-1]
        return self._give(held, len(held))

    def _give(self, held: Array, until: int) -> Array:
        """Frames `_past` to `until` of the held rows; afterwards only what the next ones look back on is held."""
        # Deltas near an end that is not the signal's are wrong; the reach keeps them out of what is given.
        result = complete_rows(held, self._config)[self._past : until]
        first = max(0, until - self._reach)
        self._held, self._past = [held[first:].copy()], until - first
        return result


def complete_rows(rows: Array, config: FeatureConfig) -> Array:
    """(T, width) of what can be said of single frames to (T, F) features, in place where nothing is appended."""
    if not len(rows):
        return np.empty((0, config.num_features), np.float32)
    if config.range_below_peak is not None:
        blocks = feature_blocks(config)
        peak = float(rows[:, : config.n_mels].max())
        block = np.zeros((blocks.block_frames, blocks.width), np.float32)
        completed = rows if config.kind == "log_mel" else np.empty((len(rows), config.n_mfcc), np.float32)
        for start in range(0, len(rows), blocks.block_frames):
            part = rows[start : start + blocks.block_frames]
            block[: len(part)] = part
            completed[start : start + len(part)] = blocks.complete(block, peak)[: len(part)]
        rows = completed
    return append_deltas(rows, config.deltas, config.delta_width) if config.deltas else rows


def _with_kind(config: FeatureConfig | None, kind: str) -> FeatureConfig:
    config = config or FeatureConfig()
    return config if config.kind == kind else replace(config, kind=kind)


def checked_log_mel(log_mel: NDArray[Any], n_mels: int, dtype: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
    """(T, F) of the type that is asked for, contiguous: frames to make a waveform of.

    Raises:
        AudioError: another shape, no frame, or values that are not finite.
    """
    frames = np.ascontiguousarray(log_mel, dtype=dtype)
    if frames.ndim != 2 or frames.shape[1] != n_mels or not len(frames):
        raise AudioError(f"log_mel has shape {frames.shape}; expected (T, {n_mels}), T at least 1.")
    if not np.isfinite(frames).all():
        raise AudioError("log_mel holds NaN or infinite values; look at the acoustic model that made it.")
    return frames


def checked(waveform: NDArray[Any]) -> Array:
    """(N,) float32, the waveform itself where it is that already.

    Raises:
        AudioError: not one-dimensional, not floating-point, or not finite.
    """
    samples = np.asarray(waveform)
    if samples.ndim != 1:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono. Use audio.to_mono.")
    if samples.dtype.kind != "f":
        raise AudioError(
            f"waveform holds {samples.dtype}; expected float32 in [-1, 1]. Divide 16-bit numbers by 32768, or read the "
            "file with audio.read_waveform."
        )
    samples = samples.astype(np.float32, copy=False)
    # A sum is finite only if all terms are; the slow look follows only if it is not, for large terms can overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        total = samples.sum()
    if not np.isfinite(total) and not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise AudioError(f"waveform holds {samples[bad]} at sample {bad}; expected finite numbers. Check its source.")
    return samples
