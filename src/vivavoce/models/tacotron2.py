"""Tacotron 2: tokens -> log-mel frames, one after the other, by an attention that knows where it has been.

Top to bottom: dims, encoder (convolutions, bidirectional LSTM), location-sensitive attention, decoder (pre-net, two
LSTMs, frames and stop), post-net, the whole model with its teacher-forced `forward` and free-running `generate`, loss.
It takes token ids and gives raw log-mel, since the normalisation belongs to the weights; it knows nothing of text,
files or vocoders.

Why it looks like this:

- One step emits `reduction` frames (arXiv:1703.10135, section 3.3). The paper emits one; two or three make training as
  many times faster, and the attention is learned far sooner, since it moves on at every step.
- The pre-net's dropout is never off: it is what makes the decoder listen to the text rather than to its own last frame,
  and the paper found that without it speech loses its variety. `generate` draws it from generators that you pass, one a
  sentence, so that a sentence is the same whatever it is batched with, and the same as the exported graphs make it.
- The first LSTM asks the attention, the second sees what it answered. Neither the second nor the frames come back into
  the first but through the pre-net, so in training only the first and the attention run step by step.
- Padding is nothing: convolutions see zeros there, batch norms do not count it, LSTMs and attention pass over it.

Sources: Shen et al. 2017, arXiv:1712.05884; attention: Chorowski et al. 2015, arXiv:1506.07503; zoneout: Krueger et al.
2016, arXiv:1606.01305, here in the decoder's LSTMs (the encoder's has dropout on its output instead).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vivavoce.dsp.sample_draws import dropout_factors
from vivavoce.errors import ConfigError, TextError
from vivavoce.text.voice_tokens import TOKENS


@dataclass(frozen=True)
class TacotronDims:
    """Sizes of a model; the defaults are the paper's. Taps are odd; `reduction` is the frames of one step."""

    n_tokens: int = len(TOKENS)
    n_mels: int = 80
    width: int = 512
    encoder_layers: int = 3
    encoder_taps: int = 5
    attention_width: int = 128
    location_channels: int = 32
    location_taps: int = 31
    prenet_width: int = 256
    decoder_width: int = 1024
    postnet_width: int = 512
    postnet_layers: int = 5
    postnet_taps: int = 5
    reduction: int = 1
    dropout: float = 0.5
    prenet_dropout: float = 0.5
    zoneout: float = 0.1

    def __post_init__(self) -> None:
        rates = ("dropout", "prenet_dropout", "zoneout")
        sizes = {name: value for name, value in vars(self).items() if name not in rates}
        if min(sizes.values()) < 1 or self.width % 2 or self.postnet_layers < 2:
            raise ConfigError(
                f"{self}: expected sizes of 1 or more, an even width and 2 or more layers of the post-net."
            )
        if not all(value % 2 for name, value in sizes.items() if name.endswith("taps")):
            raise ConfigError(f"{self}: expected odd numbers of taps, which have a middle.")
        if not all(0.0 <= getattr(self, name) < 1.0 for name in rates):
            raise ConfigError(f"{self}: expected rates of dropout and zoneout from 0 to below 1.")

    def count_steps(self, frames: int) -> int:
        """The decoder's steps for so many frames."""
        return -(-frames // self.reduction)


class Memory(NamedTuple):
    """A text as the decoder sees it: values (B, U, D), keys (B, U, A), real (B, U) bool: what is no padding."""

    values: Tensor
    keys: Tensor
    real: Tensor


class AttentionState(NamedTuple):
    """What half a step hands on: LSTM (B, H) twice, context (B, D), the weights and their sum so far (B, U) each."""

    hidden: Tensor
    cell: Tensor
    context: Tensor
    weights: Tensor
    cumulative: Tensor


class DecoderState(NamedTuple):
    """What a step hands to the next: the last frame (B, F), normalised; the attention's state; LSTM (B, H) twice."""

    frame: Tensor
    attention: AttentionState
    hidden: Tensor
    cell: Tensor


class TacotronOutput(NamedTuple):
    """mel, coarse: (B, T, F) log-mel with and without the post-net; stop_logits (B, S); alignments (B, S, U)."""

    mel: Tensor
    coarse: Tensor
    stop_logits: Tensor
    alignments: Tensor


class Spoken(NamedTuple):
    """One generated sentence: mel (T, F), alignment (S, U), and whether it came to its end by itself."""

    mel: Tensor
    alignment: Tensor
    stopped: bool


class ConvolutionNorm(nn.Module):
    """Convolution over time and batch norm, padding being zero and not counted: (B, T, C) -> (B, T, D)."""

    def __init__(self, width_in: int, width_out: int, taps: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width_in, width_out, taps, padding=taps // 2)
        self.norm = nn.BatchNorm1d(width_out)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """x: (B, T, C), zero where `real`, (B, T), is False."""
        x = self.convolution(x.mT).mT
        if not self.training:
            flat = self.norm(x.flatten(0, 1)).view_as(x)
            return flat * real.unsqueeze(-1)
        normed = torch.zeros_like(x)
        normed[real] = self.norm(x[real])
        return normed


class Encoder(nn.Module):
    """Token ids (B, U) -> (B, U, D)."""

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.dropout = dims.dropout
        self.embedding = nn.Embedding(dims.n_tokens, dims.width)
        self.convolutions = nn.ModuleList(
            [ConvolutionNorm(dims.width, dims.width, dims.encoder_taps) for _ in range(dims.encoder_layers)]
        )
        self.lstm = nn.LSTM(dims.width, dims.width // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor, real: Tensor, lengths: Tensor | None) -> Tensor:
        """real: (B, U) bool; lengths: (B,) int64, None where no text of the batch has padding."""
        x = self.embedding(tokens) * real.unsqueeze(-1)  # (B, U, D)
        for convolution in self.convolutions:
            x = F.dropout(F.relu(convolution(x, real)), self.dropout, self.training)
        if lengths is None:
            x = self.lstm(x)[0]
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            x = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=tokens.shape[1])[0]
        return F.dropout(x, self.dropout / 5, self.training)  # lightly: all the decoder knows of the text is here


class LocationAttention(nn.Module):
    """Additive attention that also sees where it looked last and so far: arXiv:1506.07503, equations 8 and 9.

    The energy of token u is v . tanh(W s + V h_u + U f_u + b), f a convolution over the last weights and their sum.
    """

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.query = nn.Linear(dims.decoder_width, dims.attention_width)  # its bias is b
        self.key = nn.Linear(dims.width, dims.attention_width, bias=False)
        self.location = nn.Conv1d(
            2, dims.location_channels, dims.location_taps, padding=dims.location_taps // 2, bias=False
        )
        self.place = nn.Linear(dims.location_channels, dims.attention_width, bias=False)
        self.energy = nn.Linear(dims.attention_width, 1, bias=False)

    def forward(self, hidden: Tensor, memory: Memory, weights: Tensor, cumulative: Tensor) -> tuple[Tensor, Tensor]:
        """hidden: (B, H), weights and cumulative: (B, U) -> the context (B, D) and the new weights (B, U)."""
        places = self.place(self.location(torch.stack([weights, cumulative], dim=1)).mT)  # (B, U, A)
        energies = self.energy(torch.tanh(self.query(hidden).unsqueeze(1) + memory.keys + places)).squeeze(-1)
        weights = energies.masked_fill(~memory.real, -torch.inf).softmax(dim=-1)
        return torch.bmm(weights.unsqueeze(1), memory.values).squeeze(1), weights


class ZoneoutLstm(nn.Module):
    """An LSTM cell whose units now and then keep their old values; outside of training they keep a share of them."""

    def __init__(self, width_in: int, width: int, zoneout: float, width_back: int = 0) -> None:
        """`width_in` is known for all steps at once; `width_back` comes from the step before, beside the cell's own."""
        super().__init__()
        self.width, self.zoneout = width, zoneout
        self.inputs = nn.Linear(width_in, 4 * width)  # gates: input, forget, new value, output
        self.recurrent = nn.Linear(width + width_back, 4 * width, bias=False)
        with torch.no_grad():
            self.inputs.bias[width : 2 * width] = 1.0  # remember, at first

    def forward(
        self, gates: Tensor, hidden: Tensor, cell: Tensor, kept: Tensor | None, back: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step.

        Args:
            gates: (B, 4 H) what `inputs` makes of the step's input.
            hidden, cell: (B, H).
            kept: (B, 2 H) bool, which of the hidden and cell values stay (`draw_kept`); None outside of training.
            back: (B, width_back).
        """
        before = hidden if back is None else torch.cat([hidden, back], dim=-1)
        open_in, open_keep, new, open_out = (gates + self.recurrent(before)).chunk(4, dim=-1)
        new_cell = open_keep.sigmoid() * cell + open_in.sigmoid() * new.tanh()
        new_hidden = open_out.sigmoid() * new_cell.tanh()
        if kept is not None:
            keep_hidden, keep_cell = kept.chunk(2, dim=-1)
            return torch.where(keep_hidden, hidden, new_hidden), torch.where(keep_cell, cell, new_cell)
        if self.zoneout and not self.training:
            return new_hidden.lerp(hidden, self.zoneout), new_cell.lerp(cell, self.zoneout)
        return new_hidden, new_cell

    def run(self, inputs: Tensor) -> Tensor:
        """All steps of (B, S, C) inputs, from zeros on: (B, S, H) hidden values."""
        hidden = inputs.new_zeros(inputs.shape[0], self.width)
        cell, answers = hidden, []
        if self.training and not self.zoneout:  # then it is torch's own, which takes a tenth of the time
            state = (hidden[None], cell[None])
            weights = [self.inputs.weight, self.recurrent.weight, self.inputs.bias, torch.zeros_like(self.inputs.bias)]
            return torch.lstm(inputs, state, weights, True, 1, 0.0, True, False, True)[0]
        kept = self.draw_kept(inputs.shape[1], inputs)
        for step, gates in enumerate(self.inputs(inputs).unbind(1)):
            hidden, cell = self(gates, hidden, cell, kept[step])
            answers.append(hidden)
        return torch.stack(answers, dim=1)

    def draw_kept(self, steps: int, like: Tensor) -> Sequence[Tensor | None]:
        """Masks for the steps of a batch; Nones outside of training. `like`: (B, ...)."""
        if not self.training or not self.zoneout:
            return [None] * steps
        shape = (steps, like.shape[0], 2 * self.width)
        return (torch.rand(shape, device=like.device) < self.zoneout).unbind(0)


class PreNet(nn.Module):
    """Two layers with a dropout that is given, not drawn: (B, ..., F) -> (B, ..., P)."""

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.first = nn.Linear(dims.n_mels, dims.prenet_width, bias=False)
        self.second = nn.Linear(dims.prenet_width, dims.prenet_width, bias=False)

    def forward(self, frames: Tensor, keep: Tensor) -> Tensor:
        """keep: (B, ..., 2, P) factors of the two layers' units: 0, or 1 / (1 - rate); 1 for no dropout."""
        x = F.relu(self.first(frames)) * keep[..., 0, :]
        return F.relu(self.second(x)) * keep[..., 1, :]


class Decoder(nn.Module):
    """A remembered text and the frames so far -> the next frames, and whether they are the last."""

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.dims = dims
        d = dims
        self.prenet = PreNet(d)
        self.attention_lstm = ZoneoutLstm(d.prenet_width, d.decoder_width, d.zoneout, width_back=d.width)
        self.attention = LocationAttention(d)
        self.lstm = ZoneoutLstm(d.decoder_width + d.width, d.decoder_width, d.zoneout)
        self.frames = nn.Linear(d.decoder_width + d.width, d.reduction * d.n_mels)
        self.stop = nn.Linear(d.decoder_width + d.width, 1)

    def remember(self, values: Tensor, real: Tensor) -> Memory:
        """The encoder's (B, U, D), with the keys that every step compares with."""
        return Memory(values, self.attention.key(values), real)

    def initial_state(self, memory: Memory) -> DecoderState:
        """Before the first frame: silence on all sides, no attention anywhere."""
        batch, tokens, width = memory.values.shape
        hidden = memory.values.new_zeros(batch, self.dims.decoder_width)
        weights = memory.values.new_zeros(batch, tokens)
        attention = AttentionState(hidden, hidden, memory.values.new_zeros(batch, width), weights, weights)
        return DecoderState(memory.values.new_zeros(batch, self.dims.n_mels), attention, hidden, hidden)

    def attend(self, gates: Tensor, memory: Memory, state: AttentionState, kept: Tensor | None) -> AttentionState:
        """The first half of a step; gates: (B, 4 H), what the pre-net contributes to the first LSTM."""
        hidden, cell = self.attention_lstm(gates, state.hidden, state.cell, kept, back=state.context)
        context, weights = self.attention(hidden, memory, state.weights, state.cumulative)
        return AttentionState(hidden, cell, context, weights, state.cumulative + weights)

    def step(self, memory: Memory, state: DecoderState, keep: Tensor) -> tuple[Tensor, Tensor, DecoderState]:
        """One step outside of training.

        Args:
            keep: (B, 2, P) the pre-net's dropout.

        Returns:
            (B, r, F) normalised frames, (B,) logits of this step being the last, and the next state.
        """
        attention = self.attend(
            self.attention_lstm.inputs(self.prenet(state.frame, keep)), memory, state.attention, None
        )
        gates = self.lstm.inputs(torch.cat([attention.hidden, attention.context], dim=-1))
        hidden, cell = self.lstm(gates, state.hidden, state.cell, None)
        seen = torch.cat([hidden, attention.context], dim=-1)
        frames = self.frames(seen).unflatten(-1, (self.dims.reduction, self.dims.n_mels))
        return frames, self.stop(seen).squeeze(-1), DecoderState(frames[:, -1], attention, hidden, cell)

    def forward(self, memory: Memory, last_frames: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All steps at once, each told the true frame before it.

        Args:
            last_frames: (B, S, F) normalised; keep: (B, S, 2, P).

        Returns:
            (B, S r, F) normalised frames, (B, S) stop logits, (B, S, U) attention weights.
        """
        state = self.initial_state(memory)
        steps = last_frames.shape[1]
        kept = self.attention_lstm.draw_kept(steps, last_frames)
        of_prenet = self.attention_lstm.inputs(self.prenet(last_frames, keep)).unbind(1)
        states, attention = [], state.attention
        for step in range(steps):
            attention = self.attend(of_prenet[step], memory, attention, kept[step])
            states.append(attention)
        contexts = torch.stack([one.context for one in states], dim=1)  # (B, S, D)
        attended = torch.cat([torch.stack([one.hidden for one in states], dim=1), contexts], dim=-1)
        answers = torch.cat([self.lstm.run(attended), contexts], dim=-1)  # (B, S, H + D)
        frames = self.frames(answers).unflatten(-1, (self.dims.reduction, self.dims.n_mels)).flatten(1, 2)
        return frames, self.stop(answers).squeeze(-1), torch.stack([one.weights for one in states], dim=1)


class PostNet(nn.Module):
    """What the frames lack, seen from both sides: (B, T, F) -> (B, T, F), to be added."""

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.dropout = dims.dropout
        widths = [dims.n_mels, *[dims.postnet_width] * (dims.postnet_layers - 1), dims.n_mels]
        self.convolutions = nn.ModuleList([ConvolutionNorm(a, b, dims.postnet_taps) for a, b in pairwise(widths)])

    def forward(self, frames: Tensor, real: Tensor) -> Tensor:
        """real: (B, T) bool, where frames are no padding."""
        x = frames * real.unsqueeze(-1)
        for convolution in self.convolutions[:-1]:
            x = F.dropout(torch.tanh(convolution(x, real)), self.dropout, self.training)
        return F.dropout(self.convolutions[-1](x, real), self.dropout, self.training)


class Tacotron2(nn.Module):
    """Token ids -> log-mel, teacher-forced (`forward`) or on its own (`generate`)."""

    mel_mean: Tensor
    mel_deviation: Tensor

    def __init__(self, dims: TacotronDims) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("mel_mean", torch.zeros(dims.n_mels))
        self.register_buffer("mel_deviation", torch.ones(dims.n_mels))
        self.encoder = Encoder(dims)
        self.decoder = Decoder(dims)
        self.postnet = PostNet(dims)

    def set_normalisation(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the log-mel's mean and standard deviation, (F,) each, measured on the training set."""
        self.mel_mean.copy_(mean)
        self.mel_deviation.copy_(deviation)

    def remember(self, tokens: Tensor, lengths: Tensor | None = None) -> Memory:
        """Encode texts: (B, U) ids, (B,) lengths or None for no padding."""
        if lengths is None:
            real = torch.ones_like(tokens, dtype=torch.bool)
        else:
            real = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        return self.decoder.remember(self.encoder(tokens, real, lengths), real)

    def forward(self, tokens: Tensor, token_lengths: Tensor, mel: Tensor, frames: Tensor) -> TacotronOutput:
        """Every step is told the true frame before it, and the pre-net's dropout is drawn from torch's generator.

        Args:
            tokens: (B, U) ids; token_lengths: (B,) how many are real.
            mel: (B, T, F) log-mel, T a multiple of the reduction or not; frames: (B,) how many are real.
        """
        d = self.dims
        steps = d.count_steps(mel.shape[1])
        real = torch.arange(steps * d.reduction, device=mel.device) < frames.unsqueeze(1)  # (B, S r)
        target = (mel - self.mel_mean) / self.mel_deviation
        target = F.pad(target, (0, 0, 0, steps * d.reduction - mel.shape[1])) * real.unsqueeze(-1)
        last = F.pad(target[:, d.reduction - 1 :: d.reduction], (0, 0, 1, 0))[:, :-1]  # (B, S, F), silence first
        keep = self.draw_dropout((mel.shape[0], steps, 2, d.prenet_width), mel)
        memory = self.remember(tokens, token_lengths)
        coarse, stop_logits, alignments = self.decoder(memory, last, keep)
        coarse = coarse[:, : mel.shape[1]]
        fine = coarse + self.postnet(coarse, real[:, : mel.shape[1]])
        return TacotronOutput(self.to_log_mel(fine), self.to_log_mel(coarse), stop_logits, alignments)

    def to_log_mel(self, normalised: Tensor) -> Tensor:
        """(..., F) as the decoder emits it -> raw log-mel."""
        return normalised * self.mel_deviation + self.mel_mean

    def draw_dropout(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Factors for the pre-net's units, in training and outside of it."""
        rate = self.dims.prenet_dropout
        return (torch.rand(shape, device=like.device, dtype=like.dtype) >= rate) / (1.0 - rate)

    @torch.inference_mode()
    def generate(
        self,
        tokens: Tensor,
        lengths: Tensor | None = None,
        draws: Sequence[np.random.Generator] | None = None,
        max_frames: int = 2000,
        stop_threshold: float = 0.5,
    ) -> list[Spoken]:
        """Speak each text until the model says that it is said, or for `max_frames`.

        Args:
            tokens: (B, U) ids; lengths: (B,) how many are real, None: all.
            draws: a generator a text, for the pre-net's dropout; None: without dropout, which sounds duller.
            max_frames: where a text that does not end is cut.
            stop_threshold: probability of the last step above which a text has ended.

        Raises:
            TextError: an empty text, or an id that is no token. ConfigError: not one generator a text.
        """
        self._check(tokens, lengths, draws)
        was_training = self.training
        self.eval()
        memory = self.remember(tokens, lengths)
        state = self.decoder.initial_state(memory)
        batch = tokens.shape[0]
        ends = [0] * batch  # the steps of each text, 0 while it speaks
        frames, weights = [], []
        for step in range(1, self.dims.count_steps(max_frames) + 1):
            emitted, stop_logits, state = self.decoder.step(memory, state, self._dropout(draws, batch, tokens.device))
            frames.append(emitted)
            weights.append(state.attention.weights)
            for row, probability in enumerate(stop_logits.sigmoid().tolist()):
                if not ends[row] and probability > stop_threshold:
                    ends[row] = step
            if all(ends):
                break
        coarse, alignments = torch.cat(frames, dim=1), torch.stack(weights, dim=1)
        spoken = []
        for row, end in enumerate(ends):
            steps = end or len(frames)
            mel = coarse[row : row + 1, : min(steps * self.dims.reduction, max_frames)]
            mel = mel + self.postnet(mel, torch.ones(mel.shape[:2], dtype=torch.bool, device=mel.device))
            tokens_here = tokens.shape[1] if lengths is None else int(lengths[row])
            spoken.append(Spoken(self.to_log_mel(mel)[0], alignments[row, :steps, :tokens_here], bool(end)))
        self.train(was_training)
        return spoken

    def _check(self, tokens: Tensor, lengths: Tensor | None, draws: Sequence[np.random.Generator] | None) -> None:
        if tokens.ndim != 2 or not tokens.numel() or (lengths is not None and int(lengths.min()) < 1):
            raise TextError(f"tokens have shape {tuple(tokens.shape)}; expected (B, U) with no text empty.")
        if int(tokens.min()) < 0 or int(tokens.max()) >= self.dims.n_tokens:
            raise TextError(
                f"ids reach from {int(tokens.min())} to {int(tokens.max())}; expected 0 to below {self.dims.n_tokens}."
            )
        if draws is not None and len(draws) != tokens.shape[0]:
            raise ConfigError(f"{len(draws)} generators were given for {tokens.shape[0]} texts; expected one each.")

    def _dropout(self, draws: Sequence[np.random.Generator] | None, batch: int, device: torch.device) -> Tensor:
        """(B, 2, P) factors of one step."""
        if draws is None:
            return torch.ones(batch, 2, self.dims.prenet_width, device=device)
        shape = (2, self.dims.prenet_width)
        factors = [dropout_factors(rng, shape, self.dims.prenet_dropout) for rng in draws]
        return torch.from_numpy(np.stack(factors)).to(device)


class TacotronLosses(NamedTuple):
    """What is minimised: squared errors of normalised frames, coarse and fine, and the cross-entropy of stopping."""

    coarse: Tensor
    fine: Tensor
    stop: Tensor


def tacotron_losses(
    output: TacotronOutput, mel: Tensor, frames: Tensor, model: Tacotron2, stop_weight: float = 5.0
) -> TacotronLosses:
    """The paper's loss, its three parts apart.

    Args:
        output: of `forward`.
        mel: (B, T, F), frames: (B,) as it was given them.
        model: whose normalisation the errors are measured in.
        stop_weight: how much more the one step counts at which an utterance ends than each of the others.

    Padding does not count. The frames' errors are means over all real frames and bins, the stop's over real steps.
    """
    d = model.dims
    real = torch.arange(mel.shape[1], device=mel.device) < frames.unsqueeze(1)
    scale = real.unsqueeze(-1) / model.mel_deviation  # zero for padding
    count = frames.sum() * d.n_mels
    coarse = ((output.coarse - mel) * scale).square().sum() / count
    fine = ((output.mel - mel) * scale).square().sum() / count
    steps = -(-frames // d.reduction)
    step = torch.arange(output.stop_logits.shape[1], device=mel.device)
    last = (step == steps.unsqueeze(1) - 1).to(output.stop_logits.dtype)
    weights = (step < steps.unsqueeze(1)) * (1.0 + (stop_weight - 1.0) * last)
    stop = F.binary_cross_entropy_with_logits(output.stop_logits, last, weights, reduction="sum") / weights.sum()
    return TacotronLosses(coarse, fine, stop)
