# ruff: noqa: RUF001 - characters that are easily taken for others are what this module is about
"""Fold Unicode writing to the plain forms that the rest of the text code reads.

Curly quotes become straight, dashes hyphens, ligatures and full-width forms their letters; accents fall away from Latin
letters, and letters with strokes lose them. Letters of other scripts stay as they are: the caller decides what an
unreadable letter means.
"""

from __future__ import annotations

import re
import unicodedata

_REPLACED = {
    **dict.fromkeys("`‘’‚‛ʼʻʹ′´＇‹›", "'"),
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("‐‑‒–−﹣－⁃", "-"),
    **dict.fromkeys("—―⸺", " - "),
    # soft hyphen, joiners, byte order mark and the marks of trade: written, never spoken
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff™®©", ""),
    "⁄": "/", "…": " ... ", "№": "No. ", "º": "°", "²": " squared ", "³": " cubed ", "×": " by ", "÷": " divided by ",
    "±": " plus or minus ",
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng", "Ŋ": "NG",
}  # fmt: skip
_TABLE = str.maketrans(_REPLACED)
_VULGAR_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")


def fold(text: str) -> str:
    """The same text in plain letters, straight quotes and ASCII digits; upper and lower case stay."""
    if text.isascii():
        return text.replace("`", "'")
    text = _VULGAR_FRACTION.sub(" ", text)  # else the decomposition makes "11/2" of one and a half
    text = unicodedata.normalize("NFKD", text.translate(_TABLE)).translate(_TABLE)
    plain: list[str] = []
    marked = (
        False  # whether a mark here belongs to a letter of another script, and not to a Latin one, a sign or nothing
    )
    for character in text:
        if unicodedata.combining(character):
            if not marked:
                continue
        else:
            if character.isdecimal():
                character = str(unicodedata.decimal(character))
            marked = not character.isascii() and unicodedata.category(character)[0] in "LMN"
        plain.append(character)
    return unicodedata.normalize("NFC", "".join(plain))  # whole syllables again, where a script composes them
