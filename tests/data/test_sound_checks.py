from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.data.sound_checks import NOISE_FLATNESS, find_noise, flatness


def test_flatness() -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(32000)).astype(np.float32)
    assert flatness(noise) == pytest.approx(np.exp(-np.euler_gamma), abs=0.02)  # of an exponential distribution
    assert flatness(noise[:800]) > NOISE_FLATNESS
    assert flatness(np.sin(np.arange(32000) / 7).astype(np.float32)) < 0.01
    for quiet in (np.zeros(0, np.float32), np.zeros(1000, np.float32)):
        assert flatness(quiet) == 0.0


def test_the_wrong_byte_order_is_found(tmp_path: Path, data_root: Path) -> None:
    """Real speech as it is, and the same with the bytes of each sample exchanged."""
    speech = sorted((data_root / "librispeech" / "test-dev-clean-4").rglob("*.*"))
    paths = [path for path in speech if path.suffix in (".mp3", ".opus", ".flac")][:12]
    utterances = []
    for number, path in enumerate(paths):
        samples = soundfile.read(path, dtype="int16")[0]
        for name, written in (("right", samples), ("wrong", samples.byteswap())):
            soundfile.write(tmp_path / f"{name}{number}.wav", written, 16000, subtype="PCM_16")
            utterances.append(Utterance(f"{name}{number}", str(tmp_path / f"{name}{number}.wav"), "x", 1.0))
    found, tried = find_noise(utterances)
    assert tried == 24
    assert [utterance.id for utterance in found] == [f"wrong{number}" for number in range(12)]


def test_a_sample_is_spread_and_faults_are_passed_over(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(8000)
    soundfile.write(tmp_path / "noise.wav", noise, 16000)
    utterances = [Utterance(str(n), str(tmp_path / "noise.wav"), "x", 0.5) for n in range(100)]
    utterances[0] = Utterance("0", str(tmp_path / "missing.wav"), "x", 0.5)
    found, tried = find_noise(utterances, sample=10)
    assert (tried, [utterance.id for utterance in found]) == (9, [str(n) for n in range(10, 100, 10)])
    assert find_noise([], sample=10) == ([], 0)
