"""Common Voice's clips without text: what a release holds and nobody has judged yet, for self-training.

A release's `clips` holds all recordings, `validated.tsv` and `invalidated.tsv` those that were voted on, and
`train.tsv`, `dev.tsv` and `test.tsv` a choice of the former. Nothing is known of the others but that somebody read a
sentence. Their texts are left empty: `viva label` reads them. Several releases may lie below one folder.
Source: https://commonvoice.mozilla.org
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from vivavoce.data.corpora.common_voice import JUDGED, table_rows
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import AUDIO_SUFFIXES, Progress, chosen_parts, measure, need_folder
from vivavoce.errors import DataError

NAME = "common_voice_clips"
LICENCE = "CC0-1.0"
FOLDERS = ("common_voice_clips",)


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All clips that no table of those above names; the only part is "train".

    Raises:
        DataError: no such folder or part, no clips, or a table of votes is missing.
    """
    root = need_folder(root, NAME, "clips/ beside validated.tsv and invalidated.tsv")
    paths = [path.as_posix() for path in sorted(root.rglob("*"))]
    _, clips = _unjudged(paths, lambda path: Path(path).read_text(encoding="utf-8"))
    chosen_parts(["train"] if clips else [], part, NAME, root)
    extra = {"corpus": NAME, "part": "train", "licence": LICENCE}
    return measure([Utterance(path.stem, str(path), "", 0.0, extra=dict(extra)) for path in clips], progress)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs.

    Raises:
        DataError: a table of votes is missing.
    """
    tables, clips = _unjudged(paths, read_text)
    return [*map(str, tables), *map(str, clips)]


def _unjudged(paths: Iterable[str], read_text: Callable[[str], str]) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The tables, and the clips that none of them names."""
    files = [PurePosixPath(path) for path in paths]
    tables = [path for path in files if path.suffix == ".tsv" and path.stem in JUDGED]
    clips = [path for path in files if path.parent.name == "clips" and path.suffix in AUDIO_SUFFIXES]
    for folder in sorted({clip.parent.parent for clip in clips}):
        for name in ("validated.tsv", "invalidated.tsv"):
            if folder / name not in tables:
                raise DataError(
                    f"{folder / name} is missing; it names clips that were judged. Fetch the release again."
                )
    judged = {
        PurePosixPath(row["path"]).stem
        for table in tables
        for row in table_rows(read_text(str(table)))
        if row.get("path")
    }
    return tables, [clip for clip in clips if clip.stem not in judged]
