"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): the momentum of a matrix, made orthogonal.

PyTorch's own torch.optim.Muon is the truth that this one is held to. Here the processes of a group share the matrices
out, instead of each doing them all, which on two CPU cores took a third of every update.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from vivavoce.training.precision import product_type

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic: steep at 0, so that small singular values rise fast
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled to AdamW's usual size of update (Liu et al. 2025, arXiv:2502.16982).

    Every process must hold the same gradients, as DistributedDataParallel sees to.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.1
    ) -> None:
        """`params`: matrices, (rows, columns) each. `weight_decay` is decoupled, as AdamW's."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        assert all(p.ndim == 2 for group in self.param_groups for p in group["params"]), "Muon is for matrices"

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            matrices = [p for p in group["params"] if p.grad is not None]
            directions = [self._momentum(p, group["momentum"]) for p in matrices]
            for p, update in zip(matrices, orthogonal_shared(directions), strict=True):
                p.mul_(1.0 - group["lr"] * group["weight_decay"])
                p.add_(update.to(p.dtype), alpha=-group["lr"] * 0.2 * math.sqrt(max(p.shape)))

    def _momentum(self, p: Tensor, momentum: float) -> Tensor:
        state = self.state[p]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(p)
        assert p.grad is not None
        state["momentum_buffer"].lerp_(p.grad, 1.0 - momentum)
        return p.grad.lerp(state["momentum_buffer"], momentum)


def orthogonal_shared(matrices: list[Tensor]) -> list[Tensor]:
    """`orthogonal` of each, in `product_type`, shared out among the processes of the group, if there is one."""
    # Lying on their sides, a block's two feed-forward matrices have one shape, and the shares come out even.
    tall = [matrix.shape[0] > matrix.shape[1] for matrix in matrices]
    matrices = [matrix.T if flip else matrix for matrix, flip in zip(matrices, tall, strict=True)]
    shapes: dict[torch.Size, list[int]] = {}
    for number, matrix in enumerate(matrices):
        shapes.setdefault(matrix.shape, []).append(number)
    world_size = dist.get_world_size() if dist.is_initialized() else 1
    rank = dist.get_rank() if world_size > 1 else 0
    results: list[Tensor | None] = [None] * len(matrices)
    for numbers in shapes.values():
        share = -(-len(numbers) // world_size)
        stack = torch.stack([matrices[number] for number in numbers[rank * share : (rank + 1) * share] or numbers[:1]])
        made = orthogonal(stack)
        if world_size > 1:
            made = torch.cat([made, made.new_zeros(share - len(made), *made.shape[1:])])
            everyones = [torch.empty_like(made) for _ in range(world_size)]
            dist.all_gather(everyones, made)
            made = torch.cat(everyones)
        for number, result in zip(numbers, made, strict=False):  # the padding of the last share is left over
            results[number] = result.T if tall[number] else result
    return [result for result in results if result is not None]


def orthogonal(matrices: Tensor) -> Tensor:
    """(B, M, N) -> (B, M, N) in `product_type`: about U V' of each matrix's U S V', by a Newton-Schulz iteration.

    Singular values end between 0.7 and 1.2, which serves as well as 1.
    """
    a, b, c = COEFFICIENTS
    x = matrices.to(product_type(matrices.device))
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x
