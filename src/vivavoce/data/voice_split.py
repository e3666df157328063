"""Which texts of a voice's corpus are kept from training, so that the finished voice can be judged on them.

Decided by the words alone: every take of a text is on the same side, on every machine, whatever else is in the corpus.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from vivavoce.data.manifest import Utterance, read_for_training
from vivavoce.errors import DataError

PARTS = 20  # one text in so many is held out


def is_held_out(text: str) -> bool:
    """Whether a voice must not be trained on this text. Case, spaces and punctuation do not count."""
    letters = re.sub(r"[^a-z0-9]", "", text.lower())
    return int(hashlib.sha1(letters.encode("utf-8"), usedforsecurity=False).hexdigest()[:8], 16) % PARTS == 0


def read_split(manifests: Sequence[str]) -> tuple[list[Utterance], list[Utterance]]:
    """The utterances of manifests that a voice may be trained on, and those that are held out.

    Raises:
        ConfigError: no manifests. DataError: nothing to train on, or a manifest cannot be read.
    """
    utterances = [utterance for rows in read_for_training(manifests) for utterance in rows]
    kept, held_out = split_numbers(utterances)
    if not kept:
        raise DataError(f"all {len(utterances)} utterances are held out; take a corpus of more texts.")
    return [utterances[number] for number in kept], [utterances[number] for number in held_out]


def split_numbers(utterances: Sequence[Utterance]) -> tuple[list[int], list[int]]:
    """The numbers of the utterances that a voice may be trained on, and of those that are held out."""
    held_out = [number for number, utterance in enumerate(utterances) if is_held_out(utterance.text)]
    return sorted(set(range(len(utterances))) - set(held_out)), held_out
