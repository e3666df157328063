"""The cosine transform, the lifter and the deltas against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.mfcc import append_deltas, dct_matrix, deltas, lifter_weights
from vivavoce.errors import ConfigError


@given(st.integers(1, 128), st.data())
def test_the_transform_is_scipys(num_in: int, data: st.DataObject) -> None:
    num_out = data.draw(st.integers(1, num_in))
    expected = scipy.fft.dct(np.eye(num_in), type=2, norm="ortho", axis=0)[:num_out]
    np.testing.assert_allclose(dct_matrix(num_out, num_in), expected, atol=1e-13)


@pytest.mark.parametrize("width", [3, 5, 9])
def test_a_delta_is_the_slope_of_a_line_of_least_squares(width: int) -> None:
    frames = np.random.default_rng(0).standard_normal((60, 13))
    expected = scipy.signal.savgol_filter(frames, width, polyorder=1, deriv=1, axis=0, mode="nearest")
    np.testing.assert_allclose(deltas(frames, width), expected, atol=1e-12)


def test_second_deltas_are_deltas_of_deltas() -> None:
    frames = np.random.default_rng(1).standard_normal((30, 4)).astype(np.float32)
    result = append_deltas(frames, order=2, width=5)
    assert result.shape == (30, 12)
    np.testing.assert_array_equal(result[:, :4], frames)
    np.testing.assert_array_equal(result[:, 8:], deltas(deltas(frames, 5), 5))


@given(st.integers(0, 6))
def test_few_frames_have_deltas_too(count: int) -> None:
    frames = np.arange(count, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    result = deltas(frames, 9)
    assert result.shape == frames.shape
    assert np.isfinite(result).all()


def test_the_lifter_follows_its_formula() -> None:
    weights = lifter_weights(13, 22.0)
    assert weights[0] == 1
    assert weights[11] == pytest.approx(12.0)
    assert lifter_weights(5, 0).tolist() == [1.0] * 5


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="14 cepstra of 13"):
        dct_matrix(14, 13)
    with pytest.raises(ConfigError, match="width is 4"):
        deltas(np.zeros((5, 2)), 4)
    with pytest.raises(ConfigError, match="lifter is -1"):
        lifter_weights(13, -1.0)
