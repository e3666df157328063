"""Files that commands write: never over what they read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vivavoce.errors import ConfigError


def need_new_manifest(output: Path, manifests: Iterable[Path]) -> None:
    """Look, before any work is done, whether a manifest to write is another file than those that are read.

    Raises:
        ConfigError: it is one of them, by whatever path.
    """
    if output.exists() and any(path.exists() and path.samefile(output) for path in manifests):
        raise ConfigError(f"--output {output} is a manifest that is read, too; give the new one another name.")
