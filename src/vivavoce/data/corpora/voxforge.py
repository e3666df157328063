"""VoxForge: sentences read into many volunteers' microphones, for tests: GPL, so no model is trained on it.

Two layouts: the published submissions (`speaker-date-xyz/etc/PROMPTS` and `wav/` or `flac/`, with an etc/README that
tells gender and dialect), and `test.jsonl` with audio paths.
Source: http://www.voxforge.org
"""

from __future__ import annotations

from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import (
    Progress,
    chosen_parts,
    find_audio,
    gender,
    measure,
    need_folder,
    utterances_of_rows,
)
from vivavoce.errors import DataError

NAME = "voxforge"
LICENCE = "GPL-3.0"
FOLDERS = ("voxforge", "voxforge_test")


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All utterances; the only part is "test".

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "submissions with etc/PROMPTS, or test.jsonl")
    listing = root / "test.jsonl"
    prompts = sorted(root.glob("*/etc/PROMPTS"))
    chosen_parts(["test"] if listing.is_file() or prompts else [], part, NAME, root)
    if listing.is_file():
        return measure(utterances_of_rows(listing, NAME, "test", LICENCE), progress)
    return measure([utterance for path in prompts for utterance in _read_submission(path)], progress)


def _read_submission(prompts: Path) -> list[Utterance]:
    """Lines of the form `submission/mfc/a0001 TEXT`."""
    folder = prompts.parent.parent
    extra: dict[str, object] = {"corpus": NAME, "part": "test", "licence": LICENCE}
    readme = prompts.with_name("README")
    for line in readme.read_text(encoding="utf-8", errors="replace").splitlines() if readme.is_file() else []:
        key, _, value = line.partition(":")
        if key.strip() == "Gender" and value.strip():
            extra["gender"] = gender(value.strip())
        elif key.strip() == "Pronunciation dialect" and value.strip():
            extra["dialect"] = value.strip()
    utterances = []
    for number, line in enumerate(prompts.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        where, _, text = line.strip().partition(" ")
        name = Path(where).name
        audio = find_audio(folder / "wav" / name) or find_audio(folder / "flac" / name)
        if not text or audio is None:
            raise DataError(f"{prompts}, line {number}: {name!r} has no text or no recording in wav or flac.")
        speaker = folder.name.partition("-")[0]
        utterances.append(Utterance(f"{folder.name}-{name}", str(audio), text, 0.0, speaker=speaker, extra=extra))
    return utterances
