"""`viva listen` on recordings played at their own pace, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.errors import AudioError
from vivavoce.runtime.recognizer import Recognizer

Viva = Callable[..., Any]


@pytest.fixture
def recording(tmp_path: Path, babble: Callable[..., np.ndarray]) -> Path:
    soundfile.write(tmp_path / "talk.flac", babble(2.5, seed=31), 16000)
    return tmp_path / "talk.flac"


def test_the_text_comes_at_the_pace_of_speech(viva: Viva, tiny_bundle: Path, recording: Path) -> None:
    start = time.monotonic()
    done = viva("listen", "--file", recording, "--bundle", tiny_bundle)
    assert time.monotonic() - start >= 2.4
    assert (done.code, done.out) == (0, Recognizer(tiny_bundle).transcribe(recording).text + "\n")
    assert re.fullmatch(
        r"delay from sound to text: median \d+ ms, 95% within \d+ ms, 99% within \d+ ms; "
        r"\d+\.\d% of the words shown were taken back\n",
        done.err,
    )


@pytest.mark.parametrize("early_ms", ["0", "80", None])
def test_rows_grow_towards_the_text(viva: Viva, tiny_bundle: Path, recording: Path, early_ms: str | None) -> None:
    options = [] if early_ms is None else ["--early-ms", early_ms]
    done = viva("listen", "--file", recording, "--bundle", tiny_bundle, "-f", "jsonl", "--block-ms", "50", *options)
    assert done.code == 0
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["final"] for row in rows] == [False] * (len(rows) - 1) + [True]
    last = rows[-1]
    assert last["text"] == Recognizer(tiny_bundle).transcribe(recording).text
    assert last["heard_seconds"] == 2.5
    assert last["stable_words"] == len(last["text"].split())
    heard = [row["heard_seconds"] for row in rows]
    assert heard == sorted(heard)
    for row in rows:  # what is said to be stable stays
        stable = row["text"].split()[: row["stable_words"]]
        assert len(stable) == row["stable_words"]
        assert last["text"].split()[: len(stable)] == stable
    assert len(rows) > 4


def test_what_is_refused(viva: Viva, tiny_bundle: Path, recording: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("--file", tmp_path / "missing.wav"), "missing.wav does not exist"),
        (("--file", recording, "--early-ms", 100), "by 80, 160 ms, or with 0"),
        (("--file", recording, "-f", "srt"), "--format srt: expected one of text, jsonl"),
    ):
        done = viva("listen", "--bundle", tiny_bundle, *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert "Traceback" not in done.err


def test_what_was_said_before_a_fault_is_printed(
    viva: Viva, tiny_bundle: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(file: Path, rate: int, block_seconds: float) -> Any:
        yield soundfile.read(recording, dtype="float32")[0], time.monotonic()
        raise AudioError("the microphone stopped; is it still plugged in?")

    monkeypatch.setattr("vivavoce.cli.listen.paced", unplugged)
    done = viva("listen", "--file", recording, "--bundle", tiny_bundle)
    assert (done.code, done.out) == (2, Recognizer(tiny_bundle).transcribe(recording).text + "\n")
    assert done.err.splitlines()[-1] == "error: the microphone stopped; is it still plugged in?"


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_rows_go_to_a_program_while_a_terminal_shows_captions(tiny_bundle: Path, recording: Path) -> None:
    import pty

    command = [sys.executable, "-m", "vivavoce", "listen", "--bundle", str(tiny_bundle), "--file", str(recording)]
    shown, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [*command, "-f", "jsonl"], stdout=subprocess.PIPE, stderr=terminal, timeout=60,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["final"] for row in rows] == [False] * (len(rows) - 1) + [True]
        assert len(rows) > 4
    finally:
        os.close(shown)
        os.close(terminal)
