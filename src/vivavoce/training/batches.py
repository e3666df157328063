"""Utterances become padded batches for a CTC encoder: speed, augmentation, features, warp, masks, tokens.

Every utterance appears once an epoch at each speed. What is drawn for it depends on (seed, epoch, item) alone, so that
batches are the same whether the run was interrupted or not, and whichever process or thread makes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.augment.chain import Chain
from vivavoce.augment.spec_augment import SpecAugment
from vivavoce.augment.speed import change_speed
from vivavoce.augment.surround import SHORT_SECONDS, Surround
from vivavoce.augment.vtlp import Vtlp
from vivavoce.data.bucketing import BucketSampler
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.training.waveforms import WaveformStore

Array = np.ndarray
_SURROUND = 1 << 20  # where a view's number stands in a seed: what all views have alike


@dataclass(frozen=True)
class Example:
    """What the loss needs of one utterance: character and phone targets; no phones where a word has none known."""

    tokens: tuple[int, ...]
    phones: tuple[int, ...]


@dataclass
class SpeechBatch:
    """features (B, 8n, F), frames (B,) encoder frames, tokens (B, U), phones (B, W), their lengths (B,) each.

    `on_host` holds the three lengths (frames, tokens, phones) beside the processor, wherever the rest is: CTC asks for
    them there, and would wait for the device.
    """

    features: Tensor
    frames: Tensor
    tokens: Tensor
    token_lengths: Tensor
    phones: Tensor
    phone_lengths: Tensor
    audio_seconds: float
    position: dict[str, Any]
    on_host: tuple[Tensor, Tensor, Tensor]

    def to(self, device: torch.device) -> SpeechBatch:
        """The same batch with its tensors on a device."""
        moved = {k: v.to(device, non_blocking=True) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return SpeechBatch(
            **moved, audio_seconds=self.audio_seconds, position=self.position, on_host=self.on_host
        )  # fmt: skip


@dataclass(frozen=True)
class Padding:
    """How features are lengthened: to groups of `subsampling`, after `tail_frames` frames of the floor's value."""

    subsampling: int
    tail_frames: int
    floor: float

    def pad(self, log_mel: Array) -> Array:
        """(T, F) -> (8n, F), as the runtime does at the end of a stream."""
        whole = -(-(len(log_mel) + self.tail_frames) // self.subsampling) * self.subsampling
        return np.pad(log_mel, ((0, whole - len(log_mel)), (0, 0)), constant_values=self.floor)


class SpeechBatches:
    """Endless batches over a waveform store; resumable, and made ahead by `workers` threads."""

    def __init__(
        self,
        store: WaveformStore,
        examples: Sequence[Example],
        sampler: BucketSampler,
        speeds: Sequence[float],
        config: FeatureConfig,
        padding: Padding,
        chain: Chain | None,
        masks: SpecAugment | None,
        seed: int = 0,
        workers: int = 1,
        warp: Vtlp | None = None,
        views: int = 1,
        surround: float = 0.0,
    ) -> None:
        """`sampler` counts items: number i is utterance i // len(speeds) at speed i % len(speeds).

        With two `views` a batch holds every item twice, differently augmented: rows i and B / 2 + i. Short utterances
        get up to `surround` seconds of quiet before and behind (augment/surround.py), the same in both views; the
        sampler's durations hold the most that they gain.

        Raises:
            ConfigError: surround is negative.
        """
        self.store, self.examples, self.sampler, self.speeds = store, examples, sampler, tuple(speeds)
        self.config, self.padding, self.chain, self.warp, self.masks = config, padding, chain, warp, masks
        self.seed, self.workers, self.views = seed, workers, views
        self.surround = Surround(surround) if surround else None

    def load_state_dict(self, position: dict[str, Any]) -> None:
        """Go on behind the batch that had this position."""
        self.sampler.load_state_dict(position)

    def __iter__(self) -> Iterator[SpeechBatch]:
        waiting: deque[Future[SpeechBatch]] = deque()
        with ThreadPoolExecutor(max(1, self.workers)) as pool:
            while True:
                for items in self.sampler:
                    # The sampler runs ahead of training, so each batch carries the position behind itself.
                    position = self.sampler.state_dict()
                    seconds = self.sampler.bucket_of(items)
                    waiting.append(pool.submit(self.make, list(items), seconds, position))
                    if len(waiting) > 2 * self.workers:
                        yield waiting.popleft().result()

    def make(self, items: list[int], bucket_seconds: float, position: dict[str, Any]) -> SpeechBatch:
        """One batch, padded to its bucket's length."""
        epoch = int(position["epoch"])
        seen = [(view, item) for view in range(self.views) for item in items]
        made = [self.example(item, epoch, view) for view, item in seen]
        group = self.padding.subsampling
        bucket = int(bucket_seconds * self.config.sample_rate) // self.config.hop_length + self.padding.tail_frames
        longest = max(-(-bucket // group) * group, max(len(row) for row, _ in made))
        batch = np.zeros((len(made), longest, made[0][0].shape[1]), dtype=np.float32)
        for row, (log_mel, _) in zip(batch, made, strict=True):
            row[: len(log_mel)] = log_mel
        examples = [self.examples[item // len(self.speeds)] for _, item in seen]
        tokens, token_lengths = pad_targets([example.tokens for example in examples])
        phones, phone_lengths = pad_targets([example.phones for example in examples])
        frames = torch.tensor([len(log_mel) // group for log_mel, _ in made])
        return SpeechBatch(
            torch.from_numpy(batch),
            frames,
            tokens,
            token_lengths,
            phones,
            phone_lengths,
            sum(seconds for _, seconds in made[: len(items)]),
            position,
            (frames, token_lengths, phone_lengths),
        )

    def example(self, item: int, epoch: int, view: int = 0) -> tuple[Array, float]:
        """Augmented, padded features of one item, (8n, F), and its seconds."""
        utterance, speed = divmod(item, len(self.speeds))
        rng = np.random.default_rng((self.seed, epoch, item, view) if view else (self.seed, epoch, item))
        recorded, rate = self.store[utterance], self.config.sample_rate
        waveform = change_speed(recorded, self.speeds[speed], rate)
        if self.surround is not None and len(recorded) < SHORT_SECONDS * rate:
            alike = np.random.default_rng((self.seed, epoch, item, _SURROUND))
            waveform = self.surround.apply(waveform, self.surround.draw(alike, len(waveform), rate))
        if self.chain is not None:
            waveform = self.chain.apply(waveform, self.chain.draw(rng, len(waveform), rate))
        if len(waveform) < self.config.win_length:
            waveform = np.pad(waveform, (0, self.config.win_length - len(waveform)))
        log_mel = features(waveform, self.config)
        if self.warp is not None:
            log_mel = self.warp.apply(log_mel, self.warp.draw(rng, *log_mel.shape))
        if self.masks is not None:
            log_mel = self.masks.apply(log_mel, self.masks.draw(rng, *log_mel.shape), fill=log_mel.mean(axis=0))
        return self.padding.pad(log_mel), len(waveform) / rate


def pad_targets(targets: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """(B, longest) int64 padded with 0, and the (B,) lengths."""
    lengths = torch.tensor([len(target) for target in targets])
    padded = torch.zeros(len(targets), max(1, int(lengths.max())), dtype=torch.int64)
    for row, target in zip(padded, targets, strict=True):
        row[: len(target)] = torch.tensor(target, dtype=torch.int64)
    return padded, lengths


def feature_statistics(store: WaveformStore, config: FeatureConfig, count: int = 500) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature, (F,) float32, over `count` utterances spread evenly over the store."""
    total = np.zeros(config.n_mels)
    squares = np.zeros(config.n_mels)
    frames = 0
    for number in range(0, len(store), max(1, len(store) // count)):
        waveform = store[number]
        if len(waveform) >= config.win_length:
            log_mel = features(waveform, config).astype(np.float64)
            total += log_mel.sum(axis=0)
            squares += (log_mel**2).sum(axis=0)
            frames += len(log_mel)
    mean = total / frames
    deviation = np.sqrt(np.maximum(squares / frames - mean**2, 1e-4))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(deviation, dtype=torch.float32)
