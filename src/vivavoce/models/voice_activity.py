"""A small frame classifier: is somebody speaking? Causal convolutions over log-mel frames, whole or in chunks.

Top to bottom: dims, block (dilated causal convolution, pointwise, residual), network, loss. It takes raw log-mel, since
the normalisation belongs to the weights, and knows nothing of noise, thresholds or utterances.

Why it looks like this:

- Each block looks three frames back at twice the distance of the block below, so that seven blocks see two and a half
  seconds: enough to tell a voice from the noise it stands in. The past is finite, so what was heard long ago cannot
  hold the network in a wrong state.
- A convolution of three taps is one matrix product over three shifted copies. There is no recurrence: training runs
  over all frames at once.
- Output frame t speaks of frame t - lookahead: the network itself is causal, and waits a few frames before it answers.

Sources: dilated causal convolutions (van den Oord et al. 2016, arXiv:1609.03499), residual blocks of them for sequences
(Bai et al. 2018, arXiv:1803.01271).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError

TAPS = 3


@dataclass(frozen=True)
class ActivityDims:
    """Sizes of a network; `dilations` has one number a block, `lookahead_frames` is how long it waits."""

    n_features: int = 80
    width: int = 40
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    lookahead_frames: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        if min(self.n_features, self.width, *self.dilations, len(self.dilations)) < 1 or self.lookahead_frames < 0:
            raise ConfigError(f"{self}: expected sizes and dilations of 1 or more, and no negative look-ahead.")

    @property
    def past_frames(self) -> int:
        """How many frames all blocks together remember."""
        return (TAPS - 1) * sum(self.dilations)


class ActivityState(NamedTuple):
    """What a stream remembers between chunks; zeros at its start.

    features: (B, 2, F) normalised features; blocks: (B, P, D), the past of each block behind that of the one before,
    P being dims.past_frames.
    """

    features: Tensor
    blocks: Tensor


class ActivityOutput(NamedTuple):
    """logits: (B, T), of which number t speaks of frame t - lookahead_frames; state: for the next chunk."""

    logits: Tensor
    state: ActivityState


class CausalConvolution(nn.Module):
    """Three taps, `dilation` frames apart, the last of them the present: (B, T, C) -> (B, T, D)."""

    def __init__(self, width_in: int, width_out: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = nn.Linear(TAPS * width_in, width_out)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, T, C), past: (B, 2 * dilation, C) -> (B, T, D) and the next past."""
        frames = x.shape[1]
        x = torch.cat([past, x], dim=1)
        shifted = [x[:, tap * self.dilation : tap * self.dilation + frames] for tap in range(TAPS)]
        return self.linear(torch.cat(shifted, dim=-1)), x[:, frames:]


class ActivityBlock(nn.Module):
    """Normalise, convolve, mix, and add: (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = CausalConvolution(width, width, dilation)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        y, past = self.convolution(self.norm(x), past)
        return x + self.out(F.relu(y)), past


class VoiceActivityNet(nn.Module):
    """Log-mel features -> one logit a frame."""

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, dims: ActivityDims) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("feature_mean", torch.zeros(dims.n_features))
        self.register_buffer("feature_scale", torch.ones(dims.n_features))
        self.front = CausalConvolution(dims.n_features, dims.width, 1)
        self.blocks = nn.ModuleList([ActivityBlock(dims.width, dilation) for dilation in dims.dilations])
        self.norm = nn.LayerNorm(dims.width)
        self.out = nn.Linear(dims.width, 1)

    def set_normalisation(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the features' mean and standard deviation, (F,) each, measured on the training set."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(1.0 / deviation)

    def initial_state(self, batch: int, device: torch.device | None = None) -> ActivityState:
        """The state before the first frame of `batch` streams."""
        d = self.dims
        return ActivityState(
            torch.zeros(batch, TAPS - 1, d.n_features, device=device),
            torch.zeros(batch, d.past_frames, d.width, device=device),
        )

    def forward(self, features: Tensor, state: ActivityState | None = None) -> ActivityOutput:
        """Run T frames.

        Args:
            features: (B, T, F) raw log-mel.
            state: from the call before; None at the start.
        """
        state = self.initial_state(features.shape[0], features.device) if state is None else state
        x = (features - self.feature_mean) * self.feature_scale
        x, next_features = self.front(x, state.features)  # (B, T, D)
        pasts = []
        for block, past in zip(self.blocks, self.split_past(state.blocks), strict=True):
            x, past = block(x, past)
            pasts.append(past)
        logits = self.out(self.norm(x)).squeeze(-1)
        return ActivityOutput(logits, ActivityState(next_features, torch.cat(pasts, dim=1)))

    def split_past(self, blocks: Tensor) -> tuple[Tensor, ...]:
        """(B, P, D) -> the past of each block, (B, 2 * dilation, D)."""
        return blocks.split([(TAPS - 1) * dilation for dilation in self.dims.dilations], dim=1)


def activity_loss(logits: Tensor, speech: Tensor, weights: Tensor, lookahead_frames: int) -> Tensor:
    """Binary cross-entropy, the mean over what counts.

    Args:
        logits: (B, T) of the network: number t speaks of frame t - lookahead_frames.
        speech: (B, T) 1 where frame t is speech, else 0.
        weights: (B, T) how much frame t counts; 0 where the label is not known.

    Frames whose answer lies behind the last output do not count. With nothing that counts the loss is 0.
    """
    frames = logits.shape[1] - lookahead_frames
    answers, speech, weights = logits[:, lookahead_frames:], speech[:, :frames], weights[:, :frames]
    losses = F.binary_cross_entropy_with_logits(answers.float(), speech.to(answers.dtype), reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)
