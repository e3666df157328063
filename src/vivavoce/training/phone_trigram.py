"""A phone trigram as a table: what LF-MMI weighs sequences of phones by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import DataError

DISCOUNT = 0.5
TABLE_SCALE = 2.0**15  # of the trigram's halves: probabilities down to 2e-9 keep all their bits


class PhoneTrigram:
    """P(w | u, v) as a table, with a start before the first phone and an end behind the last.

    Attributes:
        table: (P+1, P+1, P+1) float32: [v, u, w], v the last phone and u the one before it. Index P is the start in
            u and v, and the end in w. Phone number p of the table is token p + 1 of the network, whose 0 is the blank.
            Rounded to the eleven bits of half precision, which is what the GPU reads it in: one trigram everywhere.
    """

    def __init__(self, table: Tensor) -> None:
        if table.ndim != 3 or len(set(table.shape)) != 1:
            raise DataError(f"a phone trigram has shape {tuple(table.shape)}; expected three equal sides.")
        self.table = (table * TABLE_SCALE).half().float() / TABLE_SCALE

    @property
    def phones(self) -> int:
        """How many phones, start and end not counted."""
        return len(self.table) - 1

    def to(self, device: torch.device) -> PhoneTrigram:
        """The same with its table on a device."""
        return PhoneTrigram(self.table.to(device))

    @classmethod
    def from_sequences(cls, sequences: Sequence[Sequence[int]], phones: int) -> PhoneTrigram:
        """Estimate by absolute discounting, interpolated down to uniform.

        Args:
            sequences: the phone tokens of utterances, 1 to `phones`; empty ones are passed over.

        Raises:
            DataError: a token outside that range, or no sequence at all.
        """
        counts = np.zeros((phones + 1,) * 3)
        for sequence in sequences:
            if len(sequence):
                ids = np.asarray(sequence) - 1
                if ids.min() < 0 or ids.max() >= phones:
                    raise DataError(f"{list(sequence)} holds tokens outside 1 to {phones}.")
                padded = np.concatenate([[phones, phones], ids, [phones]])
                np.add.at(counts, (padded[1:-1], padded[:-2], padded[2:]), 1.0)
        if not counts.any():
            raise DataError("no phones were given; a trigram is estimated from the training transcripts.")
        lower = np.full(phones + 1, 1.0 / (phones + 1))
        for level in (counts.sum(axis=(0, 1)), counts.sum(axis=1), counts):
            lower = _interpolated(level, lower if level.ndim < 3 else lower[:, None])
        return cls(torch.from_numpy(lower.astype(np.float32)))

    def log_prob(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(B, U) tokens of `lengths` (B,) -> (B,) natural log-probabilities of whole sequences, their ends included."""
        batch, longest = tokens.shape
        start = torch.full((batch, 2), self.phones, device=tokens.device)
        ids = torch.cat([start, tokens - 1, start[:, :1]], dim=1)
        places = torch.arange(longest + 1, device=tokens.device)
        ids[:, 2:] = torch.where(places < lengths[:, None], ids[:, 2:], self.phones)
        log_table = self.table.to(tokens.device).log()
        scores = log_table[ids[:, 1:-1], ids[:, :-2], ids[:, 2:]]
        return torch.where(places <= lengths[:, None], scores, 0.0).sum(dim=1)


def _interpolated(counts: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Discounted relative frequencies along the last axis, what was taken off shared out as `lower` says."""
    total = counts.sum(axis=-1, keepdims=True)
    kinds = np.count_nonzero(counts, axis=-1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = (np.maximum(counts - DISCOUNT, 0.0) + DISCOUNT * kinds * lower) / total
    return np.where(total > 0, seen, lower)
