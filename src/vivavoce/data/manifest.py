"""Manifests: one utterance a line, as JSON, readable as NeMo manifests.

Every line holds `audio_filepath`, `duration` and `text`, the names NeMo reads, and beside them `id`, `speaker`,
`offset` and whatever else the corpus knows. Relative audio paths are relative to the manifest's folder. This module
knows nothing of corpora or of audio formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.errors import ConfigError, DataError


@dataclass(frozen=True)
class Utterance:
    """One stretch of speech and what was said in it.

    `audio` is an absolute path, or one relative to the working folder; `offset_seconds` says where in the file the
    utterance begins. `extra` keeps what else is known (gender, age, accent, source ...), JSON values only.
    """

    id: str
    audio: str
    text: str
    duration_seconds: float
    offset_seconds: float = 0.0
    speaker: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read a JSONL manifest; relative audio paths become paths under the manifest's folder.

    Raises:
        DataError: the file is missing, empty or no text, or a line is not an object with the three NeMo names.
    """
    utterances = list(iterate_manifest(path))
    if not utterances:
        raise DataError(f"{path} holds no utterance; expected one JSON object a line. Run `viva prepare` again.")
    return utterances


def path_and_times(manifest: str) -> tuple[str, int]:
    """`a.jsonl*2` -> ("a.jsonl", 2); without a number, once.

    Raises:
        ConfigError: what follows the * is no number from 1 on.
    """
    path, star, count = manifest.partition("*")
    if star and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise ConfigError(f"manifests holds {manifest!r}; expected PATH or PATH*N with N from 1 on.")
    return path, int(count) if star else 1


def read_for_training(paths: Sequence[str | Path]) -> list[list[Utterance]]:
    """The utterances of each manifest that a recipe was given.

    Raises:
        ConfigError: no manifests. DataError: one cannot be read, or holds an utterance of another part than "train".
    """
    if not paths:
        raise ConfigError("no manifests were given; use --set manifests=A.jsonl,B.jsonl (made by `viva prepare`).")
    manifests = [read_manifest(path) for path in paths]
    for path, utterances in zip(paths, manifests, strict=True):
        for utterance in utterances:
            if utterance.extra.get("part", "train") != "train":
                raise DataError(
                    f"{path} holds {utterance.id} of part {utterance.extra['part']!r}; train on train parts only."
                )
    return manifests


def iterate_manifest(path: str | Path) -> Iterator[Utterance]:
    """The same, one utterance at a time, in constant memory."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file; expected a JSONL manifest. Make one with `viva prepare`.")
    with path.open(encoding="utf-8-sig") as lines:
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parse(line, path, number)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path} is not UTF-8 text after line {number} ({error.reason}); expected a JSONL manifest."
            ) from None


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write utterances as JSONL and return how many; audio below the manifest's folder is written relative to it.

    Raises:
        DataError: the file cannot be written.
    """
    path = Path(path)
    folder = path.parent.resolve()
    count = 0
    partial = path.with_name(path.name + ".part")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file for the manifest.")
    try:  # before the utterances, whose making may take hours
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}. Name another file.") from None
    with partial.open("w", encoding="utf-8") as out:
        for utterance in utterances:
            audio = Path(utterance.audio).resolve()
            shown = audio.relative_to(folder) if audio.is_relative_to(folder) else audio
            row: dict[str, Any] = {
                "id": utterance.id,
                "audio_filepath": shown.as_posix(),
                "duration": round(utterance.duration_seconds, 4),
                "text": utterance.text,
            }
            if utterance.offset_seconds:
                row["offset"] = utterance.offset_seconds
            if utterance.speaker:
                row["speaker"] = utterance.speaker
            row.update(utterance.extra)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    partial.replace(path)  # a reader never sees half a manifest
    return count


def _parse(line: str, path: Path, number: int) -> Utterance:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line)
    except ValueError as error:  # a JSONDecodeError, or a number of more digits than Python reads
        raise DataError(f"{where} is not JSON ({error}); expected one object a line.") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} is a JSON {type(row).__name__}; expected an object.")
    try:
        audio, text, duration = row.pop("audio_filepath"), row.pop("text"), float(row.pop("duration"))
        offset = float(row.pop("offset", 0.0) or 0.0)
    except KeyError as error:
        raise DataError(f"{where} has no {error}; a manifest line needs audio_filepath, duration and text.") from None
    except (OverflowError, TypeError, ValueError):
        raise DataError(f"{where}: duration and offset must be numbers of seconds.") from None
    if not isinstance(audio, str) or not audio:
        raise DataError(f"{where}: audio_filepath is {audio!r}; expected a recording's path.")
    if not isinstance(text, str):
        raise DataError(f"{where}: text is {text!r}; expected a string.")
    if not (0.0 <= duration < float("inf")) or not (0.0 <= offset < float("inf")):
        raise DataError(f"{where}: duration {duration} and offset {offset} must be finite and not negative.")
    name = str(row.pop("id", "") or Path(audio).stem)
    speaker = str(row.pop("speaker", "") or "")
    resolved = audio if Path(audio).is_absolute() else str(path.parent / audio)
    return Utterance(name, resolved, text, duration, offset, speaker, row)
