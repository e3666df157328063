"""Aligned texts as JSON, Praat TextGrid and NIST CTM."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from vivavoce.decoding.alignment_words import AlignedCharacter, AlignedText, AlignedWord

FORMATS = ("json", "textgrid", "ctm")
Interval = tuple[float, float, str]


def render_alignment(aligned: AlignedText, form: str, audio: str) -> str:
    """An aligned text in a format of `FORMATS`, with its last line break; times are rounded to 1 ms.

    `audio` is the recording's path as the user gave it.
    """
    if form == "json":
        return _json(aligned, audio)
    if form == "textgrid":
        return _textgrid(aligned)
    assert form == "ctm", form
    return "".join(_ctm_lines(aligned, audio))


def _json(aligned: AlignedText, audio: str) -> str:
    """One object, a line for each word; an hour of characters, indented, would take another 50 MB to write."""
    facts = {
        "audio": audio,
        "text": " ".join(word.word for word in aligned.words),
        "duration_seconds": round(aligned.duration_seconds, 3),
        "log_prob": round(aligned.log_prob, 3) if math.isfinite(aligned.log_prob) else None,  # JSON has no infinity
    }
    rows = (
        {
            "word": word.word,
            "spoken": word.spoken,
            **_facts(word),
            "characters": [{"character": item.character, **_facts(item)} for item in word.characters],
        }
        for word in aligned.words
    )
    head = json.dumps(facts, ensure_ascii=False).removesuffix("}")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{head}, "words": [\n{lines}\n]}}\n'


def _facts(item: AlignedWord | AlignedCharacter) -> dict[str, float]:
    return {
        "start_seconds": round(item.start_seconds, 3),
        "end_seconds": round(item.end_seconds, 3),
        "confidence": round(item.confidence, 4),
    }


def _textgrid(aligned: AlignedText) -> str:
    """Two interval tiers, words and characters, in Praat's long text format.

    Intervals must cover a tier without a gap; those of silence have no text.
    """
    end = round(aligned.duration_seconds, 3)
    tiers = {
        "words": [(word.start_seconds, word.end_seconds, word.word) for word in aligned.words],
        "characters": [
            (item.start_seconds, item.end_seconds, item.character) for word in aligned.words for item in word.characters
        ],
    }
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, spoken) in enumerate(tiers.items(), 1):
        intervals = list(_without_gaps(spoken, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end}", f"        intervals: size = {len(intervals)}"]
        for place, (start, stop, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {stop}"]
            lines.append(f"            text = {_quoted(text)}")
    return "\n".join(lines) + "\n"


def _without_gaps(spoken: Sequence[Interval], end: float) -> Iterator[Interval]:
    place = 0.0
    for start, stop, text in spoken:
        start, stop = round(start, 3), round(stop, 3)
        if start > place:
            yield place, start, ""
        if stop > start:  # Praat refuses a file with an interval of no length
            yield start, stop, text
        place = stop
    if end > place:
        yield place, end, ""


def _quoted(text: str) -> str:
    """A text as Praat reads it: a quotation mark within it is doubled."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _ctm_lines(aligned: AlignedText, audio: str) -> Iterator[str]:
    """File, channel, start, duration, word and confidence, parted by spaces; so no field may hold one."""
    name = "stdin" if audio == "-" else "_".join(PurePath(audio).stem.split())
    for word in aligned.words:
        start, end = round(word.start_seconds, 3), round(word.end_seconds, 3)
        yield f"{name} 1 {start:.3f} {end - start:.3f} {word.word.replace(' ', '_')} {word.confidence:.4f}\n"
