"""`viva align`: its three formats read back, every way to give the text, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.cli.alignment_formats import render_alignment
from vivavoce.decoding.alignment_words import AlignedCharacter, AlignedText, AlignedWord

Babble = Callable[..., np.ndarray]
Viva = Callable[..., Any]
TEXT = 'He said "25", and\nleft — on May 5.'
WORDS = ["He", "said", '"25",', "and", "left —", "on", "May", "5."]


@pytest.fixture
def home(tmp_path: Path, babble: Babble, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a recording and its text."""
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "my talk.wav", babble(6.0, seed=4), 16000)
    (tmp_path / "talk.txt").write_text(TEXT, encoding="utf-8-sig")
    return tmp_path


def intervals(textgrid: str) -> dict[str, list[tuple[float, float, str]]]:
    """The tiers of a TextGrid: a reader that takes only what Praat's long format allows."""
    header, *tiers = re.split(r"\n    item \[\d+\]:\n", textgrid)
    assert header.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\n')
    assert f"\nsize = {len(tiers)}\n" in header
    found = {}
    for tier in tiers:
        head, *rows = re.split(r"\n        intervals \[\d+\]:\n", tier)
        stated = re.fullmatch(
            r'        class = "IntervalTier"\n        name = "(\w+)"\n'
            r"        xmin = 0\n        xmax = ([\d.]+)\n        intervals: size = (\d+)",
            head,
        )
        assert stated
        assert int(stated[3]) == len(rows)
        found[stated[1]] = []
        for row in rows:
            parts = re.fullmatch(r' {12}xmin = ([\d.]+)\n {12}xmax = ([\d.]+)\n {12}text = "((?:[^"]|"")*)"\n?', row)
            assert parts
            found[stated[1]].append((float(parts[1]), float(parts[2]), parts[3].replace('""', '"')))
        assert found[stated[1]][-1][1] == float(stated[2])
    return found


def test_json(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    done = viva("align", "--bundle", tiny_bundle, "my talk.wav", "talk.txt")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert set(found) == {"audio", "text", "duration_seconds", "log_prob", "words"}
    assert found["audio"] == "my talk.wav"
    assert found["text"] == " ".join(TEXT.split())
    assert found["duration_seconds"] == 6.0
    assert [word["word"] for word in found["words"]] == WORDS
    assert found["words"][2]["spoken"] == "twenty five"
    place = 0.0
    for word in found["words"]:
        assert place <= word["start_seconds"] < word["end_seconds"] <= 6.0
        assert 0.0 <= word["confidence"] <= 1.0
        characters = word["characters"]
        assert "".join(item["character"] for item in characters) == word["spoken"].replace(" ", "")
        assert characters[0]["start_seconds"] == word["start_seconds"]
        assert characters[-1]["end_seconds"] == word["end_seconds"]
        place = word["end_seconds"]


def test_textgrid_and_ctm_tell_the_same(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    given = ("align", "--bundle", tiny_bundle, "my talk.wav", TEXT)
    words = json.loads(viva(*given).out)["words"]
    assert viva(*given, "-o", "talk.TextGrid") == (0, "", "")
    tiers = intervals((home / "talk.TextGrid").read_text(encoding="utf-8"))
    assert list(tiers) == ["words", "characters"]
    for tier in tiers.values():
        assert tier[0][0] == 0.0
        assert all(start < end for start, end, _ in tier)
        assert all(before[1] == after[0] for before, after in pairwise(tier))
    spoken = [row for row in tiers["words"] if row[2]]
    assert spoken == [(word["start_seconds"], word["end_seconds"], word["word"]) for word in words]
    assert len([row for row in tiers["characters"] if row[2]]) == sum(len(word["characters"]) for word in words)
    lines = viva(*given, "-f", "ctm").out.splitlines()
    for line, word in zip(lines, words, strict=True):
        name, channel, start, duration, text, confidence = line.split(" ")
        assert (name, channel, text) == ("my_talk", "1", word["word"].replace(" ", "_"))
        assert float(start) == word["start_seconds"]
        assert float(start) + float(duration) == pytest.approx(word["end_seconds"], abs=1e-9)
        assert float(confidence) == word["confidence"]


def test_praat_gets_no_interval_without_length() -> None:
    letters = (AlignedCharacter("a", 0.1, 0.1002, 1.0), AlignedCharacter("h", 0.1002, 0.5, 1.0))
    aligned = AlignedText((AlignedWord("ah", "ah", 0.1, 0.5, 1.0, letters),), -1.0, 0.5)
    assert intervals(render_alignment(aligned, "textgrid", "a.wav")) == {
        "words": [(0.0, 0.1, ""), (0.1, 0.5, "ah")],
        "characters": [(0.0, 0.1, ""), (0.1, 0.5, "h")],
    }


def test_json_is_json_of_impossible_texts_too() -> None:
    aligned = AlignedText((AlignedWord("a", "a", 0.1, 0.5, 0.0, ()),), float("-inf"), 0.5)
    assert json.loads(render_alignment(aligned, "json", "a.wav"), parse_constant=pytest.fail)["log_prob"] is None


def test_standard_input_and_output_names(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    sound = (home / "my talk.wav").read_bytes()
    from_file = json.loads(viva("align", "--bundle", tiny_bundle, "my talk.wav", "so it is").out)
    piped = json.loads(viva("align", "--bundle", tiny_bundle, "-", "so it is", stdin=sound).out)
    assert piped == {**from_file, "audio": "-"}
    assert viva("align", "--bundle", tiny_bundle, "my talk.wav", "so it is", "-o", "words.ctm").code == 0
    assert len((home / "words.ctm").read_text(encoding="utf-8").splitlines()) == 3
    assert viva("align", "--bundle", tiny_bundle, "my talk.wav", "so", "-f", "CTM").out.startswith("my_talk 1 ")


def test_partial_is_passed_on(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    whole = json.loads(viva("align", "--bundle", tiny_bundle, "my talk.wav", "so it is").out)
    part = json.loads(viva("align", "--bundle", tiny_bundle, "--partial", "my talk.wav", "so it is").out)
    assert part["log_prob"] > whole["log_prob"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("my talk.wav", "missing.txt"), "missing.txt does not exist"),
        (("my talk.wav", "latin.txt"), "latin.txt is not UTF-8"),
        (("my talk.wav", "— …"), "holds no words"),
        (("my talk.wav", "long.txt"), "Give the words of this recording alone"),
        (("missing.wav", "hello"), "missing.wav"),
        (("my talk.wav", "hello", "-f", "srt"), "expected one of json, textgrid, ctm"),
        (("my talk.wav", "hello", "-o", "nowhere/words.json"), "cannot be written"),
    ],
)
def test_what_cannot_be(viva: Viva, home: Path, tiny_bundle: Path, arguments: tuple[str, ...], message: str) -> None:
    (home / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (home / "long.txt").write_text("so many words " * 30, encoding="utf-8")
    done = viva("align", "--bundle", tiny_bundle, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err


def test_a_long_text_is_not_taken_for_a_name(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    soundfile.write(home / "long.wav", np.zeros(16000 * 30, np.float32), 16000)
    done = viva("align", "--bundle", tiny_bundle, "long.wav", "a word " * 60, "-f", "ctm")
    assert (done.code, len(done.out.splitlines())) == (0, 120)


def test_what_is_read_is_not_written(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    (home / "words.txt").write_text("so it is", encoding="utf-8")
    before = (home / "my talk.wav").read_bytes()
    for output in ("words.txt", "my talk.wav"):
        done = viva("align", "--bundle", tiny_bundle, "my talk.wav", "words.txt", "-o", output)
        assert (done.code, done.err) == (
            2,
            f"error: --output {output} is read, too; give the times a file of their own.\n",
        )
    assert (home / "words.txt").read_text(encoding="utf-8") == "so it is"
    assert (home / "my talk.wav").read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_named_pipe(viva: Viva, home: Path, tiny_bundle: Path) -> None:
    os.mkfifo(home / "pipe")
    sound = (home / "my talk.wav").read_bytes()
    threading.Thread(target=lambda: (home / "pipe").write_bytes(sound), daemon=True).start()
    expected = json.loads(viva("align", "--bundle", tiny_bundle, "my talk.wav", "so it is").out)
    assert json.loads(viva("align", "--bundle", tiny_bundle, "pipe", "so it is").out) == {**expected, "audio": "pipe"}
