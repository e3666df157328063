"""MP3 files that do not state their length, made to state it.

Most encoders begin with a Xing, Info or VBRI frame that counts the others. Without one libsndfile guesses the length
from the size of the file and the bit rate of its first frame: with a changing bit rate or a picture in its tags that is
wrong, and libsndfile then stops early without a word. So the frames' headers are walked here, nothing is decoded, and
an Info frame with their true number is put in front of what libsndfile reads.

Header layout: ISO/IEC 11172-3, 2.4.1.3, and 13818-3 for the lower rates. Info frame: the layout that LAME writes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, cast

BLOCK_BYTES = 1 << 18
SEARCH_BYTES = 1 << 16  # how far a first frame is looked for behind the tags
KILOBITS = {  # layer III, by whether it is MPEG 1
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
INFO_BIT_RATE = 9  # 128 or 80 kbit/s: long enough for the counts at every sample rate


@dataclass(frozen=True)
class FrameHeader:
    """The four bytes in front of a layer III frame."""

    version: int  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    bit_rate: int
    rate: int
    padded: int
    mono: bool

    @classmethod
    def parse(cls, data: bytes | memoryview) -> FrameHeader | None:
        """The header in these bytes; None when they are none, or one of free format."""
        if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:  # sync, layer III
            return None
        version, bit_rate, rate = data[1] >> 3 & 3, data[2] >> 4, data[2] >> 2 & 3
        if version == 1 or bit_rate in (0, 15) or rate == 3:
            return None
        return cls(version, bit_rate, rate, data[2] >> 1 & 1, data[3] >> 6 == 3)

    @property
    def size(self) -> int:
        """Bytes of the frame, header included."""
        kilobits = KILOBITS[self.version == 3][self.bit_rate]
        return (144000 if self.version == 3 else 72000) * kilobits // RATES_HZ[self.version][self.rate] + self.padded

    @property
    def side_size(self) -> int:
        """Bytes of side information behind the header; the counts of an Info frame follow it."""
        if self.version == 3:
            return 17 if self.mono else 32
        return 9 if self.mono else 17

    def same_stream(self, other: FrameHeader | None) -> bool:
        """Whether both can belong to one stream: same version, rate and channels."""
        return other is not None and (self.version, self.rate, self.mono) == (other.version, other.rate, other.mono)


def stating_length(stream: BinaryIO) -> BinaryIO:
    """The same stream, or one with an Info frame in front when it is an MP3 that states no length. At position 0."""
    start, header = _first_frame(stream)
    if header is None:
        stream.seek(0)
        return stream
    stream.seek(start)
    frame = stream.read(header.size)
    if frame[4 + header.side_size :][:4] in (b"Xing", b"Info") or frame[36:40] == b"VBRI":
        stream.seek(0)
        return stream
    count = _count_frames(stream, start, header)
    return cast(BinaryIO, _Prefixed(_info_frame(frame, header, count), stream, start))


def _first_frame(stream: BinaryIO) -> tuple[int, FrameHeader | None]:
    """Where the first frame is, behind ID3 tags: one that another frame of the same stream follows."""
    start = 0
    while True:
        stream.seek(start)
        head = stream.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        # Four bytes of seven bits each give the tag's size.
        start += 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    if start == 0 and (len(head) < 2 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2):
        return 0, None  # no tag and no frame: another kind of file
    stream.seek(start)
    data = stream.read(SEARCH_BYTES + 2 * 1441)
    at = 0
    while 0 <= (at := data.find(b"\xff", at)) < SEARCH_BYTES:
        header = FrameHeader.parse(data[at : at + 4])
        if header is not None and header.same_stream(FrameHeader.parse(data[at + header.size :][:4])):
            return start + at, header
        at += 1
    return 0, None


def _count_frames(stream: BinaryIO, start: int, first: FrameHeader) -> int:
    """Whole frames from `start` on; what lies between frames (tags, damage) is skipped as decoders skip it."""
    count = 0
    stream.seek(start)
    data, at = b"", 0
    while True:
        if at + 2 * 1441 > len(data):
            more = stream.read(BLOCK_BYTES)
            data, at = data[at:] + more, 0
            if len(data) < 4 or (not more and not data):
                return count
        header = FrameHeader.parse(data[at : at + 4])
        if first.same_stream(header) and header is not None:
            if at + header.size > len(data):
                return count  # the last one is cut
            count += 1
            at += header.size
            continue
        at = data.find(b"\xff", at + 1)
        if at < 0:
            data, at = b"", 0


def _info_frame(frame: bytes, header: FrameHeader, count: int) -> bytes:
    """A silent frame of the same stream that states `count` frames behind it."""
    first = bytes((0xFF, frame[1] | 1, INFO_BIT_RATE << 4 | header.rate << 2, frame[3]))  # no checksum, no padding
    size = FrameHeader(header.version, INFO_BIT_RATE, header.rate, 0, header.mono).size
    body = first + bytes(header.side_size) + b"Info" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
    return body.ljust(size, b"\0")


class _Prefixed(io.RawIOBase):
    """`prefix`, then `stream` from `start` on, as one seekable stream."""

    def __init__(self, prefix: bytes, stream: BinaryIO, start: int) -> None:
        self.prefix, self.stream, self.start = prefix, stream, start
        self.position = 0
        self.size = len(prefix) + stream.seek(0, 2) - start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = max(0, (0, self.position, self.size)[whence] + offset)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.position < len(self.prefix):
            data = self.prefix[self.position : self.position + len(buffer)]
        else:
            self.stream.seek(self.start + self.position - len(self.prefix))
            data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)
