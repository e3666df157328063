"""LibriSpeech: read audiobooks, `part/speaker/chapter/speaker-chapter-number.flac` with one `.trans.txt` a chapter.

Reads the published layout, any of its parts and any audio format. A folder whose name begins with `train` belongs to
part "train", `dev-*` to "dev", all others to "test"; a folder may also be asked for by its own name. SPEAKERS.TXT
beside or above the parts gives the speaker's gender.
Source: https://www.openslr.org/12
"""

from __future__ import annotations

import os
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, find_audio, gender, measure, need_folder
from vivavoce.errors import DataError

NAME = "librispeech"
LICENCE = "CC-BY-4.0"
FOLDERS = ("librispeech", "LibriSpeech")
EXPECTED = "folders such as train-clean-5/speaker/chapter with .trans.txt files"


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """Utterances of all parts below `root`, of "train", "dev" or "test", or of one folder.

    Raises:
        DataError: no such folder or part, a transcript without its recording, or a malformed line.
    """
    root = Path(os.path.abspath(need_folder(root, NAME, EXPECTED)))  # "." has no name to tell the part by
    transcripts = sorted(root.rglob("*.trans.txt"))
    if not transcripts:
        raise DataError(f"{root} holds no .trans.txt; expected {EXPECTED}. Give the folder that holds the parts.")
    folders: dict[str, list[Path]] = {}
    for path in transcripts:
        folders.setdefault(path.parents[2].name, []).append(path)
    if part in folders:
        wanted = [str(part)]
    else:
        parts = chosen_parts(list(dict.fromkeys(map(part_of, folders))), part, NAME, root)
        wanted = [folder for folder in folders if part_of(folder) in parts]
    speakers = _read_speakers(root)
    utterances = [u for folder in wanted for path in folders[folder] for u in _read_chapter(path, speakers)]
    return measure(utterances, progress)


def part_of(folder: str) -> str:
    """ "train", "dev" or "test", by the name of the folder."""
    return next((part for part in ("train", "dev") if folder.startswith(part)), "test")


def _read_chapter(transcript: Path, speakers: dict[str, dict[str, str]]) -> list[Utterance]:
    folder = transcript.parents[2].name
    utterances = []
    for number, line in enumerate(transcript.read_text(encoding="utf-8").splitlines(), 1):
        name, _, text = line.strip().partition(" ")
        if not name:
            continue
        if not text or name.count("-") != 2:
            raise DataError(f"{transcript}, line {number}: expected `speaker-chapter-number TEXT`, found {line!r}.")
        audio = find_audio(transcript.parent / name)
        if audio is None:
            raise DataError(f"{transcript} names {name}, but {transcript.parent} has no audio file of that name.")
        speaker, chapter, _ = name.split("-")
        extra = {"corpus": NAME, "part": part_of(folder), "licence": LICENCE, "subset": folder, "chapter": chapter}
        extra.update(speakers.get(speaker, {}))
        utterances.append(Utterance(name, str(audio), text.strip(), 0.0, speaker=speaker, extra=extra))
    return utterances


def _read_speakers(root: Path) -> dict[str, dict[str, str]]:
    """Speaker -> gender, from the table that the original archives carry; empty where it is not there."""
    table = next((p for p in (root / "SPEAKERS.TXT", root.parent / "SPEAKERS.TXT") if p.is_file()), None)
    if table is None:
        return {}
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != ";"]
    columns = [[column.strip() for column in line.split("|")] for line in lines]
    return {row[0]: {"gender": gender(row[1])} for row in columns if len(row) > 1}
