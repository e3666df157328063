"""Loudness against pyloudnorm, whose class "DeMan" has the recommendation's own filters at 48 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio import read_waveform
from vivavoce.dsp.loudness import loudness_lufs
from vivavoce.dsp.resample import resample

pyloudnorm = pytest.importorskip("pyloudnorm")


@pytest.mark.parametrize("seed", range(4))
def test_noise_with_pauses(seed: int) -> None:
    """Levels over 60 dB, so that both gates shut out blocks; a whole number of steps, about which they agree."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(10.0 ** (rng.uniform(-80, -10, 40) / 20.0), 4800 * 3)
    waveform = levels * rng.standard_normal(len(levels)) * 0.3
    expected = pyloudnorm.Meter(48000, filter_class="DeMan").integrated_loudness(waveform)
    assert loudness_lufs(waveform, 48000) == pytest.approx(expected, abs=1e-6)


def test_real_speech_at_every_rate(data_root: Path) -> None:
    files = sorted((data_root / "kathleen" / "wavs").glob("*.opus"))[:3]
    if not files:
        pytest.skip("the voice's recordings are not there")
    for path in files:
        waveform = read_waveform(path, 48000)
        waveform = waveform[: len(waveform) // 4800 * 4800]
        expected = pyloudnorm.Meter(48000, filter_class="DeMan").integrated_loudness(waveform.astype(np.float64))
        assert loudness_lufs(waveform, 48000) == pytest.approx(expected, abs=1e-5)
        for rate in (16000, 22050, 44100):
            narrow = resample(waveform, 48000, rate)
            again = resample(narrow, rate, 48000)  # what lies above half the rate is lost; the rest is weighed alike
            again = again[: len(again) // 4800 * 4800].astype(np.float64)
            expected = pyloudnorm.Meter(48000, filter_class="DeMan").integrated_loudness(again)
            assert loudness_lufs(narrow, rate) == pytest.approx(expected, abs=0.02)
