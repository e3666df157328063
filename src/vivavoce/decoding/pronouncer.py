"""Sentences become the tokens of a voice: every word said as a reader says it there.

A word is said as the first of these that knows it says: phones given with it, the user's own words, its neighbours (for
words that are spelled alike, and for the small words), the lexicon, the rules by which words are made of others, the
names of its letters (for initialisms), and a guess. What a voice is trained on and what it is given when it speaks come
from this one place.

A sentence is in spoken form: words of letters and apostrophes, and the marks , . ? ! (numbers and signs are words
already). What it means is looked at no further than `homographs` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vivavoce.decoding.g2p import LETTERS, LONGEST_WORD
from vivavoce.decoding.homographs import HOMOGRAPHS, reading_of
from vivavoce.decoding.own_words import OwnWords
from vivavoce.decoding.voice_lexicon import VoiceLexicon, read_voice_lexicon
from vivavoce.decoding.weak_forms import WEAK_WORDS, weak_form
from vivavoce.decoding.word_context import Neighbours
from vivavoce.decoding.word_forms import perhaps_built, spelled, surely_built, with_contraction, with_s
from vivavoce.errors import TextError
from vivavoce.text.folding import fold
from vivavoce.text.phonemes import VOWELS, without_stress
from vivavoce.text.voice_tokens import BREAK, MARKS, SPACE, TOKENS

Phones = tuple[str, ...]

GUESSES = 12  # how many a built word's pronunciation is looked for among
TRUSTED = 0.1  # a built word is taken when it is so likely, beside the best guess: see docs/pronunciation.md

_CACHE_SIZE = 1 << 14
_PIECE = re.compile(r"[,.?!]|[^\s,.?!]+")
_VOWEL_LETTERS = frozenset("aeiouy")
_SOUNDS = {
    "hm": "HH AH1 M", "hmm": "HH AH1 M", "mm": "AH1 M", "mmm": "AH1 M", "mhm": "AH0 M HH AH1 M", "sh": "SH",
    "shh": "SH", "psst": "P S T", "pst": "P S T", "brr": "B ER1", "brrr": "B ER1", "grr": "G ER1", "grrr": "G ER1",
    "tsk": "T IH1 S K", "pfft": "F T", "zzz": "Z", "nth": "EH1 N TH",
}  # fmt: skip
_LETTER = re.compile(r"[A-Z](?:'s)?")
_CAPITALS = re.compile(r"[A-Z]{2,5}")
_BEHIND_LETTER = frozenset({"is", "was", "and", "or", "to"})
_PHONES = frozenset(TOKENS)


@dataclass(frozen=True)
class GivenWord:
    """A word whose phones the text says itself.

    Attributes:
        word: as it is written.
        phones: as CMUdict writes them; vowels without a digit have no stress, unless none has one.
    """

    word: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class SaidWord:
    """A word, how it is said, and why.

    Attributes:
        word: as it was written.
        phones: with stress.
        source: "given", "own", "context", "lexicon", "rule", "letters" or "guess".
        mark: what stands behind it, or "".
        piece: the number of the text, or the given word, that it came with.
    """

    word: str
    phones: Phones
    source: str
    mark: str = ""
    piece: int = 0


@dataclass(frozen=True)
class _Word:
    """A word of a sentence before it is said: `kind` is "word", "letters" or "given"."""

    text: str
    kind: str = "word"
    phones: Phones = ()
    mark: str = field(default="", compare=False)
    piece: int = field(default=0, compare=False)


class Pronouncer:
    """Reading is safe from several threads."""

    def __init__(self, lexicon: VoiceLexicon, own: OwnWords | None = None) -> None:
        """Take a lexicon, and the words that a user says in his own way.

        Raises:
            TextError: one of the user's pronunciations has a symbol that is no phone.
        """
        self.lexicon = lexicon
        self._own: dict[str, list[Phones]] = {}
        self._cache: dict[str, tuple[Phones, str]] = {}
        for line in own.lines if own else ():
            if line.phones:
                symbols = tuple(symbol.upper() for symbol in line.phones)
                phones = self._stressed(line.word, symbols, f"{line.where}{line.word}")
                self._own.setdefault(line.word, []).append(phones)

    @classmethod
    def open(cls, lexicon: str | Path, own: str | Path | None = None) -> Pronouncer:
        """Open a voice's lexicon, and a file of the user's own words (`OwnWords.load`).

        Raises:
            DataError, ModelError: the lexicon is missing, or cannot be read.
            TextError: the user's file cannot be read, or a line of it, named by its number, cannot be used.
        """
        return cls(read_voice_lexicon(lexicon), None if own is None else OwnWords.load(own))

    def tokens(self, sentence: str | Iterable[str | GivenWord]) -> list[str]:
        """The tokens of one sentence (`text.voice_tokens`), with a break at both ends; none of one without words.

        Args:
            sentence: a text, or texts and words with phones of their own in turn.

        Raises:
            TextError: a word has other characters than letters and apostrophes, or more than `LONGEST_WORD`, or phones
                that are none; it is named.
        """
        said = self.say(sentence)
        if not said:
            return []
        tokens = [BREAK]
        for place, word in enumerate(said):
            if place:
                tokens.append(SPACE)
            tokens += word.phones
            if word.mark:
                tokens.append(word.mark)
        return [*tokens, BREAK]

    def say(self, sentence: str | Iterable[str | GivenWord]) -> list[SaidWord]:
        """The words of one sentence, how each is said there, and why.

        Arguments and errors as for `tokens`.
        """
        words, mixed_case = self._words([sentence] if isinstance(sentence, str) else list(sentence))
        context: list[str] = []
        places: list[int] = []
        for word in words:
            places.append(len(context))
            context += [word.text.lower(), *word.mark]
        said: list[SaidWord] = []
        next_phones: Phones = ()
        for word, index in zip(reversed(words), reversed(places), strict=True):
            place = Neighbours(context, index, word.text, mixed_case)
            phones, source = self._in_place(word, place, () if word.mark else next_phones)
            said.append(SaidWord(word.text, phones, source, word.mark, word.piece))
            next_phones = phones
        return said[::-1]

    def phones_of_word(self, word: str) -> Phones:
        """How a word is said by itself, with stress.

        Raises:
            TextError: as for `tokens`, or there is no word.
        """
        said = self.say(word)
        if len(said) != 1:
            raise TextError(f"{word!r} holds {len(said)} words; expected one.")
        return said[0].phones

    def _words(self, pieces: Sequence[str | GivenWord]) -> tuple[list[_Word], bool]:
        """The words of a sentence with the marks behind them, and whether capitals mean something."""
        words: list[_Word] = []
        for number, piece in enumerate(pieces):
            if isinstance(piece, GivenWord):
                phones = self._stressed(piece.word, tuple(symbol.upper() for symbol in piece.phones), piece.word)
                words.append(_Word(piece.word, "given", phones, piece=number))
                continue
            for part in _PIECE.findall(fold(piece)):
                if part not in MARKS:
                    words += [_Word(spelt, piece=number) for spelt in _spelt(part)]
                elif words:
                    stronger = max(words[-1].mark, part, key=(("", *MARKS)).index)
                    words[-1] = replace(words[-1], mark=stronger)
        plain = [word.text for word in words if word.kind == "word"]
        mixed_case = any(character.islower() for text in plain for character in text) or len(plain) == 1
        return _letters_joined(words), mixed_case

    def _in_place(self, word: _Word, place: Neighbours, next_phones: Phones) -> tuple[Phones, str]:
        """How a word is said at its place, and why."""
        spelt = word.text.lower()
        if word.kind == "given":
            return word.phones, "given"
        if word.kind == "letters" or self._is_initialism(word.text):
            letters = spelled(spelt.removesuffix("'s"))
            return with_s(letters) if spelt.endswith("'s") else letters, "letters"
        if spelt not in self._own:
            if spelt in WEAK_WORDS and (phones := weak_form(place, next_phones)):
                return phones, "context"
            if reading := reading_of(place):
                return reading[1], "context"
        found = self._cache.get(spelt)
        if found is None:
            found = self._alone(spelt)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[spelt] = found
        return found

    def _is_initialism(self, text: str) -> bool:
        """Whether a word in capitals is spelled: nobody knows it, and it is short, or has no vowel."""
        spelt = text.lower()
        if not _CAPITALS.fullmatch(text) or spelt in self._own or spelt in self.lexicon:
            return False
        return len(text) < 5 or not _VOWEL_LETTERS & set(spelt)

    def _alone(self, word: str) -> tuple[Phones, str]:
        """How a word is said, whatever stands beside it, and who says so."""
        for source, found in (("own", self._own.get(word)), ("lexicon", self.lexicon.pronounce(word))):
            if found:
                return found[0], source
        bare = word.strip("'")
        if bare != word and (bare in self._own or bare in self.lexicon):
            return self._alone(bare)
        if bare in _SOUNDS:
            return tuple(_SOUNDS[bare].split()), "rule"
        if phones := surely_built(word, self._known) or self._with_ending(bare):
            return phones, "rule"
        if len(bare) <= 5 and not _VOWEL_LETTERS & set(bare) and "'" not in bare:
            return spelled(bare), "letters"
        return self._guess(bare)

    def _known(self, word: str) -> list[Phones]:
        """The pronunciations of a word that own words, homographs or the lexicon have."""
        if word in self._own:
            return self._own[word]
        if word in HOMOGRAPHS:
            usual = HOMOGRAPHS[word].rule(Neighbours([word], 0, word))
            readings = HOMOGRAPHS[word].readings
            return [readings[usual], *(said for name, said in readings.items() if name != usual)]
        return self.lexicon.pronounce(word)

    def _with_ending(self, word: str) -> Phones | None:
        """A guessed word with an ending behind an apostrophe: said as without it, and the ending."""
        left, apostrophe, right = word.rpartition("'")
        if not apostrophe or not left:
            return None
        if right == "s":
            return with_s(self._alone(left)[0])
        ending = "n't" if word.endswith("n't") and len(word) > 3 else apostrophe + right
        if ending in ("n't", "'ll", "'ve", "'re", "'d", "'m"):
            return with_contraction(self._alone(word.removesuffix(ending))[0], ending)
        return self._alone(left)[0] + self._alone(right)[0] if right else self._alone(left)[0]

    def _guess(self, word: str) -> tuple[Phones, str]:
        """What the guesser says, or a rule that it agrees with."""
        built = perhaps_built(word, self._known)
        try:
            guesses = self.lexicon.guesser().pronounce(word, GUESSES if built else 1, stress=True)
        except TextError:  # letters that nothing spells together
            return (built[0], "rule") if built else (spelled(word.replace("'", "")), "letters")
        if built:
            likely: dict[Phones, float] = {}
            for guess, prob in guesses:
                alike = _alike(tuple(guess))
                likely[alike] = likely.get(alike, 0.0) + prob
            best = max(built, key=lambda phones: likely.get(_alike(phones), 0.0))
            if likely.get(_alike(best), 0.0) >= TRUSTED * max(likely.values()):
                return best, "rule"
        return tuple(guesses[0][0]), "guess"

    def _stressed(self, word: str, symbols: Phones, named: str) -> Phones:
        """Phones as they were given, with a stress digit on every vowel.

        Raises:
            TextError: a symbol that is no phone, or none at all.
        """
        unknown = sorted({symbol for symbol in symbols if symbol not in _PHONES and symbol not in VOWELS})
        unknown += sorted({symbol for symbol in symbols if symbol in (BREAK, SPACE, *MARKS)})
        if unknown or not symbols:
            fault = f"is said with {', '.join(map(repr, unknown))}" if unknown else "has no phones"
            raise TextError(f"{named} {fault}; expected phones as CMUdict writes them, such as HH AH0 L OW1.")
        if without_stress(symbols) != symbols:
            return tuple([symbol + "0" if symbol in VOWELS else symbol for symbol in symbols])
        for known in self.lexicon.pronounce(word.lower()):
            if without_stress(known) == symbols:
                return known
        first = next((place for place, symbol in enumerate(symbols) if symbol in VOWELS), -1)
        digits = ["1" if place == first else "0" if symbol in VOWELS else "" for place, symbol in enumerate(symbols)]
        return tuple([symbol + digit for symbol, digit in zip(symbols, digits, strict=True)])


def _spelt(piece: str) -> list[str]:
    """The words of a piece of text between spaces and marks.

    Raises:
        TextError: it has characters that no word has, or too many.
    """
    parts = [part for part in piece.split("-") if part.strip("'")]
    for part in parts:
        if strange := sorted(set(part.lower()) - LETTERS):
            raise TextError(
                f"{_short(part)!r} has {', '.join(map(repr, strange[:5]))}; a voice says words of the letters a to z "
                "and apostrophes. Write it in these, or give its phones."
            )
        if len(part) > LONGEST_WORD:
            raise TextError(
                f"{_short(part)!r} has {len(part):,} letters; a voice says words of up to {LONGEST_WORD}. Write it as "
                "several words, or give its phones."
            )
    return parts


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:40] + "..."


def _letters_joined(words: list[_Word]) -> list[_Word]:
    """Single capitals are the names of letters; those in a row are one word: F B I's."""
    found: list[_Word] = []
    place = 0
    while place < len(words):
        end = place
        while end < len(words) and _LETTER.fullmatch(words[end].text) and words[end].kind == "word":
            end += 1
            if words[end - 1].mark or words[end - 1].text.endswith("s"):
                break
        row = words[place:end]
        if len(row) > 1 or (row and _is_name_of_letter(words, place)):
            found.append(_Word("".join(word.text for word in row), "letters", (), row[-1].mark, row[0].piece))
        else:
            found += words[place : max(end, place + 1)]
        place = max(end, place + 1)
    return found


def _is_name_of_letter(words: list[_Word], place: int) -> bool:
    """Whether a capital by itself is a letter and not "I", nor the article at the beginning of a sentence."""
    word = words[place]
    if word.text != "A" or place or word.mark or len(words) == 1:
        return word.text[0] != "I"
    return words[1].text in _BEHIND_LETTER


def _alike(phones: Phones) -> Phones:
    """Phones without the difference between two weak vowels, which the dictionary itself does not keep apart."""
    return tuple(["AH0" if phone == "IH0" else phone for phone in phones])
