"""Lexicons on disk: a word and its phones a line, as in CMU's dictionary; .gz where the name says so.

A word that stands on several lines has several pronunciations, the usual one first; each further one costs a little.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.lexicon_tree import Pronunciation
from vivavoce.errors import DataError
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.phonemes import PronouncingDictionary

VARIANT_COST = 0.3  # natural logarithm, for each pronunciation that stands before


def read_lexicon(path: str | Path, phones: Alphabet) -> list[Pronunciation]:
    """Read a lexicon file.

    Raises:
        DataError: it cannot be read, holds no word, or a line has no phones or one outside `phones`.
    """
    numbers = {phone: number for number, phone in enumerate(phones.tokens) if number != phones.blank_id}
    path = Path(path)
    said: list[Pronunciation] = []
    known: dict[str, int] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                word, *symbols = line.split() or [""]
                if not word:
                    continue
                try:
                    ids = tuple([numbers[symbol] for symbol in symbols])
                except KeyError as error:
                    raise DataError(f"{path}, line {number}: {error} is none of the recogniser's phones.") from None
                if not ids:
                    raise DataError(f"{path}, line {number}: {word} has no phones; expected lines such as `the DH AH`.")
                before = known.get(word, 0)
                known[word] = before + 1
                said.append(Pronunciation(word, ids, -VARIANT_COST * before))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a lexicon: {error}.") from None
    if not said:
        raise DataError(f"{path} holds no word; expected lines such as `hello HH AH L OW`.")
    return said


def gather_pronunciations(
    words: Iterable[str], sources: Sequence[PronouncingDictionary], guesser: G2p | None = None
) -> tuple[dict[str, list[list[str]]], int]:
    """Every word with what the first dictionary that has it says, or else with a guess; and how many were guessed.

    A word that nobody knows, and that the guesser cannot spell, has no pronunciations.
    """
    found = {word: next((source.pronounce(word) for source in sources if word in source), []) for word in words}
    guessed = 0
    if guesser is not None:
        for word in [word for word, said in found.items() if not said and guesser.letters.issuperset(word)]:
            found[word] = [guesser.pronounce(word)[0][0]]
            guessed += 1
    return found, guessed


def write_lexicon(path: str | Path, pronunciations: Mapping[str, Iterable[Iterable[str]]]) -> int:
    """Write words with their pronunciations, the usual one first, and return how many lines."""
    lines = [f"{word} {' '.join(phones)}" for word, variants in pronunciations.items() for phones in variants]
    content = ("\n".join(lines) + "\n").encode()
    path = Path(path)
    # No time stamp: the same words give the same bytes.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return len(lines)
