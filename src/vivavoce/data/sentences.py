"""Sentences out of plain text, one a line: only those that every speech synthesiser reads as they are written.

Numbers, abbreviations and names in capitals are read in different ways by different programs, and then the transcript
is wrong; so sentences with any of them are left out, not repaired.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Collection, Container, Iterator
from pathlib import Path

import numpy as np

from vivavoce.errors import DataError
from vivavoce.text.normalize import normalize_for_training

PLAIN = re.compile(r"[A-Za-z'][a-z']*(?:[,;]? [A-Za-z'][a-z']*)*[.!?]")
ABBREVIATIONS = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "dr",
        "st",
        "etc",
        "esq",
        "jr",
        "sr",
        "vs",
        "viz",
        "vol",
        "no",
        "co",
        "prof",
        "rev",
        "capt",
        "lt",
    )
)
QUOTES = str.maketrans("\u2018\u2019", "''")


def read_sentences(path: str | Path) -> Iterator[str]:
    """Lines of a text file, plain or xz; lines that begin with # and empty ones are left out.

    Raises:
        DataError: the file is missing or is no text.
    """
    path = Path(path)
    try:
        with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    yield line.strip()
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as text: {error}. Expected sentences, one a line (.txt or .txt.xz)."
        ) from None


def is_speakable(sentence: str, known: Container[str] | None = None, min_words: int = 2, max_words: int = 25) -> bool:
    """Whether a sentence has one spoken form: plain words, commas, one stop.

    Args:
        known: when given, every word must be in it (a pronouncing dictionary's words, say).
    """
    plain = sentence.translate(QUOTES)
    words = plain.split()
    if not min_words <= len(words) <= max_words or not PLAIN.fullmatch(plain):
        return False
    if any(word.strip(".,;!?").lower() in ABBREVIATIONS for word in words):
        return False
    spoken = normalize_for_training(plain).split()
    return len(spoken) == len(words) and (known is None or all(word in known for word in spoken))


def choose_sentences(
    path: str | Path, count: int, seed: int = 0, known: Container[str] | None = None, without: Collection[str] = ()
) -> list[str]:
    """Choose speakable sentences of varied vocabulary, each spoken form once, their apostrophes straight.

    Half are drawn evenly; the other half are those of the drawn rest with the rarest words, so that more words are
    heard at least once.

    Args:
        without: spoken forms that must not be among them (test sentences).

    Raises:
        DataError: the file holds fewer.
    """
    excluded = {normalize_for_training(text) for text in without}
    unique: dict[str, str] = {}
    for sentence in read_sentences(path):
        if is_speakable(sentence, known):
            spoken = normalize_for_training(sentence)
            if spoken not in excluded:
                unique.setdefault(spoken, sentence.translate(QUOTES))  # festival spells the letters by a curly one
    if len(unique) < count:
        raise DataError(f"{path} holds {len(unique)} speakable sentences; {count} were asked for. Give more text.")
    spoken_forms = list(unique)
    order = np.random.default_rng(seed).permutation(len(spoken_forms))
    even = [spoken_forms[i] for i in order[: count - count // 2]]
    counts: dict[str, int] = {}
    for spoken in even:
        for word in spoken.split():
            counts[word] = counts.get(word, 0) + 1
    rest = [spoken_forms[i] for i in order[count - count // 2 : 20 * count]]
    rare = {s: float(np.mean([1.0 / (1 + counts.get(word, 0)) for word in s.split()])) for s in rest}
    chosen = even + sorted(rest, key=lambda s: -rare[s])[: count // 2]
    shuffled = np.random.default_rng((seed, 1)).permutation(len(chosen))
    return [unique[chosen[i]] for i in shuffled]
