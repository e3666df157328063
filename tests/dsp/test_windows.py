"""Windows against scipy, and the sums that an inverse STFT relies on."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from vivavoce.dsp.windows import WINDOWS, window
from vivavoce.errors import ConfigError


@pytest.mark.parametrize("length", [2, 5, 400, 401])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
def test_periodic_windows_are_scipys(name: str, length: int) -> None:
    np.testing.assert_allclose(window(name, length), scipy.signal.get_window(name, length), atol=1e-15)


@pytest.mark.parametrize("name", ["hann", "hamming"])
def test_symmetric_windows_are_scipys(name: str) -> None:
    theirs = scipy.signal.get_window(name, 400, fftbins=False)
    np.testing.assert_allclose(window(f"{name}_symmetric", 400), theirs, atol=1e-15)


def test_poveys_window_touches_zero_and_is_wider_than_hann() -> None:
    povey, hann = window("povey", 401), window("hann_symmetric", 401)
    assert povey[0] == povey[-1] == 0
    assert povey[200] == pytest.approx(1)
    assert (povey[1:-1] >= hann[1:-1] - 1e-12).all()


def test_hann_windows_add_up_to_a_constant() -> None:
    overlapped = window("hann", 400).reshape(4, 100).sum(axis=0)
    np.testing.assert_allclose(overlapped, 2.0, atol=1e-12)


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_of_one_sample_keeps_it(name: str) -> None:
    assert window(name, 1).tolist() == [1.0]


def test_wrong_names_and_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="kaiser"):
        window("kaiser", 10)
    with pytest.raises(ConfigError, match="length is 0"):
        window("hann", 0)
