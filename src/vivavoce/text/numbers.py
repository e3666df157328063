"""Numbers as English words: cardinals, ordinals, years, decimals, money, clock times, fractions.

American usage without "and" between hundreds and the rest ("one hundred five"), no hyphens ("twenty one"), lower case.
Every function takes a value and returns words; finding numbers in running text is `written_numbers`.
"""

from __future__ import annotations

from vivavoce.errors import TextError

UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = [
    "", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion",
    "octillion", "nonillion",
]  # fmt: skip
LARGEST = 1000 ** len(SCALES) - 1

_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(value: int) -> str:
    """`1234` -> "one thousand two hundred thirty four"; below zero "minus" goes before.

    Raises:
        TextError: beyond the nonillions, the largest scale with a name here.
    """
    if abs(value) > LARGEST:
        raise TextError(f"a number of {len(str(abs(value)))} digits has no name here; use `digits` to read it out.")
    if value < 0:
        return "minus " + cardinal(-value)
    if value < 1000:
        return _below_thousand(value)
    words: list[str] = []
    scale = 0
    while value:
        value, group = divmod(value, 1000)
        if group:
            words.insert(0, f"{_below_thousand(group)} {SCALES[scale]}".strip())
        scale += 1
    return " ".join(words)


def ordinal(value: int) -> str:
    """`21` -> "twenty first"."""
    head, _, last = cardinal(value).rpartition(" ")
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return f"{head} {last}".strip()


def year(value: int) -> str:
    """`1999` -> "nineteen ninety nine", `1905` -> "nineteen oh five", `1900` -> "nineteen hundred".

    2000 to 2009 are read "two thousand (five)", later ones in pairs again; below 1000 or above 9999, as cardinals.
    """
    century, rest = divmod(value, 100)
    if not 1000 <= value <= 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(value)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decade(value: int) -> str:
    """`1990` -> "nineteen nineties", `90` -> "nineties", `1900` -> "nineteen hundreds"."""
    words = year(value)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def digits(text: str) -> str:
    """`"007"` -> "zero zero seven": each digit by its name."""
    return " ".join(UNITS[int(digit)] for digit in text)


def decimal(whole: str, fraction: str) -> str:
    """`("3", "14")` -> "three point one four"; an empty whole part is not read: `("", "5")` -> "point five"."""
    words = f"point {digits(fraction)}"
    return f"{integer(whole)} {words}" if whole else words


def integer(text: str) -> str:
    """Digits as a cardinal; read one by one when they begin with a zero or are too many to have a name."""
    if (len(text) > 1 and text.startswith("0")) or not has_name(text):
        return digits(text)
    return cardinal(int(text))


def has_name(text: str) -> bool:
    """Whether digits are few enough for a cardinal; asked of the text, as Python makes no number of 4,301 of them."""
    return len(text) <= 3 * len(SCALES)


def fraction(numerator: int, denominator: int) -> str:
    """`(1, 2)` -> "one half", `(3, 4)` -> "three quarters", `(2, 3)` -> "two thirds"."""
    name = {2: "half", 4: "quarter"}.get(denominator) or ordinal(denominator)
    if numerator != 1:
        name = "halves" if denominator == 2 else name + "s"
    return f"{cardinal(numerator)} {name}"


def money(whole: int, hundredths: int, unit: tuple[str, str], part: tuple[str, str]) -> str:
    """`(5, 50, ("dollar", "dollars"), ("cent", "cents"))` -> "five dollars and fifty cents"; a zero is silent."""
    amounts = [(whole, unit)] if whole or not hundredths else []
    if hundredths:
        amounts.append((hundredths, part))
    return " and ".join(f"{cardinal(amount)} {names[amount != 1]}" for amount, names in amounts)


def clock_time(hour: int, minute: int, half: str = "") -> str:
    """A time of day.

    `(5, 5)` -> "five oh five", `(5, 0)` -> "five o'clock", `(5, 0, "pm")` -> "five p m", `(17, 0)` -> "seventeen
    hundred". `half` is "am", "pm" or nothing.
    """
    spoken_half = " ".join(half)
    if minute:
        words = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif half:
        words = cardinal(hour)
    else:
        words = f"{cardinal(hour)} o'clock" if 1 <= hour <= 12 else f"{cardinal(hour)} hundred"
    return f"{words} {spoken_half}".strip()


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [UNITS[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        words.append(TENS[rest // 10])
        rest %= 10
        if rest:
            words.append(UNITS[rest])
    elif rest or not hundreds:
        words.append(UNITS[rest])
    return " ".join(words)
