"""How often each n-gram stands in a text: sentences become numbers, and all counting is sorting of integers.

An n-gram's key is the number of its first words, which the order below gave out, times the vocabulary, plus its last
word: 64 bits are enough for every order, where packed words would end at three. The whole text is held as four bytes a
word, which is meant for some hundred million words and not for the whole web.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.decoding.ngram_tables import BOS, EOS, MARKS, UNK
from vivavoce.errors import DataError

Array = np.ndarray


@dataclass(frozen=True)
class NgramCount:
    """The n-grams of one order, sorted by `prefixes`, then by `words`.

    Attributes:
        prefixes: (n,) int32, the row of all words but the last in the order below; 0 for unigrams.
        words: (n,) int32, the last word.
        suffixes: (n,) int32, the row of all words but the first in the order below; 0 for unigrams.
        counts: (n,) int64, occurrences.
    """

    prefixes: Array
    words: Array
    suffixes: Array
    counts: Array

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Text:
    """A text as numbers: each sentence begins with `BOS` and ends with `EOS`.

    Attributes:
        vocabulary: the words by number, `MARKS` first, then the most frequent first.
        word_ids: (n,) int32, all sentences one after another.
    """

    vocabulary: tuple[str, ...]
    word_ids: Array

    @property
    def sentences(self) -> int:
        return int((self.word_ids == EOS).sum())

    @property
    def words(self) -> int:
        """How many there are, without the sentences' ends."""
        return len(self.word_ids) - 2 * self.sentences


def number_words(
    sentences: Iterable[Sequence[str]], known: Collection[str] | None = None, max_words: int | None = None
) -> Text:
    """Give every word a number.

    Args:
        sentences: words; sentences without any are passed over.
        known: when given, the vocabulary, whether the text has its words or not; others are `<unk>`.
        max_words: when given, only so many of the most frequent words keep their name (after `known`).

    Raises:
        DataError: no words at all, or the text holds `<s>` or `</s>`.
    """
    numbers = {word: number for number, word in enumerate(MARKS)}
    for word in known or ():
        numbers.setdefault(word, len(numbers))
    fixed = len(numbers) if known is not None else None

    class Numbering(dict[str, int]):
        def __missing__(self, word: str) -> int:
            return self.setdefault(word, len(self))

    numbering = Numbering(numbers)
    ids = array("i")
    for words in sentences:
        if words:
            ids.append(BOS)
            ids.extend(map(numbering.__getitem__, words))
            ids.append(EOS)
    word_ids = np.frombuffer(ids, np.int32) if len(ids) else np.zeros(0, np.int32)
    _check(word_ids, fixed)
    counts = np.bincount(word_ids, minlength=len(numbering))
    names = list(numbering)
    if fixed is not None:
        counts[fixed:] = -1
    ranked = np.argsort(-counts[len(MARKS) :], kind="stable") + len(MARKS)
    ranked = ranked[counts[ranked] >= 0][:max_words]
    renumbered = np.full(len(names), UNK, np.int32)
    renumbered[: len(MARKS)] = range(len(MARKS))
    renumbered[ranked] = np.arange(len(MARKS), len(MARKS) + len(ranked))
    return Text((*MARKS, *(names[number] for number in ranked)), renumbered[word_ids])


def _check(word_ids: Array, fixed: int | None) -> None:
    """Refuse texts that hold no words, no known word, or marks of their own."""
    ends = int((word_ids == EOS).sum())
    if not len(word_ids):
        raise DataError("the text holds no words; a language model needs sentences, one a line.")
    if fixed is not None and not ((word_ids >= len(MARKS)) & (word_ids < fixed)).any():
        raise DataError("the text has no word of the vocabulary; check that both are written in the same way.")
    # A mark of the text's own would make two of one end, or an end where no sentence ends.
    own = np.flatnonzero(word_ids[1:] == BOS) + 1
    if len(own) + 1 != ends or (word_ids[own - 1] != EOS).any():
        raise DataError(f"the text holds {MARKS[BOS]} or {MARKS[EOS]}; they are added to each line, take them out.")


def count_ngrams(text: Text, order: int) -> list[NgramCount]:
    """Count the n-grams of every order from 1 to `order`; none reaches over a sentence's end."""
    word_ids, vocabulary = text.word_ids, len(text.vocabulary)
    found = [
        NgramCount(
            np.zeros(vocabulary, np.int32),
            np.arange(vocabulary, dtype=np.int32),
            np.zeros(vocabulary, np.int32),
            np.bincount(word_ids, minlength=vocabulary),
        )
    ]
    starts = np.arange(len(word_ids), dtype=np.int32)  # where n-grams of the order below begin
    row_at = word_ids  # and their rows there
    for k in range(2, order + 1):
        starts = starts[word_ids[starts + k - 2] != EOS]
        keys = row_at[starts] * np.int64(vocabulary) + word_ids[starts + k - 1]
        by_key = np.argsort(keys)
        keys = keys[by_key]
        new = np.empty(len(keys), np.bool_)
        new[:1] = True
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        firsts = np.flatnonzero(new)
        prefixes, words = np.divmod(keys[firsts], vocabulary)
        suffixes = row_at[starts[by_key[firsts]] + 1]
        counts = np.diff(firsts, append=len(keys))
        del keys
        if k < order:
            row_at = np.full(len(word_ids), -1, np.int32)
            row_at[starts[by_key]] = np.cumsum(new, dtype=np.int32) - 1
        found.append(NgramCount(prefixes.astype(np.int32), words.astype(np.int32), suffixes, counts))
    return found
