"""Which spoken words belong to which written ones: "25," is one word on paper and two in speech.

The normaliser reads a text as a whole ("May 5" is "may fifth", "$5 million" "five million dollars"), so its words
cannot be found by normalising each written word alone. But for most words both agree, and those anchor the rest.
Written words that are read only together, in another order say, come back together as one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from vivavoce.errors import TextError
from vivavoce.text.normalize import normalize_for_scoring, normalize_for_training


@dataclass(frozen=True)
class WrittenWord:
    """A word as it is written, marks and all, and how it is read. The texts of all, joined, are the whole text."""

    text: str
    spoken: tuple[str, ...]


def written_words(text: str) -> list[WrittenWord]:
    """Split a text at its white space and say how each word is read by `normalize_for_training`.

    What is not read at all, a dash between spaces say, stays with the word before it, or at the beginning with the one
    after it. Every word of the result has at least one spoken word.

    Raises:
        TextError: nothing of the text can be read, or it has letters of another script.
    """
    spoken = normalize_for_training(text).split()
    if not spoken:
        raise TextError(_unreadable(text))
    written = text.split()
    groups: list[tuple[list[str], list[str]]] = []
    for words, read in _groups(written, [normalize_for_scoring(word).split() for word in written], spoken):
        if groups and (not read or not groups[-1][1]):
            groups[-1][0].extend(words)
            groups[-1][1].extend(read)
        else:
            groups.append((words, read))
    return [WrittenWord(" ".join(words), tuple(read)) for words, read in groups]


def _groups(
    written: Sequence[str], alone: Sequence[Sequence[str]], spoken: Sequence[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """The fewest written words each that can be told apart, and the spoken ones that they share out."""
    places = _places([word for words in alone for word in words], spoken)
    waiting: list[str] = []
    begin = count = 0
    for word, words in zip(written, alone, strict=True):
        waiting.append(word)
        count += len(words)
        end = places[count]
        if end is not None:
            yield waiting, list(spoken[begin:end])
            waiting, begin = [], end


def _places(alone: Sequence[str], spoken: Sequence[str]) -> list[int | None]:
    """For every gap between the words of `alone`, and both ends, the same gap in `spoken`; None where it has none."""
    places: list[int | None] = [None] * (len(alone) + 1)
    for edit in Levenshtein.opcodes(alone, spoken):
        inner = range(edit.src_start + 1, edit.src_end)
        if edit.tag == "equal":
            for place in inner:
                places[place] = edit.dest_start + place - edit.src_start
        elif edit.tag == "delete":
            for place in inner:
                places[place] = edit.dest_start
        if places[edit.src_start] is None:  # else these are the words behind an insertion, which belongs to them
            places[edit.src_start] = edit.dest_start
    places[-1] = len(spoken)
    return places


def _unreadable(text: str) -> str:
    if not text.strip():
        return "the text is empty; give the words that are spoken in the recording."
    foreign = sorted(
        {c for c in normalize_for_scoring(text) if unicodedata.category(c)[0] in "LMN" and not c.isascii()}
    )
    if foreign:
        return (
            f"the text holds {''.join(foreign[:20])!r}, which the recogniser cannot spell; write it in letters a to z."
        )
    return f"the text {text.strip()[:60]!r} holds no words; give those that are spoken in the recording."
