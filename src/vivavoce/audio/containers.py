"""What a file's own bytes say about it, before any decoder: its kind, and whether it is whole.

libsndfile reads a cut-off WAV or Ogg file to where it ends and says nothing, so that half a recording would pass for
all of it. The containers promise their length; these few checks hold them to it. No samples are decoded here.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 0xFFFFF000)  # written by programs that stream into a pipe
OGG_TAIL_BYTES = 65307  # the largest Ogg page
FOREIGN = {
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xd8\xff": "a JPEG picture",
}


def foreign_kind(head: bytes) -> str | None:
    """The name of a well-known kind of file that is no readable audio, by its first 12 bytes."""
    if head[4:8] == b"ftyp":
        return "MP4, M4A or MOV (AAC)"
    return next((kind for magic, kind in FOREIGN.items() if head.startswith(magic)), None)


def fault_of(stream: BinaryIO) -> str | None:
    """What is missing of a WAV or Ogg file, in words; None when nothing is known to be. Leaves the stream at 0."""
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(0)
    head = stream.read(12)
    fault = None
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        fault = _wave_fault(stream, size, "<" if head[:4] == b"RIFF" else ">")
    elif head[:4] == b"OggS":
        fault = _ogg_fault(stream, size)
    stream.seek(0)
    return fault


def _wave_fault(stream: BinaryIO, size: int, order: str) -> str | None:
    """Walk the chunks behind the 12 bytes of the RIFF header."""
    position = 12
    while position + 8 <= size:
        stream.seek(position)
        name, length = struct.unpack(f"{order}4sI", stream.read(8))
        if name == b"fmt " and position + 12 <= size:
            _, channels = struct.unpack(f"{order}HH", stream.read(4))
            if channels == 0:
                return "has 0 channels"
        if name == b"data":
            there = size - position - 8
            if length not in UNKNOWN_SIZES and there < length:
                return f"is truncated: its header promises {length} bytes of samples, {there} are there"
            return None
        position += 8 + length + length % 2
    return "is truncated: it ends before its samples"


def _ogg_fault(stream: BinaryIO, size: int) -> str | None:
    """The last page must be whole and carry the end-of-stream flag."""
    stream.seek(max(0, size - OGG_TAIL_BYTES))
    tail = stream.read()
    at = tail.rfind(b"OggS")
    while at >= 0 and not _looks_like_page(tail, at):
        at = tail.rfind(b"OggS", 0, at)
    if at < 0:
        return "is truncated: it does not end with an Ogg page"
    segments = tail[at + 26]
    body = tail[at + 27 : at + 27 + segments]
    if len(tail) < at + 27 + segments + sum(body) or len(body) < segments:
        return "is truncated: its last Ogg page is cut"
    if not tail[at + 5] & 4:
        return "is truncated: the end of its Ogg stream is missing"
    return None


def _looks_like_page(data: bytes, at: int) -> bool:
    return len(data) > at + 26 and data[at + 4] == 0 and data[at + 5] <= 7
