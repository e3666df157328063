"""Tokens -> log-mel in one pass: durations, pitch and energy are predicted for each token, then every frame at once.

Top to bottom: dims, blocks, encoder, predictors, length regulator, decoder, network, loss. It knows phones only as
numbers, and nothing of texts, waveforms or vocoders.

Why it looks like this:

- One core must train it in an hour. Half of the arithmetic is saved by a decoder that works on pairs of frames (23 ms);
  two narrow blocks at the full rate then draw the details.
- Blocks are convolutions along time in each channel, then two matrices (ConvNeXt, Liu et al. 2022, arXiv:2201.03545).
  Only the encoder attends: a sentence's melody needs the whole of it, the decoder's sounds their neighbours alone.
- A token's frames would all begin as the same vector. The regulator adds where in its token each frame stands.
- Pitch and energy are single numbers a token, so that a caller can move them.
- An hour of one speaker is soon learned by heart. How phones sound beside one another, others can teach as well: with
  more `speakers` than one, a vector that says who speaks is added behind the encoder, which is everybody's. What is
  exported and speaks is speaker 0.

Source: Lancucki 2021, FastPitch, arXiv:2006.06873; the energy as in FastSpeech 2, arXiv:2006.04558.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError
from vivavoce.text.voice_tokens import SPACE, TOKENS

SPACE_ID = TOKENS.index(SPACE)


@dataclass(frozen=True)
class FastPitchDims:
    """Sizes of a network.

    Attributes:
        n_tokens, n_features: V and F.
        width, expansion: D, and how much wider the blocks are inside.
        encoder_blocks, decoder_blocks: an attention layer follows every second of the encoder's.
        heads: of the attention; they divide `width`.
        kernel: taps of the blocks' convolutions, odd.
        fine_width, fine_blocks: of the blocks at the full frame rate.
        dropout: share of the encoder's and decoder's activations.
        predictor_width, predictor_dropout: of the three predictors.
        speakers: how many people it learns from; the first is the voice.
    """

    n_tokens: int = 76
    n_features: int = 80
    width: int = 224
    expansion: int = 3
    encoder_blocks: int = 4
    decoder_blocks: int = 6
    heads: int = 4
    kernel: int = 7
    fine_width: int = 112
    fine_blocks: int = 2
    dropout: float = 0.1
    predictor_width: int = 192
    predictor_dropout: float = 0.3
    speakers: int = 1

    def __post_init__(self) -> None:
        sizes = (
            self.n_tokens,
            self.n_features,
            self.width,
            self.expansion,
            self.encoder_blocks,
            self.decoder_blocks,
            self.heads,
            self.fine_width,
            self.predictor_width,
            self.speakers,
        )
        if min(sizes) < 1 or self.fine_blocks < 0 or self.width % self.heads or self.kernel % 2 == 0:
            raise ConfigError(
                f"{self}: expected sizes of 1 or more, heads that divide the width, and an odd number of taps."
            )
        if not (0 <= self.dropout < 1 and 0 <= self.predictor_dropout < 1):
            raise ConfigError(f"{self}: expected dropouts of 0 or more and below 1.")


class FastPitchOutput(NamedTuple):
    """What a pass gives.

    mel: (B, T, F) log-mel. log_durations: (B, U), of frames + 1; pitch, energy: (B, U), all as predicted.
    durations: (B, U) int64 frames, as used.
    """

    mel: Tensor
    log_durations: Tensor
    pitch: Tensor
    energy: Tensor
    durations: Tensor


class Block(nn.Module):
    """Convolve each channel, mix, and add: (B, T, D) -> (B, T, D); what is padding stays zero."""

    def __init__(self, width: int, expansion: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (B, T, D), mask: (B, T, 1) 1 where real."""
        y = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(F.relu(self.widen(self.norm(y))))
        return (x + self.dropout(y)) * mask


class Attention(nn.Module):
    """Every token looks at every token: (B, U, D) -> (B, U, D)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (B, U, D), mask: (B, U, 1)."""
        batch, tokens, width = x.shape
        parts = self.project(self.norm(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, U, D / H) each
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        scores = scores.masked_fill(mask[:, None, None, :, 0] == 0, -1e4)
        y = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(batch, tokens, width)
        return (x + self.dropout(self.out(y))) * mask


class Encoder(nn.Module):
    """Token ids -> (B, U, D)."""

    def __init__(self, dims: FastPitchDims) -> None:
        super().__init__()
        d = dims
        self.embedding = nn.Embedding(d.n_tokens, d.width)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.blocks = nn.ModuleList(
            [Block(d.width, d.expansion, min(5, d.kernel), d.dropout) for _ in range(d.encoder_blocks)]
        )
        self.attention = nn.ModuleList([Attention(d.width, d.heads, d.dropout) for _ in range(d.encoder_blocks // 2)])
        self.norm = nn.LayerNorm(d.width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens: (B, U), mask: (B, U, 1)."""
        x = self.embedding(tokens) * mask
        for number, block in enumerate(self.blocks):
            if number == 2:
                # Behind two convolutions, so that places are not confused with sounds.
                x = (x + 0.3 * places(x.shape[1], x.shape[2], x.device)) * mask
            x = block(x, mask)
            if number % 2:
                x = self.attention[number // 2](x, mask)
        return self.norm(x) * mask


def places(count: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of the place, (count, width) (Vaswani et al. 2017, arXiv:1706.03762)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(1000.0) / width))
    angles = torch.arange(count, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


class Predictor(nn.Module):
    """(B, U, D) -> one number a token, (B, U)."""

    def __init__(self, width_in: int, width: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(width_in, width, 3, padding=1), nn.Conv1d(width, width, 3, padding=1)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (B, U, D), mask: (B, U, 1)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.dropout(norm(F.relu(convolution(x.transpose(1, 2)).transpose(1, 2)))) * mask
        return (self.out(x) * mask).squeeze(-1)


def regulate(x: Tensor, durations: Tensor, num_frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Repeat each token's vector for as many frames as it lasts.

    Args:
        x: (B, U, D). durations: (B, U) int64 frames, 0 for padding. num_frames: T, the longest row's sum.

    Returns:
        (B, T, D) the vectors, 0 behind a row's end; (B, T, 4) where in its token a frame stands; (B, T, 1) a mask.
    """
    ends = durations.cumsum(1)  # (B, U)
    frames = torch.arange(num_frames, device=x.device)
    owner = (frames[None, :, None] >= ends[:, None, :]).sum(-1)  # (B, T)
    mask = (frames < ends[:, -1:])[..., None].to(x.dtype)
    owner = owner.clamp(max=x.shape[1] - 1)
    repeated = x.gather(1, owner[..., None].expand(-1, -1, x.shape[2])) * mask
    length = durations.gather(1, owner).to(x.dtype)
    behind = frames - (ends - durations).gather(1, owner).to(x.dtype) + 0.5  # since the token's beginning
    share = behind / length.clamp(min=1.0)
    position = torch.stack(
        [
            share,
            torch.log(behind.clamp(min=0.5)),
            torch.log((length - behind).clamp(min=0.5)),
            torch.log(length.clamp(min=1.0)),
        ],
        dim=-1,
    )
    return repeated, position * mask, mask


class Decoder(nn.Module):
    """(B, T, D) -> (B, T, F), normalised log-mel."""

    def __init__(self, dims: FastPitchDims) -> None:
        super().__init__()
        d = dims
        self.position = nn.Linear(4, d.width)
        self.pair = nn.Linear(2 * d.width, d.width)
        self.blocks = nn.ModuleList([Block(d.width, d.expansion, d.kernel, d.dropout) for _ in range(d.decoder_blocks)])
        self.norm = nn.LayerNorm(d.width)
        self.split = nn.Linear(d.width, 2 * d.fine_width)
        self.fine = nn.ModuleList([Block(d.fine_width, 2, d.kernel, 0.0) for _ in range(d.fine_blocks)])
        self.fine_norm = nn.LayerNorm(d.fine_width)
        self.out = nn.Linear(d.fine_width, d.n_features)

    def forward(self, x: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        """x: (B, T, D), position: (B, T, 4), mask: (B, T, 1)."""
        frames = x.shape[1]
        x = (x + self.position(position)) * mask
        # One frame more than needed, so that an odd number makes pairs too.
        x, padded = F.pad(x, (0, 0, 0, 1)), F.pad(mask, (0, 0, 0, 1))
        half = (frames + 1) // 2
        x = x[:, : 2 * half].reshape(x.shape[0], half, 2 * x.shape[2])
        pair_mask = padded[:, : 2 * half : 2]  # real where the first of a pair is
        x = self.pair(x) * pair_mask
        for block in self.blocks:
            x = block(x, pair_mask)
        x = self.split(self.norm(x)).reshape(x.shape[0], 2 * half, -1)[:, :frames] * mask
        for block in self.fine:
            x = block(x, mask)
        return self.out(self.fine_norm(x)) * mask


class FastPitch(nn.Module):
    """Token ids -> log-mel, with what was predicted on the way."""

    feature_mean: Tensor
    feature_deviation: Tensor
    pitch_deviation: Tensor
    energy_deviation: Tensor

    def __init__(self, dims: FastPitchDims) -> None:
        super().__init__()
        self.dims = d = dims
        self.register_buffer("feature_mean", torch.zeros(d.n_features))
        self.register_buffer("feature_deviation", torch.ones(d.n_features))
        self.register_buffer("pitch_deviation", torch.ones(()))  # of the natural log of F0
        self.register_buffer("energy_deviation", torch.ones(()))  # of the natural log of the magnitude
        self.encoder = Encoder(d)
        self.speaker = nn.Embedding(d.speakers, d.width) if d.speakers > 1 else None
        if self.speaker is not None:
            nn.init.normal_(self.speaker.weight, std=0.3)
        self.duration = Predictor(d.width, d.predictor_width, d.predictor_dropout)
        self.pitch = Predictor(d.width, d.predictor_width, d.predictor_dropout)
        self.energy = Predictor(d.width, d.predictor_width, d.predictor_dropout)
        self.hear_pitch = nn.Conv1d(1, d.width, 3, padding=1)
        self.hear_energy = nn.Conv1d(1, d.width, 3, padding=1)
        self.decoder = Decoder(d)

    def set_normalisation(
        self, mean: Tensor, deviation: Tensor, pitch_deviation: float, energy_deviation: float
    ) -> None:
        """Fix the features' mean and deviation, (F,) each, and those of a speaker's log F0 and log energy."""
        self.feature_mean.copy_(mean)
        self.feature_deviation.copy_(deviation)
        self.pitch_deviation.fill_(pitch_deviation)
        self.energy_deviation.fill_(energy_deviation)

    def forward(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        durations: Tensor,
        pitch: Tensor,
        energy: Tensor,
        num_frames: int,
        speakers: Tensor | None = None,
    ) -> FastPitchOutput:
        """Say tokens as they were said.

        Args:
            tokens: (B, U) ids padded with 0. token_lengths: (B,).
            durations: (B, U) frames, 0 for padding. pitch, energy: (B, U), of mean 0 and deviation 1.
            num_frames: T, the longest row's sum of durations.
            speakers: (B,) who says each row; speaker 0 without it.
        """
        mask = self._mask(tokens, token_lengths)
        x = self._encode(tokens, mask, speakers)
        log_durations, predicted_pitch = self.duration(x, mask), self.pitch(x, mask)
        x = self._add(self.hear_pitch, x, pitch, mask)
        predicted_energy = self.energy(x, mask)
        x = self._add(self.hear_energy, x, energy, mask)
        mel = self.decode(x, durations, num_frames)
        return FastPitchOutput(mel, log_durations, predicted_pitch, predicted_energy, durations)

    def speak(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        duration_scale: Tensor,
        pitch_shift: Tensor,
        energy_shift: Tensor,
    ) -> FastPitchOutput:
        """Say tokens as predicted.

        Args:
            tokens: (B, U) ids padded with 0. token_lengths: (B,).
            duration_scale: (B, U) 1 as predicted, 2 twice as long. A token has one frame or more, a space none or more.
            pitch_shift: (B, U) semitones. energy_shift: (B, U) dB.
        """
        x, log_durations, pitch, energy, durations = self.plan(
            tokens, token_lengths, duration_scale, pitch_shift, energy_shift
        )
        mel = self.decode(x, durations, int(durations.sum(1).max()))
        return FastPitchOutput(mel, log_durations, pitch, energy, durations)

    def plan(
        self, tokens: Tensor, token_lengths: Tensor, duration_scale: Tensor, pitch_shift: Tensor, energy_shift: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What `speak` decides for each token: (B, U, D) vectors, log durations, pitch, energy, durations (B, U)."""
        mask = self._mask(tokens, token_lengths)
        x = self._encode(tokens, mask)
        log_durations = self.duration(x, mask)
        pitch = (self.pitch(x, mask) + pitch_shift * (math.log(2.0) / 12.0) / self.pitch_deviation) * mask[..., 0]
        x = self._add(self.hear_pitch, x, pitch, mask)
        energy = (self.energy(x, mask) + energy_shift * (math.log(10.0) / 20.0) / self.energy_deviation) * mask[..., 0]
        x = self._add(self.hear_energy, x, energy, mask)
        shortest = (tokens != SPACE_ID).to(x.dtype)  # words may meet, sounds cannot be left out
        frames = torch.maximum(torch.round(torch.expm1(log_durations) * duration_scale), shortest) * mask[..., 0]
        return x, log_durations, pitch, energy, frames.long()

    def decode(self, x: Tensor, durations: Tensor, num_frames: int) -> Tensor:
        """(B, U, D) token vectors -> (B, T, F) log-mel; 0 behind a row's end."""
        repeated, position, mask = regulate(x, durations, num_frames)
        return (self.decoder(repeated, position, mask) * self.feature_deviation + self.feature_mean) * mask

    def _encode(self, tokens: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        x: Tensor = self.encoder(tokens, mask)
        if self.speaker is None:
            return x
        who = self.speaker.weight[:1] if speakers is None else self.speaker(speakers)  # (1 or B, D)
        return (x + who[:, None]) * mask

    def _mask(self, tokens: Tensor, token_lengths: Tensor) -> Tensor:
        real = torch.arange(tokens.shape[1], device=tokens.device) < token_lengths[:, None]
        return real[..., None].to(self.feature_mean.dtype)

    def _add(self, layer: nn.Conv1d, x: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        return (x + layer(values[:, None]).transpose(1, 2)) * mask


def fastpitch_loss(
    output: FastPitchOutput,
    mel: Tensor,
    pitch: Tensor,
    energy: Tensor,
    token_lengths: Tensor,
    deviation: Tensor,
    predictors: float = 0.1,
) -> dict[str, Tensor]:
    """The loss and its parts, each the mean over what is no padding.

    Args:
        output: of `forward`, with the true durations.
        mel: (B, T, F). pitch, energy: (B, U). token_lengths: (B,). deviation: (F,) of the features.
        predictors: weight of the errors of log duration, pitch and energy, which are mean squares.

    The mel's error is the mean absolute one, in deviations of each feature.
    """
    frames = output.durations.sum(1)
    real = (torch.arange(mel.shape[1], device=mel.device) < frames[:, None]).to(mel.dtype)
    tokens = (torch.arange(pitch.shape[1], device=mel.device) < token_lengths[:, None]).to(mel.dtype)
    mel_error = (((output.mel - mel) / deviation).abs().mean(-1) * real).sum() / real.sum()

    def square(predicted: Tensor, true: Tensor) -> Tensor:
        return ((predicted - true).square() * tokens).sum() / tokens.sum()

    duration = square(output.log_durations, torch.log1p(output.durations.to(mel.dtype)))
    pitch_error, energy_error = square(output.pitch, pitch), square(output.energy, energy)
    loss = mel_error + predictors * (duration + pitch_error + energy_error)
    return {"loss": loss, "mel": mel_error, "duration": duration, "pitch": pitch_error, "energy": energy_error}
