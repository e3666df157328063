"""One normaliser for training, scoring and the product, in two strengths.

Both fold Unicode, write out numbers, abbreviations and symbols, lower the case, keep an apostrophe between letters and
turn every other mark into a space. A transcript in LibriSpeech's form (capitals, apostrophes, spaces) only changes
case, and loses an apostrophe at the edge of a word: "boys'" and "boys" sound the same.

What neither does, on purpose, because it would hide or invent errors: contractions stay ("it's" is not "it is"),
spellings stay ("colour" is not "color"), hesitations stay ("um"), compounds split only where the writer set a hyphen,
capitals without dots stay a word ("USA"), Roman numerals stay letters. How numbers are read is in `written_numbers`.
"""

from __future__ import annotations

import re
import unicodedata

from vivavoce.text.abbreviations import expand_abbreviations, expand_courtesy, expand_symbols, split_dotted_letters
from vivavoce.text.folding import fold
from vivavoce.text.written_numbers import spell_numbers

_PLAIN = re.compile(r"[a-z]+(?:'[a-z]+)*(?: [a-z]+(?:'[a-z]+)*)*")
_TAG = re.compile(r"<[a-z_/-]+>|\[[a-z_-]+(?: [a-z_-]+)?\]", re.IGNORECASE)
_NOT_WORD = re.compile(r"[^a-z0-9' ]")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)'(?=\d)")  # five foot four, as 5'4": no apostrophe of a word
_EDGE_APOSTROPHE = re.compile(r"(?<![^\s'])'+|'+(?![^\s'])|'{2,}")
_ALPHABET = re.compile(r"[a-z' ]*")


def normalize_for_scoring(text: str) -> str:
    """The words of a reference or hypothesis, ready to be compared.

    Tags of one word in angle brackets, or of one or two in square ones (`<unk>`, `[noise]`), are not speech and go.
    Letters of other scripts are kept in lower case. The result is stable: normalising it again changes nothing.
    """
    lowered = text.lower()
    if not _PLAIN.fullmatch(lowered):
        text = _BETWEEN_DIGITS.sub(" ", fold(_TAG.sub(" ", text)).replace("_", " "))
        text = spell_numbers(expand_abbreviations(text))
        text = expand_symbols(split_dotted_letters(text)).lower()
        text = _NOT_WORD.sub(" ", text) if text.isascii() else "".join(map(_word_or_space, text))
        lowered = " ".join(_EDGE_APOSTROPHE.sub(" ", text).split())
    return expand_courtesy(lowered)


def normalize_for_training(text: str) -> str:
    """The same words in the alphabet a-z, apostrophe and space; "" when the text cannot be written in it.

    A text with letters of another script gives "", as an empty one does: dropping those letters would teach the
    recogniser to pass over speech.
    """
    words = normalize_for_scoring(text)
    return words if _ALPHABET.fullmatch(words) else ""


def _word_or_space(character: str) -> str:
    return character if character == "'" or unicodedata.category(character)[0] in "LMN" else " "
