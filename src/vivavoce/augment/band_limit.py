"""Recordings of narrower band: lower sample rates, the telephone's band, and the coarse steps of old codecs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from vivavoce.augment.convolution import Filter
from vivavoce.augment.waveform import Array, as_waveform, fit_length
from vivavoce.errors import ConfigError

CODECS = ("none", "mu_law", "a_law", "pcm8", "pcm12")
_TELEPHONE_HZ = (300.0, 3400.0)


def mu_law(waveform: NDArray[Any], levels: int = 256) -> Array:
    """(N,) -> (N,) rounded to the steps of mu-law (mu = levels - 1): fine near zero, coarse near full scale."""
    waveform = np.clip(as_waveform(waveform), -1.0, 1.0)
    mu = np.float32(levels - 1)
    half = np.float32(levels // 2 - 1)
    bent = np.log1p(mu * np.abs(waveform)) / np.log1p(mu)
    steps = np.rint(bent * half) / half
    return np.copysign(np.expm1(steps * np.log1p(mu)) / mu, waveform)


def a_law(waveform: NDArray[Any], levels: int = 256) -> Array:
    """(N,) -> (N,) rounded to the steps of A-law (A = 87.6), with a step's half at zero as in G.711."""
    waveform = np.clip(as_waveform(waveform), -1.0, 1.0)
    scale = np.float32(1.0 + math.log(87.6))
    magnitude = np.abs(waveform) * np.float32(87.6)
    bent = np.where(magnitude < 1.0, magnitude, 1.0 + np.log(np.maximum(magnitude, 1.0))) / scale
    half = np.float32(levels // 2)
    steps = (np.minimum(np.floor(bent * half), half - 1) + np.float32(0.5)) / half * scale
    unbent = np.where(steps < 1.0, steps, np.exp(steps - 1.0)) / np.float32(87.6)
    # Zero stays zero: digital silence must not become a tone.
    return np.where(waveform == 0.0, np.float32(0.0), np.copysign(unbent, waveform)).astype(np.float32)


def quantize(waveform: NDArray[Any], bits: int) -> Array:
    """(N,) -> (N,) rounded to `bits` of linear PCM."""
    half = np.float32(1 << (bits - 1))
    return np.clip(np.rint(as_waveform(waveform) * half), -half, half - 1) / half


def encode(waveform: NDArray[Any], codec: str) -> Array:
    """What a codec of CODECS makes of a waveform."""
    if codec == "mu_law":
        return mu_law(waveform)
    if codec == "a_law":
        return a_law(waveform)
    if codec in ("pcm8", "pcm12"):
        return quantize(waveform, int(codec[3:]))
    if codec == "none":
        return as_waveform(waveform)
    raise ConfigError(f"codec is {codec!r}; expected one of {', '.join(CODECS)}.")


@lru_cache(maxsize=8)
def telephone_filter(sample_rate: int) -> Filter:
    """300-3400 Hz with linear phase (25 ms, Hann), not late."""
    half = int(0.0125 * sample_rate)
    taps = np.arange(-half, half + 1)
    low, high = (2.0 * hertz / sample_rate for hertz in _TELEPHONE_HZ)
    high = min(high, 1.0)
    response = high * np.sinc(high * taps) - low * np.sinc(low * taps)
    return Filter(response * np.hanning(2 * half + 3)[1:-1], half)


@dataclass(frozen=True)
class BandLimitParams:
    """As if recorded at `band_rate`, through a telephone or not, with a codec; then brought back to `sample_rate`."""

    band_rate: int
    telephone: bool
    codec: str
    sample_rate: int


@dataclass(frozen=True)
class BandLimit:
    """A lower rate, each as likely; at 8 kHz perhaps the telephone's band and codec."""

    band_rates: tuple[int, ...] = (8000, 8000, 11025, 12000)
    telephone_probability: float = 0.5
    codecs: tuple[str, ...] = CODECS
    codec_probability: float = 0.5

    Params = BandLimitParams

    def __post_init__(self) -> None:
        object.__setattr__(self, "band_rates", tuple(self.band_rates))
        object.__setattr__(self, "codecs", tuple(self.codecs))
        unknown = sorted(set(self.codecs) - set(CODECS))
        if unknown or not self.codecs or not self.band_rates or min(self.band_rates) < 4000:
            raise ConfigError(
                f"band_rates {self.band_rates}, codecs {self.codecs}; expected rates from 4000 Hz on and "
                f"codecs among {', '.join(CODECS)}."
            )

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> BandLimitParams:
        """Rate, band and codec."""
        band_rate = int(self.band_rates[int(rng.integers(len(self.band_rates)))])
        narrow, coarse = rng.random(2) < (self.telephone_probability, self.codec_probability)
        codec = str(self.codecs[int(rng.integers(len(self.codecs)))])
        telephone = bool(narrow) and band_rate == 8000
        return BandLimitParams(
            band_rate, telephone, codec if coarse and band_rate == 8000 else "none", int(sample_rate)
        )

    def apply(self, waveform: NDArray[Any], params: BandLimitParams) -> Array:
        """(N,) -> (N,); a rate that is not lower than the waveform's leaves its band as it is."""
        waveform = as_waveform(waveform)
        if not len(waveform):
            return waveform.copy()
        lowers = params.band_rate < params.sample_rate
        rate = params.band_rate if lowers else params.sample_rate
        narrow = soxr.resample(waveform, params.sample_rate, rate, quality="HQ") if lowers else waveform
        if params.telephone:
            narrow = telephone_filter(rate).apply(narrow)
        narrow = encode(narrow, params.codec)
        wide = soxr.resample(narrow, rate, params.sample_rate, quality="HQ") if lowers else narrow
        return fit_length(np.array(wide, dtype=np.float32, copy=wide is waveform or None), len(waveform))
