"""`viva evaluate`: rates that can be counted by hand, since the references are made from the answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.evaluation.accuracy_table import accuracy_table
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]
Viva = Callable[..., Any]


@pytest.fixture
def answers(tmp_path: Path, babble: Babble, tiny_bundle: Path) -> list[Utterance]:
    """Four utterances in two files, whose text is what the bundle hears."""
    recognizer = Recognizer(tiny_bundle)
    utterances = []
    for number in range(2):
        waveform = babble(7.0, seed=30 + number)
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, waveform, 16000, subtype="FLOAT")
        for start, end in ((0.0, 7.0), (2.5, 6.0)):
            text = recognizer.transcribe(waveform[round(16000 * start) : round(16000 * end)]).text
            extra = {"corpus": f"made{number}", "part": "test"}
            utterances.append(Utterance(f"{number}-{start}", str(path), text, end - start, start, "s", extra))
    assert all(len(utterance.text.split()) > 5 for utterance in utterances)
    return utterances


def test_right_answers_have_no_errors(viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]) -> None:
    """Also of utterances that are a part of a longer file."""
    write_manifest(tmp_path / "test.jsonl", answers)
    done = viva("evaluate", "--bundle", tiny_bundle, "-f", "json", "-o", tmp_path / "report", tmp_path / "test.jsonl")
    assert done.code == 0
    report = json.loads(done.out)
    rows = {row["name"]: row for row in report["rows"]}
    assert set(rows) == {"made0/test", "made1/test", "all"}
    assert rows["all"]["utterances"] == 4
    assert rows["all"]["wer"]["value"] == 0.0
    assert rows["all"]["seconds"] == pytest.approx(21.0)
    assert report["facts"]["bundle"].startswith("tiny")
    assert report["facts"]["chunk_frames"] == 4
    assert report["facts"]["real_time_factor"] > 0.0
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.md", "report.json", "utterances.jsonl"}


def test_errors_are_counted(viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]) -> None:
    """Three words more at the end of one reference are three deletions."""
    wrong = answers[0].text + " zyx zyx zyx"
    write_manifest(tmp_path / "a.jsonl", [Utterance("w", answers[0].audio, wrong, 7.0, 0.0, "s", answers[0].extra)])
    write_manifest(tmp_path / "b.jsonl", answers[1:])
    done = viva(
        "evaluate", "--bundle", tiny_bundle, "-f", "json", "--jobs", 2, tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    )
    row = next(row for row in json.loads(done.out)["rows"] if row["name"] == "all")
    assert (row["substitutions"], row["deletions"], row["insertions"]) == (0, 3, 0)
    assert row["wer"]["value"] == pytest.approx(3 / row["words"])
    done = viva("evaluate", "--bundle", tiny_bundle, tmp_path / "a.jsonl")
    assert done.out.startswith("# Word error report")
    assert f"**{100 * 3 / len(wrong.split()):.2f}**" in done.out


def test_a_limit_is_spread_evenly(viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]) -> None:
    write_manifest(tmp_path / "test.jsonl", answers)
    done = viva("evaluate", "--bundle", tiny_bundle, "-f", "json", "--limit", 2, tmp_path / "test.jsonl")
    assert {row["name"]: row["utterances"] for row in json.loads(done.out)["rows"]}["all"] == 2
    done = viva("evaluate", "--bundle", tiny_bundle, "-f", "json", "--limit", 99, tmp_path / "test.jsonl")
    assert {row["name"]: row["utterances"] for row in json.loads(done.out)["rows"]}["all"] == 4


def test_recordings_that_cannot_be_read(
    viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"")
    broken = Utterance("b", str(tmp_path / "broken.wav"), "hello", 1.0, 0.0, "s", answers[0].extra)
    write_manifest(tmp_path / "test.jsonl", [answers[0], broken, answers[1]])
    done = viva("evaluate", "--bundle", tiny_bundle, "-f", "json", tmp_path / "test.jsonl")
    assert done.code == 2
    assert json.loads(done.out)["rows"][0]["utterances"] == 2
    assert done.err.splitlines()[0].startswith("1 of 3 recordings could not be read")
    assert "broken.wav is empty" in done.err
    folder = shutil.copytree(tiny_bundle, tmp_path / "copy")
    done = viva("evaluate", "--bundle", folder, "--record", tmp_path / "test.jsonl")
    assert done.code == 2
    assert "not in the report; nothing was recorded in the bundle:" in done.err
    assert not json.loads((folder / "bundle.json").read_text())["accuracy"]
    write_manifest(tmp_path / "none.jsonl", [broken])
    done = viva("evaluate", "--bundle", tiny_bundle, tmp_path / "none.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "none of 1 recordings could be read" in done.err


def test_wrong_wishes(viva: Viva, tmp_path: Path, tiny_bundle: Path) -> None:
    assert "expected markdown or json" in viva("evaluate", "--bundle", tiny_bundle, "-f", "pdf", "x.jsonl").err
    done = viva("evaluate", "--bundle", tiny_bundle, tmp_path / "absent.jsonl")
    assert done.code == 2
    assert "absent.jsonl is not a file" in done.err


def test_results_can_be_recorded(viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "copy")
    write_manifest(tmp_path / "test.jsonl", answers)
    (folder / "MODEL_CARD.md").write_text("# A card\n<!-- numbers -->\n<!-- end of numbers -->\n")
    for decoder in ("greedy", "beam"):
        assert viva("evaluate", "--bundle", folder, "--record", "--decoder", decoder, tmp_path / "test.jsonl").code == 0
    accuracy = json.loads((folder / "bundle.json").read_text())["accuracy"]
    assert set(accuracy) == {"greedy", "beam"}
    assert [row["test_set"] for row in accuracy["greedy"]] == ["made0/test", "made1/test", "all"]
    assert accuracy["greedy"][2]["word_error_rate"] == 0.0
    assert accuracy["greedy"][2]["interval_95"] == [0.0, 0.0]
    assert accuracy_table(accuracy) in (folder / "MODEL_CARD.md").read_text()
    assert Recognizer(folder).transcribe(answers[0].audio).text == answers[0].text


@pytest.mark.parametrize("wish", [("--chunk-frames", 2), ("--no-gate",), ("--limit", 1)])
def test_only_the_bundles_own_numbers_are_recorded(viva: Viva, wish: tuple[object, ...]) -> None:
    done = viva("evaluate", "--record", *wish, "x.jsonl")
    assert done.code == 2
    assert "--record keeps what the bundle does by itself on whole test sets; leave out --chunk-frames" in done.err


def test_places_are_tried_before_anything_is_recognised(
    viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path / "test.jsonl", answers[:1])
    (tmp_path / "results.md").write_text("kept")
    monkeypatch.setattr(Recognizer, "transcribe_files", None)
    done = viva("evaluate", "--bundle", tiny_bundle, "-o", tmp_path / "results.md", tmp_path / "test.jsonl")
    assert (done.code, done.out) == (2, "")
    assert f"error: {tmp_path / 'results.md'}: no files can be written there" in done.err
    assert (tmp_path / "results.md").read_text() == "kept"

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("vivavoce.cli.outputs.tempfile.TemporaryFile", refuse)
    done = viva("evaluate", "--bundle", tiny_bundle, "--record", tmp_path / "test.jsonl")
    assert (done.code, done.out) == (2, "")
    assert f"error: {tiny_bundle}: no files can be written there (Permission denied)" in done.err


def test_what_was_measured_is_shown_even_if_it_cannot_be_written(
    viva: Viva, tmp_path: Path, tiny_bundle: Path, answers: list[Utterance]
) -> None:
    write_manifest(tmp_path / "test.jsonl", answers[:1])
    (tmp_path / "out" / "report.json").mkdir(parents=True)
    done = viva("evaluate", "--bundle", tiny_bundle, "-o", tmp_path / "out", tmp_path / "test.jsonl")
    assert done.code == 2
    assert done.out.startswith("# Word error report")
    assert "report.json cannot be written: Is a directory; name another folder." in done.err
