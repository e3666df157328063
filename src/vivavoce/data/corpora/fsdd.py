"""Free Spoken Digit Dataset: single digits at 8 kHz, for tests: share-alike, so no model is trained on it.

Two layouts: the published one (`recordings/7_theo_3.wav`: digit, speaker, take), and `all.jsonl` with audio paths.
Source: https://github.com/Jakobovski/free-spoken-digit-dataset
"""

from __future__ import annotations

from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, measure, need_folder, utterances_of_rows
from vivavoce.errors import DataError

NAME = "fsdd"
LICENCE = "CC-BY-SA-4.0"
FOLDERS = ("fsdd", "free-spoken-digit-dataset")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All utterances; the only part is "test".

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "all.jsonl, or the folder recordings")
    listing, folder = root / "all.jsonl", root / "recordings"
    chosen_parts(["test"] if listing.is_file() or folder.is_dir() else [], part, NAME, root)
    utterances = utterances_of_rows(listing, NAME, "test", LICENCE) if listing.is_file() else _read_folder(folder)
    return measure(utterances, progress)


def _read_folder(folder: Path) -> list[Utterance]:
    utterances = []
    for path in sorted(folder.glob("*.wav")):
        digit, _, rest = path.stem.partition("_")
        speaker = rest.rpartition("_")[0]
        if digit not in tuple("0123456789") or not speaker:
            raise DataError(f"{path} is not named digit_speaker_take; remove it or fetch the corpus again.")
        extra = {"corpus": NAME, "part": "test", "licence": LICENCE}
        utterances.append(Utterance(path.stem, str(path), DIGITS[int(digit)], 0.0, speaker=speaker, extra=extra))
    if not utterances:
        raise DataError(f"{folder} holds no WAV file; expected names such as 7_theo_3.wav. Fetch the corpus again.")
    return utterances
