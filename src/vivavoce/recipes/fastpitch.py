"""A voice's acoustic model: one speaker's recordings and texts -> a trained FastPitch in a run folder.

    viva train g2p --set parts=0 --set run=runs/g2p
    viva train fastpitch --set manifests=manifests/kathleen-train.jsonl --set run=runs/fastpitch

Made for one CPU core and an hour or two. Recordings of other people may stand beside the voice's own
(`manifests=own.jsonl,others.jsonl`): an hour of one speaker is soon learned by heart, and how phones sound beside one
another is everybody's. Who speaks in the first recording is the voice.

First an aligner learns which frame belongs to which token (some minutes; in the folder `aligner`), and its durations
are kept in `durations.npz`; then the acoustic model learns from them. Texts that are held out (data/voice_split.py) are
in neither; the acoustic model is watched on them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivavoce.data.manifest import Utterance, read_for_training
from vivavoce.data.voice_split import split_numbers
from vivavoce.decoding.alignment import align_tokens
from vivavoce.decoding.pronouncer import Pronouncer
from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import DataError
from vivavoce.models.aligner import (
    Aligner,
    AlignerDims,
    best_durations,
    binarisation_loss,
    forward_sum_loss,
)
from vivavoce.models.fastpitch import SPACE_ID, FastPitch, FastPitchDims, fastpitch_loss
from vivavoce.runtime.bundle import PHONES, Bundle, load_bundle
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.spoken import spoken_form
from vivavoce.text.voice_tokens import BREAK, MARKS, TOKENS, token_ids
from vivavoce.training import distributed
from vivavoce.training.duration_refinement import refine_durations
from vivavoce.training.loop import LoopConfig, Step, Trainee, run
from vivavoce.training.run_folder import RunFolder, load_checkpoint, unpack
from vivavoce.training.schedule import warmup_hold_decay
from vivavoce.training.voice_batches import (
    TrimRule,
    VoiceBatch,
    VoiceBatches,
    VoiceSounds,
    make_examples,
)
from vivavoce.training.waveforms import WaveformStore
from vivavoce.training.weight_decay import decayed_groups

_NAMES = [token.rstrip("012") for token in TOKENS]
SOUND_OF_TOKEN = np.array([_NAMES.index(name) for name in _NAMES])  # vowels of any stress are one sound here
SILENCES = frozenset(TOKENS.index(token) for token in (BREAK, *MARKS))
Durations = list[NDArray[np.int64]]


@dataclass(frozen=True)
class AlignerConfig:
    """How the aligner learns; `sharpen_after` updates its hard alignment is pulled towards itself."""

    dims: AlignerDims = field(default_factory=AlignerDims)
    updates: int = 600
    batch_frames: int = 4800
    peak_rate: float = 3e-3
    warmup: int = 20
    sharpen_after: int = 350
    free_frames: float = 6.0
    slope_frames: float = 2.0
    refine_rounds: int = 6


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    `lexicon` is made by `viva train g2p --set parts=0`: the voice is trained on what it will be given. `recognizer`, a
    bundle, hears roughly where each sound is. The speaker of the first recording is the voice, and `dims.speakers` is
    counted; an epoch goes through the voice's own recordings `own_times` times where there are others.
    `stop_after_seconds` counts from a session's first update of the acoustic model.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/fastpitch"
    cache: str = ".cache"
    lexicon: str = "runs/g2p/voice.lexicon"
    recognizer: str = "src/vivavoce/assets/asr-en-small"
    dims: FastPitchDims = field(default_factory=FastPitchDims)
    features: FeatureConfig = field(default_factory=FeatureConfig.voice)
    trim: TrimRule = field(default_factory=TrimRule)
    aligner: AlignerConfig = field(default_factory=AlignerConfig)
    own_times: int = 2
    updates: int = 6000
    batch_frames: int = 2400
    peak_rate: float = 1.5e-3
    warmup: int = 200
    decay_share: float = 0.35
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.997
    predictors: float = 0.1
    threads: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 240.0
    stop_after_seconds: float = math.inf
    watch: int = 64


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    torch.set_num_threads(config.threads)
    with distributed.alone("fastpitch") as process:
        folder = RunFolder(config.run)
        utterances, tokens = load_texts(config.manifests, config.lexicon)
        speakers = speaker_numbers(utterances)
        config = replace(config, dims=replace(config.dims, speakers=max(speakers) + 1))
        folder.save_config(asdict(config))
        recognizer = load_bundle(config.recognizer)
        recognizer.alphabet(PHONES)  # one without phones is refused now, and not when all is analysed
        sounds = VoiceSounds(utterances, config.features, config.trim, config.cache)
        kept, held_out = split_numbers(utterances)
        durations = align(config, recognizer, utterances, sounds, tokens, kept, process)
        examples, scale = make_examples(sounds, tokens, durations, speakers)
        own = [number for number in kept if speakers[number] == 0]
        held_out = [number for number in held_out if speakers[number] == 0]
        again = own * (config.own_times - 1) if len(own) < len(kept) else []
        batches = VoiceBatches(sounds, examples, kept + again, config.batch_frames, config.seed)
        torch.manual_seed(config.seed)
        net = FastPitch(config.dims)
        mean, deviation = sounds.statistics(own)
        net.set_normalisation(
            torch.from_numpy(mean), torch.from_numpy(deviation), scale.pitch_deviation, scale.energy_deviation
        )
        optimizer = torch.optim.AdamW(
            decayed_groups(net.parameters(), config.weight_decay),
            lr=config.peak_rate,
            betas=(0.9, 0.98),
        )
        trainee = Trainee(net, [optimizer], warmup_hold_decay(config.warmup, config.updates, config.decay_share))
        watched = VoiceBatches(sounds, examples, held_out[: config.watch], config.batch_frames, 0) if held_out else None
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.stop_after_seconds,
            seed=config.seed,
        )
        run(
            step_function(net, config.predictors), batches, trainee, loop, folder, process, Watch(net, trainee, watched)
        )
        return folder.path


def load_texts(manifests: Sequence[str], lexicon: str) -> tuple[list[Utterance], list[list[int]]]:
    """The utterances of the manifests and each one's token ids.

    Raises:
        ConfigError: no manifests. DataError: one is empty or of a test part, or a text has no words.
    """
    utterances = [utterance for rows in read_for_training(manifests) for utterance in rows]
    say = Pronouncer.open(lexicon)
    tokens = [say.tokens(spoken_form(utterance.text)) for utterance in utterances]
    if silent := [utterance.id for utterance, row in zip(utterances, tokens, strict=True) if not row]:
        raise DataError(f"{len(silent)} utterances have no words ({', '.join(silent[:3])}); take them out.")
    return utterances, [token_ids(row) for row in tokens]


def speaker_numbers(utterances: Sequence[Utterance]) -> list[int]:
    """Who speaks in each, numbered in the order in which they first appear."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(utterance.speaker, len(numbers)) for utterance in utterances]


def align(
    config: Config,
    recognizer: Bundle,
    utterances: Sequence[Utterance],
    sounds: VoiceSounds,
    tokens: Sequence[Sequence[int]],
    kept: Sequence[int],
    process: distributed.Process,
) -> Durations:
    """How many frames each token of each recording lasts: those of the run folder, or learned now."""
    path = Path(config.run) / "durations.npz"
    lengths = np.array([len(row) for row in tokens])
    key = alignment_key(config, recognizer, utterances, sounds, tokens, kept)
    if path.is_file():
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                return list(np.split(stored["durations"], np.cumsum(lengths)[:-1]))
    c = config.aligner
    # Spaces have no sound of their own; an aligner that must give them frames soon gives them all.
    spoken = [[token for token in row if token != SPACE_ID] for row in tokens]
    examples, _ = make_examples(sounds, spoken, None)
    priors = anchors(config, recognizer, utterances, sounds, spoken)
    torch.manual_seed(config.seed)
    net = Aligner(c.dims)
    mean, deviation = (torch.from_numpy(part) for part in sounds.statistics())

    def attend(batch: VoiceBatch) -> Tensor:
        prior = torch.zeros(len(batch.numbers), batch.mel.shape[1], batch.tokens.shape[1])
        for row, number in zip(prior, batch.numbers, strict=True):
            values = window_prior(*priors[number], len(sounds[number].mel), c.free_frames, c.slope_frames)
            row[: values.shape[0], : values.shape[1]] = torch.from_numpy(values)
        real = torch.arange(batch.mel.shape[1]) < batch.frames[:, None]
        return net(batch.tokens, (batch.mel - mean) / deviation * real[..., None], batch.token_lengths, prior)

    trainee = Trainee(net, [torch.optim.Adam(net.parameters(), lr=c.peak_rate)], warmup_hold_decay(c.warmup, c.updates))

    def step(batch: VoiceBatch) -> dict[str, Tensor]:
        log_probs = attend(batch)
        total = forward_sum_loss(log_probs, batch.token_lengths, batch.frames)
        best = _best(log_probs, batch)
        sharp = binarisation_loss(log_probs, best, batch.frames)
        weight = min(1.0, max(0.0, (trainee.updates - c.sharpen_after) / 200))
        return {"loss": total + weight * sharp, "forward_sum": total, "sharp": sharp}

    folder = RunFolder(Path(config.run) / "aligner" / key[:16])
    batches = VoiceBatches(sounds, examples, kept, c.batch_frames, config.seed)
    loop = LoopConfig(updates=c.updates, clip_norm=5.0, average_decay=0.99, seed=config.seed)
    run(step, batches, trainee, loop, folder, process)
    tensors, _ = load_checkpoint(folder.checkpoints()[-1])
    net.load_state_dict(unpack("average", tensors))
    net.eval()
    durations: Durations = []
    everything = VoiceBatches(sounds, examples, range(len(tokens)), c.batch_frames, 0)
    for start in range(0, len(tokens), 16):
        batch = everything.make(range(start, min(start + 16, len(tokens))))
        with torch.inference_mode():
            found = _best(attend(batch), batch).numpy()
        durations += [row[: len(spoken[number])] for row, number in zip(found, batch.numbers, strict=True)]
    # A Gaussian is one speaker's.
    speakers = np.array(speaker_numbers(utterances))
    for mine in (np.flatnonzero(speakers == speaker).tolist() for speaker in range(speakers.max() + 1)):
        refined = refine_durations(
            [sounds[number].mel for number in mine],
            [SOUND_OF_TOKEN[spoken[number]] for number in mine],
            [durations[number] for number in mine],
            SILENCES,
            c.refine_rounds,
        )
        for number, lasts in zip(mine, refined, strict=True):
            row = np.asarray(tokens[number])
            durations[number] = np.zeros(len(row), np.int64)
            durations[number][row != SPACE_ID] = lasts
    np.savez(path, key=key, durations=np.concatenate(durations))
    return durations


def alignment_key(
    config: Config,
    recognizer: Bundle,
    utterances: Sequence[Utterance],
    sounds: VoiceSounds,
    tokens: Sequence[Sequence[int]],
    kept: Sequence[int],
) -> str:
    """What durations depend on, in hexadecimal digits."""
    facts = (
        sounds.key, list(map(tuple, tokens)), list(kept), speaker_numbers(utterances), recognizer.model.sha256,
        config.aligner, config.seed,
    )  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def anchors(
    config: Config,
    bundle: Bundle,
    utterances: Sequence[Utterance],
    sounds: VoiceSounds,
    tokens: Sequence[Sequence[int]],
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Where the recogniser hears each token: first and last frame, (U,) each, of the phones' peaks.

    A mark or break is somewhere between its neighbours' peaks.
    """
    recognizer, phones = Recognizer(bundle), bundle.alphabet(PHONES)
    number = {phone: place for place, phone in enumerate(phones.tokens)}
    seconds = config.features.hop_length / config.features.sample_rate
    found = []
    store = WaveformStore(utterances, config.features.sample_rate, config.cache)
    for place, row in enumerate(tokens):
        log_probs = recognizer.log_probs(store[place], config.features.sample_rate, phones=True)
        names = [TOKENS[token].rstrip("012") for token in row]
        is_phone = np.array([name in number for name in names])
        alignment = align_tokens(log_probs, [number[name] for name in names if name in number], phones.blank_id)
        total = len(sounds[place].mel)
        first, last = np.full(len(row), np.nan, np.float32), np.full(len(row), np.nan, np.float32)
        scale, offset = bundle.frame_seconds / seconds, sounds[place].first_frame
        first[is_phone] = (alignment.start_frames + 0.5) * scale - offset
        last[is_phone] = (alignment.end_frames - 0.5) * scale - offset
        for gap in np.flatnonzero(~is_phone):
            first[gap] = first[gap - 1] if gap else 0.0
            last[gap] = next((value for value in last[gap + 1 :] if np.isfinite(value)), total - 1.0)
        found.append((first, last))
    return found


def window_prior(
    first: NDArray[np.float32], last: NDArray[np.float32], num_frames: int, free: float, slope: float
) -> NDArray[np.float32]:
    """(T, U) 0 within `free` frames of a token's peak, falling as a bell of deviation `slope` beyond them."""
    frame = np.arange(num_frames, dtype=np.float32)[:, None]
    outside = np.maximum(0.0, np.maximum(first - free - frame, frame - last - free))
    return np.maximum(-0.5 * (outside / slope) ** 2, -1000.0).astype(np.float32)


def _best(log_probs: Tensor, batch: VoiceBatch) -> Tensor:
    values = log_probs.detach().numpy()
    return torch.from_numpy(best_durations(values, batch.token_lengths.numpy(), batch.frames.numpy()))


def step_function(net: FastPitch, predictors: float) -> Step:
    """One batch -> the loss and its parts."""

    def step(batch: VoiceBatch) -> dict[str, Tensor]:
        output = net(
            batch.tokens, batch.token_lengths, batch.durations, batch.pitch, batch.energy, batch.mel.shape[1],
            batch.speakers,
        )  # fmt: skip
        return fastpitch_loss(
            output, batch.mel, batch.pitch, batch.energy, batch.token_lengths, net.feature_deviation, predictors
        )

    return step


class Watch:
    """The losses of the averaged weights on held-out texts, with the true durations, pitch and energy."""

    def __init__(self, net: FastPitch, trainee: Trainee, batches: VoiceBatches | None) -> None:
        self.net, self.trainee, self.batches = FastPitch(net.dims).eval(), trainee, batches

    @torch.inference_mode()
    def __call__(self, _updates: int) -> dict[str, float]:
        if self.batches is None:
            return {}
        self.net.load_state_dict(self.trainee.average)
        step = step_function(self.net, 1.0)
        sums: dict[str, float] = {}
        lengths = self.batches.sounds.frames()
        chosen = sorted(self.batches.chosen, key=lambda number: int(lengths[number]))
        groups = [chosen[start : start + 8] for start in range(0, len(chosen), 8)]
        for group in groups:
            for name, value in step(self.batches.make(group)).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(group) / len(chosen)
        return {f"watch_{name}": round(value, 5) for name, value in sums.items() if name != "loss"}
