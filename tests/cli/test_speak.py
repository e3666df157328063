"""`viva speak`: files, text from everywhere, what is refused and what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.audio import probe, read_waveform
from vivavoce.runtime.synthesizer import Synthesizer

Viva = Callable[..., Any]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".opus"])
def test_speech_goes_into_every_kind_of_file(viva: Viva, tiny_voice: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"hello{suffix}"
    done = viva("speak", "Hello world.", "--bundle", tiny_voice, "-o", out)
    assert (done.code, done.out, done.err) == (0, "", "")
    expected = Synthesizer(tiny_voice).speak("Hello world.")
    assert probe(out).duration_seconds == pytest.approx(len(expected) / 22050, abs=0.15)
    if suffix == ".flac":
        assert np.abs(read_waveform(out, None) - expected).max() < 1e-4


def test_a_file_is_spoken_like_its_text(viva: Viva, tiny_voice: Path, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("The dog is there.\n\nOpen the door!\n" * 3, encoding="utf-8")
    assert viva("speak", "-f", book, "--bundle", tiny_voice, "-o", tmp_path / "a.wav").code == 0
    assert viva("speak", book.read_text(), "--bundle", tiny_voice, "-o", tmp_path / "b.wav").code == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_text_from_standard_input(viva: Viva, tiny_voice: Path, tmp_path: Path) -> None:
    assert viva("speak", "-", "--bundle", tiny_voice, "-o", tmp_path / "a.wav", stdin=b"Hello world.").code == 0
    assert viva("speak", "Hello world.", "--bundle", tiny_voice, "-o", tmp_path / "b.wav").code == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_standard_input_that_is_no_text_is_refused(viva: Viva, tiny_voice: Path) -> None:
    done = viva("speak", "-", "--bundle", tiny_voice, "--phones", stdin=b"caf\xe9")
    assert done.code == 2
    assert done.err.startswith("error: standard input is not UTF-8 text")
    marked = viva("speak", "-", "--bundle", tiny_voice, "--phones", stdin="\ufeffHello.".encode())
    assert marked == viva("speak", "Hello.", "--bundle", tiny_voice, "--phones")


def test_phones_are_printed(viva: Viva, tiny_voice: Path) -> None:
    done = viva("speak", "Hello, {K AE1 T}!", "--bundle", tiny_voice, "--phones")
    assert done.code == 0
    assert done.out.split() == ["<break>", "HH", "AH0", "L", "OW1", ",", "K", "AE1", "T", "!", "<break>"]


def test_what_cannot_be_read_is_told(viva: Viva, tiny_voice: Path, tmp_path: Path) -> None:
    done = viva("speak", "The \u65e5\u672c dog.", "--bundle", tiny_voice, "-o", tmp_path / "a.wav")
    assert done.code == 0
    assert done.err == "not read: \u65e5\u672c\n"


def test_failed_attention_is_told_and_the_speech_written(viva: Viva, hollow_voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    text = '<speak><break time="500ms"/>Hello there.<break time="1s"/>Zip. The dog.</speak>'
    done = viva("speak", "--ssml", text, "--bundle", hollow_voice, "-o", out)
    assert (done.code, done.out) == (0, "")
    told = done.err.splitlines()
    for number, (line, said) in enumerate(zip(told, ("HH AH0 L OW1 | DH", "Z IH1 P", "DH AH0 | D AO1 G"), strict=True)):
        assert line.startswith(f"attention, sentence {number + 1}: not aligned: <break> {said}"), line
    assert probe(out).duration_seconds > 1.5
    silent = viva("speak", "Hello there.", "--bundle", hollow_voice, "--phones")
    assert (silent.code, silent.err) == (0, "")


def test_a_rate_that_a_voice_does_not_have_is_refused(viva: Viva, hollow_voice: Path, tmp_path: Path) -> None:
    for option in (("--rate", "1.2"), ("--pitch", "2")):
        done = viva("speak", "Hello.", "--bundle", hollow_voice, "-o", tmp_path / "a.wav", *option)
        assert done.code == 2
        assert "is a Tacotron 2, which has the one rate and pitch that it learned. Leave out --rate and" in done.err
        assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["classic_voice", "mixed_voice"])
def test_a_wavenet_is_heard(viva: Viva, request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    voice, out = request.getfixturevalue(name), tmp_path / "a.flac"
    done = viva("speak", "The dog.", "--bundle", voice, "-o", out)
    assert done.code == 0, done.err
    assert done.err.startswith("attention, sentence 1: ") == (name == "classic_voice")
    expected = Synthesizer(voice, on_fault=lambda *_: None).speak("The dog.")
    assert np.abs(read_waveform(out, None) - expected).max() < 1e-4


def test_users_faults_are_one_line_and_leave_nothing(viva: Viva, tiny_voice: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"hello \xff\xfe world")
    own = tmp_path / "own.txt"
    own.write_text("cat K XX T\n", encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    voice = ("--bundle", tiny_voice)
    for arguments, named in (
        ((*voice, "-o", out / "a.wav"), "expected a text or --file"),
        (("hello", "-f", bad, *voice, "-o", out / "a.wav"), "one of them"),
        (("hello", *voice), "-o FILE.wav"),
        (("", *voice, "-o", out / "a.wav"), "nothing to say"),
        (("-f", bad, *voice, "-o", out / "a.wav"), "not UTF-8"),
        (("-f", tmp_path / "none.txt", *voice, "-o", out / "a.wav"), "none.txt cannot be read"),
        (("<speak><b>hi</b></speak>", "--ssml", *voice, "-o", out / "a.wav"), "line 1, column 8"),
        (("hello", *voice, "-o", out / "a.xyz"), "cannot write"),
        (("hello", *voice, "--lexicon", own, "-o", out / "a.wav"), "line 1"),
        (("hello", "--bundle", tmp_path / "nowhere", "-o", out / "a.wav"), "does not exist"),
    ):
        done = viva("speak", *arguments)
        assert done.code == 2, arguments
        assert named in done.err
        assert "Traceback" not in done.err
        assert len(done.err.splitlines()) == 1, done.err
        assert not list(out.iterdir())
