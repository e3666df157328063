"""Written abbreviations and symbols as the words a reader says.

Only what is plain without grammar: courtesy titles with or without their dot, other titles when a name follows, saint
and street by their neighbours, letters with dots. Capitals without dots ("USA") stay a word, because a transcript in
capitals throughout cannot be told from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

COURTESY = {"mr": "mister", "mrs": "missus", "dr": "doctor", "jr": "junior"}
TITLES = {
    "prof": "professor", "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant",
    "maj": "major", "cmdr": "commander", "rev": "reverend", "hon": "honorable", "gov": "governor", "sen": "senator",
    "rep": "representative", "pres": "president", "supt": "superintendent", "mt": "mount", "ft": "fort", "st": "saint",
    "mme": "madame", "mlle": "mademoiselle",
}  # fmt: skip
AFTER_NAMES = {
    "jr": "junior", "sr": "senior", "esq": "esquire", "co": "company", "inc": "incorporated", "corp": "corporation",
    "ltd": "limited", "ave": "avenue", "blvd": "boulevard", "rd": "road",
}  # fmt: skip
STREETS = {"st": "street", "dr": "drive"}
ANYWHERE = {"etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department"}
BEFORE_NUMBERS = {
    "no": "number",
    "nos": "numbers",
    "vol": "volume",
    "ch": "chapter",
    "fig": "figure",
    "p": "page",
    "pp": "pages",
}
MONTHS = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august",
    "sep": "september", "sept": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip
SYMBOLS = {
    "&": " and ", "+": " plus ", "@": " at ", "=": " equals ", "%": " percent ", "°": " degrees ", "$": " dollars ",
    "£": " pounds ", "€": " euros ", "¥": " yen ", "¢": " cents ",
}  # fmt: skip


def _one_of(names: Mapping[str, str], capital: bool = False) -> str:
    ordered = sorted(names, key=len, reverse=True)
    return "|".join(name.capitalize() for name in ordered) if capital else "|".join(ordered)


_NAME_FOLLOWS = r"(?=\s+[A-Z])"
_AFTER_NAME = r"(?:(?<=[a-z] )|(?<=[a-z], ))"
_RULES: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (
    (re.compile(rf"\b({_one_of(MONTHS, True)})\.(?=\s?\d)"), {k: v.capitalize() for k, v in MONTHS.items()}),
    (re.compile(rf"\b({_one_of(BEFORE_NUMBERS)})\.(?=\s?\d)", re.IGNORECASE), BEFORE_NUMBERS),
    (re.compile(rf"\b({_one_of(TITLES, True)})\.{_NAME_FOLLOWS}"), TITLES),
    (re.compile(rf"{_AFTER_NAME}({_one_of(AFTER_NAMES, True)})\."), AFTER_NAMES),
    (re.compile(rf"{_AFTER_NAME}({_one_of(STREETS, True)})\.(?!\s+[A-Z][a-z])"), STREETS),
    (re.compile(rf"\b({_one_of(ANYWHERE)})\.", re.IGNORECASE), ANYWHERE),
)
_COURTESY = re.compile(rf"\b({_one_of(COURTESY)})\b")
_NUMBER_SIGN = re.compile(r"#\s?(?=\d)")
_DOCTORATE = re.compile(r"\bPh\.\s?D\b\.?")
_DOTTED_LETTERS = re.compile(r"\b(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?")
_SYMBOL = re.compile("|".join(map(re.escape, SYMBOLS)))


def expand_abbreviations(text: str) -> str:
    """Abbreviations with their dots still on, in folded text, become words; call before numbers are spelled."""
    if "." in text:
        for pattern, words in _RULES:
            text = pattern.sub(lambda match, words=words: words[match[1].lower()] + " ", text)  # type: ignore[misc]
        text = _DOCTORATE.sub("p h d ", text)
    return _NUMBER_SIGN.sub("number ", text)


def split_dotted_letters(text: str) -> str:
    """`U.S.A.` -> "U S A", `U.K.'s` -> "U K's"; call after numbers are spelled, which read `p.m.` themselves."""
    return _DOTTED_LETTERS.sub(_letters_apart, text)


def _letters_apart(match: re.Match[str]) -> str:
    owner = re.match(r"'s\b", match.string[match.end() : match.end() + 3], re.IGNORECASE)
    return f" {' '.join(match[0].replace('.', ''))}{'' if owner else ' '}"


def expand_symbols(text: str) -> str:
    """The symbols that are read aloud, as words; call after numbers are spelled, which take `$5` and `5%` whole."""
    return _SYMBOL.sub(lambda match: SYMBOLS[match[0]], text)


def expand_courtesy(words: str) -> str:
    """`mr smith` -> "mister smith"; call last, on lower-case words without marks."""
    return _COURTESY.sub(lambda match: COURTESY[match[1]], words)
