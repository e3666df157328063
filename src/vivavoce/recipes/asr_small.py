"""The small English recogniser: manifests -> a trained ConformerCTC in a run folder.

    viva train asr_small --set manifests=m/librispeech-train.jsonl,m/an4-train.jsonl --set run=runs/asr-small

Trains on two CPU cores or on GPUs, alone or under torchrun. A third of the first epoch takes short utterances first,
which is how CTC leaves its plateau early; the phone output of a middle layer learns before the characters do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.augment.chain import Chain, default_recognition_chain
from vivavoce.augment.noise import COLOURS, SUFFIXES, NoiseLibrary, coloured, is_test_noise
from vivavoce.augment.spec_augment import SpecAugment
from vivavoce.augment.surround import most_added
from vivavoce.augment.vtlp import Vtlp
from vivavoce.data.bucketing import BucketSampler
from vivavoce.data.manifest import Utterance, path_and_times, read_for_training, read_manifest, write_manifest
from vivavoce.data.selection import hold_out, hold_out_named
from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.g2p import G2p
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import ConfigError, DataError, TrainingError
from vivavoce.export.from_onnx import load_from_bundle, load_known
from vivavoce.metrics.error_rate import error_rate
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims, ctc_loss
from vivavoce.models.tdnnf import make_semi_orthogonal
from vivavoce.runtime.bundle import read_facts
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.normalize import normalize_for_training
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.training import distributed
from vivavoce.training.batches import Example, Padding, SpeechBatch, SpeechBatches, feature_statistics
from vivavoce.training.consistency import disagreement
from vivavoce.training.device_batches import PLAIN, DeviceAugmentation, DeviceSpeechBatches
from vivavoce.training.flat_start import alignment_loss, even_alignment, viterbi_alignment
from vivavoce.training.lattice_free_mmi import mmi_loss
from vivavoce.training.loop import LoopConfig, Step, Trainee, run
from vivavoce.training.muon import Muon
from vivavoce.training.phone_contexts import PhoneContexts
from vivavoce.training.phone_trigram import PhoneTrigram
from vivavoce.training.precision import autocast
from vivavoce.training.run_folder import RunFolder, load_checkpoint, unpack
from vivavoce.training.schedule import by_updates_or_clock
from vivavoce.training.waveforms import WaveformStore
from vivavoce.training.weight_decay import decayed_groups

DIMS = ConformerDims(
    strides=(2, 2), outputs_per_frame=1, layers=7, left_frames=128, convolution_frames=16, final_phones=True,
    mean_prior=25,
)  # fmt: skip
"""The network in the package: docs/decisions/output-frames.md, docs/decisions/stream-mean.md."""

CTC_BESIDE_MMI = 0.2  # the weight that CTC keeps: it holds the spikes where they are
SEMI_ORTHOGONAL_EVERY = 4  # updates, as in Kaldi


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    A manifest written as `PATH*2` is gone through twice an epoch. `initial` names a bundle, or a checkpoint, whose
    weights the run starts from (its averaged ones); an optimiser and a place in the data are not taken over.
    `held_out` names a manifest whose utterances (by id) are kept out of training and watched; without one, those are
    that the bundle in `initial` never heard, and else `watch` others. They are written to held-out.jsonl in the run
    folder: a run that goes on from this one's checkpoint should get that file as its `held_out`.

    `matrix_rate` is Muon's peak rate, for the matrices inside the blocks; with 0 they are AdamW's like all else, at
    `peak_rate`. With `dims.final_phones` the phones of the last block are trained by CTC for `mmi_after` updates, and
    then by LF-MMI besides (training/lattice_free_mmi.py). With `dims.contexts` above 0 those are so many classes of
    phones in left context (training/phone_contexts.py). `noise` names a folder of recordings; without one ("") noise
    is generated: white, pink and brown. `noisy_share` scales how often room, noise and narrow band are applied;
    `narrow_share` is how often the last of them is before that. Utterances under 1.5 seconds stand in quiet, up to
    `surround` seconds of it before and as much behind (augment/surround.py): words cut out of sentences become what
    spoken commands are. On a GPU the batches are made there (training/device_batches.py).

    With `seconds` the rates fall with the clock, and have fallen to nothing after so many of them, whatever the
    machine's speed; `updates` is then only a bound, and a resumed run begins a new fall.

    For the first `flat_start` updates the phones are learned frame by frame from an alignment, and not by CTC: at first
    each utterance is cut evenly into its phones, from the middle of that time on it is aligned by the network itself
    (training/flat_start.py). `mmi_after` counts from the first update as ever.

    `guesser` names a model of `recipes/g2p.py` for the words that the dictionary lacks; without one, utterances with
    such words have no phone targets. With `consistency` above 0 every utterance is heard in two augmented views, whose
    outputs learn from each other with that weight; an update then costs twice as much.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/asr-small"
    dictionary: str = "../shared/data/cmudict/cmudict.dict"
    guesser: str = ""
    noise: str = "../shared/data/noise"
    cache: str = ".cache"
    initial: str = ""
    held_out: str = ""
    dims: ConformerDims = DIMS
    features: FeatureConfig = field(default_factory=FeatureConfig)
    updates: int = 20000
    seconds: float = math.inf
    batch_seconds: float = 100.0
    accumulate: int = 1
    bucket_seconds: tuple[float, ...] = (2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    short_first: float = 0.33
    peak_rate: float = 1.5e-3
    matrix_rate: float = 3e-3
    warmup: int = 600
    decay_share: float = 0.4
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    average_decay: float = 0.998
    character_weight: float = 1.0
    phone_weight: float = 0.5
    consistency: float = 0.0
    final_phone_weight: float = 1.0
    mmi_after: int = 1000
    flat_start: int = 0
    chunk_frames: tuple[int, ...] = (8, 16, 32, 64, 512, 512)
    time_masks: int = 4
    frequency_bins: int = 27
    vocal_tract: float = 0.1
    tail_frames: int = 8
    augment: bool = True
    noisy_share: float = 1.0
    narrow_share: float = 0.1
    surround: float = 0.0
    precision: str = "auto"
    compile: bool = True
    device: str = "auto"
    threads: int = 0
    workers: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 240.0
    stop_after_seconds: float = math.inf
    watch: int = 100


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    if not config.manifests:
        read_for_training(())  # which says so, before a default that is not here does
    check(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    with distributed.join(config.device) as process:
        folder = RunFolder(config.run, writes=process.is_first)
        utterances, examples, times, rows = load_examples(config)
        watched, kept = split(config, utterances, rows)
        kept = [number for number in kept for _ in range(times[number])]
        utterances, examples = [utterances[number] for number in kept], [examples[number] for number in kept]
        store = process.after_the_first(lambda: WaveformStore(utterances, config.features.sample_rate, config.cache))
        padding = Padding(config.dims.subsampling, config.tail_frames, math.log(config.features.log_floor))
        torch.manual_seed(config.seed)
        model = ConformerCTC(config.dims)
        if config.dims.contexts:
            sequences = [example.phones for example in examples]
            contexts = PhoneContexts.from_sequences(sequences, config.dims.phones - 1, config.dims.contexts)
            model.set_contexts(contexts.phone_of, contexts.table)
        if config.initial:
            start_from(model, config.initial)
        else:
            model.set_normalisation(*feature_statistics(store, config.features))
        model.to(process.device)
        schedule = by_updates_or_clock(config.warmup, config.updates, config.seconds, config.decay_share, process.mean)
        trainee = Trainee(model, optimizers(model, config), schedule)
        durations = [s / speed + most_added(s, config.surround) for s in store.seconds() for speed in config.speeds]
        sampler = BucketSampler(
            durations,
            config.bucket_seconds,
            config.batch_seconds,
            seed=config.seed,
            rank=process.rank,
            world_size=process.world_size,
            short_first=config.short_first,
        )
        batches: SpeechBatches | DeviceSpeechBatches
        if process.device.type == "cuda":
            batches = batches_there(config, store, examples, sampler, padding, process.device)
        else:
            batches = batches_here(config, store, examples, sampler, padding)
        watch = Watch(model, trainee, watched, config, padding, process.device) if process.is_first else None
        loop = LoopConfig(
            updates=config.updates,
            accumulate=config.accumulate,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=min(config.seconds, config.stop_after_seconds),
            seed=config.seed,
        )
        run(
            step_function(model, config, process, trainee, examples), batches, trainee, loop, folder, process, watch,
            # Not sooner: the settings of an attempt that is refused are not those of the run.
            begins=lambda: describe(folder, config, watched),
        )  # fmt: skip
        return folder.path


def split(
    config: Config, utterances: Sequence[Utterance], rows: Sequence[Utterance]
) -> tuple[list[Utterance], list[int]]:
    """Which utterances are watched, and the numbers of those that are trained on.

    Args:
        utterances: those that can be trained on.
        rows: all that the manifests hold. A sentence too long to train on holds out the words that were cut out of it.

    Raises:
        DataError: none of the rows is what `held_out` names, or nothing is left to train on.
    """
    if config.held_out:
        named = {utterance.id for utterance in read_manifest(config.held_out)}
    else:
        named = held_out_before(config.initial) & {row.id for row in rows}
    if not named:
        return hold_out(utterances, config.watch)
    apart = set(hold_out_named(rows, named)[1])
    gone = {row.id for number, row in enumerate(rows) if number not in apart}
    kept = [number for number, utterance in enumerate(utterances) if utterance.id not in gone]
    if not kept:
        raise DataError(
            f"nothing is left to train on: all {len(utterances)} utterances that could be are held out. Add others, or "
            "hold out fewer."
        )
    return [utterance for utterance in utterances if utterance.id in named], kept


def describe(folder: RunFolder, config: Config, watched: Sequence[Utterance]) -> None:
    """Write the settings and the held-out utterances beside the run."""
    folder.save_config(asdict(config))
    if folder.writes:
        write_manifest(folder.path / "held-out.jsonl", watched)


def check(config: Config) -> None:
    """Refuse what would fail only after the data are read, or train nothing.

    Raises:
        ConfigError: a setting has an impossible value.
    """
    dims, heard = config.dims, config.features
    plain = (heard.kind, heard.log, heard.log_offset, heard.log_gain, heard.range_below_peak)
    fewest, most = dims.phones - 1, (dims.phones - 1) * (dims.phones + 1)
    for name, value, possible, expected in (
        ("speeds", config.speeds, min(config.speeds, default=0) > 0, "one or more numbers above 0"),
        ("bucket_seconds", config.bucket_seconds, min(config.bucket_seconds, default=0) > 0, "lengths above 0"),
        ("chunk_frames", config.chunk_frames, min(config.chunk_frames, default=0) >= 1, "integers from 1 on"),
        ("seconds", config.seconds, config.seconds > 0, "a time above 0"),
        ("accumulate", config.accumulate, config.accumulate >= 1, "1 or more"),
        ("watch", config.watch, config.watch >= 0, "0 or more"),
        ("dims.heads", dims.heads, dims.heads >= 1 and dims.width % (2 * dims.heads) == 0,
         f"a number that shares out dims.width={dims.width} evenly, into even parts"),
        ("dims.phone_layer", dims.phone_layer, 1 <= dims.phone_layer <= dims.layers, f"1 to dims.layers={dims.layers}"),
        ("dims.contexts", dims.contexts,
         dims.contexts == 0 or (dims.final_phones and fewest <= dims.contexts <= most),
         f"0, or {fewest} to {most} with dims.final_phones=true"),
        ("dims.time_delay", dims.time_delay,
         len(dims.time_delay) <= dims.layers and all(1 <= s <= dims.convolution_frames for s in dims.time_delay),
         f"at most dims.layers={dims.layers} strides of 1 to dims.convolution_frames={dims.convolution_frames}"),
        ("dims.bottleneck", dims.bottleneck, not dims.time_delay or 1 <= dims.bottleneck <= 2 * dims.width,
         f"1 to {2 * dims.width}, two frames of dims.width={dims.width}"),
        ("dims.mean_prior", dims.mean_prior, dims.mean_prior >= 0, "0 or more"),
        ("flat_start", config.flat_start, config.flat_start >= 0
         and (config.flat_start <= config.mmi_after or not dims.final_phones),
         f"0 to mmi_after={config.mmi_after}, since LF-MMI stands beside CTC" if dims.final_phones else "0 or more"),
        ("consistency", config.consistency, config.consistency >= 0, "0 or more"),
        ("surround", config.surround, 0 <= config.surround < math.inf, "seconds, 0 or more"),
        ("device", config.device,
         config.device in ("auto", "cpu") or (config.device == "cuda" and torch.cuda.is_available()),
         "auto or cpu, or cuda where PyTorch sees a GPU"),
        ("noise", config.noise, not wants_recordings(config) or any(
            path.suffix.lower() in SUFFIXES and not is_test_noise(path) for path in Path(config.noise).rglob("*")),
         f"a folder of sound files to train with ({', '.join(SUFFIXES)}), or nothing for noise that is generated"),
        ("features", plain, plain == ("log_mel", "ln", 0.0, 1.0, None),
         "log_mel, ln, 0, 1 and none as kind, log, log_offset, log_gain and range_below_peak, which a bundle can have"),
        ("dims.n_features", dims.n_features, dims.n_features == config.features.num_features,
         f"{config.features.num_features}, as many as `features` makes"),
    ):  # fmt: skip
        if not possible:
            raise ConfigError(f"{name} is {value}; expected {expected}.")
    by_updates_or_clock(config.warmup, config.updates, config.seconds, config.decay_share, float)
    autocast(config.precision, torch.device("cpu"))
    transforms(config, None)


def start_from(model: ConformerCTC, initial: str) -> None:
    """Load a bundle's weights, or the averaged ones of another run's checkpoint; and the normalisation among them.

    Raises:
        ModelError, TrainingError: missing, damaged, or of other dims.
    """
    if Path(initial).is_dir():
        load_from_bundle(model, initial)
        return
    tensors, _ = load_checkpoint(initial)
    try:
        load_known(model, unpack("average", tensors))
    except RuntimeError as error:
        raise TrainingError(f"{initial} is of another model: {str(error).splitlines()[-1].strip()}") from None


def optimizers(model: ConformerCTC, config: Config) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the blocks' matrices."""
    inside = {id(p) for p in model.blocks.parameters() if p.ndim == 2} if config.matrix_rate else set()
    matrices = [p for p in model.parameters() if id(p) in inside]
    adamw = torch.optim.AdamW(
        decayed_groups((p for p in model.parameters() if id(p) not in inside), config.weight_decay),
        lr=config.peak_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    if not matrices:
        return [adamw]
    return [adamw, Muon(matrices, lr=config.matrix_rate, weight_decay=config.weight_decay)]


def step_function(
    model: ConformerCTC, config: Config, process: distributed.Process, trainee: Trainee, examples: Sequence[Example]
) -> Step:
    """One batch -> the weighted sum of the losses, per token, and each by itself."""
    if config.compile:
        # DDP's own way of splitting compiled graphs fails on lengths that change from batch to batch.
        torch._dynamo.config.optimize_ddp = False
        # Part by part: the blocks are one program compiled once, where the whole model takes minutes.
        for part in (model.front, *model.blocks):
            part.compile(dynamic=True)
    wrapped: nn.Module = model
    if process.world_size > 1:
        wrapped = nn.parallel.DistributedDataParallel(
            model, device_ids=[process.device.index] if process.device.type == "cuda" else None
        )
    chunks = torch.tensor(config.chunk_frames)
    trigram = None
    if config.dims.final_phones:
        trigram = PhoneTrigram.from_sequences([example.phones for example in examples], config.dims.phones - 1)
        trigram = trigram.to(process.device)  # here: a copy with every update would wait for the device

    def step(batch: SpeechBatch) -> dict[str, Tensor]:
        batch = batch.to(process.device)
        if config.dims.time_delay and trainee.updates % SEMI_ORTHOGONAL_EVERY == 0:
            make_semi_orthogonal(model)
        chunk = chunks[torch.randint(len(chunks), (1,))].to(process.device)
        with autocast(config.precision, process.device):
            output = wrapped(batch.features, batch.frames, chunk)
        frames = config.dims.outputs_per_frame * batch.frames
        host_frames, host_tokens, host_phones = batch.on_host
        host_frames = config.dims.outputs_per_frame * host_frames
        aligned = flat_targets(config, trainee.updates, output.phone_log_probs, frames, batch)

        characters = ctc_loss(output.log_probs, host_frames, batch.tokens, host_tokens).sum()
        if aligned is None:
            phones = ctc_loss(output.middle_phone_log_probs, host_frames, batch.phones, host_phones).sum()
        else:
            phones = alignment_loss(output.middle_phone_log_probs, aligned).sum()
        count = batch.phone_lengths.sum().clamp(min=1)
        losses = {"characters": characters / batch.token_lengths.sum(), "phones": phones / count}
        loss = config.character_weight * losses["characters"] + config.phone_weight * losses["phones"]
        final, targets = output.phone_log_probs, batch.phones
        contexts: PhoneContexts | None = None
        if output.context_log_probs is not None:
            # The network's own, which come out of a checkpoint with the weights.
            contexts = PhoneContexts(model.context_table, model.phone_of)
            final, targets = output.context_log_probs, contexts.encode(batch.phones, batch.phone_lengths)
        if config.consistency:
            losses["disagreement"] = disagreement(output.log_probs, frames) + disagreement(final, frames)
            loss = loss + config.consistency * losses["disagreement"]
        if trigram is not None:
            if aligned is None:
                said = ctc_loss(final, host_frames, targets, host_phones)
            else:
                said = alignment_loss(output.phone_log_probs, aligned)
            losses["final_phones"] = said.sum() / count
            share = 1.0
            if trainee.updates >= config.mmi_after:
                mmi = mmi_loss(final, frames, batch.phones, batch.phone_lengths, trigram, said, contexts)
                losses["mmi"] = mmi.sum() / count
                loss = loss + config.final_phone_weight * losses["mmi"]
                share = CTC_BESIDE_MMI
            loss = loss + config.final_phone_weight * share * losses["final_phones"]
        return {"loss": loss, **{name: value.detach() for name, value in losses.items()}}

    return step


def flat_targets(config: Config, updates: int, log_probs: Tensor, frames: Tensor, batch: SpeechBatch) -> Tensor | None:
    """The phone of each output frame, (B, T), while the flat start lasts; None behind it.

    Args:
        log_probs: (B, T, P) of the phones, for aligning. frames: (B,) valid output frames.
    """
    if updates >= config.flat_start:
        return None
    if updates < config.flat_start // 2:
        return even_alignment(frames, batch.phones, batch.phone_lengths, log_probs.shape[1])
    return viterbi_alignment(log_probs, frames, batch.phones, batch.phone_lengths)


def batches_here(
    config: Config, store: WaveformStore, examples: Sequence[Example], sampler: BucketSampler, padding: Padding
) -> SpeechBatches:
    """Batches made on the CPU, with noises of the training half only."""
    chain, masks, warp = transforms(config, noises(config) if config.augment else None)
    return SpeechBatches(
        store, examples, sampler, config.speeds, config.features, padding, chain, masks, config.seed, config.workers,
        warp, 2 if config.consistency else 1, config.surround,
    )  # fmt: skip


def batches_there(
    config: Config, store: WaveformStore, examples: Sequence[Example], sampler: BucketSampler, padding: Padding,
    device: torch.device,
) -> DeviceSpeechBatches:  # fmt: skip
    """The same, made on the device that trains."""
    augmentation = PLAIN
    if config.augment:
        usual = DeviceAugmentation()
        augmentation = replace(
            usual, room_share=usual.room_share * config.noisy_share, noise_share=usual.noise_share * config.noisy_share,
            band_share=config.narrow_share * config.noisy_share, vocal_tract=config.vocal_tract,
            time_masks=config.time_masks, max_frequency_bins=config.frequency_bins,
        )  # fmt: skip
    return DeviceSpeechBatches(
        store, examples, sampler, config.speeds, config.features, padding, device,
        noises(config) if augmentation.noise_share else None, augmentation, config.seed,
        views=2 if config.consistency else 1, surround=config.surround,
    )  # fmt: skip


def transforms(config: Config, library: NoiseLibrary | None) -> tuple[Chain | None, SpecAugment | None, Vtlp | None]:
    """What augments on the CPU, where anything does: waveforms, then the places of features, then their formants.

    Raises:
        ConfigError: a setting has an impossible value.
    """
    if not config.augment:
        return None, None, None
    chain = default_recognition_chain(
        library, config.features.sample_rate, share=config.noisy_share, narrow_share=config.narrow_share
    )
    masks = SpecAugment(time_masks=config.time_masks, max_frequency_bins=config.frequency_bins)
    warp = None
    if config.vocal_tract:
        warp = Vtlp.for_features(config.features, 1.0 - config.vocal_tract, 1.0 + config.vocal_tract)
    return chain, masks, warp


def wants_recordings(config: Config) -> bool:
    """Whether noises of the folder are added to the speech."""
    return config.augment and config.noisy_share > 0 and bool(config.noise)


def noises(config: Config) -> NoiseLibrary:
    """The training half of the noises; noise of all colours where no recordings are wanted."""
    rate = config.features.sample_rate
    if not wants_recordings(config):
        return NoiseLibrary({colour: coloured(colour, rate) for colour in COLOURS}, rate)
    return NoiseLibrary.from_folder(config.noise, rate)


def load_examples(config: Config) -> tuple[list[Utterance], list[Example], list[int], list[Utterance]]:
    """Read the manifests: utterances, targets, how often an epoch goes through each; and all that was read.

    Utterances without text, or longer than the last bucket, are among the last alone.

    Raises:
        ConfigError: no manifests.
        DataError: a manifest cannot be read or is no training part, or nothing is left.
    """
    named = [path_and_times(manifest) for manifest in config.manifests]
    manifests = read_for_training([path for path, _ in named])
    dictionary = PronouncingDictionary.load(config.dictionary)
    guesser = G2p.load(config.guesser) if config.guesser else None
    characters, sounds = Alphabet.characters(), Sounds(dictionary, Alphabet.phones(), guesser)
    limit = max(config.bucket_seconds) * min(config.speeds)
    utterances, examples, times = [], [], []
    for rows, (_, count) in zip(manifests, named, strict=True):
        for utterance in rows:
            text = normalize_for_training(utterance.text)
            if text and utterance.duration_seconds <= limit:
                utterances.append(utterance)
                examples.append(Example(tuple(characters.encode(text)), sounds.of(text)))
                times.append(count)
    if not utterances:
        raise DataError(
            f"no utterance of the manifests can be trained on: none has text in a to z and at most {limit:.1f} s."
        )
    return utterances, examples, times, list(chain.from_iterable(manifests))


class Sounds:
    """Phone targets by each word's first pronunciation, or a guessed one; every word is looked up once."""

    def __init__(self, dictionary: PronouncingDictionary, phones: Alphabet, guesser: G2p | None = None) -> None:
        self.dictionary, self.guesser = dictionary, guesser
        self._numbers = {phone: number for number, phone in enumerate(phones.tokens)}
        self._known: dict[str, tuple[int, ...]] = {}

    def of(self, text: str) -> tuple[int, ...]:
        """Those of a text; none at all when one of its words has neither."""
        words = [self._known[word] if word in self._known else self._learn(word) for word in text.split()]
        return tuple(chain.from_iterable(words)) if all(words) else ()

    def _learn(self, word: str) -> tuple[int, ...]:
        said = self.dictionary.pronounce(word)
        if not said and self.guesser is not None:
            said = [guessed for guessed, _ in self.guesser.pronounce(word)]
        ids = self._known[word] = tuple([self._numbers[phone] for phone in said[0]]) if said else ()
        return ids


def held_out_before(initial: str) -> set[str]:
    """The ids that a bundle says were kept out of its own training; none if it is no bundle."""
    path = Path(initial) / "bundle.json"
    if not initial or not path.is_file():
        return set()
    return set(read_facts(path.parent).get("training", {}).get("held_out", ()))


def model_settings(config: Mapping[str, Any]) -> tuple[ConformerDims, FeatureConfig, int]:
    """The dims, features and tail of a run, out of its config.json."""
    return ConformerDims(**config["dims"]), FeatureConfig.from_dict(config["features"]), int(config["tail_frames"])


def facts_of_run(config: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """What a bundle says of its training: recipe, updates, corpora with their hours."""
    corpora: dict[str, float] = {}
    for path, _ in map(path_and_times, config["manifests"]):
        for utterance in read_manifest(path) if Path(path).is_file() else []:
            name = str(utterance.extra.get("corpus", Path(path).stem))
            corpora[name] = corpora.get(name, 0.0) + utterance.duration_seconds / 3600.0
    _, facts = load_checkpoint(checkpoint)
    held_out = checkpoint.parent.parent / "held-out.jsonl"
    return {
        "recipe": "asr_small",
        "updates": int(facts["step"]),
        "hours": {name: round(hours, 2) for name, hours in sorted(corpora.items())},
        "seed": config["seed"],
        "held_out": [utterance.id for utterance in read_manifest(held_out)] if held_out.is_file() else [],
    }


class Watch:
    """Greedy word and character error of the averaged weights on the held-out training utterances."""

    def __init__(
        self, model: ConformerCTC, trainee: Trainee, utterances: Sequence[Utterance], config: Config,
        padding: Padding, device: torch.device,
    ) -> None:  # fmt: skip
        self.trainee, self.config, self.padding, self.device = trainee, config, padding, device
        self.model = ConformerCTC(model.dims).to(device).eval()
        self.utterances = utterances
        self.store = WaveformStore(utterances, config.features.sample_rate, config.cache) if utterances else None

    def __call__(self, _updates: int) -> dict[str, float]:
        if self.store is None:
            return {}
        self.model.load_state_dict(self.trainee.average)
        texts = [self.text(number) for number in range(len(self.store))]
        references = [normalize_for_training(utterance.text) for utterance in self.utterances]
        words = error_rate(references, texts)
        characters = error_rate(references, texts, unit="character")
        return {"watch_wer": round(words.rate, 4), "watch_cer": round(characters.rate, 4)}

    @torch.inference_mode()
    def text(self, number: int) -> str:
        """One watched utterance, decoded greedily at the widest chunk."""
        assert self.store is not None
        waveform = self.store[number]
        if len(waveform) < self.config.features.win_length:
            waveform = np.pad(waveform, (0, self.config.features.win_length - len(waveform)))
        log_mel = self.padding.pad(features(waveform, self.config.features))
        batch = torch.from_numpy(log_mel).unsqueeze(0).to(self.device)
        frames = torch.tensor([len(log_mel) // self.config.dims.subsampling], device=self.device)
        output = self.model(batch, frames, max(self.config.chunk_frames))
        result = ctc_greedy(output.log_probs[0].cpu().numpy(), 0)
        return Alphabet.characters().decode(result.token_ids)
