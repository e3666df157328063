"""The loop. It calls your step function; it owns updates, averaging, logs, checkpoints and the reasons to stop.

Nothing random is carried: before every batch the generators are seeded from (seed, update, batch, rank), so that a run
killed at any moment and resumed from its last checkpoint ends with the same bits as one that was never killed.
It does not know what a loss means, what a batch holds, or which network it trains.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from vivavoce.errors import TrainingError
from vivavoce.training.distributed import Process
from vivavoce.training.run_folder import (
    RunFolder,
    fits,
    load_checkpoint,
    pack,
    pack_optimizer,
    unpack,
    unpack_optimizer,
)
from vivavoce.training.schedule import Schedule


class Batch(Protocol):
    """What the loop needs of a batch: how much audio it holds and where in the data it stands."""

    audio_seconds: float
    position: dict[str, Any]  # the sampler's state after this batch


class Batches(Protocol):
    """An endless, resumable source of batches."""

    def __iter__(self) -> Iterator[Any]: ...

    def load_state_dict(self, position: dict[str, Any]) -> None: ...


Step = Callable[[Any], dict[str, Tensor]]


@dataclass(frozen=True)
class LoopConfig:
    """How long, how often, how hard. One update uses `accumulate` batches; times are in seconds of wall clock."""

    updates: int = 1000
    accumulate: int = 1
    clip_norm: float = 5.0
    average_decay: float = 0.999
    log_every: int = 50
    checkpoint_every_seconds: float = 240.0
    stop_after_seconds: float = math.inf
    seed: int = 0


class Trainee:
    """A model with its optimisers, schedule and averaged weights: everything that an update changes.

    Several optimisers share out the parameters and follow one schedule, each from its own peak rates.
    """

    def __init__(self, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], schedule: Schedule) -> None:
        self.model = model
        self.optimizers = tuple(optimizers)
        self.schedule = schedule
        self.rates = [[float(group["lr"]) for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.average = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.updates = 0

    def update(self, clip_norm: float, decay: float) -> float:
        """Clip, step, average; returns the gradient's norm before clipping."""
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), clip_norm))
        if not math.isfinite(norm):
            self.model.zero_grad(set_to_none=True)
            return norm
        multiplier = self.schedule(self.updates)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * multiplier
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.updates += 1
        decay = min(decay, self.updates / (self.updates + 10.0))  # young averages must not remember the random start
        with torch.no_grad():
            now = self.model.state_dict()
            floats = [name for name, tensor in now.items() if tensor.is_floating_point()]
            torch._foreach_lerp_([self.average[name] for name in floats], [now[name] for name in floats], 1.0 - decay)
            for name in now.keys() - set(floats):
                self.average[name].copy_(now[name])
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint needs, by name."""
        return {
            **pack("model", self.model.state_dict()),
            **pack("average", self.average),
            **{
                name: tensor
                for number, optimizer in enumerate(self.optimizers)
                for name, tensor in pack(f"optimizer{number}", pack_optimizer(optimizer)).items()
            },
        }

    def restore(self, tensors: dict[str, Tensor], updates: int) -> None:
        """The inverse of `tensors`.

        Raises:
            TrainingError: the checkpoint belongs to another model, or to optimisers of other parameters.
        """
        try:
            self.model.load_state_dict(unpack("model", tensors))
        except RuntimeError as error:
            raise TrainingError(f"the checkpoint is of another model: {str(error).splitlines()[-1].strip()}") from None
        stored = {name.partition(".")[0] for name in tensors if name.startswith("optimizer")}
        unknown = stored - {f"optimizer{number}" for number in range(len(self.optimizers))}
        if unknown or not all(
            fits(optimizer, unpack(f"optimizer{number}", tensors)) for number, optimizer in enumerate(self.optimizers)
        ):
            raise TrainingError(
                "the checkpoint is of other optimisers, or shares the parameters out among them differently; resume "
                "with the settings of the run, or start a new run."
            )
        for name, tensor in unpack("average", tensors).items():
            self.average[name].copy_(tensor)
        for number, optimizer in enumerate(self.optimizers):
            unpack_optimizer(optimizer, unpack(f"optimizer{number}", tensors))
        self.updates = updates


def run(
    step: Step,
    batches: Batches,
    trainee: Trainee,
    config: LoopConfig,
    folder: RunFolder,
    process: Process,
    after_checkpoint: Callable[[int], dict[str, float]] | None = None,
    begins: Callable[[], None] | None = None,
) -> int:
    """Train until `config.updates`, resuming from the folder's newest checkpoint.

    Args:
        step: batch -> {"loss": scalar to minimise, other scalars to log}. It may hold a wrapped (compiled, DDP) model.
        batches: endless and resumable; each batch tells its position.
        after_checkpoint: called on the first process with the number of updates; what it returns is logged.
        begins: called once, when the newest checkpoint, if there is one, has been found to fit.

    Returns:
        The number of finished updates.

    Raises:
        TrainingError: the loss or gradient is not finite three times in a row, or the checkpoint does not fit.
        ConfigError: the checkpoint's place in the data is one in other data.
    """
    newest = folder.checkpoints()[-1:]
    if newest:
        tensors, facts = load_checkpoint(newest[0])
        trainee.restore(tensors, int(facts["step"]))
        batches.load_state_dict(facts["position"])
    if begins is not None:
        begins()
    meter = _Meter(process)
    started = saved = time.monotonic()
    broken = 0
    stream: Iterator[Any] = iter(batches)
    batch = next(stream) if trainee.updates < config.updates else None
    position: dict[str, Any] | None = None
    trainee.model.train()
    with _progress(process, config.updates, trainee.updates) as tick:
        while trainee.updates < config.updates and not _time_is_up(started, config.stop_after_seconds, process):
            for number in range(config.accumulate):
                assert batch is not None
                position = batch.position
                _seed(config.seed, trainee.updates, number, process.rank)
                values = step(batch)
                (values["loss"] / config.accumulate).backward()
                meter.add({name: value.detach() for name, value in values.items()}, batch.audio_seconds)
                # Before anything waits for the device: it makes the next batch while the gradients are looked at.
                batch = next(stream)
            norm = trainee.update(config.clip_norm, config.average_decay)
            broken = broken + 1 if not math.isfinite(norm) else 0
            if broken == 3:
                raise TrainingError(
                    f"the gradient was not finite three times in a row after update {trainee.updates} (last losses: "
                    f"{meter.last}). Lower the learning rate, or look for empty or mislabelled utterances in the batch."
                )
            tick(trainee.updates, meter)
            if trainee.updates % config.log_every == 0 and broken == 0:
                folder.log(trainee.updates, {**meter.flush(), "rate": _rate(trainee), "gradient_norm": norm})
            due = process.mean(float(time.monotonic() - saved > config.checkpoint_every_seconds)) > 0
            if due and broken == 0:
                _checkpoint(folder, trainee, position, after_checkpoint, process)
                saved = time.monotonic()
    if position is not None:
        _checkpoint(folder, trainee, position, after_checkpoint, process)
    folder.close()
    return trainee.updates


def _time_is_up(started: float, allowed_seconds: float, process: Process) -> bool:
    if math.isinf(allowed_seconds):
        return False
    # Together: a process that stopped by its own clock would leave the others waiting for its gradients.
    return process.mean(float(time.monotonic() - started >= allowed_seconds)) > 0


def _checkpoint(
    folder: RunFolder,
    trainee: Trainee,
    position: dict[str, Any] | None,
    after: Callable[[int], dict[str, float]] | None,
    process: Process,
) -> None:
    folder.save_checkpoint(trainee.updates, trainee.tensors(), {"position": position})
    if after is not None and process.is_first:
        values = after(trainee.updates)
        trainee.model.train()
        if values:
            folder.log(trainee.updates, values)
    process.wait()


def _seed(seed: int, update: int, number: int, rank: int) -> None:
    # Odd multipliers keep neighbouring (update, batch, rank) triples on different seeds.
    torch.manual_seed((seed * 1_000_003 + update * 8191 + number * 127 + rank) % (2**63))


def _rate(trainee: Trainee) -> float:
    return float(trainee.optimizers[0].param_groups[0]["lr"])


class _Meter:
    """Means of the step's values since the last flush, and how much audio passes in a second."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._last: dict[str, Tensor] = {}
        self._reset()

    def _reset(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.audio_seconds = 0.0
        self.since = time.monotonic()

    @property
    def last(self) -> dict[str, float]:
        """The values of the last batch; to ask means to wait for the device."""
        return {name: float(value) for name, value in self._last.items()}

    def add(self, values: dict[str, Tensor], audio_seconds: float) -> None:
        self._last = values
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.count += 1
        self.audio_seconds += audio_seconds * self.process.world_size

    @property
    def speed(self) -> float:
        return self.audio_seconds / max(1e-9, time.monotonic() - self.since)

    def flush(self) -> dict[str, float]:
        means = {name: self.process.mean(float(value) / self.count) for name, value in self.sums.items()}
        values = {**{k: round(v, 5) for k, v in means.items()}, "audio_hours_per_hour": round(self.speed, 1)}
        self._reset()
        return values


class _progress:  # noqa: N801 - a context manager used as a function
    """A progress bar on standard error, on the first process only and only on a terminal."""

    def __init__(self, process: Process, total: int, done: int) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (process.is_first and console.is_terminal),
            redirect_stdout=sys.stdout.isatty(),
        )
        self.task = self.bar.add_task("training", total=total, completed=done)

    def __enter__(self) -> Callable[[int, _Meter], None]:
        self.bar.start()
        return self._tick

    def _tick(self, updates: int, meter: _Meter) -> None:
        if self.bar.disable:
            return
        loss = meter.last.get("loss", math.nan)
        self.bar.update(self.task, completed=updates, description=f"loss {loss:.3f}, {meter.speed:.0f} h/h")

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
