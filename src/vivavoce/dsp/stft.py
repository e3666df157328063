"""The short-time Fourier transform and its inverse.

Spectra are (T, F) with time first, F = n_fft // 2 + 1. Features do not come this way (see `block_spectrum`, which needs
no phase); this is for whatever must go back to a waveform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.dsp.windows import window
from vivavoce.errors import AudioError, ConfigError

_BLOCK_SAMPLES = 1 << 17


@dataclass(frozen=True)
class StftConfig:
    """How a waveform is cut into frames; hop_length at most half of a Hann window gives perfect reconstruction.

    centred: frame t is centred on sample t * hop_length, the signal being mirrored at its ends; otherwise frame t
    covers the samples [t * hop_length, t * hop_length + n_fft) and what does not fill a frame is left out. A window
    shorter than n_fft stands in its middle.
    """

    n_fft: int = 1024
    hop_length: int = 256
    win_length: int | None = None
    window: str = "hann"
    centred: bool = True

    def __post_init__(self) -> None:
        if self.n_fft < 2 or self.n_fft % 2:
            raise ConfigError(f"n_fft is {self.n_fft}; expected an even number, 2 or more.")
        if self.hop_length < 1:
            raise ConfigError(f"hop_length is {self.hop_length}; expected 1 or more.")
        if self.win_length is not None and not 1 <= self.win_length <= self.n_fft:
            raise ConfigError(f"win_length is {self.win_length}; expected between 1 and n_fft, {self.n_fft}.")

    def taper(self) -> NDArray[np.float64]:
        """The window in the middle of n_fft zeros: (n_fft,) float64."""
        length = self.n_fft if self.win_length is None else self.win_length
        taper = np.zeros(self.n_fft)
        start = (self.n_fft - length) // 2
        taper[start : start + length] = window(self.window, length)
        return taper

    def count_frames(self, num_samples: int) -> int:
        if self.centred:
            return timeline.count_centred_frames(num_samples, self.hop_length)
        return timeline.count_frames(num_samples, self.n_fft, self.hop_length)


def stft(waveform: NDArray[Any], config: StftConfig | None = None) -> NDArray[Any]:
    """Short-time Fourier transform.

    Args:
        waveform: (N,) float32 or float64.
        config: frames and window; None: StftConfig().

    Returns:
        (T, n_fft // 2 + 1) complex64 of a float32 waveform, complex128 of a float64 one; not scaled.

    Raises:
        AudioError: not one-dimensional, empty, or not centred and shorter than one frame.

    Source: equals librosa.stft transposed within 1e-5 of the peak (tests/parity/test_stft.py).
    """
    config = config or StftConfig()
    samples = _floating(waveform)
    if config.count_frames(len(samples)) == 0:
        raise AudioError(f"waveform has {len(samples)} samples; expected at least one frame of {config.n_fft}. Pad it.")
    if config.centred:
        samples = np.pad(samples, config.n_fft // 2, mode="reflect")
    frames = sliding_window_view(samples, config.n_fft)[:: config.hop_length]
    taper = config.taper().astype(samples.dtype)
    spectrum = np.empty((len(frames), config.n_fft // 2 + 1), np.result_type(samples.dtype, np.complex64))
    step = max(1, _BLOCK_SAMPLES // config.n_fft)
    for start in range(0, len(frames), step):
        np.fft.rfft(frames[start : start + step] * taper, axis=1, out=spectrum[start : start + step])
    return spectrum


def istft(spectrum: NDArray[Any], config: StftConfig | None = None, num_samples: int | None = None) -> NDArray[Any]:
    """Inverse transform: the waveform whose frames are nearest to `spectrum`'s in the sense of least squares.

    Args:
        spectrum: (T, n_fft // 2 + 1) complex.
        config: that of the forward transform.
        num_samples: length wanted, cut or filled with zeros; None: as many as the frames give.

    Returns:
        (N,) float32 of complex64, float64 of complex128. Of an unchanged spectrum the original waveform, but for the
        last samples that fell into no frame and, uncentred, those at the ends that the window weighs with zero.

    Raises:
        AudioError: the spectrum's shape does not fit the configuration.
        ConfigError: windows so far apart that samples between them are lost.

    Source: Griffin and Lim, Signal estimation from modified short-time Fourier transform (1984), equation 6.
    """
    config = config or StftConfig()
    if spectrum.ndim != 2 or spectrum.shape[1] != config.n_fft // 2 + 1 or not len(spectrum):
        raise AudioError(f"spectrum has shape {spectrum.shape}; expected (T, {config.n_fft // 2 + 1}), T at least 1.")
    dtype = np.float64 if spectrum.dtype == np.complex128 else np.float32
    taper = config.taper()
    overlapped = overlap_add(np.fft.irfft(spectrum, config.n_fft, axis=1) * taper.astype(dtype), config.hop_length)
    weight = overlap_add(np.broadcast_to(taper**2, (len(spectrum), config.n_fft)), config.hop_length)
    inner = slice(config.n_fft // 2, len(weight) - config.n_fft // 2)
    smallest = weight[inner].min(initial=np.inf)
    if smallest < 1e-6:
        raise ConfigError(
            f"the {config.window} windows of n_fft {config.n_fft} do not overlap enough at hop_length "
            f"{config.hop_length}: some samples have weight {smallest:.1e}. Choose a hop_length of a quarter window."
        )
    # Ends that only a window's foot touches are left as they are rather than divided by nearly nothing.
    waveform = (overlapped / np.where(weight > 1e-6, weight, 1.0)).astype(dtype)
    if config.centred:
        waveform = waveform[config.n_fft // 2 :]
        if num_samples is None:
            num_samples = (len(spectrum) - 1) * config.hop_length
    if num_samples is None:
        return waveform
    return np.pad(waveform[:num_samples], (0, max(0, num_samples - len(waveform))))


def overlap_add(frames: NDArray[Any], hop_length: int) -> NDArray[Any]:
    """Add up (T, n) frames that begin every hop_length samples: ((T - 1) * hop_length + n,)."""
    num_frames, length = frames.shape
    pieces = -(-length // hop_length)
    total = np.zeros((num_frames + pieces - 1, hop_length), frames.dtype)
    for piece in range(pieces):
        part = frames[:, piece * hop_length : (piece + 1) * hop_length]
        total[piece : piece + num_frames, : part.shape[1]] += part
    return total.ravel()[: (num_frames - 1) * hop_length + length]


def _floating(waveform: NDArray[Any]) -> NDArray[Any]:
    samples = np.asarray(waveform)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono, N at least 1. Use audio.to_mono.")
    return samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float32)
