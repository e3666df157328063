"""Transcripts as text, JSON lines, SubRip and WebVTT."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from vivavoce.decoding.words import Word
from vivavoce.runtime.transcript import Transcript

FORMATS = ("text", "jsonl", "srt", "vtt")
CUE_CHARACTERS = 84  # two lines of 42, as subtitles are usually set
CUE_SECONDS = 6.0
CUE_PAUSE_SECONDS = 0.8


def render(transcript: Transcript, form: str, audio: str) -> str:
    """One file's transcript in a format of `FORMATS`, with its last line break.

    `audio` is the path as the user gave it; only jsonl shows it.
    """
    if form == "jsonl":
        row = {
            "audio": audio,
            "text": transcript.text,
            "duration_seconds": round(transcript.duration_seconds, 3),
            "words": [asdict(word) for word in transcript.words],
        }
        return json.dumps(row, ensure_ascii=False) + "\n"
    if form == "srt":
        lines = []
        for number, cue in enumerate(cues(transcript.words), 1):
            times = f"{_clock(cue[0].start_seconds, ',')} --> {_clock(cue[-1].end_seconds, ',')}"
            lines.append(f"{number}\n{times}\n{_lines(cue)}\n")
        return "\n".join(lines)
    if form == "vtt":
        lines = ["WEBVTT\n"]
        for cue in cues(transcript.words):
            times = f"{_clock(cue[0].start_seconds, '.')} --> {_clock(cue[-1].end_seconds, '.')}"
            lines.append(f"{times}\n{_lines(cue)}\n")
        return "\n".join(lines)
    assert form == "text", form
    return transcript.text + "\n"


def cues(words: Sequence[Word]) -> list[list[Word]]:
    """Words grouped into subtitles: cut at pauses, and where one would grow too long to read or to stand."""
    groups: list[list[Word]] = []
    for word in words:
        cue = groups[-1] if groups else []
        if (
            not cue
            or word.start_seconds - cue[-1].end_seconds > CUE_PAUSE_SECONDS
            or word.end_seconds - cue[0].start_seconds > CUE_SECONDS
            or sum(len(w.word) + 1 for w in cue) + len(word.word) > CUE_CHARACTERS
        ):
            groups.append([word])
        else:
            cue.append(word)
    return groups


def _lines(cue: Sequence[Word]) -> str:
    """One line, or two of about equal length where one would be too wide."""
    text = " ".join(word.word for word in cue)
    if len(text) <= CUE_CHARACTERS // 2:
        return text
    spaces = [place for place, character in enumerate(text) if character == " "]
    if not spaces:
        return text
    cut = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:cut]}\n{text[cut + 1 :]}"


def _clock(seconds: float, mark: str) -> str:
    """HH:MM:SS and milliseconds behind the format's own mark."""
    total = round(seconds * 1000)
    return f"{total // 3600000:02d}:{total // 60000 % 60:02d}:{total // 1000 % 60:02d}{mark}{total % 1000:03d}"
