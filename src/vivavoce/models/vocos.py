"""Vocos with a source: log-mel frames -> pitch -> harmonics and noise, filtered in their spectra -> the waveform.

Top to bottom: dims, ConvNeXt block, backbone, network, source, inverse STFT. It takes the log-mel of
`FeatureConfig.voice()` as it is, since the normalisation belongs to the weights, and knows nothing of losses,
discriminators or text.

Why it looks like this:

- All layers run at the frame rate, 86 a second; the waveform's rate is reached by the inverse FFT alone. That is what
  makes it many times faster than a network that upsamples.
- Vocos lets the network say each bin's phase. A log-mel does not tell it: phases go on from frame to frame with the
  pitch, so the network has to count a voice's swings, which takes it days of training. Here the pitch is heard by a
  small network and summed up, each bin begins with the phase of its nearest harmonic, and the network turns it by
  what the throat and the room do, which hardly changes with time.
- Whatever is no harmonic is noise of a fixed table, so that nothing is drawn and a waveform can be made again.
- The head does not invent magnitudes: each bin begins at what its mel filters say, and the network learns the rest.
- Phases are told relative to the frame's centre: an impulse there has phase 0 in every bin.
- Pointwise layers are `nn.Linear` on (B, T, D), which CPUs do best.

Sources: Vocos (Siuzdak 2023, arXiv:2306.00814), ConvNeXt blocks (Liu et al. 2022, arXiv:2201.03545), source and filter
(Wang et al. 2019, arXiv:1904.12088), harmonics and filtered noise (Engel et al. 2020, arXiv:2001.04643), a source in
front of an inverse STFT (Li et al. 2023, arXiv:2309.09493), magnitudes from the mel (Lv et al. 2024, arXiv:2406.08196).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.errors import ConfigError


@dataclass(frozen=True)
class VocosDims:
    """Sizes of a network: `width`, `hidden` and `layers` of the filter, `pitch_width` and `pitch_layers` of what hears
    the pitch. `kernel` is in frames and odd; rate, hop and n_fft are those of `FeatureConfig.voice()`.
    """

    width: int = 256
    layers: int = 6
    hidden: int = 768
    kernel: int = 7
    pitch_width: int = 96
    pitch_layers: int = 3
    n_mels: int = 80
    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.hidden, self.n_mels, self.hop_length) < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"{self}: expected sizes of 1 or more and an odd kernel.")
        if self.n_fft % (2 * self.hop_length):
            raise ConfigError(f"{self}: expected n_fft to be a multiple of twice the hop.")

    @property
    def bins(self) -> int:
        """K, the bins of a spectrum."""
        return self.n_fft // 2 + 1

    @property
    def context_frames(self) -> int:
        """How many frames on either side a sample depends on, its phase apart: of the convolutions and the overlap."""
        return (max(self.layers, self.pitch_layers) + 1) * (self.kernel // 2) + self.n_fft // (2 * self.hop_length)


class VocosOutput(NamedTuple):
    """waveform: (B, 256 T); pitch: (B, T) the pitch that was heard in the mel, in octaves above 1 Hz."""

    waveform: Tensor
    pitch: Tensor


class ConvNeXtBlock(nn.Module):
    """Look at the neighbours channel by channel, then mix the channels, and add: (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, hidden: int, kernel: int, layers: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.full((width,), 1.0 / layers))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.down(F.gelu(self.up(self.norm(y))))


class Backbone(nn.Module):
    """Convolution, blocks, projection: (B, T, F) -> (B, T, outputs)."""

    def __init__(self, n_mels: int, width: int, hidden: int, kernel: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.front = nn.Conv1d(n_mels, width, kernel, padding=kernel // 2)
        self.front_norm = nn.LayerNorm(width, eps=1e-6)
        self.blocks = nn.ModuleList([ConvNeXtBlock(width, hidden, kernel, layers) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, outputs)
        self.apply(_initialise)

    def body(self, features: Tensor) -> Tensor:
        """(B, T, F) -> (B, T, D), all but the projection."""
        x = self.front_norm(self.front(features.transpose(1, 2)).transpose(1, 2))  # (B, T, D)
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.out(self.body(features))
        return out


class Vocos(nn.Module):
    """Log-mel -> pitch -> a source of harmonics and noise -> its filtered spectrum -> waveform."""

    mel_mean: Tensor
    mel_scale: Tensor
    filters: Tensor
    window: Tensor
    centring: Tensor
    noise: Tensor

    def __init__(self, dims: VocosDims) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("mel_mean", torch.zeros(dims.n_mels))
        self.register_buffer("mel_scale", torch.ones(dims.n_mels))
        self.register_buffer("filters", magnitude_filters(dims))
        self.register_buffer("window", torch.hann_window(dims.n_fft), persistent=False)
        # Bin k of a frame told from its centre differs from that told from its first sample by (-1)^k.
        self.register_buffer("centring", 1.0 - 2.0 * (torch.arange(dims.bins) % 2), persistent=False)
        self.register_buffer("noise", noise_spectrum(dims))
        self.filter = Backbone(dims.n_mels, dims.width, dims.hidden, dims.kernel, dims.layers, 4 * dims.bins)
        self.pitch = Backbone(dims.n_mels, dims.pitch_width, 3 * dims.pitch_width, dims.kernel, dims.pitch_layers, 1)
        with torch.no_grad():  # begin with the mel's own magnitudes, harmonics in phase, and some noise between them
            self.filter.out.bias.view(4, -1)[1] = 1.0
            self.filter.out.bias.view(4, -1)[3] = -2.0
            self.pitch.out.bias.fill_(7.5)

    def set_normalisation(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the mel's mean and standard deviation, (F,) each, measured on the training set."""
        self.mel_mean.copy_(mean)
        self.mel_scale.copy_(1.0 / deviation)

    def hear_pitch(self, log_mel: Tensor) -> Tensor:
        """(B, T, F) log-mel -> (B, T) float64 octaves above 1 Hz; where there is no voice, what leads over.

        Summed up and multiplied by a harmonic's number, its rounding becomes a phase: so what is small is added to what
        is large in double precision.
        """
        x = self.pitch.body((log_mel - self.mel_mean) * self.mel_scale)
        octaves = F.linear(x, self.pitch.out.weight).double() + self.pitch.out.bias.double()
        return octaves.squeeze(-1).clamp(5.5, 9.5)

    def cycles(self, pitch: Tensor) -> Tensor:
        """(B, T) octaves -> (B, T) float64, how often the voice has swung when a frame's centre is reached."""
        steps = torch.exp2(pitch.double()) * (self.dims.hop_length / self.dims.sample_rate)
        middles = F.pad(0.5 * (steps[:, 1:] + steps[:, :-1]), (1, 0))
        return torch.cumsum(middles, dim=1)

    def spectrum(self, log_mel: Tensor, pitch: Tensor, cycles: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Filter the source.

        Args:
            log_mel: (B, T, F).
            pitch: (B, T) octaves above 1 Hz.
            cycles: (B, T) of the voice at the frames' centres.
            noise: (B or 1, T, 2, K) real and imaginary parts of noise.

        Returns:
            Real and imaginary parts, (B, T, K) each, told from the frames' centres.
        """
        gain, across, up, breath = self.filter((log_mel - self.mel_mean) * self.mel_scale).chunk(4, dim=-1)
        level = torch.exp(log_mel) @ self.filters  # (B, T, K)
        shape, cosine, sine = harmonics(pitch, cycles, self.dims)
        voice = level * shape * torch.exp(gain.clamp(max=6.0)) * torch.rsqrt(across.square() + up.square() + 1e-8)
        breath = level * torch.exp(breath.clamp(max=4.0))
        real = voice * (across * cosine - up * sine) + breath * noise[:, :, 0]
        imaginary = voice * (across * sine + up * cosine) + breath * noise[:, :, 1]
        return real, imaginary

    def forward(self, log_mel: Tensor, pitch: Tensor | None = None, first: Tensor | None = None) -> VocosOutput:
        """Run T frames: (B, T, F) log-mel -> (B, 256 T) samples, of which number 256 t is frame t's centre.

        Args:
            log_mel: (B, T, F).
            pitch: (B, T) to be used in place of what is heard, in octaves above 1 Hz.
            first: (B,) where in the noise each sequence begins; None: at its beginning.
        """
        heard = self.hear_pitch(log_mel)
        used = heard.detach() if pitch is None else pitch
        places = torch.arange(log_mel.shape[1], device=log_mel.device) % len(self.noise)
        if first is not None:
            places = (first[:, None] + places) % len(self.noise)
        noise = self.noise[places] if first is not None else self.noise[places][None]
        parts = self.spectrum(log_mel, used, self.cycles(used), noise)
        return VocosOutput(self.inverse(*parts), heard)

    def inverse(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """The inverse STFT, (B, T, K) parts -> (B, 256 T) samples: least squares under the window that made the mel."""
        d = self.dims
        spectrum = torch.complex(real * self.centring, imaginary * self.centring)
        frames = torch.fft.irfft(spectrum, n=d.n_fft, dim=-1) * self.window
        weights = self.window.square().expand(1, frames.shape[1], d.n_fft)
        middle = slice(d.n_fft // 2, d.n_fft // 2 + d.hop_length * frames.shape[1])
        return (overlap_add(frames, d.hop_length) / overlap_add(weights, d.hop_length).clamp(min=1e-3))[:, middle]


def overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """(B, T, n_fft) -> (B, hop (T - 1) + n_fft); n_fft is a multiple of the hop.

    Frames are cut into pieces of a hop, and the pieces of one place are added: no scatter, which CPUs do slowly.
    """
    parts = frames.shape[-1] // hop_length
    pieces = frames.reshape(*frames.shape[:2], parts, hop_length)
    shifted = [F.pad(pieces[:, :, part], (0, 0, part, parts - 1 - part)) for part in range(parts)]
    return torch.stack(shifted).sum(dim=0).flatten(1)


def harmonics(pitch: Tensor, cycles: Tensor, dims: VocosDims) -> tuple[Tensor, Tensor, Tensor]:
    """The spectrum of a pulse train under the window: in each bin the nearest harmonic's.

    Args:
        pitch: (B, T) octaves above 1 Hz. cycles: (B, T) swings of the fundamental until the frames' centres.

    Returns:
        How high the window's main lobe stands over each bin, 1 at a harmonic and nearly 0 two bins beside it, and
        cosine and sine of the harmonic's phase: (B, T, K) each.
    """
    spacing = torch.exp2(pitch.float())[..., None] * (dims.n_fft / dims.sample_rate)  # in bins
    bins = torch.arange(dims.bins, device=pitch.device, dtype=torch.float32)
    numbers = torch.round(bins / spacing).clamp(min=1.0)
    distance = (bins - numbers * spacing).abs().clamp(max=2.0)
    # A Hann window's main lobe, sinc(d) / (1 - d^2), is within 0.01 of this.
    shape = torch.cos(distance * (torch.pi / 4)).square() + 1e-3
    turns = numbers * (cycles - torch.floor(cycles)).float()[..., None]
    angle = (2 * torch.pi) * (turns - torch.floor(turns))
    return shape, torch.cos(angle), torch.sin(angle)


def noise_spectrum(dims: VocosDims, frames: int = 128) -> Tensor:
    """(frames, 2, K): the parts of white noise under the window, of power 1; it begins again without a seam."""
    samples = np.random.default_rng(20230601).standard_normal(frames * dims.hop_length)
    places = dims.hop_length * np.arange(frames)[:, None] + np.arange(-dims.n_fft // 2, dims.n_fft // 2)
    window = torch.hann_window(dims.n_fft, dtype=torch.float64).numpy()
    spectrum = np.fft.rfft(samples[places % len(samples)] * window) * (-1.0) ** np.arange(dims.bins)
    spectrum /= np.sqrt(np.mean(np.abs(spectrum) ** 2))
    return torch.from_numpy(np.stack([spectrum.real, spectrum.imag], axis=1).astype(np.float32))


def magnitude_filters(dims: VocosDims) -> Tensor:
    """(F, K): mel magnitudes times this are the bins' magnitudes as far as the mel tells them, between its filters."""
    voice = FeatureConfig.voice()
    filterbank = mel_filterbank(
        sample_rate=voice.sample_rate,
        n_fft=dims.n_fft,
        n_mels=dims.n_mels,
        f_min_hz=voice.f_min_hz,
        f_max_hz=voice.f_max_hz,
        scale=voice.mel_scale,
        norm=voice.mel_norm,
    )
    rows = np.asarray(filterbank, dtype=np.float64)
    triangles = rows / np.maximum(rows.max(axis=1, keepdims=True), 1e-12)
    share = triangles / np.maximum(triangles.sum(axis=0, keepdims=True), 1e-12)
    inverse = share / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12)
    covered = np.flatnonzero(triangles.sum(axis=0) > 1e-6)
    inverse[:, : covered[0]] = inverse[:, covered[:1]]
    inverse[:, covered[-1] + 1 :] = inverse[:, covered[-1:]]
    return torch.from_numpy(inverse.astype(np.float32))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
