"""The base install: everything a product needs works in a process where the extras cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "vivavoce"
TORCH_FLOORS = ("models", "training", "export", "recipes")
ABSENT = (
    "torch",
    "onnx",
    "onnxscript",
    "safetensors",
    "tensorboard",
    "matplotlib",
    "scipy",
    "librosa",
    "jiwer",
    "pytest",
)

# None in sys.modules makes `import torch` raise ModuleNotFoundError; a finder does the same for importlib's find_spec.
BLOCK = f"""
import importlib.util, sys
absent = {ABSENT!r}
for name in absent:
    sys.modules[name] = None
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.partition(".")[0] in absent else find_spec(name, package)
)
"""
RUN = BLOCK + "sys.argv[0] = 'viva'\nfrom vivavoce.cli.main import main\nmain()"


def python(program: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def viva(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return python(RUN, *arguments, folder=folder)


@pytest.fixture
def home(tmp_path: Path, babble, tiny_bundle: Path) -> Path:
    soundfile.write(tmp_path / "talk.flac", babble(3.0), 16000)
    (tmp_path / "bundle").symlink_to(tiny_bundle)
    return tmp_path


@pytest.mark.parametrize("name", ABSENT)
def test_the_block_holds(name: str) -> None:
    done = python(BLOCK + f"import {name}")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_every_module_of_the_base_install_is_imported() -> None:
    modules = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] not in (*TORCH_FLOORS, "__main__"):
            modules.append(".".join(parts).removesuffix(".__init__"))
    assert "vivavoce.runtime.recognizer" in modules
    done = python(BLOCK + f"import importlib\nfor name in {modules}: importlib.import_module(name)\nprint('all')")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all\n"


def test_help(tmp_path: Path) -> None:
    done = viva("--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "transcribe" in done.stdout
    for command in ("transcribe", "evaluate", "prepare", "synthesize", "train", "export", "inspect"):
        done = viva(command, "--help", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"viva {command}" in done.stdout.replace("\n", " ")


def test_transcribe(home: Path) -> None:
    done = viva("transcribe", "--bundle", "bundle", "--format", "jsonl", "talk.flac", folder=home)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["audio"] == "talk.flac"
    assert row["duration_seconds"] == pytest.approx(3.0)
    assert row["text"] == " ".join(word["word"] for word in row["words"]) != ""


def test_python_interface(home: Path) -> None:
    program = (
        BLOCK
        + """
import soundfile
from vivavoce.runtime.recognizer import Recognizer
recognizer = Recognizer("bundle")
waveform, _ = soundfile.read("talk.flac", dtype="float32")
stream = recognizer.create_stream()
for start in range(0, len(waveform), 1000):
    stream.accept(waveform[start : start + 1000])
assert stream.finish().text == recognizer.transcribe("talk.flac").text != ""
assert not any(sys.modules.get(name) for name in absent)
print("same")
"""
    )
    done = python(program, folder=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"


def test_evaluate(home: Path) -> None:
    row = {"id": "a", "audio_filepath": "talk.flac", "duration": 3.0, "text": "a talk"}
    (home / "test.jsonl").write_text(json.dumps(row) + "\n")
    done = viva("evaluate", "--bundle", "bundle", "test.jsonl", folder=home)
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout


def test_inspect_counts_without_matplotlib_and_says_how_to_draw(home: Path) -> None:
    done = viva("inspect", "--no-picture", "talk.flac", folder=home)
    assert done.returncode == 0, done.stderr
    assert "16000" in done.stdout.replace(",", "").replace(" ", "")
    done = viva("inspect", "talk.flac", folder=home)
    assert done.returncode == 2
    assert "vivavoce[plot]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("train", "asr_small"), ("export", "run", "out", "--test", "test.jsonl")])
def test_training_names_what_is_missing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = viva(*arguments, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "vivavoce[train]" in done.stderr
    assert "Traceback" not in done.stderr
