"""A small causal transformer over subword units: which unit comes next?

Top to bottom: dims, rotation, block, network, loss. Rows of text go in as (B, T) for training; a whole tree of readings
that share their beginnings goes in as one row for rescoring, with the place of each unit and a mask of its ancestors.
It knows nothing of words, of how units are spelled, or of searches.

Why a transformer and not an LSTM, which at five million parameters and some forty units of context foresees text about
as well:

- A rescored tree is one call: a few products of some hundred rows, which a processor core multiplies at full speed. A
  recurrent network walks down the tree, a call for each unit of the longest reading, and reads all its weights from
  memory each time.
- What is carried from one stretch of a text to the next is its last units alone, in any network's terms.
- On a GPU a minute of training is all that it gets, and its products are larger by the length of a row.

Sources: Vaswani et al. 2017 (arXiv:1706.03762); rotary places (Su et al. 2021, arXiv:2104.09864); normalised queries
and keys (Henry et al. 2020, arXiv:2010.04245); squared ReLU (So et al. 2021, arXiv:2109.08668); output matrix tied to
the input's (Press and Wolf 2017, arXiv:1608.05859).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError


@dataclass(frozen=True)
class TextLmDims:
    """Sizes of a network. `units` counts the vocabulary, whose last unit is the mark before a row's first."""

    units: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 1024
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.units - 1, self.width, self.layers, self.heads, self.feed_forward) < 1:
            raise ConfigError(f"{self}: expected sizes of 1 or more, and 2 units at least.")
        if self.width % (2 * self.heads):
            raise ConfigError(f"{self}: width must be shared out evenly by the heads, into even parts.")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"{self}: dropout must be at least 0 and below 1.")

    @property
    def mark(self) -> int:
        """The unit before a row's first."""
        return self.units - 1


class Block(nn.Module):
    """Attention, feed-forward, each added to its normalised input: (B, T, D) -> (B, T, D)."""

    def __init__(self, dims: TextLmDims) -> None:
        super().__init__()
        self.heads, self.dropout = dims.heads, dims.dropout
        self.mix = nn.Linear(dims.width, 3 * dims.width, bias=False)
        self.out = nn.Linear(dims.width, dims.width, bias=False)
        self.widen = nn.Linear(dims.width, dims.feed_forward, bias=False)
        self.narrow = nn.Linear(dims.feed_forward, dims.width, bias=False)
        for linear in (self.mix, self.widen):
            nn.init.normal_(linear.weight, std=dims.width**-0.5)
        nn.init.zeros_(self.out.weight)  # a block begins as nothing: (B, T, D) passes through
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor, mask: Tensor | None) -> Tensor:
        """`mask`: None for rows, each unit after the other; else (B, 1, T, T), 0 where a unit may look, else -inf."""
        batch, length, width = x.shape
        mixed = linear(self.mix, normalised(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key = rotate(normalised(mixed[:, :, :2]), cosines, sines).unbind(2)  # (B, T, H, D / H)
        heads = F.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), mixed[:, :, 2].transpose(1, 2), mask, is_causal=mask is None
        )
        x = x + self._dropped(linear(self.out, heads.transpose(1, 2).reshape(batch, length, width)))
        return x + self._dropped(linear(self.narrow, F.relu(linear(self.widen, normalised(x))).square()))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class TextLm(nn.Module):
    """Units -> log-probabilities of the units that follow."""

    def __init__(self, dims: TextLmDims) -> None:
        super().__init__()
        self.dims = dims
        self.embedding = nn.Embedding(dims.units, dims.width)
        self.blocks = nn.ModuleList([Block(dims) for _ in range(dims.layers)])
        nn.init.normal_(self.embedding.weight, std=0.1 * dims.width**-0.5)

    def forward(
        self, units: Tensor, places: Tensor | None = None, mask: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> Tensor:
        """What is known behind each unit.

        Args:
            units: (B, T) int64.
            places: (B, T) int64, the place of each unit in its text; None for rows, 0 to T - 1.
            mask: (B, T, T) bool, true where a unit (row) may look at another (column); None for rows: at those before.
            dtype: what to compute in, where that is not what the weights are kept in.

        Returns:
            (B, T, D) normalised.
        """
        x = normalised(F.embedding(units, self.embedding.weight.to(dtype or self.embedding.weight.dtype)))
        if places is None:
            places = torch.arange(units.shape[1], device=units.device).unsqueeze(0)
        cosines, sines = rotations(places, self.dims.width // self.dims.heads, x.dtype)
        if mask is not None:
            mask = torch.where(mask, 0.0, -math.inf).to(x.dtype).unsqueeze(1)
        for block in self.blocks:
            x = block(x, cosines, sines, mask)
        return normalised(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return F.linear(hidden, self.embedding.weight.to(hidden.dtype)) * LOGIT_SCALE


LOGIT_SCALE = 2.0  # of normalised vectors with small embeddings; the embeddings learn the rest


def linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """A product in the type of what comes in, whatever the weights are kept in."""
    return F.linear(x, layer.weight.to(x.dtype))


def normalised(x: Tensor) -> Tensor:
    """(..., D) with a mean square of 1."""
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def rotations(places: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(B, T) places -> cosines and sines, (B, T, 1, 1, width / 2): from one radian a place down to a thousandth."""
    rates = 1000.0 ** -(torch.arange(width // 2, device=places.device, dtype=torch.float32) * 2 / width)
    angles = places.to(torch.float32)[..., None, None, None] * rates
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """(B, T, 2, H, W): each pair of numbers, one of the first half and one of the second, turned by its angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)


def text_loss(model: TextLm, rows: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Mean negative log-probability, nats a unit, of all units of rows but their first.

    Args:
        rows: (B, T + 1) int64, the mark first, or any unit where a text goes on.
    """
    logits = model.logits(model(rows[:, :-1], dtype=dtype))
    return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())
