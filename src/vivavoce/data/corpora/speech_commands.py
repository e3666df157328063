"""Speech Commands: one-second words for keyword spotting.

Two layouts: the published ones (a folder a word, of the whole set or of its test set), and `test.jsonl` with audio
paths. `extra["command"]` is the folder, the class to be recognised. The text is the word that is spoken: for
`_unknown_` the word in the file's name, where it stands there; for `_silence_` nothing. In the whole set the part is
drawn by hashing the speaker, as its publisher does.
Source: Warden, Speech Commands, arXiv:1804.03209
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import (
    AUDIO_SUFFIXES,
    Progress,
    chosen_parts,
    measure,
    need_folder,
    utterances_of_rows,
)

NAME = "speech_commands"
LICENCE = "CC-BY-4.0"
FOLDERS = ("speech_commands",)
FILE_NAME = re.compile(r"(?:(?P<word>[a-z]+)_)?(?P<speaker>[0-9a-f]{8})_nohash_(?P<take>\d+)")
HELD_OUT_PERCENT = 10.0


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """Utterances of all parts below `root`, or of one.

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "one folder a word, or test.jsonl")
    listing = root / "test.jsonl"
    if listing.is_file():
        utterances = [_complete(u) for u in utterances_of_rows(listing, NAME, "test", LICENCE)]
    else:
        utterances = _read_folders(root)
    available = list(dict.fromkeys(str(utterance.extra["part"]) for utterance in utterances))
    parts = chosen_parts(available, part, NAME, root)
    return measure([utterance for utterance in utterances if utterance.extra["part"] in parts], progress)


def part_of(speaker: str) -> str:
    """The published split: by the hash of the speaker, 10% "dev" (theirs: validation), 10% "test"."""
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (2**27)
    percent = number * (100.0 / (2**27 - 1))
    if percent < HELD_OUT_PERCENT:
        return "dev"
    return "test" if percent < 2 * HELD_OUT_PERCENT else "train"


def _complete(utterance: Utterance) -> Utterance:
    """Text, command and speaker from the file's name and folder."""
    command = Path(utterance.audio).parent.name
    found = FILE_NAME.match(Path(utterance.audio).name)
    text = "" if command == "_silence_" else command
    if command == "_unknown_":
        text = (found["word"] or "") if found else ""
    speaker = found["speaker"] if found else ""
    return replace(utterance, text=text, speaker=speaker, extra={**utterance.extra, "command": command})


def _read_folders(root: Path) -> list[Utterance]:
    # A published test set has the two extra classes as folders; the whole set has _background_noise_ instead.
    whole = not (root / "_unknown_").is_dir()
    utterances = []
    for path in sorted(path for path in root.glob("*/*") if path.suffix in AUDIO_SUFFIXES):
        if path.parent.name == "_background_noise_":
            continue
        utterance = _complete(Utterance(f"{path.parent.name}-{path.stem}", str(path), "", 0.0))
        part = part_of(utterance.speaker) if whole else "test"
        extra = {"corpus": NAME, "part": part, "licence": LICENCE, **utterance.extra}
        utterances.append(replace(utterance, extra=extra))
    return utterances
