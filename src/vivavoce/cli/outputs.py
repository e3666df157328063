"""Places that commands write to: never over what they read, and looked at before any work is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from vivavoce.errors import ConfigError


def is_one_of(output: Path, read: Iterable[str | Path]) -> bool:
    """Whether a file to write is one of those that are read, by whatever path."""
    return output.exists() and any(os.path.exists(path) and output.samefile(path) for path in read)


def need_new_manifest(output: Path, manifests: Iterable[Path], option: str = "--output") -> None:
    """Look, before any work is done, whether a manifest to write is another file than those that are read.

    Raises:
        ConfigError: it is one of them, by whatever path.
    """
    if is_one_of(output, manifests):
        raise ConfigError(f"{option} {output} is a manifest that is read, too; give the new one another name.")


def need_writable_folder(folder: Path) -> None:
    """Make a folder where it is missing, and try, before any work is done, whether files can be written there.

    Raises:
        ConfigError: it cannot be made, or not be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{folder}: no files can be written there ({error.strerror}); name another folder.") from None
