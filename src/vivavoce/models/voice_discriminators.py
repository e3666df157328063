"""Who tells a vocoder's speech from recorded speech: a few slim networks that look at the waveform in different ways.

Waveform folded by periods (HiFi-GAN, Kong et al. 2020, arXiv:2010.05646) and complex spectra at several resolutions
(UnivNet's idea, Jang et al. 2021, arXiv:2106.07889; with real and imaginary parts as in EnCodec, Défossez et al. 2022,
arXiv:2210.13438). The published ones are ten times the size of the vocoder they teach; these cost about as much as it,
so that a voice can be made on one CPU core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1


@dataclass(frozen=True)
class DiscriminatorDims:
    """Which views there are, and their widths. `n_ffts` have hops of a quarter; an empty tuple leaves a kind out."""

    periods: tuple[int, ...] = (2, 3, 5, 7)
    period_widths: tuple[int, ...] = (16, 32, 64, 64)
    n_ffts: tuple[int, ...] = (512, 2048)
    spectrum_width: int = 16

    def __post_init__(self) -> None:
        for name in ("periods", "period_widths", "n_ffts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))


class PeriodDiscriminator(nn.Module):
    """Sees every `period`-th sample as one sequence: (B, N) -> scores (B, period, T) and features."""

    def __init__(self, period: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        sizes = [1, *widths]
        self.layers = nn.ModuleList([weight_norm(nn.Conv1d(a, b, 5, 3, padding=2)) for a, b in pairwise(sizes)])
        self.out = weight_norm(nn.Conv1d(sizes[-1], 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:
        batch, samples = waveform.shape
        x = F.pad(waveform, (0, -samples % self.period))
        x = x.view(batch, -1, self.period).transpose(1, 2).reshape(batch * self.period, 1, -1)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x.view(batch, -1))
        return self.out(x).view(batch, -1), features


class SpectrumDiscriminator(nn.Module):
    """Sees a complex spectrum as a picture: (B, N) -> scores (B, T, K') and features."""

    window: Tensor

    def __init__(self, n_fft: int, width: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        shapes = [((9, 3), (4, 1)), ((9, 3), (4, 1)), ((9, 3), (4, 1)), ((3, 3), (1, 1))]
        widths = [2] + [width] * len(shapes)
        self.layers = nn.ModuleList(
            [
                weight_norm(nn.Conv2d(a, b, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2)))
                for a, b, (kernel, stride) in zip(widths[:-1], widths[1:], shapes, strict=True)
            ]
        )
        self.out = weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:
        spectrum = torch.stft(
            waveform, self.n_fft, self.n_fft // 4, window=self.window, center=True, return_complex=True
        )  # (B, K, T)
        parts = torch.view_as_real(spectrum)
        # Compressed to a power of 0.3, so that quiet bins are seen beside loud ones.
        parts = parts * (parts.square().sum(dim=-1, keepdim=True) + 1e-5).pow(-0.35)
        x = parts.movedim(-1, 1).contiguous(memory_format=torch.channels_last)  # (B, 2, K, T); quicker on CPUs
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.out(x).flatten(1), features


class VoiceDiscriminators(nn.Module):
    """All views together: (B, N) -> one (scores, features) each."""

    def __init__(self, dims: DiscriminatorDims) -> None:
        super().__init__()
        self.dims = dims
        self.views = nn.ModuleList(
            [PeriodDiscriminator(period, dims.period_widths) for period in dims.periods]
            + [SpectrumDiscriminator(n_fft, dims.spectrum_width) for n_fft in dims.n_ffts]
        )

    def forward(self, waveform: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [view(waveform) for view in self.views]


def discriminator_loss(real: list[tuple[Tensor, list[Tensor]]], made: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """Least squares: recorded speech shall score 1 and made speech 0; the mean over the views, 0.25 each when blind."""
    losses = [(1.0 - r[0]).square().mean() + m[0].square().mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(losses).mean()


def adversarial_loss(made: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """Least squares: made speech shall score 1; the mean over the views."""
    return torch.stack([(1.0 - scores).square().mean() for scores, _ in made]).mean()


def feature_matching_loss(real: list[tuple[Tensor, list[Tensor]]], made: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """What the layers see shall be alike: mean absolute difference over the mean of what recorded speech gives.

    Relative, so that a layer's loudness does not decide how much it counts (as in EnCodec, arXiv:2210.13438).
    """
    losses = [
        F.l1_loss(m, r.detach()) / r.detach().abs().mean().clamp(min=1e-4)
        for (_, theirs), (_, ours) in zip(real, made, strict=True)
        for r, m in zip(theirs, ours, strict=True)
    ]
    return torch.stack(losses).mean()
