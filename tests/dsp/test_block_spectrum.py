"""The two-step transform against NumPy's FFT."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.dsp.block_spectrum import BlockSpectrum
from vivavoce.dsp.windows import window

SIZES = [
    (512, 400),
    (400, 400),
    (2048, 2048),
    (1024, 1000),
    (256, 200),
    (1200, 1103),
    (160, 160),
    (28, 27),
    (8, 8),
    (4, 3),
]


def bins_in_order(spectrum: BlockSpectrum, power: np.ndarray, n_fft: int) -> np.ndarray:
    ordered = np.full((n_fft // 2 + 1, power.shape[1]), np.nan)
    kept = spectrum.row_bins >= 0
    ordered[spectrum.row_bins[kept]] = power[kept]
    return ordered


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 2e-15)])
@pytest.mark.parametrize(("n_fft", "win_length"), SIZES)
def test_power_is_that_of_the_fft(n_fft: int, win_length: int, dtype: type, tolerance: float) -> None:
    rng = np.random.default_rng(n_fft)
    taper = window("hamming", win_length)
    spectrum = BlockSpectrum(taper, n_fft, 16, dtype)
    for _ in range(2):  # the second time finds the first one's remains in the workspace
        frames = rng.standard_normal((win_length, 16))
        spectrum.frames[...] = frames
        expected = np.abs(np.fft.rfft(frames * taper[:, None], n_fft, axis=0)) ** 2
        got = bins_in_order(spectrum, spectrum.power(), n_fft)
        np.testing.assert_allclose(got, expected, atol=tolerance * expected.max(), rtol=0)


@pytest.mark.parametrize(("n_fft", "win_length"), SIZES)
def test_every_bin_stands_in_one_row(n_fft: int, win_length: int) -> None:
    rows = BlockSpectrum(window("hann", win_length), n_fft, 16, np.float32).row_bins
    assert sorted(rows[rows >= 0].tolist()) == list(range(n_fft // 2 + 1))


def test_a_frame_does_not_hear_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    spectrum = BlockSpectrum(window("hann", 400), 512, 32, np.float32)
    frames = rng.standard_normal((400, 32)).astype(np.float32)
    spectrum.frames[...] = frames
    together = spectrum.power().copy()
    for column in (0, 5, 31):
        spectrum.frames[...] = 0
        spectrum.frames[:, column] = frames[:, column]
        alone = spectrum.power()
        np.testing.assert_array_equal(alone[:, column], together[:, column])
        assert not np.delete(alone, column, axis=1).any()
