"""How a bundle takes words to sound: what its lexicon says of them, or guesses, best first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.lexicon_file import read_lexicon
from vivavoce.decoding.own_words import OwnWord
from vivavoce.errors import ConfigError
from vivavoce.runtime.bundle import PHONES, Bundle
from vivavoce.runtime.recognizer import GUESSES


@dataclass(frozen=True)
class Sound:
    """A pronunciation: its word, its phones, and how sure the guess is, from 0 to 1; None for one of the lexicon."""

    word: str
    phones: tuple[str, ...]
    guessed: float | None = None


def sounds_of(bundle: Bundle, words: Iterable[str], guesses: int = GUESSES) -> list[Sound]:
    """The pronunciations of words; those of the lexicon where it has the word, else `guesses` at most.

    Raises:
        ConfigError: the bundle has no lexicon, or it lacks a word and the bundle has no model that guesses.
        TextError: not a word of a-z and apostrophes, or no guess was found.
    """
    if bundle.lexicon is None:
        raise ConfigError(f"{bundle.folder} has no lexicon; attach one (`viva lexicon attach`).")
    wanted = list(dict.fromkeys(OwnWord(word.lower()).word for word in words))
    phones = bundle.alphabet(PHONES)
    known: dict[str, list[Sound]] = {word: [] for word in wanted}
    lexicon = read_lexicon(bundle.folder / bundle.lexicon.file, phones)
    for number, word in enumerate(lexicon.words):
        if word in known:
            known[word].append(Sound(word, tuple([phones.tokens[token] for token in lexicon[number].token_ids])))
    lacking = [word for word, found in known.items() if not found]
    if lacking and not bundle.lexicon.guesser:
        raise ConfigError(f"the lexicon of {bundle.folder} lacks {lacking}, and the bundle has no model that guesses.")
    if lacking:
        guesser = G2p.load(bundle.folder / bundle.lexicon.guesser)
        for word in lacking:
            known[word] = [Sound(word, tuple(guess), prob) for guess, prob in guesser.pronounce(word, guesses)]
    return [sound for found in known.values() for sound in found]
