"""Noise at a drawn signal-to-noise ratio: recordings held in memory, or white, pink and brown noise.

The ratio counts the speech by its active level (pauses left out) and the noise by its mean power over what is added.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import read_waveform
from vivavoce.augment.level import SILENCE_POWER, active_power
from vivavoce.augment.waveform import Array, as_waveform, mean_power
from vivavoce.errors import ConfigError, DataError

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus")
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}  # power falls as frequency to the minus this
_COLOUR_SAMPLES = 1 << 19  # periodic, about half a minute: a drawn start makes it new enough, and costs no drawing
_SEAM_SECONDS = 0.05


def is_test_noise(path: str | Path) -> bool:
    """Whether a noise file is kept for tests: about every fifth recording, by its name alone.

    The rule: the file's stem without its folder, a final take letter as in `4-125929-B` cut off, with the class behind
    it as in ESC-50's own `4-125929-B-40` (takes A, B, C come from one recording and must stay together), hashed with
    SHA-256; a test noise's first byte is divisible by 5.
    """
    recording = re.sub(r"-[A-Z](-\d+)?$", "", Path(path).stem)
    return hashlib.sha256(recording.encode()).digest()[0] % 5 == 0


class NoiseLibrary:
    """Noise recordings in memory, each made to repeat without a click."""

    def __init__(self, waveforms: Mapping[str, NDArray[Any]], sample_rate: int = 16000) -> None:
        """`waveforms`: name -> (N,) float32 at `sample_rate`. Silent ones, and those under 0.2 s, are left out."""
        self.sample_rate = sample_rate
        looped = {name: _looped(as_waveform(waveforms[name]), sample_rate) for name in sorted(waveforms)}
        self._waveforms = {name: waveform for name, waveform in looped.items() if len(waveform)}
        self.names = tuple(self._waveforms)
        if not self.names:
            raise DataError("the noise library is empty: no recording of at least 0.2 s that is not silent was given.")

    @classmethod
    def from_folder(
        cls, folder: str | Path, sample_rate: int = 16000, part: Literal["train", "test", "all"] = "train"
    ) -> NoiseLibrary:
        """All sound files under a folder that belong to `part`; names are paths within the folder."""
        folder = Path(folder)
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise DataError(f"{folder} holds no sound files ({', '.join(SUFFIXES)}); give the folder of noises.")
        return cls.from_files(paths, sample_rate, part, folder)

    @classmethod
    def from_files(
        cls,
        paths: Sequence[str | Path],
        sample_rate: int = 16000,
        part: Literal["train", "test", "all"] = "train",
        folder: str | Path | None = None,
    ) -> NoiseLibrary:
        """The files that belong to `part`, named by their path (within `folder`, if given)."""
        if part not in ("train", "test", "all"):
            raise ConfigError(f"part is {part!r}; expected 'train', 'test' or 'all'.")
        chosen = [Path(path) for path in paths if part == "all" or is_test_noise(path) == (part == "test")]
        names = [(path.relative_to(folder) if folder is not None else path).as_posix() for path in chosen]
        return cls(
            {name: read_waveform(path, sample_rate) for name, path in zip(names, chosen, strict=True)}, sample_rate
        )

    def __len__(self) -> int:
        return len(self.names)

    def num_samples(self, name: str) -> int:
        """Length of one recording, after which it repeats."""
        return len(self._recording(name))

    def excerpt(self, name: str, start_samples: int, num_samples: int) -> Array:
        """(num_samples,) of one recording from a sample on, repeated as often as needed."""
        return _repeated(self._recording(name), start_samples, num_samples)

    def _recording(self, name: str) -> Array:
        if name not in self._waveforms:
            raise DataError(f"the noise library has no {name!r}; load the folder and part that it was drawn from.")
        return self._waveforms[name]


def _looped(waveform: Array, sample_rate: int) -> Array:
    """Without digital silence at its ends, and with the last 50 ms blended into the first."""
    loud = np.flatnonzero(np.abs(waveform) > 1e-5)
    if not len(loud):
        return waveform[:0]
    waveform = waveform[loud[0] : loud[-1] + 1]
    seam = int(_SEAM_SECONDS * sample_rate)
    if len(waveform) < 4 * seam or mean_power(waveform) < SILENCE_POWER:
        return waveform[:0]
    rise = np.sqrt(np.linspace(0.0, 1.0, seam, dtype=np.float32))
    body = waveform[:-seam].copy()
    body[:seam] = body[:seam] * rise + waveform[-seam:] * rise[::-1]
    return body


def _repeated(waveform: Array, start: int, num_samples: int) -> Array:
    start %= len(waveform)
    if start + num_samples <= len(waveform):
        return waveform[start : start + num_samples]
    return np.resize(np.concatenate([waveform[start:], waveform[:start]]), num_samples)


@lru_cache(maxsize=8)
def coloured(colour: str, sample_rate: int) -> Array:
    """(2^19,) periodic Gaussian noise of unit power, flat below 20 Hz."""
    rng = np.random.default_rng(sum(colour.encode()))
    bins = _COLOUR_SAMPLES // 2 + 1
    spectrum = rng.standard_normal(bins) + 1j * rng.standard_normal(bins)
    hertz = np.maximum(np.arange(bins) * (sample_rate / _COLOUR_SAMPLES), 20.0)
    spectrum *= hertz ** (-COLOURS[colour] / 2.0)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, _COLOUR_SAMPLES)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


@dataclass(frozen=True)
class NoiseParams:
    """`source`: a colour, or the name of a recording of the library; `start` a share of its length, in [0, 1)."""

    source: str
    start: float
    snr_db: float
    sample_rate: int


@dataclass(frozen=True)
class Noise:
    """A recording of the library, or with `colour_probability` (always, without a library) a colour."""

    library: NoiseLibrary | None = field(default=None, repr=False)
    min_snr_db: float = 5.0
    max_snr_db: float = 25.0
    colour_probability: float = 0.15
    colours: tuple[str, ...] = tuple(COLOURS)

    Params = NoiseParams

    def __post_init__(self) -> None:
        object.__setattr__(self, "colours", tuple(self.colours))
        unknown = sorted(set(self.colours) - set(COLOURS))
        if unknown or not self.colours:
            raise ConfigError(f"noise colours are {self.colours}; expected one or more of {', '.join(COLOURS)}.")
        if not self.min_snr_db <= self.max_snr_db:
            raise ConfigError(f"SNR runs from {self.min_snr_db} to {self.max_snr_db} dB; expected min <= max.")

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> NoiseParams:
        """Source, start and ratio."""
        coloured = self.library is None or rng.random() < self.colour_probability
        names: Sequence[str] = self.colours
        if self.library is not None and not coloured:
            if self.library.sample_rate != sample_rate:
                raise ConfigError(
                    f"the noise library is at {self.library.sample_rate} Hz and the waveform at {sample_rate} Hz; "
                    "load the library at the waveform's rate."
                )
            names = self.library.names
        source = names[int(rng.integers(len(names)))]
        return NoiseParams(
            source, float(rng.random()), float(rng.uniform(self.min_snr_db, self.max_snr_db)), int(sample_rate)
        )

    def apply(self, waveform: NDArray[Any], params: NoiseParams) -> Array:
        """(N,) -> (N,); a waveform or an excerpt of noise that is silent leaves the waveform as it is."""
        waveform = as_waveform(waveform)
        speech_power = active_power(waveform, params.sample_rate)
        if speech_power <= SILENCE_POWER:
            return waveform.copy()
        noise = self._excerpt(params, len(waveform))
        noise_power = mean_power(noise)
        if noise_power <= 0.0:
            return waveform.copy()
        gain = np.sqrt(speech_power / noise_power) * 10.0 ** (-params.snr_db / 20.0)
        mixed = noise * np.float32(gain)
        mixed += waveform
        return mixed

    def _excerpt(self, params: NoiseParams, num_samples: int) -> Array:
        if params.source in COLOURS:
            return _repeated(
                coloured(params.source, params.sample_rate), int(params.start * _COLOUR_SAMPLES), num_samples
            )
        if self.library is None:
            raise DataError(f"noise {params.source!r} needs a noise library; give the one that it was drawn from.")
        start = int(params.start * self.library.num_samples(params.source))
        return self.library.excerpt(params.source, start, num_samples)
