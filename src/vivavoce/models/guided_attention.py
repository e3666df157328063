"""Guided attention: speech follows its text, so an alignment far from the diagonal costs.

It holds for every model that aligns a text with frames by attention, and knows nothing of how the weights came about.
"""

from __future__ import annotations

import torch
from torch import Tensor


def guided_attention_loss(weights: Tensor, steps: Tensor, tokens: Tensor, width: float = 0.2) -> Tensor:
    """The mean, over all steps, of how much attention lies away from the diagonal.

    Args:
        weights: (B, S, U) attention of each step over the tokens; each step's sum is 1.
        steps, tokens: (B,) how many of each are the utterance's own.
        width: how far from the diagonal attention may lie, as a share of the text: at a distance of d the cost is
            1 - exp(-d^2 / (2 width^2)).

    Source: Tachibana, Uenoyama, Aihara 2017, arXiv:1710.08969, equations 11 and 12; here the sum of a step's weights is
    averaged over steps, so that long texts count as much as short ones.
    """
    costs = diagonal_costs(weights.shape[1], weights.shape[2], steps, tokens, width)
    return (weights * costs).sum() / steps.sum()


def diagonal_costs(longest_steps: int, longest_tokens: int, steps: Tensor, tokens: Tensor, width: float) -> Tensor:
    """(B, S, U) cost of attention at each place, 0 behind an utterance's end; arguments as above."""
    step = torch.arange(longest_steps, device=steps.device)
    token = torch.arange(longest_tokens, device=steps.device)
    place_in_speech = step / steps.unsqueeze(1)  # (B, S)
    place_in_text = token / tokens.unsqueeze(1)  # (B, U)
    distance = place_in_text.unsqueeze(1) - place_in_speech.unsqueeze(2)  # (B, S, U)
    costs = 1.0 - torch.exp(-(distance**2) / (2.0 * width**2))
    real = (step < steps.unsqueeze(1)).unsqueeze(2) & (token < tokens.unsqueeze(1)).unsqueeze(1)
    return torch.where(real, costs, 0.0)
