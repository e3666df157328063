"""Copies as MP3s: the same speech with the codec's holes, kept once made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.audio import probe, read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.recode import RATES_KBPS, recode
from vivavoce.data.recordings import read_utterance
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
    assert copies[0].extra == {"corpus": "made", "of": ["whole"]}
    assert copies[1].extra == {"of": ["part"]}
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


def test_a_copy_of_a_copy_names_both(tmp_path: Path, utterances: list[Utterance]) -> None:
    again = list(recode(list(recode(utterances, tmp_path / "mp3")), tmp_path / "mp3"))
    assert [(copy.id, copy.extra["of"]) for copy in again] == [
        ("whole-mp3-mp3", ["whole-mp3", "whole"]),
        ("part-mp3-mp3", ["part-mp3", "part"]),
    ]


def test_utterances_of_one_id_have_copies_of_their_own(tmp_path: Path, babble: Babble) -> None:
    """As in manifests without ids: two parts of a file, files of one name in two folders, and one twice."""
    for folder, seed in (("a", 3), ("b", 4)):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "001.wav", babble(6.0, seed=seed), 16000)
    places = [("a", 4.0, 0.0), ("a", 1.0, 4.5), ("a", 1.0, 3.0), ("b", 4.0, 0.0), ("b", 4.0, 0.0)]
    rows = [Utterance("001", str(tmp_path / folder / "001.wav"), "t", *part) for folder, *part in places]
    copies = list(recode(rows, tmp_path / "mp3", kbps=(64,), workers=4))
    assert len({copy.audio for copy in copies}) == 4
    assert len(list((tmp_path / "mp3").iterdir())) == 4
    for row, copy in zip(rows, copies, strict=True):
        before, after = read_utterance(row, 16000), read_waveform(copy.audio, 16000)
        assert 0 <= len(after) - len(before) < 2500
        count = len(before) - 2400
        best = max(float(before[:count] @ after[lag : lag + count]) for lag in range(0, 2400, 2))
        assert best > 0.6 * float(before[:count] @ before[:count])


def test_a_copy_of_another_rate_is_not_taken(tmp_path: Path, utterances: list[Utterance]) -> None:
    low, high = (list(recode(utterances, tmp_path / "mp3", kbps=(rate,))) for rate in (16, 64))
    for small, large in zip(low, high, strict=True):
        assert 3 * Path(small.audio).stat().st_size < Path(large.audio).stat().st_size


def test_each_rate_is_the_one_that_is_written(tmp_path: Path, utterances: list[Utterance]) -> None:
    for rate in RATES_KBPS:
        copy = next(recode(utterances[:1], tmp_path / "mp3", kbps=(rate,)))
        assert Path(copy.audio).stat().st_size * 8 / copy.duration_seconds == pytest.approx(1000 * rate, rel=0.05)


def test_what_cannot_be_is_refused(tmp_path: Path, utterances: list[Utterance]) -> None:
    for wrong in ((), (4,), (24, 320), (17,), (20,), (16, 100)):
        with pytest.raises(ConfigError, match="kbps"):
            list(recode(utterances, tmp_path / "mp3", kbps=wrong))
    with pytest.raises(AudioError, match="gone"):
        list(recode([Utterance("x", str(tmp_path / "gone.wav"), "t", 1.0)], tmp_path / "mp3"))
    with pytest.raises(AudioError, match="before late begins"):
        list(recode([Utterance("late", utterances[0].audio, "t", 1.0, 6.5)], tmp_path / "mp3"))
    assert not [path for path in (tmp_path / "mp3").iterdir() if path.suffix == ".mp3"]
