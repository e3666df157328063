"""Common Voice: volunteers read sentences into their own microphones; cased, punctuated text.

Two layouts: the published one (`clips/*.mp3` with `train.tsv`, `dev.tsv`, `test.tsv`), and `train.jsonl`, `test.jsonl`
with audio paths. Age is a decade ("twenties"), gender and accent are as the speaker stated them, where stated. Part
"unlabelled", given only when asked for, is the clips that no listener has judged (in neither `validated.tsv` nor
`invalidated.tsv`), without text: for self-training.
Source: https://commonvoice.mozilla.org
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import (
    AUDIO_SUFFIXES,
    Progress,
    chosen_parts,
    find_audio,
    folder_holding,
    gender,
    measure,
    need_folder,
    utterances_of_rows,
)
from vivavoce.errors import DataError

NAME = "common_voice"
LICENCE = "CC0-1.0"
FOLDERS = ("common_voice",)
PARTS = ("train", "dev", "test")
UNLABELLED = "unlabelled"
JUDGED = ("validated", "invalidated", *PARTS)


def prepare(
    root: Path, part: str | None = None, progress: Progress | None = None, skip_missing: bool = False
) -> list[Utterance]:
    """Utterances of all parts below `root`, or of one.

    Raises:
        DataError: no such folder or part, or recordings are missing and not to be skipped.
    """
    root = folder_holding(need_folder(root, NAME, "train.tsv and clips, or train.jsonl"), "clips")
    if part == UNLABELLED:
        return measure(_unlabelled(root), progress)
    listings = {name: path for name in PARTS for s in (".tsv", ".jsonl") if (path := root / (name + s)).is_file()}
    utterances: list[Utterance] = []
    for name in chosen_parts(list(listings), part, NAME, root):
        listing = listings[name]
        if listing.suffix == ".tsv":
            utterances += _labelled(listing, name)
        else:
            utterances += utterances_of_rows(listing, NAME, name, LICENCE)
    return measure(utterances, progress, skip_missing)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs for a part, or for all but "unlabelled"."""
    tables = [path for path in paths if PurePosixPath(path).name in {f"{name}.tsv" for name in JUDGED}]
    clips = [path for path in paths if "/clips/" in "/" + path and PurePosixPath(path).suffix in AUDIO_SUFFIXES]
    if part == UNLABELLED:
        # A table that did not arrive would make its clips look unlabelled: read_text raises, and rightly so.
        named = {row["path"] for path in tables for row in table_rows(read_text(path)) if row.get("path")}
        return tables + [path for path in clips if PurePosixPath(path).name not in named]
    wanted = [path for path in tables if PurePosixPath(path).stem in (PARTS if part is None else (part,))]
    named = {row["path"] for path in wanted for row in table_rows(read_text(path)) if row.get("path")}
    return wanted + [path for path in clips if PurePosixPath(path).name in named]


def table_rows(content: str) -> Iterator[dict[str, str]]:
    """The rows of one of Common Voice's tables."""
    # Not splitlines: sentences hold the line separators of Unicode now and then.
    yield from csv.DictReader(content.split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)


def _labelled(listing: Path, part: str) -> list[Utterance]:
    utterances = []
    for row in table_rows(listing.read_text(encoding="utf-8")):
        if not row.get("path") or not row.get("sentence"):
            raise DataError(f"{listing} lacks the columns path and sentence; expected Common Voice's own table.")
        extra = {"corpus": NAME, "part": part, "licence": LICENCE}
        extra |= {key: str(row[key]) for key in ("age", "accent", "accents", "locale") if row.get(key)}
        if row.get("gender"):
            extra["gender"] = gender(row["gender"])
        stem = listing.parent / "clips" / Path(row["path"]).stem
        speaker = (row.get("client_id") or "")[:12]
        audio = str(find_audio(stem) or listing.parent / "clips" / row["path"])
        utterances.append(Utterance(stem.name, audio, row["sentence"], 0.0, speaker=speaker, extra=extra))
    return utterances


def _unlabelled(root: Path) -> list[Utterance]:
    tables = [path for name in JUDGED if (path := root / f"{name}.tsv").is_file()]
    if not {"validated.tsv", "invalidated.tsv"} <= {path.name for path in tables} or not (root / "clips").is_dir():
        raise DataError(f"{root} needs validated.tsv and invalidated.tsv beside clips to tell its unlabelled clips.")
    rows = (row for path in tables for row in table_rows(path.read_text(encoding="utf-8")))
    named = {Path(row["path"]).stem for row in rows if row.get("path")}
    clips = [path for path in sorted((root / "clips").iterdir()) if path.suffix in AUDIO_SUFFIXES]
    extra = {"corpus": NAME, "part": UNLABELLED, "licence": LICENCE}
    return [Utterance(path.stem, str(path), "", 0.0, extra=extra) for path in clips if path.stem not in named]
