"""ARPAbet phones and the pronouncing dictionary in CMU's format.

39 phones; the stress digits of the dictionary are removed unless they are asked for, because the recogniser is not
asked for stress. Words that the dictionary lacks have no pronunciation here: guessing one is `decoding.g2p`'s work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vivavoce.errors import DataError

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
PHONES = tuple(sorted(VOWELS + CONSONANTS))

_VARIANT = re.compile(r"\(\d+\)$")
_KNOWN = {**{phone: phone for phone in PHONES}, **{f"{vowel}{stress}": vowel for vowel in VOWELS for stress in "012"}}


class PronouncingDictionary:
    """Words and their pronunciations, the usual one first."""

    def __init__(self, entries: Mapping[str, list[list[str]]]) -> None:
        self._entries = dict(entries)

    @classmethod
    def load(cls, path: str | Path, stress: bool = False) -> PronouncingDictionary:
        """Read a dictionary file: a word and its phones a line, `word(2)` for a variant, `#` before a comment.

        Args:
            stress: whether vowels keep their digits: 1 and 2 for the main and other stresses, 0 for none.

        Raises:
            DataError: the file is missing, not text, holds no word, or a line has no phones or an unknown one.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path} is not a file; expected a pronouncing dictionary such as cmudict.dict.")
        entries: dict[str, list[list[str]]] = {}
        try:
            with path.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if line.startswith(";;;"):  # comments of the dictionary's older releases
                        continue
                    word, *symbols = line.partition("#")[0].split() or [""]
                    if word:
                        phones = _phones(symbols, path, number)
                        pronunciation = symbols if stress else phones
                        variants = entries.setdefault(without_variant(word), [])
                        if pronunciation not in variants:  # variants may differ in stress alone
                            variants.append(pronunciation)
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text ({error.reason}); expected a pronouncing dictionary.") from None
        if not entries:
            raise DataError(f"{path} holds no word; expected lines such as `hello HH AH0 L OW1`.")
        return cls(entries)

    def pronounce(self, word: str) -> list[list[str]]:
        """Every pronunciation of a word as phones, without stress unless it was loaded with it; an empty list when the
        word is unknown."""
        return [list(variant) for variant in self._entries.get(word.lower(), ())]

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)


def without_variant(word: str) -> str:
    """A word as it is spelled, in small letters: `Read(2)` -> `read`."""
    return _VARIANT.sub("", word).lower()


def without_stress(phones: Iterable[str]) -> tuple[str, ...]:
    """The phones without their stress digits."""
    return tuple(phone.rstrip("012") for phone in phones)


def _phones(symbols: list[str], path: Path, number: int) -> list[str]:
    unknown = [symbol for symbol in symbols if symbol not in _KNOWN]
    if unknown or not symbols:
        found = f"holds {unknown}" if unknown else "has no phones"
        raise DataError(f"{path}, line {number} {found}; expected a word and ARPAbet phones such as HH AH0 L OW1.")
    return [_KNOWN[symbol] for symbol in symbols]
