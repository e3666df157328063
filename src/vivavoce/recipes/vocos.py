"""Vocoder: manifests of one voice -> a trained Vocos in a run folder, and its graph.

    viva train vocos --set manifests=manifests/kathleen-train.jsonl --set run=runs/vocos

Made for one CPU core and about an hour. The first part learns from spectra alone, which is quick; then discriminators
join, which take away the metallic sound that spectra do not hear. Texts that are held out for judging voices are never
trained on; copies of some of them are measured at every checkpoint.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vivavoce.data.manifest import Utterance
from vivavoce.data.voice_split import read_split
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import ConfigError
from vivavoce.models.vocos import Vocos, VocosDims
from vivavoce.models.voice_discriminators import (
    DiscriminatorDims,
    VoiceDiscriminators,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Trainee, run
from vivavoce.training.mel_losses import SpectralLoss
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import ClockSchedule, Schedule, warmup_hold_decay
from vivavoce.training.voice_segments import SegmentBatch, SegmentBatches
from vivavoce.training.waveforms import WaveformStore


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts; see training/mel_losses.py and models/voice_discriminators.py."""

    mel: float = 2.0
    log_magnitude: float = 1.0
    convergence: float = 1.0
    pitch: float = 10.0
    adversarial: float = 0.0
    feature_matching: float = 0.0


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    `batch` segments of `frames` frames make an update. With `seconds` the run ends after so many of them and the rate
    falls with the clock, whatever the machine's speed; `updates` is then only a bound, and a resumed run begins a new
    fall. Without it a run that was killed and resumed ends with the same bits.

    The discriminators join after `adversarial_after` updates and see `judged_frames` frames from somewhere in every
    segment; `judged_weights` count from then on. A share `blurred` of the mels is smoothed, as those of acoustic models
    are. Copies of `watch` held-out utterances are measured.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/vocos"
    cache: str = ".cache"
    dims: VocosDims = field(default_factory=VocosDims)
    discriminators: DiscriminatorDims = field(default_factory=DiscriminatorDims)
    weights: LossWeights = field(default_factory=LossWeights)
    judged_weights: LossWeights = field(default_factory=lambda: LossWeights(2.0, 0.5, 0.5, 10.0, 1.0, 2.0))
    updates: int = 6000
    seconds: float = math.inf
    adversarial_after: int = 400
    batch: int = 8
    frames: int = 48
    judged_frames: int = 32
    blurred: float = 0.5
    peak_rate: float = 8e-4
    discriminator_rate: float = 5e-4
    warmup: int = 30
    decay_share: float = 0.6
    weight_decay: float = 0.01
    clip_norm: float = 100.0
    average_decay: float = 0.995
    threads: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 240.0
    log_every: int = 25
    watch: int = 8


class Players(nn.Module):
    """The vocoder and those who judge it, as one thing to save."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.vocoder = Vocos(config.dims)
        self.discriminators = VoiceDiscriminators(config.discriminators)


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    if config.adversarial_after < config.updates and not 1 <= config.judged_frames <= config.frames:
        raise ConfigError(
            f"judged_frames is {config.judged_frames}; expected 1 to {config.frames}, the frames of a segment. Set "
            "judged_frames or frames."
        )
    torch.set_num_threads(config.threads)
    voice = FeatureConfig.voice()
    with distributed.alone("vocos") as process:
        folder = RunFolder(config.run)
        folder.save_config(asdict(config))
        kept, held_out = read_split(config.manifests)
        store = WaveformStore(kept, voice.sample_rate, config.cache)
        batches = SegmentBatches(
            store, voice, config.batch, config.frames, config.seed, range(len(store)), config.cache, config.blurred
        )
        torch.manual_seed(config.seed)
        players = Players(config)
        players.vocoder.set_normalisation(*batches.statistics())
        schedule: Schedule = warmup_hold_decay(config.warmup, config.updates, config.decay_share)
        if math.isfinite(config.seconds):
            schedule = ClockSchedule(config.seconds, config.warmup, config.decay_share)
        trainee = Trainee(players, optimizers(players, config), schedule)
        watch = Watch(players, trainee, held_out, config)
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            log_every=config.log_every,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.seconds,
            seed=config.seed,
        )
        run(Game(players, trainee, config), batches, trainee, loop, folder, process, watch)
        return folder.path


def optimizers(players: Players, config: Config) -> list[torch.optim.Optimizer]:
    """One for the vocoder and one for its judges."""
    betas = (0.8, 0.99)
    return [
        torch.optim.AdamW(
            players.vocoder.parameters(), lr=config.peak_rate, betas=betas, weight_decay=config.weight_decay
        ),
        torch.optim.AdamW(
            players.discriminators.parameters(),
            lr=config.discriminator_rate,
            betas=betas,
            weight_decay=config.weight_decay,
        ),
    ]


class Game:
    """One batch -> the vocoder's loss; with judges, their gradients are laid down beside it."""

    def __init__(self, players: Players, trainee: Trainee, config: Config) -> None:
        self.players, self.trainee, self.config = players, trainee, config
        self.spectral = SpectralLoss(FeatureConfig.voice())

    def __call__(self, batch: SegmentBatch) -> dict[str, Tensor]:
        judged, vocoder = self.trainee.updates >= self.config.adversarial_after, self.players.vocoder
        weights = self.config.judged_weights if judged else self.config.weights
        first = torch.randint(0, len(vocoder.noise), (len(batch.waveform),))
        output = vocoder(batch.log_mel, batch.pitch, first)
        values = self.spectral(output.waveform, batch.waveform)
        values["pitch"] = ((output.pitch - batch.pitch).abs() * (0.05 + 0.95 * batch.voiced)).mean()
        if judged:
            values.update(self._judged(output.waveform, batch.waveform))
        passed_on = values.pop("passed_on", torch.zeros(()))
        terms = [getattr(weights, name) * value for name, value in values.items() if hasattr(weights, name)]
        return {"loss": torch.stack(terms).sum() + passed_on, **values}

    def _judged(self, made: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The judges look once; their own gradients are kept apart from those that go on to the vocoder.

        Both are taken at the judges' present weights, so that the made speech passes them once instead of twice.
        """
        judges, hop = self.players.discriminators, self.config.dims.hop_length
        length = hop * self.config.judged_frames
        starts = hop * torch.randint(0, self.config.frames - self.config.judged_frames + 1, (len(made),))
        places = starts[:, None] + torch.arange(length)
        real, made = real.gather(1, places), made.gather(1, places)
        seen = made.detach().requires_grad_()
        on_real, on_made = judges(real), judges(seen)
        own = discriminator_loss(on_real, on_made)
        own.backward(inputs=list(judges.parameters()), retain_graph=True)
        adversarial, matching = adversarial_loss(on_made), feature_matching_loss(on_real, on_made)
        w = self.config.judged_weights
        (slope,) = torch.autograd.grad(w.adversarial * adversarial + w.feature_matching * matching, seen)
        passed_on = (made * slope).sum()
        return {
            # Its gradient is that of the two terms, its value nothing; so the loss shown is the sum of what is shown.
            "passed_on": passed_on - passed_on.detach(),
            "adversarial": adversarial.detach(),
            "feature_matching": matching.detach(),
            "discriminators": own.detach(),
        }


class Watch:
    """Copies of held-out utterances by the averaged weights, and how far they are from the recordings."""

    def __init__(self, players: Players, trainee: Trainee, held_out: list[Utterance], config: Config) -> None:
        voice = FeatureConfig.voice()
        self.trainee = trainee
        self.vocoder = Vocos(players.vocoder.dims).eval()
        self.spectral = SpectralLoss(voice)
        self.pairs = []
        chosen = held_out[:: max(1, len(held_out) // max(1, config.watch))][: config.watch]
        if chosen:
            store = WaveformStore(chosen, voice.sample_rate, config.cache)
            for number in range(len(store)):
                log_mel = torch.from_numpy(features(store[number], voice))[None, :-1]
                samples = voice.hop_length * log_mel.shape[1]
                self.pairs.append((log_mel, torch.from_numpy(store[number][:samples])[None]))
        self.last: dict[str, float] = {}

    @torch.inference_mode()
    def __call__(self, _updates: int) -> dict[str, float]:
        """Measure now; `last` keeps it."""
        if not self.pairs:
            return {}
        prefix = "vocoder."
        average = {n.removeprefix(prefix): t for n, t in self.trainee.average.items() if n.startswith(prefix)}
        self.vocoder.load_state_dict(average)
        sums: dict[str, float] = {}
        for log_mel, waveform in self.pairs:
            output = self.vocoder(log_mel)
            values = self.spectral(output.waveform, waveform)
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + float(value)
        self.last = {f"watch_{name}": round(total / len(self.pairs), 5) for name, total in sums.items()}
        return self.last
