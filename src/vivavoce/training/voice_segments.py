"""Segments of speech with their log-mel, for vocoders: drawn anew for every batch, the same whenever it is made again.

The mel of whole utterances is computed once, so that a segment's frames at its ends see what stands beyond them, as
they will when an acoustic model makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.dsp.pitch import track_pitch
from vivavoce.errors import DataError
from vivavoce.training.waveforms import WaveformStore, partial_of

Array = np.ndarray


@dataclass
class SegmentBatch:
    """log_mel (B, T, F), waveform (B, 256 T), of which sample 256 t is the centre of frame t, pitch (B, T) in octaves
    above 1 Hz and voiced (B, T), 1 or 0; where there is no voice the pitch leads over."""

    log_mel: Tensor
    pitch: Tensor
    voiced: Tensor
    waveform: Tensor
    audio_seconds: float
    position: dict[str, Any]


class SegmentBatches:
    """Endless batches; number n holds the same segments whenever it is made."""

    def __init__(
        self,
        store: WaveformStore,
        config: FeatureConfig,
        batch: int,
        frames: int,
        seed: int,
        numbers: Sequence[int],
        cache: str | Path,
        blurred: float = 0.0,
    ) -> None:
        """`numbers` are those of the utterances to draw from, each as often as it is long; a share `blurred` of the
        mels is smoothed at random.

        Raises:
            DataError: no utterance is as long as a segment.
        """
        self.store, self.config, self.batch, self.frames, self.seed = store, config, batch, frames, seed
        self.blurred = blurred
        self.number = 0
        hop = config.hop_length
        seconds = store.seconds()
        long_enough = [n for n in numbers if round(seconds[n] * store.sample_rate) // hop > frames]
        if not long_enough:
            raise DataError(
                f"none of {len(numbers)} utterances is longer than {frames} frames; take a corpus of whole sentences."
            )
        self.numbers = long_enough
        self.mels = [features(store[n], config) for n in long_enough]
        self.pitches = track_pitches(store, config, long_enough, cache)
        # Frames that whole samples stand behind: the last one of an utterance may have none.
        self.rooms = np.array([round(seconds[n] * store.sample_rate) // hop - frames + 1 for n in long_enough])
        self.ends = np.cumsum(self.rooms)

    def hours(self) -> float:
        """How much speech there is to draw from."""
        return float(sum(self.store.seconds()[n] for n in self.numbers)) / 3600.0

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each mel band, (F,) each."""
        rows = np.concatenate(self.mels[:: max(1, len(self.mels) // 200)])
        return torch.from_numpy(rows.mean(axis=0)), torch.from_numpy(rows.std(axis=0)).clamp(min=0.1)

    def load_state_dict(self, position: Mapping[str, Any]) -> None:
        """Go on behind the batch that had this position."""
        self.number = int(position["number"])

    def __iter__(self) -> Iterator[SegmentBatch]:
        while True:
            self.number += 1
            yield self.make(self.number - 1)

    def make(self, number: int) -> SegmentBatch:
        """Batch number `number`."""
        rng = np.random.default_rng((self.seed, number))
        hop, log_mels, waveforms, pitches = self.config.hop_length, [], [], []
        for place in rng.integers(0, self.ends[-1], self.batch):
            which = int(np.searchsorted(self.ends, place, side="right"))
            first = int(place - (self.ends[which] - self.rooms[which]))
            pitches.append(self.pitches[which][:, first : first + self.frames])
            log_mels.append(self.mels[which][first : first + self.frames])
            waveforms.append(self.store[self.numbers[which]][first * hop : (first + self.frames) * hop])
        return SegmentBatch(
            torch.from_numpy(np.stack([self._seen(rng, log_mel) for log_mel in log_mels])),
            torch.from_numpy(np.stack([pitch[0] for pitch in pitches])),
            torch.from_numpy(np.stack([pitch[1] for pitch in pitches])),
            torch.from_numpy(np.stack(waveforms)),
            self.batch * self.frames * hop / self.config.sample_rate,
            {"number": number + 1},
        )

    def _seen(self, rng: np.random.Generator, log_mel: Array) -> Array:
        """As it is, or blurred as acoustic models' are, which give the mean of what may come."""
        amounts = rng.uniform(0.0, (0.3, 0.2))  # of each neighbour, in time and in frequency
        if rng.uniform() >= self.blurred:
            return log_mel
        for axis, amount in enumerate(amounts):
            before, behind = (np.take(log_mel, _neighbours(log_mel.shape[axis], step), axis) for step in (-1, 1))
            log_mel = (1.0 - 2.0 * amount) * log_mel + amount * (before + behind)
        return log_mel.astype(np.float32)


def _neighbours(count: int, step: int) -> Array:
    return np.clip(np.arange(count) + step, 0, count - 1)


def track_pitches(store: WaveformStore, config: FeatureConfig, numbers: list[int], cache: str | Path) -> list[Array]:
    """(2, T) float32 of each utterance: octaves above 1 Hz, leading over where there is no voice, and 1 where there is.

    Tracked once and kept in the folder `cache`, since it takes a minute for an hour of speech.
    """
    samples, _, ends = store.all_samples()
    key = hashlib.sha256(f"{config.sample_rate} {config.hop_length} {numbers}".encode())
    key.update(ends.tobytes() + samples[:: max(1, len(samples) // 100_000)].tobytes())
    path = Path(cache) / f"pitch-{key.hexdigest()[:16]}.npz"
    if not path.is_file():
        tracks = []
        for number in numbers:
            track = track_pitch(store[number], config.sample_rate, hop_seconds=config.hop_length / config.sample_rate)
            places = np.flatnonzero(track.voiced)
            octaves = np.full(len(track.voiced), 7.5)
            if len(places):
                octaves = np.interp(np.arange(len(octaves)), places, np.log2(track.f0_hz[places]))
            tracks.append(np.stack([octaves, track.voiced]).astype(np.float32))
        partial = partial_of(path)
        with partial.open("wb") as out:
            np.savez(out, tracks=np.concatenate(tracks, axis=1), ends=np.cumsum([t.shape[1] for t in tracks]))
        partial.replace(path)
    with np.load(path) as stored:
        return np.split(stored["tracks"], stored["ends"][:-1], axis=1)
