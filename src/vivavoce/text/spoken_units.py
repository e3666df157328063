# ruff: noqa: SIM905 - micro and ohm are Greek letters here
"""Measures: a number and its unit, with powers and "per", feet and inches, degrees of temperature and place."""

from __future__ import annotations

import re

from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.sentence_ends import stop
from vivavoce.text.spoken_numbers import FRACTION, INTEGER, MINUS, NUMBER, say_fraction, say_number

_NAMES = {
    "kilometer": "km", "meter": "m", "centimeter": "cm", "millimeter": "mm", "micrometer": "μm um", "nanometer": "nm",
    "mile": "mi", "yard": "yd yds", "kilogram": "kg kgs", "gram": "g gr", "milligram": "mg",
    "microgram": "μg mcg ug", "pound": "lb lbs", "ounce": "oz", "ton": "tn", "liter": "l L ltr", "milliliter": "ml mL",
    "deciliter": "dl dL", "centiliter": "cl cL", "microliter": "μl μL", "gallon": "gal gals", "quart": "qt qts",
    "point": "pts", "tablespoon": "tbsp tbs", "teaspoon": "tsp", "fluid ounce": "fl.oz floz",
    "cubic centimeter": "cc",
    "hour": "h hr hrs", "minute": "min mins", "second": "s sec secs", "millisecond": "ms msec", "microsecond": "μs us",
    "nanosecond": "ns", "day": "d", "week": "wk wks", "month": "mo mos", "year": "yr yrs",
    "watt": "W", "kilowatt": "kW", "megawatt": "MW", "gigawatt": "GW", "milliwatt": "mW", "kilowatt hour": "kWh",
    "megawatt hour": "MWh", "gigawatt hour": "GWh", "terawatt hour": "TWh", "watt hour": "Wh", "volt": "V",
    "millivolt": "mV", "kilovolt": "kV", "milliamp": "mA", "milliamp hour": "mAh", "amp hour": "Ah", "ohm": "Ω",
    "kilo ohm": "kΩ", "mega ohm": "MΩ", "microfarad": "μF", "kilojoule": "kJ",
    "megajoule": "MJ", "calorie": "cal", "kilocalorie": "kcal", "electron volt": "eV", "mega electron volt": "MeV",
    "pascal": "Pa", "kilopascal": "kPa", "hectopascal": "hPa", "megapascal": "MPa", "millibar": "mbar mb",
    "decibel": "dB dBA", "kilobyte": "kB KB", "megabyte": "MB", "gigabyte": "GB", "terabyte": "TB",
    "petabyte": "PB", "kilobit": "kb kbit", "megabit": "Mb Mbit", "gigabit": "Gb Gbit", "kibibyte": "KiB",
    "mebibyte": "MiB", "gibibyte": "GiB", "pixel": "px", "megapixel": "MP", "hectare": "ha", "mole": "mol",
    "carat": "ct", "knot": "kt kts kn", "light year": "ly", "astronomical unit": "AU", "degree": "° deg",
    "degree Celsius": "°C ℃", "degree Fahrenheit": "°F ℉", "newton meter": "Nm", "kilonewton": "kN", "acre": "ac",
}  # fmt: skip
UNITS = {short: (name, f"{name}s") for name, shorts in _NAMES.items() for short in shorts.split()}
UNITS |= {
    "ft": ("foot", "feet"), "in": ("inch", "inches"), "Hz": ("hertz",) * 2, "kHz": ("kilohertz",) * 2,
    "MHz": ("megahertz",) * 2, "GHz": ("gigahertz",) * 2, "THz": ("terahertz",) * 2, "psi": ("P S I",) * 2,
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° C": ("degree Celsius", "degrees Celsius"), "° F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°K": ("kelvin", "kelvin"), "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"), "fps": ("frame per second", "frames per second"),
    "rpm": ("revolution per minute", "revolutions per minute"), "bpm": ("beat per minute", "beats per minute"),
    "wpm": ("word per minute", "words per minute"), "dpi": ("dot per inch", "dots per inch"),
    "ppi": ("pixel per inch", "pixels per inch"), "ppm": ("part per million", "parts per million"),
    "ppb": ("part per billion", "parts per billion"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "lux": ("lux", "lux"), "bar": ("bar", "bar"), "ly": ("light year", "light years"),
    "°N": ("degree north", "degrees north"), "°S": ("degree south", "degrees south"),
    "°E": ("degree east", "degrees east"), "°W": ("degree west", "degrees west"), "¢": ("cent", "cents"),
    "° N": ("degree north", "degrees north"), "° S": ("degree south", "degrees south"),
    "° E": ("degree east", "degrees east"), "° W": ("degree west", "degrees west"),
    "bps": ("bit per second", "bits per second"), "hp": ("horsepower", "horsepower"),
    "basis point": ("basis point", "basis points"),
}  # fmt: skip
_SMALL = {short.lower(): words for short, words in UNITS.items() if len(short) > 1 and short not in ("MP", "us")}
_SMALL |= {short: words for short, words in UNITS.items() if short.islower()}
_SMALL["mb"] = _SMALL["mbs"] = UNITS["MB"]
_PER_WORDS = (
    "day week month year hour minute second person capita serving night unit gallon liter word page head cell dose "
    "user seat mile kilometer meter pound kilogram bottle box piece share acre ton week room item ounce cup visit "
    "call".split()
)
PER = {**{word: word for word in _PER_WORDS}, **{short: one for short, (one, _) in UNITS.items() if " " not in one},
       "gal": "gallon", "kWh": "kilowatt hour", "in": "inch"}  # fmt: skip
_DOTTED = {"ft", "in", "lb", "lbs", "oz", "yd", "yds", "mi", "hr", "hrs", "min", "mins", "sec", "secs", "qt", "qts",
           "gal", "tbsp", "tsp", "cu", "yr", "yrs", "wk", "wks", "mo", "mos", "km", "kg", "cm", "mm", "ml"}  # fmt: skip
_NEED_SPACE = {"s", "h", "d", "us", "ac", "gr", "bar", "tn", "ct", "mos", "mo"}
_NEED_MARK = {"in", "d", "us", "ac", "ct"}  # other words as well: a dot, a power, "sq" or "per" must tell
_POWERS = {"2": "square", "3": "cubic"}
_NOT_NOUNS = frozenset(
    "in on for to of and or is was are were at a the by from with per each than more less as if so but when while "
    "that this which who will would can may has had have away long wide tall high deep thick apart above below until "
    "before after into onto over under down up off out through around between within during not only just about he "
    "she it they we you i raised spent paid given went goes came comes needed owed made lost earned won left cost "
    "costs should must did does do saved made available".split()
)


def attributive(match: Match) -> bool:
    """Whether a measure stands between an article and a noun, where English has no plural: "a 5 km run"."""
    before = re.search(
        r"(?<!\w)(?:an?|another|every|each|the|this|that|his|her|its|their|our|my) \Z",
        match.string[max(0, match.start() - 10) : match.start()].lower(),
    )
    following = re.match(r" ([a-z]+|[A-Z]{2,}s?(?![A-Za-z]))", match.string[match.end() : match.end() + 20])
    return bool(before and following and following[1] not in _NOT_NOUNS)


def say_unit(short: str, many: bool, power: str = "", per: str = "", per_power: str = "") -> str | None:
    """`("m", True, "", "s", "2")` -> "meters per second squared"; None for what is no unit."""
    names = UNITS.get(short) or (_SMALL.get(short.lower()) if len(short) > 1 else None)
    if names is None:
        return None
    said = f"{_POWERS[power]} " if power else ""
    said += names[many]
    if per:
        below = PER.get(per) or PER.get(per.lower())
        if below is None:
            return None
        if per_power and below == "second":
            below += " squared" if per_power == "2" else " cubed"
        elif per_power:
            below = f"{_POWERS[per_power]} {below}"
        said += f" per {below}"
    return said


def _measure(match: Match) -> str | None:
    short, number = match["unit"], match["number"]
    power = (match["power"] or "").lstrip("^")
    if match["kind"]:
        power = "2" if match["kind"][0] in "sS" else "3"
    dot = match["dot"] or ""
    if dot and short.lower() not in _DOTTED and match.string[match.end() : match.end() + 1] not in ",;:":
        dot = ""
    marked = bool(dot or power or match["per"] or match["gap"] == "-")
    if short in _NEED_SPACE and not match["gap"] and "." not in number and not match["per"]:
        return None
    if short in _NEED_MARK and not marked:
        return None
    said = say_fraction(number) if "/" in number else say_number(number)
    if said is None:
        return None
    one = number == "1" or ("/" in number and " " not in number and "-" not in number)
    many = not (one or match["gap"] == "-" or attributive(match))
    if short == "bps" and re.fullmatch(r"[12]?\d?\d(?:\.\d+)?", number):  # no modem is as slow
        short = "basis point"
    unit = say_unit(short, many, power, match["per"] or "", (match["per_power"] or "").lstrip("^"))
    if unit is None:
        return None
    end = stop(match.string, match.end()) if dot else match["dot"] or ""
    return f"{'minus ' if match['minus'] else ''}{said} {unit}{end}{' to ' if match['to'] else ''}"


def _feet(match: Match) -> str:
    feet, inches = match["feet"], match["inches"]
    if inches:
        return f"{say_number(feet)} foot {say_number(inches)}"
    return f"{say_number(feet)} {'foot' if feet == '1' else 'feet'}"


def _mark_inches(text: str) -> str:
    """`2"` -> "2''": a mark right behind a digit, while no quotation is open; every other one opens or closes one."""
    if '"' not in text:
        return text
    parts: list[str] = []
    quoted, before = False, ""
    for part in text.split('"'):
        if parts:
            inches = not quoted and before[-1:].isdecimal() and not part[:1].isalnum()
            quoted ^= not inches
            parts.append("''" if inches else '"')
        parts.append(part)
        before = part
    return "".join(parts)


def _inches(match: Match) -> str | None:
    number = match["number"]
    said = say_fraction(number) if "/" in number else say_number(number)
    if said is None:
        return None
    one = number == "1" or ("/" in number and " " not in number and "-" not in number)
    return f"{said} {'inch' if one or attributive(match) else 'inches'}{' to' if match['to'] else ''}"


def _place(match: Match) -> str:
    parts = [f"{say_number(match['degrees'])} degrees"]
    if match["minutes"]:
        parts.append(f"{say_number(match['minutes'])} minutes")
    if match["seconds"]:
        parts.append(f"{say_number(match['seconds'])} seconds")
    wind = {"N": " north", "S": " south", "E": " east", "W": " west", None: ""}[match["wind"]]
    return " ".join(parts) + wind


def _alternatives(names: object) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))  # type: ignore[call-overload]


_AMOUNT = rf"(?P<number>{FRACTION}(?![\d/])|{NUMBER})"
_FEET_AND_PLACES = (
    rewrite(
        r"(?<![\w.,])(?P<degrees>\d{1,3}(?:\.\d{1,9})?)° ?(?P<minutes>\d{1,2}(?:\.\d{1,6})?)' ?"
        r"(?:(?P<seconds>\d{1,2}(?:\.\d{1,6})?)(?:\"|''))? ?(?P<wind>[NSEW])?(?!\w)",
        _place,
        "°",
    ),
    rewrite(
        r"(?<![\w.,])(?P<feet>\d{1,3})(?:'| ft\.? )[ -]?(?P<inches>\d{1,2}(?:\.\d{1,2})?)(?:\"|''| in\b\.?)(?!\w)",
        _feet,
    ),
    rewrite(r"(?<![\w.,])(?P<feet>[3-8])'(?P<inches>\d|1[01])(?!\w)", _feet, "'"),
    rewrite(rf"(?<![\w.,/'])(?P<feet>{INTEGER})'(?P<inches>)(?=[ ,.;:?!)]|\Z)(?<!\d\d\d\d')", _feet, "'"),
)
_MEASURES = (
    rewrite(rf"(?<![\w.,/])(?P<number>{FRACTION}|{INTEGER}(?:\.\d+)?)''(?!\w)(?P<to>\s?-\s?(?=\d))?", _inches, ("''",)),
    rewrite(
        rf"(?<![\w.,/])(?P<minus>{MINUS}){_AMOUNT}(?P<gap>[ -]?)(?P<kind>(?:sq|cu)\b\.? ?)?"
        rf"(?P<unit>{_alternatives(UNITS)})(?P<power>\^?[23])?"
        rf"(?:/(?P<per>{_alternatives(PER)})(?P<per_power>\^?[23])?)?"
        r"(?P<dot>\.(?!\w))?(?![\w^/'])(?P<to>\s?-\s?(?=\d))?",
        _measure,
        flags=re.IGNORECASE,
    ),
)


_BARE = (
    rewrite(
        r"(?<![\w/])(?P<unit>km|m|mi)/(?P<per>h|s)(?![\w/])", lambda m: say_unit(m["unit"], True, "", m["per"]), "/"
    ),
    rewrite(
        r"(?<![\w/])(mph|kph|kHz|MHz|GHz|kWh|mAh|°C|°F|km|kg|μm|dB)(?![\w/])",
        lambda m: say_unit(m[1], True),
        ("ph", "Hz", "Wh", "Ah", "°", "km", "kg", "μm", "dB"),
    ),
)


def say_bare_units(text: str) -> str:
    """Units without a number ("in km/h"), as words; call when the measures have been said."""
    return apply(_BARE, text)


def say_measures(text: str) -> str:
    """Numbers with units of folded text, as words."""
    return apply(_MEASURES, _mark_inches(apply(_FEET_AND_PLACES, text)))
