"""Dither by its statistics."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.dsp.dither import gaussian_dither, triangular_dither
from vivavoce.errors import ConfigError


def test_rounding_errors_no_longer_follow_the_signal() -> None:
    # A level a quarter of the way between two steps of 8 bits: rounding alone would lose it.
    constant = np.full(200_000, 0.25 / 128, np.float32)
    rounded = np.round(triangular_dither(constant, np.random.default_rng(0), bits=8) * 128) / 128
    assert rounded.mean() == pytest.approx(0.25 / 128, rel=0.02)
    # The variance is a quarter of a squared step, wherever the level lies.
    for place in (0.0, 0.25, 0.5):
        level = np.full(200_000, place / 128, np.float32)
        error = np.round(triangular_dither(level, np.random.default_rng(1), bits=8) * 128) - place
        assert error.var() == pytest.approx(0.25, rel=0.03)


def test_noise_is_no_larger_than_one_step() -> None:
    noise = triangular_dither(np.zeros(100_000), np.random.default_rng(0), bits=16)
    assert 0.95 / 32768 < np.abs(noise).max() <= 1 / 32768


def test_gaussian_noise_has_its_level() -> None:
    noise = gaussian_dither(np.zeros(100_000, np.float32), np.random.default_rng(0), level_db=-60.0)
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1e-3, rel=0.02)


def test_impossible_bits_are_refused() -> None:
    with pytest.raises(ConfigError, match="bits is 1"):
        triangular_dither(np.zeros(3), np.random.default_rng(0), bits=1)
