"""Mu-law: the formula sample by sample, there and back, G.711 as libsndfile writes it, what is refused."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.mu_law import compress, expand, mu_law_decode, mu_law_encode
from vivavoce.errors import AudioError, ConfigError


@given(st.floats(-1.0, 1.0, width=32), st.sampled_from([2, 16, 256, 1024]))
def test_a_sample_is_where_the_formula_says(sample: float, levels: int) -> None:
    mu = levels - 1
    place = math.copysign(math.log(1 + mu * abs(sample)) / math.log(1 + mu), sample)
    assert float(compress(np.array(sample), levels)) == pytest.approx(place, abs=1e-6)
    wanted = (place + 1) / 2 * mu + 0.5
    if abs(wanted - round(wanted)) > 1e-4:  # on the border between two levels float32 decides
        assert int(mu_law_encode(np.array(sample), levels)) == math.floor(wanted)


def test_levels_come_back_as_they_were() -> None:
    for levels in (2, 16, 255, 256):
        codes = np.arange(levels)
        samples = mu_law_decode(codes, levels)
        assert np.array_equal(mu_law_encode(samples, levels), codes)
        assert (np.diff(samples) > 0).all()
        assert (samples[0], samples[-1]) == (-1.0, 1.0)


def test_small_samples_get_small_steps() -> None:
    steps = np.diff(mu_law_decode(np.arange(256)))
    assert steps[127] == pytest.approx(2 * (256 ** (1 / 255) - 1) / 255, rel=1e-5)  # the two levels around zero
    assert (np.diff(steps[128:]) > 0).all()
    assert steps[-1] / steps[127] > 100
    x = np.linspace(-1, 1, 10001).astype(np.float32)
    np.testing.assert_allclose(expand(compress(x)), x, atol=1e-6)
    assert mu_law_encode(np.zeros(3)).tolist() == [128] * 3


def test_as_fine_as_g711() -> None:
    """The telephone's codec follows the same curve with straight pieces: errors of the same size at every loudness."""
    rng = np.random.default_rng(0)
    for level in (0.5, 0.1, 0.02, 0.004):
        waveform = level * rng.uniform(-1, 1, 20000)
        file = io.BytesIO()
        soundfile.write(file, waveform, 8000, subtype="ULAW", format="WAV")
        file.seek(0)
        telephone, _ = soundfile.read(file)
        ours = mu_law_decode(mu_law_encode(waveform))
        ratio = np.std(ours - waveform) / np.std(telephone - waveform)
        assert 0.7 < ratio < 1.4, level


def test_beyond_full_scale_and_bad_input() -> None:
    assert mu_law_encode(np.array([-2.0, 2.0])).tolist() == [0, 255]
    assert mu_law_encode(np.zeros((2, 3))).shape == (2, 3)
    assert mu_law_decode(np.zeros(0, np.int64)).shape == (0,)
    with pytest.raises(AudioError, match="not finite"):
        mu_law_encode(np.array([0.0, np.nan]))
    with pytest.raises(AudioError, match="expected 0 to 255"):
        mu_law_decode(np.array([256]))
    with pytest.raises(ConfigError, match="levels is 1"):
        mu_law_encode(np.zeros(1), levels=1)
