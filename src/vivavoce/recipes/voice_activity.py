"""Voice activity: manifests and noises -> a trained VoiceActivityNet in a run folder, and its bundle.

    viva train voice_activity --set manifests=m/arctic-train.jsonl,m/librispeech-train.jsonl --set bundle=my-vad

Made for one CPU core and some minutes. The labels are made from clean recordings by a rule (data/speech_frames.py)
before anything is added to them; then scenes are drawn: utterances with pauses between them, rooms, noises at drawn
ratios, and scenes of noise or silence alone. Frames of which the rule is not sure do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivavoce.augment.band_limit import BandLimit
from vivavoce.augment.level import active_power
from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.noise_bank import NoiseBank, NoiseBankConfig
from vivavoce.augment.reverb import Reverb, RoomPool
from vivavoce.augment.waveform import at_unit_power
from vivavoce.data.manifest import Utterance, read_for_training
from vivavoce.data.speech_frames import SpeechFrames, SpeechRule, speech_frames
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import DataError
from vivavoce.export.bundle_folder import check_place
from vivavoce.export.voice_activity import load_activity_net, write_activity_bundle
from vivavoce.metrics.detection import average_precision, detection
from vivavoce.models.voice_activity import ActivityDims, VoiceActivityNet, activity_loss
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Step, Trainee, run
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import warmup_hold_decay
from vivavoce.training.waveforms import WaveformStore
from vivavoce.training.weight_decay import decayed_groups

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SceneConfig:
    """What scenes are like; shares and probabilities are between 0 and 1, levels in dB of full scale.

    Attributes:
        seconds: length of every scene.
        noise_share, silence_share, clean_share: scenes of noise alone, of silence, and of speech with hardly any noise;
            the rest is speech in noise.
        pause_seconds: mean of the pauses between utterances, of which none is longer than five times this.
        snr_db: range of the active speech level over the noise.
        loudness_db: range of the scene's peak.
        rooms: how many are simulated.
        reverb, band_limit, second_noise, tones, clicks, swell: probabilities of each.
        noise_weight: how much a frame of noise or silence alone counts; above 1, false alarms weigh more than misses.
        ring_seconds: behind speech in a room, so much does not count: nobody knows when the sound has gone.
    """

    seconds: float = 8.0
    noise_share: float = 0.3
    silence_share: float = 0.03
    clean_share: float = 0.07
    pause_seconds: float = 0.9
    snr_db: tuple[float, float] = (-5.0, 25.0)
    loudness_db: tuple[float, float] = (-36.0, -0.5)
    rooms: int = 60
    reverb: float = 0.35
    band_limit: float = 0.1
    second_noise: float = 0.35
    tones: float = 0.1
    clicks: float = 0.15
    swell: float = 0.3
    noise_weight: float = 2.0
    ring_seconds: float = 0.15


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    `hours_each` is how much of each manifest is taken, evenly spread; `watch` how many utterances are held out, and
    `watch_batches` how many batches of scenes are made of them. With `bundle` the trained network is exported there.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/voice-activity"
    noise: str = "../shared/data/noise"
    cache: str = ".cache"
    bundle: str = ""
    dims: ActivityDims = field(default_factory=ActivityDims)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    rule: SpeechRule = field(default_factory=SpeechRule)
    scenes: SceneConfig = field(default_factory=SceneConfig)
    noises: NoiseBankConfig = field(default_factory=NoiseBankConfig)
    hours_each: float = 0.6
    updates: int = 3000
    batch: int = 12
    peak_rate: float = 4e-3
    warmup: int = 50
    decay_share: float = 0.5
    weight_decay: float = 0.02
    clip_norm: float = 1.0
    average_decay: float = 0.99
    threads: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 120.0
    stop_after_seconds: float = math.inf
    watch: int = 200
    watch_batches: int = 6


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    torch.set_num_threads(config.threads)
    if config.bundle:
        check_place(Path(config.bundle))  # now, and not when all is trained
    with distributed.alone("voice_activity") as process:
        folder = RunFolder(config.run)
        folder.save_config(asdict(config))
        speech = load_speech(config)
        library = NoiseLibrary.from_folder(config.noise, config.features.sample_rate)
        samples = round(config.scenes.seconds * config.features.sample_rate)
        noises = NoiseBank(library, samples, config.noises, config.seed)
        step_size = max(2, len(speech) // max(1, config.watch))
        watched, kept = speech.part(slice(0, None, step_size)), speech.part(None, without=step_size)
        batches = SceneBatches(Scenes(kept, noises, config.scenes, config.features), config.batch, config.seed)
        torch.manual_seed(config.seed)
        net = VoiceActivityNet(config.dims)
        net.set_normalisation(*statistics(batches))
        optimizer = torch.optim.AdamW(
            decayed_groups(net.parameters(), config.weight_decay),
            lr=config.peak_rate,
        )
        trainee = Trainee(net, [optimizer], warmup_hold_decay(config.warmup, config.updates, config.decay_share))
        watch = Watch(net, trainee, Scenes(watched, noises, config.scenes, config.features), config)
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.stop_after_seconds,
            seed=config.seed,
        )
        updates = run(step_function(net), batches, trainee, loop, folder, process, watch)
        if config.bundle:
            trained = load_activity_net(folder.checkpoints()[-1], config.dims)
            facts = {"recipe": "voice_activity", "updates": updates, "hours": kept.hours(), "seed": config.seed}
            accuracy = watch.last or watch(updates)  # a run that was finished before has measured nothing now
            write_activity_bundle(trained, config.features, config.bundle, training=facts, accuracy=accuracy)
        return folder.path


class Speech:
    """Labelled clean utterances: waveforms in a store, labels in memory."""

    def __init__(
        self, store: WaveformStore, numbers: Sequence[int], labels: Sequence[SpeechFrames], corpora: Sequence[str]
    ) -> None:
        """`numbers` are those of the utterances in the store; one label and one corpus each."""
        self.store, self.numbers, self.labels, self.corpora = store, list(numbers), list(labels), list(corpora)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> tuple[Array, SpeechFrames]:
        """(N,) samples and their T labels."""
        return self.store[self.numbers[place]], self.labels[place]

    def part(self, places: slice | None, without: int = 0) -> Speech:
        """Those at `places`; or with None all but every `without`th."""
        if places is not None:
            chosen = list(range(len(self)))[places]
        else:
            chosen = [place for place in range(len(self)) if place % without]
        return Speech(
            self.store,
            [self.numbers[i] for i in chosen],
            [self.labels[i] for i in chosen],
            [self.corpora[i] for i in chosen],
        )

    def hours(self) -> dict[str, float]:
        """How much of each corpus there is."""
        seconds = self.store.seconds()
        total: dict[str, float] = {}
        for number, corpus in zip(self.numbers, self.corpora, strict=True):
            total[corpus] = total.get(corpus, 0.0) + float(seconds[number]) / 3600.0
        return {corpus: round(hours, 2) for corpus, hours in sorted(total.items())}


def load_speech(config: Config) -> Speech:
    """Read, decode and label; recordings that are not clean enough to be labelled are left out.

    Raises:
        ConfigError: no manifests. DataError: an utterance of a test part, or nothing that is clean.
    """
    utterances: list[Utterance] = []
    for rows in read_for_training(config.manifests):
        hours = sum(utterance.duration_seconds for utterance in rows) / 3600.0
        utterances += rows[:: max(1, round(hours / config.hours_each))]
    store = WaveformStore(utterances, config.features.sample_rate, config.cache)
    numbers, labels = [], []
    for number in range(len(store)):
        found = speech_frames(store[number], config.features.sample_rate, config.rule)
        if found is not None:
            numbers.append(number)
            labels.append(found)
    if len(numbers) < 2:
        raise DataError(
            f"{len(numbers)} of {len(store)} recordings are clean enough to be labelled; expected two or more. Use "
            "corpora with quiet backgrounds."
        )
    corpora = [str(utterances[number].extra.get("corpus", "unnamed")) for number in numbers]
    return Speech(store, numbers, labels, corpora)


@dataclass
class Scene:
    """waveform (N,); speech and weights (T,): whether frame t is speech, and whether it counts."""

    waveform: Array
    speech: Array
    weights: Array


class Scenes:
    """Draws scenes. What is drawn depends on the generator alone."""

    def __init__(self, speech: Speech, noises: NoiseBank, config: SceneConfig, feature_config: FeatureConfig) -> None:
        """`noises` are as long as a scene."""
        self.speech, self.noises, self.config, self.features = speech, noises, config, feature_config
        self.rate, self.hop = feature_config.sample_rate, feature_config.hop_length
        self.samples = noises.num_samples
        self.frames = feature_config.count_frames(self.samples)
        self.reverb, self.band_limit = Reverb(RoomPool(self.rate, config.rooms)), BandLimit()

    def draw(self, rng: np.random.Generator) -> Scene:
        """One scene."""
        c = self.config
        kind = rng.random()
        if kind < c.silence_share:
            level = 10.0 ** (rng.uniform(-110.0, -75.0) / 20.0) * (rng.random() < 0.7)
            return self._scene((level * rng.standard_normal(self.samples)).astype(np.float32))
        if kind < c.silence_share + c.noise_share:
            return self._scene(self._at_level(rng, self.noise(rng)))
        scene = self._conversation(rng)
        power = active_power(scene.waveform, self.rate)
        clean = kind < c.silence_share + c.noise_share + c.clean_share
        snr_db = rng.uniform(30.0, 60.0) if clean else rng.uniform(*c.snr_db)
        if not clean or rng.random() < 0.7:
            scene.waveform += self.noise(rng) * np.float32(math.sqrt(power) * 10.0 ** (-snr_db / 20.0))
        if rng.random() < c.band_limit:
            params = self.band_limit.draw(rng, self.samples, self.rate)
            scene.waveform = self.band_limit.apply(scene.waveform, params)
        scene.waveform = self._at_level(rng, scene.waveform)
        return scene

    def noise(self, rng: np.random.Generator) -> Array:
        """(N,) of unit power: one recording or colour, perhaps another, tones, clicks, swelling or not."""
        c = self.config
        total = self.noises.draw(rng)
        if rng.random() < c.second_noise:
            total = total + self.noises.draw(rng) * np.float32(10.0 ** (rng.uniform(-15.0, 0.0) / 20.0))
        if rng.random() < c.tones:
            total = total + self._tones(rng)
        if rng.random() < c.clicks:
            total = total + self._clicks(rng)
        if rng.random() < c.swell:
            knots = rng.uniform(-10.0, 10.0, 2 + int(self.config.seconds))
            shape = np.interp(np.linspace(0, len(knots) - 1, self.samples), np.arange(len(knots)), knots)
            total = total * (10.0 ** (shape / 20.0)).astype(np.float32)
        return at_unit_power(total)

    def _scene(self, waveform: Array) -> Scene:
        """A scene in which nobody speaks."""
        weights = np.full(self.frames, self.config.noise_weight, np.float32)
        return Scene(waveform, np.zeros(self.frames, np.float32), weights)

    def _conversation(self, rng: np.random.Generator) -> Scene:
        """Utterances one after the other, each at a level of its own, in one room or none."""
        c = self.config
        scene = self._scene(np.zeros(self.samples, np.float32))
        scene.weights[:] = 1.0
        # Every other scene begins in the middle of an utterance.
        place = 0 if rng.random() < 0.5 else self._pause(rng)
        cut = place == 0
        while place < self.frames - 10:
            waveform, labels = self.speech[int(rng.integers(len(self.speech)))]
            first = int(rng.integers(max(1, len(labels.speech) * 3 // 4))) if cut else 0
            self._place(scene, waveform[first * self.hop :], labels, first, place, rng)
            place += len(labels.speech) - first + self._pause(rng)
            cut = False
        if rng.random() < c.reverb:
            params = self.reverb.draw(rng, self.samples, self.rate)
            scene.waveform = self.reverb.apply(scene.waveform, params)
            ends = np.flatnonzero(np.diff(scene.speech) < 0) + 1
            ring = round(c.ring_seconds * self.rate / self.hop)
            for end in ends:
                scene.weights[end : end + ring] *= scene.speech[end : end + ring]
        return scene

    def _place(
        self, scene: Scene, waveform: Array, labels: SpeechFrames, first: int, place: int, rng: np.random.Generator
    ) -> None:
        """Put an utterance, from its frame `first` on, where the scene's frame `place` begins."""
        gain = 10.0 ** (rng.uniform(-5.0, 5.0) / 20.0) / math.sqrt(max(active_power(waveform, self.rate), 1e-9))
        start = place * self.hop
        piece = waveform[: self.samples - start] * np.float32(min(gain, 300.0))
        scene.waveform[start : start + len(piece)] = piece
        frames = min(len(labels.speech) - first, self.frames - place)
        scene.speech[place : place + frames] = labels.speech[first : first + frames]
        scene.weights[place : place + frames] = labels.sure[first : first + frames]
        # Frames that lie half in the utterance and half before or behind it have no label.
        overlap = -(-self.features.win_length // self.hop) - 1
        scene.weights[max(0, place - overlap) : place] = 0.0
        scene.weights[place + frames : place + frames + overlap] = 0.0

    def _pause(self, rng: np.random.Generator) -> int:
        """Frames until the next utterance."""
        mean = self.config.pause_seconds
        return round(min(rng.exponential(mean), 5.0 * mean) * self.rate / self.hop)

    def _tones(self, rng: np.random.Generator) -> Array:
        """One to four steady sines, on and off together: hums, beeps, alarms."""
        time = np.arange(self.samples) / self.rate
        hertz = np.exp(rng.uniform(math.log(80.0), math.log(4000.0), int(rng.integers(1, 5))))
        tones = np.sin(2.0 * np.pi * np.outer(hertz, time) + rng.uniform(0.0, 2.0 * np.pi, len(hertz))[:, None])
        on = (time * rng.uniform(0.2, 3.0) + rng.random()) % 1.0 < rng.uniform(0.2, 1.2)
        level = 10.0 ** (rng.uniform(-15.0, 3.0) / 20.0)
        return at_unit_power((tones.sum(axis=0) * on).astype(np.float32)) * np.float32(level)

    def _clicks(self, rng: np.random.Generator) -> Array:
        """Short bursts that die away: keys, knocks, drops."""
        out = np.zeros(self.samples, np.float32)
        length = int(rng.uniform(0.003, 0.04) * self.rate)
        fading = np.exp(-np.linspace(0.0, 6.0, length)).astype(np.float32)
        for start in rng.integers(0, self.samples - length, int(rng.integers(1, 40))):
            burst = rng.standard_normal(length).astype(np.float32) * fading
            out[start : start + length] += burst * np.float32(rng.uniform(0.3, 1.0))
        return out * np.float32(10.0 ** (rng.uniform(0.0, 20.0) / 20.0))

    def _at_level(self, rng: np.random.Generator, waveform: Array) -> Array:
        """At a drawn peak."""
        peak = float(np.abs(waveform).max())
        return waveform * np.float32(10.0 ** (rng.uniform(*self.config.loudness_db) / 20.0) / max(peak, 1e-9))


@dataclass
class ActivityBatch:
    """features (B, T, F), speech and weights (B, T)."""

    features: Tensor
    speech: Tensor
    weights: Tensor
    audio_seconds: float
    position: dict[str, Any]


class SceneBatches:
    """Endless batches; number n holds the same scenes whenever it is made."""

    def __init__(self, scenes: Scenes, batch: int, seed: int, first: int = 0) -> None:
        self.scenes, self.batch, self.seed, self.number = scenes, batch, seed, first

    def load_state_dict(self, position: Mapping[str, Any]) -> None:
        """Go on behind the batch that had this position."""
        self.number = int(position["number"])

    def __iter__(self) -> Iterator[ActivityBatch]:
        while True:
            self.number += 1
            yield self.make(self.number - 1)

    def make(self, number: int) -> ActivityBatch:
        """Batch number `number`."""
        scenes = [self.scenes.draw(np.random.default_rng((self.seed, number, row))) for row in range(self.batch)]
        rows = np.stack([features(scene.waveform, self.scenes.features) for scene in scenes])
        return ActivityBatch(
            torch.from_numpy(rows),
            torch.from_numpy(np.stack([scene.speech for scene in scenes])),
            torch.from_numpy(np.stack([scene.weights for scene in scenes])),
            self.batch * self.scenes.config.seconds,
            {"number": number + 1},
        )


def statistics(batches: SceneBatches, count: int = 4) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature, (F,) each, over the first batches."""
    rows = torch.cat([batches.make(number).features.flatten(0, 1) for number in range(count)]).double()
    return rows.mean(dim=0).float(), rows.std(dim=0).clamp(min=0.01).float()


def step_function(net: VoiceActivityNet) -> Step:
    """One batch -> the loss, and how much of it counts."""

    def step(batch: ActivityBatch) -> dict[str, Tensor]:
        logits = net(batch.features).logits
        loss = activity_loss(logits, batch.speech, batch.weights, net.dims.lookahead_frames)
        return {"loss": loss, "counted": batch.weights.mean()}

    return step


class Watch:
    """Average precision and F1 of the averaged weights, on scenes made of held-out utterances."""

    def __init__(self, net: VoiceActivityNet, trainee: Trainee, scenes: Scenes, config: Config) -> None:
        self.net, self.trainee = VoiceActivityNet(net.dims).eval(), trainee
        made = SceneBatches(scenes, config.batch, seed=config.seed + 1_000_000)
        self.batches = [made.make(number) for number in range(config.watch_batches)]
        self.last: dict[str, float] = {}

    @torch.inference_mode()
    def __call__(self, _updates: int) -> dict[str, float]:
        """Measure now; `last` keeps it."""
        if not self.batches:
            return {}
        self.net.load_state_dict(self.trainee.average)
        late = self.net.dims.lookahead_frames
        scores, truth = [], []
        for batch in self.batches:
            frames = batch.speech.shape[1] - late
            counted = batch.weights[:, :frames] > 0
            scores.append(torch.sigmoid(self.net(batch.features).logits[:, late:])[counted])
            truth.append(batch.speech[:, :frames][counted] > 0)
        score, speech = torch.cat(scores).numpy(), torch.cat(truth).numpy()
        counts = detection(speech, score >= 0.5)
        self.last = {
            "watch_average_precision": round(average_precision(speech, score), 5),
            "watch_f1": round(counts.f1, 5),
            "watch_false_alarm_rate": round(counts.false_alarm_rate, 5),
        }
        return self.last
