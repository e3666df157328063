"""Numbers that are no quantities: telephones, cards, network addresses, versions; pauses set off their groups."""

from __future__ import annotations

import re

from vivavoce.text.numbers import digits, integer
from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.spoken_numbers import code_number

_HUNDREDS = {"800": "eight hundred", "900": "nine hundred"}


def say_telephone(text: str) -> str:
    """`"(212) 555-0123"` -> "two one two, five five five, zero one two three"; "+" is "plus", 800 "eight hundred"."""
    groups = re.findall(r"\d+|[A-Za-z]+", text)
    said = [_HUNDREDS.get(group) or (digits(group) if group.isdecimal() else group) for group in groups]
    return ("plus " if text.lstrip().startswith("+") else "") + ", ".join(said)


def _telephone(match: Match) -> str:
    return say_telephone(match[0])


def _international(match: Match) -> str | None:
    count = len(re.sub(r"\D", "", match[0]))
    return say_telephone(match[0]) if 7 <= count <= 15 else None


def _national(match: Match) -> str | None:
    """Outside of North America: a zero before the code of the place, nine digits or more."""
    return say_telephone(match[0]) if 9 <= len(re.sub(r"\D", "", match[0])) <= 12 else None


def _groups(match: Match) -> str:
    return ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


def _isbn(match: Match) -> str:
    groups = re.findall(r"\d+|X", match["number"])
    return "I S B N " + ", ".join(digits(group) if group != "X" else group for group in groups)


def _network(match: Match) -> str | None:
    parts = match[0].split(".")
    return (
        " dot ".join(code_number(part) if part != "0" else "zero" for part in parts)
        if max(map(int, parts)) < 256
        else None
    )


def _version(match: Match) -> str:
    said = " point ".join(integer(part) for part in match["number"].split("."))
    return f"version {said}" if match["v"] else said


RULES = (
    rewrite(r"(?P<isbn>\bISBN(?:-1[03])?:? )(?P<number>\d[\d -]{8,15}[\dX])(?!\w)", _isbn, "I"),
    rewrite(r"(?<![\w*])\*(?=\d{2,4}(?!\w))", "star ", "*"),
    rewrite(r"(?<![\w.+-])(?:\+?1[-. ])?(?:\(\d{3}\)\s?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-]|[.,]\d)", _telephone),
    rewrite(r"(?<![\w.+-])(?:1-)?(?:8\d\d|900)-(?:[A-Z]{7}|\d{3}-[A-Z]{4}|[A-Z]{3}-[A-Z]{4})(?![\w-])", _telephone),
    rewrite(r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){1,6}(?!\w)", _international, "+"),
    rewrite(
        r"(?<![\w.,:/$£€+-])(?:\(0\d{1,4}\) ?|0\d{1,4}(?P<sign>[ -]))\d{2,8}(?:(?(sign)(?P=sign)|[ -])\d{2,8}){0,4}"
        r"(?![\w-]|[.,:/]\d)",
        _national,
        "0",
    ),
    rewrite(r"(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])", _groups, "-"),
    rewrite(r"(?<![\w.-])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])", _groups),
    rewrite(r"(?<![\w./-])\d{3}-\d{4}(?![\w-]|[.,]\d)", _groups, "-"),
    rewrite(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)", _network, "."),
    rewrite(r"(?<![\w.])(?P<v>v\.? ?)?(?P<number>\d{1,9}(?:\.\d{1,9}){2,8})(?!\w)", _version, "."),
    rewrite(r"(?<![\w.])(?P<v>v)(?P<number>\d{1,4}(?:\.\d{1,4})?)(?![\w.]\w|\w)", _version, "v"),
)  # fmt: skip


def say_codes(text: str) -> str:
    """Telephones, cards, network addresses and versions of folded text, as words."""
    return apply(RULES, text)
