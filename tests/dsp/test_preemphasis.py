"""Pre-emphasis and its inverse against scipy's filters."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.preemphasis import de_emphasize, pre_emphasize
from vivavoce.errors import ConfigError


@given(st.integers(1, 3000), st.sampled_from([0.0, 0.5, 0.97, 0.999]))
def test_both_are_scipys_filters(num_samples: int, coefficient: float) -> None:
    waveform = np.random.default_rng(0).standard_normal(num_samples)
    raised = pre_emphasize(waveform, coefficient)
    np.testing.assert_allclose(raised, scipy.signal.lfilter([1, -coefficient], [1], waveform), atol=1e-12)
    np.testing.assert_allclose(
        de_emphasize(waveform, coefficient), scipy.signal.lfilter([1], [1, -coefficient], waveform), atol=1e-9
    )
    np.testing.assert_allclose(de_emphasize(raised, coefficient), waveform, atol=1e-9)


def test_chunks_follow_on_from_each_other() -> None:
    waveform = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    first, second = waveform[:300], waveform[300:]
    joined = np.concatenate([pre_emphasize(first), pre_emphasize(second, previous=float(first[-1]))])
    np.testing.assert_allclose(joined, pre_emphasize(waveform), atol=1e-7)
    low = de_emphasize(first)
    joined = np.concatenate([low, de_emphasize(second, previous=float(low[-1]))])
    np.testing.assert_allclose(joined, de_emphasize(waveform), atol=1e-4)
    assert joined.dtype == np.float32
    assert len(pre_emphasize(waveform[:0])) == len(de_emphasize(waveform[:0])) == 0


@pytest.mark.parametrize("coefficient", [-0.1, 1.0])
def test_impossible_coefficients_are_refused(coefficient: float) -> None:
    with pytest.raises(ConfigError, match="coefficient"):
        pre_emphasize(np.zeros(3), coefficient)
    with pytest.raises(ConfigError, match="coefficient"):
        de_emphasize(np.zeros(3), coefficient)
