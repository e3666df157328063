"""Which parameters lose weight: matrices do, and vectors, which are scales and shifts, do not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn


def decayed_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """The two groups that an optimiser takes: what has two dimensions or more, with weight decay, and the rest."""
    known = list(parameters)
    return [
        {"params": [p for p in known if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in known if p.ndim <= 1], "weight_decay": 0.0},
    ]
