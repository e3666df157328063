"""The symbols that a voice is given: phones with stress, spaces between words, and the marks that shape a sentence.

A token is one of `TOKENS`, an id its place there. 0 pads batches and is never spoken; BREAK is silence that a sentence
begins and ends with. Nothing here knows how a word is said: that is `decoding.g2p`'s and the lexicon's work.
"""

from __future__ import annotations

from collections.abc import Iterable

from vivavoce.errors import TextError
from vivavoce.text.phonemes import CONSONANTS, VOWELS

PAD = "<pad>"
BREAK = "<break>"
SPACE = " "
MARKS = (",", ".", "?", "!")
"""What punctuation becomes: a short pause, and the three ends of a sentence."""

TOKENS = (PAD, BREAK, SPACE, *MARKS, *sorted((*CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in "012"))))
"""76 tokens; their order is part of every voice's bundle, which states it."""

_IDS = {token: number for number, token in enumerate(TOKENS)}


def token_ids(tokens: Iterable[str]) -> list[int]:
    """The ids of tokens.

    Raises:
        TextError: a symbol that is no token, such as a vowel without its stress.
    """
    tokens = list(tokens)
    if unknown := sorted({token for token in tokens if token not in _IDS or token == PAD}):
        raise TextError(
            f"{unknown!r} are no tokens of a voice; expected phones as CMUdict writes them, with a stress of 0, 1 or 2 "
            "on each vowel, spaces and , . ? !"
        )
    return [_IDS[token] for token in tokens]
