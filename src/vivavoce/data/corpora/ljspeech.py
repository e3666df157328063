"""Voices in LJSpeech's layout: `metadata.csv` (name|text|normalised text) beside `wavs/`, one speaker.

`read_voice` serves other single voices of this layout too.
Source: https://keithito.com/LJ-Speech-Dataset/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, find_audio, folder_holding, measure, need_folder
from vivavoce.errors import DataError

NAME = "ljspeech"
LICENCE = "public domain"
FOLDERS = ("ljspeech", "LJSpeech-1.1")


def prepare(
    root: Path, part: str | None = None, progress: Progress | None = None, skip_missing: bool = False
) -> list[Utterance]:
    """All utterances; the only part is "train".

    Raises:
        DataError: no such folder or part, or recordings are missing and not to be skipped.
    """
    return read_voice(root, part, progress, NAME, "ljspeech", LICENCE, skip_missing)


def read_voice(
    root: Path,
    part: str | None,
    progress: Progress | None,
    corpus: str,
    speaker: str,
    licence: str,
    skip_missing: bool = False,
) -> list[Utterance]:
    """Utterances of a voice in this layout, with the normalised text as text and the text as printed in `extra`.

    Raises:
        DataError: no metadata.csv, a malformed line, no such part, or recordings are missing and not to be skipped.
    """
    root = folder_holding(need_folder(root, corpus, "metadata.csv and wavs"), "metadata.csv")
    listing = root / "metadata.csv"
    chosen_parts(["train"] if listing.is_file() else [], part, corpus, root)
    utterances = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        columns = line.split("|")
        if len(columns) < 2 or not columns[0]:
            raise DataError(f"{listing}, line {number}: expected `name|text|normalised text`, found {line!r}.")
        stem = root / "wavs" / columns[0]
        extra = {"corpus": corpus, "part": "train", "licence": licence}
        if columns[1] != columns[-1]:
            extra["printed"] = columns[1]
        audio = str(find_audio(stem) or f"{stem}.wav")
        utterances.append(Utterance(columns[0], audio, columns[-1], 0.0, speaker=speaker, extra=extra))
    return measure(utterances, progress, skip_missing)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs: the folder with metadata.csv, and its wavs."""
    listings = [path for path in paths if path.rpartition("/")[2] == "metadata.csv"]
    if len(listings) != 1:
        raise DataError(f"expected one metadata.csv, found {len(listings)}: this is not LJSpeech's layout.")
    folder = listings[0].removesuffix("metadata.csv")
    return listings + [path for path in paths if path.startswith(folder + "wavs/")]
