"""Files of any rate and channel count <-> mono float32 waveforms at the rate you ask for.

Decoding is libsndfile's (WAV, FLAC, MP3, Ogg Vorbis, Opus and more), rate conversion soxr's. A whole file and the same
file in blocks go through one path, so that both give the same bits. A file that is damaged, cut off or no audio gives
an AudioError that names it; half a recording is never returned as a whole one.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vivavoce.audio.containers import fault_of, foreign_kind
from vivavoce.audio.mpeg import stating_length
from vivavoce.errors import AudioError

Array = NDArray[np.float32]
Source = str | os.PathLike[str] | BinaryIO

QUALITY = "HQ"
# Decoders differ from the stated length by delay and padding: up to two frames of MP3, one packet of Opus.
# A cut Ogg file is known by its missing last page (containers.py), so this slack hides none.
SLACK_SECONDS = {"MP3": 2 * 1152 / 16000, "MPEG": 2 * 1152 / 16000, "OGG": 0.12}
MAX_BLOCK_VALUES = 1 << 22  # 16 MiB, however high the rate and however many the channels that a header claims
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's for a FLAC file from a pipe, whose header leaves the length open
READABLE = "WAV, FLAC, MP3, Ogg Vorbis or Opus"


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of itself: rates in Hz, `num_samples` a channel."""

    path: str
    sample_rate: int
    channels: int
    num_samples: int
    format: str
    subtype: str

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def probe(path: Source) -> AudioInfo:
    """Rate, channels and length of a file, without decoding it, unless it is a FLAC file that leaves its length open.

    Raises:
        AudioError: missing, empty, truncated or no audio.
    """
    name = _name(path)
    with _open(path) as file:
        frames = file.frames
        if frames == UNKNOWN_FRAMES:
            frames = sum(map(len, _decoded(file, MAX_BLOCK_VALUES, name)))
        return AudioInfo(name, file.samplerate, file.channels, frames, file.format, file.subtype)


def read_waveform(path: Source, sample_rate: int | None = 16000) -> Array:
    """Read a whole file as mono.

    Args:
        path: a file's path, or a binary stream (standard input, say) that need not be seekable.
        sample_rate: in Hz; None keeps the file's own.

    Returns:
        (N,) float32, the mean of all channels, in [-1, 1] unless the file holds floats beyond.

    Raises:
        AudioError: missing, empty, truncated, not finite, or no audio.
    """
    blocks = list(stream_blocks(path, sample_rate, block_seconds=60.0))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def read_channels(path: Source) -> Array:
    """Read a whole file at its own rate with its channels apart.

    Returns:
        (N, channels) float32.

    Raises:
        AudioError: as `read_waveform`.
    """
    name = _name(path)
    with _open(path) as file:
        blocks = list(_decoded(file, MAX_BLOCK_VALUES, name))
        _check_length(name, file, sum(map(len, blocks)))
        samples: Array = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        _check_finite(name, samples, 0, file.samplerate)
        return samples


def stream_blocks(path: Source, sample_rate: int | None = 16000, block_seconds: float = 10.0) -> Iterator[Array]:
    """Read a file in blocks of at most about `block_seconds`, in memory that does not grow with the file.

    Put together the blocks are `read_waveform`'s samples, bit for bit. A fault in the middle of a file is raised when
    it is reached.

    Raises:
        AudioError: as `read_waveform`, or a block length that is not positive.
    """
    if not block_seconds > 0:
        raise AudioError(f"block_seconds is {block_seconds}; expected a positive length.")
    name = _name(path)
    with _open(path) as file:
        target = sample_rate or file.samplerate
        stream = None
        if target != file.samplerate:
            stream = soxr.ResampleStream(file.samplerate, target, 1, dtype="float32", quality=QUALITY)
        frames = max(1, round(block_seconds * file.samplerate))
        read = given = 0
        for block in _decoded(file, frames, name):
            mono = to_mono(block)
            _check_finite(name, mono, read, file.samplerate)
            read += len(mono)
            if stream is not None:
                mono = stream.resample_chunk(mono)
            if len(mono):
                given += len(mono)
                yield mono
        _check_length(name, file, read)
        if stream is not None:
            rest = stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)
            if len(rest):
                given += len(rest)
                yield rest
        if not given:
            raise AudioError(f"{name} is too short: {read} samples give none at {target} Hz.")


def to_mono(waveform: NDArray[Any]) -> Array:
    """(N,) or (N, channels) -> (N,) float32, the mean of the channels.

    Raises:
        AudioError: another shape, or no channel.
    """
    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim == 1:
        return samples
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) or (N, channels).")
    return samples[:, 0].copy() if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def write_waveform(path: str | os.PathLike[str], waveform: NDArray[Any], sample_rate: int, subtype: str = "") -> None:
    """Write a waveform; the suffix names the format (.wav, .flac, .ogg, .opus, .mp3).

    Args:
        waveform: (N,) or (N, channels), float in [-1, 1].
        sample_rate: in Hz.
        subtype: libsndfile's name of the coding, for example "FLOAT" or "PCM_24"; the format's usual one when empty.

    Nothing stands under the final name until the file is whole.

    Raises:
        AudioError: not finite, beyond [-1, 1] in a coding that would clip it, unknown format, or not writable.
    """
    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim not in (1, 2) or not len(samples):
        raise AudioError(f"waveform for {path} has shape {samples.shape}; expected (N,) or (N, channels), N > 0.")
    with writing(path, sample_rate, 1 if samples.ndim == 1 else samples.shape[1], subtype) as write:
        write(samples)


@contextmanager
def writing(
    path: str | os.PathLike[str], sample_rate: int, channels: int = 1, subtype: str = ""
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """Write audio of any length block by block: gives a function that takes the next (n,) or (n, channels) samples.

    Arguments as for `write_waveform`. The file appears under its name when the block of `with` ends well; else nothing
    is left.

    Raises:
        AudioError: as `write_waveform`; or nothing was given.
    """
    path = Path(path)
    form = {"": "WAV", ".wave": "WAV", ".opus": "OGG", ".oga": "OGG"}.get(path.suffix.lower(), path.suffix[1:].upper())
    known = form in soundfile.available_formats()
    usual = "OPUS" if path.suffix.lower() == ".opus" else soundfile.default_subtype(form) if known else ""
    coding = subtype or usual
    if not known or not soundfile.check_format(form, coding):
        raise AudioError(f"{path}: cannot write {form} with coding {coding or 'none'}; use .wav, .flac, .ogg or .mp3.")
    partial = path.with_name(f".{path.name}.part")
    try:
        with _writes(path):
            file = soundfile.SoundFile(partial, "w", sample_rate, channels, coding, format=form)
        with file:

            def write(waveform: NDArray[Any]) -> None:
                samples = np.asarray(waveform, dtype=np.float32)
                _check_writable(path, samples, subtype)
                with _writes(path):
                    file.write(samples)

            yield write
            if not file.frames:
                raise AudioError(f"there are no samples for {path}; nothing was written.")
            with _writes(path):
                file.close()
        with _writes(path):
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _writes(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"{path} cannot be written: {_reason(error)}.") from None


def _check_writable(path: Path, samples: Array, subtype: str) -> None:
    if not np.isfinite(samples).all():
        raise AudioError(f"waveform for {path} holds NaN or infinite samples; nothing was written.")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0 and subtype not in ("FLOAT", "DOUBLE"):
        raise AudioError(
            f'waveform for {path} peaks at {peak:.3f} and would clip; scale it down or use subtype "FLOAT".'
        )


class _Forward(soundfile.SoundFile):
    """Read from begin to end. soundfile seeks behind each block of a seekable file, to where it is already.

    For MP3 that is not harmless: the decoder starts anew there, without the bits that frames keep in those before them.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def _open(path: Source) -> Iterator[soundfile.SoundFile]:
    name = _name(path)
    with _seekable(path) as (stream, is_ours):
        head = stream.read(12)
        if not head:
            raise AudioError(f"{name} is empty (0 bytes); record or copy it again.")
        kind = foreign_kind(head)
        if kind is not None:
            raise AudioError(f"{name} is {kind}; expected {READABLE}. Convert it: ffmpeg -i INPUT OUTPUT.wav")
        fault = fault_of(stream)
        if fault is not None:
            raise AudioError(f"{name} {fault}; copy or record it again.")
        whole = stating_length(stream)
        try:
            if whole is stream and is_ours and os.name == "posix":
                # Through a Python object, an interrupt raised in libsndfile's calls back to it would be lost.
                os.lseek(stream.fileno(), 0, os.SEEK_SET)
                file = _Forward(stream.fileno(), closefd=False)
            else:
                file = _Forward(whole)
        except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
            raise AudioError(f"{name} is not readable audio ({_reason(error)}); expected {READABLE}.") from None
        with file:
            if file.channels < 1 or file.samplerate < 1:
                raise AudioError(f"{name} has {file.channels} channels at {file.samplerate} Hz; expected 1 or more.")
            if file.frames == 0:
                raise AudioError(f"{name} holds no samples (length 0); record it again.")
            yield file


@contextmanager
def _seekable(path: Source) -> Iterator[tuple[BinaryIO, bool]]:
    """A seekable stream at position 0, and whether it is a file of our own; what cannot seek is copied to one first."""
    if not isinstance(path, str | os.PathLike):
        with _spooled(path) as stream:
            yield stream, stream is not path
        return
    name = _name(path)
    if os.path.isdir(path):
        raise AudioError(f"{name} is a folder; expected an audio file.")
    try:
        opened = Path(path).open("rb")  # noqa: SIM115 - what goes wrong while it is read is no matter of opening
    except FileNotFoundError:
        raise AudioError(f"{name} does not exist; check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise AudioError(f"{name} cannot be opened: {getattr(error, 'strerror', None) or error}.") from None
    with opened, _spooled(opened) as stream:
        yield stream, True


@contextmanager
def _spooled(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream itself at position 0, or a temporary file with what it holds where it cannot seek."""
    if stream.seekable():
        stream.seek(0)
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        # Read apart: a buffer for reading and writing expects to find the descriptor where it has left it.
        with open(copy.fileno(), "rb", closefd=False) as reader:
            reader.seek(0)
            yield reader


def _decoded(file: soundfile.SoundFile, frames: int, name: str) -> Iterator[NDArray[Any]]:
    """Blocks of at most (frames, channels) float32 until the decoder has no more."""
    frames = max(1, min(frames, MAX_BLOCK_VALUES // file.channels))
    left = file.frames
    while True:
        try:
            # No more than is promised: libsndfile fills what is asked for and not there with zeros, which takes time.
            block = file.read(min(frames, max(left, 4096)), dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(
                f"{name} is damaged at {file.tell() / file.samplerate:.2f} s ({_reason(error)})."
            ) from None
        if not len(block):
            return
        left -= len(block)
        yield block


def _check_finite(name: str, samples: Array, before: int, sample_rate: int) -> None:
    """(N,) or (N, channels), behind `before` samples of the file."""
    finite = np.isfinite(samples)
    if not finite.all():
        place = (before + int(np.argwhere(~finite)[0, 0])) / sample_rate
        raise AudioError(f"{name} holds NaN or infinite samples (the first at {place:.3f} s); make it anew.")


def _check_length(name: str, file: soundfile.SoundFile, read: int) -> None:
    """Compare what was decoded with what the header promised."""
    slack = round(SLACK_SECONDS.get(file.format, 0.0) * file.samplerate)
    if read == 0:
        raise AudioError(f"{name} holds no samples that can be decoded; record it again.")
    if file.frames != UNKNOWN_FRAMES and read + slack < file.frames:
        raise AudioError(
            f"{name} is truncated: {file.frames / file.samplerate:.2f} s are promised, {read / file.samplerate:.2f} s "
            "can be decoded; copy or record it again."
        )


def _name(path: Source) -> str:
    if isinstance(path, str | os.PathLike):
        return os.fspath(path)
    name = getattr(path, "name", None)
    return "standard input" if name in ("<stdin>", 0) or isinstance(path, io.BytesIO) else str(name or "the stream")


def _reason(error: Exception) -> str:
    """libsndfile's own words, without its prefix that repeats the file's name."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__
