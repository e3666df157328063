"""ARPA files, plain or gzip: those of any tool are read, and what we write any tool reads.

What tools differ in is allowed: tabs or spaces, comments before the data, backoffs left out where they are 0, -99 for
the logarithm of 0, Windows line ends, `<UNK>`, no `<unk>` at all. Files hold logarithms to the base 10, tables natural
ones.
"""

from __future__ import annotations

import codecs
import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from vivavoce.decoding.ngram_tables import MARKS, NgramTables, build_tables
from vivavoce.errors import DataError

Array = np.ndarray

_LN10 = math.log(10.0)
_BLOCK = 1 << 16  # lines worked on at a time
_MISSING_UNK = -100.0  # what KenLM gives to unknown words where a file has no <unk>; nothing is less probable


def read_arpa(path: str | Path) -> NgramTables:
    """Read a model.

    Raises:
        DataError: the file is missing, or its text is not as the format wants it; the message names the line.
    """
    path = Path(path)
    try:
        with _open(path) as file:
            return _Reader(path, file).read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. Expected an ARPA file, plain or gzip.") from None


def write_arpa(path: str | Path, tables: NgramTables) -> None:
    """Write a model, as gzip where the name ends in .gz.

    Nine digits are written: whoever rounds them to float32 has the numbers that our own file has.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file, _packing(file) if path.suffix == ".gz" else file as out:
        out.write(b"\\data\\\n")
        for order, count in enumerate(tables.counts, 1):
            out.write(b"ngram %d=%d\n" % (order, count))
        for order in range(1, tables.order + 1):
            out.write(b"\n\\%d-grams:\n" % order)
            for text in _lines(tables, order):
                out.write(text)
        out.write(b"\n\\end\\\n")
    partial.replace(path)  # a reader never sees half a model


def _packing(file: BinaryIO) -> BinaryIO:
    """A gzip writer that leaves name and time out, so that equal models are equal files."""
    return cast(BinaryIO, gzip.GzipFile("", "wb", 6, file, mtime=0))


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _lines(tables: NgramTables, order: int) -> Iterator[bytes]:
    """The n-grams of one order as text, some thousand lines at a time."""
    table, vocabulary = tables.tables[order - 1], tables.vocabulary
    for start in range(0, len(table), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(table)))
        words = tables.spell(order, rows)
        grams = map(" ".join, zip(*([vocabulary[word] for word in column] for column in words.T.tolist()), strict=True))
        log_probs = _shown(table.log_probs[rows])
        if order == tables.order:
            lines = [f"{p:.9g}\t{gram}\n" for p, gram in zip(log_probs, grams, strict=True)]
        else:
            log_backoffs = _shown(table.log_backoffs[rows])
            lines = [
                f"{p:.9g}\t{gram}\t{b:.9g}\n" if b else f"{p:.9g}\t{gram}\n"
                for p, gram, b in zip(log_probs, grams, log_backoffs, strict=True)
            ]
        yield "".join(lines).encode()


def _shown(logs: Array) -> list[float]:
    return (logs.astype(np.float32).astype(np.float64) / _LN10).tolist()


class _Reader:
    """One pass over the lines, which it counts."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.number = 0  # of the line read last
        self.ids: dict[bytes, int] = {}

    def read(self) -> NgramTables:
        counts = self._counts()
        words, log_probs, log_backoffs = [], [], []
        for order, count in enumerate(counts, 1):
            self._expect(b"\\%d-grams:" % order)
            grams, probs, backoffs = self._section(order, count)
            words.append(grams)
            log_probs.append(probs * _LN10)
            log_backoffs.append(backoffs * _LN10)
            if order == 1:
                vocabulary = self._number_words(words, log_probs, log_backoffs)
        self._expect(b"\\end\\")
        log_backoffs[-1] = np.zeros(len(log_backoffs[-1]))
        tables = build_tables(vocabulary, words, log_probs, log_backoffs)
        self._refuse_repetitions(tables)
        return tables

    def _fail(self, fault: str, number: int | None = None) -> DataError:
        return DataError(
            f"{self.path}, line {self.number if number is None else number}: {fault}. Write the ARPA file again."
        )

    def _line(self) -> bytes:
        line = self.file.readline()
        if not line:
            raise self._fail("the file ends before \\end\\; it was cut off")
        self.number += 1
        return line.strip()

    def _expect(self, wanted: bytes) -> None:
        line = self._line()
        while not line:
            line = self._line()
        if line.lower() != wanted:
            raise self._fail(f"{_quote(line)} where {wanted.decode()} was expected")

    def _counts(self) -> list[int]:
        """The header's counts; what stands before it is comment."""
        try:
            while self._line().removeprefix(codecs.BOM_UTF8) != b"\\data\\":
                pass
        except DataError:
            raise DataError(f"{self.path} has no line \\data\\; expected an ARPA file, plain or gzip.") from None
        counts: list[int] = []
        while True:
            line = self._line()
            if line.startswith(b"ngram "):
                order, _, count = line[6:].partition(b"=")
                if not (order.strip().isdigit() and count.strip().isdigit() and int(order) == len(counts) + 1):
                    raise self._fail(f"{_quote(line)} where ngram {len(counts) + 1}=... was expected")
                counts.append(int(count))
            elif counts and not line:
                break
            elif line:
                raise self._fail(f"{_quote(line)} where the counts of n-grams were expected")
        if counts[0] == 0:
            raise self._fail("the model has no unigrams")
        return counts

    def _section(self, order: int, count: int) -> tuple[Array, Array, Array]:
        """`count` n-grams: (n, order) int32 words, and their two logarithms to the base 10."""
        words, probs, backoffs = np.empty((count, order), np.int32), np.empty(count), np.zeros(count)
        for start in range(0, count, _BLOCK):
            stop = min(start + _BLOCK, count)
            first = self.number + 1
            columns = self._columns(stop - start, order, count)
            probs[start:stop] = self._numbers(columns[0], first, "log probability")
            if (probs[start:stop] > 0.0).any():
                place = int(np.argmax(probs[start:stop] > 0.0))
                raise self._fail(f"the log probability {probs[start + place]:g} is above 0", first + place)
            if len(columns) == order + 2:
                backoffs[start:stop] = self._numbers(columns[-1], first, "backoff")
            for position in range(order):
                words[start:stop, position] = self._ids(columns[1 + position], first, order)
        return words, probs, backoffs

    def _columns(self, count: int, order: int, announced: int) -> list[list[bytes]]:
        """The next lines' fields: log probabilities, first words, ..., and backoffs if one of the lines has one."""
        lines = [self.file.readline() for _ in range(count)]
        # One list for all fields: a list for each line would keep the garbage collector busy for most of the time.
        lengths = list(map(len, map(bytes.split, lines)))
        found = set(lengths)
        if not found <= {order + 1, order + 2}:
            self._explain(lines, lengths, order, announced)
        if len(found) == 2:
            lines = [
                line if length == order + 2 else line.rstrip() + b" 0\n"
                for line, length in zip(lines, lengths, strict=True)
            ]
        self.number += count
        fields = b"".join(lines).split()
        return [fields[column :: max(found)] for column in range(max(found))]

    def _ids(self, column: list[bytes], first: int, order: int) -> list[int]:
        if order == 1:
            ids = []
            for place, word in enumerate(column):
                word = b"<unk>" if word.lower() == b"<unk>" else word
                if word in self.ids:
                    raise self._fail(f"the word {_quote(word)} stands here for the second time", first + place)
                ids.append(self.ids.setdefault(word, len(self.ids)))
            return ids
        found = list(map(self.ids.get, column))
        if None in found:
            place = found.index(None)
            raise self._fail(f"the word {_quote(column[place])} is not among the unigrams", first + place)
        return found  # type: ignore[return-value]

    def _numbers(self, column: list[bytes], first: int, what: str) -> Array:
        try:
            numbers = np.array(list(map(float, column)))
        except ValueError:
            numbers = np.full(len(column), np.nan)
            for place, text in enumerate(column):
                try:
                    numbers[place] = float(text)
                except ValueError:
                    break
        bad = np.isnan(numbers) | (numbers == np.inf)
        if bad.any():
            place = int(np.argmax(bad))
            raise self._fail(f"{_quote(column[place])} is no {what}", first + place)
        return np.maximum(numbers, _MISSING_UNK)

    def _explain(self, lines: list[bytes], lengths: list[int], order: int, announced: int) -> None:
        """Say what is wrong with the first line that has too few or too many fields."""
        place = next(place for place, length in enumerate(lengths) if length not in (order + 1, order + 2))
        line, number = lines[place].strip(), self.number + 1 + place
        if not line or line.startswith(b"\\"):
            raise self._fail(f"the {order}-grams end here, but the header counts {announced} of them", number)
        raise self._fail(
            f"{lengths[place]} fields ({_quote(line)}) where a {order}-gram has {order + 1}, "
            f"or {order + 2} with a backoff",
            number,
        )

    def _number_words(self, words: list[Array], log_probs: list[Array], log_backoffs: list[Array]) -> tuple[str, ...]:
        """The vocabulary: `MARKS` first, then the file's order. Renumbers the unigrams, which alone are read so far."""
        first, *ends = (mark.encode() for mark in MARKS)
        for mark in ends:
            if mark not in self.ids:
                raise self._fail(f"no unigram {mark.decode()}; a model of sentences has <s> and </s>")
        if first not in self.ids:
            self.ids[first] = len(self.ids)
            log_probs[0] = np.append(log_probs[0], _MISSING_UNK * _LN10)
            log_backoffs[0] = np.append(log_backoffs[0], 0.0)
        names = [first, *ends, *(word for word in self.ids if word not in (first, *ends))]
        numbers = {word: number for number, word in enumerate(names)}
        words[0] = np.array([[numbers[word]] for word in self.ids], np.int32)
        # Longer n-grams may spell it either way, as unigrams may.
        self.ids = numbers | {spelling: numbers[first] for spelling in (b"<UNK>", b"<Unk>") if spelling not in numbers}
        try:
            return tuple(word.decode() for word in names)
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: a word is not UTF-8 ({error}); convert the file to UTF-8.") from None

    def _refuse_repetitions(self, tables: NgramTables) -> None:
        for order, table in enumerate(tables.tables[1:], 2):
            same = (np.diff(table.prefixes) == 0) & (np.diff(table.words) == 0)
            if same.any():
                words = tables.spell(order, np.flatnonzero(same)[:1])[0]
                gram = " ".join(tables.vocabulary[word] for word in words)
                raise DataError(f'{self.path}: the {order}-gram "{gram}" stands there twice. Leave one of them out.')


def _quote(text: bytes) -> str:
    return f'"{text[:60].decode(errors="replace")}"'
