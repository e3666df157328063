"""What all bundles have in common when they are written: their place, how an older one is replaced, the first facts."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vivavoce import __version__
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.runtime.bundle import FORMAT, FORMAT_VERSION


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """Gives an empty folder to write a bundle into, which stands in the place of `folder` when all went well.

    An older bundle's card and licences, which people write, are taken over; all else of it goes.

    Raises:
        ModelError: something else than a bundle stands there.
    """
    check_place(Path(folder))
    folder = Path(os.path.abspath(folder))  # "." has no name to rename
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as work:
        made = Path(work) / "bundle"
        made.mkdir()
        yield made
        for old in by_people(folder):
            if not (made / old.name).exists():
                shutil.copy2(old, made / old.name)
        put_in_place(made, folder)


def check_place(folder: Path) -> None:
    """Whether nothing, an empty folder or an older bundle is where a bundle is to be: all else would be lost.

    Raises:
        ModelError: something else is.
    """
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not (folder / "bundle.json").is_file():
        raise ModelError(f"{folder} is no bundle, and would be replaced by one; name another folder.")


def by_people(folder: Path) -> list[Path]:
    """What an export does not make: the card and the licences that stand in a bundle."""
    return [path for path in (folder / "MODEL_CARD.md", *licences(folder)) if path.is_file()]


def licences(folder: Path) -> list[Path]:
    """The licences that stand in a bundle, which must go wherever a part of it goes."""
    return sorted(path for path in folder.glob("*LICENSE*") if path.is_file())


def put_in_place(made: Path, folder: Path) -> None:
    """Rename a whole bundle; an older one in its place goes."""
    replaced = folder.with_name(folder.name + ".replaced")
    if folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)  # of an export that was killed right here
        folder.rename(replaced)
    made.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def heading(kind: str, name: str, licence: str, features: FeatureConfig) -> dict[str, Any]:
    """The first facts of a bundle.json: what it is, who wrote it and when, and what its networks hear or say."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "name": name,
        "version": __version__,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "licence": licence,
        "card": "MODEL_CARD.md",
        "sample_rate": features.sample_rate,
        "features": features.to_dict(),
    }
