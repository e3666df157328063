# ruff: noqa: RUF001 - quotation marks and stops that look like others are what this module is about
"""Running text to sentences that a voice can say one by one, lazily and in constant memory.

A sentence ends at `. ? !` or an ellipsis, and at an empty line. Dots of abbreviations, initials and numbers end none
unless what follows says so (`sentence_ends`). A sentence beyond `LONGEST` characters is cut at a clause mark, or at a
space, or, if it has none, where it must. How the text arrives in blocks changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vivavoce.text.abbreviations import MONTHS
from vivavoce.text.sentence_ends import STARTERS
from vivavoce.text.spoken_abbreviations import BEFORE_NUMBERS, MAY_BE_LAST, NEVER_LAST, WEEKDAYS

LONGEST = 250
"""Characters of a piece: some twenty seconds of speech."""

_AHEAD = 2 * LONGEST + 100  # characters that every decision may look at
_PARAGRAPH = "\n"
_STOP = re.compile(r"[.?!…]+[\"'”’»)\]}]*(?=[\s\"“‘«(\[]|\Z)|[。！？।]+[\"'”’»」』)]*")
_CLAUSE = re.compile(r"[,;:—–][\"'”’)]*(?=\s)|(?<=[\w,\"'”’]) ?(?:—|--+| - ) ?(?=\w)|\)(?=\s)")
_OPENERS = "\"'“‘«([{*_ "
_SPACE = re.compile(r"\s+")
_LAST_WORD = re.compile(r"[\w.'’&-]*\Z")
_NUMBER_ITEM = re.compile(r"[\s\"'“‘(\[]*(?:\d{1,3}|[ivxIVX]{1,4}|[A-Za-z])\.")
_FIRST_WORD = re.compile(r"[A-Za-z']+")
_ROMAN = re.compile(r"[IVXLCivxlc]+\b")
_SAID_SIGNS = frozenset("&+%$£€¥@#=°©½¼¾")


def split_sentences(text: str | Iterable[str]) -> Iterator[str]:
    """The sentences of a text, each on one line, as soon as they are complete.

    Args:
        text: a string, or its pieces in order, cut anywhere: an open file, lines with their line breaks, blocks.

    Returns:
        Sentences of at most `LONGEST` characters. Stretches without a letter, digit or sign that is read are left out.
    """
    blocks = [text] if isinstance(text, str) else text
    buffer, position = "", 0
    source = _squeezed(blocks)
    finished = False
    while True:
        while not finished and len(buffer) - position < _AHEAD:
            block = next(source, None)
            if block is None:
                finished = True
            else:
                buffer, position = buffer[position:] + block, 0
        if position >= len(buffer):
            return
        end = _end_of_sentence(buffer, position)
        sentence = buffer[position:end].strip()
        position = end
        if _says_something(sentence):
            yield sentence


def _squeezed(blocks: Iterable[str]) -> Iterator[str]:
    """The text with one space for a run of them, and one line break for a run with an empty line in it."""
    pending = ""  # white space that may go on in the next block
    for block in blocks:
        for start in range(0, len(block), 1 << 16):
            piece = pending + block[start : start + (1 << 16)]
            body = piece.rstrip()
            pending = piece[len(body) :]
            if len(pending) > 8:  # what it comes to is all that matters
                pending = _one_space(pending, final=False)
            if body:
                yield _SPACE.sub(lambda match: _one_space(match[0]), body)


def _one_space(run: str, final: bool = True) -> str:
    lines = run.replace("\r\n", "\n").replace("\r", "\n")
    if "\u2029" in run or lines.count("\n") > 1:
        return _PARAGRAPH if final else "\n\n"
    if final or run.endswith("\r"):
        return " " if final else run[-8:]
    return "\n" if "\n" in lines else " "


def _end_of_sentence(buffer: str, start: int) -> int:
    """Where the sentence that begins at `start` ends: the place right behind it."""
    window = min(len(buffer), start + 2 * LONGEST)
    paragraph = buffer.find(_PARAGRAPH, start, window)
    if paragraph == start:
        return start + 1
    last = paragraph if paragraph >= 0 else window
    for stop in _STOP.finditer(buffer, start, min(len(buffer), last + 1)):
        if stop.start() >= last:
            break
        if _is_end(buffer, start, stop):
            end = stop.end()
            return end if end - start <= LONGEST else _cut(buffer, start, end)
    if last - start <= LONGEST and (paragraph >= 0 or last == len(buffer)):
        return last
    return _cut(buffer, start, last if paragraph >= 0 or last == len(buffer) else None)


def _is_end(buffer: str, start: int, stop: re.Match[str]) -> bool:
    mark, end = stop[0], stop.end()
    following = buffer[end : end + 40].lstrip(_OPENERS)
    if not following or buffer[end : end + 1] == _PARAGRAPH or mark[0] in "。！？।":
        return True
    if "?" in mark or "!" in mark:
        return not following[0].islower()
    before = buffer[max(start, stop.start() - 30) : stop.start()]
    if mark.startswith("..") or mark[0] == "…":
        return not following[0].islower()
    word = _LAST_WORD.search(before)
    return _dot_ends(word[0] if word else "", following, buffer[start:end])


def _dot_ends(word: str, following: str, sentence: str) -> bool:
    """Whether the dot behind `word` ends a sentence that `following` comes after."""
    small = word.lower()
    first = _FIRST_WORD.match(following)
    starts = bool(first) and first[0][0].isupper() and first[0].lower() in STARTERS  # type: ignore[index]
    if _NUMBER_ITEM.fullmatch(sentence.strip("\"'”’)")):
        return False  # "1. Open the door"
    if small in NEVER_LAST:
        return small in ("st", "dr", "al") and starts
    if small in BEFORE_NUMBERS and (following[0].isdigit() or (_ROMAN.match(following) and not starts)):
        return False
    if small in MONTHS or small in WEEKDAYS:
        return not following[0].isdigit() and (starts or (word.islower() and following[0].isupper()))
    if small in MAY_BE_LAST or "." in word or (len(word) == 1 and word.isalpha()):
        return starts
    if following[0].islower():
        return len(word) > 2 and word.isalpha() and "'" not in word
    return True


def _cut(buffer: str, start: int, end: int | None) -> int:
    """Where to cut a sentence that is too long: at the clause mark nearest to its middle, if its end is in sight,
    otherwise at the last one that fits; at a space away from numbers, at any space, or anywhere."""
    limit = start + LONGEST
    middle = (start + end) // 2 if end is not None else limit
    lowest = start + LONGEST // 5
    clauses = [
        clause.end() for clause in _CLAUSE.finditer(buffer, lowest, limit) if _splits_well(buffer, start, clause)
    ]
    if clauses:
        return min(clauses, key=lambda place: abs(place - middle))
    spaces = [place for place in range(lowest, limit) if buffer[place] == " " and not _in_braces(buffer, start, place)]
    apart = [place for place in spaces if not (buffer[place - 1].isdigit() or buffer[place + 1 : place + 2].isdigit())]
    if apart or spaces:
        return min(apart or spaces, key=lambda place: abs(place - middle)) + 1
    return limit


def _splits_well(buffer: str, start: int, clause: re.Match[str]) -> bool:
    """Not within the phones of a word, nor between a day and its year."""
    if _in_braces(buffer, start, clause.start()):
        return False
    return not (buffer[clause.start() - 1].isdigit() and buffer[clause.end() : clause.end() + 2].strip()[:1].isdigit())


def _in_braces(buffer: str, start: int, place: int) -> bool:
    """Whether a curly bracket is open."""
    return buffer.rfind("{", start, place) > buffer.rfind("}", start, place)


def _says_something(sentence: str) -> bool:
    return any(character.isalnum() or character in _SAID_SIGNS for character in sentence)
