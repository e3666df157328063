"""The pronouncing lexicon of a voice: one small file that knows words with their stress, and guesses those it lacks.

A guesser's model is its dictionary cut into joint units (`decoding.g2p`). Where each unit has one letter, that text is
the dictionary, too: a character a unit spells the word and says it. So one file serves both, in half the space of the
dictionary and in less than its guesser's. Words are looked up in the unpacked bytes; the guesser is made of them when
it is first wanted, or beforehand beside other work (`prepare`).

Nothing here knows of sentences: what a word is among others is `decoding.pronouncer`'s to say.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.decoding.g2p import LETTERS, G2p
from vivavoce.decoding.ngram_counts import Text
from vivavoce.decoding.ngram_tables import BOS, EOS, MARKS
from vivavoce.errors import DataError, ModelError
from vivavoce.text.joint_units import JointUnit
from vivavoce.text.phonemes import PronouncingDictionary

Array = np.ndarray

VERSION = 1

Phones = tuple[str, ...]

_OPEN_O = re.compile(r"au|aw|ought|oss|ost|oft|off|og|ong|alk")
_SYLLABLE_ENDINGS = {"ed": ("AH0", "D"), "es": ("AH0", "Z"), "'s": ("AH0", "Z")}
_CORRECTED = {
    "ear": "IH1 R", "espresso": "EH0 S P R EH1 S OW2", "houses": "HH AW1 Z IH0 Z", "nobody": "N OW1 B AH0 D IY0",
    "putting": "P UH1 T IH0 NG", "sometimes": "S AH1 M T AY2 M Z", "thirty": "TH ER1 T IY0",
}  # fmt: skip
"""What CMU's dictionary has in another place or not at all: of putt, not of put."""

_FORMAT = "vivavoce voice lexicon"
_FIRST = 0x21  # the character of unit 0; those below are spaces and ends of lines


class VoiceLexicon:
    """Words and their pronunciations, the usual one first. Reading is safe from several threads.

    Attributes:
        info: what the file's maker says about it.
        order, backwards: of the guesser, as for `G2p`.
    """

    def __init__(self, units: Sequence[str], lines: str, learned: str, header: Mapping[str, Any]) -> None:
        """Take what `read_voice_lexicon` has unpacked.

        Args:
            units: names of joint units of one letter each.
            lines: a pronunciation a line, a character a unit, sorted by the words that they spell.
            learned: for each line a character, "1" where the guesser learns from it.
            header: `order`, `backwards` and `info`.

        Raises:
            DataError: they do not fit together.
        """
        self.order, self.backwards, self.info = int(header["order"]), bool(header["backwards"]), dict(header["info"])
        self._units = [JointUnit.parse(name) for name in units]
        codes = np.frombuffer(lines.encode("utf-16-le"), np.uint16)
        wide = codes < len(units) + _FIRST
        spaced = codes >= _FIRST
        if not (wide & (spaced | (codes == ord("\n")))).all() or any(len(unit.letters) != 1 for unit in self._units):
            raise DataError("its lines hold other units than its header names")
        self._codes = codes
        letters = np.zeros(len(units) + _FIRST, np.uint8)
        letters[ord("\n")] = ord("\n")
        letters[_FIRST:] = [ord(unit.letters) for unit in self._units]
        self._spelt = letters[codes].tobytes()  # the words, each at the place of its units
        self._ends = np.flatnonzero(~spaced).astype(np.int32)
        self._learned = np.frombuffer(learned.encode(), np.uint8) == ord("1")
        if len(self._learned) != len(self._ends) or not len(self._ends) or codes[-1] != ord("\n"):
            raise DataError("its lines were cut off")
        self._guesser: G2p | None = None
        self._making = threading.Lock()

    def pronounce(self, word: str) -> list[Phones]:
        """Every pronunciation of a word, with stress; an empty list when the word is unknown."""
        spelt = word.lower().encode("utf-8", "replace")
        row = bisect_left(range(len(self._ends)), spelt, key=self._word)
        found = []
        while row < len(self._ends) and self._word(row) == spelt:
            start, end = self._span(row)
            units = (self._units[code - _FIRST] for code in self._codes[start:end].tolist())
            found.append(tuple([phone for unit in units for phone in unit.phones]))
            row += 1
        return found

    def __contains__(self, word: str) -> bool:
        spelt = word.lower().encode("utf-8", "replace")
        row = bisect_left(range(len(self._ends)), spelt, key=self._word)
        return row < len(self._ends) and self._word(row) == spelt

    def __iter__(self) -> Iterator[str]:
        """Each word once, in the order of the alphabet."""
        before = ""
        for word in self._spelt.decode().splitlines():
            if word != before:
                yield word
            before = word

    def guesser(self) -> G2p:
        """The model that guesses the words which are not there; made when it is first asked for."""
        with self._making:
            if self._guesser is None:
                self._guesser = G2p(self._text(), self.order, self.backwards, info=self.info)
            return self._guesser

    def prepare(self) -> threading.Thread:
        """Begin to make the guesser in another thread, which is returned, so that the first guess waits less."""
        thread = threading.Thread(target=self.guesser, name="guesser", daemon=True)
        thread.start()
        return thread

    def _span(self, row: int) -> tuple[int, int]:
        """Where a line's units begin and end."""
        return int(self._ends[row - 1]) + 1 if row else 0, int(self._ends[row])

    def _word(self, row: int) -> bytes:
        start, end = self._span(row)
        return self._spelt[start:end]

    def _text(self) -> Text:
        """The units of the lines that the guesser learns from, numbered and in its order of reading."""
        lengths = np.diff(self._ends, prepend=-1)  # with the end of the line
        codes = self._codes[np.repeat(self._learned, lengths)]
        if self.backwards:
            codes = np.roll(codes[::-1], -1)  # an end of a line behind each line again
        ended = codes < _FIRST
        counts = np.bincount(codes[~ended], minlength=len(self._units) + _FIRST)[_FIRST:]
        used = np.flatnonzero(counts)  # only what occurs there is a unit of the guesser's
        numbers = np.zeros(len(self._units) + _FIRST, np.int32)
        numbers[used + _FIRST] = np.arange(len(MARKS), len(MARKS) + len(used))
        # Each end of a line becomes two marks: a word's end, and the next word's beginning.
        word_ids = np.repeat(numbers[codes], 1 + ended)
        ends = np.flatnonzero(ended)
        ends += np.arange(len(ends))
        word_ids[ends] = EOS
        word_ids[ends + 1] = BOS
        names = [str(self._units[number]) for number in used.tolist()]
        return Text((*MARKS, *names), np.concatenate(([BOS], word_ids[:-1]), dtype=np.int32))


def usual_entries(dictionary: PronouncingDictionary) -> Iterator[tuple[str, list[str]]]:
    """The words of CMU's dictionary with what one speaker of US English would say before what others do.

    The dictionary's order is not always that of use, nor the same for words that are alike: "caught" begins with the
    vowel of "cot", "taught" does not, and "added" ends unlike "waited". Where it has the one variant and the other, the
    one that goes with its like is put first.
    """
    for word in dictionary:
        for phones in _usual_first(word, dictionary.pronounce(word)):
            yield word, phones


def write_voice_lexicon(
    path: str | Path, entries: Iterable[tuple[str, Sequence[str]]], guesser: G2p, **info: Any
) -> VoiceLexicon:
    """Write the lexicon of a voice.

    Args:
        path: of the file.
        entries: words and their phones with stress digits, a word's usual pronunciation before its others. Words with
            anything but a-z and apostrophes are passed over.
        guesser: trained, on these entries or a part of them, with units of one letter.
        info: what is to be known about the file, JSON values.

    Returns:
        The lexicon as it was written.

    Raises:
        DataError: no entry is left, or the guesser's units have more than one letter.
    """
    cuts = {_said(cut): cut for cut in guesser.cuts()}
    lines: list[tuple[str, list[str], bool]] = []
    for word, phones in entries:
        if word and phones and LETTERS.issuperset(word):
            said = (word, tuple(phones))
            learned = cuts.get(said)
            lines.append((word, learned or _whole(word, tuple(phones)), learned is not None))
    if not lines or any(len(cut) != len(word) for word, cut, _ in lines):
        raise DataError(
            "a voice's lexicon needs words of a-z and apostrophes with phones, and a guesser whose units have one "
            f"letter each; there are {len(lines)} such words."
        )
    lines.sort(key=lambda line: line[0])  # variants keep their order
    counts = Counter(name for _, cut, _ in lines for name in cut)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    characters = {name: chr(_FIRST + number) for number, name in enumerate(names)}
    header = {
        "format": _FORMAT,
        "version": VERSION,
        "order": guesser.order,
        "backwards": guesser.backwards,
        "info": {**guesser.info, **info},
        "units": names,
        "not_learned": [number for number, (_, _, learned) in enumerate(lines) if not learned],
    }
    spoken = ("".join(map(characters.__getitem__, cut)) for _, cut, _ in lines)
    content = json.dumps(header, separators=(",", ":")) + "\n" + "\n".join(spoken) + "\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(gzip.compress(content.encode(), mtime=0))  # without the time, equal lexicons are equal files
    partial.replace(path)  # a reader never sees half a lexicon
    return read_voice_lexicon(path)


def read_voice_lexicon(path: str | Path) -> VoiceLexicon:
    """Open the lexicon of a voice.

    Raises:
        DataError: there is no such file.
        ModelError: it is not of our making, of a later version, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file; expected the lexicon of a voice.")
    try:
        first, _, lines = gzip.decompress(path.read_bytes()).decode().partition("\n")
        header = json.loads(first)
        if header["format"] == _FORMAT and header["version"] > VERSION:
            raise ModelError(
                f"{path} has format version {header['version']}; this vivavoce reads up to {VERSION}. Update it."
            )
        learned = bytearray(b"1" * lines.count("\n"))
        for number in header["not_learned"]:
            learned[number] = ord("0")
        return VoiceLexicon(header["units"], lines, learned.decode(), header)
    except (DataError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError, zlib.error) as error:
        raise ModelError(
            f"{path} is no lexicon of a voice, or a damaged one ({error}). Make it again with `viva train g2p`, or "
            "copy it anew."
        ) from None


def _usual_first(word: str, variants: list[list[str]]) -> list[list[str]]:
    first = variants[0]
    usual = _CORRECTED.get(word, "").split() or first
    if usual is first and _OPEN_O.search(word):
        usual = [phone.replace("AA", "AO") for phone in first]
    ending = next((said for ending, said in _SYLLABLE_ENDINGS.items() if word.endswith(ending)), ())
    if usual == first and len(first) > 2 and tuple(first[-2:]) == ending:
        usual = [*first[:-2], "IH0", first[-1]]
    if usual == first or (usual not in variants and word not in _CORRECTED):
        return variants
    return [usual, *(variant for variant in variants if variant != usual)]


def _said(cut: Sequence[str]) -> tuple[str, Phones]:
    units = [JointUnit.parse(name) for name in cut]
    return "".join(unit.letters for unit in units), tuple([phone for unit in units for phone in unit.phones])


def _whole(word: str, phones: Phones) -> list[str]:
    """Units of a word whose letters and phones do not go together: all is said at the first letter."""
    return [str(JointUnit(letter, () if place else phones)) for place, letter in enumerate(word)]
