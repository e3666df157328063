"""Reading and writing: every format, any rate and channels, blocks against the whole, and every kind of broken file."""

from __future__ import annotations

import io
import os
import signal
import struct
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.audio import probe, read_channels, read_waveform, stream_blocks, to_mono, write_waveform, writing
from vivavoce.errors import AudioError

RATE = 16000


def speechlike(seconds: float = 1.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time))
    return (0.2 * tone + 0.02 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 1 / 120),
        ("wav", "PCM_16", 1 / 32000),
        ("wav", "PCM_24", 1e-6),
        ("wav", "PCM_32", 1e-7),
        ("wav", "FLOAT", 0.0),
        ("wav", "DOUBLE", 0.0),
        ("flac", "PCM_16", 1 / 32000),
        ("flac", "PCM_24", 1e-6),
    ],
)
def test_lossless_formats(tmp_path: Path, suffix: str, subtype: str, tolerance: float) -> None:
    waveform = speechlike()
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, waveform, RATE, subtype=subtype)
    np.testing.assert_allclose(read_waveform(path), waveform, atol=tolerance, rtol=0)
    assert probe(path).duration_seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("suffix", "form", "subtype"), [("mp3", "MP3", None), ("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS")]
)
def test_lossy_formats_keep_the_signal(tmp_path: Path, suffix: str, form: str, subtype: str | None) -> None:
    waveform = speechlike(2.0, 48000)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, waveform, 48000, format=form, subtype=subtype)
    heard = read_waveform(path, 48000)
    assert abs(len(heard) - len(waveform)) < 48000 * 0.06
    both = min(len(heard), len(waveform))
    lags = np.fft.irfft(np.fft.rfft(heard[:both]).conj() * np.fft.rfft(waveform[:both]))
    assert lags.max() / np.dot(waveform, waveform) > 0.95


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 6), (22050, 3), (11025, 1), (96000, 2)])
def test_any_rate_and_channels_become_mono(tmp_path: Path, rate: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    samples = (0.1 * rng.standard_normal((rate, channels))).astype(np.float32)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    expected = soxr.resample(samples.mean(axis=1, dtype=np.float32), rate, RATE, quality="HQ")
    waveform = read_waveform(path)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - RATE) <= 1
    np.testing.assert_allclose(waveform, expected[: len(waveform)], atol=1e-5)
    assert (probe(path).sample_rate, probe(path).channels, probe(path).num_samples) == (rate, channels, rate)


@settings(max_examples=25, deadline=None)
@given(block=st.floats(0.0005, 3.0), rate=st.sampled_from([8000, 16000, 44100]), seed=st.integers(0, 99))
def test_blocks_are_the_whole_bit_for_bit(block: float, rate: int, seed: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, speechlike(1.3, rate, seed), rate, format="WAV")
    pieces = list(stream_blocks(file, RATE, block))
    assert np.array_equal(np.concatenate(pieces), read_waveform(file))
    assert all(len(piece) for piece in pieces)


def test_a_stream_that_cannot_seek(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            return self.data.readinto(buffer)

    path = tmp_path / "a.flac"
    soundfile.write(path, speechlike(), RATE)
    assert np.array_equal(read_waveform(io.BufferedReader(Pipe(path.read_bytes()))), read_waveform(path))


def test_names_with_spaces_and_other_scripts(tmp_path: Path) -> None:
    path = tmp_path / "día 1, голос.wav"
    write_waveform(path, speechlike(), RATE)
    assert len(read_waveform(path)) == RATE


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_write_and_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_waveform(path, speechlike(), RATE)
    assert abs(len(read_waveform(path)) - RATE) < 2000
    assert os.listdir(tmp_path) == [f"a{suffix}"]


def broken(folder: Path) -> dict[str, tuple[Path, str]]:
    """Broken files by name, with what their error must say."""
    waveform = speechlike(3.0)
    files: dict[str, tuple[Path, str]] = {"missing": (folder / "missing.wav", "does not exist")}

    def put(name: str, data: bytes, message: str) -> None:
        (folder / name).write_bytes(data)
        files[name] = (folder / name, message)

    def coded(form: str, subtype: str | None = None, samples: np.ndarray = waveform) -> bytes:
        out = io.BytesIO()
        soundfile.write(out, samples, RATE, format=form, subtype=subtype)
        return out.getvalue()

    wave = coded("WAV")
    put("empty.wav", b"", r"is empty \(0 bytes\)")
    put("text.wav", b"this is no audio at all, only words\n" * 40, "is not readable audio")
    put("noise.mp3", np.random.default_rng(0).bytes(3000), "is not readable audio|holds no samples|is damaged")
    put("cut.wav", wave[: len(wave) // 2], "is truncated: its header promises 96000 bytes of samples, 47978 are there")
    put("header.wav", wave[:30], "is truncated: it ends before its samples")
    put("cut.flac", coded("FLAC")[:20000], "is truncated|is damaged")
    put("cut.ogg", coded("OGG", "VORBIS")[:9000], "is truncated")
    put("cut.opus", coded("OGG", "OPUS")[:9000], "is truncated")
    put("nothing.wav", coded("WAV", samples=waveform[:0]), "holds no samples")
    with_nan = waveform.copy()
    with_nan[16000] = np.nan
    put("nan.wav", coded("WAV", "FLOAT", with_nan), r"NaN or infinite samples \(the first at 1\.000 s\)")
    with_nan[16000] = np.inf
    put("inf.wav", coded("WAV", "FLOAT", with_nan), "NaN or infinite")
    put("silent-header.wav", wave[:22] + struct.pack("<H", 0) + wave[24:], "has 0 channels")
    put("film.m4a", b"\0\0\0\x20ftypM4A " + bytes(400), "is MP4, M4A or MOV.*Convert it: ffmpeg")
    put("film.webm", b"\x1aE\xdf\xa3" + bytes(400), "is WebM or Matroska")
    (folder / "folder.wav").mkdir()
    files["folder"] = (folder / "folder.wav", "is a folder")
    return files


KINDS = [
    *("missing", "folder", "empty.wav", "text.wav", "noise.mp3", "cut.wav", "header.wav", "cut.flac", "cut.ogg"),
    *("cut.opus", "nothing.wav", "nan.wav", "inf.wav", "silent-header.wav", "film.m4a", "film.webm"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_named_with_their_fault(tmp_path: Path, kind: str) -> None:
    files = broken(tmp_path)
    assert sorted(files) == sorted(KINDS)
    path, message = files[kind]
    with pytest.raises(AudioError, match=message) as caught:
        read_waveform(path)
    assert str(path) in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_anywhere_is_an_error_or_the_whole(data: st.DataObject) -> None:
    """No file that is cut is read as if it were whole."""
    form, subtype = data.draw(
        st.sampled_from([("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("OGG", "VORBIS")])
    )
    out = io.BytesIO()
    soundfile.write(out, speechlike(1.0), RATE, format=form, subtype=subtype)
    whole = read_waveform(out)
    cut = data.draw(st.integers(0, len(out.getvalue()) - 1))
    try:
        heard = read_waveform(io.BytesIO(out.getvalue()[:cut]))
    except AudioError:
        return
    assert len(heard) == len(whole)


@pytest.mark.parametrize(
    "stated", [0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF], ids="{:x}".format
)
def test_a_wav_that_came_through_a_pipe(stated: int) -> None:
    """GStreamer, sox, arecord and ffmpeg cannot know the length beforehand, and write one of these."""
    out = io.BytesIO()
    soundfile.write(out, speechlike(), RATE, format="WAV")
    piped = bytearray(out.getvalue())
    piped[40:44] = struct.pack("<I", stated)
    assert np.array_equal(read_waveform(io.BytesIO(piped)), read_waveform(out))


def test_a_flac_that_leaves_its_length_open(tmp_path: Path) -> None:
    """Encoders that write into a pipe do."""
    path = tmp_path / "a.flac"
    soundfile.write(path, speechlike(3.0), RATE)
    whole, content = read_waveform(path), bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO count the samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert probe(path).duration_seconds == 3.0
    assert np.array_equal(read_waveform(path), whole)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"is damaged at \d\.\d\d s"):
        read_waveform(path)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF"])
@pytest.mark.parametrize("missing", [0.6, 3])
def test_other_containers_that_are_cut(form: str, missing: float) -> None:
    out = io.BytesIO()
    soundfile.write(out, speechlike(), RATE, format=form, subtype="PCM_16")
    assert len(read_waveform(out)) == RATE
    content = out.getvalue()
    lost = round(missing if missing > 1 else missing * len(content))
    with pytest.raises(AudioError, match=r"is truncated|is malformed"):
        read_waveform(io.BytesIO(content[:-lost]))


@pytest.mark.parametrize(("rate", "channels"), [(100_000_000, 1), (2_147_483_647, 1), (32640, 255)])
def test_headers_that_claim_much_cost_little(tmp_path: Path, rate: int, channels: int) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros((2000, channels), np.float32), 16000, format="WAV")
    content = bytearray(out.getvalue())
    content[24:28] = struct.pack("<I", rate)
    tracemalloc.start()
    try:
        assert len(read_waveform(io.BytesIO(content), None)) == 2000
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_named_pipe(tmp_path: Path) -> None:
    """As `viva transcribe <(ffmpeg ...)` gives one."""
    path, pipe = tmp_path / "a.wav", tmp_path / "pipe"
    write_waveform(path, speechlike(), RATE)
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()), daemon=True)
    writer.start()
    assert np.array_equal(read_waveform(pipe), read_waveform(path))
    writer.join()


@pytest.mark.parametrize(
    ("name", "message"), [("a" * 300 + ".wav", "cannot be opened: File name too long"), ("a\0b", "null byte")]
)
def test_names_that_cannot_be(name: str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        read_waveform(name)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers of POSIX")
def test_an_interrupt_while_decoding_is_not_lost(tmp_path: Path) -> None:
    """Raised where libsndfile calls back into Python, it would be printed, and half a file taken for damaged."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.flac"
    write_waveform(path, np.tile(speechlike(10.0, 44100)[:, None], (18, 2)), 44100)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for attempt in range(8):
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes when it comes
                signal.setitimer(signal.ITIMER_REAL, 0.01 + 0.005 * attempt)
                while True:
                    for _ in stream_blocks(path, None):
                        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_mp3_that_lacks_its_second_half(tmp_path: Path) -> None:
    """The encoder's header counts the frames, so the loss is seen."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, speechlike(8.0), RATE, format="MP3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match="is truncated"):
        read_waveform(path)


@pytest.mark.parametrize(
    ("waveform", "name", "message"),
    [
        (np.zeros(0), "a.wav", "N > 0"),
        (np.array([0.0, np.nan]), "a.wav", "NaN"),
        (np.array([0.0, 1.5]), "a.wav", r"peaks at 1\.500 and would clip"),
        (np.zeros(9), "a.xyz", "cannot write XYZ"),
        (np.zeros((2, 3, 4)), "a.wav", "shape"),
    ],
)
def test_writing_refuses(tmp_path: Path, waveform: np.ndarray, name: str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        write_waveform(tmp_path / name, waveform, RATE)
    assert not list(tmp_path.iterdir())


def test_writing_into_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        write_waveform(tmp_path / "none" / "a.wav", speechlike(), RATE)


def test_float_files_keep_what_lies_beyond_full_scale(tmp_path: Path) -> None:
    write_waveform(tmp_path / "a.wav", np.array([0.0, 1.5, -2.0]), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_waveform(tmp_path / "a.wav"), np.float32([0.0, 1.5, -2.0]))


def test_channels_apart(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (5000, 3)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    np.testing.assert_array_equal(read_channels(tmp_path / "a.wav"), samples)
    samples[4410, 1] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"the first at 0\.100 s"):
        read_channels(tmp_path / "a.wav")


def test_to_mono() -> None:
    np.testing.assert_array_equal(to_mono(np.array([[1.0, 3.0], [0.0, -1.0]])), [2.0, -0.5])
    for shape in ((2, 0), (2, 2, 2), ()):
        with pytest.raises(AudioError, match="expected"):
            to_mono(np.zeros(shape))


def test_blocks_are_written_as_the_whole(tmp_path: Path) -> None:
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 50000).astype(np.float32)
    for suffix in (".wav", ".flac"):
        write_waveform(tmp_path / f"whole{suffix}", waveform, 22050)
        with writing(tmp_path / f"blocks{suffix}", 22050) as write:
            for start in range(0, 50000, 7919):
                write(waveform[start : start + 7919])
        assert (tmp_path / f"whole{suffix}").read_bytes() == (tmp_path / f"blocks{suffix}").read_bytes()


def test_of_a_broken_off_writing_nothing_is_left(tmp_path: Path) -> None:
    def broken() -> None:
        with writing(tmp_path / "a.wav", 16000) as write:
            write(np.zeros(10, np.float32))
            raise KeyError("not a file's fault")

    with pytest.raises(KeyError):
        broken()
    with pytest.raises(AudioError, match="no samples"), writing(tmp_path / "a.wav", 16000):
        pass
    with pytest.raises(AudioError, match="would clip"), writing(tmp_path / "a.wav", 16000) as write:
        write(np.full(4, 1.5, np.float32))
    assert list(tmp_path.iterdir()) == []
