"""Common Voice's clips without text: what a release holds and nobody has judged yet, for self-training.

A release's `clips` holds all recordings, `validated.tsv` and `invalidated.tsv` those that were voted on. Nothing is
known of the others but that somebody read a sentence. Their texts are left empty: `viva label` reads them.
Source: https://commonvoice.mozilla.org
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import AUDIO_SUFFIXES, Progress, chosen_parts, measure, need_folder

NAME = "common_voice_clips"
LICENCE = "CC0-1.0"
FOLDERS = ("common_voice_clips",)
JUDGED = ("validated.tsv", "invalidated.tsv")


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All clips that no table names; the only part is "train".

    Raises:
        DataError: no such folder or part, or no clips.
    """
    root = need_folder(root, NAME, "clips/ beside validated.tsv and invalidated.tsv")
    tables = {path.name: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.tsv"))}
    judged = _judged(tables)
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in AUDIO_SUFFIXES and path.parent.name == "clips" and path.stem not in judged
    ]
    chosen_parts(["train"] if files else [], part, NAME, root)
    extra = {"corpus": NAME, "part": "train", "licence": LICENCE}
    return measure([Utterance(path.stem, path.as_posix(), "", 0.0, extra=dict(extra)) for path in files], progress)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs."""
    tables = [path for path in paths if PurePosixPath(path).name in JUDGED]
    judged = _judged({PurePosixPath(path).name: read_text(path) for path in tables})
    clips = [
        path
        for path in map(PurePosixPath, paths)
        if path.parent.name == "clips" and path.suffix in AUDIO_SUFFIXES and path.stem not in judged
    ]
    return [*tables, *map(str, clips)]


def _judged(tables: dict[str, str]) -> set[str]:
    """The names, without their endings, of all clips in the tables of votes."""
    names = set()
    for name in JUDGED:
        head, _, rest = tables.get(name, "").partition("\n")
        if "path" in head.split("\t"):
            column = head.split("\t").index("path")
            names |= {PurePosixPath(line.split("\t")[column]).stem for line in rest.splitlines() if line}
    return names
