"""SSML's say-as: a text read in the way that its author asks for, as words; what cannot be read so is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

from vivavoce.errors import TextError
from vivavoce.text.folding import fold
from vivavoce.text.numbers import LARGEST, UNITS, clock_time, digits, fraction, integer, ordinal
from vivavoce.text.roman import value
from vivavoce.text.spoken_abbreviations import say_abbreviations
from vivavoce.text.spoken_codes import say_telephone
from vivavoce.text.spoken_dates import MONTHS, say_date, say_dates, say_year
from vivavoce.text.spoken_money import say_amounts
from vivavoce.text.spoken_numbers import say_number
from vivavoce.text.spoken_units import say_measures

_SIGNS = {
    ".": "dot", ",": "comma", "-": "dash", "_": "underscore", "/": "slash", "\\": "backslash", "@": "at", ":": "colon",
    ";": "semicolon", "?": "question mark", "!": "exclamation mark", "&": "and", "=": "equals", "+": "plus",
    "%": "percent", "#": "hash", "~": "tilde", "*": "asterisk", "'": "apostrophe", '"': "quote", "$": "dollar",
    "(": "left parenthesis", ")": "right parenthesis", "[": "left bracket", "]": "right bracket", "{": "left brace",
    "}": "right brace", "<": "less than", ">": "greater than", "|": "bar", "^": "caret", "°": "degree", "£": "pound",
    "€": "euro",
}  # fmt: skip
DATE_FORMATS = ("mdy", "dmy", "ymd", "ydm", "md", "dm", "ym", "my", "y", "m", "d", "yyyymmdd")
TIME_FORMATS = ("hms12", "hms24")


def say_as(text: str, interpret_as: str, form: str = "") -> str:
    """What a reader says for a text that is `interpret_as`, one of `KINDS`.

    Args:
        text: as written, for example "5/7/2021".
        interpret_as: what it is, for example "date".
        form: of dates one of `DATE_FORMATS`, of times one of `TIME_FORMATS`; "" for the usual reading.

    Raises:
        TextError: an unknown kind or format, or a text that is no such thing.
    """
    if interpret_as not in KINDS:
        raise TextError(f"interpret-as={interpret_as!r} is unknown; allowed: {', '.join(KINDS)}.")
    formats = {"date": DATE_FORMATS, "time": TIME_FORMATS}.get(interpret_as, ())
    if form and form not in formats:
        allowed = ", ".join(formats) if formats else "none"
        raise TextError(f"format={form!r} is unknown for {interpret_as}; allowed: {allowed}.")
    written = " ".join(fold(text).split())
    if written and interpret_as in ("date", "currency", "unit") and not re.search(r"\d", written):
        raise TextError(f"{written!r} cannot be read as {interpret_as}; expected {_EXPECTED[interpret_as]}.")
    said = KINDS[interpret_as](written, form) if written else ""
    if said is None or re.search(r"\d", said):
        raise TextError(f"{written!r} cannot be read as {interpret_as}; expected {_EXPECTED[interpret_as]}.")
    return said


def _characters(text: str, form: str) -> str | None:
    said = []
    for character in text.replace(" ", ""):
        if character.isascii() and character.isalpha():
            said.append(character.upper())
        elif character.isdecimal():
            said.append(UNITS[int(character)])
        elif character in _SIGNS:
            said.append(_SIGNS[character])
        else:
            return None
    return " ".join(said)


def _cardinal(text: str, form: str) -> str | None:
    if re.fullmatch(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?", text) and re.search(r"\d", text):
        return ("plus " if text[0] == "+" else "") + say_number(text.lstrip("+"))
    number = value(text.upper())
    return None if number is None else integer(str(number))


def _ordinal(text: str, form: str) -> str | None:
    written = re.fullmatch(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)?", text)
    number = int(written[1].replace(",", "")) if written and len(written[1]) < 40 else value(text.upper())
    return ordinal(number) if number is not None and number <= LARGEST else None


def _digits(text: str, form: str) -> str | None:
    return digits(re.sub(r"\D", "", text)) if re.fullmatch(r"[\d .,()/-]*\d[\d .,()/-]*", text) else None


def _date(text: str, form: str) -> str | None:
    if not form:
        return say_dates(say_abbreviations(text))
    if form == "yyyymmdd":
        form, text = "ymd", re.sub(r"\A(\d{4})(\d{2})(\d{2})\Z", r"\1-\2-\3", text)
    parts = re.findall(r"\d+|[A-Za-z]{3,}", text)
    if len(parts) != len(form):
        return None
    by_letter = dict(zip(form, parts, strict=True))
    month, day, written_year = _month(by_letter.get("m", "")), by_letter.get("d", ""), by_letter.get("y", "")
    if ("m" in form and not month) or ("d" in form and not re.fullmatch(r"0?[1-9]|[12]\d|3[01]", day)):
        return None
    if "y" in form and not re.fullmatch(r"\d{2}|\d{4}", written_year):
        return None
    if month and day:
        return say_date(month, int(day), written_year)
    said = [MONTHS[month - 1] if month else "", ordinal(int(day)) if day else ""]
    return " ".join(filter(None, [*said, say_year(written_year) if written_year else ""]))


def _month(text: str) -> int:
    """A month by number or name, 0 for none."""
    if text.isdecimal():
        return int(text) if len(text) < 3 and 1 <= int(text) <= 12 else 0
    found = [number for number, name in enumerate(MONTHS, 1) if text and name.lower().startswith(text.lower())]
    return found[0] if len(found) == 1 else 0


def _time(text: str, form: str) -> str | None:
    written = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s?([AaPp])?\.?\s?([Mm])?\.?", text)
    if not written or bool(written[4]) != bool(written[5]) or not (written[2] or written[4]):
        return None
    hour, minute = int(written[1]), int(written[2] or 0)
    if hour > 24 or minute > 59 or int(written[3] or 0) > 59 or (form == "hms12" and not 1 <= hour <= 12):
        return None
    half = f"{written[4]}m".lower() if written[4] and hour <= 12 else ""
    said = clock_time(hour, minute, half)
    said = said[: -len(half) - 1] + " ".join(half).upper() if half else said
    if written[3]:
        second = int(written[3])
        return f"{said} and {integer(str(second))} second{'' if second == 1 else 's'}"
    return said


def _telephone(text: str, form: str) -> str | None:
    return (
        say_telephone(text)
        if re.fullmatch(r"\+?[\dA-Za-z(][\dA-Za-z ().x/-]*", text) and re.search(r"\d", text)
        else None
    )


def _fraction(text: str, form: str) -> str | None:
    written = re.fullmatch(r"(?:(\d{1,30})[ +-])?(\d{1,12})/(\d{1,12})", text)
    if not written or not 0 < int(written[3]) <= LARGEST:
        return None
    top, bottom = int(written[2]), int(written[3])
    said = fraction(top, bottom) if bottom > 1 else f"{integer(str(top))} over one"
    return f"{integer(written[1])} and {said}" if written[1] else said


KINDS: dict[str, Callable[[str, str], str | None]] = {
    "characters": _characters,
    "spell-out": _characters,
    "verbatim": _characters,
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "digits": _digits,
    "date": _date,
    "time": _time,
    "telephone": _telephone,
    "currency": lambda text, form: say_amounts(text),
    "fraction": _fraction,
    "unit": lambda text, form: say_measures(text),
}
_EXPECTED = {
    **dict.fromkeys(("characters", "spell-out", "verbatim"), "letters, digits and signs such as A1-B"),
    **dict.fromkeys(("cardinal", "number"), "a number such as 1,234.5 or XIV"),
    "ordinal": "a whole number such as 21, 21st or XXI",
    "digits": "digits such as 0420",
    "date": "a date in the order of its format, such as 5/7/2021",
    "time": "a time such as 5:30 or 5:30 p.m.",
    "telephone": "a telephone number such as 212-555-0123",
    "currency": "an amount such as $42.01 or USD 42",
    "fraction": "a fraction such as 3/4 or 3 3/4",
    "unit": "a number and a unit such as 10 km/h",
}
