# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""English writing to what a reader says: words of letters and apostrophes, and the marks , . ? !

The stages, in this order, each in a module of its own: signs folded, addresses, abbreviations, Roman numerals, dates,
money, codes, ranges, units, numbers, signs, capitals; then punctuation becomes the four marks here. In the result a
single capital letter is that letter's name ("F B I"); the article is always a small "a". Other words keep their case.

What has no reading in English (letters of other scripts, emoji) is left out; `unreadable` names it, so that a caller
can warn or refuse before. Emoji are left out rather than described, as a reader passes over them.

docs/spoken-form.md says what is read how, and what is still read wrong.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from vivavoce.text.folding import fold
from vivavoce.text.initialisms import LETTER, calm_shouting, read_capitals
from vivavoce.text.numbers import digits
from vivavoce.text.roman import say_roman_numerals
from vivavoce.text.spoken_abbreviations import MAY_BE_LAST, NEVER_LAST, say_abbreviations
from vivavoce.text.spoken_addresses import say_addresses
from vivavoce.text.spoken_codes import say_codes
from vivavoce.text.spoken_dates import say_dates
from vivavoce.text.spoken_money import say_amounts
from vivavoce.text.spoken_numbers import say_numbers, say_ranges
from vivavoce.text.spoken_symbols import GREEK, drop_tags, fold_for_reading, say_symbols
from vivavoce.text.spoken_units import say_bare_units, say_measures

_PIECE = 1024  # characters that are read at once: rules look no further than a sentence
_LONG_DIGITS = re.compile(r"\d{34,}")
_SENTENCE_END = re.compile(r"(\w[\w']+)[.?!][\"')]* (?=[\"'(]?[A-Z])")
_LETTER_OF_CODE = re.compile(r"(?<![A-Za-z])(?=A-?\d)|(?<=\d)(?=[aA](?![\w.']))")
_FORMULA = re.compile(r"(?<![A-Z])(?:N(?=O[2-9])|S(?=O[2-9]))|(?<=\d)(?:[NS](?=O(?![A-Za-z]))|O(?=H(?![A-Za-z])))")
_DIGIT = re.compile(r"\d")
_ELLIPSIS = re.compile(r"\.(?: ?\.)+")
_DOT_BEFORE_MARK = re.compile(r"(?<![.\s])\.(?=[,;:])")  # an abbreviation's: "etc., and"
_DOT_INSIDE = re.compile(r"(?<=[A-Za-z])\.(?=[a-z])")
_RUN_ON = re.compile(r"(?<=[a-z]{2})([.?!])(?=[A-Z][a-z])")
_OPENING = re.compile(r"(?<=\w)[(\[{](?=\w)|(?<=\w)[)\]}](?=\w)")
_PAUSE = re.compile(
    r" -+ | -+(?=\")|-{2,}|(?<=[\w.,?!\"']) ?[(\[{]|[)\]}](?= ?[\w\"'])|[;:|](?!\w)|(?<=[a-z]):(?=[A-Za-z])"
)
_NOT_SAID = re.compile(r"[^A-Za-z' ,.?!]")
_LOOSE_APOSTROPHE = re.compile(r"(?<![A-Za-z])'+(?=[A-Za-z]*)|(?<=[A-Za-z])'+(?![A-Za-z])|'{2,}")
_CLIPPED = frozenset("em til tis twas cause bout round course cuse gain kay n m".split())
_MARKS = re.compile(r" ?[,.?!](?: ?[,.?!])*")
_FIRST_MARKS = re.compile(r"\A[ ,.?!]+")
_CLOSER_LAST = re.compile(r"[)\]}\"'>*_ ]\Z")


def spoken_form(text: str) -> str:
    """What a reader says for a written text, at any length, in time that grows with it.

    Args:
        text: English as it is written; an empty line ends a sentence.

    Returns:
        Words of letters and apostrophes, one space apart, with `, . ? !` right behind words; "" when there is nothing
        to say. Words keep their capitals, but for initialisms, which come apart into single capital letters, and
        acronyms and shouted words, which become small.
    """
    text = fold_for_reading(text)
    if len(text) <= _PIECE:
        return _read(text)
    return _join(_read(piece) for piece in _pieces(text))


def unreadable(text: str) -> list[str]:
    """The stretches of a text that `spoken_form` leaves out: letters and digits of other scripts, emoji, odd signs.

    In their order, once each; an empty list when everything is read. Punctuation is not counted, nor are invisible
    characters.
    """
    if text.isascii():
        return []
    found: dict[str, None] = {}
    for stretch in re.findall(r"[^\x00-\x7f]+", text):
        runs, run = [], ""
        for character in stretch:
            if _has_no_reading(character) or (run and unicodedata.category(character)[0] in "MC"):
                run += character
            elif run:
                runs.append(run)
                run = ""
        for said in [*runs, run]:
            if said and not (len(said) == 1 and said.lower() in GREEK):
                found[said] = None
    return list(found)


@lru_cache(maxsize=4096)
def _has_no_reading(character: str) -> bool:
    if character.lower() in GREEK:
        return True  # in a word; alone it has a name
    category = unicodedata.category(character)
    if category[0] not in "LNS" or category == "Sk":
        return False
    folded = say_symbols(fold_for_reading(character))
    return any(not part.isascii() and unicodedata.category(part)[0] in "LNS" for part in folded) or (
        not folded.strip() and category in ("So", "Sm", "Lo") and fold(character) != ""
    )


def _pieces(text: str) -> list[str]:
    """Stretches of at most `_PIECE` characters, cut behind sentences where there are any, else at spaces."""
    pieces, start = [], 0
    while len(text) - start > _PIECE:
        window = text[start : start + _PIECE]
        ends = [end.end() for end in _SENTENCE_END.finditer(window) if end[1].lower() not in NEVER_LAST | MAY_BE_LAST]
        cut = ends[-1] if ends else max(window.rfind(" "), 0) or _PIECE
        pieces.append(text[start : start + cut])
        start += cut
    return [*pieces, text[start:]]


def _join(parts: object) -> str:
    return " ".join(part for part in parts if part)  # type: ignore[attr-defined]


def _read(text: str) -> str:
    source = text
    text = say_addresses(drop_tags(text))
    text = say_abbreviations(calm_shouting(text))
    text = say_roman_numerals(text)
    if _DIGIT.search(text):
        text = _FORMULA.sub(r" \g<0> ", _LETTER_OF_CODE.sub(LETTER, text))
        text = _LONG_DIGITS.sub(lambda match: f" {digits(match[0])} ", text)
        for stage in (say_dates, say_amounts, say_codes, say_ranges, say_measures, say_numbers):
            text = stage(text)
    text = say_symbols(say_bare_units(text))
    text = read_capitals(text)
    return _punctuate(text, source)


def _punctuate(text: str, source: str) -> str:
    """Punctuation as the four marks: pauses become commas, an ellipsis inside a sentence too; quotes fall away."""
    text = _DOT_INSIDE.sub(" dot ", _DOT_BEFORE_MARK.sub("", text))
    text = _RUN_ON.sub(r"\1 ", text)
    text = _ELLIPSIS.sub(_ellipsis, text)
    text = _OPENING.sub(" ", text)
    text = _PAUSE.sub(", ", text)
    text = _NOT_SAID.sub(" ", text)
    text = _apostrophes(text)
    text = " ".join(text.split())
    text = _MARKS.sub(lambda match: _strongest(match[0]) + " ", text)
    text = _FIRST_MARKS.sub("", " ".join(text.split()))
    if text.endswith(",") and _CLOSER_LAST.search(source):
        text = text[:-1]
    return text


def _ellipsis(match: re.Match[str]) -> str:
    following = match.string[match.end() :].lstrip(" \"'")[:1]
    return ". " if not following or following.isupper() else ", "


def _strongest(marks: str) -> str:
    return next(mark for mark in "?!.," if mark in marks)


def _apostrophes(text: str) -> str:
    """Apostrophes inside of words stay, and those of "'em" and "goin'"; quotation marks go."""
    if "'" not in text:
        return text
    quoted = False

    def keep(match: re.Match[str]) -> str:
        nonlocal quoted
        before, after = text[: match.start()][-6:], text[match.end() : match.end() + 8]
        if len(match[0]) == 1 and after[:1].isalpha() and not before[-1:].isalpha():
            word = re.match(r"[A-Za-z]+", after)
            if word and word[0].lower() in _CLIPPED:
                return "'"
            quoted = True
        elif len(match[0]) == 1 and before[-1:].isalpha():
            if not quoted and re.search(r"[a-z]{2}in\Z", before):
                return "'"
            quoted = False
        return " " if before[-1:].isalpha() and after[:1].isalpha() else ""

    return _LOOSE_APOSTROPHE.sub(keep, text)
