"""Who this process is among its peers. Starting them is torchrun's work, gradients are DistributedDataParallel's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from vivavoce.errors import ConfigError, TrainingError

T = TypeVar("T")
LOST_PEER = ("Connection closed by peer", "Connection reset by peer", "remote process exited")  # gloo, gloo, nccl


@dataclass(frozen=True)
class Process:
    """One training process: its rank among `world_size`, its device, and its rank among those on this machine."""

    rank: int
    world_size: int
    device: torch.device
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.world_size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total) / self.world_size

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world_size > 1:
            dist.barrier()

    def after_the_first(self, work: Callable[[], T]) -> T:
        """Do `work` on one process of each machine, then on the others, which find what it left on the disk."""
        if self.local_rank == 0:
            result = work()
            self.wait()
            return result
        self.wait()
        return work()


@contextmanager
def alone(recipe: str, device: str = "cpu") -> Iterator[Process]:
    """`join` for a recipe that trains in one process.

    Raises:
        ConfigError: there are several.
    """
    with join(device) as process:
        if process.world_size > 1:
            raise ConfigError(f"{recipe} trains in one process; start it without torchrun.")
        yield process


@contextmanager
def join(device: str = "auto") -> Iterator[Process]:
    """Join the group that torchrun describes in the environment, or be alone.

    Args:
        device: "cpu", "cuda" or "auto" (a GPU where there is one). CPU groups talk over gloo, GPU groups over nccl.

    Raises:
        ConfigError: "cuda" was asked for and there is none.
        TrainingError: another process of the group ended while this one waited for it.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device is {device!r}; expected auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but PyTorch sees no GPU here; use device=cpu, or a CUDA build of PyTorch.")
    use_cuda = device != "cpu" and torch.cuda.is_available()
    world_size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    local = torch.device("cuda", local_rank) if use_cuda else torch.device("cpu")
    if use_cuda:
        torch.cuda.set_device(local)
    if world_size == 1:
        yield Process(0, 1, local)
        return
    dist.init_process_group("nccl" if use_cuda else "gloo")
    try:
        yield Process(rank, world_size, local, local_rank)
    except RuntimeError as error:
        if not any(sign in str(error) for sign in LOST_PEER):
            raise
        raise TrainingError("another process stopped, and this one with it; what that one printed tells why.") from None
    finally:
        # A thread of gloo's may still hold the last result, and needs the interpreter's lock to let go of it; a group
        # that is torn down meanwhile would wait for that thread with the lock in its hand, for ever.
        time.sleep(0.1)
        dist.destroy_process_group()
