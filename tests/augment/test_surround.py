"""How much quiet, how quiet, and where the word stands in it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.noise import COLOURS
from vivavoce.augment.surround import SILENT_SHARE, Surround, SurroundParams, most_added
from vivavoce.errors import ConfigError

RATE = 16000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_length_type_and_range(num_samples: int, seed: int, seconds: float) -> None:
    rng = np.random.default_rng(seed)
    waveform = (rng.standard_normal(num_samples) * 0.1).astype(np.float32)
    before = waveform.copy()
    surround = Surround(seconds)
    params = surround.draw(rng, num_samples, RATE)
    longer = surround.apply(waveform, params)
    assert longer.dtype == np.float32
    assert len(longer) == params.lead_samples + num_samples + params.tail_samples
    assert max(params.lead_samples, params.tail_samples) <= seconds * RATE
    assert np.isfinite(longer).all()
    np.testing.assert_array_equal(waveform, before)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_word_stands_in_noise_at_its_level(colour: str) -> None:
    word = (0.1 * np.random.default_rng(0).standard_normal(6000)).astype(np.float32)
    longer = Surround().apply(word, SurroundParams(1000, 3000, colour, 0.99, 0.01, RATE))
    silent = Surround().apply(word, SurroundParams(1000, 3000, colour, 0.99, 0.0, RATE))
    np.testing.assert_array_equal(silent[1080:6920], word[80:-80])
    assert np.abs(silent[1000]) < 0.01 * np.abs(word[0])
    assert np.abs(silent[6999]) < 0.01 * np.abs(word[-1])
    assert not silent[:1000].any()
    assert not silent[7000:].any()
    quiet = longer - silent
    assert 10 * np.log10(np.mean(quiet**2) / np.mean(word**2)) == pytest.approx(-40.0, abs=0.01)
    pieces = [float(np.mean(piece**2)) for piece in quiet.reshape(10, 1000)]
    assert min(pieces) > 0.0  # it neither begins nor ends with the word


def test_a_silent_word_stays_in_silence() -> None:
    assert not Surround().apply(np.zeros(800, np.float32), SurroundParams(100, 100, "pink", 0.5, 0.05, RATE)).any()


def test_what_is_drawn_over_many() -> None:
    rows = Surround(0.4).draw_rows(np.random.default_rng(0), 4000)
    for seconds in (rows.lead_seconds, rows.tail_seconds):
        assert 0.0 <= seconds.min() < 0.01
        assert 0.39 < seconds.max() <= 0.4
    assert abs(np.corrcoef(rows.lead_seconds, rows.tail_seconds)[0, 1]) < 0.1
    assert np.mean(rows.gain == 0.0) == pytest.approx(SILENT_SHARE, abs=0.02)
    levels = 20 * np.log10(rows.gain[rows.gain > 0.0])
    assert -60.0 <= levels.min() < -59.5
    assert -25.5 < levels.max() <= -25.0
    assert set(rows.colour) == set(range(len(COLOURS)))


def test_only_short_recordings_gain_anything() -> None:
    assert most_added(1.4999, 0.4) == 0.8
    assert most_added(1.5, 0.4) == most_added(9.0, 0.4) == 0.0


@pytest.mark.parametrize("seconds", [-0.1, math.inf, math.nan])
def test_impossible_lengths_are_refused(seconds: float) -> None:
    with pytest.raises(ConfigError, match="surround is"):
        Surround(seconds)
