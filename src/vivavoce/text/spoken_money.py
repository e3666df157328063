"""Amounts of money: signs and codes on either side of the number, scales, spans, "per", no plural before a noun."""

from __future__ import annotations

import re

from vivavoce.text.numbers import decimal, has_name, integer, money
from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.spoken_numbers import INTEGER
from vivavoce.text.spoken_units import PER, attributive

Names = tuple[tuple[str, str], tuple[str, str]]
_CENT = ("cent", "cents")
_DOLLAR = ("dollar", "dollars")
SIGNS: dict[str, Names] = {
    "$": (_DOLLAR, _CENT),
    "£": (("pound", "pounds"), ("penny", "pence")),
    "€": (("euro", "euros"), _CENT),
    "Rs.": (("rupee", "rupees"), ("paisa", "paise")),
    "Rs": (("rupee", "rupees"), ("paisa", "paise")),
    "¥": (("yen", "yen"), ("sen", "sen")),
    "₹": (("rupee", "rupees"), ("paisa", "paise")),
    "₽": (("ruble", "rubles"), ("kopek", "kopeks")),
    "₩": (("won", "won"), ("jeon", "jeon")),
    "₪": (("shekel", "shekels"), ("agora", "agorot")),
    "₺": (("lira", "lira"), ("kurus", "kurus")),
    "₦": (("naira", "naira"), ("kobo", "kobo")),
    "₱": (("peso", "pesos"), ("centavo", "centavos")),
    "₫": (("dong", "dong"), ("xu", "xu")),
    "₴": (("hryvnia", "hryvnias"), ("kopiyka", "kopiykas")),
    "₿": (("bitcoin", "bitcoins"), ("cent", "cents")),
    "฿": (("baht", "baht"), ("satang", "satang")),
    "US$": (("U S dollar", "U S dollars"), _CENT),
    "A$": (("Australian dollar", "Australian dollars"), _CENT),
    "AU$": (("Australian dollar", "Australian dollars"), _CENT),
    "C$": (("Canadian dollar", "Canadian dollars"), _CENT),
    "CA$": (("Canadian dollar", "Canadian dollars"), _CENT),
    "NZ$": (("New Zealand dollar", "New Zealand dollars"), _CENT),
    "HK$": (("Hong Kong dollar", "Hong Kong dollars"), _CENT),
    "S$": (("Singapore dollar", "Singapore dollars"), _CENT),
    "CAD$": (("Canadian dollar", "Canadian dollars"), _CENT),
    "AUD$": (("Australian dollar", "Australian dollars"), _CENT),
    "NT$": (("New Taiwan dollar", "New Taiwan dollars"), _CENT),
    "R$": (("real", "reals"), ("centavo", "centavos")),
}
CODES: dict[str, Names] = {
    "USD": SIGNS["US$"], "EUR": SIGNS["€"], "GBP": (("British pound", "British pounds"), ("penny", "pence")),
    "JPY": SIGNS["¥"], "CHF": (("Swiss franc", "Swiss francs"), ("centime", "centimes")), "CAD": SIGNS["C$"],
    "AUD": SIGNS["A$"], "NZD": SIGNS["NZ$"], "CNY": (("yuan", "yuan"), ("fen", "fen")),
    "RMB": (("yuan", "yuan"), ("fen", "fen")), "INR": SIGNS["₹"], "RUB": SIGNS["₽"], "KRW": SIGNS["₩"],
    "SEK": (("Swedish krona", "Swedish kronor"), ("ore", "ore")),
    "NOK": (("Norwegian krone", "Norwegian kroner"), ("ore", "ore")),
    "DKK": (("Danish krone", "Danish kroner"), ("ore", "ore")),
    "PLN": (("zloty", "zlotys"), ("grosz", "groszy")), "BRL": SIGNS["R$"], "BTC": SIGNS["₿"],
    "MXN": (("Mexican peso", "Mexican pesos"), ("centavo", "centavos")),
}  # fmt: skip
SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "mln": "million", "mio": "million", "mm": "million",
    "lakhs": "lakh", "crores": "crore", "lakh crores": "lakh crore",
    "bn": "billion", "b": "billion", "bln": "billion", "t": "trillion", "tn": "trillion", "trn": "trillion",
}  # fmt: skip
_SCALE = r"hundred|thousand|million|billion|trillion|lakh crores?|lakhs?|crores?|mln|mio|bln|trn|mn|mm|bn|tn|[kKmMbBtT]"
_AMOUNT = rf"(?:{INTEGER}(?:\.\d+)?|\.\d+)"
_SIGN = "|".join(sorted(map(re.escape, SIGNS), key=len, reverse=True))
_CODE = "|".join(CODES)


def say_money(number: str, names: Names, scale: str = "", single: bool = False) -> str:
    """`("3.5", SIGNS["$"], "million")` -> "three point five million dollars".

    Args:
        number: digits, with commas and a decimal point or without.
        names: the unit and its part, one and many of each.
        scale: a word or short form behind the number, or nothing.
        single: whether the name stays without a plural: "a five dollar bill".
    """
    unit, part = names
    whole, _, cents = number.replace(",", "").partition(".")
    scale = SCALES.get(scale.lower(), scale.lower())
    if scale or len(cents) not in (0, 2) or not has_name(whole):
        amount = decimal(whole, cents) if cents else integer(whole)
        return " ".join(filter(None, [amount, scale, unit[not single]]))
    if single and not int(cents or 0):
        return f"{integer(whole)} {unit[0]}"
    return money(int(whole or 0), int(cents or 0), unit, part)


def _money(match: Match) -> str:
    names = SIGNS.get(match["sign"]) or CODES[match["sign"]]
    scale, last_scale = match["scale"] or "", match["last_scale"] or ""
    hyphened = match["hyphen"] is not None or bool(re.match(r"-[a-z]", match.string[match.end() : match.end() + 2]))
    single = hyphened or attributive(match)
    minus = "minus " if match["minus"] else ""
    if match["last"] and not (scale or last_scale) and _has_cents(match["first"], match["last"]):
        words = f"{say_money(match['first'], names)} to {say_money(match['last'], names, single=single)}"
    elif match["last"]:
        first = _bare(match["first"], scale if scale.lower() != last_scale.lower() else "")
        words = f"{first} to {say_money(match['last'], names, last_scale or scale, single)}"
    else:
        words = say_money(match["first"], names, scale, single)
    return minus + words + _per(match)


def _has_cents(*numbers: str) -> bool:
    return any(re.search(r"\.\d\d\Z", number) for number in numbers)


def _bare(number: str, scale: str) -> str:
    whole, _, cents = number.replace(",", "").partition(".")
    words = decimal(whole, cents) if cents else integer(whole)
    return f"{words} {SCALES.get(scale.lower(), scale.lower())}" if scale else words


def _behind(match: Match) -> str:
    names = SIGNS.get(match["sign"]) or CODES[match["sign"]]
    minus = "minus " if match["minus"] else ""
    return minus + say_money(match["first"], names, match["scale"] or "", attributive(match)) + _per(match)


def _per(match: Match) -> str:
    return f" per {PER[match['per']]}" if match["per"] else ""


_PER = (
    rf"(?: ?/ ?(?P<per>{'|'.join(sorted(map(re.escape, PER), key=len, reverse=True))})(?!\w)(?:\.(?=[,;:]| [a-z]))?)?"
)
_MINUS = r"(?P<minus>(?<![\w)])-)?"
RULES = (
    rewrite(r"(?<![\w.,])\d{1,2}(?:,\d{2}){1,6},\d{3}(?![\d,])", lambda m: m[0].replace(",", ""), ","),  # lakhs
    rewrite(
        rf"(?<![A-Za-z])[$£€¥]\s?(?P<first>{_AMOUNT}(?:\s?(?:{_SCALE})(?!\w))?)\s?(?P<code>{_CODE})(?!\w)",
        lambda m: f"{m['code']} {m['first']}",
        "$£€¥",
    ),
    rewrite(
        r"€\s?(\d{1,3}(?:\.\d{3}){1,5}|\d{1,9}),(\d{2})(?!\w|[.,]\d)", lambda m: f"€{m[1].replace('.', '')}.{m[2]}", "€"
    ),
    rewrite(r"(?<![\w.,])(\d{1,3}(?:\.\d{3}){0,5}),(\d{2})(?=\s?€)", lambda m: f"{m[1].replace('.', '')}.{m[2]}", "€"),
    rewrite(r"~ ?(?=[$£€]?\.?\d)", "about ", "~"),
    rewrite(
        rf"{_MINUS}(?<![\w.])(?P<sign>{_SIGN}|(?:{_CODE})(?= ?\d))\s?(?P<first>{_AMOUNT})"
        rf"(?:(?P<hyphen>-)?\s?(?P<scale>{_SCALE})(?!\w))?"
        rf"(?:\s?-\s?(?:(?P=sign)\s?)?(?P<last>{_AMOUNT})(?:\s?(?P<last_scale>{_SCALE})(?!\w))?(?![\d-]))?{_PER}",
        _money,
    ),
    rewrite(
        rf"{_MINUS}(?<![\w.,])(?P<first>{_AMOUNT})(?:\s?(?P<scale>{_SCALE}))?\s?(?P<sign>[$£€¥₹₽₩₪₺]|(?:{_CODE})(?!\w))(?![\d]){_PER}",
        _behind,
    ),
)  # fmt: skip


def say_amounts(text: str) -> str:
    """Amounts of money in folded text, as words."""
    return apply(RULES, text)
