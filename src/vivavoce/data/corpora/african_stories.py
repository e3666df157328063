"""Picture-book pages from the African Storybook, read aloud by volunteers; gated to digital silence.

Layout: `train.jsonl` with audio paths; the story is known, the reader is not.
Source: https://global-asp.github.io
"""

from __future__ import annotations

from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, measure, need_folder, utterances_of_rows

NAME = "african_stories"
LICENCE = "CC-BY"
FOLDERS = ("african_stories",)


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All utterances; the only part is "train".

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "train.jsonl")
    available = ["train"] if (root / "train.jsonl").is_file() else []
    utterances: list[Utterance] = []
    for name in chosen_parts(available, part, NAME, root):
        utterances += utterances_of_rows(root / f"{name}.jsonl", NAME, name, LICENCE)
    return measure(utterances, progress)
