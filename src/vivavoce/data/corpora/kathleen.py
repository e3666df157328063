"""Kathleen: one US English voice reading the ARCTIC prompts, in LJSpeech's layout; several takes of some.

`extra["prompt"]` is the prompt's name (`arctic_a0001`), the same in CMU ARCTIC.
Source: https://github.com/rhasspy/dataset-voice-kathleen
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vivavoce.data.corpora.ljspeech import files_wanted, read_voice
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress

__all__ = ["FOLDERS", "LICENCE", "NAME", "files_wanted", "prepare"]

NAME = "kathleen"
LICENCE = "CC0-1.0"
FOLDERS = ("kathleen",)


def prepare(
    root: Path, part: str | None = None, progress: Progress | None = None, skip_missing: bool = False
) -> list[Utterance]:
    """All utterances; the only part is "train".

    Raises:
        DataError: no such folder or part, or recordings are missing and not to be skipped.
    """
    utterances = read_voice(root, part, progress, NAME, "kathleen", LICENCE, skip_missing)
    known = {"gender": "female", "accent": "United States English"}
    return [replace(u, extra={**u.extra, "prompt": u.id.rpartition("_")[0], **known}) for u in utterances]
