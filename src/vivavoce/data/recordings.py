"""From the files of a corpus to measured utterances: where the audio lies, how long it is.

Durations are those that `audio.probe` finds without decoding. This module knows no corpus.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.audio import probe, read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.errors import AudioError, DataError

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

AUDIO_SUFFIXES = (".flac", ".wav", ".opus", ".ogg", ".mp3", ".WAV", ".FLAC")
GENDERS = {"m": "male", "f": "female", "male_masculine": "male", "female_feminine": "female"}
SHOWN = 5  # missing or broken files named in one message
SLACK_SECONDS = 0.2  # by which a decoded recording may exceed the stated duration without being a longer one


def need_folder(root: Path, corpus: str, expected: str) -> Path:
    """`root` as a Path.

    Raises:
        DataError: it is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; {corpus} needs {expected}. Give the folder it was unpacked to.")
    return root


def folder_holding(root: Path, name: str) -> Path:
    """`root`, or the one folder below it that holds `name`; `root` where there is none, or more than one."""
    found = [] if (root / name).exists() else list(root.rglob(name))
    return found[0].parent if len(found) == 1 else root


def find_audio(stem: Path) -> Path | None:
    """The audio file of this stem (path without suffix), whatever its format; None where there is none."""
    for suffix in AUDIO_SUFFIXES:
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            return path
    return None


def measure(
    utterances: Sequence[Utterance], progress: Progress | None = None, skip_missing: bool = False
) -> list[Utterance]:
    """Fill in the durations, reading headers in parallel; `skip_missing` leaves out recordings that are not there.

    Raises:
        DataError: files are missing or are no audio; the first few are named.
    """

    def duration(utterance: Utterance) -> float | str:
        if not os.path.isfile(utterance.audio):
            return f"{utterance.audio}: missing"
        try:
            return duration_of(utterance.audio)
        except AudioError as error:
            return str(error)

    faults: list[str] = []
    measured: list[Utterance] = []
    if skip_missing:
        utterances = [utterance for utterance in utterances if os.path.isfile(utterance.audio)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, (utterance, found) in enumerate(zip(utterances, pool.map(duration, utterances), strict=True), 1):
            if isinstance(found, str):
                faults.append(found)
            else:
                measured.append(replace(utterance, duration_seconds=found))
            if progress is not None:
                progress(done, len(utterances))
    if faults:
        raise DataError(
            f"{len(faults)} of {len(utterances)} recordings cannot be used; fetch or unpack the corpus again:\n"
            + "\n".join(faults[:SHOWN])
            + ("\n..." if len(faults) > SHOWN else "")
        )
    return measured


def duration_of(path: str | Path) -> float:
    """Seconds of a recording as its decoder gives them, without decoding it.

    Raises:
        AudioError: as `probe`.
    """
    return probe(path).duration_seconds


def is_part(utterance: Utterance, file_seconds: float) -> bool:
    """Whether an utterance is a part of its file: it begins behind the file's begin, or ends well before its end.

    A duration of 0 is one that nobody measured, and says nothing.
    """
    return utterance.offset_seconds > 0 or 0 < utterance.duration_seconds < file_seconds - SLACK_SECONDS


def read_utterance(utterance: Utterance, sample_rate: int) -> np.ndarray:
    """(N,) float32 samples of an utterance, at any rate that is asked for: its file, or its part of it.

    Raises:
        AudioError: the file cannot be read, or ends before the utterance begins.
    """
    waveform = read_waveform(utterance.audio, sample_rate)
    start, end = span_of(utterance, len(waveform), sample_rate)
    return waveform[start:end]


def span_of(utterance: Utterance, samples: int, sample_rate: int) -> tuple[int, int]:
    """Where in its file's samples an utterance starts and ends.

    Raises:
        AudioError: the file ends before the utterance begins.
    """
    if not is_part(utterance, samples / sample_rate):
        return 0, samples
    first = round(utterance.offset_seconds * sample_rate)
    if first >= samples:
        raise AudioError(
            f"{utterance.audio} ends at {samples / sample_rate:.2f} s, before {utterance.id} begins, at "
            f"{utterance.offset_seconds} s"
        )
    return first, min(samples, first + round(utterance.duration_seconds * sample_rate))


def read_rows(listing: Path, needed: Iterable[str] = ("id", "audio")) -> list[dict[str, Any]]:
    """The rows of a JSONL listing, one object a recording.

    Raises:
        DataError: the listing is missing or empty, a line is not an object, or a needed name is not in it.
    """
    if not listing.is_file():
        raise DataError(f"{listing} is missing; expected one JSON object a recording. Fetch the corpus again.")
    rows = []
    # Not splitlines: JSON may hold the line separators of Unicode as they are.
    for number, line in enumerate(listing.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{listing}, line {number} is not JSON ({error}). Fetch the corpus again.") from None
        lacking = [name for name in needed if not isinstance(row, dict) or name not in row]
        if lacking:
            raise DataError(f"{listing}, line {number} has no {', '.join(lacking)}. Fetch the corpus again.")
        rows.append(row)
    if not rows:
        raise DataError(f"{listing} is empty; expected one JSON object a recording. Fetch the corpus again.")
    return rows


def utterances_of_rows(listing: Path, corpus: str, part: str, licence: str, speaker: str = "") -> list[Utterance]:
    """Utterances, not yet measured, of a JSONL listing whose audio paths are relative to its folder.

    `id`, `audio`, `text` and `speaker` become fields, the listing's rounded `seconds` gives way to the measured
    duration, and the rest goes to `extra` (gender as male, female or what else the speaker said). `speaker` is for
    rows that name none.
    """
    utterances = []
    for row in read_rows(listing, ("id", "audio", "text")):
        known = {key: value for key, value in row.items() if key not in ("id", "audio", "text", "speaker", "seconds")}
        if "gender" in known:
            known["gender"] = gender(str(known["gender"]))
        utterances.append(
            Utterance(
                str(row["id"]),
                str(listing.parent / row["audio"]),
                str(row["text"]),
                0.0,
                speaker=str(row.get("speaker", "") or speaker),
                extra={"corpus": corpus, "part": part, "licence": licence, **known},
            )
        )
    return utterances


def gender(stated: str) -> str:
    """One spelling for what corpora call m, Male or male_masculine."""
    return GENDERS.get(stated.lower(), stated.lower())


def chosen_parts(available: Sequence[str], part: str | None, corpus: str, root: Path) -> list[str]:
    """`available`, or the one that was asked for.

    Raises:
        DataError: nothing is available, or not what was asked for.
    """
    if not available:
        raise DataError(f"{root} does not look like {corpus}: none of its parts was found there.")
    if part is None:
        return list(available)
    if part not in available:
        raise DataError(f"{corpus} has no part {part!r} in {root}; it has {', '.join(available)}.")
    return [part]
