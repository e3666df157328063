"""The warp of the mel axis: where tones go, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.augment.vtlp import Vtlp, VtlpParams
from vivavoce.dsp.features import FeatureConfig, log_mel
from vivavoce.errors import ConfigError, DataError


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.05, 1.1])
@pytest.mark.parametrize("hertz", [500.0, 1200.0, 2500.0, 4000.0])
def test_a_tone_lands_on_the_bin_of_the_moved_tone(factor: float, hertz: float) -> None:
    def tone(frequency: float) -> np.ndarray:
        return log_mel(np.sin(2 * np.pi * frequency * np.arange(8000) / 16000).astype(np.float32), FeatureConfig())

    warped = Vtlp.for_features(FeatureConfig()).apply(tone(hertz), VtlpParams(factor))
    expected = tone(factor * hertz)
    assert abs(int(warped.mean(axis=0).argmax()) - int(expected.mean(axis=0).argmax())) <= 1


def test_one_is_the_identity_and_the_top_stays() -> None:
    features = np.random.default_rng(0).standard_normal((50, 80)).astype(np.float32)
    vtlp = Vtlp()
    np.testing.assert_array_equal(vtlp.apply(features, VtlpParams(1.0)), features)
    for factor in (0.9, 1.1):
        places = vtlp.source_bins(80, factor)
        assert (np.diff(places) > 0).all()
        assert places[-1] == pytest.approx(79, abs=0.2)
        warped = vtlp.apply(features, VtlpParams(factor))
        assert warped.shape == features.shape
        assert warped.dtype == np.float32
        assert features.min() <= warped.min() <= warped.max() <= features.max()


def test_down_and_up_again_is_nearly_nothing() -> None:
    smooth = np.cos(np.linspace(0, 6, 80))[None].repeat(3, axis=0).astype(np.float32)
    vtlp = Vtlp()
    there = vtlp.apply(smooth, VtlpParams(1.08))
    back = vtlp.apply(there, VtlpParams(1 / 1.08))
    np.testing.assert_allclose(back[:, 5:70], smooth[:, 5:70], atol=0.02)
    assert np.abs(there - smooth).max() > 0.1


def test_draw_and_faults() -> None:
    rng = np.random.default_rng(1)
    factors = [Vtlp(0.85, 1.2).draw(rng, 10, 80).factor for _ in range(500)]
    assert 0.85 <= min(factors) < 0.86
    assert 1.19 < max(factors) <= 1.2
    with pytest.raises(ConfigError):
        Vtlp(1.1, 0.9)
    with pytest.raises(ConfigError):
        Vtlp(knee_hz=9000)
    with pytest.raises(DataError):
        Vtlp().apply(np.zeros(80), VtlpParams(1.1))
