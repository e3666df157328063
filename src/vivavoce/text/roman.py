# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Roman numerals where the words beside them say that they are numbers: kings, wars, chapters, centuries.

"Henry VIII" is "Henry the eighth", "Chapter IV" "Chapter four"; "I am", "Malcolm X" and "CD" stay. Numerals become
words here.
"""

from __future__ import annotations

import re

from vivavoce.text.numbers import cardinal, ordinal
from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.sentence_ends import STARTERS

_NUMERAL = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})", re.IGNORECASE)
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_COUNTED = (
    "Chapter Part Volume Book Act Scene Section Article Appendix Phase Type Class Level Stage Grade Figure Table Title "
    "War Bowl Episode Schedule Division Category Mark Lesson Verse Canto Psalm Sonnet Symphony Number Page Pages Item "
    "Factor Round Annex Plate Amendment Corps Step Tier Vatican Apollo Gemini Saturn Polaris Rocky Fantasy Division"
).split()
"""Before a numeral of any length, I, V and X included."""
_CROWNED = (
    "Henry Louis Elizabeth George Charles Edward Richard William James Mary John Paul Pius Benedict Gregory Leo "
    "Alexander Nicholas Catherine Peter Frederick Philip Napoleon Ferdinand Francis Joseph Otto Innocent Clement "
    "Urban Boniface Julius Sixtus Ramses Rameses Thutmose Ptolemy Darius Xerxes Antiochus Cleopatra Albert Leopold "
    "Baudouin Harald Haakon Christian Gustav Carl Karl Ivan Malcolm Robert David Alfonso Juan Carlos Umberto Victor "
    "Emmanuel Wilhelm Maximilian Rudolf Ludwig Stephen Constantine Theodosius Justinian Mehmed Suleiman Selim Murad "
    "Pedro Manuel Afonso Sigismund Casimir Sancho Isabella Margaret Anne Victoria Matilda Eric Magnus Olaf Basil "
    "Michael Romanus Leon Hadrian Honorius Celestine Martin Eugene Callixtus Adrian Amenhotep Seti Artaxerxes Cyrus "
    "Mithridates Philippe Edmund Harold Abdullah Hussein Mohammed Rama Akbar Menelik Faisal Farouk Hassan"
).split()
"""Rulers and popes: the numeral is an ordinal, even "I" where the sentence shows it."""
_GIVEN = frozenset(
    "Adam Allen Andrew Anthony Arthur Benjamin Brian Bruce Carl Charles Christopher Daniel David Davis Donald Douglas "
    "Edward Eric Ernest Eugene Frank Franklin Fred Frederick Gary George Gerald Gordon Gregory Harold Harry Henry "
    "Herbert Howard Jack James Jason Jeffrey Jerry Jesse Jim Joe John Jonathan Joseph Joshua Keith Kenneth Kevin "
    "Larry Lawrence Louis Mark Martin Matthew Michael Nicholas Oscar Patrick Paul Peter Philip Ralph Randall Raymond "
    "Richard Robert Robin Roger Ronald Roy Russell Samuel Scott Sean Stanley Stephen Steven Theodore Thomas Thurston "
    "Timothy Victor Walter Wayne William Ken Ted Tom Bob Bill Sam Ben Griffin Trey Loudon Horace".split()
)
_MISTAKEN = frozenset("CD DC MD MC CV CC DI MM DM LC ML MI CI DL MIX LI DIV CIV MV DV XL XX XXX XXL CIC VI".split())
"""Numerals by their letters, but other things to a reader, unless the word before leaves no doubt."""
_AFTER_FIRST = "was|is|had|has|became|died|reigned|ruled|of|and|who|in|to|with|as|by|came|took|succeeded|married"

_ROMAN = "[IVXLCDM]{1,15}"


def value(numeral: str) -> int | None:
    """`XIV` -> 14; None for letters that are no numeral as they are written today."""
    if not numeral or not _NUMERAL.fullmatch(numeral):
        return None
    values = [_VALUES[letter] for letter in numeral.upper()]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _counted(match: Match) -> str | None:
    number = value(match["roman"])
    if number is None or (len(match["roman"]) == 1 and match["roman"] not in "IVXivx"):
        return None
    return f"{match['before']} {cardinal(number)}"


def _range(match: Match) -> str | None:
    first, second = value(match["first"]), value(match["second"])
    return None if first is None or second is None else f"{cardinal(first)} to {cardinal(second)}"


def _crowned(match: Match) -> str | None:
    number, numeral = value(match["roman"]), match["roman"]
    if number is None or number > 40 or numeral in ("C", "D", "L", "M") or match["name"] + numeral == "MalcolmX":
        return None
    return f"{match['name']} the {ordinal(number)}"


def _named(match: Match) -> str | None:
    """Behind any other capital word: a person's third of the name, or a sequel."""
    number, numeral = value(match["roman"]), match["roman"]
    if number is None or numeral in _MISTAKEN or number > 99 or match["name"].lower() in STARTERS:
        return None
    person = (match["first"] or "").strip() in _GIVEN and number < 7
    return f"{match['first'] or ''}{match['name']} " + (f"the {ordinal(number)}" if person else cardinal(number))


def _century(match: Match) -> str | None:
    number = value(match["roman"])
    return None if number is None or number > 40 else f"{ordinal(number)} {match['century']}"


def _listed(match: Match) -> str | None:
    number = value(match[1])
    return None if number is None or number > 30 else f"{cardinal(number)})"


_NAMES = "|".join(_CROWNED)
_NOUNS = "|".join([*_COUNTED, *map(str.upper, _COUNTED)])
_PAIRS = tuple(f" {first}{second}" for first in "IVXLCDM" for second in "IVXLCDM")
RULES = (
    rewrite(
        rf"(?<!\w)(?P<roman>{_ROMAN})(?:th)? "
        r"(?P<century>(?:and [IVX]+ )?[Cc]entur(?:y|ies)|[Dd]ynasty|[Oo]lympi(?:c|ad))",
        _century,
        ("entur", "ynasty", "lympi"),
    ),
    rewrite(
        r"(?<=\b[Pp]ages )(?P<first>[ivxlcIVXLC]{1,9})\s?-\s?(?P<second>[ivxlcIVXLC]{1,9})(?!\w)", _range, ("ages ",)
    ),
    rewrite(
        rf"(?<!\w)(?P<before>{_NOUNS}) (?P<roman>{_ROMAN}|[ivx]{{2,9}})(?![\w&]|-[A-Z]{{2}})",
        _counted,
        (*_COUNTED, *map(str.upper, _COUNTED)),
    ),
    rewrite(
        r"(?<!\w)(?P<before>chapter|part|volume|book|act|scene|section|article|appendix|phase|type|page|number) "
        r"(?P<roman>[IVX]{2,9}|[ivx]{2,9}|[VXvx])(?!\w)",
        _counted,
        "ivxIVX",
    ),
    rewrite(rf"(?<!\w)(?P<name>{_NAMES}) (?P<roman>I)(?=[,.;:?!)]|'s|\Z| (?:{_AFTER_FIRST})\b)", _crowned, "I"),
    rewrite(rf"(?<!\w)(?P<name>{_NAMES}) (?P<roman>[IVXL]{{2,9}}|[VX])(?![\w&-])", _crowned, ("II", *"VXL")),
    rewrite(
        r"(?<!\w)(?P<first>[A-Z][a-z]{1,20} )?(?P<name>[A-Z][a-z]{1,30}),? (?P<roman>[IVXLCDM]{2,9})(?![\w&-])",
        _named,
        _PAIRS,
    ),
    rewrite(r"(?<![A-Za-z]\()(?<=\()([ivx]{1,6})\)", _listed, "("),  # not "f(x)"
)


def say_roman_numerals(text: str) -> str:
    """Roman numerals of folded text, as words, where their neighbours say what they are."""
    return apply(RULES, text)
