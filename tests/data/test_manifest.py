from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivavoce.data.manifest import Utterance, read_for_training, read_manifest, write_manifest
from vivavoce.errors import ConfigError, DataError

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
UTTERANCES = st.builds(
    Utterance,
    id=st.text("abc-0123", min_size=1, max_size=10),
    audio=st.text("abcé ", min_size=1, max_size=10).map(lambda name: f"/audio/{name}.flac"),
    text=TEXT,
    duration_seconds=st.integers(0, 10**6).map(lambda n: n / 10**4),
    offset_seconds=st.floats(0.0, 100.0),
    speaker=st.text("xyz", max_size=5),
    extra=st.dictionaries(st.sampled_from(["corpus", "age", "accent"]), TEXT | st.integers(0, 99), max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(UTTERANCES, min_size=1, max_size=10))
def test_round_trip(tmp_path, rows):
    assert write_manifest(tmp_path / "m.jsonl", rows) == len(rows)
    assert read_manifest(tmp_path / "m.jsonl") == rows


def test_rows_have_the_names_nemo_reads_and_paths_relative_to_the_manifest(tmp_path):
    inside, outside = tmp_path / "m" / "audio" / "a.wav", tmp_path / "b.wav"
    write_manifest(
        tmp_path / "m" / "m.jsonl", [Utterance("a", str(inside), "x", 1.25), Utterance("b", str(outside), "y", 2.0)]
    )
    rows = [json.loads(line) for line in (tmp_path / "m" / "m.jsonl").read_text().splitlines()]
    assert [row["audio_filepath"] for row in rows] == ["audio/a.wav", outside.as_posix()]
    assert (rows[0]["duration"], rows[0]["text"]) == (1.25, "x")
    assert [u.audio for u in read_manifest(tmp_path / "m" / "m.jsonl")] == [str(inside), str(outside)]


def test_a_foreign_nemo_row_without_id_gets_the_file_name(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "x/y.wav", "duration": 1, "text": "t", "lang": "en"}\n\n')
    (utterance,) = read_manifest(tmp_path / "m.jsonl")
    assert utterance == Utterance("y", str(tmp_path / "x" / "y.wav"), "t", 1.0, extra={"lang": "en"})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "not JSON"),
        ("[1]", "list"),
        ('{"audio_filepath": "a", "text": "t"}', "no 'duration'"),
        ('{"audio_filepath": "a", "duration": "long", "text": "t"}', "numbers of seconds"),
        ('{"audio_filepath": "a", "duration": -1, "text": "t"}', "not negative"),
        ('{"audio_filepath": "a", "duration": NaN, "text": "t"}', "finite"),
        ('{"audio_filepath": "a", "duration": 1, "text": 5}', "expected a string"),
        ('{"audio_filepath": null, "duration": 1, "text": "t"}', "audio_filepath is None"),
        ('{"audio_filepath": "", "duration": 1, "text": "t"}', "audio_filepath is ''"),
        ('{"audio_filepath": "a", "duration": 1' + 400 * "0" + ', "text": "t"}', "numbers of seconds"),
        ('{"audio_filepath": "a", "duration": 1' + 9999 * "0" + ', "text": "t"}', "not JSON"),
    ],
)
def test_malformed_lines_are_named(tmp_path, line, fault):
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "a", "duration": 1, "text": "t"}\n' + line + "\n")
    with pytest.raises(DataError, match=f"line 2.*{fault}"):
        read_manifest(tmp_path / "m.jsonl")


def test_missing_and_empty_manifests(tmp_path):
    with pytest.raises(DataError, match="not a file"):
        read_manifest(tmp_path / "none.jsonl")
    (tmp_path / "m.jsonl").write_bytes(b"RIFF\xff\xfe")
    with pytest.raises(DataError, match=r"m\.jsonl is not UTF-8 text"):
        read_manifest(tmp_path / "m.jsonl")
    (tmp_path / "m.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no utterance"):
        read_manifest(tmp_path / "m.jsonl")


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "a", "duration": 1, "text": "t"}\n', encoding="utf-8-sig")
    assert [u.text for u in read_manifest(tmp_path / "m.jsonl")] == ["t"]


def test_what_cannot_be_written_is_said_before_the_utterances_are_made(tmp_path):
    (tmp_path / "file").write_text("")

    def made():
        raise AssertionError("made")
        yield

    with pytest.raises(DataError, match="is a folder; name a file"):
        write_manifest(tmp_path, made())
    with pytest.raises(DataError, match=r"file/m\.jsonl cannot be written: (File exists|Not a directory)"):
        write_manifest(tmp_path / "file" / "m.jsonl", made())


def test_only_train_parts_are_trained_on(tmp_path):
    for part in ("train", "test"):
        write_manifest(tmp_path / f"{part}.jsonl", [Utterance(part, "/a.wav", "x", 1.0, extra={"part": part})])
    write_manifest(tmp_path / "own.jsonl", [Utterance("own", "/b.wav", "y", 1.0)])  # of no corpus's part
    own, train = str(tmp_path / "own.jsonl"), str(tmp_path / "train.jsonl")
    assert [[u.id for u in rows] for rows in read_for_training([own, train])] == [["own"], ["train"]]
    with pytest.raises(DataError, match="holds test of part 'test'; train on train parts only"):
        read_for_training([own, tmp_path / "test.jsonl"])
    with pytest.raises(ConfigError, match="no manifests were given"):
        read_for_training([])
