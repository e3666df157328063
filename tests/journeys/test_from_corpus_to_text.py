"""A user's whole way through the command line: prepare, train a little, export, transcribe, evaluate.

The corpus is made here: words are chords, so that a tiny network can learn them in some hundred updates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16000
WORDS = {"one": (300, 900), "two": (500, 1500), "three": (700, 2300), "four": (1100, 3100)}
PHONES = {"one": "W AH1 N", "two": "T UW1", "three": "TH R IY1", "four": "F AO1 R"}


def say(words: list[str], rng: np.random.Generator) -> np.ndarray:
    """Each word a fading chord of 0.4 s, with short pauses."""
    parts = [np.zeros(1600)]
    time = np.arange(int(0.4 * RATE)) / RATE
    for word in words:
        chord = sum(np.sin(2 * np.pi * frequency * time) for frequency in WORDS[word])
        parts += [0.2 * chord * np.hanning(len(time)), np.zeros(int(rng.uniform(0.05, 0.12) * RATE))]
    waveform = np.concatenate([*parts, np.zeros(1600)])
    return waveform + 0.002 * rng.standard_normal(len(waveform))


def write_corpus(root: Path, folder: str, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chapter = root / folder / "1" / "2"
    chapter.mkdir(parents=True)
    lines = []
    for number in range(count):
        words = [str(word) for word in rng.choice(list(WORDS), size=rng.integers(1, 5))]
        name = f"1-2-{number:04d}"
        soundfile.write(chapter / f"{name}.flac", say(words, rng), RATE)
        lines.append(f"{name} {' '.join(words).upper()}")
    (chapter / "1-2.trans.txt").write_text("\n".join(lines) + "\n")


def viva(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "120"}
    command = [sys.executable, "-m", "vivavoce", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("journey")
    write_corpus(home / "LibriSpeech", "train-chords", 64, 0)
    write_corpus(home / "LibriSpeech", "test-chords", 12, 1)
    (home / "words.dict").write_text("".join(f"{word} {phones}\n" for word, phones in PHONES.items()))
    (home / "noise").mkdir()
    soundfile.write(home / "noise" / "hiss.wav", 0.1 * np.random.default_rng(2).standard_normal(3 * RATE), RATE)
    return home


def test_the_whole_way(home: Path) -> None:
    done = viva("prepare", "librispeech", "LibriSpeech", "-o", "manifests", folder=home)
    assert done.returncode == 0, done.stderr
    settings = {
        "manifests": "manifests/librispeech-train.jsonl",
        "run": "runs/chords",
        "dictionary": "words.dict",
        "noise": "noise",
        "dims.width": 48,
        "dims.layers": 2,
        "dims.heads": 2,
        "dims.feed_forward": 96,
        "dims.phone_layer": 1,
        "dims.dropout": 0.0,
        "updates": 240,
        "warmup": 20,
        "peak_rate": 4e-3,
        "matrix_rate": 1e-2,
        "average_decay": 0.95,
        "batch_seconds": 30,
        "bucket_seconds": "1.5,2.5,4",
        "augment": "false",
        "compile": "false",
        "precision": "fp32",
        "device": "cpu",
        "watch": 6,
        "threads": 1,
    }
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    done = viva("train", "asr_small", *sets, folder=home)
    assert done.returncode == 0, done.stderr
    done = viva("export", "runs/chords", "bundle", "--test", "manifests/librispeech-test.jsonl", folder=home)
    assert done.returncode == 0, done.stderr
    facts = json.loads((home / "bundle" / "bundle.json").read_text())
    assert facts["parity"]["torch_max_error"] < 1e-3
    assert facts["parity"]["word_error_rate"]["int8"] < 0.2

    recording = sorted((home / "LibriSpeech").rglob("test-chords/1/2/*.flac"))[3]
    done = viva("transcribe", "--bundle", "bundle", "--format", "jsonl", str(recording), folder=home)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    expected = (recording.parent / "1-2.trans.txt").read_text().splitlines()[3].partition(" ")[2].lower()
    assert row["text"] == expected
    starts = [word["start_seconds"] for word in row["words"]]
    assert starts == sorted(starts)
    assert 0.0 <= starts[0] < 0.5

    done = viva("evaluate", "--bundle", "bundle", "manifests/librispeech-test.jsonl", folder=home)
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout


def test_training_without_manifests_says_so(home: Path) -> None:
    done = viva("train", "asr_small", folder=home)
    assert done.returncode == 2
    assert "no manifests were given" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_test_part_is_not_trained_on(home: Path) -> None:
    done = viva("prepare", "librispeech", "LibriSpeech", "-o", "all.jsonl", "--part", "test", folder=home)
    assert done.returncode == 0, done.stderr
    settings = ("--set", "manifests=all.jsonl", "--set", "dictionary=words.dict", "--set", "noise=noise")
    done = viva("train", "asr_small", *settings, folder=home)
    assert done.returncode == 2
    assert "train on train parts only" in done.stderr
