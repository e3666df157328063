"""Manifests of Lhotse, out and in: a recording manifest and a supervision manifest, JSONL or JSONL.GZ.

Lhotse's data model keeps what was recorded (files) apart from what was said (supervisions, segments of a recording);
ours keeps one utterance a row. Only what both know travels: features, cuts and alignments do not. Lhotse itself is not
needed. Source: https://lhotse.readthedocs.io/en/latest/corpus.html
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from vivavoce.audio import probe
from vivavoce.data.manifest import Utterance
from vivavoce.errors import DataError

OWN_FIELDS = ("gender", "language")  # of a supervision, beside those of an utterance; the rest is custom


def write_lhotse(recordings: str | Path, supervisions: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write both manifests, reading each file's header for rate and length; returns the number of supervisions.

    A recording is named as its utterance. Several utterances in one file share its recording, which has the file's path
    for its name then, as where other utterances have the same id.

    Raises:
        AudioError: a recording is missing or no audio.
    """
    rows = list(utterances)
    uses: dict[str, list[Utterance]] = {}
    for utterance in rows:
        uses.setdefault(utterance.audio, []).append(utterance)
    times = Counter(utterance.id for utterance in rows)
    names = {audio: users[0].id if len(users) == times[users[0].id] == 1 else audio for audio, users in uses.items()}
    _write(recordings, (_recording(names[audio], audio) for audio in uses))
    return _write(supervisions, (_supervision(utterance, names[utterance.audio]) for utterance in rows))


def read_lhotse(recordings: str | Path, supervisions: str | Path) -> list[Utterance]:
    """Utterances of both manifests, in the order of the supervisions.

    Raises:
        DataError: a manifest is missing or malformed, two recordings have one id, a supervision's recording is unknown,
            or is not one plain file.
    """
    paths: dict[str, str] = {}
    for row, where in _read(recordings):
        try:
            sources = row["sources"]
            if len(sources) != 1 or sources[0]["type"] != "file":
                raise DataError(f"{where}: {row['id']} is not one plain file; export it from Lhotse as files first.")
            if str(row["id"]) in paths:
                raise DataError(f"{where}: recording {row['id']} is there already; give each an id of its own.")
            paths[str(row["id"])] = str(sources[0]["source"])
        except (KeyError, TypeError) as error:
            raise DataError(f"{where} is not a Lhotse recording ({error!r}).") from None
    utterances = []
    for row, where in _read(supervisions):
        try:
            audio = paths.get(str(row["recording_id"]))
            if audio is None:
                raise DataError(f"{where}: recording {row['recording_id']} is not in {recordings}.")
            extra = {**(row.get("custom") or {}), **{key: row[key] for key in OWN_FIELDS if row.get(key)}}
            utterances.append(
                Utterance(
                    str(row["id"]),
                    audio,
                    str(row.get("text") or ""),
                    float(row["duration"]),
                    float(row["start"]),
                    str(row.get("speaker") or ""),
                    extra,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where} is not a Lhotse supervision ({error!r}).") from None
    return utterances


def _recording(name: str, audio: str) -> dict[str, Any]:
    info = probe(audio)
    channels = list(range(info.channels))
    return {
        "id": name,
        "sources": [{"type": "file", "channels": channels, "source": str(Path(audio).resolve())}],
        "sampling_rate": info.sample_rate,
        "num_samples": info.num_samples,
        "duration": info.duration_seconds,
        "channel_ids": channels,
    }


def _supervision(utterance: Utterance, recording: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": utterance.id,
        "recording_id": recording,
        "start": utterance.offset_seconds,
        "duration": utterance.duration_seconds,
        "channel": 0,
        "text": utterance.text,
    }
    if utterance.speaker:
        row["speaker"] = utterance.speaker
    row.update({key: utterance.extra[key] for key in OWN_FIELDS if key in utterance.extra})
    custom = {key: value for key, value in utterance.extra.items() if key not in OWN_FIELDS}
    return {**row, "custom": custom} if custom else row


def _open(path: Path, mode: str) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, mode, encoding="utf-8"))
    return cast(IO[str], path.open(mode, encoding="utf-8"))


def _write(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> int:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("part-" + path.name)
    count = 0
    with _open(partial, "wt") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    partial.replace(path)
    return count


def _read(path: str | Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(row, where it stands) of each line."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is missing; expected a Lhotse manifest (.jsonl or .jsonl.gz).")
    try:
        with _open(path, "rt") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield json.loads(line), f"{path}, line {number}"
    except (json.JSONDecodeError, gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a Lhotse manifest ({error}); expected one JSON object a line.") from None
