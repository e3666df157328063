"""Blocks against the sum that convolution is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.convolution import Filter


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 700), st.floats(0, 0.999), st.integers(0, 1000))
def test_equals_direct_convolution(num_samples: int, length: int, lead_share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    waveform, response = rng.standard_normal(num_samples).astype(np.float32), rng.standard_normal(length)
    lead = int(lead_share * length)
    done = Filter(response, lead).apply(waveform)
    assert done.dtype == np.float32
    assert done.shape == (num_samples,)
    if num_samples:
        expected = np.convolve(waveform.astype(np.float64), response)[lead : lead + num_samples]
        np.testing.assert_allclose(done, expected, atol=2e-5 * np.sqrt(length) * 4)


def test_one_filter_serves_many_lengths() -> None:
    rng = np.random.default_rng(0)
    made = Filter(rng.standard_normal(300))
    waveform = rng.standard_normal(50000).astype(np.float32)
    whole = made.apply(waveform)
    for num_samples in (1, 299, 20000):
        np.testing.assert_allclose(made.apply(waveform[:num_samples]), whole[:num_samples], atol=2e-4)
