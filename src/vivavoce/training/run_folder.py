"""A run's folder: resolved configuration, log lines, TensorBoard events, checkpoints. Safetensors, never pickles.

    config.json   log.jsonl   events.out.tfevents.*   checkpoints/step-00001200.safetensors

A checkpoint is one file, written beside its final name and renamed, so that a kill at any moment leaves the last
whole one.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vivavoce.errors import TrainingError

KEPT = 2


class RunFolder:
    """Reads and writes one run. With `writes=False` (ranks other than the first) it only reads."""

    def __init__(self, path: str | Path, writes: bool = True) -> None:
        self.path = Path(path)
        self.writes = writes
        self._events: Any = None
        if writes:
            (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)

    def save_config(self, config: dict[str, Any]) -> None:
        """Write the resolved configuration; on a resumed run the older one is kept under a numbered name."""
        if not self.writes:
            return
        target = self.path / "config.json"
        text = json.dumps(config, indent=2, default=str) + "\n"
        if target.exists() and target.read_text(encoding="utf-8") != text:
            number = len(list(self.path.glob("config.*.json"))) + 1
            target.rename(self.path / f"config.{number}.json")
        target.write_text(text, encoding="utf-8")

    def log(self, step: int, values: dict[str, float]) -> None:
        """One JSON line and one TensorBoard point for every value."""
        if not self.writes:
            return
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self.path))
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as out:
            row = {"step": step, "time": round(time.time(), 2), **values}
            out.write(json.dumps(row) + "\n")
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what TensorBoard still holds."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        found = (self.path / "checkpoints").glob("step-*.safetensors")
        return sorted(path for path in found if re.fullmatch(r"step-\d+\.safetensors", path.name))

    def save_checkpoint(self, step: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Path | None:
        """Write one checkpoint and remove all but the newest two."""
        if not self.writes:
            return None
        target = self.path / "checkpoints" / f"step-{step:08d}.safetensors"
        partial = target.with_suffix(".part")
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(whole, partial, metadata={"facts": json.dumps({"step": step, **facts})})
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
        for half in target.parent.glob("step-*.part"):  # written when a run was killed
            half.unlink()
        for old in self.checkpoints()[:-KEPT]:
            old.unlink()
        return target


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint's tensors and facts.

    Raises:
        TrainingError: missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise TrainingError(
            f"{path} is not a file; expected a checkpoint such as checkpoints/step-00001000.safetensors."
        )
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {})["facts"])
            return {name: stored.get_tensor(name) for name in stored.keys()}, facts  # noqa: SIM118 - no mapping
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(
            f"{path} is no whole vivavoce checkpoint ({error}); remove it and resume from the one before."
        ) from None


def pack(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def unpack(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names have the prefix, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + ".")}


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's per-parameter tensors under names `<parameter number>.<what>`."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for number, values in state.items()
        for name, value in values.items()
    }


def fits(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> bool:
    """Whether the tensors of `pack_optimizer` can be of this optimiser's parameters, by their numbers and shapes."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, tensor in tensors.items():
        number = int(name.partition(".")[0])
        if number >= len(parameters) or (tensor.ndim and tensor.shape != parameters[number].shape):
            return False
    return True


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the tensors of `pack_optimizer` back, bit for bit; rates and such stay those of `optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, what = name.split(".", 1)
        state.setdefault(int(number), {})[what] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
