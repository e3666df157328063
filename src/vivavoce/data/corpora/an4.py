"""AN4, the CMU census database: names, letters, numbers and dates, spoken by visitors.

Two layouts: the published one (`etc/an4_train.transcription` and `.fileids`, `wav/`), and `train.jsonl`, `test.jsonl`
with audio paths. Speaker names begin with f or m, the gender. Of the published editions, the one with `.sph` or raw
files has to be converted to WAV or FLAC first.
Source: http://www.speech.cs.cmu.edu/databases/an4/
"""

from __future__ import annotations

import re
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, find_audio, measure, need_folder, utterances_of_rows
from vivavoce.errors import DataError

NAME = "an4"
LICENCE = "BSD-style (Carnegie Mellon University)"
FOLDERS = ("an4",)
PARTS = ("train", "test")


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """Utterances of all parts below `root`, or of one.

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "train.jsonl, or etc/an4_train.transcription and wav")
    listings: dict[str, Path] = {}
    for name in PARTS:
        for path in (root / "etc" / f"an4_{name}.transcription", root / f"{name}.jsonl"):
            if path.is_file():
                listings[name] = path
    utterances: list[Utterance] = []
    for name in chosen_parts(list(listings), part, NAME, root):
        if listings[name].suffix == ".jsonl":
            utterances += utterances_of_rows(listings[name], NAME, name, LICENCE)
        else:
            utterances += _read_transcription(listings[name], name)
    for utterance in utterances:
        letter = utterance.speaker[:1]
        if letter in ("f", "m"):
            dict_extra(utterance)["gender"] = {"f": "female", "m": "male"}[letter]
    return measure(utterances, progress)


def dict_extra(utterance: Utterance) -> dict[str, object]:
    """The extra of an utterance made here, which is a dict."""
    assert isinstance(utterance.extra, dict)
    return utterance.extra


def _read_transcription(listing: Path, part: str) -> list[Utterance]:
    """Lines of the form `<s> TEXT </s> (an251-fash-b)`; the paths stand in the .fileids beside them."""
    fileids = listing.with_suffix(".fileids")
    if not fileids.is_file():
        raise DataError(f"{fileids} is missing; AN4's transcription needs it beside {listing.name}.")
    stems = {Path(line).name: line.strip() for line in fileids.read_text().splitlines() if line.strip()}
    utterances = []
    for number, line in enumerate(listing.read_text().splitlines(), 1):
        found = re.fullmatch(r"(?:<s>)?\s*(.*?)\s*(?:</s>)?\s*\((\S+)\)\s*", line)
        if found is None or found[2] not in stems:
            raise DataError(
                f"{listing}, line {number}: expected `<s> TEXT </s> (name)` with a known name, found {line!r}."
            )
        audio = find_audio(listing.parent.parent / "wav" / stems[found[2]])
        if audio is None:
            raise DataError(f"{listing} names {found[2]}, but wav/{stems[found[2]]} has no WAV or FLAC file.")
        extra = {"corpus": NAME, "part": part, "licence": LICENCE}
        utterances.append(Utterance(found[2], str(audio), found[1], 0.0, speaker=found[2].split("-")[1], extra=extra))
    return utterances
