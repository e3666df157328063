from __future__ import annotations

import gzip
import json

import pytest

from vivavoce.data.lhotse import read_lhotse, write_lhotse
from vivavoce.data.manifest import Utterance
from vivavoce.errors import AudioError, DataError


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_round_trip(tmp_path, make_audio, suffix):
    one = make_audio(tmp_path / "one.flac", 1.0)
    long = make_audio(tmp_path / "long.wav", 3.0, 8000)
    utterances = [
        Utterance("a", str(one), "It's é.", 1.0, speaker="s", extra={"corpus": "c", "gender": "female", "age": 7}),
        Utterance("b", str(long), "first", 1.5),
        Utterance("c", str(long), "second", 1.25, 1.5),
    ]
    recordings, supervisions = tmp_path / f"r{suffix}", tmp_path / f"s{suffix}"
    assert write_lhotse(recordings, supervisions, utterances) == 3
    assert read_lhotse(recordings, supervisions) == utterances


def test_ids_may_repeat_where_recordings_do_not(tmp_path, make_audio):
    paths = [str(make_audio(tmp_path / f"{speaker}.wav", 1.0)) for speaker in "xy"]
    utterances = [Utterance("001", path, path[-5], 1.0) for path in paths]
    recordings, supervisions = tmp_path / "r.jsonl", tmp_path / "s.jsonl"
    write_lhotse(recordings, supervisions, utterances)
    assert read_lhotse(recordings, supervisions) == utterances
    rows = [json.loads(line) for line in recordings.read_text().splitlines()]
    assert [row["id"] for row in rows] == paths
    recordings.write_text("".join(json.dumps({**row, "id": "001"}) + "\n" for row in rows))
    with pytest.raises(DataError, match="line 2: recording 001 is there already"):
        read_lhotse(recordings, supervisions)


def test_rows_are_lhotses(tmp_path, make_audio):
    path = make_audio(tmp_path / "one.opus", 1.0, 48000)
    write_lhotse(
        tmp_path / "r.jsonl.gz",
        tmp_path / "s.jsonl.gz",
        [Utterance("a", str(path), "x", 0.5, 0.25, "s", {"gender": "male", "corpus": "c"})],
    )
    with gzip.open(tmp_path / "r.jsonl.gz", "rt") as file:
        recording = json.loads(file.readline())
    assert recording == {
        "id": "a",
        "sources": [{"type": "file", "channels": [0], "source": str(path)}],
        "sampling_rate": 48000,
        "num_samples": 48000,
        "duration": 1.0,
        "channel_ids": [0],
    }
    with gzip.open(tmp_path / "s.jsonl.gz", "rt") as file:
        supervision = json.loads(file.readline())
    assert supervision == {
        "id": "a", "recording_id": "a", "start": 0.25, "duration": 0.5, "channel": 0, "text": "x", "speaker": "s",
        "gender": "male", "custom": {"corpus": "c"},
    }  # fmt: skip


def test_faults(tmp_path):
    recordings, supervisions = tmp_path / "r.jsonl", tmp_path / "s.jsonl"
    with pytest.raises(DataError, match="missing"):
        read_lhotse(recordings, supervisions)
    with pytest.raises(AudioError, match=r"gone\.wav does not exist"):
        write_lhotse(recordings, supervisions, [Utterance("a", str(tmp_path / "gone.wav"), "x", 1.0)])
    recordings.write_text('{"id": "r", "sources": [{"type": "command", "source": "x"}]}\n')
    with pytest.raises(DataError, match="not one plain file"):
        read_lhotse(recordings, supervisions)
    recordings.write_text('{"id": "r", "sources": [{"type": "file", "source": "x.wav"}]}\n')
    supervisions.write_text('{"id": "s", "recording_id": "q", "start": 0, "duration": 1}\n')
    with pytest.raises(DataError, match="recording q is not in"):
        read_lhotse(recordings, supervisions)
    supervisions.write_text('{"id": "s", "recording_id": "r", "start": 0}\n')
    with pytest.raises(DataError, match="line 1 is not a Lhotse supervision"):
        read_lhotse(recordings, supervisions)
    (tmp_path / "s.jsonl.gz").write_text("no gzip")
    with pytest.raises(DataError, match="not a Lhotse manifest"):
        read_lhotse(recordings, tmp_path / "s.jsonl.gz")
