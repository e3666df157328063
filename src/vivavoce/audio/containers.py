"""What a file's own bytes say about it, before any decoder: its kind, and whether it is whole.

libsndfile reads a cut-off WAV, AIFF, AU, CAF, W64 or Ogg file to where it ends and says nothing, so that half a
recording would pass for all of it. The containers promise their length; these few checks hold them to it. No samples
are decoded here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

# What programs write that stream into a pipe and cannot come back to fill the length in: sox 0x7F000008 (AIFF),
# GStreamer 0x7FFF0000, sox and eSpeak 0x7FFFF000, arecord 0x80000000, ffmpeg 0xFFFFFFFF, CAF's -1, and so on.
UNKNOWN_SIZES = (
    *(0, 0x7F000008, 0x7FFF0000, 0x7FFFF000, 0x7FFFFF00, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000),
    *(0xFFFFF000, 0xFFFFFFDB, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF),
)
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


@dataclass(frozen=True)
class _Chunks:
    """A container that is a row of chunks, each of them a name, a length and that many bytes.

    Attributes:
        first: where the first chunk begins.
        head: name and length, as `struct` reads them.
        samples: the name of the chunk that holds the samples.
        align: chunks begin at multiples of this.
        counts_head: whether a chunk's length holds its head too.
    """

    first: int
    head: str
    samples: bytes
    align: int
    counts_head: bool = False


_W64_SAMPLES = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_CHUNKS = {
    (b"RIFF", b"WAVE"): _Chunks(12, "<4sI", b"data", 2),
    (b"RIFX", b"WAVE"): _Chunks(12, ">4sI", b"data", 2),
    (b"RF64", b"WAVE"): _Chunks(12, "<4sI", b"data", 2),
    (b"FORM", b"AIFF"): _Chunks(12, ">4sI", b"SSND", 2),
    (b"FORM", b"AIFC"): _Chunks(12, ">4sI", b"SSND", 2),
    (b"riff", b"\xa5\xd6\x28\xdb"): _Chunks(40, "<16sQ", _W64_SAMPLES, 8, counts_head=True),
    (b"caff", b"desc"): _Chunks(8, ">4sQ", b"data", 1),
}


def fault_of(stream: BinaryIO) -> str | None:
    """What is missing of a file, in words; None when nothing is known to be. Leaves the stream at 0.

    WAV, RF64, W64, AIFF, AU, CAF and Ogg are known here. FLAC and MP3 say by themselves where they end.
    """
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(0)
    head = stream.read(12)
    fault = None
    chunks = _CHUNKS.get((head[:4], head[8:12]))
    if chunks is not None:
        fault = _chunk_fault(stream, size, chunks)
    elif head[:4] == b".snd" and len(head) == 12:
        offset, length = struct.unpack(">II", head[4:])
        fault = _length_fault(length, size - offset)
    elif head[:4] == b"OggS":
        fault = _ogg_fault(stream, size)
    stream.seek(0)
    return fault


def _chunk_fault(stream: BinaryIO, size: int, chunks: _Chunks) -> str | None:
    """Walk the chunks up to the samples."""
    position, width = chunks.first, struct.calcsize(chunks.head)
    stated = None  # RF64 has the length in a chunk of its own, 64 bits wide
    while position + width <= size:
        stream.seek(position)
        name, length = struct.unpack(chunks.head, stream.read(width))
        length -= width if chunks.counts_head else 0
        body = stream.read(16)
        if name == b"fmt " and len(body) >= 4 and body[2:4] == b"\0\0":
            return "has 0 channels"
        if name == b"ds64" and len(body) == 16:
            (stated,) = struct.unpack("<Q", body[8:])
        if name == chunks.samples:
            return _length_fault(length if stated is None else stated, size - position - width)
        position += width + max(0, length)
        position += -position % chunks.align
    return "is truncated: it ends before its samples"


def _length_fault(stated: int, there: int) -> str | None:
    if stated in UNKNOWN_SIZES or stated <= there:
        return None
    return f"is truncated: its header promises {stated} bytes of samples, {there} are there"


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
