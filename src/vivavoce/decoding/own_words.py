"""Words that a user adds to a lexicon: names, terms and brands, each with how it sounds, where that is known.

A file has one word a line, as CMU's dictionary has: its phones may follow, and several lines give several
pronunciations. Between the two may stand how likely the word is.

    # what we talk about
    kubernetes
    nginx       EH1 N JH IH0 N EH1 K S
    zyzzyva     0.001  Z IH Z IH V AH

A language model does not know such words, and has one probability for all unknown ones together. In its place each gets
one of its own (`LexiconScorer`). What sounds the words without phones have is found by others, who have a lexicon and
a guesser.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivavoce.decoding.g2p import LONGEST_WORD, is_spelled
from vivavoce.decoding.lexicon_tree import Pronunciation
from vivavoce.errors import TextError
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.normalize import normalize_for_training
from vivavoce.text.phonemes import without_stress, without_variant

LIKELIHOOD = 1e-4
"""One word in ten thousand. Of 1e-5 to 3e-3 it gave the fewest word errors on utterances that were held out, for lists
of 60 and of 1,060 words (bench/own_words.py)."""


@dataclass(frozen=True)
class OwnWord:
    """A line of a list.

    Attributes:
        word: of a-z and apostrophes.
        phones: of one pronunciation, with or without stress digits; none for a word that is to be guessed.
        likelihood: how often it is expected among all words; None leaves that to the word's other lines, or else it is
            `LIKELIHOOD`.
        place: where it was written, for messages.
    """

    word: str
    phones: tuple[str, ...] = ()
    likelihood: float | None = None
    place: str = ""

    def __post_init__(self) -> None:
        """Refuse what no recogniser could use.

        Raises:
            TextError: a word with other letters or none, or with too many, or of too many phones; or a likelihood that
                is not between 0 and 1.
        """
        if not is_spelled(self.word):
            spelled = normalize_for_training(self.word)
            remedy = f"write {spelled!r}" if spelled else "spell it as it sounds"
            raise TextError(f"{self.where}{self.word!r} is no word of a-z and apostrophes; {remedy}.")
        if max(len(self.word), len(self.phones)) > LONGEST_WORD:
            raise TextError(
                f"{self.where}{self.word[:20]!r}... has {len(self.word)} letters and {len(self.phones)} phones; a word "
                f"has up to {LONGEST_WORD} of both. Write it as several words."
            )
        if self.likelihood is not None and not 0.0 < self.likelihood < 1.0:
            raise TextError(
                f"{self.where}{self.word} has the likelihood {self.likelihood:g}; expected a number between 0 and 1, "
                "such as 0.001 for one word in a thousand."
            )

    @property
    def where(self) -> str:
        """The place as the beginning of a message."""
        return f"{self.place}: " if self.place else ""


class OwnWords:
    """A user's words.

    Attributes:
        lines: as they were given.
        log_probs: the natural logarithm of each word's likelihood, the greatest where several are given.
    """

    def __init__(self, lines: Iterable[OwnWord] | Mapping[str, Sequence[str]]) -> None:
        """Take words as the lines of a list, or each with its pronunciations, such as {"nginx": ["EH N JH IH N EH K
        S"], "kubernetes": []}.

        Raises:
            TextError: there is no word, one cannot be used, or one's pronunciation is empty.
        """
        if isinstance(lines, Mapping):
            lines = [line for word, said in lines.items() for line in _lines(word.lower(), said)]
        self.lines = tuple(lines)
        if not self.lines:
            raise TextError("a list of words holds none; expected one at least.")
        self.log_probs: dict[str, float] = {}
        for line in self.lines:
            if line.likelihood is not None:
                self.log_probs[line.word] = max(math.log(line.likelihood), self.log_probs.get(line.word, -math.inf))
        self.log_probs = {line.word: math.log(LIKELIHOOD) for line in self.lines} | self.log_probs

    @classmethod
    def load(cls, path: str | Path) -> OwnWords:
        """Read a UTF-8 file: a word a line, behind it, if wished, its likelihood and its phones; what follows a # is
        left out. Capitals count as small letters, and `word(2)` as the word.

        Raises:
            TextError: the file cannot be read, holds no word, or a line of it, named by its number, cannot be used.
        """
        try:
            rows = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(f"{path} cannot be read as a list of words: {error}.") from None
        lines = [line for number, row in enumerate(rows, 1) if (line := _parse(row, f"{path}, line {number}"))]
        if not lines:
            raise TextError(f"{path} holds no word; expected lines such as `nginx` or `nginx EH N JH IH N EH K S`.")
        return cls(lines)

    def pronunciations(self, phones: Alphabet) -> list[Pronunciation]:
        """Those that were given, each as good as the others.

        Args:
            phones: of the recogniser; stress digits are left out where it has none, and capitals do not matter.

        Raises:
            TextError: a phone that is none of these.
        """
        numbers = {phone: number for number, phone in enumerate(phones.tokens) if number != phones.blank_id}
        said = []
        for line in self.lines:
            symbols = [symbol if symbol in numbers else without_stress([symbol.upper()])[0] for symbol in line.phones]
            if unknown := sorted({line.phones[n] for n, symbol in enumerate(symbols) if symbol not in numbers}):
                raise TextError(
                    f"{line.where}{line.word} is written with {', '.join(map(repr, unknown))}; the recogniser's phones "
                    f"are {' '.join(numbers)}."
                )
            if symbols:
                said.append(Pronunciation(line.word, tuple([numbers[symbol] for symbol in symbols])))
        return said

    def where(self, word: str) -> str:
        """The place of a word's first line, as the beginning of a message; "" of a word that is none of these."""
        return next((line.where for line in self.lines if line.word == word), "")


def _lines(word: str, said: Sequence[str]) -> list[OwnWord]:
    """A word, once with each pronunciation."""
    if any(not one.split() for one in said):
        raise TextError(f"{word!r} has an empty pronunciation; give its phones, or none at all to have it guessed.")
    return [OwnWord(word, tuple(one.split())) for one in said] or [OwnWord(word)]


def _parse(row: str, place: str) -> OwnWord | None:
    """A line of a file; None for one without a word."""
    written, *symbols = row.partition("#")[0].split() or [""]
    if not written:
        return None
    word = without_variant(written)
    likelihood = _number(symbols[0]) if symbols else None
    if likelihood is not None:
        symbols = symbols[1:]
    if not symbols and word != written.lower():
        raise TextError(f"{place}: {written} has no phones; expected those of one more pronunciation of {word}.")
    return OwnWord(word, tuple(symbols), likelihood, place)


def _number(symbol: str) -> float | None:
    try:
        return float(symbol)
    except ValueError:
        return None
