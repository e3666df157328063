"""Transcripts as text, JSON lines, SubRip and WebVTT, against the formats' own rules."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.cli.formats import CUE_CHARACTERS, CUE_PAUSE_SECONDS, CUE_SECONDS, cues, render
from vivavoce.decoding.words import Word
from vivavoce.runtime.transcript import Transcript


def transcript(*words: tuple[str, float, float]) -> Transcript:
    made = tuple(Word(word, start, end, 0.5) for word, start, end in words)
    return Transcript(" ".join(word.word for word in made), made, 4000.0, len(made))


HELLO = transcript(("hello", 0.04, 0.4), ("it's", 0.5, 0.9), ("me", 3725.0, 3725.9994))


def test_text() -> None:
    assert render(HELLO, "text", "a.wav") == "hello it's me\n"
    assert render(transcript(), "text", "a.wav") == "\n"


def test_jsonl_is_exactly_what_is_promised() -> None:
    line = render(transcript(("née", 0.04, 0.4)), "jsonl", "../some where/ä.wav")
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "audio": "../some where/ä.wav",
        "text": "née",
        "duration_seconds": 4000.0,
        "words": [{"word": "née", "start_seconds": 0.04, "end_seconds": 0.4, "confidence": 0.5}],
    }
    assert list(json.loads(line)) == ["audio", "text", "duration_seconds", "words"]
    assert json.loads(render(transcript(), "jsonl", "-"))["words"] == []


def test_srt_by_hand() -> None:
    assert render(HELLO, "srt", "a.wav") == (
        "1\n00:00:00,040 --> 00:00:00,900\nhello it's\n\n2\n01:02:05,000 --> 01:02:05,999\nme\n"
    )
    assert render(transcript(), "srt", "a.wav") == ""


def test_vtt_by_hand() -> None:
    assert render(HELLO, "vtt", "a.wav") == (
        "WEBVTT\n\n00:00:00.040 --> 00:00:00.900\nhello it's\n\n01:02:05.000 --> 01:02:05.999\nme\n"
    )
    assert render(transcript(), "vtt", "a.wav") == "WEBVTT\n"


@st.composite
def spoken(draw: st.DrawFn) -> Transcript:
    words, time = [], 0.0
    for _ in range(draw(st.integers(0, 60))):
        time += draw(st.floats(0.0, 2.0))
        length = draw(st.floats(0.04, 1.5))
        words.append((draw(st.text("abcdefgh'", min_size=1, max_size=20)), round(time, 3), round(time + length, 3)))
        time += length
    return transcript(*words)


@given(spoken())
def test_cues_hold_every_word_once_and_stay_readable(said: Transcript) -> None:
    groups = cues(said.words)
    assert [word for group in groups for word in group] == list(said.words)
    for group in groups:
        assert group
        if len(group) > 1:
            assert group[-1].end_seconds - group[0].start_seconds <= CUE_SECONDS
            assert sum(len(word.word) + 1 for word in group) - 1 <= CUE_CHARACTERS
        for one, other in itertools.pairwise(group):
            assert other.start_seconds - one.end_seconds <= CUE_PAUSE_SECONDS


@given(spoken())
@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_can_be_read_back(form: str, said: Transcript) -> None:
    blocks = [block for block in render(said, form, "a.wav").strip("\n").split("\n\n") if block]
    if form == "vtt":
        assert blocks.pop(0) == "WEBVTT"
    texts = []
    for number, block in enumerate(blocks, 1):
        lines = block.split("\n")
        if form == "srt":
            assert lines.pop(0) == str(number)
        mark = "," if form == "srt" else r"\."
        assert re.fullmatch(rf"\d\d:\d\d:\d\d{mark}\d{{3}} --> \d\d:\d\d:\d\d{mark}\d{{3}}", lines[0])
        assert 1 <= len(lines[1:]) <= 2
        texts += lines[1:]
    assert " ".join(texts) == said.text
