"""Speech-to-intent benchmark: spoken coffee orders with intent and slots, without a transcript.

Layout: `commands.jsonl` with `audio`, `intent` and `slots`. The text is empty; `intent` and `slots` are in `extra`.
Source: https://github.com/Picovoice/speech-to-intent-benchmark
"""

from __future__ import annotations

from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import Progress, chosen_parts, measure, need_folder, read_rows

NAME = "coffee_intents"
LICENCE = "Apache-2.0"
FOLDERS = ("coffee_intents",)


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All utterances; the only part is "test".

    Raises:
        DataError: no such folder or part, or recordings are missing.
    """
    root = need_folder(root, NAME, "commands.jsonl")
    listing = root / "commands.jsonl"
    chosen_parts(["test"] if listing.is_file() else [], part, NAME, root)
    extra = {"corpus": NAME, "part": "test", "licence": LICENCE}
    utterances = [
        Utterance(
            str(row["id"]),
            str(root / row["audio"]),
            "",
            0.0,
            extra={**extra, "intent": row["intent"], "slots": row["slots"]},
        )
        for row in read_rows(listing, ("id", "audio", "intent", "slots"))
    ]
    return measure(utterances, progress)
