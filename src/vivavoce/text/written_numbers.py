"""Find numbers in running text and put the words that a reader would say in their place.

Expects folded text (`folding.fold`): ASCII digits, straight quotes, `/` for the fraction slash. Where the writing
allows several readings one is taken, always the same, so that references and hypotheses agree:

- four digits without a comma from 1100 to 2099 are a year ("1500" is "fifteen hundred", "2005" "two thousand five");
- a number up to 31 after or before the name of a month is its day ("May 5" is "may fifth", "5 May" "fifth may");
- digits that begin with a zero, and the groups of a telephone number, are read one by one;
- a hyphen between two numbers is "to", with their units, too ("9am-5pm", "5-10km"); of two amounts of money the first
  loses its unit ("$5-$10" is "five to ten dollars"), unless there are cents;
- of a date in numbers each number is read by itself;
- a fraction is one whose denominator is 2 to 10 and larger than its numerator ("9/11" stays "nine eleven");
- a time on the hour is "o'clock" up to 12:00 and "hundred" after it.

Left to a full text front end: Roman numerals, scores, house numbers, units of measure beyond `UNITS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vivavoce.text import numbers

Match = re.Match[str]

CURRENCIES = {
    "$": (("dollar", "dollars"), ("cent", "cents")),
    "£": (("pound", "pounds"), ("penny", "pence")),
    "€": (("euro", "euros"), ("cent", "cents")),
    "¥": (("yen", "yen"), ("sen", "sen")),
}
SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
UNITS = {
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "ml": ("milliliter", "milliliters"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"),
    "mph": ("mile per hour", "miles per hour"),
    "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"),
    "%": ("percent", "percent"),
    "¢": ("cent", "cents"),
    "°": ("degree", "degrees"),
    "°c": ("degree celsius", "degrees celsius"),
    "°f": ("degree fahrenheit", "degrees fahrenheit"),
}

_INTEGER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_NUMBER = rf"(?P<number>{_INTEGER}(?:\.\d+)?)"
_MINUS = r"(?P<minus>(?<![^\s(\"'])-)?"
_HALF = r"(?P<half>[ap]\.\s?m\b\.?|[ap]m\b)"
_SCALE = rf"(?:\s?(?P<scale>hundred|thousand|million|billion|trillion|{'|'.join(SCALES)})\b)"
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTH = f"(?:{_MONTHS}|{_MONTHS.upper()})"
_DAY = r"(?:[12]\d|3[01]|[1-9])"


def spell_numbers(text: str) -> str:
    """Every number of the text in words; the rest of it stays as it is."""
    for pattern, spell in _RULES:
        if not any(map(str.isdecimal, text)):
            break
        text = pattern.sub(lambda match, spell=spell: _set_apart(match, spell(match)), text)  # type: ignore[misc]
    return text


def _set_apart(match: Match, words: str) -> str:
    """A space towards a neighbouring letter or digit: "mp3" is two words, "5's" one."""
    text, start, end = match.string, match.start(), match.end()
    before = " " if text[start - 1 : start].isalnum() else ""
    after = " " if text[end : end + 1].isalnum() else ""
    return f"{before}{words}{after}"


def _money_range(match: Match) -> str:
    """`$5-10 million` -> "five to $10 million"; with cents each is said whole: `$2.50-3.50` -> "$2.50 to $3.50"."""
    currency, scale, last_scale = match["currency"], match["scale"] or "", match["last_scale"] or ""
    first, last = (float(number.replace(",", "")) for number in (match["number"], match["last"]))
    if match["spaced"] and not scale and first >= last:
        return match[0]  # a dash: "$30,000 - $15,000 apiece"
    cents = not scale and not last_scale and re.search(r"\.\d\d(?!\d)", f"{match['number']} {match['last']} ")
    if cents:
        return f"{match['minus'] or ''}{currency}{match['number']} to {currency}{match['last']}"
    whole, point, fraction = match["number"].replace(",", "").partition(".")
    words = numbers.decimal(whole, fraction) if point else numbers.integer(whole)
    if scale and scale.lower() != last_scale.lower():
        words += f" {SCALES.get(scale.lower(), scale)}"
    return f"{'minus ' if match['minus'] else ''}{words} to {currency}{match['last']}{last_scale and ' ' + last_scale}"


def _begin_range(match: Match) -> str:
    return f"{match[0].rstrip('- ')} to"  # still as it is written, for the rules that follow


def _money(match: Match) -> str:
    unit, part = CURRENCIES[match["currency"]]
    whole, cents, scale = (match["whole"] or "").replace(",", ""), match["fraction"], match["scale"]
    minus = "minus " if match["minus"] else ""
    if scale or (cents and len(cents) != 2) or not numbers.has_name(whole):
        amount = numbers.decimal(whole, cents) if cents else numbers.integer(whole)
        scale = f" {SCALES.get(scale.lower(), scale)}" if scale else ""
        return f"{minus}{amount}{scale} {unit[1]}"
    return minus + numbers.money(int(whole or 0), int(cents or 0), unit, part)


def _time(match: Match) -> str:
    words = numbers.clock_time(int(match["hour"]), int(match["minute"]), _half_day(match))
    return words.removesuffix(" o'clock") if match["oclock"] else words  # the text says it itself


def _hour(match: Match) -> str:
    return numbers.clock_time(int(match["hour"]), 0, _half_day(match))


def _half_day(match: Match) -> str:
    return re.sub(r"[.\s]", "", match["half"] or "").lower()


def _telephone(match: Match) -> str:
    return numbers.digits(re.sub(r"\D", "", match[0]))


def _date(match: Match) -> str:
    return " ".join(_bare(part) for part in re.split(r"\D", match[0]))


def _day(match: Match) -> str:
    return f"{match['month']} {numbers.ordinal(int(match['day']))}"


def _day_first(match: Match) -> str:
    return f"{numbers.ordinal(int(match['day']))} {match['month']}"


def _ordinal(match: Match) -> str:
    value = match["value"].replace(",", "")
    return numbers.ordinal(int(value)) if numbers.has_name(value) else numbers.digits(value)


def _decade(match: Match) -> str:
    return numbers.decade(int(match["value"]))


def _short_year(match: Match) -> str:
    return f"oh {numbers.cardinal(int(match['value']))}"


def _fraction(match: Match) -> str:
    top, bottom = int(match["top"]), int(match["bottom"])
    whole = match["whole"]
    if not 0 < top < bottom:
        return " ".join(filter(None, [whole and _bare(whole), _bare(match["top"]), _bare(match["bottom"])]))
    return (f"{numbers.integer(whole)} and " if whole else "") + numbers.fraction(top, bottom)


def _range(match: Match) -> str:
    return f"{match['first']} to {match['second']}"  # still digits, for the rules that follow


def _measure(match: Match) -> str:
    one, many = UNITS[match["unit"].lower()]
    return f"{_signed(match)} {one if match['number'] == '1' else many}"


def _version(match: Match) -> str:
    return " point ".join(numbers.integer(part) for part in match[0].split("."))


def _plain(match: Match) -> str:
    number = match["number"]
    return _signed(match) if "," in number or "." in number or match["minus"] else _bare(number)


def _signed(match: Match) -> str:
    whole, point, fraction = match["number"].replace(",", "").partition(".")
    words = numbers.decimal(whole, fraction) if point else numbers.integer(whole)
    return f"minus {words}" if match["minus"] else words


def _bare(number: str) -> str:
    is_year = len(number) == 4 and "1100" <= number <= "2099"
    return numbers.year(int(number)) if is_year else numbers.integer(number)


def _rule(pattern: str, spell: Callable[[Match], str]) -> tuple[re.Pattern[str], Callable[[Match], str]]:
    return re.compile(pattern, re.IGNORECASE), spell


_AMOUNT = rf"{_INTEGER}(?:\.\d+)?"
_SUFFIX = rf"\s?(?:[ap]\.\s?m\b\.?|[ap]m\b|(?:{_UNIT})(?!\w)|(?:st|nd|rd|th)\b)"
_CLOCK = r"\d{1,2}:[0-5]\d"
_OF_KIND = rf"(?:{_CLOCK}(?:{_SUFFIX})?|{_AMOUNT}{_SUFFIX})"
"""A number that shows what it is of: a time, or one with a unit; the hyphen between two may have spaces."""
_MARKED = rf"(?:{_OF_KIND}|{_INTEGER}\.\d+)"
_RANGE_ENDS = r"(?![\w/:-]|[.,]\d)"
_SIGNS = "".join(CURRENCIES)

# In this order: what a rule has spelled, the later ones no longer see.
_RULES = (
    _rule(
        rf"{_MINUS}(?P<currency>[{_SIGNS}]){_NUMBER}{_SCALE}?(?:-(?P=currency)?|(?P<spaced>\s-\s)(?P=currency))(?P<last>{_AMOUNT})"
        rf"{_SCALE.replace('<scale>', '<last_scale>')}?{_RANGE_ENDS}",
        _money_range,
    ),
    _rule(
        rf"(?<![\w.,:/{_SIGNS}-])(?!\d{{3}}-\d{{4}})(?:{_OF_KIND}|{_AMOUNT})-(?={_MARKED}{_RANGE_ENDS})",
        _begin_range,
    ),
    _rule(rf"(?<![\w.,:/{_SIGNS}-]){_OF_KIND}\s-\s(?={_OF_KIND}{_RANGE_ENDS})", _begin_range),
    _rule(rf"(?<![\w.,:/{_SIGNS}-]){_MARKED}-(?={_AMOUNT}{_RANGE_ENDS})", _begin_range),
    _rule(rf"{_MINUS}(?P<currency>[$£€¥])\s?(?=\.?\d)(?P<whole>{_INTEGER})?(?:\.(?P<fraction>\d+))?{_SCALE}?", _money),
    _rule(
        rf"(?<![\d:])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\d:])(?:\s?{_HALF}|(?=\s(?P<oclock>o'clock))|)",
        _time,
    ),
    _rule(rf"(?<![\w.,:/-])(?P<hour>1[0-2]|[1-9])\s?{_HALF}", _hour),
    _rule(r"(?<![\w-])(?:\+?1[- ])?(?:\(\d{3}\)\s?|\d{3}[- .])?\d{3}[-.]\d{4}(?![\w-])", _telephone),
    _rule(r"(?<![\w/-])(?:\d{1,2}([/-])\d{1,2}\1\d{2,4}|\d{4}-\d{1,2}-\d{1,2})(?![\w/-])", _date),
    (re.compile(rf"\b(?P<month>{_MONTH})\s+(?P<day>{_DAY})(?![\w:%/-]|[.,]\d)"), _day),
    (re.compile(rf"(?<![\w.,:/-])(?P<day>{_DAY})\s+(?P<month>{_MONTH})\b"), _day_first),
    _rule(rf"(?<![\w.,])(?P<value>{_INTEGER})(?:st|nd|rd|th)\b", _ordinal),
    _rule(r"(?<!\w)'?(?<![\d.,])(?P<value>(?:1[1-9]|20)?\d0)'?s\b", _decade),
    _rule(r"(?<!\w)'0(?P<value>[1-9])(?![\w'])", _short_year),
    _rule(r"(?<![\w/.,])(?:(?P<whole>\d+)\s)?(?P<top>\d{1,2})/(?P<bottom>[2-9]|10)(?![\w/])", _fraction),
    _rule(rf"(?<![\w.,-])(?P<first>{_INTEGER})\s?-\s?(?P<second>{_INTEGER})(?![\w-])(?![.,]\d)", _range),
    _rule(rf"{_MINUS}{_NUMBER}\s?(?P<unit>{_UNIT})(?!\w)", _measure),
    _rule(r"\d+(?:\.\d+){2,}", _version),
    _rule(rf"{_MINUS}(?P<number>{_INTEGER}(?:\.\d+)?|(?<!\w)\.\d+)", _plain),
)
