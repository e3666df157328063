"""`viva activity`: utterances as text and as objects, broken files, and a detector put before a recogniser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.runtime.bundle import load_bundle
from vivavoce.runtime.endpoint import Endpointer

Viva = Callable[..., Any]


@pytest.fixture
def recording(tmp_path: Path, babble: Callable[..., np.ndarray]) -> Path:
    soundfile.write(tmp_path / "a.wav", babble(3.0, seed=5), 16000, subtype="FLOAT")
    return tmp_path / "a.wav"


def test_find(viva: Viva, recording: Path, tiny_detector: tuple[Any, Path], tmp_path: Path) -> None:
    expected = Endpointer(tiny_detector[1]).segments(soundfile.read(recording, dtype="float32")[0])
    assert expected
    done = viva("activity", "find", recording, "--detector", tiny_detector[1])
    assert done.code == 0
    assert done.out == "".join(f"{recording}\t{s.start_seconds:.2f}\t{s.end_seconds:.2f}\n" for s in expected)
    (tmp_path / "b.wav").write_text("no sound")
    done = viva("activity", "find", tmp_path, "-f", "jsonl", "--detector", tiny_detector[1])
    assert done.code == 2
    (row,) = map(json.loads, done.out.splitlines())
    assert row["path"] == str(recording)
    assert [u["start"] for u in row["utterances"]] == [round(s.start_seconds, 3) for s in expected]
    assert "b.wav" in done.err


def test_faults_are_told(viva: Viva, recording: Path, tiny_detector: tuple[Any, Path], tiny_bundle: Path) -> None:
    for arguments, fault in (
        (["-f", "xml"], "--format xml: expected one of text, jsonl"),
        (["--threshold", "1.5"], "threshold is 1.5"),
        (["--longest", "inf"], "expected finite numbers"),
        (["--detector", tiny_bundle], "is a 'recognizer' bundle; expected one of kind 'voice_activity'"),
    ):
        done = viva("activity", "find", recording, "--detector", tiny_detector[1], *arguments)
        assert done.code == 2
        assert fault in done.err


def test_attach(viva: Viva, tiny_bundle: Path, tiny_detector: tuple[Any, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    done = viva("activity", "attach", tiny_detector[1], folder, "--threshold", "0.4", "--after", "0.6")
    assert done.code == 0
    assert "now hears through" in done.out
    rules = load_bundle(folder).gate
    assert rules is not None
    assert (rules.threshold, rules.after_seconds) == (0.4, 0.6)
    before = (folder / "bundle.json").read_bytes()
    for option, value in (("--after", "inf"), ("--before", "nan"), ("--after", "-1")):
        done = viva("activity", "attach", tiny_detector[1], folder, option, value)
        assert (done.code, (folder / "bundle.json").read_bytes()) == (2, before)
        assert "no negative times and no endless ones" in done.err
    assert viva("activity", "attach", folder, folder).code == 2
