"""Raw PCM bytes <-> float32 samples, as sockets, pipes and sound cards carry them.

Integers are divided by the magnitude of their most negative value, so that full scale negative is exactly -1. Writing
is the inverse with rounding to nearest, clipped to what the integer holds; reading and writing again gives the same
bytes, but for mu-law's 0x7F: it is zero, too, and zero is written as 0xFF.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import AudioError

Array = NDArray[np.float32]
WIDTHS = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "u8": 1, "mulaw": 1}


def sample_width(encoding: str) -> int:
    """Bytes a sample.

    Raises:
        AudioError: an unknown encoding.
    """
    if encoding not in WIDTHS:
        raise AudioError(f"PCM encoding is {encoding!r}; expected one of {', '.join(WIDTHS)}.")
    return WIDTHS[encoding]


def decode(data: bytes, encoding: str = "s16le") -> Array:
    """Bytes -> (N,) float32 in [-1, 1].

    Raises:
        AudioError: unknown encoding, or bytes that are no whole number of samples (use `PcmStream` for pieces).
    """
    width = sample_width(encoding)
    if len(data) % width:
        raise AudioError(f"{len(data)} bytes are no whole number of {width}-byte {encoding} samples.")
    if encoding == "f32le":
        return np.frombuffer(data, dtype="<f4").astype(np.float32)
    if encoding == "mulaw":
        return _MULAW[np.frombuffer(data, dtype=np.uint8)]
    if encoding == "u8":
        return (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    if encoding == "s24le":
        raw = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
        values = (raw[:, 0] | raw[:, 1] << 8 | raw[:, 2] << 16) << 8 >> 8  # the shifts carry the sign
    else:
        values = np.frombuffer(data, dtype=f"<i{width}")
    return (values / float(2 ** (8 * width - 1))).astype(np.float32)


def encode(waveform: NDArray[Any], encoding: str = "s16le") -> bytes:
    """(N,) float samples -> bytes; what lies beyond [-1, 1] is clipped by the integer encodings.

    Raises:
        AudioError: unknown encoding, not one-dimensional, or not finite.
    """
    width = sample_width(encoding)
    samples = np.asarray(waveform, dtype=np.float64)
    if samples.ndim != 1:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono. Use audio.to_mono.")
    if not np.isfinite(samples).all():
        raise AudioError("waveform holds NaN or infinite samples; expected finite numbers in [-1, 1].")
    if encoding == "f32le":
        return samples.astype("<f4").tobytes()
    if encoding == "mulaw":
        edges = (_LEVELS[1:].astype(np.float64) + _LEVELS[:-1]) / 2
        return _CODES[np.searchsorted(edges, samples, side="right")].tobytes()  # of the two zeros, 0xFF
    full = float(2 ** (8 * width - 1))
    values = np.clip(np.rint(samples * full), -full, full - 1).astype(np.int64)
    if encoding == "u8":
        return (values + 128).astype(np.uint8).tobytes()
    if encoding == "s24le":
        return np.ascontiguousarray(values.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]).tobytes()
    return values.astype(f"<i{width}").tobytes()


class PcmStream:
    """Decodes bytes that arrive in pieces; the bytes of a split sample wait for the rest."""

    def __init__(self, encoding: str = "s16le") -> None:
        self.encoding = encoding
        self._width = sample_width(encoding)
        self._rest = b""

    def accept(self, data: bytes) -> Array:
        """The samples that are whole now."""
        data = self._rest + data
        whole = len(data) - len(data) % self._width
        self._rest = data[whole:]
        return decode(data[:whole], self.encoding)

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            AudioError: a part of a sample was left over; the sender cut the stream, or the encoding is another.
        """
        if self._rest:
            left, self._rest = len(self._rest), b""
            raise AudioError(f"the stream ended with {left} of {self._width} bytes of a {self.encoding} sample.")


def _mulaw_table() -> Array:
    """G.711: eight segments of sixteen steps, codes inverted on the wire."""
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4) & 7, (code & 15).astype(np.int32)
    magnitude = (((step << 3) + 132) << segment.astype(np.int32)) - 132
    return (np.where(code & 128, -magnitude, magnitude) / 32768.0).astype(np.float32)


_MULAW = _mulaw_table()
_CODES = np.argsort(_MULAW, kind="stable").astype(np.uint8)
_LEVELS = _MULAW[_CODES]
