"""Reverberation: simulated rooms, made once and kept, or recorded impulse responses.

A room's first reflections are those of a shoebox (image sources); behind them the tail is noise whose bands each fade
by 60 dB in their own time, as the many later reflections do. The direct sound stays at time zero and at its level, so
that transcripts stay aligned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vivavoce.audio import read_waveform
from vivavoce.augment.convolution import Filter
from vivavoce.augment.waveform import Array, as_waveform
from vivavoce.errors import ConfigError, DataError

SOUND_SPEED = 343.0  # m/s at 20 degrees
_BAND_EDGES_HZ = (500.0, 2000.0)


@dataclass(frozen=True)
class Room:
    """What a simulated room is. `rt60_seconds` holds in the middle band; the lows ring longer, the highs shorter."""

    size_m: tuple[float, float, float]
    distance_m: float
    rt60_seconds: float
    direct_to_reverberant_db: float
    low_ratio: float = 1.0
    high_ratio: float = 1.0
    seed: int = 0


def room_response(room: Room, sample_rate: int, max_seconds: float = 0.4) -> Array:
    """Impulse response of a room from its direct sound on.

    Args:
        room: size, distance of mouth and microphone, reverberation time and ratio.
        max_seconds: longer responses are cut there (and faded out over the last tenth).

    Returns:
        (L,) float32, the direct sound at sample 0 with amplitude 1; the energy of all the rest is exactly
        `direct_to_reverberant_db` below it.

    Source: image sources of Allen and Berkley (1979), two reflections deep; exponential band-wise tail (Moorer, 1979).
    """
    rng = np.random.default_rng(room.seed)
    length = max(64, int(sample_rate * min(max_seconds, 1.2 * room.rt60_seconds * max(1.0, room.low_ratio))))
    response = _tail(room, rng, length, sample_rate)
    volume = math.prod(room.size_m)
    # Diffuse from about sqrt(V) ms on (Polack): before that single reflections stand out of a thin tail.
    mixing = min(length - 1, max(1, int(sample_rate * math.sqrt(volume) / 1000.0)))
    response[:mixing] *= np.linspace(0.0, 1.0, mixing)
    # Where both run, image sources of amplitude 1/r carry the power c * 4 pi / V a second: the tail's scale.
    response *= math.sqrt(4.0 * math.pi * SOUND_SPEED / (volume * sample_rate))
    delays, gains = _early_reflections(room, rng, sample_rate)
    kept = delays < length
    np.add.at(response, delays[kept], gains[kept])
    fade = max(1, length // 10)
    response[-fade:] *= np.cos(np.linspace(0.0, math.pi / 2.0, fade))
    response[0] = 0.0
    response *= 10.0 ** (-room.direct_to_reverberant_db / 20.0) / math.sqrt(float(np.sum(response**2)))
    response[0] = 1.0
    return response.astype(np.float32)


def _tail(room: Room, rng: np.random.Generator, length: int, sample_rate: int) -> NDArray[np.float64]:
    """(length,) noise of unit power at time zero, in three bands that fade each in its own time."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1.0 / sample_rate)
    # Band edges an octave wide; the shares' squares add to one, so that the sum starts white.
    above = [np.clip(np.log2(np.maximum(hertz, 1.0) / edge) + 0.5, 0.0, 1.0) for edge in _BAND_EDGES_HZ]
    shares = (1.0 - above[0], above[0] * (1.0 - above[1]), above[1])
    seconds = np.arange(length) / sample_rate
    tail = np.zeros(length)
    for share, ratio in zip(shares, (room.low_ratio, 1.0, room.high_ratio), strict=True):
        fading = np.exp(-3.0 * math.log(10.0) / (room.rt60_seconds * ratio) * seconds)
        tail += np.fft.irfft(spectrum * np.sqrt(share), length) * fading
    return tail


def image_sources(
    size_m: ArrayLike, source_m: ArrayLike, microphone_m: ArrayLike, orders: int = 2
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mirror images of a source in the walls of a shoebox with one corner at the origin.

    Args:
        orders: how many reflections each axis has at most.

    Returns:
        Distance of each image from the microphone in metres, and its number of reflections; both (K,).

    Source: Allen and Berkley (1979).
    """
    numbers = np.arange(-orders, orders + 1)
    signs = np.where(numbers % 2, -1.0, 1.0)
    axes = [
        2.0 * np.ceil(numbers / 2.0) * length + signs * place
        for length, place in zip(np.asarray(size_m), np.asarray(source_m), strict=True)
    ]
    images = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    bounces = np.stack(np.meshgrid(numbers, numbers, numbers, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.linalg.norm(images - np.asarray(microphone_m), axis=1), np.abs(bounces).sum(axis=1)


def _early_reflections(
    room: Room, rng: np.random.Generator, sample_rate: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Delays in samples behind the direct sound, and amplitudes, of the reflections of at most two orders an axis."""
    size = np.asarray(room.size_m)
    direction = rng.standard_normal(3)
    direction[2] *= 0.3  # mouth and microphone are at similar heights
    offset = direction / np.linalg.norm(direction) * min(room.distance_m, 0.7 * float(size.min()))
    source = 0.1 + np.maximum(0.0, -offset) + rng.random(3) * (size - np.abs(offset) - 0.2)
    reach, bounces = image_sources(room.size_m, source, source + offset)
    # Eyring: the reflection of a wall that gives this room this reverberation time.
    surface = 2.0 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    absorbed = 1.0 - math.exp(-0.161 * float(np.prod(size)) / (surface * room.rt60_seconds))
    reflection = math.sqrt(1.0 - absorbed)
    reach, bounces = reach[bounces > 0], bounces[bounces > 0]
    delays = np.rint((reach - float(np.linalg.norm(offset))) / SOUND_SPEED * sample_rate).astype(np.int64)
    return np.maximum(delays, 1), reflection**bounces / reach


class Responses(Protocol):
    """A numbered set of impulse responses at one sample rate."""

    @property
    def sample_rate(self) -> int: ...

    def __len__(self) -> int: ...

    def filter(self, index: int) -> Filter: ...


@dataclass(frozen=True)
class RoomPool:
    """`count` simulated rooms drawn from ranges; each is made when first used, and always the same for its number."""

    sample_rate: int = 16000
    count: int = 200
    seed: int = 0
    min_size_m: tuple[float, float, float] = (2.5, 2.5, 2.2)
    max_size_m: tuple[float, float, float] = (8.0, 7.0, 3.5)
    distance_m: tuple[float, float] = (0.3, 3.0)
    rt60_seconds: tuple[float, float] = (0.1, 0.6)
    direct_to_reverberant_db: tuple[float, float] = (-3.0, 12.0)
    max_seconds: float = 0.4
    _filters: dict[int, Filter] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.count < 1 or self.rt60_seconds[0] <= 0.0 or self.max_seconds <= 0.0:
            raise ConfigError(
                f"rooms: count {self.count}, rt60_seconds {self.rt60_seconds}, max_seconds {self.max_seconds}; "
                "expected all above 0."
            )

    def __len__(self) -> int:
        return self.count

    def room(self, index: int) -> Room:
        """What room number `index` is."""
        if not 0 <= index < self.count:
            raise DataError(f"there is no room {index} among {self.count}; use the pool it was drawn from.")
        rng = np.random.default_rng((self.seed, index))
        size = tuple(float(rng.uniform(a, b)) for a, b in zip(self.min_size_m, self.max_size_m, strict=True))
        return Room(
            size_m=(size[0], size[1], size[2]),
            distance_m=float(rng.uniform(*self.distance_m)),
            rt60_seconds=float(rng.uniform(*self.rt60_seconds)),
            direct_to_reverberant_db=float(rng.uniform(*self.direct_to_reverberant_db)),
            low_ratio=float(rng.uniform(0.9, 1.4)),
            high_ratio=float(rng.uniform(0.5, 1.0)),
            seed=int(rng.integers(1 << 31)),
        )

    def filter(self, index: int) -> Filter:
        """The room's response with its spectrum, kept for the next time."""
        if index not in self._filters:
            self._filters[index] = Filter(room_response(self.room(index), self.sample_rate, self.max_seconds))
        return self._filters[index]


class RecordedRooms:
    """Impulse responses out of files, their direct sound (the largest sample) scaled to 1 at time zero."""

    def __init__(self, paths: Sequence[str | Path], sample_rate: int = 16000, max_seconds: float = 0.5) -> None:
        if not paths:
            raise DataError("no impulse responses were given; expected one sound file or more.")
        self.sample_rate = sample_rate
        self.names = tuple(Path(path).name for path in paths)
        self._filters = [_recorded(Path(path), sample_rate, max_seconds) for path in paths]

    def __len__(self) -> int:
        return len(self._filters)

    def filter(self, index: int) -> Filter:
        """Response number `index`."""
        if not 0 <= index < len(self._filters):
            raise DataError(f"there is no response {index} among {len(self)}; use the files it was drawn from.")
        return self._filters[index]


def _recorded(path: Path, sample_rate: int, max_seconds: float) -> Filter:
    waveform = read_waveform(path, sample_rate)
    peak = int(np.argmax(np.abs(waveform))) if len(waveform) else 0
    if not len(waveform) or waveform[peak] == 0.0:
        raise DataError(f"{path} is silent; expected an impulse response.")
    lead = min(peak, sample_rate // 1000)  # the band-limited onset of the direct sound reaches a little before its peak
    response = waveform[peak - lead : peak + int(max_seconds * sample_rate)] / waveform[peak]
    fade = max(1, len(response) // 10)
    response[-fade:] *= np.cos(np.linspace(0.0, math.pi / 2.0, fade, dtype=np.float32))
    return Filter(response, lead)


@dataclass(frozen=True)
class ReverbParams:
    """Number of the response in its set."""

    response: int


@dataclass(frozen=True)
class Reverb:
    """Convolution with one response of a set."""

    responses: Responses = field(default_factory=RoomPool)

    Params = ReverbParams

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> ReverbParams:
        """One response."""
        if self.responses.sample_rate != sample_rate:
            raise ConfigError(
                f"the impulse responses are at {self.responses.sample_rate} Hz and the waveform at {sample_rate} Hz; "
                "make them at the waveform's rate."
            )
        return ReverbParams(int(rng.integers(len(self.responses))))

    def apply(self, waveform: NDArray[Any], params: ReverbParams) -> Array:
        """(N,) -> (N,); what still rings after the last sample is cut off."""
        return self.responses.filter(params.response).apply(as_waveform(waveform))
