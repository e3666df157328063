"""How far a vocoder's waveform is from the recorded one, in spectra: the torch twin of the voice's log-mel, and losses.

`TorchLogMel` is there for gradients alone. What it gives is held to `dsp.features` by a test, so that a vocoder is
trained on the very numbers that an acoustic model will hand it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.errors import ConfigError


class TorchLogMel(nn.Module):
    """`dsp.features.features` for centred log-mel with natural logarithm, differentiable: (B, N) -> (B, T, F)."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: FeatureConfig) -> None:
        """Raises: ConfigError, a setting that this twin does not have."""
        super().__init__()
        plain = FeatureConfig.voice(
            sample_rate=config.sample_rate, win_length=config.win_length, hop_length=config.hop_length,
            n_fft=config.n_fft, n_mels=config.n_mels, f_min_hz=config.f_min_hz, f_max_hz=config.f_max_hz,
            mel_scale=config.mel_scale, mel_norm=config.mel_norm, log_floor=config.log_floor,
            precision=config.precision,
        )  # fmt: skip
        if plain != config or config.win_length != config.n_fft:
            raise ConfigError(
                "the torch twin knows centred log-mel magnitudes with reflection and natural logarithm only, as "
                "FeatureConfig.voice() has them; compute other features with dsp.features."
            )
        self.config = config
        self.register_buffer("window", torch.hann_window(config.win_length), persistent=False)
        filters = mel_filterbank(
            config.sample_rate,
            config.n_fft,
            config.n_mels,
            config.f_min_hz,
            config.f_max_hz,
            config.mel_scale,
            config.mel_norm,
        )
        self.register_buffer("filters", torch.from_numpy(filters.T.copy()).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.from_magnitude(magnitude(waveform, self.window, self.config.hop_length))

    def from_magnitude(self, magnitudes: Tensor) -> Tensor:
        """(B, T, K) magnitudes -> (B, T, F)."""
        return torch.log(torch.clamp(magnitudes @ self.filters, min=self.config.log_floor))


def magnitude(waveform: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """(B, N) -> (B, T, K) magnitudes of centred frames, the signal being mirrored beyond its ends."""
    return spectrum(waveform, window, hop_length).abs()


def spectrum(waveform: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """(B, N) -> (B, T, K) complex, each frame told from its first sample."""
    size = len(window)
    padded = F.pad(waveform[:, None], (size // 2, size // 2), mode="reflect")[:, 0]
    return torch.fft.rfft(padded.unfold(1, size, hop_length) * window)


class SpectralLoss(nn.Module):
    """Log-mel and multi-resolution magnitudes: mean absolute differences, each in nepers.

    Magnitudes at several resolutions constrain the phase too: a waveform whose neighbouring frames disagree has other
    magnitudes under another window (Yamamoto et al. 2020, arXiv:1910.11480).
    """

    def __init__(self, config: FeatureConfig, n_ffts: Sequence[int] = (512, 2048, 256)) -> None:
        super().__init__()
        self.mel = TorchLogMel(config)
        self.n_ffts = tuple(n_ffts)
        for n_fft in self.n_ffts:
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, made: Tensor, real: Tensor) -> dict[str, Tensor]:
        """(B, N) each -> "mel", "log_magnitude" and "convergence", scalars."""
        both = torch.cat([made, real.to(made.dtype)])
        mels = self.mel(both).chunk(2)
        log_terms, convergence = [], []
        for n_fft in self.n_ffts:
            ours, theirs = magnitude(both, getattr(self, f"window{n_fft}"), n_fft // 4).chunk(2)
            # The floor is that of the mel's: below it there is nothing to hear.
            log_terms.append(F.l1_loss(torch.log(ours + 1e-3), torch.log(theirs + 1e-3)))
            convergence.append((ours - theirs).norm() / theirs.norm().clamp(min=1e-3))
        return {
            "mel": F.l1_loss(*mels),
            "log_magnitude": torch.stack(log_terms).mean(),
            "convergence": torch.stack(convergence).mean(),
        }
