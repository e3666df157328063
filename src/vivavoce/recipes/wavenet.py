"""WaveNet as a vocoder: recordings of one voice -> a trained model in a run folder, and a recording spoken again.

    viva train wavenet --set manifests=manifests/kathleen-train.jsonl --set run=runs/wavenet

The defaults are small, for one CPU core and some hours: two stacks of nine layers, 64 channels, mu-law. The paper's
vocoders are four times as wide and trained for a million updates; `Config(dims=WaveNetDims())` comes near them, with
`output="logistics"` as Tacotron 2's. Texts that are held out for judging voices are never trained on; after each
checkpoint the averaged weights are scored on their recordings, and at the end they speak a stretch of one from its mel,
beside the recording itself: copy.wav and recording.wav.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio.files import write_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.voice_split import read_split
from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ConfigError
from vivavoce.models.wavenet import WaveNet, WaveNetDims, to_targets, wavenet_loss
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Step, Trainee, run
from vivavoce.training.precision import autocast
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import warmup_hold_decay
from vivavoce.training.voice_segments import SegmentBatch, SegmentBatches
from vivavoce.training.waveforms import WaveformStore

SMALL = WaveNetDims(stacks=2, layers=9, channels=64, skip_channels=64, condition_channels=64)


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    `batch` segments of `frames` frames make an update; the first `skip_samples` of each do not count, because what came
    before them is not there. `watch_batches` batches of held-out recordings are scored, and `spoken_frames` frames of
    one are spoken at the end, a minute or so for a second on one core. `precision` is as in training/precision.py:
    bf16, where the processor has it, halves the cost of an update. `compile` takes another quarter, and a minute at the
    beginning.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/wavenet"
    cache: str = ".cache"
    dims: WaveNetDims = SMALL
    features: FeatureConfig = field(default_factory=FeatureConfig.voice)
    updates: int = 20000
    batch: int = 4
    frames: int = 20
    skip_samples: int = 512
    peak_rate: float = 1e-3
    warmup: int = 100
    decay_share: float = 0.5
    clip_norm: float = 1.0
    average_decay: float = 0.999
    precision: str = "auto"
    compile: bool = True
    threads: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 240.0
    stop_after_seconds: float = math.inf
    log_every: int = 25
    watch_batches: int = 4
    spoken_frames: int = 86


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    if config.dims.hop_length != config.features.hop_length or config.dims.n_mels != config.features.num_features:
        raise ConfigError(
            f"dims are for {config.dims.n_mels} bins every {config.dims.hop_length} samples; expected "
            f"{config.features.num_features} every {config.features.hop_length}, which the features have."
        )
    torch.set_num_threads(config.threads)
    with distributed.alone("wavenet") as process:
        folder = RunFolder(config.run)
        folder.save_config(asdict(config))
        batches, held_out = make_batches(config)
        torch.manual_seed(config.seed)
        net = WaveNet(config.dims)
        net.set_normalisation(*batches.statistics())
        optimizer = torch.optim.Adam(net.parameters(), lr=config.peak_rate)
        trainee = Trainee(net, [optimizer], warmup_hold_decay(config.warmup, config.updates, config.decay_share))
        watch = Watch(trainee, held_out, config)
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            log_every=config.log_every,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.stop_after_seconds,
            seed=config.seed,
        )
        if config.compile:
            net.compile()
        run(step_function(net, config), batches, trainee, loop, folder, process, watch)
        if held_out is not None and config.spoken_frames:
            watch.speak(folder.path)
        return folder.path


def make_batches(config: Config) -> tuple[SegmentBatches, SegmentBatches | None]:
    """Segments to train on, and held-out ones to be scored; None of these where nothing is held out.

    Raises:
        ConfigError: no manifests. DataError: nothing to train on, or only recordings that are shorter than a segment.
    """
    kept, held_out = read_split(config.manifests)

    def segments(chosen: list[Utterance], seed: int) -> SegmentBatches:
        store = WaveformStore(chosen, config.features.sample_rate, config.cache)
        numbers = list(range(len(store)))
        return SegmentBatches(store, config.features, config.batch, config.frames, seed, numbers, config.cache)

    return segments(kept, config.seed), segments(held_out, config.seed + 1_000_000) if held_out else None


def step_function(net: WaveNet, config: Config) -> Step:
    """One batch -> the negative log-likelihood of a sample, in nats."""

    def step(batch: SegmentBatch) -> dict[str, Tensor]:
        samples = to_targets(batch.waveform.numpy(), net.dims)
        with autocast(config.precision, samples.device):
            answers = net(samples, batch.log_mel)
        return {"loss": wavenet_loss(answers, samples, net.dims, config.skip_samples)}

    return step


class Watch:
    """The averaged weights' loss on held-out recordings, and what they make of one."""

    def __init__(self, trainee: Trainee, batches: SegmentBatches | None, config: Config) -> None:
        self.net, self.trainee, self.batches, self.config = WaveNet(config.dims).eval(), trainee, batches, config

    @torch.inference_mode()
    def __call__(self, _updates: int) -> dict[str, float]:
        """Measure now."""
        if self.batches is None or not self.config.watch_batches:
            return {}
        self.net.load_state_dict(self.trainee.average)
        step = step_function(self.net, self.config)
        losses = [float(step(self.batches.make(number))["loss"]) for number in range(self.config.watch_batches)]
        return {"watch_loss": round(sum(losses) / len(losses), 5)}

    def speak(self, folder: Path) -> None:
        """Write a stretch of the first held-out recording, as it is and from its mel."""
        assert self.batches is not None
        self.net.load_state_dict(self.trainee.average)
        hop, rate = self.config.features.hop_length, self.config.features.sample_rate
        mel = self.batches.mels[0]
        first = max(0, len(mel) // 2 - self.config.spoken_frames // 2)
        mel = mel[first : first + self.config.spoken_frames]
        recording = self.batches.store[self.batches.numbers[0]][first * hop : (first + len(mel)) * hop]
        rng = np.random.default_rng(self.config.seed)
        copy = self.net.generate(torch.from_numpy(np.asarray(mel, np.float32))[None], [rng])[0]
        write_waveform(folder / "recording.wav", recording, rate)
        write_waveform(folder / "copy.wav", copy, rate)
