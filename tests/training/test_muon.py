"""Our Muon against PyTorch's, alone and shared out among processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vivavoce.training import muon
from vivavoce.training.muon import Muon, orthogonal

SHAPES = [(32, 16), (16, 32), (16, 16), (32, 16), (16, 16), (16, 16), (8, 24)]


def test_singular_values_come_near_one() -> None:
    matrices = torch.randn(5, 48, 20, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(matrices).float())
    assert values.min() > 0.5
    assert values.max() < 1.3


def walk(optimizer: torch.optim.Optimizer, matrices: list[torch.nn.Parameter], steps: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=generator)
        optimizer.step()
    return [matrix.detach() for matrix in matrices]


def start() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


@pytest.mark.parametrize(("arithmetic", "tolerance"), [(torch.bfloat16, 0.01), (torch.float32, 0.04)])
def test_steps_are_those_of_pytorch(monkeypatch: pytest.MonkeyPatch, arithmetic: torch.dtype, tolerance: float) -> None:
    """PyTorch's multiplies in bfloat16 everywhere; ours in float32 where the machine is quicker with that."""
    monkeypatch.setattr(muon, "product_type", lambda device: arithmetic)
    ours, theirs = start(), start()
    walk(Muon(ours, lr=0.02, weight_decay=0.1), ours)
    walk(torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"), theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=0.02 * tolerance)  # of the rate


def main(target: str) -> None:
    torch.distributed.init_process_group("gloo")
    matrices = start()
    torch.save(walk(Muon(matrices, lr=0.02), matrices), f"{target}/{torch.distributed.get_rank()}.pt")
    torch.distributed.barrier()  # so that nobody leaves while another still talks to it
    torch.distributed.destroy_process_group()


def test_three_processes_do_what_one_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=3", "--standalone"]
    done = subprocess.run([*command, __file__, str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    alone = start()
    walk(Muon(alone, lr=0.02), alone)
    for rank in range(3):
        for one, other in zip(torch.load(tmp_path / f"{rank}.pt"), alone, strict=True):
            torch.testing.assert_close(one, other.detach(), rtol=0.0, atol=1e-4)


if __name__ == "__main__":
    main(sys.argv[1])
