"""How loud, how clipped, how noisy a waveform is.

Levels are in dB of full scale by amplitude: a constant 1.0 has 0 dB, a full-scale sine an RMS level of -3.01 dB and a
peak of 0 dB. Digital silence has -inf dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.dsp.windows import window
from vivavoce.errors import AudioError, ConfigError

_CLIPPED_RUN = 3  # Two equal samples at the top happen by chance; three in a row hardly do.
# A smooth peak, which is a parabola, is flat over some samples, too: the more, the higher the rate. If it falls by no
# more than a step over three samples, rounding included, two samples further on it has fallen by 20 steps at most.
_CLIFF_STEPS = 24


def rms_db(waveform: NDArray[Any]) -> float:
    """Root mean square in dB of full scale; -inf for silence."""
    samples = _samples(waveform)
    return _db(float(np.sqrt(_sum_of_squares(samples) / len(samples))))


def peak_db(waveform: NDArray[Any]) -> float:
    """The largest absolute sample in dB of full scale; -inf for silence."""
    samples = _samples(waveform)
    return _db(max(float(samples.max()), -float(samples.min())))


def frame_energy_db(
    waveform: NDArray[Any], sample_rate: int, win_seconds: float = 0.025, hop_seconds: float = 0.010
) -> NDArray[np.float32]:
    """RMS level of every whole frame: (T,) float32 in dB, not below -200.

    Raises:
        AudioError: not one-dimensional, or shorter than one frame.
    """
    samples = _samples(waveform)
    win = timeline.seconds_to_samples(win_seconds, sample_rate)
    hop = timeline.seconds_to_samples(hop_seconds, sample_rate)
    count = timeline.count_frames(len(samples), win, hop)
    if count == 0:
        raise AudioError(f"waveform has {len(samples)} samples; expected at least {win}, one frame. Pad it with zeros.")
    frames = sliding_window_view(samples, win)[::hop]
    energy = np.concatenate([np.einsum("tn,tn->t", part, part) for part in np.split(frames, range(4096, count, 4096))])
    return np.float32(10) * np.log10(np.maximum(energy / win, 1e-20)).astype(np.float32)


def normalize_rms(waveform: NDArray[Any], target_db: float = -25.0, peak_limit_db: float = -1.0) -> NDArray[Any]:
    """Scale to an RMS level, or to less where the peak would pass `peak_limit_db`. Silence stays as it is."""
    level, peak = rms_db(waveform), peak_db(waveform)
    if not np.isfinite(level):
        return waveform.copy()
    gain_db = min(target_db - level, peak_limit_db - peak)
    return waveform * waveform.dtype.type(10.0 ** (gain_db / 20.0))


@dataclass(frozen=True)
class Clipping:
    """Samples cut off at the top or the bottom of the range.

    Attributes:
        num_samples: how many lie in runs of three or more at the clipping level, with a cliff on both sides.
        num_runs: how many such runs there are.
        fraction: num_samples of all samples.
        level: the absolute value at which the waveform is cut, or 0 where it is not.
    """

    num_samples: int
    num_runs: int
    fraction: float
    level: float

    @property
    def clipped(self) -> bool:
        return self.num_runs > 0


def find_clipping(waveform: NDArray[Any], step: float = 2.0**-15, min_level: float = 0.1) -> Clipping:
    """Find flat tops: runs of three or more samples within a `step` of the waveform's own largest or smallest value.

    A step is what one of 16 bits makes. On both sides the waveform must leave the top as no smooth peak does, by 24
    steps within two samples: the tops of low tones are flat, too, at high rates above all.

    The level is the waveform's own, so a recording that was clipped and then turned down is found too, down to
    `min_level`; quieter peaks are taken for quantisation or silence.
    """
    samples = _samples(waveform)
    num_samples = num_runs = 0
    level = 0.0
    for extreme, sign in ((float(samples.max()), 1.0), (-float(samples.min()), -1.0)):
        if extreme < min_level:
            continue
        signed = samples * samples.dtype.type(sign)
        at_top = np.concatenate([[False], signed >= extreme - step, [False]])
        edges = np.flatnonzero(at_top[1:] != at_top[:-1])
        starts, ends = edges[::2], edges[1::2]
        long = ends - starts >= _CLIPPED_RUN
        starts, ends = starts[long], ends[long]
        cliffs = np.concatenate([[True] * 2, signed < extreme - _CLIFF_STEPS * step, [True] * 2])  # 2 before sample 0
        cut = (cliffs[starts] | cliffs[starts + 1]) & (cliffs[ends + 2] | cliffs[ends + 3])
        if cut.any():
            num_samples, num_runs = num_samples + int((ends - starts)[cut].sum()), num_runs + int(cut.sum())
            level = max(level, extreme)
    return Clipping(num_samples, num_runs, num_samples / len(samples), level)


def snr_estimate_db(waveform: NDArray[Any], sample_rate: int) -> float:
    """Estimate the ratio of speech to steady noise from the waveform alone, in dB, between -10 and 80.

    The quietest twentieth of 32 ms frames is taken for noise, in each of eight bands, after frames of digital silence
    are set aside (codecs and gates make them). From 0 to 20 dB of steady noise it reads within about 3 dB, at 30 dB
    some 3 dB low, for there the recording's own noise counts. Music, babble and reverberation count as speech, and
    without any pause it reads too low.

    Raises:
        AudioError: not one-dimensional, or shorter than a fifth of a second.

    Source: minimum statistics, Martin (2001), on whole utterances.
    """
    samples = _samples(waveform)
    if len(samples) < 0.2 * sample_rate:
        raise AudioError(
            f"waveform lasts {len(samples) / sample_rate:.3f} s; expected at least 0.2 s for an estimate of its noise."
        )
    power, bins = _band_powers(samples, sample_rate)  # (T, bands), (bands,)
    power = power[power.sum(axis=1) > 1e-12]
    if not len(power):
        return -10.0
    num_quiet = max(2, len(power) // 20)
    quiet = np.sort(power, axis=0)[:num_quiet].mean(axis=0)
    noise = sum(float(level) * _quiet_bias(int(width)) for level, width in zip(quiet, bins, strict=True))
    total = float(power.sum(axis=1).mean())
    return float(np.clip(10.0 * np.log10(max(total - noise, 1e-3 * total) / max(noise, 1e-15)), -10.0, 80.0))


def _band_powers(samples: NDArray[Any], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Power of 32 ms frames in eight bands, wider ones above, (T, 8), and the bins in each band."""
    win = max(32, timeline.seconds_to_samples(0.032, sample_rate))
    taper = window("hann", win)
    frames = sliding_window_view(samples, win)[:: win // 2]
    num_bins = win // 2 + 1
    edges = np.rint(np.linspace(0.0, 1.0, 9) ** 1.5 * num_bins).astype(np.int64)
    power = [
        np.add.reduceat(np.abs(np.fft.rfft(frames[start : start + 1024] * taper, axis=1)) ** 2, edges[:-1], axis=1)
        for start in range(0, len(frames), 1024)
    ]
    return np.concatenate(power) / win, np.diff(edges)


@lru_cache(maxsize=64)
def _quiet_bias(num_bins: int, part: float = 0.05) -> float:
    """By how much the mean of steady noise exceeds the mean of its quietest frames.

    The power of white noise in so many bins is gamma distributed, its shape two thirds of the bins (neighbours share a
    Hann window); the ratio is found by summing that density.
    """
    shape = max(num_bins * 2.0 / 3.0, 0.5)
    values = np.linspace(0.0, shape + 12.0 * np.sqrt(shape) + 12.0, 20001)[1:]
    log_density = (shape - 1.0) * np.log(values) - values
    density = np.exp(log_density - log_density.max())
    below = np.cumsum(density) / density.sum()
    last = int(np.searchsorted(below, part)) + 1
    return shape / float(np.average(values[:last], weights=density[:last]))


def _samples(waveform: NDArray[Any]) -> NDArray[Any]:
    samples = np.asarray(waveform)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono, N at least 1. Use audio.to_mono.")
    if samples.dtype.kind != "f":
        raise ConfigError(f"waveform holds {samples.dtype}; expected float in [-1, 1].")
    return samples


def _sum_of_squares(samples: NDArray[Any]) -> float:
    """In double precision, without a copy of the whole."""
    pieces = range(0, len(samples), 1 << 16)
    return sum(float(np.square(samples[i : i + (1 << 16)], dtype=np.float64).sum()) for i in pieces)


def _db(amplitude: float) -> float:
    return 20.0 * float(np.log10(amplitude)) if amplitude > 0 else float("-inf")
