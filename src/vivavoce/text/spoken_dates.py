# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Dates, times of day, years and decades, as they are said in the United States.

"5/7/2021" is May seventh (day first only where no month is 13 or more, and in "05.07.2021"), "2021-07-05" July fifth,
"the 5th of May" and "5 May" keep their order. Month names are whole by now (`spoken_abbreviations`).
"""

from __future__ import annotations

import re

from vivavoce.text.numbers import UNITS, cardinal, clock_time, decade, ordinal, year
from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.sentence_ends import stop
from vivavoce.text.spoken_numbers import MONTHS

_MONTH = f"(?:{'|'.join(MONTHS)}|{'|'.join(MONTHS).upper()})"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])"
_ORD = r"(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d{3}|20\d{2})"
_HALF = r"(?:[AaPp]\.\s?[Mm]\b\.?|[AaPp][Mm]\b)"
_CLOCK = r"(?:[01]?\d|2[0-4])"
_BOOK_NAMES = (
    "Genesis Exodus Leviticus Numbers Deuteronomy Joshua Judges Ruth Samuel Kings Chronicles Ezra Nehemiah Esther Job "
    "Psalm Psalms Proverbs Ecclesiastes Isaiah Jeremiah Lamentations Ezekiel Daniel Hosea Joel Amos Jonah Micah "
    "Malachi Matthew Mark Luke John Acts Romans Corinthians Galatians Ephesians Philippians Colossians Thessalonians "
    "Timothy Titus Philemon Hebrews James Peter Jude Revelation"
).split()
_BOOKS = {name: name for name in _BOOK_NAMES} | {
    "Gen": "Genesis", "Exod": "Exodus", "Lev": "Leviticus", "Deut": "Deuteronomy", "Josh": "Joshua", "Ps": "Psalm",
    "Prov": "Proverbs", "Isa": "Isaiah", "Jer": "Jeremiah", "Ezek": "Ezekiel", "Matt": "Matthew", "Mk": "Mark",
    "Lk": "Luke", "Jn": "John", "Rom": "Romans", "Cor": "Corinthians", "Gal": "Galatians", "Eph": "Ephesians",
    "Phil": "Philippians", "Thess": "Thessalonians", "Tim": "Timothy", "Heb": "Hebrews", "Jas": "James", "Pet": "Peter",
}  # fmt: skip


def say_date(month: int, day: int, written_year: str) -> str | None:
    """`(7, 5, "2021")` -> "July fifth, twenty twenty one"; a year of two digits is of this century up to 49; None for
    what is no date. An empty year is not said."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    said = f"{MONTHS[month - 1]} {ordinal(day)}"
    return f"{said}, {say_year(written_year)}" if written_year else said


def say_year(text: str) -> str:
    """A year of two or four digits."""
    value = int(text)
    if len(text) == 2:
        value += 2000 if value < 50 else 1900
    return year(value)


def _iso(match: Match) -> str | None:
    date = say_date(int(match["month"]), int(match["day"]), match["year"])
    if date is None or not match["hour"]:
        return date
    return f"{date}, {clock_time(int(match['hour']), int(match['minute']))}" + (" U T C" if match["zone"] else "")


def _numeric(match: Match) -> str | None:
    first, second, sign = int(match["first"]), int(match["second"]), match["sign"]
    if sign == "." and len(match["year"]) < 4:
        return None  # a version
    if (sign == "." and second <= 12) or first > 12:
        first, second = second, first
    return say_date(first, second, match["year"])


def _month_first(match: Match) -> str | None:
    day = ordinal(int(match["day"]))
    if match["last"]:
        day = f"{day} to {ordinal(int(match['last']))}"
    return f"{match['month']} {day}" + (f", {say_year(match['year'])}" if match["year"] else "")


def _day_first(match: Match) -> str:
    days = f"the {ordinal(int(match['day']))}"
    if match["last"]:
        days += f" to the {ordinal(int(match['last']))}"
    if match["the"]:
        days = match["the"] + days.removeprefix("the ")
    return f"{days} of {match['month']}" + (f" {say_year(match['year'])}" if match["year"] else "")


def _month_year(match: Match) -> str:
    return f"{match['month']} {say_year(match['year'])}"


def _year_month(match: Match) -> str | None:
    """`2021-07` is a month where it cannot be the end of a span of years ("2003-04")."""
    first, second = int(match["year"]), int(match["second"])
    if second > first % 100:
        rest = f"oh {UNITS[second]}" if second < 10 else cardinal(second)
        return f"{year(first)} to {rest}"
    if second == 0 and first % 100 == 99:
        return f"{year(first)} to {year(first + 1)}"
    return f"{MONTHS[second - 1]} {year(first)}" if 1 <= second <= 12 else None


def _time(match: Match) -> str | None:
    hour, minute = int(match["hour"]), int(match["minute"])
    half = _half(match)
    if half and hour > 12:
        half = ""
    words = clock_time(hour, minute, half)
    if match["second"]:
        if half:
            words = f"{clock_time(hour, minute)} and {_count(int(match['second']), 'second')} {' '.join(half)}"
        else:
            parts = [_count(hour, "hour"), _count(minute, "minute") if minute else ""]
            words = " ".join(filter(None, parts)) + f" and {_count(int(match['second']), 'second')}"
    if match.string[match.end() :].lstrip()[:7] == "o'clock":
        words = words.removesuffix(" o'clock")
    return _capital_halves(words, half) + _dot(match)


def _count(value: int, name: str) -> str:
    return f"{cardinal(value)} {name}{'' if value == 1 else 's'}"


def _capital_halves(words: str, half: str) -> str:
    """The letters of a.m. and p.m. by name: capitals."""
    return words[: -len(half) - 1] + " ".join(half).upper() if half else words


def _hour(match: Match) -> str:
    return f"{cardinal(int(match['hour']))} {' '.join(_half(match)).upper()}" + _dot(match)


def _half(match: Match) -> str:
    return re.sub(r"[.\s]", "", match["half"] or "").lower()


def _dot(match: Match) -> str:
    return stop(match.string, match.end()) if match["half"] and match["half"].endswith(".") else ""


def _lasting(match: Match) -> str:
    """`2h 15m` -> "two hours fifteen minutes"."""
    parts = match.groupdict()
    return " ".join(_count(int(parts[name]), name) for name in ("hour", "minute", "second") if parts.get(name))


def _military(match: Match) -> str:
    hour, minute = match["hour"], int(match["minute"])
    said = f"oh {UNITS[int(hour)]}" if hour[0] == "0" else cardinal(int(hour))
    if minute == 0:
        return f"{said} hundred"
    return f"{said} {'oh ' if minute < 10 else ''}{cardinal(minute)}"


def _decade(match: Match) -> str:
    return decade(int(match["value"]))


def _short_year(match: Match) -> str:
    value = int(match["value"])
    return cardinal(value) if value > 9 else f"oh {UNITS[value]}" if value else "oh oh"


def _verse(match: Match) -> str:
    first = f"{ordinal(int(match['first'])).capitalize()} " if match["first"] else ""
    last = f" to {cardinal(int(match['last']))}" if match["last"] else ""
    said = f"{cardinal(int(match['chapter']))} {cardinal(int(match['verse']))}{last}"
    return f"{first}{_BOOKS[match['book']]} {said}"


def _to(match: Match) -> str:
    """The beginning of a span, still as it is written."""
    return f"{match[1]} to "


def _years(match: Match) -> str:
    return f"{year(int(match['first']))} to {year(int(match['second']))}"


_OPEN = r"(?<![\w.,:/$£€-])"
_CLOSE = r"(?![\w:%/-]|[.,]\d)"
_ALONE = r"(?<![\w.,:/-])"
_TO_DAY = rf"(?: ?(?:-|to|through) ?(?P<last>{_DAY}){_ORD})?"
_TWELVE = r"(?P<hour>1[0-2]|0?[1-9])"
_SPANS = (
    rewrite(
        rf"(?<![\w-])({_MONTH}(?: {_DAY}{_ORD})?(?:,? {_YEAR})?)"
        rf"(?:-(?={_MONTH}(?![\w-]))| - (?={_MONTH},? \d))",
        _to,
        "-",
    ),
    rewrite(
        rf"{_OPEN}({_DAY}{_ORD}(?: of)? {_MONTH}(?:,? {_YEAR})?) ?- ?(?={_DAY}{_ORD}(?: of)? {_MONTH}(?![\w-]))",
        _to,
        "-",
    ),
    rewrite(
        rf"{_OPEN}({_YEAR})(?: ?- ?(?=[Pp]resent(?![\w-]))|-(?=(?:now|today)(?![\w-])))",
        _to,
        "-",
    ),
    rewrite(rf"{_ALONE}({_CLOCK}(?::[0-5]\d)?(?:\s?{_HALF})?) ?- ?(?=(?:noon|midnight)(?![\w-]))", _to, "-"),
    rewrite(rf"(?<![\w-])([Nn]oon|[Mm]idnight) ?- ?(?={_CLOCK}(?::[0-5]\d|\s?{_HALF}))", _to, "-"),
)
RULES = (
    *_SPANS,
    rewrite(r"(?<![\w.-])('?(?:\d\d)?\d0'?s) ?- ?(?='?(?:\d\d)?\d0s(?![\w-]))", lambda m: f"{m[1]} to ", "-"),
    rewrite(
        r"(?<![\w/.-])(?P<year>\d{4})([-/])(?P<month>\d{1,2})\2(?P<day>\d{1,2})"
        r"(?:[T ](?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::\d{2}(?:\.\d{1,9})?)?(?P<zone>Z|\+00:?00)?)?"
        r"(?![\w/-]|\.\d)",
        _iso,
    ),
    rewrite(
        r"(?<![\w/.,-])(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})"
        r"(?![\w/-]|[.,]\d)",
        _numeric,
    ),
    rewrite(
        rf"\b(?P<month>{_MONTH}) (?P<day>{_DAY}){_ORD}{_TO_DAY}(?:(?:, ?| )(?P<year>{_YEAR}))?(?![\w:%/]|-\d|[.,]\d)",
        _month_first,
    ),
    rewrite(
        rf"{_OPEN}(?P<the>[Tt]he )?(?P<day>{_DAY}){_ORD}{_TO_DAY}(?: of)? (?P<month>{_MONTH})\b"
        rf"(?:,? (?P<year>{_YEAR}){_CLOSE})?",
        _day_first,
    ),
    rewrite(rf"\b(?P<month>{_MONTH}),? (?P<year>{_YEAR}){_CLOSE}", _month_year),
    rewrite(rf"{_OPEN}(?P<first>{_YEAR}) ?- ?(?P<second>{_YEAR})(?![\w-]|[.,]\d)", _years),
    rewrite(rf"{_OPEN}(?P<year>{_YEAR})-(?P<second>\d{{2}})(?![\w-]|[.,]\d)", _year_month),
    rewrite(
        rf"(?P<first>\b[1-3] )?\b(?P<book>{'|'.join(_BOOKS)})\.? "
        r"(?P<chapter>\d{1,3}):(?P<verse>\d{1,3})(?:-(?P<last>\d{1,3}))?(?![\d:])",
        _verse,
        ":",
    ),
    rewrite(
        rf"{_ALONE}({_CLOCK}(?::[0-5]\d)?)(\s?{_HALF})?\s?-\s?(?={_CLOCK}(?::[0-5]\d)?\s?{_HALF})",
        lambda m: f"{m[1]}{m[2] or ''} to ",
    ),
    rewrite(rf"{_ALONE}({_CLOCK}:[0-5]\d)\s?-\s?(?={_CLOCK}:[0-5]\d(?![\d:]))", lambda m: f"{m[1]} to ", ":"),
    rewrite(
        rf"(?<![\w:.])(?P<hour>{_CLOCK}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])(?:\s?(?P<half>{_HALF}))?",
        _time,
        ":",
    ),
    rewrite(rf"{_ALONE}{_TWELVE}\.(?P<minute>[0-5]\d)(?P<second>)\s?(?P<half>{_HALF})", _time, "."),
    rewrite(rf"{_ALONE}{_TWELVE}\s?(?P<half>{_HALF})", _hour),
    rewrite(rf"{_ALONE}(?P<hour>\d{{1,3}})h(?P<minute>[0-5]\d)(?!\w|[.,:/]\d)", _lasting, "h"),
    rewrite(
        rf"{_ALONE}(?P<hour>\d{{1,3}})h ?(?P<minute>[0-5]?\d)m(?:in)?(?: ?(?P<second>[0-5]?\d)s)?(?![\w/^])",
        _lasting,
        "h",
    ),
    rewrite(rf"{_ALONE}(?P<minute>[0-5]?\d)m ?(?P<second>[0-5]?\d)s(?![\w/^])", _lasting, "m"),
    rewrite(rf"{_ALONE}(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?= (?:hours|hrs)\b)", _military),
    rewrite(r"(?<!\w)'?(?<![\d.,$£€])(?P<value>(?:1[1-9]|20)?\d0)'?s\b", _decade, "s"),
    rewrite(r"(?<![\w'])'(?P<value>\d{2})(?![\w'])", _short_year, "'"),
)


def say_dates(text: str) -> str:
    """Dates, times and years of folded text, as words."""
    return apply(RULES, text)
