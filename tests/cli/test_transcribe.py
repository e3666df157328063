"""`viva transcribe`: every way in and out, and batches in which some recordings are broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.cli.transcribe import _total_seconds, output_paths
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]
Viva = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, babble: Babble, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three recordings, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calls" / "old").mkdir(parents=True)
    for number, name in enumerate(("one.wav", "calls/two.flac", "calls/old/two.ogg")):
        soundfile.write(tmp_path / name, babble(2.0 + number, seed=20 + number), 16000)
    return tmp_path


@pytest.fixture
def texts(home: Path, tiny_bundle: Path) -> dict[str, str]:
    recognizer = Recognizer(tiny_bundle)
    names = ("one.wav", "calls/two.flac", "calls/old/two.ogg")
    found = {name: recognizer.transcribe(home / name).text for name in names}
    assert all(found.values())
    return found


def test_one_recording_is_its_text(viva: Viva, tiny_bundle: Path, texts: dict[str, str]) -> None:
    assert viva("transcribe", "--bundle", tiny_bundle, "one.wav") == (0, texts["one.wav"] + "\n", "")


def test_several_are_named(viva: Viva, tiny_bundle: Path, texts: dict[str, str]) -> None:
    for jobs in (1, 2):
        done = viva("transcribe", "--bundle", tiny_bundle, "--jobs", jobs, "one.wav", "calls")
        expected = [f"{name}\t{texts[name]}" for name in ("one.wav", "calls/old/two.ogg", "calls/two.flac")]
        assert (done.code, done.out.splitlines(), done.err) == (0, expected, "")


def test_jsonl_names_paths_as_given(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    given = ["calls/../one.wav", str(home / "calls" / "two.flac")]
    done = viva("transcribe", "--bundle", tiny_bundle, "-f", "jsonl", *given)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["audio"] for row in rows] == given
    assert [row["text"] for row in rows] == [texts["one.wav"], texts["calls/two.flac"]]
    assert [row["duration_seconds"] for row in rows] == [2.0, 3.0]
    for row in rows:
        assert " ".join(word["word"] for word in row["words"]) == row["text"]
        assert all(set(word) == {"word", "start_seconds", "end_seconds", "confidence"} for word in row["words"])
        assert all(0 <= w["start_seconds"] < w["end_seconds"] <= row["duration_seconds"] for w in row["words"])


def test_standard_input(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    content = (home / "one.wav").read_bytes()
    assert viva("transcribe", "--bundle", tiny_bundle, "-", stdin=content).out == texts["one.wav"] + "\n"
    done = viva("transcribe", "--bundle", tiny_bundle, "-f", "jsonl", "-", stdin=content)
    assert json.loads(done.out)["audio"] == "-"
    done = viva("transcribe", "--bundle", tiny_bundle, "-", stdin=b"")
    assert done.code == 2
    assert "standard input is empty" in done.err
    assert "only once" in viva("transcribe", "--bundle", tiny_bundle, "-", "-").err


def test_broken_recordings_do_not_stop_the_others(
    viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]
) -> None:
    """The good ones are done, the failures listed last, each with its name, and the exit code is 2."""
    content = (home / "one.wav").read_bytes()
    broken = {
        "calls/a-empty.wav": b"",
        "calls/b-noise.mp3": bytes(range(256)) * 8,
        "calls/c-cut.wav": content[: len(content) // 2],
        "calls/d-phone.m4a": b"\0\0\0\x20ftypM4A \0\0\0\0",
    }
    for name, data in broken.items():
        (home / name).write_bytes(data)
    (home / "calls" / "notes.txt").write_text("no recording")
    (home / "calls" / ".hidden.wav").write_bytes(b"")
    (home / "nothing").mkdir()
    for jobs in (1, 3):
        done = viva("transcribe", "--bundle", tiny_bundle, "--jobs", jobs, "calls", "missing.wav", "nothing", "one.wav")
        assert done.code == 2
        expected = [f"{name}\t{texts[name]}" for name in ("calls/old/two.ogg", "calls/two.flac", "one.wav")]
        assert done.out.splitlines() == expected
        first, *failures = done.err.splitlines()
        assert first == "6 of 9 recordings failed:"
        assert len(failures) == 6
        for name in (*broken, "missing.wav", "nothing"):
            assert sum(name in line for line in failures) == 1, name
        assert all(line.startswith("error: ") for line in failures)
        assert "Traceback" not in done.err


def test_names_out_of_the_common(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    """Too long a name is a failure among others, and one that is no Unicode can be written as JSON."""
    odd = os.fsdecode(b"latin \xe9.wav")
    try:
        (home / odd).write_bytes((home / "one.wav").read_bytes())
    except OSError:
        pytest.skip("the file system refuses such names")
    long = "x" * 300 + ".wav"
    done = viva("transcribe", "--bundle", tiny_bundle, "-o", "all.jsonl", long, odd)
    assert done.code == 2
    assert done.err.splitlines()[1:] == [f"error: {long} cannot be opened: File name too long."]
    row = json.loads((home / "all.jsonl").read_text(encoding="utf-8"))
    assert (row["audio"], row["text"]) == (odd, texts["one.wav"])
    done = viva("transcribe", "--bundle", tiny_bundle, "-o", "folder", odd)
    assert (done.code, len(list((home / "folder").iterdir()))) == (0, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_named_pipe(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    os.mkfifo(home / "pipe")
    content = (home / "one.wav").read_bytes()
    threading.Thread(target=lambda: (home / "pipe").write_bytes(content), daemon=True).start()
    assert _total_seconds(["one.wav", "pipe"]) is None  # and left it alone
    assert viva("transcribe", "--bundle", tiny_bundle, "pipe") == (0, texts["one.wav"] + "\n", "")


def test_a_single_broken_recording(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    done = viva("transcribe", "--bundle", tiny_bundle, "absent.wav")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: absent.wav does not exist")
    assert len(done.err.splitlines()) == 1


def test_subtitles(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    done = viva("transcribe", "--bundle", tiny_bundle, "-f", "srt", "one.wav")
    assert done.out.startswith("1\n00:00:0")
    done = viva("transcribe", "--bundle", tiny_bundle, "-f", "srt", "one.wav", "calls")
    assert done.code == 2
    assert "--output DIR" in done.err


def test_a_folder_of_results(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    (home / "broken.wav").write_bytes(b"")
    done = viva("transcribe", "--bundle", tiny_bundle, "-f", "vtt", "-o", "out/vtt", "broken.wav", "one.wav", "calls")
    assert (done.code, done.out) == (2, "")
    written = sorted(path.name for path in (home / "out" / "vtt").iterdir())
    assert written == ["one.vtt", "two-2.vtt", "two.vtt"]
    spoken = [line for line in (home / "out/vtt/two-2.vtt").read_text().splitlines()[1:] if line and "-->" not in line]
    assert " ".join(spoken) == texts["calls/two.flac"]


def test_one_file_of_results(viva: Viva, home: Path, tiny_bundle: Path, texts: dict[str, str]) -> None:
    done = viva("transcribe", "--bundle", tiny_bundle, "-o", "new/all.jsonl", "one.wav", "calls")
    assert done == (2, "", done.err)  # its folder is not there
    assert "new/all.jsonl cannot be written" in done.err
    assert viva("transcribe", "--bundle", tiny_bundle, "-o", "all.jsonl", "one.wav", "calls") == (0, "", "")
    assert [json.loads(line)["text"] for line in (home / "all.jsonl").read_text().splitlines()] == [
        texts["one.wav"],
        texts["calls/old/two.ogg"],
        texts["calls/two.flac"],
    ]
    assert viva("transcribe", "--bundle", tiny_bundle, "-o", "one.txt", "one.wav").code == 0
    assert (home / "one.txt").read_text() == texts["one.wav"] + "\n"


def test_names_never_collide() -> None:
    paths = ["a/x.wav", "b/x.mp3", "x-2.wav", "-", "c/x.ogg"]
    assert [p.name for p in output_paths(paths, Path("o"), "text")] == [
        "x.txt",
        "x-2.txt",
        "x-2-2.txt",
        "stdin.txt",
        "x-3.txt",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-f", "docx", "one.wav"], "--format docx: expected one of text, jsonl, srt, vtt"),
        (["--decoder", "best", "one.wav"], "expected one of greedy, beam"),
        (["--jobs", "0", "one.wav"], "--jobs"),
        (["--bundle", "nowhere", "one.wav"], "nowhere does not exist"),
        ([], "Missing argument"),
    ],
)
def test_wrong_wishes(viva: Viva, home: Path, tiny_bundle: Path, arguments: list[str], reason: str) -> None:
    bundle = [] if "--bundle" in arguments else ["--bundle", tiny_bundle]
    done = viva("transcribe", *bundle, *arguments)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err


def test_beam(viva: Viva, tiny_bundle: Path, texts: dict[str, str]) -> None:
    done = viva("transcribe", "--bundle", tiny_bundle, "--decoder", "beam", "one.wav")
    assert done.code == 0
    assert done.out.strip()


@pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")
def test_interrupts_and_closed_pipes(home: Path, tiny_bundle: Path) -> None:
    """As a shell does it: Ctrl-C while waiting for input, and a reader that goes away."""
    command = [sys.executable, "-m", "vivavoce", "transcribe", "--bundle", str(tiny_bundle)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # What runs in a shell's background ignores Ctrl-C, and so would the child of such a test.
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen([*command, "one.wav", "-"], **pipes) as waiting:
        assert waiting.stdout.readline()  # the first result is there: now it waits for standard input
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(timeout=60) == 130
        assert b"Traceback" not in waiting.stderr.read()
    with subprocess.Popen([*command, *["one.wav"] * 50], **pipes) as writing:
        writing.stdout.readline()
        writing.stdout.close()
        assert writing.wait(timeout=60) == 0
        assert writing.stderr.read() == b""


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_results_go_to_a_file_while_a_terminal_shows_a_bar(
    home: Path, tiny_bundle: Path, texts: dict[str, str]
) -> None:
    """`viva transcribe ... > talk.txt` in a shell: standard error is a terminal, standard output is not."""
    import pty

    command = [sys.executable, "-m", "vivavoce", "transcribe", "--bundle", str(tiny_bundle), "one.wav"]
    shown, terminal = pty.openpty()
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=terminal, timeout=60, env={**os.environ, "TERM": "xterm"}
        )
        assert (done.returncode, done.stdout.decode()) == (0, texts["one.wav"] + "\n")
        assert b"listening" in os.read(shown, 1 << 16)
    finally:
        os.close(shown)
        os.close(terminal)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_does_not_wait_for_long_recordings(home: Path, tiny_bundle: Path, babble: Babble) -> None:
    soundfile.write(home / "long.flac", np.tile(babble(10.0, seed=3), 1440), 16000)  # four hours
    command = [sys.executable, "-m", "vivavoce", "transcribe", "--bundle", str(tiny_bundle), "--jobs", "2"]
    pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen([*command, "one.wav", "long.flac", "long.flac"], **pipes) as working:
        assert working.stdout.readline()  # of the short one: now the long ones are worked on
        working.send_signal(signal.SIGINT)
        assert working.wait(timeout=20) == 130
