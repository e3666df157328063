"""Many pieces of noise of one length, made once: recordings in other colours, speeds and directions, and made-up ones.

To draw one costs a copy. Every piece is taken from any of its samples on, round and round, so it serves many times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.speed import change_speed
from vivavoce.augment.textures import equalised, texture
from vivavoce.augment.waveform import at_unit_power

Array = NDArray[np.float32]
SPEEDS = (0.7, 0.85, 1.0, 1.18, 1.4)
EQUALISER_DB = 15.0
SEAM_SECONDS = 0.05


@dataclass(frozen=True)
class NoiseBankConfig:
    """What the pieces are made of.

    Attributes:
        pieces: how many.
        texture, colour: shares of made-up noises (augment/textures.py) and of coloured Gaussian noise; the rest is
            recordings.
        reverse, equalise: how often a recording runs backwards, and through drawn gains of +-15 dB.
    """

    pieces: int = 600
    texture: float = 0.4
    colour: float = 0.1
    reverse: float = 0.3
    equalise: float = 0.7


class NoiseBank:
    """Pieces of unit power, (num_samples,) each."""

    def __init__(self, library: NoiseLibrary, num_samples: int, config: NoiseBankConfig, seed: int = 0) -> None:
        self.library, self.num_samples, self.config = library, num_samples, config
        # Long recordings hold more kinds of noise than short ones, but not as many more as they are longer.
        weights = np.sqrt([library.num_samples(name) for name in library.names])
        self._weights = weights / weights.sum()
        self._pieces = [self._make(np.random.default_rng((seed, number))) for number in range(config.pieces)]

    def __len__(self) -> int:
        return len(self._pieces)

    def draw(self, rng: np.random.Generator) -> Array:
        """(num_samples,) float32: one piece from a drawn sample on."""
        piece = self._pieces[int(rng.integers(len(self._pieces)))]
        return np.roll(piece, -int(rng.integers(self.num_samples)))

    def _make(self, rng: np.random.Generator) -> Array:
        c, rate = self.config, self.library.sample_rate
        kind = rng.random()
        if kind < c.texture:
            return _round(texture(rng, self.num_samples, rate), rate)
        if kind < c.texture + c.colour:
            return at_unit_power(_coloured(rng, self.num_samples, rate))
        name = self.library.names[int(rng.choice(len(self.library.names), p=self._weights))]
        speed = SPEEDS[int(rng.integers(len(SPEEDS)))]
        start = int(rng.integers(self.library.num_samples(name)))
        excerpt = self.library.excerpt(name, start, math.ceil(self.num_samples * speed) + 16)
        noise = change_speed(excerpt, speed, rate)[: self.num_samples]
        if rng.random() < c.reverse:
            noise = noise[::-1]
        if rng.random() < c.equalise:
            noise = equalised(noise, rng, rate, EQUALISER_DB)
        return _round(noise, rate)


def _round(waveform: Array, sample_rate: int) -> Array:
    """At unit power, what lies before the end led over into the beginning: round and round without a click."""
    seam = min(round(SEAM_SECONDS * sample_rate), len(waveform) // 4)
    ramp = np.sqrt(np.linspace(0.0, 1.0, seam, dtype=np.float32))
    out = waveform.astype(np.float32, copy=True)
    # Mirrored, the first samples lead up to the first one.
    before_first = out[1 : seam + 1][::-1]
    out[len(out) - seam :] = ramp[::-1] * out[len(out) - seam :] + ramp * before_first
    return at_unit_power(out)


def _coloured(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """Gaussian noise whose power falls as frequency to a drawn power, from white to brown."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    hertz = np.maximum(np.fft.rfftfreq(num_samples, 1.0 / sample_rate), 20.0)
    return np.fft.irfft(spectrum * hertz ** (-rng.uniform(0.0, 2.0) / 2.0), num_samples).astype(np.float32)
