"""Lexicons on disk: a word and its phones a line, in the recogniser's own phones; packed where the name ends in .gz or
.xz. A CMU dictionary, with stress, comments and `word(2)`, is made one by `viva lexicon make`.

A word that stands on several lines has several pronunciations, the usual one first; each further one costs a little.
"""

from __future__ import annotations

import codecs
import gzip
import lzma
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress
from pathlib import Path

import numpy as np

from vivavoce.decoding.g2p import G2p, is_spelled
from vivavoce.decoding.lexicon_tree import Pronunciations
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_text import read_packed, read_words
from vivavoce.errors import DataError
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.phonemes import PronouncingDictionary

BLANK = np.zeros(256, bool)
BLANK[list(b" \t\n\r\v\f")] = True
"""Which bytes part symbols, as `bytes.split` takes them."""

VARIANT_COST = 0.3  # natural logarithm, for each pronunciation that stands before


def read_lexicon(path: str | Path, phones: Alphabet) -> Pronunciations:
    """Read a lexicon file, plain or packed, whatever its name.

    Raises:
        DataError: it cannot be read, holds no word, or a line has no phones or one outside `phones`.
    """
    path = Path(path)
    content = read_packed(path).removeprefix(codecs.BOM_UTF8)
    characters = np.frombuffer(content, np.uint8)
    blank = BLANK[characters]
    begins = ~blank & np.append(True, blank[:-1])[: len(blank)]
    lines = (characters == ord("\n")).cumsum()[begins]  # of each symbol
    symbols = content.split()
    if not symbols:
        raise DataError(f"{path} holds no word; expected lines such as `hello HH AH L OW`.")
    first = np.append(True, lines[1:] != lines[:-1])
    starts = first.nonzero()[0]
    lengths = np.diff(np.append(starts, len(symbols))) - 1
    try:
        words = [symbols[start].decode() for start in starts.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read as text: {error}. Expected UTF-8, plain, .gz or .xz.") from None
    if not lengths.all():
        short = int(lengths.argmin())
        line = lines[starts[short]] + 1
        raise DataError(f"{path}, line {line}: {words[short]} has no phones; expected lines such as `the DH AH`.")
    numbers = {phone.encode(): number for number, phone in enumerate(phones.tokens) if number != phones.blank_id}
    try:
        tokens = np.fromiter(map(numbers.__getitem__, compress(symbols, ~first)), np.int64, len(symbols) - len(starts))
    except KeyError:
        wrong = next(n for n in (~first).nonzero()[0].tolist() if symbols[n] not in numbers)
        said = symbols[wrong].decode(errors="replace")
        raise DataError(f"{path}, line {lines[wrong] + 1}: {said!r} is none of the recogniser's phones.") from None
    known: dict[str, int] = {}
    before = np.empty(len(words))
    for number, word in enumerate(words):
        before[number] = known[word] = known.get(word, -1) + 1
    return Pronunciations(words, lengths, tokens, -VARIANT_COST * before)


def wanted_words(paths: Iterable[str | Path], dictionaries: Iterable[PronouncingDictionary] = ()) -> list[str]:
    """The words of language models (.lm, .arpa), of texts and of whole dictionaries, each once, sorted.

    Of models and dictionaries those of a-z and apostrophes: they have punctuation and names with digits, too.

    Raises:
        DataError, ModelError: a file cannot be read.
    """
    wanted = {word for said in dictionaries for word in said if is_spelled(word)}
    for path in map(Path, paths):
        if path.name.endswith((".lm", ".arpa", ".arpa.gz")):
            wanted.update(filter(is_spelled, NgramModel.load(path).vocabulary))
        else:
            wanted.update(chain.from_iterable(read_words([path])))
    return sorted(wanted)


def gather_pronunciations(
    words: Iterable[str], sources: Sequence[PronouncingDictionary], guesser: G2p | None = None
) -> tuple[dict[str, list[list[str]]], int]:
    """Every word with what the first dictionary that has it says, or else with a guess; and how many were guessed.

    A word that nobody knows, and that the guesser cannot spell, has no pronunciations.
    """
    found = {word: next((source.pronounce(word) for source in sources if word in source), []) for word in words}
    guessed = 0
    if guesser is not None:
        for word in [word for word, said in found.items() if not said and guesser.letters.issuperset(word)]:
            found[word] = [guesser.pronounce(word)[0][0]]
            guessed += 1
    return found, guessed


def write_lexicon(path: str | Path, pronunciations: Mapping[str, Iterable[Iterable[str]]]) -> int:
    """Write words with their pronunciations, the usual one first, and return how many lines."""
    lines = [f"{word} {' '.join(phones)}" for word, variants in pronunciations.items() for phones in variants]
    content = ("\n".join(lines) + "\n").encode()
    path = Path(path)
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # no time stamp: the same words give the same bytes
    elif path.suffix == ".xz":
        content = lzma.compress(content, preset=9)
    path.write_bytes(content)
    return len(lines)
