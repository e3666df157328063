"""Raw PCM against libsndfile, round trips, and bytes in pieces."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.audio import pcm
from vivavoce.errors import AudioError

SUBTYPES = {"s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT", "mulaw": "ULAW"}


@pytest.mark.parametrize("encoding", SUBTYPES)
def test_decoding_is_libsndfiles(encoding: str) -> None:
    data = np.random.default_rng(0).bytes(12 * 500)
    if encoding == "f32le":
        data = np.random.default_rng(0).standard_normal(1500).astype("<f4").tobytes()
    settings = {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": SUBTYPES[encoding], "endian": "LITTLE"}
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", **settings)
    np.testing.assert_array_equal(pcm.decode(data, encoding), expected)


@pytest.mark.parametrize("encoding", ["u8", "s16le", "s24le", "s32le", "mulaw", "f32le"])
def test_bytes_survive_the_round_trip(encoding: str) -> None:
    data = np.random.default_rng(1).bytes(12 * 400)
    if encoding == "f32le":
        data = np.linspace(-2, 2, 999, dtype="<f4").tobytes()
    if encoding == "s32le":  # float32 holds 24 bits
        data = (np.frombuffer(data, "<i4") & -256).astype("<i4").tobytes()
    again = pcm.encode(pcm.decode(data, encoding), encoding)
    if encoding == "mulaw":  # two codes stand for zero
        np.testing.assert_array_equal(pcm.decode(again, encoding), pcm.decode(data, encoding))
        assert again == data.replace(b"\x7f", b"\xff")
    else:
        assert again == data


@given(pieces=st.lists(st.integers(0, 9), max_size=40), encoding=st.sampled_from(["s16le", "s24le", "f32le"]))
def test_pieces_are_the_whole(pieces: list[int], encoding: str) -> None:
    data = np.random.default_rng(2).integers(0, 100, 3 * 4 * 20, dtype=np.uint8).tobytes()
    stream, start, out = pcm.PcmStream(encoding), 0, []
    for piece in pieces:
        out.append(stream.accept(data[start : start + piece]))
        start += piece
    out.append(stream.accept(data[start:]))
    stream.finish()
    np.testing.assert_array_equal(np.concatenate(out), pcm.decode(data, encoding))


def test_faults() -> None:
    with pytest.raises(AudioError, match="no whole number of 2-byte"):
        pcm.decode(b"abc")
    with pytest.raises(AudioError, match="expected one of"):
        pcm.decode(b"ab", "s17")
    with pytest.raises(AudioError, match="NaN"):
        pcm.encode(np.array([np.nan]))
    stream = pcm.PcmStream()
    stream.accept(b"abc")
    with pytest.raises(AudioError, match="ended with 1 of 2 bytes"):
        stream.finish()


def test_silence_in_mulaw_is_all_ones() -> None:
    assert pcm.encode(np.array([0.0, -0.0]), "mulaw") == b"\xff\xff"


def test_clipping() -> None:
    assert pcm.decode(pcm.encode(np.array([2.0, -2.0, 1.0]))).tolist() == [32767 / 32768, -1.0, 32767 / 32768]
