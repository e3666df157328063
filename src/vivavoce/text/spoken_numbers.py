# ruff: noqa: RUF001, SIM905 - a times sign; and long lists of words are read more easily as text
"""Plain numbers in running text: ranges, fractions, powers, ordinals, codes and what is left.

In two parts, as units and amounts of money want their ranges and sizes told apart first (`say_ranges`), and take their
numbers before the rest is read (`say_numbers`). Where the writing allows several readings:

- four digits from 1100 to 2099 are a year, unless a count is plain ("1066 soldiers");
- behind words such as "Room" and "Flight", and behind capital letters, three and four digits are read in pairs;
- digits that begin with a zero, and more of them than have a name, are read one by one.
"""

from __future__ import annotations

import re

from vivavoce.text.numbers import UNITS, cardinal, decimal, digits, fraction, has_name, integer, ordinal, year
from vivavoce.text.rewriting import Match, apply, rewrite

INTEGER = r"(?:\d{1,3}(?:,\d{3}){1,11}(?!\d)|\d+)"
NUMBER = rf"(?:{INTEGER}(?:\.\d+)?|(?<![\w.])\.\d+)"
MINUS = r"(?:(?<![\w)\]%°])-(?=\.?\d))?"
FRACTION = r"(?:\d{1,9}[ -])?\d{1,4}/\d{1,4}"
_START = r"(?<![\w.,/:])"

_YEAR_BEFORE = frozenset(
    "in since of by until till from year during before after around circa to for winter spring summer autumn fall "
    "early late mid the january february march april may june july august september october november december class "
    "back season through between and or".split()
)
_CODED = (
    "Room Flight Highway Route Interstate Bus Boeing Airbus Line Unit Apartment Suite Channel Locker Gate Building "
    "Box Number Lot Bay Cell Studio Track Platform Train Tram Freeway Exit Cabin Area Form Section Title Chapter "
    "Local Seat Math English History Physics Biology Chemistry Psychology Economics"
).split()
_SPELLED = "PIN|pin|[Cc]ode|[Cc]odes|ZIP|[Zz]ip|[Ee]xtension|[Pp]ostcode|[Pp]asscode|serial number"
_DIALLED = "[Cc]all|[Cc]alled|[Cc]alling|[Dd]ial|[Dd]ialed|[Dd]ialing|[Dd]ialled|[Pp]hone|[Pp]honed"
_STREETS = (
    "Street Avenue Road Boulevard Drive Lane Court Place Terrace Square Parkway Highway Way Broadway Crescent Close"
).split()
_PAIRED = {"24/7", "9/11", "7/11", "50/50", "20/20"}
MONTHS = "January February March April May June July August September October November December".split()
_DATED = frozenset("on by since until from dated due before after".split())
_TERM = re.compile(r"[=+*^] ?\d{1,4}\Z")
_PART_OF = re.compile(r" of\b| (?:inch|mile|cup)")
_COMMON_FRACTIONS = {"1/2", "1/3", "2/3", "1/4", "3/4"}
_ERA = re.compile(r" ?(?:AD|BC|CE|BCE|A D|B C|C E|B C E)\b")
_IN_THE_YEAR = re.compile(r"\b(?:[Ii]n|year) \Z")
_AFTER_YEAR = re.compile(r",(?! \d)| [A-Z]| (?:he|she|they|it|the)\b")
_RATED = re.compile(r"(?:scored?|rated|rating|gave it|got|marks? of|grade of|a solid|a perfect)\s(?:a |an )?\Z")


def say_number(text: str) -> str:
    """`"-1,234.5"` -> "minus one thousand two hundred thirty four point five"."""
    minus = text.startswith("-")
    whole, point, rest = text.lstrip("-").replace(",", "").partition(".")
    words = decimal(whole, rest) if point else integer(whole)
    return f"minus {words}" if minus else words


def code_number(text: str) -> str:
    """Digits of a room, flight or house: `"101"` -> "one oh one", `"1600"` -> "sixteen hundred", `"370"` -> "three
    seventy"; digit by digit from five of them on, and behind a zero."""
    if text.startswith("0") or len(text) > 4:
        return digits(text)
    head, tail = int(text[:-2] or "0"), int(text[-2:])
    if len(text) < 3 or (len(text) == 4 and text[1:] == "000"):
        return cardinal(int(text))
    if tail == 0:
        return f"{cardinal(head)} hundred"
    return f"{cardinal(head)} {'oh ' if tail < 10 else ''}{cardinal(tail)}"


def say_fraction(text: str) -> str | None:
    """`"3 3/4"` -> "three and three quarters", `"1/2"` -> "one half"; None for what no reader calls a fraction."""
    whole, _, part = text.replace("-", " ").rpartition(" ")
    top, bottom = (int(number) for number in part.split("/"))
    if not 0 < top < bottom or not (bottom <= 10 or bottom in (12, 16, 20, 32, 50, 64, 100, 1000)):
        return None
    words = fraction(top, bottom)
    if not whole:
        return words
    if top == 1 and bottom in (2, 4):
        words = "a " + words.removeprefix("one ")
    return f"{integer(whole)} and {words}"


def plural(words: str) -> str:
    """`twenty` -> "twenties", `six` -> "sixes"."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def _range(match: Match) -> str | None:
    first, second = (float(match[name].replace(",", "").rstrip("%")) for name in ("first", "second"))
    spaced, equals = " " in match["sign"], match.string[match.end() :].lstrip()[:1] == "="
    if equals:
        return f"{match['first']} minus {match['second']}"
    if spaced and second <= first:
        return None
    if first == second or (match["first"], match["second"]) == ("24", "7"):
        return f"{match['first']} {match['second']}"
    return f"{match['first']} to {match['second']}"  # still digits, for the rules that follow


def _days(match: Match) -> str | None:
    """`1/5-1/9` are two days, where they can be."""
    first, day, last, last_day = (int(match[group]) for group in (1, 2, 3, 4))
    if not (1 <= first <= 12 and 1 <= last <= 12 and 1 <= day <= 31 and 1 <= last_day <= 31):
        return None
    return f"{_month_and_day(first, day)} to {_month_and_day(last, last_day)}"


def _times(match: Match) -> str | None:
    """`10x`, not the unknown of "3x + 2" and "y = 2x"."""
    unknown = _TERM.search(match.string, max(0, match.start() - 8), match.start())
    return None if unknown else " times"


def _from_day(match: Match) -> str | None:
    """`from 12/20 to 1/3` are two days, unless both are what halves, thirds and quarters are: `from 1/3 to 3/4`."""
    parts = {match[2], match[4]}
    if parts <= _COMMON_FRACTIONS or _PART_OF.match(match.string[match.end() :][:12]):
        return None
    first, last = (_read_day(part) for part in (match[2], match[4]))
    return f"{match[1]}{first}{match[3]}{last}" if first and last else None


def _read_day(text: str) -> str | None:
    month, day = map(int, text.split("/"))
    return _month_and_day(month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _fraction(match: Match) -> str:
    top, bottom = match["top"], match["bottom"]
    before, after = match.string[max(0, match.start() - 20) : match.start()], match.string[match.end() :][:12]
    whole = match["whole"] or ""
    if match["suffix"]:
        return say_fraction(match[0].rstrip("thsrdn")) or f"{say_number(top)} {ordinal(int(bottom))}"
    if not whole:
        said = _ratio(match[0], int(top), int(bottom), before, after)
        if said:
            return said
    if said := say_fraction(match[0]):
        return said
    lead = f"{integer(whole)} " if whole else ""
    return f"{lead}{_plain_words(top)} over {_plain_words(bottom)}"


def _ratio(text: str, top: int, bottom: int, before: str, after: str) -> str | None:
    """Two numbers and a slash that are no fraction: dates, marks, times of music."""
    pair = f"{cardinal(top)} {cardinal(bottom)}"
    if text in _PAIRED or re.match(r" time\b", after):
        return pair
    if 0 <= top <= bottom and (bottom in (5, 10, 100) or top == bottom):
        part_of = _PART_OF.match(after)
        if re.match(r"[ -]stars?\b| points?\b", after) or _RATED.search(before) or (bottom > 5 and not part_of):
            return f"{cardinal(top)} out of {cardinal(bottom)}"
    word = re.search(r"([A-Za-z]+),? \Z", before)
    if 1 <= top <= 12 and 13 <= bottom <= 31 and bottom not in (16, 20, 24, 25):  # what is never a fraction
        return _month_and_day(top, bottom)
    is_part = _PART_OF.match(after) or re.match(r" (?:to|through|until|till) \d{1,2}/", after)
    if text in ("12/24", "12/25") and not is_part:
        return _month_and_day(top, bottom)
    if (
        not is_part
        and word
        and (word[1].lower() in _DATED or word[1].endswith("day"))
        and 1 <= top <= 12
        and 1 <= bottom <= 31
    ):
        return _month_and_day(top, bottom)
    if 1000 <= top <= 2099 and bottom < 100:
        return f"{year(top)} {'oh ' if bottom < 10 else ''}{cardinal(bottom)}"
    return None


def _month_and_day(month: int, day: int) -> str:
    return f"{MONTHS[month - 1]} {ordinal(day)}"


def _plain_words(text: str) -> str:
    return year(int(text)) if _is_year(text) else say_number(text)


def _is_year(text: str) -> bool:
    return len(text) == 4 and "1100" <= text <= "2099"


def _power(match: Match) -> str:
    exponent = match["power"]
    if exponent in ("2", "3"):
        return " squared" if exponent == "2" else " cubed"
    return f" to the power of {say_number(exponent) if exponent.lstrip('-').isdecimal() else exponent}"


def _scientific(match: Match) -> str:
    return f"{say_number(match['number'])} times ten to the power of {say_number(match['power'].lstrip('+'))}"


def _ordinal(match: Match) -> str:
    value = match["value"].replace(",", "")
    return ordinal(int(value)) if has_name(value) else digits(value)


def _several(match: Match) -> str:
    value = match["value"]
    return plural(code_number(value) if len(value) == 3 else integer(value))


def _code(match: Match) -> str:
    return f"{match['before']}{code_number(match['number'])}"


def _scaled(match: Match) -> str:
    scale = {"M": "million", "m": "million", "b": "billion", "B": "billion", "t": "trillion"}[match["scale"][0]]
    return f"{say_number(match['number'])} {scale}"


def _plain(match: Match) -> str:
    number, text = match["number"], match.string
    if not number.isdecimal() or match["minus"] or number[0] == "0":
        return say_number(match[0])
    before, after = text[max(0, match.start() - 9) : match.start()], text[match.end() : match.end() + 8]
    if re.search(r"[A-Z]-?\Z", before) and len(number) > 2:
        return _plain_words(number) if _is_year(number) else code_number(number)
    if len(number) == 4:
        return _four_digits(match)
    if len(number) == 3 and (_ERA.match(after) or (_IN_THE_YEAR.search(before) and _AFTER_YEAR.match(after))):
        return code_number(number)
    return say_number(number)


def _four_digits(match: Match) -> str:
    number = match["number"]
    before = re.search(r"([A-Za-z]+)[ -]\Z", match.string[max(0, match.start() - 16) : match.start()])
    following = re.match(r" ([a-z]+)", match.string[match.end() : match.end() + 24])
    if number >= "2100" and _ERA.match(match.string[match.end() : match.end() + 6]):
        return code_number(number)
    if number < "1100" and _is_early_year(match, before[1].lower() if before else ""):
        return code_number(number)
    counted = following and re.fullmatch(r"(?:[a-z]{2,}(?<![suia])s|people|men|women|children|feet)", following[1])
    if counted and not (before and before[1].lower() in _YEAR_BEFORE):
        return say_number(number)
    return _plain_words(number)


def _is_early_year(match: Match, before: str) -> bool:
    """Of 1000 to 1099, where a year is rarer than a count; "1080p" and "1920 by 1080" are said so, too."""
    era = _ERA.match(match.string[match.end() : match.end() + 6]) or match.string[match.end() : match.end() + 1] == "p"
    return bool(era) or before in ("in", "since", "year", "until", "before", "after", "circa", "by", "from")


RANGES = (
    rewrite(
        r"(?<![\w-])(?P<type>[A-Z]?)(?P<first>7\d7|(?<=[A-Z])\d{3})-(?P<second>[1-9]00)(?![\w-])",
        lambda m: f"{m['type']} {code_number(m['first'])} {code_number(m['second'])}".strip(),
        "-",
    ),
    rewrite(r"(?<=GMT|UTC)([+-])(?=\d)", lambda m: " plus " if m[1] == "+" else " minus ", "+-"),
    rewrite(r"(?<=\d)_(?=\d{3})", ","),
    rewrite(r"(?<![\w-])(\d{1,4}(?:st|nd|rd|th))-(?=\d{1,4}(?:st|nd|rd|th)(?![\w-]))", lambda m: f"{m[1]} to ", "-"),
    rewrite(
        r"(?<!\w)([Ff]rom )(\d{1,2}/\d{1,2})( (?:to|through|until|till) )(\d{1,2}/\d{1,2})(?![\w/-]|\.\d)",
        _from_day,
        "/",
    ),
    rewrite(r"(?<![\w/.-])(\d{1,2})/(\d{1,2})-(\d{1,2})/(\d{1,2})(?![\w/]|-\d)", _days, "/"),
    rewrite(r"(?<![\w-])([A-Z]{1,3})(\d{1,4})-(\1\d{1,4})(?![\w-])", lambda m: f"{m[1]}{m[2]} to {m[3]}", "-"),
    rewrite(rf"{_START}(\d{{1,3}}(?: \d{{3}}){{2,6}})(?![\w.]|,\d)", lambda m: m[1].replace(" ", ",")),
    rewrite(rf"{_START}(\d{{1,3}}) 000(?![\d.,])", lambda m: m[1] + ",000"),
    rewrite(
        rf"(?<![\w.,/:$-])(?P<first>{INTEGER}(?:\.\d+)?%?)(?P<sign>\s?-\s?)"
        rf"(?P<second>{INTEGER}(?:\.\d+)?)(?![\d-]|[.,:/]\d)",
        _range,
        "-",
    ),
    rewrite(
        r"(?<![\w.])0[xX]([0-9A-Fa-f]{1,64})(?!\w)",
        lambda m: "zero X " + " ".join(UNITS[int(c)] if c.isdecimal() else c.upper() for c in m[1]),
        "xX",
    ),
    rewrite(r"(?<=\d) ?[x×] ?(?=\.?\d+(?:\.\d+)? ?[x×=]? ?\d*)(?=[^=]{0,40}=|10\^)", " times ", "x×"),
    rewrite(r"(?<=[\d'\"])x(?=\d)|(?<=[\d'\"]) x (?=\d)", " by ", "x"),
    rewrite(r"(?<=\d)[xX](?![\w']| ?[+=^*/]| - \d)", _times, "xX"),
    rewrite(r"(?<=\d) ?\* ?(?=\d)", " times ", "*"),
    rewrite(r"(?<=[\d)])\^[({]?(?P<power>-?\d{1,6}|[A-Za-z](?!\w))[)}]?", _power, "^"),
    rewrite(r"# ?(?=\d)", "number ", "#"),
)

NUMBERS = (
    rewrite(r"(?<=[A-Za-z])\^[({]?(?P<power>-?\d{1,6}|[A-Za-z](?!\w))[)}]?", _power, "^"),
    rewrite(rf"{_START}(?P<number>{INTEGER}(?:\.\d+)?)[eE](?P<power>[+-]?\d{{1,4}})(?!\w)", _scientific, "eE"),
    rewrite(
        r"(?<!\w)(?P<before>[+-]?)(?P<number>\d{1,5})(?=[A-Z]? (?:(?:North|South|East|West) )?"
        rf"(?:(?:[A-Z][\w']{{0,30}}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,3}}(?:{'|'.join(_STREETS)})\b)",
        _code,
    ),
    rewrite(
        r"(?P<before>\b(?:at|to) )(?P<number>\d{3,4})(?= (?:North|South|East|West) [A-Z])",
        _code,
        ("North", "South", "st "),
    ),
    rewrite(
        rf"(?P<before>\b(?:{_SPELLED})(?: is| number|:)? )(?P<number>\d{{2,12}})(?![\w,.-]\d)",
        lambda m: m["before"] + digits(m["number"]),
    ),
    rewrite(
        rf"(?P<before>\b(?:{_DIALLED}) )(?P<number>\d{{3,5}})(?![\w-]|[.,]\d)",
        lambda m: m["before"] + digits(m["number"]),
    ),
    rewrite(r"(?<![\w$.,-])911(?!\w|[,.-]\d)", "nine one one", "9"),
    rewrite(rf"(?P<before>\b(?:{'|'.join(_CODED)}|post office box) )(?P<number>\d{{3,6}})(?!\w|[.,]\d)", _code),
    rewrite(
        rf"{_START}(?:(?P<whole>\d{{1,9}})[ -])?(?P<top>\d{{1,4}})/(?P<bottom>\d{{1,4}})"
        r"(?P<suffix>ths?|rds?|nds?)?(?![\w/])",
        _fraction,
        "/",
    ),
    rewrite(rf"(?<![\w.,])(?P<value>{INTEGER})(?:st|nd|rd|th)(?!\w)", _ordinal, "tdhTDH", re.IGNORECASE),
    rewrite(r"(?<![\w.,])(?P<value>\d{1,12})'?s(?!\w)", _several, "s"),
    rewrite(rf"{_START}(?P<number>{INTEGER}(?:\.\d+)?)(?P<scale>M|bn|mn|mln|tn|(?<=\d\.\d)B)(?!\w)", _scaled),
    rewrite(
        r"(?<!\w)\.(?P<number>\d{2})(?=[- ](?:caliber|calibre|cal\b|Special|Magnum|rifle|pistol|revolver|handgun))",
        lambda m: cardinal(int(m["number"])),
        ".",
    ),
    rewrite(r"(?<=\d):(?=\d)", " to ", ":"),
    rewrite(rf"(?P<minus>{MINUS})(?P<number>{NUMBER})", _plain),
)


def say_ranges(text: str) -> str:
    """Spans and sizes of folded text: "5-10 km" becomes "5 to 10 km", the numbers still in digits."""
    return apply(RANGES, text)


def say_numbers(text: str) -> str:
    """Every number that is left, as words."""
    return apply(NUMBERS, text)
