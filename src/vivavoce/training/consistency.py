"""Consistency: what a network gives out for two augmented views of one utterance should be the same."""

from __future__ import annotations

import torch
from torch import Tensor


def disagreement(log_probs: Tensor, frames: Tensor) -> Tensor:
    """How far the two views of each utterance are apart: divergence a frame, each learning from the other as it is.

    Args:
        log_probs: (2B, T, V), rows i and B + i the views of one utterance.
        frames: (2B,) valid frames.

    Source: CR-CTC (Yao et al. 2025, arXiv:2410.05101).
    """
    one, other = log_probs.chunk(2)
    total = torch.zeros((), device=log_probs.device)
    valid = (torch.arange(log_probs.shape[1], device=log_probs.device) < frames[: len(one), None]).unsqueeze(-1)
    for learner, teacher in ((one, other.detach()), (other, one.detach())):
        total = total + (teacher.exp() * (teacher - learner) * valid).sum()
    return total / (2 * valid.sum())
