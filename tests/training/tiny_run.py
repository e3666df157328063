"""A small deterministic training run as a program, to be killed, resumed and distributed by the tests beside it.

python tiny_run.py FOLDER UPDATES [seconds to sleep in every update [seconds to stop after]]
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Trainee, run
from vivavoce.training.muon import Muon
from vivavoce.training.run_folder import RunFolder
from vivavoce.training.schedule import warmup_cosine


@dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor
    audio_seconds: float
    position: dict[str, Any]


class Batches:
    """Batch number i is drawn from a generator seeded with i, each rank taking its half."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.number, self.rank, self.world_size = 0, rank, world_size

    def load_state_dict(self, position: dict[str, Any]) -> None:
        self.number = position["number"]

    def __iter__(self):
        while True:
            generator = torch.Generator().manual_seed(self.number)
            x = torch.randn(8, 5, generator=generator)
            y = x.sum(dim=1, keepdim=True).sin()
            self.number += 1
            part = slice(self.rank, None, self.world_size)
            yield Batch(x[part], y[part], 8.0, {"number": self.number})


def main(folder: str, updates: int, pause: float = 0.0, stop: float = math.inf) -> None:
    torch.set_num_threads(1)
    with distributed.join("cpu") as process:
        torch.manual_seed(3)
        model = nn.Sequential(
            nn.Linear(5, 16), nn.Tanh(), nn.Dropout(0.0 if process.world_size > 1 else 0.3), nn.Linear(16, 1)
        )
        # Muon may multiply in bfloat16, too coarse to compare two processes with one: it is there for the kill alone.
        muons = [p for p in model.parameters() if p.ndim == 2 and process.world_size == 1]
        others = [p for p in model.parameters() if not any(p is muon for muon in muons)]
        optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, lr=1e-2)]
        optimizers += [Muon(muons, lr=1e-2)] if muons else []
        wrapped = nn.parallel.DistributedDataParallel(model) if process.world_size > 1 else model

        def step(batch: Batch) -> dict[str, torch.Tensor]:
            time.sleep(pause)
            return {"loss": (wrapped(batch.x) - batch.y).square().mean()}

        run(
            step,
            Batches(process.rank, process.world_size),
            Trainee(model, optimizers, warmup_cosine(5, updates)),
            LoopConfig(
                updates=updates,
                accumulate=2,
                log_every=5,
                checkpoint_every_seconds=0.05,
                stop_after_seconds=stop,
                seed=7,
            ),
            RunFolder(folder, writes=process.is_first),
            process,
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *[float(value) for value in sys.argv[3:]])
