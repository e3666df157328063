# ruff: noqa: RUF001 - the letters of the phonetic alphabet look like others
"""Written pronunciations, in CMU's phones or in the International Phonetic Alphabet, as a voice's tokens.

Phones come out as CMUdict writes them, a stress digit on every vowel. Where no stress is written, the first full vowel
of a word has it. English sounds only: another language's symbols are refused, with the place.

Source: Handbook of the International Phonetic Association, 1999; the CMU Pronouncing Dictionary.
"""

from __future__ import annotations

from vivavoce.errors import TextError
from vivavoce.text.phonemes import CONSONANTS, VOWELS
from vivavoce.text.voice_tokens import SPACE

IPA = {
    # vowels, long forms with and without their mark
    "iː": "IY", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "e": "EH", "ɛ": "EH", "æ": "AE", "a": "AE", "aː": "AA",
    "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "ɔː": "AO", "ɔ": "AO", "ʊ": "UH", "uː": "UW", "u": "UW", "ʉ": "UW", "ʌ": "AH",
    "ə": "AH", "ɐ": "AH", "ɜː": "ER", "ɜ": "ER", "ɝ": "ER", "ɝː": "ER", "ɚ": "ER", "ɜɹ": "ER", "ɜr": "ER", "ɜːɹ": "ER",
    "ɜːr": "ER", "eɪ": "EY", "aɪ": "AY", "ɔɪ": "OY", "aʊ": "AW", "oʊ": "OW", "əʊ": "OW", "o": "OW", "oː": "OW",
    "ɪə": "IH R", "eə": "EH R", "ɛə": "EH R", "ʊə": "UH R", "n̩": "AH N", "l̩": "AH L", "m̩": "AH M",
    # consonants
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "f": "F", "v": "V", "θ": "TH", "ð": "DH",
    "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "ɦ": "HH", "tʃ": "CH", "t͡ʃ": "CH", "ʧ": "CH", "dʒ": "JH",
    "d͡ʒ": "JH", "ʤ": "JH", "m": "M", "n": "N", "ŋ": "NG", "l": "L", "ɫ": "L", "ɹ": "R", "r": "R", "ɻ": "R", "j": "Y",
    "w": "W", "ʍ": "W", "ɾ": "T", "ʔ": "T", "x": "K",
}  # fmt: skip
"""Symbols of English and the phones for them."""

_LONGEST = max(map(len, IPA))
_STRESS = {"ˈ": "1", "'": "1", "ˌ": "2", ",": "2"}
_SILENT = set(".‿͡ʰʼ˞ː-")  # syllable ends, ties, breath: nothing that CMU's phones tell apart
_SCHWA = {"ə", "ɐ", "ɚ", "n̩", "l̩", "m̩", "i", "ɪ", "ᵻ", "ɨ"}
ALPHABETS = ("ipa", "x-cmu", "cmu-arpabet", "x-arpabet")


def read_phones(text: str, alphabet: str) -> tuple[str, ...]:
    """A written pronunciation as phones, a space token between words.

    Args:
        text: `"həˈloʊ"`, or `"HH AH0 L OW1"`; of CMU's phones, `|` stands between words.
        alphabet: one of `ALPHABETS`.

    Raises:
        TextError: an unknown alphabet, a symbol that it lacks, or nothing to say.
    """
    if alphabet not in ALPHABETS:
        raise TextError(f"{alphabet!r} is no phonetic alphabet here; allowed: {', '.join(ALPHABETS)}.")
    if alphabet == "ipa":
        words = [_ipa_word(word, text) for word in text.strip().strip("/[]").split()]
    else:
        words = [_cmu_word(word) for word in text.replace("|", " | ").split(" | ")]
    words = [word for word in words if word]
    if not words:
        raise TextError(f"{text!r} holds no phones; expected a pronunciation such as HH AH0 L OW1 or həˈloʊ.")
    phones: list[str] = []
    for word in words:
        phones.extend([SPACE, *word] if phones else word)
    return tuple(phones)


def _cmu_word(text: str) -> list[str]:
    phones = []
    for symbol in text.split():
        phone, stress = (symbol[:-1], symbol[-1]) if symbol[-1] in "012" else (symbol, "")
        if phone not in VOWELS + CONSONANTS or (stress and phone not in VOWELS):
            raise TextError(
                f"{symbol!r} is no phone; allowed: the vowels {' '.join(VOWELS)}, with a stress of 0, 1 or 2 or "
                f"without, and {' '.join(CONSONANTS)}."
            )
        phones.append(phone + stress)
    return _with_stress(phones, [phone in ("AH", "ER", "IH", "IY") for phone in phones])


def _ipa_word(word: str, text: str) -> list[str]:
    phones: list[str] = []
    reduced: list[bool] = []
    stress, place = "", 0
    while place < len(word):
        if word[place] in _STRESS:
            stress = _STRESS[word[place]]
            place += 1
            continue
        symbol = _longest(word, place)
        if not symbol:
            if word[place] not in _SILENT:
                raise TextError(f"{word[place]!r} in {text!r} is no symbol of English here; allowed: {_allowed()}.")
            place += 1
            continue
        for phone in IPA.get(symbol, "ER").split():
            if phone in VOWELS:
                phone += stress
                stress = ""
            phones.append(phone)
            reduced.append(symbol in _SCHWA)
        place += len(symbol)
    return _with_stress(phones, reduced)


def _longest(word: str, place: int) -> str:
    """The longest symbol at a place; a schwa and an r are one vowel unless another vowel follows the r."""
    if word[place : place + 1] == "ə" and word[place + 1 : place + 2] in ("ɹ", "r", "ɻ"):
        following = _plain_longest(word, place + 2)
        if not (following and IPA[following].split()[0] in VOWELS):
            return word[place : place + 2]
    return _plain_longest(word, place)


def _plain_longest(word: str, place: int) -> str:
    return next((word[place : place + size] for size in range(_LONGEST, 0, -1) if word[place : place + size] in IPA
                 and place + size <= len(word)), "")  # fmt: skip


def _with_stress(phones: list[str], reduced: list[bool]) -> list[str]:
    """Digits on every vowel: 1 on the first full one if none was written, 0 on the others."""
    vowels = [index for index, phone in enumerate(phones) if phone.rstrip("012") in VOWELS]
    if vowels and not any(phones[index][-1] in "012" for index in vowels):
        main = next((index for index in vowels if not reduced[index]), vowels[0])
        phones[main] += "1"
    return [f"{phone}0" if phone in VOWELS else phone for phone in phones]


def _allowed() -> str:
    return " ".join(sorted({symbol for symbol in IPA if len(symbol) < 3})) + " with ˈ and ˌ before stressed syllables"
