"""Tempo: faster or slower at the same pitch, by joining pieces where the waveform continues best (WSOLA).

Meant for speech; for other pitch see pitch.py, for both together speed.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array, as_waveform
from vivavoce.errors import ConfigError

_HOP_SECONDS = 0.0125
_SEARCH_SECONDS = 0.01  # to either side: both together span a period of 50 Hz


def change_tempo(waveform: NDArray[Any], factor: float, sample_rate: int = 16000) -> Array:
    """Say the same `factor` times as fast, at the same pitch.

    Args:
        waveform: (N,) float32.
        factor: above 1 is faster and shorter.

    Returns:
        (round(N / factor),) float32. A moment t of the input is heard at t / factor, give or take 10 ms.

    Raises:
        ConfigError: a factor outside 0.4-2.5.

    Source: Verhelst and Roelands (1993), waveform similarity overlap-add.
    """
    waveform = as_waveform(waveform)
    if not 0.4 <= factor <= 2.5:
        raise ConfigError(f"tempo factor is {factor}; expected 0.4 to 2.5 (0.9 and 1.1 are usual).")
    num_samples = round(len(waveform) / factor)
    if factor == 1.0 or not num_samples:
        return waveform[:num_samples].copy()
    hop = int(_HOP_SECONDS * sample_rate)
    search = int(_SEARCH_SECONDS * sample_rate)
    count = num_samples // hop + 2
    # Output frame k, two hops long, begins at hop * (k - 1) and shows the input from starts[k] - before on.
    before = search + hop
    padded = np.zeros(max(len(waveform), int(count * hop * factor)) + 2 * before + 3 * hop, dtype=np.float32)
    padded[before : before + len(waveform)] = waveform
    starts = _starts(padded, count, hop, search, factor)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[starts]
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(hop) + 0.5) / hop)).astype(np.float32)
    out = frames[1:, :hop] * rise
    out += frames[:-1, hop:] * rise[::-1]
    return out.reshape(-1)[:num_samples]


def _starts(padded: Array, count: int, hop: int, search: int, factor: float) -> NDArray[np.int64]:
    """Where in the padded input each frame begins: the straight continuation while that is on time, else a join."""
    starts = np.empty(count, dtype=np.int64)
    begin = search
    for k in range(count):
        due = search + round((k - 1) * hop * factor) + hop if k else begin
        if k:
            begin += hop
            if abs(begin - due) > search:
                begin = _best_join(padded, begin, due, 2 * hop, search)
        starts[k] = begin
    return starts


def _best_join(padded: Array, wanted: int, due: int, length: int, search: int) -> int:
    """The start within `search` of `due` whose `length` samples are most like those from `wanted` on."""
    template = padded[wanted : wanted + length]
    region = padded[due - search : due + search + length]
    if len(template) < length or float(np.dot(template, template)) < 1e-9:
        return due
    likeness = np.correlate(region, template, "valid")
    sums = np.concatenate(([0.0], np.cumsum(np.square(region, dtype=np.float64))))
    energy = sums[length:] - sums[:-length] + 1e-9
    return due - search + int(np.argmax(likeness / np.sqrt(energy)))


@dataclass(frozen=True)
class TempoParams:
    """The factor drawn, and the rate at which it is applied."""

    factor: float
    sample_rate: int


@dataclass(frozen=True)
class Tempo:
    """Factor uniform in a range."""

    min_factor: float = 0.85
    max_factor: float = 1.15

    Params = TempoParams

    def __post_init__(self) -> None:
        if not 0.4 <= self.min_factor <= self.max_factor <= 2.5:
            raise ConfigError(f"tempo factors are {self.min_factor}-{self.max_factor}; expected 0.4 to 2.5, in order.")

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> TempoParams:
        """One factor."""
        return TempoParams(float(rng.uniform(self.min_factor, self.max_factor)), int(sample_rate))

    def apply(self, waveform: NDArray[Any], params: TempoParams) -> Array:
        """(N,) -> (round(N / factor),)."""
        return change_tempo(waveform, params.factor, params.sample_rate)
