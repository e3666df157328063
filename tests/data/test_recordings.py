from __future__ import annotations

import pytest
import soundfile

from vivavoce.audio import read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import duration_of, find_audio, measure, utterances_of_rows
from vivavoce.errors import DataError


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus", ".mp3"])
def test_durations_are_those_of_the_decoded_samples(tmp_path, make_audio, suffix):
    path = make_audio(tmp_path / f"a{suffix}", seconds=1.37)
    samples, sample_rate = soundfile.read(path)
    assert duration_of(path) == pytest.approx(len(samples) / sample_rate, abs=1e-9)


def test_an_mp3_that_states_no_length_is_counted(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.mp3", seconds=2.0)
    content = path.read_bytes()
    assert b"Info" in content or b"Xing" in content
    tag = b"ID3\x03\x00\x00\x00\x06\x00\x00" + bytes(6 << 14)  # 96 KiB of cover picture, say
    path.write_bytes(tag + content.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4)))
    decoded = len(read_waveform(path, None)) / soundfile.info(path).samplerate
    assert abs(soundfile.info(path).duration - decoded) > 0.2  # the guess this is about
    assert duration_of(path) == pytest.approx(decoded, abs=1e-9)


def test_real_recordings_are_measured_as_decoded(data_root):
    folders = ("librispeech/test-dev-clean-4", "kathleen/wavs", "fsdd", "an4/audio")
    paths = [path for name in folders for path in sorted((data_root / name).rglob("*.*"))[3:60:7]]
    paths = [path for path in paths if path.suffix in (".mp3", ".opus", ".flac")]
    assert len(paths) > 20
    for path in paths:
        samples, sample_rate = soundfile.read(path)
        assert duration_of(path) == pytest.approx(len(samples) / sample_rate, abs=1e-9)


def test_faults_are_counted_and_named(tmp_path, make_audio):
    good = make_audio(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    rows = [Utterance(name, str(tmp_path / f"{name}.wav"), "x", 0.0) for name in ("good", "bad", "gone")]
    with pytest.raises(DataError, match=r"2 of 3 recordings(.|\n)*bad.wav is not readable(.|\n)*gone.wav: missing"):
        measure(rows)
    with pytest.raises(DataError, match=r"1 of 2 recordings"):
        measure(rows, skip_missing=True)
    calls: list[tuple[int, int]] = []
    (utterance,) = measure([rows[0], rows[2]], lambda done, total: calls.append((done, total)), skip_missing=True)
    assert (utterance.audio, utterance.duration_seconds) == (str(good), 0.5)
    assert calls == [(1, 1)]


def test_find_audio_keeps_dots_in_names(tmp_path, make_audio):
    path = make_audio(tmp_path / "backward_8fe67225.wav.flac")
    assert find_audio(tmp_path / "backward_8fe67225.wav") == path
    assert find_audio(tmp_path / "other") is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [("", "is empty"), ("{", "not JSON"), ('{"id": 1, "audio": "x"}', "has no text"), (None, "missing")],
)
def test_bad_listings(tmp_path, content, fault):
    if content is not None:
        (tmp_path / "train.jsonl").write_text(content)
    with pytest.raises(DataError, match=fault):
        utterances_of_rows(tmp_path / "train.jsonl", "c", "train", "free")
