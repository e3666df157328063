"""Grapheme to phoneme: a pronouncing dictionary -> a model that guesses what it lacks, measured on words held out.

    viva train g2p --set dictionary=../shared/data/cmudict/cmudict.dict

Beside the model stands the lexicon of voices, which is the same dictionary in a form that says words and guesses them
(`decoding.voice_lexicon`); for one to ship, hold nothing out: `--set parts=0`.

Made for one CPU core: half a minute to train, two to measure. Which words are held out depends on their letters alone,
so the errors of different settings, orders and machines are of the same words; all variants of a word are held out
together.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vivavoce.decoding.g2p import G2p, is_spelled
from vivavoce.decoding.pronouncer import Pronouncer
from vivavoce.decoding.voice_lexicon import usual_entries, write_voice_lexicon
from vivavoce.errors import ConfigError, TextError
from vivavoce.metrics.edits import count_edits
from vivavoce.text.phonemes import PronouncingDictionary, without_stress


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    One of `parts` parts of the words is held out and measured, the `part`th; with `parts=0` all words are trained on
    and nothing is measured. What is not explained here is in `G2p.train`.
    """

    dictionary: str = "../shared/data/cmudict/cmudict.dict"
    run: str = "runs/g2p"
    order: int = 8
    letters: int = 1
    backwards: bool = True
    iterations: int = 8
    min_count: int = 3
    parts: int = 20
    part: int = 0


@dataclass(frozen=True)
class GuessErrors:
    """Best guesses against the nearest variant of each word.

    Attributes:
        words, wrong_words: all, and those whose guess is none of the variants.
        phones, wrong_phones: of the nearest variants, and the edits to them.
        seconds: of guessing, by the wall clock.
    """

    words: int
    wrong_words: int
    phones: int
    wrong_phones: int
    seconds: float

    @property
    def word_error(self) -> float:
        return self.wrong_words / max(1, self.words)

    @property
    def phone_error(self) -> float:
        return self.wrong_phones / max(1, self.phones)

    def __str__(self) -> str:
        return (
            f"word error {100 * self.word_error:.2f}% ({self.wrong_words:,} of {self.words:,}), phone error "
            f"{100 * self.phone_error:.2f}% ({self.wrong_phones:,} of {self.phones:,}), "
            f"{1000 * self.seconds / max(1, self.words):.1f} ms a word"
        )


def main(config: Config) -> Path:
    """Train, measure, write `model.g2p` and return the run folder.

    Raises:
        ConfigError: there is no such part. DataError: the dictionary is missing, or nothing of it can be used.
    """
    if config.parts < 0 or config.parts == 1 or not 0 <= config.part < max(1, config.parts):
        raise ConfigError(
            f"part {config.part} of {config.parts} cannot be held out; expected two parts or more, counted from 0, or "
            "parts=0 to hold none out."
        )
    folder = Path(config.run)
    dictionary = PronouncingDictionary.load(config.dictionary)
    held_out = [word for word in spelt_words(dictionary) if config.parts and part_of(word, config.parts) == config.part]
    begun = time.perf_counter()
    model = train_without(held_out, config)
    seconds = time.perf_counter() - begun
    folder.mkdir(parents=True, exist_ok=True)
    stressed = PronouncingDictionary.load(config.dictionary, stress=True)
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")
    facts: dict[str, object] = {"recipe": "g2p"}
    print(f"trained on {model.info['entries']:,} pronunciations in {seconds:.0f} s")
    if held_out:
        errors = measure(model, dictionary, held_out)
        facts["held_out"] = asdict(errors)
        print(f"held out: {errors}")
        errors = measure(model, stressed, held_out, stress=True)
        facts["held_out_with_stress"] = asdict(errors)
        print(f"held out, with stress: {errors}")
    path = folder / "model.g2p"
    model.save(path, **facts)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    if config.letters == 1:
        path = folder / "voice.lexicon"
        unseen = set(held_out)
        entries = (entry for entry in usual_entries(stressed) if entry[0] not in unseen)
        lexicon = write_voice_lexicon(path, entries, model, **facts)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
        if held_out:
            pronouncer = Pronouncer(lexicon)
            for how, known in (("", dictionary), (", with stress", stressed)):
                print(f"held out, as a voice says them{how}: {measure_voice(pronouncer, known, held_out)}")
    return folder


def spelt_words(dictionary: PronouncingDictionary) -> list[str]:
    """The words of a-z and apostrophes, but for those of apostrophes alone."""
    return [word for word in dictionary if is_spelled(word)]


def part_of(word: str, parts: int) -> int:
    """Which part a word is in; by its SHA-256, so it is the same everywhere."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "big") % parts


def train_without(held_out: Iterable[str], config: Config) -> G2p:
    """A model of all variants of all other words."""
    left_out = set(held_out)
    dictionary = PronouncingDictionary.load(config.dictionary, stress=True)
    entries = ((word, variant) for word in dictionary if word not in left_out for variant in dictionary.pronounce(word))
    return G2p.train(entries, config.order, config.letters, config.backwards, config.iterations, config.min_count)


def measure(model: G2p, dictionary: PronouncingDictionary, words: Sequence[str], stress: bool = False) -> GuessErrors:
    """Guess words of the dictionary. A guess is right when it is any of the variants, wrong when there is none.

    Args:
        stress: whether guesses have it, as the dictionary must have, too.
    """
    begun = time.perf_counter()
    guesses = [_guess(model, word, stress) for word in words]
    return _errors(guesses, dictionary, words, time.perf_counter() - begun)


def measure_voice(pronouncer: Pronouncer, dictionary: PronouncingDictionary, words: Sequence[str]) -> GuessErrors:
    """The same of all that a voice does with a word which its lexicon lacks: rules and guesses.

    Words that are written down in its tables, such as "record", count for nothing and are left out; so is stress where
    the dictionary has none.
    """
    begun = time.perf_counter()
    said = {
        word: found[0] for word in words if len(found := pronouncer.say(word)) == 1 and found[0].source != "context"
    }
    seconds = time.perf_counter() - begun
    plain = not any(phone[-1].isdigit() for word in words for phone in dictionary.pronounce(word)[0])
    guesses = [list(without_stress(word.phones) if plain else word.phones) for word in said.values()]
    return _errors(guesses, dictionary, list(said), seconds)


def _errors(
    guesses: Sequence[Sequence[str]], dictionary: PronouncingDictionary, words: Sequence[str], seconds: float
) -> GuessErrors:
    wrong_words = phones = wrong_phones = 0
    for word, guess in zip(words, guesses, strict=True):
        edits, length = min(
            (count_edits(variant, guess).errors, len(variant)) for variant in dictionary.pronounce(word)
        )
        wrong_words += edits > 0
        phones += length
        wrong_phones += edits
    return GuessErrors(len(words), wrong_words, phones, wrong_phones, seconds)


def _guess(model: G2p, word: str, stress: bool) -> list[str]:
    """The best guess; no phones where the model has none."""
    try:
        return model.pronounce(word, stress=True)[0][0] if stress else model.pronounce(word)[0][0]
    except TextError:
        return []
