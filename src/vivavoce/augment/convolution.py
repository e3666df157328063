"""Convolution with one long filter, in FFT blocks, the filter's spectrum kept. Knows nothing of rooms or telephones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import Array, as_waveform

_FFT_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768)  # larger ones leave the caches and are slower a sample
_BLOCK_COST = 20_000.0  # what a block costs beside its FFTs, in the same units: Python and copying


class Filter:
    """A finite impulse response, ready to be applied to many waveforms."""

    def __init__(self, response: NDArray[Any], lead_samples: int = 0) -> None:
        """`response` (L,); its sample number `lead_samples` is time zero, so that the output is not late."""
        response = as_waveform(response)
        assert 0 <= lead_samples < len(response)
        self.response, self.lead_samples = response, lead_samples
        length = len(response)
        usable = [size for size in _FFT_SIZES if size >= 2 * length]
        if not usable:
            usable = [1 << (2 * length - 1).bit_length()]
        self._size = min(usable, key=lambda size: (size * np.log2(size) + _BLOCK_COST) / (size - length + 1))
        self._spectrum = np.fft.rfft(response, self._size)

    def apply(self, waveform: NDArray[Any]) -> Array:
        """(N,) -> (N,) float32: the convolution, cut to the waveform's own time."""
        waveform = as_waveform(waveform)
        history, step = len(self.response) - 1, self._size - len(self.response) + 1
        out = np.empty(len(waveform), dtype=np.float32)
        block = np.empty(self._size, dtype=np.float32)
        # Overlap-save: a block of input with `history` samples before it gives `step` samples of exact output.
        for start in range(0, len(waveform), step):
            first = start + self.lead_samples - history
            held = waveform[max(0, first) : first + self._size]
            offset = max(0, -first)
            block[:offset] = 0.0
            block[offset : offset + len(held)] = held
            block[offset + len(held) :] = 0.0
            spectrum = np.fft.rfft(block)
            spectrum *= self._spectrum
            done = np.fft.irfft(spectrum, self._size)[history:]
            take = min(step, len(out) - start)
            out[start : start + take] = done[:take]
        return out
