"""Which texts of a voice's corpus are kept from training, so that the finished voice can be judged on them.

Decided by the words alone: every take of a text is on the same side, on every machine, whatever else is in the corpus.
"""

from __future__ import annotations

import hashlib
import re

PARTS = 20  # one text in so many is held out


def is_held_out(text: str) -> bool:
    """Whether a voice must not be trained on this text. Case, spaces and punctuation do not count."""
    letters = re.sub(r"[^a-z0-9]", "", text.lower())
    return int(hashlib.sha1(letters.encode("utf-8"), usedforsecurity=False).hexdigest()[:8], 16) % PARTS == 0
