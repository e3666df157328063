"""A text as numbered subword units, packed into few megabytes, and rows of it for training a language model.

A prepared text is a folder: `text.json` (the merges of the units, what it was made of) and `units-N.xz`, whose units
are 16 bits each. One more number stands before each sentence; it is no unit of any row.

Rows begin at a beginning of a sentence or of any word and go on over the sentences' ends, with nothing to mark these:
recorded speech begins and ends in the middle of sentences, and has no full stops.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import DataError
from vivavoce.text.subwords import END, Subwords

Array = np.ndarray

SENTENCE = 0xFFFF
PART_UNITS = 12_000_000  # a file of less than 16 MB
CHUNK_SENTENCES, WATCHED_EVERY = 20, 100  # of a hundred chunks of twenty sentences one is watched, not trained on


@dataclass(frozen=True)
class UnitText:
    """Units, (N,) uint16, and where sentences and words begin in them, (S,) and (W,) int64."""

    units: Array
    sentences: Array
    words: Array

    @classmethod
    def from_marked(cls, marked: Array, subwords: Subwords) -> UnitText:
        """Out of units with SENTENCE before each sentence."""
        is_mark = marked == SENTENCE
        units = marked[~is_mark]
        sentences = np.flatnonzero(is_mark) - np.arange(np.count_nonzero(is_mark))
        ends = np.array([unit.endswith(END) for unit in subwords.units])
        words = np.concatenate([[0], np.flatnonzero(ends[units[:-1]]) + 1]) if len(units) else np.zeros(0, np.int64)
        return cls(units, sentences, words)


def write_unit_text(
    folder: str | Path, sentences: Iterable[Sequence[str]], subwords: Subwords, facts: Mapping[str, Any]
) -> int:
    """Encode sentences, lists of words, and write the folder; returns the number of units.

    Args:
        facts: JSON values to be kept with the text.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marked = np.fromiter(
        (unit for words in sentences for unit in (SENTENCE, *subwords.encode(words))), np.uint16
    )  # fmt: skip
    # Two bytes a number: the position of a byte and the number before say most of it.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 1, "pb": 1,
                "dict_size": 64 << 20}]  # fmt: skip
    for old in folder.glob("units-*.xz"):
        old.unlink()
    for number, start in enumerate(range(0, max(1, len(marked)), PART_UNITS)):
        part = marked[start : start + PART_UNITS].astype("<u2").tobytes()
        (folder / f"units-{number}.xz").write_bytes(lzma.compress(part, filters=filters))
    units = int(np.count_nonzero(marked != SENTENCE))
    content = {"merges": subwords.merges, "units": units, **facts}
    (folder / "text.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    return units


def read_unit_text(folder: str | Path) -> tuple[Array, Subwords, Mapping[str, Any]]:
    """The marked units, their vocabulary, and what else is known; of the parts those that are there.

    Raises:
        DataError: it is no prepared text, or damaged.
    """
    folder = Path(folder)
    parts = sorted(folder.glob("units-*.xz"), key=lambda path: (len(path.name), path.name))
    try:
        facts = json.loads((folder / "text.json").read_text(encoding="utf-8"))
        subwords = Subwords(facts["merges"])
        packed = b"".join([lzma.decompress(part.read_bytes()) for part in parts])
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise DataError(f"{folder} is no prepared text ({error}); make it again from texts.") from None
    marked = np.frombuffer(packed, "<u2")
    if not len(marked) or int(marked[marked != SENTENCE].max(initial=0)) >= len(subwords):
        raise DataError(f"{folder} holds no units, or such as its merges do not make; make it again from texts.")
    return marked, subwords, facts


def split_watched(marked: Array) -> tuple[Array, Array]:
    """What to train on, and every hundredth score of sentences, to be watched."""
    starts = np.flatnonzero(marked == SENTENCE)
    chunk = (np.searchsorted(starts, np.arange(len(marked)), side="right") - 1) // CHUNK_SENTENCES
    watched = chunk % WATCHED_EVERY == WATCHED_EVERY - 1
    return marked[~watched], marked[watched]


class RowStarts:
    """Where the rows of each epoch begin: in every block of the text one, moved on to a sentence's or a word's start.

    What an epoch is like depends on the seed and its number alone.
    """

    def __init__(self, text: UnitText, length: int, sentence_share: float, seed: int) -> None:
        """`sentence_share` of the rows begin where a sentence does.

        Raises:
            DataError: the text is no longer than a row.
        """
        if len(text.units) <= 2 * length:
            raise DataError(f"the text has {len(text.units)} units; expected more than two rows of {length}.")
        self.text, self.length, self.sentence_share, self.seed = text, length, sentence_share, seed

    def epoch(self, number: int) -> Array:
        """(rows,) int64 in random order; each row has `length` units behind its start."""
        rng = np.random.default_rng((self.seed, number))
        last = len(self.text.units) - self.length
        blocks = np.arange(rng.integers(self.length), last + 1, self.length)
        rng.shuffle(blocks)
        at_sentence = rng.random(len(blocks)) < self.sentence_share
        starts = np.where(at_sentence, _next(self.text.sentences, blocks), _next(self.text.words, blocks))
        return np.minimum(starts, last)


def _next(places: Array, wanted: Array) -> Array:
    """The first of the places at or behind each wanted one; the last where there is none."""
    return places[np.minimum(np.searchsorted(places, wanted), len(places) - 1)]
