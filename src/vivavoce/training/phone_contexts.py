"""Phones in left context as targets: what a phone sounds like depends on the one before it.

Every phone has one class for all contexts that are rare; the most frequent pairs have classes of their own. What is
given out is the sum over a phone's classes, so that decoding knows nothing of them.

Source: left biphones as targets of end-to-end LF-MMI (Hadian et al. 2018), sharing by count instead of by a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import ConfigError, DataError


@dataclass(frozen=True)
class PhoneContexts:
    """Which class a phone has behind another.

    Attributes:
        table: (P+1, P) int64: [v, w], the class of phone w behind phone v, 1 to C; 0 is the blank. v == P is the
            beginning of an utterance. Phone number p of the table is token p + 1, as in `PhoneTrigram`.
        phone_of: (C+1,) int64: the phone token of each class, 0 for the blank.
    """

    table: Tensor
    phone_of: Tensor

    @property
    def phones(self) -> int:
        """How many phones, without the blank."""
        return self.table.shape[1]

    @property
    def classes(self) -> int:
        """How many classes, without the blank."""
        return len(self.phone_of) - 1

    @classmethod
    def from_sequences(cls, sequences: Sequence[Sequence[int]], phones: int, classes: int) -> PhoneContexts:
        """Count pairs, and number the classes: the shared one of each phone first, then the most frequent pairs'.

        So `phone_of` tells classes of other transcripts apart. As many classes as phones are the phones themselves.

        Args:
            sequences: the phone tokens of utterances, 1 to `phones`; empty ones are passed over.
            classes: how many there are in all; pairs that were never seen get some too where they suffice.

        Raises:
            DataError: a token outside that range, or no sequence at all.
            ConfigError: fewer classes than phones, or more than phones and pairs.
        """
        if not phones <= classes <= phones * (phones + 2):
            raise ConfigError(
                f"{classes} classes for {phones} phones in context; expected {phones} to {phones * (phones + 2)}."
            )
        counts = np.zeros((phones + 1, phones), dtype=np.int64)
        for sequence in sequences:
            if len(sequence):
                ids = np.asarray(sequence) - 1
                if ids.min() < 0 or ids.max() >= phones:
                    raise DataError(f"{list(sequence)} holds tokens outside 1 to {phones}.")
                np.add.at(counts, (np.concatenate([[phones], ids[:-1]]), ids), 1)
        if not counts.any():
            raise DataError("no phones were given; contexts are counted in the training transcripts.")
        table = np.tile(np.arange(1, phones + 1), (phones + 1, 1))
        own = np.argsort(-counts, axis=None, kind="stable")[: classes - phones]
        table.reshape(-1)[own] = np.arange(phones + 1, classes + 1)
        phone_of = np.concatenate([np.arange(phones + 1), own % phones + 1])
        return cls(torch.from_numpy(table), torch.from_numpy(phone_of))

    def encode(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(B, U) phone tokens of `lengths` (B,) -> (B, U) class tokens, 0 behind the ends."""
        ids = (tokens - 1).clamp(min=0)
        before = torch.cat([torch.full_like(ids[:, :1], self.phones), ids[:, :-1]], dim=1)
        real = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        return torch.where(real, self.table[before, ids], 0)
