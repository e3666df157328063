"""MP3 without a stated length: all of it is read, and its length is known beforehand."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from vivavoce.audio import probe, read_waveform, stream_blocks
from vivavoce.audio.mpeg import FrameHeader, stating_length

TAG = b"ID3\x03\x00\x00\x00\x06\x00\x00" + bytes(6 << 14)  # 96 KiB of cover picture, say


def encoded(rate: int, channels: int, seconds: float = 3.0) -> tuple[np.ndarray, bytes, FrameHeader]:
    """Noise that grows louder, so that its bit rate changes; its MP3 file with the Info frame; that frame's header."""
    rng = np.random.default_rng(rate + channels)
    count = round(rate * seconds)
    waveform = (rng.standard_normal((count, channels)) * np.linspace(0, 0.2, count)[:, None]).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="MP3")
    header = FrameHeader.parse(file.getvalue()[:4])
    assert header is not None
    return waveform, file.getvalue(), header


RATES = [(8000, 1), (11025, 2), (16000, 1), (22050, 2), (24000, 1), (32000, 2), (44100, 2), (48000, 1)]


@pytest.mark.parametrize(("rate", "channels"), RATES)
@pytest.mark.parametrize("tag", [b"", TAG], ids=["bare", "picture"])
def test_nothing_is_lost_without_a_stated_length(tmp_path, rate, channels, tag):
    waveform, content, header = encoded(rate, channels)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    whole = read_waveform(path, None)
    assert len(whole) == len(waveform)  # with its Info frame the encoder's delay is taken off

    path.write_bytes(tag + content[header.size :])
    assert abs(soundfile.info(path).frames - len(waveform)) > 3000  # the guess this is about
    heard = read_waveform(path, None)
    assert probe(path).num_samples == len(heard) > len(waveform)
    delay = 576  # LAME's, which its Info frame tells the decoder to take off
    np.testing.assert_allclose(heard[delay : delay + len(whole)], whole, atol=1e-6)
    np.testing.assert_array_equal(np.concatenate(list(stream_blocks(path, None, 0.3))), heard)


@pytest.mark.parametrize(("rate", "channels"), RATES)
def test_blocks_continue_where_the_last_one_ended(tmp_path, rate, channels, capfd):
    """soundfile seeks between blocks, which makes an MP3 decoder forget bits that the next frame needs."""
    _, content, _ = encoded(rate, channels)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    expected = whole.mean(axis=1) if channels > 1 else whole[:, 0]
    heard = read_waveform(path, None)
    np.testing.assert_allclose(heard, expected, atol=1e-6)
    for seconds in (0.01, 0.3, 1.0):
        np.testing.assert_array_equal(np.concatenate(list(stream_blocks(path, None, seconds))), heard)
    assert capfd.readouterr() == ("", "")  # libmpg123 complains straight to the terminal


def test_damage_and_a_tag_at_the_end_do_not_change_the_count(tmp_path):
    _, content, header = encoded(16000, 1)
    frames = content[header.size :]
    path = tmp_path / "a.mp3"
    path.write_bytes(frames)
    length = probe(path).num_samples
    path.write_bytes(frames + b"TAG" + bytes(125))
    assert probe(path).num_samples == length
    second = FrameHeader.parse(frames[:4])
    assert second is not None
    third = 2 * second.size  # the first frames are silent and alike
    assert FrameHeader.parse(frames[third : third + 4]) is not None
    path.write_bytes(frames[:third] + b"\xff\x00noise" * 20 + frames[third:])
    assert probe(path).num_samples == length
    path.write_bytes(frames[:-10])  # the last frame is cut
    assert 500 < length - probe(path).num_samples < 700


def test_a_file_that_states_its_length_is_left_alone():
    _, content, _ = encoded(16000, 1)
    for stream in (
        io.BytesIO(content),
        io.BytesIO(TAG + content),
        io.BytesIO(b"RIFF\0\0\0\0WAVE"),
        io.BytesIO(b"\xff"),
    ):
        assert stating_length(stream) is stream
        assert stream.tell() == 0


def test_a_tag_that_is_larger_than_its_file(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(TAG[:1000])
    with pytest.raises(Exception, match=r"a\.mp3") as caught:
        read_waveform(path)
    assert type(caught.value).__name__ == "AudioError"


@pytest.mark.parametrize("seed", range(30))
def test_no_bytes_break_the_walk(seed):
    """Headers in a row among random bytes: the walk ends, and what it makes can be read from end to end."""
    rng = np.random.default_rng(seed)
    header = bytes((0xFF, 0xF3, 0x40, 0xC0))
    parsed = FrameHeader.parse(header)
    assert parsed is not None
    pieces = []
    for _ in range(rng.integers(2, 40)):
        pieces.append(header + rng.integers(0, 256, parsed.size - 4, dtype=np.uint8).tobytes())
        if rng.random() < 0.3:
            pieces.append(rng.integers(0, 256, rng.integers(1, 50), dtype=np.uint8).tobytes())
    content = pieces[0] + b"".join(pieces)
    stream = stating_length(io.BytesIO(content))
    data = stream.read()
    assert data.endswith(content)
    stream.seek(-5, 2)
    assert stream.read() == content[-5:]
