"""What is left of the spectrum, what codecs do, and that time stands still."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.band_limit import (
    CODECS,
    BandLimit,
    BandLimitParams,
    a_law,
    encode,
    mu_law,
    quantize,
    telephone_filter,
)
from vivavoce.errors import ConfigError

RATE = 16000


def tone(hertz: float, rate: int = RATE, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.float32)


def middle_db(waveform: np.ndarray) -> float:
    cut = len(waveform) // 4
    return 10 * np.log10(np.mean(waveform[cut:-cut].astype(np.float64) ** 2) + 1e-20)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 10_000))
def test_length_type_and_range(num_samples: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    waveform = (rng.standard_normal(num_samples) * 0.1).astype(np.float32)
    limit = BandLimit()
    limited = limit.apply(waveform, limit.draw(rng, num_samples, RATE))
    assert limited.dtype == np.float32
    assert limited.shape == (num_samples,)
    assert np.isfinite(limited).all()


@pytest.mark.parametrize("band_rate", [8000, 11025, 12000])
def test_only_the_lower_band_is_left(band_rate: int) -> None:
    params = BandLimitParams(band_rate, False, "none", RATE)
    kept, lost = tone(0.4 * band_rate), tone(0.55 * band_rate)
    assert middle_db(BandLimit().apply(kept, params)) == pytest.approx(middle_db(kept), abs=0.1)
    assert middle_db(BandLimit().apply(lost, params)) < middle_db(lost) - 60


@pytest.mark.parametrize(("hertz", "change_db"), [(100, -25), (1000, 0), (2500, 0), (3800, -40)])
def test_the_telephone_band(hertz: float, change_db: float) -> None:
    waveform = tone(hertz, 8000)
    changed = middle_db(telephone_filter(8000).apply(waveform)) - middle_db(waveform)
    assert changed == pytest.approx(0, abs=0.2) if change_db == 0 else changed < change_db


@pytest.mark.parametrize("telephone", [False, True])
@pytest.mark.parametrize("band_rate", [8000, 11025])
def test_nothing_is_late(band_rate: int, telephone: bool) -> None:
    waveform = np.zeros(8000, np.float32)
    waveform[2000:3000] = np.random.default_rng(0).standard_normal(1000) * 0.1
    limited = BandLimit().apply(waveform, BandLimitParams(band_rate, telephone, "none", RATE))
    likeness = np.correlate(limited, waveform[2000:3000], "valid")
    assert np.argmax(likeness) == 2000


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_keep_silence_and_repeat_themselves(codec: str) -> None:
    assert not encode(np.zeros(100, np.float32), codec).any()
    waveform = np.random.default_rng(1).uniform(-1.2, 1.2, 5000).astype(np.float32)
    once = encode(waveform, codec)
    assert once.dtype == np.float32
    np.testing.assert_allclose(encode(once, codec), once, atol=1e-6)


@pytest.mark.parametrize(("law", "floor_db"), [(mu_law, 35), (a_law, 35)])
def test_companding_keeps_its_ratio_over_thirty_decibels(law: object, floor_db: float) -> None:
    for amplitude in (0.9, 0.1, 0.03):
        waveform = tone(440, amplitude=amplitude).astype(np.float64)
        error = law(waveform.astype(np.float32)) - waveform  # type: ignore[operator]
        assert 10 * np.log10(np.mean(waveform**2) / np.mean(error**2)) > floor_db
        assert len(np.unique(law(waveform.astype(np.float32)))) <= 257  # type: ignore[operator]


def test_linear_steps() -> None:
    waveform = np.random.default_rng(2).uniform(-1, 0.99, 5000).astype(np.float32)
    assert np.abs(quantize(waveform, 8) - waveform).max() <= 1 / 256 + 1e-7
    assert len(np.unique(quantize(waveform, 8))) <= 256


def test_draws_and_faults() -> None:
    limit, rng = BandLimit(), np.random.default_rng(3)
    drawn = [limit.draw(rng, 100, RATE) for _ in range(1000)]
    assert {params.band_rate for params in drawn} == {8000, 11025, 12000}
    assert {params.codec for params in drawn} == set(CODECS)
    assert all(params.band_rate == 8000 for params in drawn if params.telephone or params.codec != "none")
    with pytest.raises(ConfigError, match="gsm"):
        BandLimit(codecs=("gsm",))
    with pytest.raises(ConfigError, match="gsm"):
        encode(np.zeros(3, np.float32), "gsm")


def test_a_rate_that_is_not_lower_changes_nothing() -> None:
    waveform = tone(3000, 8000)
    limited = BandLimit().apply(waveform, BandLimitParams(8000, False, "none", 8000))
    np.testing.assert_array_equal(limited, waveform)
    assert limited is not waveform
