"""Tacotron 2: one speaker's recordings and texts -> a trained model with a diagonal attention, in a run folder.

    viva train tacotron2 --set manifests=manifests/kathleen-train.jsonl --set run=runs/tacotron2

The defaults are small, for one CPU core and about an hour: a fifth of the paper's widths, four frames a step, and
guided attention, which finds the diagonal within minutes. `Config(dims=TacotronDims())` is the paper's model.

Texts that are held out (data/voice_split.py) are not trained on. After each checkpoint the averaged weights are
measured on them, and speak the first few on their own; their alignments are drawn into the folder `attention` and into
TensorBoard, and checked for skips, repeats and ends that came wrong (decoding/attention_check.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivavoce.data.voice_split import split_numbers
from vivavoce.decoding.attention_check import check_attention
from vivavoce.dsp.features import FeatureConfig
from vivavoce.evaluation.attention_picture import attention_picture, write_picture
from vivavoce.models.guided_attention import guided_attention_loss
from vivavoce.models.tacotron2 import Spoken, Tacotron2, TacotronDims, tacotron_losses
from vivavoce.recipes import fastpitch
from vivavoce.runtime.tacotron2 import frame_limit
from vivavoce.text.voice_tokens import TOKENS
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Step, Trainee, run
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import warmup_hold_decay
from vivavoce.training.voice_batches import TrimRule, VoiceBatch, VoiceBatches, VoiceSounds, make_examples
from vivavoce.training.weight_decay import decayed_groups

SMALL = TacotronDims(
    width=160,
    attention_width=64,
    decoder_width=224,
    prenet_width=80,
    postnet_width=80,
    reduction=4,
    dropout=0.2,
    zoneout=0.0,
)


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    Attributes:
        lexicon: how words are said; made by `viva train g2p --set parts=0`.
        batch_frames: frames of a batch with its padding.
        short_first: this share of the first epoch goes from short recordings to long ones.
        guided, guided_width: weight of the guided attention's loss, and how far from the diagonal is free.
        stop_weight: how much more an utterance's last step counts in the stop loss.
        watch: how many held-out recordings the losses are measured on; `spoken` of them are spoken freely.
    """

    manifests: tuple[str, ...] = ()
    run: str = "runs/tacotron2"
    cache: str = ".cache"
    lexicon: str = "runs/g2p/voice.lexicon"
    dims: TacotronDims = SMALL
    features: FeatureConfig = field(default_factory=FeatureConfig.voice)
    trim: TrimRule = field(default_factory=TrimRule)
    updates: int = 4600
    batch_frames: int = 4800
    short_first: float = 0.5
    peak_rate: float = 1.5e-3
    warmup: int = 50
    decay_share: float = 0.4
    weight_decay: float = 1e-6
    clip_norm: float = 1.0
    average_decay: float = 0.99
    guided: float = 1.0
    guided_width: float = 0.2
    stop_weight: float = 5.0
    threads: int = 1
    seed: int = 1
    checkpoint_every_seconds: float = 240.0
    stop_after_seconds: float = math.inf
    log_every: int = 20
    watch: int = 32
    spoken: int = 3


def main(config: Config) -> Path:
    """Train and return the run folder. Resumes by itself when the folder holds a checkpoint."""
    torch.set_num_threads(config.threads)
    with distributed.alone("tacotron2") as process:
        folder = RunFolder(config.run)
        folder.save_config(asdict(config))
        utterances, tokens = fastpitch.load_texts(config.manifests, config.lexicon)
        sounds = VoiceSounds(utterances, config.features, config.trim, config.cache)
        kept, held_out = split_numbers(utterances)
        examples, _ = make_examples(sounds, tokens, None)
        batches = VoiceBatches(sounds, examples, kept, config.batch_frames, config.seed)
        batches.sampler.short_first = config.short_first
        torch.manual_seed(config.seed)
        model = Tacotron2(config.dims)
        model.set_normalisation(*(torch.from_numpy(part) for part in sounds.statistics()))
        trainee = Trainee(
            model,
            [optimizer_for(model, config.peak_rate, config.weight_decay)],
            warmup_hold_decay(config.warmup, config.updates, config.decay_share),
        )
        watch = Watch(trainee, batches, held_out, config, folder)
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            log_every=config.log_every,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.stop_after_seconds,
            seed=config.seed,
        )
        run(step_function(model, config), batches, trainee, loop, folder, process, watch)
        return folder.path


def optimizer_for(model: nn.Module, peak_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Adam with the paper's constants; vectors are not decayed."""
    return torch.optim.AdamW(
        decayed_groups(model.parameters(), weight_decay),
        lr=peak_rate,
        betas=(0.9, 0.999),
        eps=1e-6,
    )


def step_function(model: Tacotron2, config: Config) -> Step:
    """One batch -> the loss and its parts."""

    def step(batch: VoiceBatch) -> dict[str, Tensor]:
        output = model(batch.tokens, batch.token_lengths, batch.mel, batch.frames)
        losses = tacotron_losses(output, batch.mel, batch.frames, model, config.stop_weight)
        steps = -(-batch.frames // model.dims.reduction)
        guided = guided_attention_loss(output.alignments, steps, batch.token_lengths, config.guided_width)
        total = losses.coarse + losses.fine + losses.stop + config.guided * guided
        return {"loss": total, **losses._asdict(), "guided": guided}

    return step


class Watch:
    """The losses of the averaged weights on held-out recordings, and what they make of some texts on their own."""

    def __init__(
        self, trainee: Trainee, batches: VoiceBatches, held_out: Sequence[int], config: Config, folder: RunFolder
    ) -> None:
        self.model, self.trainee, self.batches = Tacotron2(config.dims).eval(), trainee, batches
        by_length = sorted(held_out[: config.watch], key=lambda number: int(batches.sounds.frames()[number]))
        self.groups = [by_length[start : start + 8] for start in range(0, len(by_length), 8)]
        self.spoken = list(held_out[: config.spoken])
        self.config, self.folder = config, folder

    @torch.inference_mode()
    def __call__(self, updates: int) -> dict[str, float]:
        """Measure, speak and draw."""
        if not self.groups:
            return {}
        self.model.load_state_dict(self.trainee.average)
        step = step_function(self.model, self.config)
        sums: dict[str, float] = {}
        for group in self.groups:
            torch.manual_seed(self.config.seed)  # the pre-net's dropout
            for name, value in step(self.batches.make(group)).items():
                share = len(group) / sum(map(len, self.groups))
                sums[f"watch_{name}"] = sums.get(f"watch_{name}", 0.0) + float(value) * share
        return {**{name: round(value, 5) for name, value in sums.items()}, **self._speak(updates)}

    def _speak(self, updates: int) -> dict[str, float]:
        """Shares of the texts that were said without fault, of phones said, and the mean focus; {} of no texts."""
        if not self.spoken:
            return {}
        reports = []
        for number in self.spoken:
            ids = self.batches.examples[number].tokens
            tokens = [TOKENS[token] for token in ids]
            spoken = speak(self.model, ids, self.config.seed, self.config.features)
            weights = spoken.alignment.numpy()
            rate = self.config.features.frames_per_second
            reduction = self.config.dims.reduction
            reports.append(check_attention(weights, tokens, spoken.stopped, rate, reduction))
            faults = "; ".join(sorted({fault.kind for fault in reports[-1].faults})) or "no fault"
            title = f"held-out recording {number}, update {updates}, speaking freely: {faults}"
            path = self.folder.path / "attention" / f"step-{updates:08d}-{number:04d}.png"
            pixels = attention_picture(weights, tokens, reduction / rate, title)
            self._to_tensorboard(pixels, number, updates)
            write_picture(path, pixels)
        return {
            "spoken_without_fault": sum(report.ok for report in reports) / len(reports),
            "spoken_phones": round(sum(report.said for report in reports) / len(reports), 4),
            "spoken_focus": round(sum(report.focus for report in reports) / len(reports), 4),
        }

    def _to_tensorboard(self, pixels: np.ndarray, number: int, updates: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.folder.path), filename_suffix=".attention") as events:
            events.add_image(f"attention/{number:04d}", pixels, updates, dataformats="HWC")


def speak(model: Tacotron2, token_ids: NDArray[np.int64], seed: int, features: FeatureConfig) -> Spoken:
    """One text on its own, cut where the runtime would cut it."""
    ids = torch.from_numpy(np.asarray(token_ids, np.int64))[None]
    limit = frame_limit(len(token_ids), features)
    return model.generate(ids, draws=[np.random.default_rng(seed)], max_frames=limit)[0]
