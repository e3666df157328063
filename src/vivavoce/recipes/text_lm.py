"""A small neural language model: texts -> a trained TextLm, which rescores what a search has found.

    viva train text_lm --set texts=books.txt.xz,train.jsonl --set held_out=runs/asr-small/held-out.jsonl

The first run encodes the texts and keeps them in the folder `prepared`; later ones, here or on another machine that has
only this folder, read it. With `updates=0` nothing else is done. A minute on a GPU, or some hours on two CPU cores.
`viva lm export` turns its weights into the file that `viva lm second-pass` puts into a bundle.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from vivavoce.data.manifest import read_manifest
from vivavoce.data.unit_text import RowStarts, UnitText, read_unit_text, split_watched, write_unit_text
from vivavoce.decoding.ngram_text import read_words
from vivavoce.errors import ConfigError, DataError
from vivavoce.export.from_onnx import text_lm_weights
from vivavoce.export.text_lm import load_text_lm
from vivavoce.models.text_lm import TextLm, TextLmDims, text_loss
from vivavoce.runtime.unit_predictor import UnitPredictor
from vivavoce.text.normalize import normalize_for_training
from vivavoce.text.subwords import END, Subwords
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Trainee, run
from vivavoce.training.muon import Muon
from vivavoce.training.precision import product_type
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import by_updates_or_clock

WEIGHTS_FILE = "text-lm.safetensors"
MADE_WITH = ("texts", "held_out", "vocabulary")  # the settings that a prepared text notes
LEAST_COUNT = 3  # words seen less often say nothing of how words are built


@dataclass(frozen=True)
class Config:
    """Everything that decides the result; saved as config.json in the run folder.

    `texts` are plain, .gz or .xz files of sentences, or manifests; needed where `prepared` is not there yet. Texts of
    the utterances in the manifest `held_out`, or whose ids the bundle.json `held_out` lists, are left out of the
    manifests among them, whoever speaks them. A `prepared` text says what it was made with; `texts`, `held_out` and
    `vocabulary` must be the same where they are given (with `texts` all of them), or else be left out.

    `initial` names weights of an earlier run that this one starts from, or the graph in a bundle (words.onnx). An
    update takes `batch_units` units in rows of one of the `row_units`. With `seconds` the rate falls with the clock,
    and has fallen to nothing after so many of them, whatever the machine's speed; `updates` is then only a bound, and a
    resumed run begins a new fall. Matrices inside the blocks are Muon's, at `matrix_rate`; the embedding is AdamW's.
    """

    texts: tuple[str, ...] = ()
    held_out: str = ""
    prepared: str = ".cache/lm/units"
    run: str = "runs/text-lm"
    initial: str = ""
    vocabulary: int = 4095
    dims: TextLmDims = field(default_factory=TextLmDims)
    row_units: tuple[int, ...] = (128, 64)
    sentence_share: float = 0.6
    batch_units: int = 65536
    updates: int = 3000
    seconds: float = math.inf
    peak_rate: float = 1.2e-2
    matrix_rate: float = 1.5e-2
    warmup: int = 50
    decay_share: float = 0.7
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    average_decay: float = 0.99
    device: str = "auto"
    threads: int = 0
    seed: int = 1
    checkpoint_every_seconds: float = 240.0


def main(config: Config) -> Path:
    """Prepare the text, train, measure, write the weights, and return the run folder.

    Resumes by itself when the folder holds a checkpoint.

    Raises:
        ConfigError: a setting has an impossible value, or is another one than the prepared text was made with.
        DataError: no text, or one that is too short.
    """
    check(config)
    if not (Path(config.prepared) / "text.json").is_file():
        prepare(config)
    marked, subwords, about = read_unit_text(config.prepared)
    check_prepared(config, about)
    if config.updates == 0:
        return Path(config.prepared)
    if config.threads:
        torch.set_num_threads(config.threads)
    if len(subwords) >= config.dims.units:
        raise ConfigError(
            f"{config.prepared} has {len(subwords)} units, and dims.units={config.dims.units} leaves no room for the "
            f"mark; set dims.units={len(subwords) + 1}."
        )
    kept, watched = split_watched(marked)
    with distributed.alone("text_lm", config.device) as process:
        folder = RunFolder(config.run)
        torch.manual_seed(config.seed)
        model = TextLm(config.dims)
        if config.initial:
            start_from(model, subwords, config.initial)
        model.to(process.device)
        batches = RowBatches(UnitText.from_marked(kept, subwords), config, process.device)
        schedule = by_updates_or_clock(config.warmup, config.updates, config.seconds, config.decay_share, process.mean)
        trainee = Trainee(model, optimizers(model, config), schedule)
        watch = Watch(trainee, watched, subwords, process.device)
        loop = LoopConfig(
            updates=config.updates,
            clip_norm=config.clip_norm,
            average_decay=config.average_decay,
            checkpoint_every_seconds=config.checkpoint_every_seconds,
            stop_after_seconds=config.seconds,
            seed=config.seed,
        )
        dtype = product_type(process.device)

        def step(batch: RowBatch) -> dict[str, Tensor]:
            return {"loss": text_loss(model, batch.rows, dtype)}

        updates = run(step, batches, trainee, loop, folder, process, watch, lambda: folder.save_config(asdict(config)))
        facts = {
            "recipe": "text_lm",
            "updates": updates,
            "units_seen": updates * config.batch_units,
            "words": about.get("words"),
            "seed": config.seed,
            "watch": watch.last,
        }
        write_weights(folder.path / WEIGHTS_FILE, trainee.average, config.dims, subwords, facts)
        return folder.path


def check(config: Config) -> None:
    """Refuse what would fail late, or train nothing.

    Raises:
        ConfigError: a setting has an impossible value.
    """
    if not config.row_units or min(config.row_units) < 2:
        raise ConfigError(f"row_units={config.row_units}: expected one or more lengths of 2 or more.")
    if any(config.batch_units % (length * (max(config.row_units) // length)) for length in config.row_units):
        raise ConfigError(f"batch_units={config.batch_units} is not shared out evenly by rows of {config.row_units}.")
    if config.updates < 0 or config.seconds <= 0 or not 0 <= config.sentence_share <= 1:
        raise ConfigError("expected updates of 0 or more, seconds above 0 and a sentence_share of 0 to 1.")


def check_prepared(config: Config, about: Mapping[str, Any]) -> None:
    """Refuse settings that the prepared text was not made with. One of before this was noted is taken as it is.

    Raises:
        ConfigError: one that was given is another than then.
    """
    for name in MADE_WITH:
        value, noted = getattr(config, name), about.get(name)
        given = config.texts or value != getattr(Config, name)
        if given and noted is not None and noted != (list(value) if isinstance(value, tuple) else value):
            raise ConfigError(
                f"{config.prepared} was made with {name}={noted!r}, not {value!r}; name another folder with "
                "prepared=, delete this one to make it again, or leave out texts, held_out and vocabulary to train on "
                "it as it is."
            )


def prepare(config: Config) -> int:
    """Encode the texts into the folder `prepared`; returns the number of units.

    Raises:
        ConfigError: no texts. DataError: one cannot be read, or they hold nothing.
    """
    if not config.texts:
        raise ConfigError(f"{config.prepared} holds no prepared text, and no texts were given; use --set texts=A,B.")
    sentences, left_out = read_sentences(config)
    counts = Counter(word for words in sentences for word in words)
    if not counts:
        raise DataError(f"the texts {', '.join(config.texts)} hold no words.")
    frequent = {word: count for word, count in counts.items() if count >= LEAST_COUNT}
    subwords = Subwords.train(frequent or counts, config.vocabulary)
    facts: dict[str, Any] = {"words": sum(counts.values()), "texts_left_out": left_out}
    facts |= {name: getattr(config, name) for name in MADE_WITH}
    units = write_unit_text(config.prepared, sentences, subwords, facts)
    print(f"{config.prepared}: {facts['words']:,} words, {units:,} units of {len(subwords):,}; {left_out} left out")
    return units


def read_sentences(config: Config) -> tuple[list[list[str]], int]:
    """The words of all sentences, and how many of the manifests were left out because they are held out."""
    barred = held_out_texts(config)
    sentences: list[list[str]] = []
    left_out = 0
    for path in config.texts:
        for words in read_words([path]):
            if path.endswith(".jsonl") and " ".join(words) in barred:
                left_out += 1
            else:
                sentences.append(words)
    return sentences, left_out


def held_out_texts(config: Config) -> set[str]:
    """Normalised texts of the utterances that are held out.

    Raises:
        DataError: an utterance that a bundle names is in none of the manifests, or it names none.
    """
    if not config.held_out:
        return set()
    if not config.held_out.endswith("bundle.json"):
        return {normalize_for_training(utterance.text) for utterance in read_manifest(config.held_out)}
    try:
        wanted = set(json.loads(Path(config.held_out).read_text(encoding="utf-8"))["training"]["held_out"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{config.held_out} does not tell what was held out ({error!r}); expected a manifest, or a bundle.json "
            "that lists it as training.held_out."
        ) from None
    manifests = [path for path in config.texts if path.endswith(".jsonl")]
    found = {u.id: normalize_for_training(u.text) for path in manifests for u in read_manifest(path) if u.id in wanted}
    if lacking := wanted - set(found):
        raise DataError(f"{config.held_out} holds out {sorted(lacking)[:3]}, which none of the manifests has.")
    return set(found.values())


def start_from(model: TextLm, subwords: Subwords, path: str) -> None:
    """Take over the weights of an earlier run, or of the graph that was made of them (rounded to int8, then).

    Raises:
        ConfigError: it had other sizes or other units. ModelError: there are no such weights.
    """
    if path.endswith(".onnx"):
        merges = UnitPredictor.open(path).subwords.merges
        weights = text_lm_weights(path, model.dims.layers)
    else:
        known, units, _ = load_text_lm(path)
        merges, weights = units.merges, known.state_dict()
    shapes = [{name: value.shape for name, value in of.items()} for of in (weights, model.state_dict())]
    if shapes[0] != shapes[1] or merges != subwords.merges:
        raise ConfigError(
            f"{path} has other sizes than {model.dims} or other units than the prepared text; start anew."
        )
    model.load_state_dict(weights)


def optimizers(model: TextLm, config: Config) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding."""
    matrices = list(model.blocks.parameters())
    fused = next(model.parameters()).is_cuda
    embedding = [model.embedding.weight]
    return [
        torch.optim.AdamW(embedding, lr=config.peak_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=fused),
        Muon(matrices, lr=config.matrix_rate, weight_decay=config.weight_decay),
    ]


@dataclass
class RowBatch:
    """(B, T + 1) units, each row's first the mark. A unit counts as a second, so that the log shows units a second."""

    rows: Tensor
    audio_seconds: float
    position: dict[str, Any]


class RowBatches:
    """Endless batches of rows; the text stays on the device, and rows are cut out of it there."""

    def __init__(self, text: UnitText, config: Config, device: torch.device) -> None:
        """Raises: DataError, the text is shorter than a batch."""
        self.longest = max(config.row_units)
        self.starts = RowStarts(text, self.longest, config.sentence_share, config.seed)
        self.config, self.device = config, device
        self.units = torch.from_numpy(text.units.astype(np.int32)).to(device)
        self.sentences = torch.from_numpy(text.sentences).to(device)
        self.words = torch.from_numpy(text.words).to(device)
        self.rows = config.batch_units // self.longest
        self.epoch = self.batch = 0
        self.fingerprint = hashlib.sha256(text.units.tobytes() + text.sentences.tobytes()).hexdigest()[:16]
        if len(self.starts.epoch(0)) < self.rows:
            raise DataError(
                f"the text has {len(text.units):,} units; expected a batch of {config.batch_units:,} or more."
            )

    def load_state_dict(self, position: dict[str, Any]) -> None:
        """Go on behind a batch.

        Raises:
            ConfigError: the position is one in another text, or in batches of another size.
        """
        if position.get("text", self.fingerprint) != self.fingerprint:  # those of before did not say
            raise ConfigError(
                "the checkpoint is of a run on another prepared text; go on with that one, or name another run."
            )
        if position["rows"] != self.rows:
            raise ConfigError(
                "the checkpoint is of other batch_units or row_units; resume with the settings of the run."
            )
        self.epoch, self.batch = int(position["epoch"]), int(position["batch"])

    def __iter__(self) -> Iterator[RowBatch]:
        while True:
            starts = self.starts.epoch(self.epoch)
            count = len(starts) // self.rows
            on_device = torch.from_numpy(starts[: count * self.rows]).to(self.device).view(count, self.rows)
            while self.batch < count:
                place = self.batch
                self.batch += 1
                position = {"epoch": self.epoch, "batch": self.batch, "rows": self.rows, "text": self.fingerprint}
                rows = self._cut(on_device[place], self.config.row_units[place % len(self.config.row_units)])
                yield RowBatch(rows, float(rows[:, 1:].numel()), position)
            self.epoch, self.batch = self.epoch + 1, 0

    def _cut(self, starts: Tensor, length: int) -> Tensor:
        """Rows of a length: one behind each start, and others behind these, where the longest row has room for them."""
        many = self.longest // length
        starts = (starts[:, None] + length * torch.arange(many, device=self.device)).flatten()
        if many > 1:  # the later ones begin somewhere in a word: on to the next
            behind = torch.searchsorted(self.words, starts).clamp(max=len(self.words) - 1)
            starts = torch.minimum(self.words[behind], torch.tensor(len(self.units) - length, device=self.device))
        rows = self.units[starts[:, None] + torch.arange(length, device=self.device)].long()
        return torch.cat([rows.new_full((len(rows), 1), self.config.dims.mark), rows], dim=1)


class Watch:
    """Perplexity a word of the averaged weights on the watched text: sentences by themselves, and as they follow."""

    def __init__(self, trainee: Trainee, marked: np.ndarray, subwords: Subwords, device: torch.device) -> None:
        model = trainee.model
        assert isinstance(model, TextLm)
        self.trainee, self.device = trainee, device
        self.model = TextLm(model.dims).to(device).eval()
        self.text = UnitText.from_marked(marked, subwords)
        self.ends = torch.tensor([unit.endswith(END) for unit in subwords.units] + [False] * model.dims.units)
        self.last: dict[str, float] = {}

    def __call__(self, _updates: int) -> dict[str, float]:
        if not len(self.text.units):
            return {}
        self.model.load_state_dict(self.trainee.average)
        bounds = [*self.text.sentences.tolist(), len(self.text.units)]
        sentences = [self.text.units[a:b][:127] for a, b in pairwise(bounds)]
        windows = [self.text.units[a : a + 127] for a in range(0, len(self.text.units) - 127, 127)]
        self.last = {"watch_perplexity": self.perplexity(sentences)}
        if windows:
            self.last["watch_perplexity_in_rows"] = self.perplexity(windows)
        return self.last

    @torch.inference_mode()
    def perplexity(self, texts: Sequence[np.ndarray], rows: int = 256) -> float:
        """Over the words of texts, each behind the mark; rows of a length go together."""
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        total, words = 0.0, 0
        for first in range(0, len(order), rows):
            chosen = [texts[number] for number in order[first : first + rows]]
            length = max(map(len, chosen))
            batch = torch.full((len(chosen), length + 1), self.model.dims.mark)
            wanted = torch.full((len(chosen), length), -100)
            for number, units in enumerate(chosen):
                row = torch.from_numpy(units.astype(np.int64))
                batch[number, 1 : len(row) + 1] = wanted[number, : len(row)] = row
                words += int(self.ends[row].sum())
            logits = self.model.logits(self.model(batch[:, :-1].to(self.device)))
            total += float(torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(), wanted.flatten().to(self.device), reduction="sum", ignore_index=-100
            ))  # fmt: skip
        return round(math.exp(total / max(1, words)), 3)


def write_weights(
    path: Path, weights: dict[str, Tensor], dims: TextLmDims, subwords: Subwords, facts: dict[str, Any]
) -> None:
    """Write weights in 16 bits, with all that is needed to use them."""
    halves = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in weights.items()}
    about = {"dims": asdict(dims), "merges": subwords.merges, "training": facts}
    save_file(halves, path, metadata={name: json.dumps(value) for name, value in about.items()})
