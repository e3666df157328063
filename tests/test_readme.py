"""The README's commands and code do what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from vivavoce.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.startswith("viva ")
]
EXPECTED = [
    json.loads(line) for line in (ROOT / "examples" / "expected.jsonl").read_text(encoding="utf-8").splitlines()
]


def viva(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vivavoce", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@cache
def options_of(command: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", viva(*command.split(), "--help").stdout))


def test_the_first_command_prints_what_was_said() -> None:
    first = shlex.split(COMMANDS[0])
    (text,) = [row["text"] for row in EXPECTED if row["audio"] == first[-1]]
    done = viva(*first[1:])
    assert (done.stdout, done.stderr, done.returncode) == (text + "\n", "", 0)


def test_every_example_is_recognised() -> None:
    paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").glob("*.flac"))
    assert [row["audio"] for row in EXPECTED] == paths
    done = viva("transcribe", "--format", "jsonl", *paths)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [row["text"] for row in EXPECTED]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_that_the_readme_gives_them(command: str) -> None:
    _, *arguments = shlex.split(command)
    name = " ".join(arguments[:2]) if " ".join(arguments[:2]) in main.COMMANDS else arguments[0]
    given = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    assert given <= options_of(name)


def test_the_code_runs(tmp_path: Path) -> None:
    """With an example in place of the reader's meeting, and its samples as the blocks."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    audio = ROOT / EXPECTED[0]["audio"]
    code = code.replace('"meeting.mp3"', repr(str(audio)))
    blocks = f"from vivavoce.audio import stream_blocks\nblocks = stream_blocks({str(audio)!r}, block_seconds=0.1)\n"
    done = subprocess.run([sys.executable, "-c", blocks + code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == lines[-1] == EXPECTED[0]["text"]
    growing = lines[1:-1]
    assert len(growing) > 10
    assert any(0 < len(line) < len(lines[0]) for line in growing)
