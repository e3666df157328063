"""Power spectra of a block of frames, as matrix products.

NumPy's FFT transforms one row at a time; its matrix product uses all of a processor's vector units. So the transform of
n_fft = R * S points is cut once, as Cooley and Tukey cut it, and both halves are products with small dense matrices:

1. for each of the S residues n mod S, a transform over the R samples that share it. Frames are real, so R // 2 + 1
   outputs suffice. The matrix of each residue holds the window and the twiddle factors too, so neither costs anything.
2. one transform of length S, the same for all R // 2 + 1 outputs, as a butterfly and two products of half the size.

Frames lie in columns (samples, block), so every step reads and writes long contiguous rows. The work on 512 points is
45,000 additions and multiplications a frame, three times those of an FFT, done at seven times its speed.

A block always has the same number of frames, filled up with zeros, because the rounding of a matrix product may depend
on the shapes of its operands: only so is a frame the same, to the last bit, in a file and in a stream.

Source: Cooley and Tukey (1965); the even and odd halves of step 2 are a decimation in frequency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class BlockSpectrum:
    """Power spectra of `block_frames` windowed frames at a time.

    Attributes:
        frames: (win_length, block_frames); the caller fills it, a frame a column. `power` destroys it.
        row_bins: (rows,) int64; the FFT bin of each row of the result, rising by and large, or -1 on rows that repeat a
            bin found elsewhere.
    """

    def __init__(
        self, window: NDArray[np.float64], n_fft: int, block_frames: int, dtype: type[np.floating[Any]]
    ) -> None:
        self._radix = _best_radix(n_fft, len(window))
        strides, slots = n_fft // self._radix, self._radix // 2 + 1
        self._residues = self._matrices_of_residues(window, n_fft).astype(dtype)
        self._halves = _matrices_of_halves(strides).astype(dtype)
        self.row_bins = self._bins_of_rows(n_fft)

        # Two buffers take turns, so that a block stays in a core's second-level cache.
        taps = self._residues.shape[2]
        size = strides * max(2 * slots, taps) * block_frames
        here, there = np.zeros(size, dtype), np.zeros(size, dtype)
        samples = here[: taps * strides * block_frames].reshape(taps * strides, block_frames)
        self.frames = samples[: len(window)]
        self._padding = samples[len(window) :]
        self._taps = samples.reshape(taps, strides, block_frames).transpose(1, 0, 2)
        columns = slots * block_frames
        used = 2 * strides * columns
        self._inner = there[:used].reshape(strides, 2 * slots, block_frames)
        self._upper, self._lower = there[:used].reshape(2, strides, columns)
        self._butterfly = here[:used].reshape(2, strides, columns)
        self._outer = there[:used].reshape(2, strides, columns)
        even, odd = self._outer.reshape(2, 2, strides // 2, columns)
        # Rising bins take the outputs 0, S-1, 1, S-2, 2 ...: even, odd, odd, even, and so on.
        self._power = here[: used // 2].reshape(strides * slots, block_frames)
        by_four = self._power.reshape(strides // 4, 4, columns)
        halves = strides // 4
        self._sums = [
            (part[0].reshape(halves, 2, columns), part[1].reshape(halves, 2, columns), by_four[:, places])
            for part, places in ((even, slice(0, 4, 3)), (odd, slice(1, 3)))
        ]

    def power(self) -> NDArray[Any]:
        """Squared magnitudes of the transforms of `frames`: (rows, block_frames), valid until it is filled again."""
        self._padding[...] = 0
        np.matmul(self._residues, self._taps, out=self._inner)
        np.add(self._upper, self._lower, out=self._butterfly[0])
        np.subtract(self._upper, self._lower, out=self._butterfly[1])
        np.matmul(self._halves, self._butterfly, out=self._outer)
        np.multiply(self._outer, self._outer, out=self._outer)
        for real, imaginary, out in self._sums:
            np.add(real, imaginary, out=out)
        return self._power

    def _matrices_of_residues(self, window: NDArray[np.float64], n_fft: int) -> NDArray[np.float64]:
        """Step 1, (S, 2 * slots, taps): outputs are all real parts, then all imaginary parts."""
        strides = n_fft // self._radix
        taps = -(-len(window) // strides)
        padded = np.zeros(taps * strides)
        padded[: len(window)] = window
        sample = np.arange(taps * strides)
        slot = np.arange(self._radix // 2 + 1)[:, None]
        # Integer arithmetic before the cosine keeps the angles exact to double precision.
        turns = np.exp(-2j * np.pi * ((slot * sample) % n_fft) / n_fft) * padded  # (slots, taps * S)
        parts = np.concatenate([turns.real, turns.imag])
        return np.ascontiguousarray(parts.reshape(len(parts), taps, strides).transpose(2, 0, 1))

    def _bins_of_rows(self, n_fft: int) -> NDArray[np.int64]:
        strides, slots = n_fft // self._radix, self._radix // 2 + 1
        outputs = np.empty((2, strides // 2), dtype=np.int64)
        outputs[0], outputs[1] = _outputs_of_halves(strides)
        order = np.empty((strides // 4, 4), dtype=np.int64)
        order[:, ::3] = outputs[0].reshape(-1, 2)
        order[:, 1:3] = outputs[1].reshape(-1, 2)
        bins = (np.arange(slots) + self._radix * order.reshape(-1, 1)) % n_fft  # (S, slots)
        bins = np.minimum(bins, n_fft - bins).ravel()
        repeated = np.ones(len(bins), dtype=bool)
        repeated[np.unique(bins, return_index=True)[1]] = False
        return np.where(repeated, -1, bins)


def _best_radix(n_fft: int, win_length: int) -> int:
    """R: the cut of n_fft = R * S, S a multiple of 4, that needs the fewest multiplications."""
    cuts = [n_fft // strides for strides in range(4, n_fft + 1, 4) if n_fft % strides == 0]
    return min(cuts, key=lambda radix: (radix // 2 + 1) * (2 * win_length + 2 * (n_fft // radix) ** 2))


def _outputs_of_halves(strides: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The even and the odd outputs of step 2, each in the order of the bins that they give."""
    order = np.empty(strides, dtype=np.int64)
    order[::2] = np.arange(strides // 2)
    order[1::2] = strides - 1 - np.arange(strides // 2)
    return order[order % 2 == 0], order[order % 2 == 1]


def _matrices_of_halves(strides: int) -> NDArray[np.float64]:
    """Step 2, (2, S, S): the even and the odd outputs from the sums and the differences of the butterfly.

    Rows are the real parts of S / 2 outputs, then their imaginary parts; columns are the real and imaginary parts of
    input 0, then of input 1, and so on.
    """
    sample = np.arange(strides // 2)
    matrices = np.empty((2, 2, strides // 2, strides // 2, 2))
    for half, outputs in enumerate(_outputs_of_halves(strides)):
        turns = np.exp(-2j * np.pi * ((outputs[:, None] * sample) % strides) / strides)
        matrices[half, 0, :, :, 0], matrices[half, 0, :, :, 1] = turns.real, -turns.imag
        matrices[half, 1, :, :, 0], matrices[half, 1, :, :, 1] = turns.imag, turns.real
    return matrices.reshape(2, strides, strides)
