"""Masks: how many, how wide, where, and filled with what; the warp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.spec_augment import SpecAugment, SpecAugmentParams, warp_time
from vivavoce.errors import ConfigError, DataError


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 400),
    st.integers(1, 80),
    st.integers(0, 10),
    st.integers(0, 4),
    st.integers(0, 60),
    st.integers(0, 99),
)
def test_counts_widths_and_places(frames: int, bins: int, times: int, freqs: int, widest: int, seed: int) -> None:
    masks = SpecAugment(times, widest, 0.2, freqs, 18)
    params = masks.draw(np.random.default_rng(seed), frames, bins)
    assert (len(params.time_masks), len(params.frequency_masks)) == (times, freqs)
    for first, width in params.time_masks:
        assert 0 <= first <= first + width <= frames
        assert width <= min(widest, 0.2 * frames)
    for first, width in params.frequency_masks:
        assert 0 <= first <= first + width <= bins
        assert width <= 18
    features = np.random.default_rng(seed + 1).standard_normal((frames, bins)).astype(np.float32)
    before = features.copy()
    masked = masks.apply(features, params, fill=7.0)
    assert masked.dtype == np.float32
    np.testing.assert_array_equal(features, before)
    hidden = np.zeros((frames, bins), bool)
    for first, width in params.time_masks:
        hidden[first : first + width] = True
    for first, width in params.frequency_masks:
        hidden[:, first : first + width] = True
    assert (masked[hidden] == 7.0).all()
    np.testing.assert_array_equal(masked[~hidden], features[~hidden])


def test_widths_are_uniform() -> None:
    rng, masks = np.random.default_rng(0), SpecAugment(1, 20, 1.0, 1, 10)
    drawn = [masks.draw(rng, 1000, 80) for _ in range(4000)]
    widths = np.bincount([params.time_masks[0][1] for params in drawn], minlength=21)
    assert widths.shape == (21,)
    assert np.all(np.abs(widths - 4000 / 21) < 5 * np.sqrt(4000 / 21))
    starts = np.array([params.frequency_masks[0][0] for params in drawn])
    assert starts.min() == 0
    assert starts.max() >= 75


def test_fill_by_bin() -> None:
    features = np.ones((6, 3), np.float32)
    params = SpecAugmentParams(time_masks=((1, 2),), frequency_masks=((2, 1),))
    masked = SpecAugment().apply(features, params, fill=np.array([10.0, 20.0, 30.0]))
    expected = np.ones((6, 3))
    expected[1:3] = [10, 20, 30]
    expected[:, 2] = 30
    np.testing.assert_array_equal(masked, expected)


def test_warp_moves_one_frame_and_keeps_the_ends() -> None:
    features = np.arange(101, dtype=np.float32)[:, None] * np.array([1.0, 2.0], np.float32)
    warped = warp_time(features, 40, 55)
    assert warped.shape == features.shape
    np.testing.assert_allclose(warped[[0, 55, 100], 0], [0, 40, 100], atol=1e-4)
    np.testing.assert_allclose(warped[:, 0], np.interp(np.arange(101), [0, 55, 100], [0, 40, 100]), atol=1e-4)
    with pytest.raises(DataError):
        warp_time(features, 0, 5)


def test_warp_is_drawn_only_where_it_fits() -> None:
    rng, masks = np.random.default_rng(1), SpecAugment(warp_frames=20)
    for frames in (3, 42, 43, 200):
        for _ in range(50):
            params = masks.draw(rng, frames, 80)
            assert abs(params.warp_to - params.warp_from) <= 20
            assert masks.apply(np.zeros((frames, 80)), params).shape == (frames, 80)
            assert frames > 42 or params.warp_from == 0


def test_faults() -> None:
    with pytest.raises(ConfigError):
        SpecAugment(time_masks=-1)
    with pytest.raises(DataError, match=r"\(5,\)"):
        SpecAugment().apply(np.zeros(5), SpecAugmentParams())
