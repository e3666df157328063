"""Copies as MP3s: the same speech with the codec's holes, kept once made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.audio import probe, read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.recode import recode
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import AudioError, ConfigError

Babble = Callable[..., np.ndarray]
FLOOR = np.log(FeatureConfig().log_floor)


@pytest.fixture
def utterances(tmp_path: Path, babble: Babble) -> list[Utterance]:
    soundfile.write(tmp_path / "a.wav", babble(6.0, seed=3), 16000)
    whole = Utterance("whole", str(tmp_path / "a.wav"), "text", 6.0, extra={"corpus": "made"})
    part = Utterance("part", str(tmp_path / "a.wav"), "te", 2.0, 1.5)
    return [whole, part]


def test_copies_are_the_same_speech_with_holes(tmp_path: Path, utterances: list[Utterance]) -> None:
    copies = list(recode(utterances, tmp_path / "mp3", kbps=(24,)))
    assert [copy.id for copy in copies] == ["whole-mp3", "part-mp3"]
    assert copies[0].text == "text"
    assert copies[0].extra == {"corpus": "made"}
    for utterance, copy in zip(utterances, copies, strict=True):
        assert copy.offset_seconds == 0.0
        assert copy.duration_seconds == probe(copy.audio).duration_seconds
        assert 0 <= copy.duration_seconds - utterance.duration_seconds < 0.11
        first = round(16000 * utterance.offset_seconds)
        before = read_waveform(utterance.audio, 16000)[first : first + round(16000 * utterance.duration_seconds)]
        after = read_waveform(copy.audio, 16000)
        products = [float(before[:-1200] @ after[lag : lag + len(before) - 1200]) for lag in range(0, 1200, 4)]
        assert max(products) > 0.6 * float(before[:-1200] @ before[:-1200])
        config = FeatureConfig()
        assert (features(before, config)[:, -4:] > FLOOR + 0.1).mean() > 0.5
        assert (features(after, config)[:, -4:] > FLOOR + 0.1).mean() < 0.1


def test_a_copy_that_is_there_is_kept(tmp_path: Path, utterances: list[Utterance]) -> None:
    first = list(recode(utterances, tmp_path / "mp3"))
    before = Path(first[0].audio).stat().st_mtime_ns
    Path(first[1].audio).unlink()
    assert list(recode(utterances, tmp_path / "mp3")) == first
    assert Path(first[0].audio).stat().st_mtime_ns == before
    assert {path.suffix for path in (tmp_path / "mp3").iterdir()} == {".mp3"}


def test_rates_differ_among_utterances(tmp_path: Path, utterances: list[Utterance]) -> None:
    many = [Utterance(f"u{number}", utterances[0].audio, "t", 6.0) for number in range(12)]
    sizes = {Path(copy.audio).stat().st_size for copy in recode(many, tmp_path / "mp3", kbps=(16, 64))}
    assert len(sizes) == 2
    assert max(sizes) > 3 * min(sizes)


def test_what_cannot_be_is_refused(tmp_path: Path, utterances: list[Utterance]) -> None:
    for wrong in ((), (4,), (24, 320)):
        with pytest.raises(ConfigError, match="kbps"):
            list(recode(utterances, tmp_path / "mp3", kbps=wrong))
    with pytest.raises(AudioError, match="gone"):
        list(recode([Utterance("x", str(tmp_path / "gone.wav"), "t", 1.0)], tmp_path / "mp3"))
    with pytest.raises(AudioError, match="before late begins"):
        list(recode([Utterance("late", utterances[0].audio, "t", 1.0, 6.5)], tmp_path / "mp3"))
    assert not [path for path in (tmp_path / "mp3").iterdir() if path.suffix == ".mp3"]
