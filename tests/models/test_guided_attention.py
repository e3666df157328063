"""The guided attention loss by the paper's equations in plain loops, and padding that does not count."""

from __future__ import annotations

import math

import pytest
import torch

from vivavoce.models.guided_attention import diagonal_costs, guided_attention_loss


def test_the_costs_are_the_papers() -> None:
    costs = diagonal_costs(6, 4, torch.tensor([6, 3]), torch.tensor([4, 2]), 0.2)
    for row, (steps, tokens) in enumerate([(6, 4), (3, 2)]):
        for s in range(6):
            for u in range(4):
                expected = 1 - math.exp(-((u / tokens - s / steps) ** 2) / (2 * 0.2**2))
                expected = expected if s < steps and u < tokens else 0.0
                assert float(costs[row, s, u]) == pytest.approx(expected, abs=1e-6)


def test_the_loss_is_the_mean_over_real_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 6, 4, generator=generator).softmax(dim=-1)
    steps, tokens = torch.tensor([6, 3]), torch.tensor([4, 2])
    costs = diagonal_costs(6, 4, steps, tokens, 0.2)
    expected = sum(float((weights[b, s] * costs[b, s]).sum()) for b, length in ((0, 6), (1, 3)) for s in range(length))
    assert float(guided_attention_loss(weights, steps, tokens)) == pytest.approx(expected / 9, rel=1e-5)


def test_a_diagonal_is_free_and_its_mirror_dear() -> None:
    diagonal = torch.eye(20)[None]
    count = torch.tensor([20])
    assert float(guided_attention_loss(diagonal, count, count)) == pytest.approx(0.0, abs=1e-6)
    assert float(guided_attention_loss(diagonal.flip(1), count, count)) > 0.6
    wide = guided_attention_loss(diagonal.flip(1), count, count, width=1.0)
    assert float(wide) < 0.3
