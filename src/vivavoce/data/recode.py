"""Copies of recordings as MP3s of low rates: what a codec does to speech, for a recogniser to learn.

Below some 32 kbit/s an encoder leaves out everything above 7 kHz, and within each frame what it takes to be masked. In
log-mel features those are holes down to the floor, in places where a network that has never heard an MP3 has never seen
one: trained on five hours coded another way, it read the characters of its own speakers with 16.5% errors, and with
20.3% from such copies. Files are written, rather than batches coded: coded once, read in every epoch.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from vivavoce.audio import probe
from vivavoce.audio.mpeg import KILOBITS
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import read_utterance
from vivavoce.data.selection import origins
from vivavoce.errors import AudioError, ConfigError

SAMPLE_RATE = 16000
RATES_KBPS = KILOBITS[False][1:]  # of MPEG-2 layer III, which 16 kHz belongs to; encoders round others down in silence


def recode(
    utterances: Sequence[Utterance], folder: str | Path, kbps: Sequence[int] = (16, 24, 24, 32), workers: int = 2
) -> Iterator[Utterance]:
    """Write each utterance as an MP3 of 16 kHz and yield it as it then is, in order; its id ends in `-mp3`.

    A copy that is there already, of the same part of the same file at the same rate, is kept, so that a run that was
    stopped goes on. Below 48 kbit/s libsndfile has no room for what tells players to skip the codec's delay, and speech
    comes 36 ms later than it came.

    Args:
        folder: where the copies go.
        kbps: constant bit rates; which one an utterance gets is drawn by its id.
        workers: encoders running at the same time.

    Raises:
        ConfigError: no rates, or one that MPEG-2 layer III does not have.
        AudioError: a recording cannot be read, or libsndfile cannot write MP3s.
    """
    if not kbps or not set(kbps) <= set(RATES_KBPS):
        raise ConfigError(f"kbps is {tuple(kbps)}; expected one or more of {', '.join(map(str, RATES_KBPS))}.")
    if "MP3" not in soundfile.available_formats():
        raise AudioError("this libsndfile cannot write MP3s; one of version 1.1 or later can.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def one(utterance: Utterance) -> Utterance:
        rate = kbps[hashlib.sha256(utterance.id.encode()).digest()[-1] % len(kbps)]
        audio = str(Path(utterance.audio).resolve())
        content = json.dumps([utterance.id, audio, utterance.offset_seconds, utterance.duration_seconds, rate])
        path = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:20]}.mp3"
        if not path.is_file():
            with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as own:  # the same copy may be made twice
                partial = Path(own) / path.name
                _encode(read_utterance(utterance, SAMPLE_RATE), partial, rate)
                partial.replace(path)
        seconds = probe(path).duration_seconds  # up to a tenth longer than it was: MP3s have whole frames
        return replace(
            utterance,
            id=f"{utterance.id}-mp3",
            audio=str(path),
            offset_seconds=0.0,
            duration_seconds=seconds,
            extra={**utterance.extra, "of": origins(utterance)},
        )

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, utterances)


def _encode(waveform: np.ndarray, path: Path, kbps: int) -> None:
    level = (RATES_KBPS[-1] - kbps) / (RATES_KBPS[-1] - RATES_KBPS[0])  # libsndfile's way of saying a bit rate
    soundfile.write(
        path, waveform, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT",
        compression_level=min(level, 0.999),  # it refuses the 1.0 of 8 kbit/s, and rounds this down to them
    )  # fmt: skip
