"""Mean normalisation, of whole utterances and running."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.cmn import RunningMean, normalize_mean
from vivavoce.errors import ConfigError, DataError

FRAMES = np.random.default_rng(0).normal(5.0, 3.0, (400, 6)).astype(np.float32)


def test_means_vanish_and_deviations_become_one() -> None:
    centred = normalize_mean(FRAMES)
    np.testing.assert_allclose(centred.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(centred.std(axis=0), FRAMES.std(axis=0), rtol=1e-5)
    scaled = normalize_mean(FRAMES, variance=True)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    assert not normalize_mean(np.ones((4, 2), np.float32), variance=True).any()


def test_a_channels_gain_leaves_no_trace() -> None:
    shifted = FRAMES + np.arange(6, dtype=np.float32)
    np.testing.assert_allclose(normalize_mean(shifted), normalize_mean(FRAMES), atol=1e-5)


@given(st.integers(1, 30), st.lists(st.integers(0, 120), max_size=10))
def test_the_running_mean_does_not_depend_on_the_chunks(window: int, cuts: list[int]) -> None:
    frames = FRAMES[:120]
    whole = RunningMean(window, 6).accept(frames)
    running = RunningMean(window, 6)
    pieces = [running.accept(chunk) for chunk in np.split(frames, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    for t in (0, 1, window, 119):
        recent = frames[max(0, t - window + 1) : t + 1].astype(np.float64)
        np.testing.assert_allclose(whole[t], frames[t] - recent.mean(axis=0), atol=1e-5)


def test_reset_forgets() -> None:
    running = RunningMean(10, 6)
    first = running.accept(FRAMES[:50])
    running.reset()
    np.testing.assert_array_equal(running.accept(FRAMES[:50]), first)


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match=r"\(0, 6\)"):
        normalize_mean(FRAMES[:0])
    with pytest.raises(DataError, match=r"\(400, 6\)"):
        RunningMean(10, 5).accept(FRAMES)
    with pytest.raises(ConfigError, match="window_frames is 0"):
        RunningMean(0, 5)
