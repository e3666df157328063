"""Filterbanks by their definition; tests/parity/test_mel.py holds them to librosa and Kaldi."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.mel import MEL_SCALES, hz_to_mel, mel_filterbank, mel_to_hz
from vivavoce.errors import ConfigError


@given(st.floats(0, 24000), st.sampled_from(MEL_SCALES))
def test_mel_and_hertz_are_inverse(hz: float, scale: str) -> None:
    assert mel_to_hz(hz_to_mel(hz, scale), scale) == pytest.approx(hz, abs=1e-7)


def test_a_kilohertz_is_a_thousand_mel() -> None:
    assert hz_to_mel(1000.0, "htk") == pytest.approx(1000.0, abs=0.1)
    assert hz_to_mel(1000.0, "kaldi") == pytest.approx(1000.0, abs=0.1)
    assert hz_to_mel(1000.0, "slaney") == pytest.approx(15.0)


def test_neighbouring_filters_share_every_bin_fully() -> None:
    filters = mel_filterbank(16000, 512, 40, 100.0, 7000.0)
    centres = mel_to_hz(np.linspace(hz_to_mel(100.0), hz_to_mel(7000.0), 42)[1:-1])
    bins_hz = np.arange(257) * 16000 / 512
    between = (bins_hz > centres[0]) & (bins_hz < centres[-1])
    np.testing.assert_allclose(filters[:, between].sum(axis=0), 1.0, atol=1e-12)


@pytest.mark.parametrize("scale", MEL_SCALES)
def test_nothing_outside_the_range(scale: str) -> None:
    filters = mel_filterbank(16000, 1024, 30, 300.0, 5000.0, scale)
    bins_hz = np.arange(513) * 16000 / 1024
    assert (filters >= 0).all()
    assert not filters[:, (bins_hz <= 300) | (bins_hz >= 5000)].any()


def test_slaneys_norm_gives_every_filter_the_same_area() -> None:
    filters = mel_filterbank(16000, 1 << 16, 20, 50.0, 8000.0, "slaney", "slaney")
    np.testing.assert_allclose(filters.sum(axis=1) * 16000 / (1 << 16), 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"f_min_hz": -1.0}, "-1.0"),
        ({"f_min_hz": 5000.0, "f_max_hz": 4000.0}, "5000.0-4000.0"),
        ({"f_max_hz": 9000.0}, "9000.0"),
        ({"scale": "bark"}, "bark"),
        ({"norm": "l2"}, "l2"),
        ({"n_mels": 0}, "n_mels is 0"),
    ],
)
def test_impossible_filterbanks_are_refused(changes: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        mel_filterbank(**{"sample_rate": 16000, "n_fft": 512, "n_mels": 40, **changes})
