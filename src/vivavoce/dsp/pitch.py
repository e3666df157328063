"""Fundamental frequency (F0) and voicing of speech.

Every frame offers a few candidate periods, the dips of YIN's normalised difference function; a Viterbi path through
them and an unvoiced state weighs how periodic each is against how far the pitch would have to jump.

Source: de Cheveigne and Kawahara, YIN (2002); the path after Mauch and Dixon, pYIN (2014), and Talkin, RAPT (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.errors import AudioError, ConfigError

_BLOCK_FRAMES = 256
_CANDIDATES = 8
_UNVOICED_COST = 0.45  # An aperiodicity above this is rather taken for no voice.
_SHORT_PERIOD_BONUS = 0.06  # An octave; else twice the period, as good a dip, would win by chance.
_JUMP_COST = 1.2  # An octave between neighbouring frames 10 ms apart.
_VOICING_COST = 0.12  # Beginning or ending a voiced stretch.
_SILENCE_DB = -45.0  # Below the utterance's loudest frame: too faint to be voice.


@dataclass(frozen=True)
class PitchTrack:
    """F0 over time; frame t is centred on t * hop_seconds.

    Attributes:
        f0_hz: (T,) float32, 0 where there is no voice.
        voiced: (T,) bool.
        periodicity: (T,) float32 in [0, 1], 1 for a perfectly periodic frame; of the best candidate where unvoiced.
        hop_seconds: between frames.
    """

    f0_hz: NDArray[np.float32]
    voiced: NDArray[np.bool_]
    periodicity: NDArray[np.float32]
    hop_seconds: float


def track_pitch(
    waveform: NDArray[Any],
    sample_rate: int,
    f_min_hz: float = 60.0,
    f_max_hz: float = 500.0,
    hop_seconds: float = 0.010,
) -> PitchTrack:
    """Track the F0 of one speaker.

    Args:
        waveform: (N,) float32, mono, of any length.
        sample_rate: 8000 Hz or more is best.
        f_min_hz, f_max_hz: the range looked for. 60 to 500 Hz holds adults' and children's speech.
        hop_seconds: between frames.

    Returns:
        T = N // hop + 1 frames.

    Raises:
        AudioError: not one-dimensional, empty or not finite.
        ConfigError: a range that is empty or reaches above a quarter of the sample rate.
    """
    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono, N at least 1. Use audio.to_mono.")
    if not np.isfinite(samples).all():
        raise AudioError("waveform holds NaN or infinite samples; expected finite numbers. Check its source.")
    if not 0 < f_min_hz < f_max_hz <= sample_rate / 4:
        raise ConfigError(
            f"pitch range is {f_min_hz}-{f_max_hz} Hz; expected 0 < f_min_hz < f_max_hz <= {sample_rate / 4} Hz, "
            "a quarter of the sample rate."
        )
    hop = timeline.seconds_to_samples(hop_seconds, sample_rate)
    periods, costs, level_db = _candidates(samples, sample_rate / f_max_hz, sample_rate / f_min_hz, hop)
    audible = level_db > max(level_db.max() + _SILENCE_DB, -120.0)
    costs[~audible] = np.inf
    jump = 0.010 / hop_seconds
    octaves = np.log2(periods) - np.log2(sample_rate / np.sqrt(f_min_hz * f_max_hz))
    path = _best_path(octaves, costs, _JUMP_COST * jump, _VOICING_COST)
    voiced = path < periods.shape[1]
    rows = np.arange(len(path))
    chosen = np.where(voiced, path, 0)
    f0_hz = np.where(voiced, sample_rate / periods[rows, chosen], 0.0).astype(np.float32)
    best = np.where(voiced, costs[rows, chosen], costs.min(axis=1))
    periodicity = np.where(np.isfinite(best), 1.0 - np.clip(best, 0.0, 1.0), 0.0).astype(np.float32)
    return PitchTrack(f0_hz, voiced, periodicity, hop / sample_rate)


def _candidates(
    samples: NDArray[np.float32], shortest: float, longest: float, hop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Candidate periods in samples and their aperiodicity, (T, _CANDIDATES) each, and frame levels in dB, (T,).

    Missing candidates have infinite cost.
    """
    max_lag = int(np.ceil(longest)) + 2
    min_lag = max(2, int(shortest))
    # The compared stretch holds two of the longest periods: less cannot tell a low voice from noise.
    stretch = 2 * max_lag
    span = stretch + max_lag
    count = timeline.count_centred_frames(len(samples), hop)
    padded = np.zeros((count - 1) * hop + span, dtype=np.float64)
    before = span // 2
    kept = samples[: len(padded) - before]
    padded[before : before + len(kept)] = kept
    frames = sliding_window_view(padded, span)[::hop]
    n_fft = 1 << (span - 1).bit_length()
    periods = np.full((count, _CANDIDATES), longest)
    costs = np.full((count, _CANDIDATES), np.inf)
    level_db = np.empty(count)
    for start in range(0, count, _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES]
        block = block - block.mean(axis=1, keepdims=True)
        part = slice(start, start + len(block))
        dips, energy = _normalized_difference(block, stretch, max_lag, n_fft)
        level_db[part] = 10.0 * np.log10(energy / stretch + 1e-20)
        periods[part], costs[part] = _deepest_dips(dips, min_lag, max_lag, shortest, longest)
    return periods, costs, level_db


def _normalized_difference(
    frames: NDArray[np.float64], stretch: int, max_lag: int, n_fft: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """YIN's cumulative mean normalised difference for lags 0 to max_lag, (T, max_lag + 1), and the frames' energy."""
    spectrum = np.fft.rfft(frames, n_fft, axis=1)
    head = np.fft.rfft(frames[:, :stretch], n_fft, axis=1)
    products = np.fft.irfft(spectrum * head.conj(), n_fft, axis=1)[:, : max_lag + 1]
    squares = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    energies = squares[:, stretch : stretch + max_lag + 1] - squares[:, : max_lag + 1]
    difference = np.maximum(energies[:, :1] + energies - 2.0 * products, 0.0)
    difference[:, 0] = 0.0
    mean = np.cumsum(difference, axis=1) / np.maximum(np.arange(max_lag + 1), 1)
    normalized = np.where(mean > 1e-12, difference / np.maximum(mean, 1e-12), 1.0)
    normalized[:, 0] = 1.0
    return normalized, energies[:, 0]


def _deepest_dips(
    curve: NDArray[np.float64], min_lag: int, max_lag: int, shortest: float, longest: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest local minima of each row, their place refined by a parabola: periods and costs, (T, _CANDIDATES)."""
    left, middle, right = curve[:, min_lag - 1 : max_lag - 1], curve[:, min_lag:max_lag], curve[:, min_lag + 1 :]
    bend = left - 2.0 * middle + right
    shift = np.where(bend > 1e-12, 0.5 * (left - right) / np.maximum(bend, 1e-12), 0.0)
    shift = np.clip(shift, -0.5, 0.5)
    lags = np.arange(min_lag, max_lag, dtype=np.float64) + shift
    depth = np.maximum(middle - 0.25 * (left - right) * shift, 0.0)
    is_dip = (middle <= left) & (middle < right) & (lags >= shortest) & (lags <= longest)
    depth = np.where(is_dip, depth, np.inf)
    best: NDArray[np.intp] = np.argsort(depth, axis=1, kind="stable")[:, :_CANDIDATES]
    return np.take_along_axis(lags, best, axis=1), np.take_along_axis(depth, best, axis=1)


def _best_path(
    octaves: NDArray[np.float64], costs: NDArray[np.float64], jump_cost: float, voicing_cost: float
) -> NDArray[np.int64]:
    """Viterbi: the state of each frame, (T,), a candidate's index or the number of candidates for unvoiced.

    `octaves`, (T, candidates), are the periods' distances from the middle of the range.
    """
    count, width = octaves.shape
    local = np.concatenate([costs + _SHORT_PERIOD_BONUS * octaves, np.full((count, 1), _UNVOICED_COST)], axis=1)
    local = np.where(np.isfinite(local), local, 1e6)
    back = np.empty((count, width + 1), dtype=np.int64)
    total = local[0]
    step = np.full((width + 1, width + 1), voicing_cost)
    step[width, width] = 0.0
    for t in range(1, count):
        step[:width, :width] = np.minimum(jump_cost * np.abs(octaves[t - 1][:, None] - octaves[t]), 2 * voicing_cost)
        paths = total[:, None] + step
        back[t] = paths.argmin(axis=0)
        total = paths[back[t], np.arange(width + 1)] + local[t]
    path = np.empty(count, dtype=np.int64)
    path[-1] = int(total.argmin())
    for t in range(count - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path
