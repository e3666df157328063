"""Made-up noises: their level, their variety, and that a body and gains do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.augment.textures import equalised, resonances, texture

RATE = 16000


def test_textures_have_unit_power_and_differ() -> None:
    made = [texture(np.random.default_rng(seed), 4 * RATE, RATE) for seed in range(40)]
    for sound in made:
        assert (sound.shape, sound.dtype) == ((4 * RATE,), np.float32)
        assert np.isfinite(sound).all()
        assert np.mean(sound.astype(float) ** 2) == pytest.approx(1.0, rel=1e-3)
    again = texture(np.random.default_rng(7), 4 * RATE, RATE)
    np.testing.assert_array_equal(again, made[7])
    spectra = np.array([np.abs(np.fft.rfft(sound)) for sound in made])
    bands = np.log(spectra[:, 1:].reshape(40, 32, -1).mean(axis=2))
    likeness = np.corrcoef(bands)[np.triu_indices(40, 1)]
    assert np.mean(likeness > 0.95) < 0.2  # of pairs of long-time spectra
    crests = [np.abs(sound).max() for sound in made]
    assert min(crests) < 6.0
    assert max(crests) > 20.0


@pytest.mark.parametrize("num_samples", [1, 100, 8001])
def test_any_length(num_samples: int) -> None:
    for seed in range(12):
        assert texture(np.random.default_rng(seed), num_samples, RATE).shape == (num_samples,)


def test_gains_are_within_their_range_and_smooth() -> None:
    impulse = np.zeros(RATE, np.float32)
    impulse[0] = 1.0
    gains = 20.0 * np.log10(np.abs(np.fft.rfft(equalised(impulse, np.random.default_rng(0), RATE, 15.0))))
    assert np.abs(gains).max() <= 15.0 + 1e-3
    assert gains.std() > 3.0
    assert np.abs(np.diff(gains)[200:]).max() < 0.3  # dB from one Hz to the next, above 200 Hz
    np.testing.assert_allclose(equalised(impulse, np.random.default_rng(0), RATE, 0.0), impulse, atol=1e-6)


def test_a_body_has_peaks_over_a_floor() -> None:
    impulse = np.zeros(RATE, np.float32)
    impulse[0] = 1.0
    for seed in range(8):
        gains = np.abs(np.fft.rfft(resonances(impulse, np.random.default_rng(seed), RATE)))
        assert gains.max() > 0.1
        assert gains.min() >= 10.0 ** (-50.0 / 20.0) * 0.9
