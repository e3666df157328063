"""Decoded once, read many times: the training speech as 16-bit samples in one flat file, mapped into memory.

Opus and MP3 decode at some hundred times real time, training reads at many hundred; so each manifest is decoded before
the first update. A recording is decoded once, however many utterances are parts of it: words that were cut out of a
sentence lie inside the sentence. The file is keyed by what went into it: each utterance's recording, by its path, size
and time of change, and place in it. A changed manifest or recording makes a new one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vivavoce.audio import read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import span_of
from vivavoce.errors import AudioError, DataError

Array = np.ndarray
SCALE = 32767.0
FORMAT = 2  # of the index; those of 1 had lengths


class WaveformStore:
    """All utterances' samples at one rate, by index."""

    def __init__(self, utterances: Sequence[Utterance], sample_rate: int, folder: str | Path) -> None:
        """Open the store in `folder`, decoding what is not there yet.

        Raises:
            DataError: an utterance cannot be decoded; all such are named, at most ten. Or there are no samples at all.
        """
        self.sample_rate = sample_rate
        key = hashlib.sha256(f"{FORMAT} {sample_rate}".encode())
        key.update(state_of_all(utterances))
        stem = Path(folder) / f"waveforms-{key.hexdigest()[:16]}"
        samples, index = stem.with_suffix(".i16"), stem.with_suffix(".json")
        if not (index.is_file() and samples.is_file()):
            stem.parent.mkdir(parents=True, exist_ok=True)
            # The index comes last and whole: where it stands, the samples are complete.
            total, spans = _decode(utterances, sample_rate, samples)
            with _written_whole(index) as partial:
                partial.write_text(json.dumps({"samples": total, "spans": spans}))
        known = json.loads(index.read_text())
        self._starts, self._ends = np.array(known["spans"], np.int64).reshape(-1, 2).T
        self._samples = np.memmap(samples, dtype="<i2", mode="r", shape=(known["samples"],))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> Array:
        """(N,) float32 samples of one utterance."""
        return self._samples[self._starts[number] : self._ends[number]].astype(np.float32) / SCALE

    def all_samples(self) -> tuple[Array, Array, Array]:
        """All samples behind one another, (N,) int16 in the file's memory; where each utterance starts and ends."""
        return self._samples, self._starts, self._ends

    def seconds(self) -> Array:
        """(count,) float64 durations as decoded, which a file's header may state wrongly."""
        return (self._ends - self._starts) / self.sample_rate


def _decode(utterances: Sequence[Utterance], sample_rate: int, target: Path) -> tuple[int, list[tuple[int, int]]]:
    """Write the samples of recordings behind one another; returns how many, and where each utterance lies."""
    of_file: dict[str, list[int]] = {}
    for number, utterance in enumerate(utterances):
        of_file.setdefault(utterance.audio, []).append(number)
    files = list(of_file.items())

    def read(file: tuple[str, list[int]]) -> list[tuple[Array, list[tuple[int, int, int]]]] | str:
        """Stretches of samples, each with the utterances that lie in it: number, start and end there; or a fault."""
        path, numbers = file
        chosen = [utterances[number] for number in numbers]
        try:
            waveform = (np.clip(read_waveform(path, sample_rate), -1.0, 1.0) * SCALE).round().astype("<i2")
            spans = [span_of(utterance, len(waveform), sample_rate) for utterance in chosen]
        except AudioError as error:
            return str(error)
        if (0, len(waveform)) in spans:
            return [(waveform, [(number, *span) for number, span in zip(numbers, spans, strict=True)])]
        # Of a recording that nobody wants whole, only the parts.
        return [(waveform[a:b], [(number, 0, b - a)]) for number, (a, b) in zip(numbers, spans, strict=True)]

    places, faults, total = [(0, 0)] * len(utterances), [], 0
    with _written_whole(target) as partial:
        with ThreadPoolExecutor(os.cpu_count()) as pool, partial.open("wb") as out:
            for first in range(0, len(files), 512):  # bounded, so that memory does not hold the corpus
                for found in pool.map(read, files[first : first + 512]):
                    if isinstance(found, str):
                        faults.append(found)
                        continue
                    for samples, inside in found:
                        for number, start, end in inside:
                            places[number] = (total + start, total + end)
                        total += len(samples)
                        samples.tofile(out)
        if faults:
            raise DataError(f"{len(faults)} recordings cannot be read; mend or remove them:\n" + "\n".join(faults[:10]))
        if not total:
            raise DataError(f"the recordings of {len(utterances)} utterances hold no samples; expected speech.")
    return total, places


def state_of_all(utterances: Sequence[Utterance]) -> bytes:
    """What a cache of these is keyed by: each one's recording and place in it, and the recording's state."""
    state = functools.cache(state_of)
    return "".join(
        f"{one.audio}\0{one.offset_seconds}\0{one.duration_seconds}\0{state(one.audio)}\n" for one in utterances
    ).encode()


def state_of(path: str) -> tuple[int, int]:
    """A file's size and time of change; of one that is not there zeros, and decoding it says so."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


@contextmanager
def _written_whole(target: Path) -> Iterator[Path]:
    """Gives a file to write, which takes the place of `target` when all went well and else is removed."""
    partial = partial_of(target)
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def partial_of(target: Path) -> Path:
    """A name of one's own beside `target`: runs that begin together each write their own file, and each is whole."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    os.close(handle)
    return Path(name)
