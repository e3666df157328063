"""Factorised time-delay layers, which stand below an encoder's conformer blocks, or in place of them.

A layer looks at two frames a stride apart through a narrow bottleneck, and from there at two again: some hundred
thousand weights do the work of a million, and five hours of speech are enough to learn them. The bottleneck is held
near a semi-orthogonal matrix, so that the two factors cannot drift apart in scale.

The second look is ahead. It may be taken within the frame's own attention chunk alone, as attention's own, so that a
file in one call and the same file chunk by chunk give the same numbers; for the same reason the norm is LayerNorm,
where Kaldi has batch normalisation.

Source: Povey et al. 2018, "Semi-orthogonal low-rank matrix factorization for deep neural networks"; sizes and bypass as
in Kaldi's egs/mini_librispeech.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BYPASS = 0.66  # how much of a layer's input is added to its output


class TdnnfBlock(nn.Module):
    """y[t] = norm(relu(affine(z[t], z[t+s]))) + 0.66 x[t], of z[t] = bottleneck(x[t-s], x[t]); used as a
    ConformerBlock is."""

    def __init__(self, width: int, bottleneck: int, stride: int, dropout: nn.Module) -> None:
        """`stride`: s, in frames, at most those of the convolution's past."""
        super().__init__()
        self.stride = stride
        self.bottleneck = nn.Linear(2 * width, bottleneck, bias=False)
        self.affine = nn.Linear(2 * bottleneck, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = dropout

    def forward(
        self, x: Tensor, attention_past: Tensor, convolution_past: Tensor, mask: Tensor, rotary: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x: (B, n, D), convolution_past: (B, K, D) inputs before x, mask: (B, 1, n, L'+n) True where a frame may look
        -> (B, n, D), attention's past as it came, and the next past of x."""
        n, s, kept = x.shape[1], self.stride, convolution_past.shape[1]
        inputs = torch.cat([convolution_past.to(x.dtype), x], dim=1)  # (B, K+n, D)
        z = self.bottleneck(torch.cat([inputs[:, kept - s : kept - s + n], x], dim=-1))
        ahead = F.pad(z, (0, 0, 0, s))[:, s:].masked_fill(~looks_ahead(mask, s), 0.0)
        y = self.norm(F.relu(self.affine(torch.cat([z, ahead], dim=-1))))
        return self.dropout(y) + BYPASS * x, attention_past, inputs[:, n:]


def looks_ahead(mask: Tensor, stride: int) -> Tensor:
    """(B, n, 1) of an attention's mask (B, 1, n, L'+n): whether frame t may look at frame t + stride."""
    n, columns = mask.shape[2], mask.shape[3]
    column = torch.arange(n, device=mask.device) + (columns - n + stride)
    there = mask[:, 0].gather(2, column.clamp(max=columns - 1)[None, :, None].expand(mask.shape[0], -1, -1))
    return there & (column < columns)[:, None]


@torch.no_grad()
def make_semi_orthogonal(model: nn.Module) -> None:
    """Move the bottlenecks of a model's factorised layers a step towards semi-orthogonality; to be repeated every few
    updates.

    With P = M M' the step is M <- M - 4 nu (P - a I) M, where a = tr(P P') / tr(P) leaves the scale of M to training
    and nu = 1 / 8a, less where the eigenvalues of P lie far apart and a full step could diverge.
    Source: Kaldi's ConstrainOrthonormal.
    """
    for block in model.modules():
        if isinstance(block, TdnnfBlock):
            weight = block.bottleneck.weight
            with torch.autocast(weight.device.type, enabled=False):
                gram = weight @ weight.T
                trace, squares = gram.trace(), gram.square().sum()
                spread = squares * len(gram) / trace.square()  # 1 where all eigenvalues are the same
                speed = torch.where(spread > 1.1, 0.25, torch.where(spread > 1.02, 0.5, 1.0)) / 8.0
                scale = squares / trace
                weight.sub_(4.0 * speed / scale * (gram @ weight - scale * weight))
