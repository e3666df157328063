"""Sentences for language models: text files, packed or not, and manifests become lists of words."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from vivavoce.errors import DataError
from vivavoce.text.normalize import normalize_for_training

_FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError)


def read_words(paths: Iterable[str | Path], as_is: bool = False) -> Iterator[list[str]]:
    """The words of each line, of one file after another; "-" is standard input.

    Plain, gzip and xz texts are told apart by their first bytes. Of manifests (`.jsonl`) the texts are read. Lines are
    normalised as for training, those that begin with "# " are comments, and what then has no words is left out.

    Args:
        as_is: split lines at white space and change nothing; there are no comments then.

    Raises:
        DataError: a file is missing, damaged, not UTF-8, or a manifest's line has no text.
    """
    for path in paths:
        for line in _lines(path):
            if as_is:
                words = line.split()
            elif line.startswith("# "):
                continue
            else:
                words = normalize_for_training(line).split()
            if words:
                yield words


def read_word_list(path: str | Path) -> list[str]:
    """The first word of each line: a word list, or a pronouncing dictionary.

    Raises:
        DataError: as for `read_words`, or the file has no words.
    """
    words = [fields[0] for line in _lines(path) if (fields := line.split())]
    if not words:
        raise DataError(f"{path} holds no words; expected one a line.")
    return list(dict.fromkeys(words))


def read_packed(path: str | Path) -> bytes:
    """A file's content, unpacked where it is gzip or xz by its first bytes.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with Path(path).open("rb") as file:
            return _unpacked(file).read()
    except _FAULTS as error:
        raise _unreadable(path, error) from None


def _lines(path: str | Path) -> Iterator[str]:
    name = str(path)
    try:
        with (
            sys.stdin.buffer if name == "-" else Path(path).open("rb") as file,
            io.TextIOWrapper(_unpacked(file), encoding="utf-8-sig") as lines,
        ):
            yield from _texts(lines, name) if name.endswith(".jsonl") else lines
    except _FAULTS as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as text: {error}. Expected UTF-8, plain, .gz or .xz.")


def _unpacked(file: BinaryIO) -> BinaryIO:
    buffered: Any = file if hasattr(file, "peek") else io.BufferedReader(cast(io.RawIOBase, file))
    first = buffered.peek(6)[:6]
    if first.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=buffered))
    return cast(BinaryIO, lzma.LZMAFile(buffered) if first == b"\xfd7zXZ\x00" else buffered)


def _texts(lines: Iterable[str], name: str) -> Iterator[str]:
    """What was said, out of a manifest's lines."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                text = json.loads(line)["text"]
            except (ValueError, TypeError, KeyError):
                raise DataError(f"{name}, line {number}: expected a JSON object with text; is it a manifest?") from None
            yield str(text)
