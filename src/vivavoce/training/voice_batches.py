"""A speaker's recordings become padded batches for an acoustic model: log-mel, pitch, energy, tokens, durations.

What a recording sounds like is computed once and kept in a cache folder as float16: its log-mel without the silence
around it, and its F0 at the mel's frames. The cache is keyed by what went into it; a changed recording makes a new one.
Texts and durations are no part of it, so they may change without computing anything again. Batches are the same whether
a run was interrupted or not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivavoce.data.bucketing import BucketSampler
from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.dsp.pitch import track_pitch
from vivavoce.errors import DataError
from vivavoce.training.waveforms import WaveformStore, partial_of, state_of_all

Array = NDArray[np.float32]
CACHE_VERSION = 1
BUCKET_FRAMES = 64  # utterances within so many frames of each other share batches


@dataclass(frozen=True)
class TrimRule:
    """How silence around speech is cut: frames `below_peak_db` under the loudest are silence, `keep_seconds` stay."""

    below_peak_db: float = 38.0
    keep_seconds: float = 0.13


@dataclass(frozen=True)
class VoiceSound:
    """One recording: mel (T, F) natural log, f0_hz (T,), 0 where there is no voice; float32.

    `first_frame` is that of the whole recording with which it begins.
    """

    mel: Array
    f0_hz: Array
    first_frame: int = 0

    @property
    def energy(self) -> Array:
        """(T,) natural log of the mean magnitude of a frame."""
        energy: Array = np.log(np.exp(self.mel).mean(axis=1)).astype(np.float32)
        return energy


def analyse(waveform: Array, config: FeatureConfig, trim: TrimRule) -> VoiceSound:
    """Log-mel and F0 of a recording, without the silence around its speech.

    Args:
        waveform: (N,) float32 at config.sample_rate. config: centred frames.

    Raises:
        AudioError: what `features` refuses.
    """
    mel = features(waveform, config)
    track = track_pitch(waveform, config.sample_rate, hop_seconds=config.hop_length / config.sample_rate)
    kept = speech_slice(mel, config, trim)
    return VoiceSound(mel[kept], track.f0_hz[kept], kept.start)


def speech_slice(mel: Array, config: FeatureConfig, trim: TrimRule) -> slice:
    """The frames from the first to the last that is loud enough, and those around them that the rule keeps.

    Loud enough is what is so for three frames in a row.
    """
    level_db = (20.0 / np.log(10.0)) * np.log(np.exp(mel).mean(axis=1))
    loud = level_db > level_db.max() - trim.below_peak_db
    steady = np.flatnonzero(loud[:-2] & loud[1:-1] & loud[2:])
    if not len(steady):
        return slice(0, len(mel))
    keep = round(trim.keep_seconds * config.frames_per_second)
    return slice(max(0, int(steady[0]) - keep), min(len(mel), int(steady[-1]) + 3 + keep))


class VoiceSounds:
    """All recordings of a manifest, analysed, in memory as float16. `key` is another where what they are made of is."""

    def __init__(
        self, utterances: Sequence[Utterance], config: FeatureConfig, trim: TrimRule, folder: str | Path
    ) -> None:
        """Open the cache in `folder`, analysing what is not there yet: some ten minutes an hour of speech.

        Raises:
            DataError: a recording cannot be read.
        """
        self.config = config
        facts = [CACHE_VERSION, config.to_dict(), trim.below_peak_db, trim.keep_seconds]
        key = hashlib.sha256(json.dumps(facts).encode())
        key.update(state_of_all(utterances))
        self.key = key.hexdigest()
        path = Path(folder) / f"voice-{self.key[:16]}.npz"
        if not path.is_file():
            _write(path, _analyse_all(WaveformStore(utterances, config.sample_rate, folder), config, trim))
        with np.load(path) as stored:
            self._mel, self._f0 = stored["mel"], stored["f0_hz"]
            self._ends, self._starts = stored["ends"], stored["starts"]

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> VoiceSound:
        """The recording of utterance `number`."""
        start = int(self._ends[number - 1]) if number else 0
        end = int(self._ends[number])
        mel, f0_hz = self._mel[start:end].astype(np.float32), self._f0[start:end].astype(np.float32)
        return VoiceSound(mel, f0_hz, int(self._starts[number]))

    def frames(self) -> NDArray[np.int64]:
        """(count,) how long each recording is."""
        return np.diff(self._ends, prepend=0)

    def statistics(self, numbers: Sequence[int] | None = None) -> tuple[Array, Array]:
        """Mean and deviation of each feature over all frames of these recordings, or of all; (F,) each."""
        stored = self._mel if numbers is None else np.concatenate([self[number].mel for number in numbers])
        mel = stored.astype(np.float64)
        return mel.mean(axis=0).astype(np.float32), np.maximum(mel.std(axis=0), 0.1).astype(np.float32)


def _analyse_all(store: WaveformStore, config: FeatureConfig, trim: TrimRule) -> dict[str, NDArray[Any]]:
    sounds = [analyse(store[number], config, trim) for number in range(len(store))]
    return {
        "mel": np.concatenate([sound.mel for sound in sounds]).astype(np.float16),
        "f0_hz": np.concatenate([sound.f0_hz for sound in sounds]).astype(np.float16),
        "ends": np.cumsum([len(sound.mel) for sound in sounds], dtype=np.int64),
        "starts": np.array([sound.first_frame for sound in sounds], dtype=np.int64),
    }


def _write(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Whole or not at all."""
    partial = partial_of(path)
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


@dataclass(frozen=True)
class VoiceScale:
    """Mean and deviation of a speaker's log F0, over voiced tokens, and of log energy, over tokens."""

    pitch_mean: float
    pitch_deviation: float
    energy_mean: float
    energy_deviation: float


def token_pitch(f0_hz: Array, durations: NDArray[np.int64]) -> Array:
    """Mean log F0 of each token, (U,) float32; NaN where less than a third of its frames has a voice.

    Args:
        f0_hz: (T,), 0 where there is no voice. durations: (U,) frames; they sum to T.
    """
    voiced = f0_hz > 0
    count = _sums(voiced.astype(np.float64), durations)
    mean = _sums(np.where(voiced, np.log(np.maximum(f0_hz, 1.0)), 0.0), durations) / np.maximum(count, 1.0)
    return np.where((count * 3 >= durations) & (count > 0), mean, np.nan).astype(np.float32)


def token_energy(energy: Array, durations: NDArray[np.int64]) -> Array:
    """Mean of (T,) over each token's frames, (U,) float32; NaN where it has none."""
    mean = _sums(energy.astype(np.float64), durations) / np.maximum(durations, 1)
    return np.where(durations > 0, mean, np.nan).astype(np.float32)


def _sums(values: NDArray[np.float64], durations: NDArray[np.int64]) -> NDArray[np.float64]:
    running = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.cumsum(durations)
    difference: NDArray[np.float64] = running[ends] - running[ends - durations]
    return difference


def filled(values: Array) -> Array:
    """The same with every NaN drawn from its neighbours on a straight line; 0 everywhere where all are NaN."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros_like(values)
    return np.interp(np.arange(len(values)), known, values[known]).astype(np.float32)


@dataclass(frozen=True)
class VoiceExample:
    """tokens (U,) and, once they are known, durations (U,) in frames, pitch and energy (U,) of mean 0, deviation 1.

    `speaker` is the number of who says it.
    """

    tokens: NDArray[np.int64]
    durations: NDArray[np.int64]
    pitch: Array
    energy: Array
    speaker: int = 0


def make_examples(
    sounds: VoiceSounds,
    tokens: Sequence[Sequence[int]],
    durations: Sequence[NDArray[np.int64]] | None,
    speakers: Sequence[int] | None = None,
) -> tuple[list[VoiceExample], VoiceScale]:
    """One example for each recording, and speaker 0's scale of pitch and energy.

    Without durations, zeros and (0, 1, 0, 1). `speakers` are the numbers, from 0 on, of who is heard in each recording:
    everybody's pitch and energy are scaled by their own; without it all are speaker 0.

    Raises:
        DataError: a row of durations has not a number for each token or does not sum to the recording's frames, or
            a speaker's recordings have no voiced frame.
    """
    if durations is None:
        return [
            VoiceExample(np.asarray(row), np.zeros(len(row), np.int64), *np.zeros((2, len(row)), np.float32))
            for row in tokens
        ], VoiceScale(0.0, 1.0, 0.0, 1.0)
    pitches, energies = [], []
    for number, (row, lasts) in enumerate(zip(tokens, durations, strict=True)):
        sound = sounds[number]
        if len(row) != len(lasts) or int(lasts.sum()) != len(sound.mel):
            raise DataError(
                f"recording {number} has {len(lasts)} durations of {int(lasts.sum())} frames together; expected "
                f"{len(row)} of {len(sound.mel)}. Align again."
            )
        pitches.append(token_pitch(sound.f0_hz, lasts))
        energies.append(token_energy(sound.energy, lasts))
    who = np.zeros(len(tokens), np.int64) if speakers is None else np.asarray(speakers)
    scales = [
        _scale([pitches[n] for n in numbers], [energies[n] for n in numbers])
        for numbers in (np.flatnonzero(who == speaker) for speaker in range(int(who.max()) + 1))
    ]
    examples = [
        VoiceExample(
            np.asarray(row, np.int64),
            lasts,
            filled((p - np.float32(scales[s].pitch_mean)) / np.float32(scales[s].pitch_deviation)),
            filled((e - np.float32(scales[s].energy_mean)) / np.float32(scales[s].energy_deviation)),
            s,
        )
        for row, lasts, p, e, s in zip(tokens, durations, pitches, energies, who.tolist(), strict=True)
    ]
    return examples, scales[0]


def _scale(pitches: Sequence[Array], energies: Sequence[Array]) -> VoiceScale:
    pitch, energy = np.concatenate(pitches), np.concatenate(energies)
    if not np.isfinite(pitch).any():
        raise DataError("no frame of any recording has a voice; expected speech. Look at the recordings.")
    return VoiceScale(
        float(np.nanmean(pitch)),
        max(float(np.nanstd(pitch)), 1e-3),
        float(np.nanmean(energy)),
        max(float(np.nanstd(energy)), 1e-3),
    )


@dataclass
class VoiceBatch:
    """tokens, durations, pitch, energy (B, U); mel (B, T, F), 0 where padded; token_lengths, frames, speakers (B,).

    `numbers` are those of the recordings.
    """

    tokens: Tensor
    token_lengths: Tensor
    durations: Tensor
    pitch: Tensor
    energy: Tensor
    mel: Tensor
    frames: Tensor
    speakers: Tensor
    numbers: tuple[int, ...]
    audio_seconds: float
    position: dict[str, Any]


class VoiceBatches:
    """Endless batches of recordings of like length; resumable. Each is padded to its own longest recording."""

    def __init__(
        self, sounds: VoiceSounds, examples: Sequence[VoiceExample], chosen: Sequence[int], batch_frames: int, seed: int
    ) -> None:
        """`chosen` are the numbers of the recordings to take; a batch has at most `batch_frames` with its padding."""
        self.sounds, self.examples, self.chosen = sounds, examples, list(chosen)
        frames = sounds.frames()[self.chosen]
        longest = -(-int(frames.max()) // BUCKET_FRAMES) * BUCKET_FRAMES
        buckets = range(2 * BUCKET_FRAMES, max(longest, 2 * BUCKET_FRAMES) + 1, BUCKET_FRAMES)
        self.sampler = BucketSampler(frames, list(buckets), batch_frames, seed)

    def load_state_dict(self, position: dict[str, Any]) -> None:
        """Go on behind the batch that had this position."""
        self.sampler.load_state_dict(position)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[VoiceBatch]:
        while True:
            for items in self.sampler:
                yield self.make([self.chosen[item] for item in items], self.sampler.state_dict())

    def make(self, numbers: Sequence[int], position: dict[str, Any] | None = None) -> VoiceBatch:
        """The batch of these recordings."""
        examples, mels = [self.examples[n] for n in numbers], [self.sounds[n].mel for n in numbers]

        def pad(get: Callable[[VoiceExample], NDArray[Any]]) -> Tensor:
            return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(get(e)) for e in examples], batch_first=True)

        frames = torch.tensor([len(mel) for mel in mels])
        return VoiceBatch(
            pad(lambda e: e.tokens),
            torch.tensor([len(e.tokens) for e in examples]),
            pad(lambda e: e.durations),
            pad(lambda e: e.pitch),
            pad(lambda e: e.energy),
            torch.nn.utils.rnn.pad_sequence([torch.from_numpy(mel) for mel in mels], batch_first=True),
            frames,
            torch.tensor([e.speaker for e in examples]),
            tuple(numbers),
            float(frames.sum()) / self.sounds.config.frames_per_second,
            position or {},
        )
