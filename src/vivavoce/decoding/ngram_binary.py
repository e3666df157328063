"""Our file of a packed model (`.lm`): a header, then the trie's arrays as they lie in memory.

    0   8 bytes   magic; its line ends show a transfer that changed them
    8   uint32    format version
    12  uint32    bytes of the header
    16  uint64    bytes of the whole file
    24  uint32    CRC-32 of the header
    28  uint32    CRC-32 of everything behind the header
    32  header    JSON: order, counts, bits, largest error, what the maker wishes to say, and where each array lies

All numbers are little-endian. The file is mapped, not read: opening costs no more than the header, and processes on one
machine share the pages.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.decoding.ngram_trie import Layer, Starts, Trie, Values
from vivavoce.errors import ModelError

Array = np.ndarray

MAGIC = b"\x89VLM\r\n\x1a\n"
VERSION = 1
_HEAD = struct.Struct("<8sIIQII")
_ALIGNMENT = 16
_TYPES = {"uint8": "<u1", "uint16": "<u2", "uint32": "<u4", "uint64": "<u8", "float32": "<f4"}
_REMEDY = "Get the file again, or make it with `viva lm convert`."


def write_trie(path: str | Path, trie: Trie, info: Mapping[str, Any]) -> None:
    """Write a packed model.

    Args:
        info: JSON values to be kept with it, for whoever reads the file.
    """
    path = Path(path)
    arrays, blobs, place = [], [], 0
    for name, array in _arrays(trie):
        data = np.ascontiguousarray(array).astype(_TYPES[array.dtype.name], copy=False).tobytes()
        arrays.append([name, array.dtype.name, place, array.size])
        blobs.append(data + bytes(-len(data) % _ALIGNMENT))
        place += len(blobs[-1])
    shifts = [layer.starts.shift for layer in trie.layers]
    header = json.dumps({"counts": trie.counts, "shifts": shifts, "info": info, "arrays": arrays}).encode()
    header += b" " * (-(_HEAD.size + len(header)) % _ALIGNMENT)
    body = b"".join(blobs)
    head = (MAGIC, VERSION, len(header), _HEAD.size + len(header) + len(body), zlib.crc32(header), zlib.crc32(body))
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as out:
        out.write(_HEAD.pack(*head) + header)
        out.write(body)
    partial.replace(path)  # a reader never sees half a model


def read_trie(path: str | Path, check: bool = False) -> tuple[Trie, dict[str, Any]]:
    """Map a packed model into memory.

    Args:
        check: also read the whole file and compare its checksum.

    Returns:
        The model, and what its maker wished to say.

    Raises:
        ModelError: not our format, of a later version, cut off or damaged.
    """
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if not head.startswith(MAGIC):
            raise ModelError(f"{path} is not a vivavoce language model (it begins with {head[:8]!r}). {_REMEDY}")
        if len(head) < _HEAD.size:
            raise ModelError(f"{path} was cut off after {size} bytes. {_REMEDY}")
        _, version, header_size, whole, header_sum, body_sum = _HEAD.unpack(head)
        if version > VERSION:
            raise ModelError(f"{path} has format version {version}; this vivavoce reads up to {VERSION}. Update it.")
        if size != whole:
            raise ModelError(f"{path} has {size} bytes instead of {whole}; it was cut off or added to. {_REMEDY}")
        header = file.read(header_size)
    mapped = np.memmap(path, np.uint8, "r")
    body = mapped[_HEAD.size + header_size :]
    if zlib.crc32(header) != header_sum or (check and zlib.crc32(body.data) != body_sum):
        raise ModelError(f"{path} is damaged: its checksum is not the one it was written with. {_REMEDY}")
    facts = json.loads(header)
    arrays = {name: _view(body, kind, place, count) for name, kind, place, count in facts["arrays"]}
    return _assemble(arrays, facts["shifts"]), facts["info"]


def is_trie(path: str | Path) -> bool:
    """Whether a file begins as ours do."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _view(body: Array, kind: str, place: int, count: int) -> Array:
    """Part of the file as an array of the machine's own kind: without a copy where that is little-endian."""
    array = np.asarray(body)[place : place + count * np.dtype(kind).itemsize].view(_TYPES[kind])
    return array.astype(kind, copy=False)


def _arrays(trie: Trie) -> Iterator[tuple[str, Array]]:
    yield "words", np.frombuffer("\n".join(trie.vocabulary).encode(), np.uint8)
    yield "log_probs", trie.log_probs
    for order, layer in enumerate(trie.layers, 2):
        yield f"{order}.starts.bases", layer.starts.bases
        yield f"{order}.starts.offsets", layer.starts.offsets
        yield f"{order}.backoffs.codes", layer.backoffs.codes
        yield f"{order}.backoffs.table", layer.backoffs.table
        yield f"{order}.low_words", layer.low_words
        yield f"{order}.high_words", layer.high_words
        yield f"{order}.log_probs.codes", layer.log_probs.codes
        yield f"{order}.log_probs.table", layer.log_probs.table
        yield f"{order}.context_bits", layer.context_bits
        yield f"{order}.context_ranks", layer.context_ranks


def _assemble(arrays: Mapping[str, Array], shifts: list[int]) -> Trie:
    layers = []
    for order, shift in enumerate(shifts, 2):
        part = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{order}.")}
        layers.append(
            Layer(
                Starts(part["starts.bases"], part["starts.offsets"], shift),
                Values(part["backoffs.codes"], part["backoffs.table"]),
                part["low_words"],
                part["high_words"],
                Values(part["log_probs.codes"], part["log_probs.table"]),
                part["context_bits"],
                part["context_ranks"],
            )
        )
    vocabulary = tuple(arrays["words"].tobytes().decode().split("\n"))
    return Trie(vocabulary, arrays["log_probs"], tuple(layers))
