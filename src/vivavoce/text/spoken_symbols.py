# ruff: noqa: RUF001, SIM905 - characters that are easily taken for others are what this module is about
"""Signs that are read aloud, before and after the numbers: folding that keeps them, and their words.

`fold_for_reading` goes further than `folding.fold`, which serves scoring: powers, arrows, comparisons and the marks of
other scripts get plain forms first. `say_symbols` comes last, when numbers and units have taken what is theirs. Emoji
and ornaments have no words here and fall silent; `unreadable` in `spoken` tells the caller of them.
"""

from __future__ import annotations

import re

from vivavoce.text.folding import fold
from vivavoce.text.rewriting import Match, apply, rewrite

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"
_FROM_SUPERSCRIPT = str.maketrans(SUPERSCRIPTS, "0123456789+-n")
_SAID = {
    "©": " copyright ", "±": " plus or minus ", "∓": " minus or plus ", "≈": " approximately ", "≅": " approximately ",
    "≠": " is not equal to ", "≤": " less than or equal to ", "≥": " greater than or equal to ",
    "≡": " is equivalent to ", "→": " to ", "➔": " to ", "➜": " to ", "⇒": " implies ", "↔": " to and from ",
    "∞": " infinity ", "√": " the square root of ", "∑": " the sum of ", "∆": " delta ", "∂": " partial ",
    "∫": " the integral of ", "∈": " in ", "÷": " divided by ", "·": " ", "∙": " ", "⋅": " times ", "‰": " per mille ",
    "§": " section ", "¶": " paragraph ", "†": " ", "‡": " ", "¿": " ", "¡": " ", "ª": " ",
    # marks of other scripts, as pauses or ends
    "。": ". ", "｡": ". ", "।": ". ", "۔": ". ", "։": ". ", "、": ", ", "，": ", ", "،": ", ", "؛": ", ",
    "：": ": ", "；": ", ", "？": "? ", "؟": "? ", "！": "! ", "「": '"', "」": '"', "『": '"', "』": '"',
    "•": " , ", "‣": " , ", "◦": " , ", "∣": " , ",
}  # fmt: skip
_TABLE = str.maketrans(_SAID)
_POWER = re.compile(f"([{SUPERSCRIPTS}]+)")
_HELD = "\x01"  # stands for the multiplication sign while the text is folded, which would say "by"
_DIGIT_SPACE = re.compile("(?<=[0-9])[\u00a0\u2009\u202f\u2007'](?=[0-9]{3}(?![0-9]))")
_PARAGRAPH = re.compile(r"[^\S\n]*\n(?:[^\S\n]*\n)+[^\S\n]*")
_BREAKS = re.compile("\r\n?|[\u2028\x0b\x0c\x85]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_EMOTICON = re.compile(r"(?<!\S)(?:(?<=[Ii] )<3+|<3+(?!,| [a-z\d(])|[:;]-?[()DPp])(?![^\s.,!?])")
_COMPARED = re.compile(r"(?:(?<![A-Za-z'])[A-HJ-Zb-hj-z]|\b(?:aged?|ages|is|are|was|were|be|score|scores|pH)) \Z")
_ADDRESS_IN_BRACKETS = re.compile(r"<((?:(?:https?|ftp)://|www\.)[^\s<>]{1,400}|[^\s<>@\"]{1,64}@[^\s<>\"]{1,200})>")
_ATTRIBUTE = r"""\s+[A-Za-z_][\w:.-]{0,40}\s?=\s?(?:"[^"]{0,200}"|'[^']{0,200}'|[^\s"'<>=]{1,200})"""
_TAG = re.compile(
    rf"<(?P<close>/)?(?P<name>[A-Za-z][A-Za-z0-9:_-]{{0,30}})(?P<more>(?:{_ATTRIBUTE}){{0,12}})\s?(?P<empty>/)?>"
)
_HTML = frozenset(
    "a abbr address article aside audio b big blockquote body br button canvas caption center cite code col dd del dfn "
    "div dl dt em figure figcaption font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd "
    "label legend li link main mark meta nav ol option p pre q s samp script section select small span strike strong "
    "style sub summary sup svg table tbody td textarea tfoot th thead title tr tt u ul video".split()
)
_SPACES = re.compile(r"\s+")
_UNIT_BEFORE_POWER = re.compile(r"(?:[0-9)]|(?<![A-Za-z])(?:[A-Za-z]|[kcdmnuμ]m|ft|in|mi|yd|sec))\Z")

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
        "chi psi omega".split(),
        strict=True,
    )
)
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"


def fold_for_reading(text: str) -> str:
    """Plain letters, straight quotes, ASCII digits, single spaces; an empty line becomes the end of a sentence.

    Powers are written with a caret ("m²" as "m^2"); a raised number behind a word is a footnote's, and goes.
    """
    if not text.isascii():
        text = _DIGIT_SPACE.sub(",", text)
        text = _POWER.sub(_power, text)
        text = fold(text.replace(_HELD, " ").replace("×", _HELD).translate(_TABLE)).replace(_HELD, " × ")
    elif "`" in text:
        text = text.replace("`", "'")
    text = _CONTROL.sub(" ", text)
    if "\n" in text or "\r" in text or "\u2029" in text:
        text = _BREAKS.sub("\n", text).replace("\u2029", "\n\n")
        text = _PARAGRAPH.sub(_end_of_paragraph, text)
    if "<3" in text or ":" in text or ";" in text:
        text = _EMOTICON.sub(_emoticon, text)
    return _SPACES.sub(" ", text).strip()


def drop_tags(text: str) -> str:
    """Text without the tags of its markup; call before anything is put into words.

    A tag is known by its shape (`</b>`, `<br/>`, attributes with their values), by a name of HTML or by its partner.
    A word in brackets that is none ("press <Enter>"), and an address there, are read; comparisons stay.
    """
    if "<" not in text or ">" not in text:
        return text
    text = _ADDRESS_IN_BRACKETS.sub(r" \1 ", text)
    return " ".join(_TAG.sub(_tag, text).split())


def _tag(match: Match) -> str:
    name, text = match["name"], match.string
    if match["close"] or match["empty"] or match["more"] or f"</{name}>" in text:
        return " "
    inside = text[match.start() - 1 : match.start()].isalnum()
    if name.lower() in _HTML and not (inside and len(name) == 1):
        return " "
    return match[0] if inside else f" {name} "


def _emoticon(match: Match) -> str:
    compared = match[0][0] == "<" and _COMPARED.search(match.string, max(0, match.start() - 8), match.start())
    return match[0] if compared else " "


def _power(match: Match) -> str:
    before = match.string[max(0, match.start() - 5) : match.start()]
    return "^" + match[1].translate(_FROM_SUPERSCRIPT) if _UNIT_BEFORE_POWER.search(before) else ""


def _end_of_paragraph(match: Match) -> str:
    before = match.string[max(0, match.start() - 3) : match.start()].rstrip("\"')]* ")[-1:]
    return " " if not before or before in ".?!,;:-" else ". "


NAMED = {
    "&": " and ", "+": " plus ", "@": " at ", "=": " equals ", "%": " percent ", "°": " degrees ", "$": " dollars ",
    "£": " pounds ", "€": " euros ", "¥": " yen ", "¢": " cents ", "₹": " rupees ", "₽": " rubles ", "₩": " won ",
    "₿": " bitcoin ", "×": " times ", "<": " less than ", ">": " greater than ", "#": " hash ",
}  # fmt: skip
_PER_WORD = {"w": "with", "w/o": "without", "c/o": "care of", "b/c": "because", "n/a": "not applicable"}
RULES = (
    rewrite(r"(?<![A-Za-z])([A-Za-z]{2,30})\((s|es)\)", lambda m: m[1] + m[2], "("),
    rewrite(
        r"(?<![A-Za-z])([A-Z]{1,3})&([A-Z]{1,3})(s?)(?![A-Za-z])",
        lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}" + ("'s" if m[3] else ""),
        "&",
    ),
    rewrite(r"(?<![\w/])(w/o|c/o|b/c|n/a)(?![\w/])", lambda m: _PER_WORD[m[1].lower()], "/", re.IGNORECASE),
    rewrite(r"(?<![\w/])w/\s?(?=[A-Za-z]{2})", "with ", "/"),
    rewrite(r"(?<![\w-])A-([D-Z])(?![\w'-])", lambda m: f"A to {m[1]}", "-"),
    rewrite(r"(?<!\w)C\+\+(?!\w)", "C plus plus", "+"),
    rewrite(r"(?<!\w)([CFAGDE])#(?!\w)", lambda m: f"{m[1]} sharp", "#"),
    rewrite(r"<=(?!=)", " less than or equal to ", "<"),
    rewrite(r">=(?!=)", " greater than or equal to ", ">"),
    rewrite(r"!=", " is not equal to ", "!"),
    rewrite(r"<?-{1,2}>|=>", " to ", ">"),
    rewrite(r"={2,}", lambda m: " equals " if len(m[0]) < 4 else " , ", "="),
    rewrite(r"[<>]{2,}|#{2,}|\+{3,}|&{2,}", " ", "<>#+&"),
    rewrite(r"(?<=\w)-?'n'-?(?=\w)|(?<=[a-z] )'n'?(?= [a-z])", " and ", "'"),
    rewrite(
        rf"(?<![{_GREEK}])[α-ωΑ-Ω](?![{_GREEK}])",
        lambda m: GREEK.get(m[0].lower()),
        tuple(GREEK) + tuple(map(str.upper, GREEK)),
    ),
    rewrite("|".join(map(re.escape, NAMED)), lambda m: NAMED[m[0]], "".join(NAMED)),
)


def say_symbols(text: str) -> str:
    """The signs that are left when numbers have been spelled, as words."""
    return apply(RULES, text)
