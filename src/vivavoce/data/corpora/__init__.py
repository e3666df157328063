"""The corpora: one file each, listed by looking into this folder.

A corpus module has `NAME`, `LICENCE` (of the corpus, as its publisher states it), `FOLDERS` (what its folder is usually
called) and `prepare(root, part=None, progress=None) -> list[Utterance]`, every utterance with `corpus`, `part` and
`licence` in `extra`. A module that can be read straight out of a git repository has `files_wanted` too
(see git_snapshot).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress
from vivavoce.errors import DataError


class Corpus(Protocol):
    """What every module in this folder offers."""

    NAME: str
    LICENCE: str
    FOLDERS: tuple[str, ...]

    def prepare(
        self, root: Path, part: str | None = None, progress: Progress | None = None, **options: Any
    ) -> list[Utterance]:
        """All utterances below `root`, or those of one part; the options are the corpus's own."""


def corpus_names() -> list[str]:
    """The names of all corpora."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_corpus(name: str) -> Corpus:
    """The module of a corpus.

    Raises:
        DataError: there is none of this name.
    """
    if name not in corpus_names():
        raise DataError(f"there is no corpus {name!r}; known: {', '.join(corpus_names())}.")
    return cast(Corpus, importlib.import_module(f"{__name__}.{name}"))


def find_corpora(root: Path) -> list[tuple[Corpus, Path]]:
    """The corpora whose usual folder lies in `root`, each with that folder; one with several, one after the other.

    Raises:
        DataError: none does.
    """
    root = Path(root)
    corpora = [load_corpus(name) for name in corpus_names()]
    found: dict[tuple[str, int, int], tuple[Corpus, Path]] = {}
    for corpus in corpora:
        for folder in corpus.FOLDERS:
            if (root / folder).is_dir():
                real = (root / folder).stat()  # two names may be one folder: by a link, or where case is ignored
                found.setdefault((corpus.NAME, real.st_dev, real.st_ino), (corpus, root / folder))
    if not found:
        raise DataError(f"{root} holds no folder of a known corpus; looked for {', '.join(corpus_names())}.")
    return list(found.values())


def by_part(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Utterances grouped by the part they belong to, in their order."""
    parts: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        parts.setdefault(str(utterance.extra["part"]), []).append(utterance)
    return parts
