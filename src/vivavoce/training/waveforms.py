"""Decoded once, read many times: the training speech as 16-bit samples in one flat file, mapped into memory.

Opus and MP3 decode at some hundred times real time, training reads at many hundred; so each manifest is decoded before
the first update. The file is keyed by what went into it, and a changed manifest makes a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import read_utterance
from vivavoce.errors import AudioError, DataError

Array = np.ndarray
SCALE = 32767.0


class WaveformStore:
    """All utterances' samples at one rate, by index."""

    def __init__(self, utterances: Sequence[Utterance], sample_rate: int, folder: str | Path) -> None:
        """Open the store in `folder`, decoding what is not there yet.

        Raises:
            DataError: an utterance cannot be decoded; all such are named, at most ten.
        """
        self.sample_rate = sample_rate
        key = hashlib.sha256(str(sample_rate).encode())
        for utterance in utterances:
            key.update(f"{utterance.audio}\0{utterance.offset_seconds}\0{utterance.duration_seconds}\n".encode())
        stem = Path(folder) / f"waveforms-{key.hexdigest()[:16]}"
        samples, index = stem.with_suffix(".i16"), stem.with_suffix(".json")
        if not (index.is_file() and samples.is_file()):
            stem.parent.mkdir(parents=True, exist_ok=True)
            # The index comes last and whole: where it stands, the samples are complete.
            lengths = _decode(utterances, sample_rate, samples)
            partial = partial_of(index)
            partial.write_text(json.dumps(lengths))
            partial.replace(index)
        self._ends = np.cumsum(np.asarray(json.loads(index.read_text()), dtype=np.int64))
        self._samples = np.memmap(samples, dtype="<i2", mode="r", shape=(int(self._ends[-1]),))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> Array:
        """(N,) float32 samples of one utterance."""
        start = 0 if number == 0 else int(self._ends[number - 1])
        return self._samples[start : int(self._ends[number])].astype(np.float32) / SCALE

    def all_samples(self) -> tuple[Array, Array]:
        """All utterances' samples behind one another, (N,) int16 in the file's memory, and where each ends."""
        return self._samples, self._ends

    def seconds(self) -> Array:
        """(count,) float64 durations as decoded, which a file's header may state wrongly."""
        return np.diff(self._ends, prepend=0) / self.sample_rate


def _decode(utterances: Sequence[Utterance], sample_rate: int, target: Path) -> list[int]:
    """Write all samples behind one another; returns their lengths."""

    def read(utterance: Utterance) -> Array | str:
        try:
            waveform = read_utterance(utterance, sample_rate)
        except AudioError as error:
            return str(error)
        return (np.clip(waveform, -1.0, 1.0) * SCALE).round().astype("<i2")

    lengths, faults = [], []
    partial = partial_of(target)
    with ThreadPoolExecutor(os.cpu_count()) as pool, partial.open("wb") as out:
        for start in range(0, len(utterances), 512):  # bounded, so that memory does not hold the corpus
            for result in pool.map(read, utterances[start : start + 512]):
                if isinstance(result, str):
                    faults.append(result)
                else:
                    lengths.append(len(result))
                    result.tofile(out)
    if faults:
        partial.unlink()
        raise DataError(f"{len(faults)} utterances cannot be read; mend or remove them:\n" + "\n".join(faults[:10]))
    partial.replace(target)
    return lengths


def partial_of(target: Path) -> Path:
    """A name of one's own beside `target`: runs that begin together each write their own file, and each is whole."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    os.close(handle)
    return Path(name)
