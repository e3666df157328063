"""A convolution-and-attention encoder with two CTC outputs, whole-file and in chunks with the same weights.

Top to bottom: dims, front end (subsampling), block (causal convolution, chunked attention, feed-forward),
encoder, loss. It takes raw log-mel features, since the normalisation belongs to the weights; it knows nothing of
audio, text or decoding.

Why it looks like this:

- Every part sees the past, and attention besides sees the rest of its own chunk. So a file run in one call and the same
  file run chunk by chunk with carried state give the same numbers, and the chunk (the look-ahead) is an input, not a
  model.
- Frames inside are 80 ms apart by default, which makes training on two CPU cores possible; but CTC over characters
  needs about 25 frames a second, so each encoder frame answers for two output frames. `strides` and
  `outputs_per_frame` make other choices.
- A CTC over phones reads a middle layer, and its answer is fed back into the layers above (Nozaki and Komatsu 2021,
  arXiv:2104.02724): a small corpus teaches sounds sooner than spelling.
- Below the conformer blocks, or in their place, factorised time-delay layers may stand (models/tdnnf.py), which see the
  same frames and no more.

Sources: Conformer (arXiv:2005.08100), rotary positions (arXiv:2104.09864), chunked masks with dynamic sizes
(arXiv:2012.05481).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import ConfigError
from vivavoce.models.tdnnf import TdnnfBlock


@dataclass(frozen=True)
class ConformerDims:
    """Everything that fixes the shapes of the weights; saved beside them.

    `strides` are those of the front end's layers, and their product is the subsampling; each encoder frame answers for
    `outputs_per_frame` output frames. `left_frames` is the attention's memory in encoder frames, `convolution_frames`
    the past that the depthwise convolution sees, `phone_layer` the number of blocks below the phone output that is fed
    back. With `final_phones` the phones that are given out are read behind all blocks, by a third output; with
    `contexts` above 0 that one has so many classes of phones in context, whose sums are given out. With `mean_prior`
    above 0 features lean on the running mean of their stream (`Adaptation`), before which that of the training speech
    counts as so many encoder frames.

    `layers` counts all blocks. The first of them are factorised time-delay layers, as many as `time_delay` has strides
    (in encoder frames, up to `convolution_frames`), each with a `bottleneck` so wide; the rest are conformer blocks.
    """

    n_features: int = 80
    strides: tuple[int, ...] = (2, 2, 2)
    outputs_per_frame: int = 2
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 1024
    left_frames: int = 64
    convolution_frames: int = 8
    vocabulary: int = 29
    phones: int = 40
    phone_layer: int = 4
    final_phones: bool = False
    contexts: int = 0
    mean_prior: int = 0
    dropout: float = 0.1
    time_delay: tuple[int, ...] = ()
    bottleneck: int = 96

    def __post_init__(self) -> None:
        for name in ("strides", "time_delay"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # lists come out of JSON

    @property
    def subsampling(self) -> int:
        """Feature frames to an encoder frame."""
        return math.prod(self.strides)

    @property
    def front_frames(self) -> int:
        """How many feature frames the front end sees before its group: each of its layers reaches back by one."""
        frames = 0
        for stride in reversed(self.strides):
            frames = frames * stride + 1
        return frames

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class EncoderState(NamedTuple):
    """What one stream remembers between chunks; all zeros at its start.

    front: (B, front_frames, F) normalised features, and with `mean_prior` one row more, their mean so far;
    attention: (layers, B, L, 2D) keys and values, unused where a layer is a time-delay one; convolution: (layers, B, K,
    D) what its convolution, or the time-delay layer, saw; seen: (B,) int64, how many frames of `attention` are real.
    """

    front: Tensor
    attention: Tensor
    convolution: Tensor
    seen: Tensor


class EncoderOutput(NamedTuple):
    """log_probs: (B, n * outputs_per_frame, V) characters; phone_log_probs, middle_phone_log_probs: the same of P,
    those of the last block and of the one that feeds them back (the same where there is no other); state: for the next
    chunk, or None; context_log_probs: (B, n * outputs_per_frame, C + 1), what the last block's phones are the sums of,
    or None."""

    log_probs: Tensor
    phone_log_probs: Tensor
    middle_phone_log_probs: Tensor
    state: EncoderState | None
    context_log_probs: Tensor | None = None


class StridedLayer(nn.Module):
    """A convolution one wider than its stride as one matrix product: (B, stride * m + 1, C) -> (B, m, D)."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.linear = nn.Linear((stride + 1) * width_in, width_out)

    def forward(self, x: Tensor) -> Tensor:
        groups = x[:, :-1].unflatten(1, (-1, self.stride)).flatten(2)  # (B, m, stride * C)
        return F.silu(self.linear(torch.cat([groups, x[:, self.stride :: self.stride]], dim=-1)))


class FrontEnd(nn.Module):
    """Normalised log-mel at 100 frames a second, subsampled: (B, subsampling * n + front_frames, F) -> (B, n, D)."""

    def __init__(self, dims: ConformerDims) -> None:
        super().__init__()
        widths = (dims.n_features, *[dims.width] * (len(dims.strides) - 1))
        self.halve = nn.ModuleList([StridedLayer(n, dims.width, s) for n, s in zip(widths, dims.strides, strict=True)])
        self.norm = nn.LayerNorm(dims.width)

    def forward(self, x: Tensor) -> Tensor:
        for halve in self.halve:
            x = halve(x)
        return self.norm(x)


class CausalConvolution(nn.Module):
    """Gated pointwise, depthwise over the past `convolution_frames`, pointwise."""

    def __init__(self, dims: ConformerDims) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dims.width)
        self.gate = nn.Linear(dims.width, 2 * dims.width)
        self.depthwise = nn.Conv1d(dims.width, dims.width, dims.convolution_frames + 1, groups=dims.width)
        self.inner_norm = nn.LayerNorm(dims.width)
        self.out = nn.Linear(dims.width, dims.width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, n, D), past: (B, K, D) -> (B, n, D) and the next past."""
        x = torch.cat([past.to(x.dtype), F.glu(self.gate(self.norm(x)), dim=-1)], dim=1)  # (B, K+n, D)
        # Written as a sum of shifted products: the compiler makes one pass of it, three times faster in training on a
        # CPU than the grouped convolution, whose gradient is slow there. The exporter turns it into a Conv.
        n, taps = x.shape[1] - past.shape[1], self.depthwise.weight[:, 0]  # (D, K+1)
        if torch.onnx.is_in_onnx_export():
            y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        else:
            assert self.depthwise.bias is not None
            y = self.depthwise.bias.expand(x.shape[0], n, -1)
            for k in range(taps.shape[1]):
                y = y + x[:, k : k + n] * taps[:, k]
        return self.out(F.silu(self.inner_norm(y))), x[:, n:]


class ChunkedAttention(nn.Module):
    """Multi-head attention with rotary positions over the remembered and the present frames."""

    def __init__(self, dims: ConformerDims) -> None:
        super().__init__()
        self.heads = dims.heads
        self.norm = nn.LayerNorm(dims.width)
        self.query = nn.Linear(dims.width, dims.width)
        self.key_value = nn.Linear(dims.width, 2 * dims.width)
        self.out = nn.Linear(dims.width, dims.width)

    def forward(self, x: Tensor, past: Tensor, mask: Tensor, rotary: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, n, D), past: (B, L', 2D), mask: (B, 1, n, L'+n) True where seen, rotary: (2, L'+n, D/H)."""
        x = self.norm(x)
        n, remembered = x.shape[1], past.shape[1]
        memory = torch.cat([past.to(x.dtype), self.key_value(x).to(x.dtype)], dim=1)  # (B, L'+n, 2D)
        key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in memory.chunk(2, dim=-1))
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, n, D/H)
        query, key = rotate(query, rotary[:, remembered:]), rotate(key, rotary)
        # Written out: at some hundred frames the fused kernel's gradient costs a CPU four times these products.
        scores = (query @ key.transpose(2, 3)) * query.shape[-1] ** -0.5
        y = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value
        return self.out(y.transpose(1, 2).flatten(2)), memory[:, n:]


def rotary_table(first: int, count: int, size: int, device: torch.device) -> Tensor:
    """Cosines and sines for positions first .. first+count-1: (2, count, size), both halves alike."""
    frequency = 10000.0 ** (-torch.arange(0, size, 2, device=device, dtype=torch.float32) / size)
    angle = torch.outer(torch.arange(count, device=device, dtype=torch.float32) + first, frequency)
    return torch.stack([angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)])


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotary positions: (B, H, n, size) times (2, n, size)."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return (x * rotary[0] + turned * rotary[1]).to(x.dtype)


class UtteranceDropout(nn.Module):
    """Dropout with one mask for all frames of an utterance (Gal and Ghahramani 2016): few numbers to draw."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        return x * (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) < keep).to(x.dtype).div_(keep)


class Adaptation(nn.Module):
    """Features lean on the mean of what their stream has brought so far: a speaker, a microphone, a codec.

    Only the past counts, a block of frames (those of one encoder frame) at a time, so that a file and a stream see the
    same. The mean begins as that of the training set, 0 here, which weighs `prior` blocks; of the blocks behind each
    counts as much, until there are `memory`, from where on the oldest fade.

    What is done with it is learned: a matrix, which begins as the identity, takes it away from the features.
    Source: sliding mean normalisation, of which this is the recursive form with a prior.
    """

    def __init__(self, features: int, prior: int, memory: int) -> None:
        super().__init__()
        self.prior, self.memory = prior, memory
        self.take = nn.Linear(features, features)
        nn.init.eye_(self.take.weight)
        nn.init.zeros_(self.take.bias)

    def forward(self, blocks: Tensor, mean: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """blocks: (B, n, k, F), mean: (B, F) before them, seen: (B,) blocks -> (B, n, k, F), and the mean behind."""
        n = blocks.shape[1]
        place = torch.arange(n, device=blocks.device)
        behind = (seen[:, None] + place).clamp(max=self.memory)  # (B, n)
        gain = 1.0 / (self.prior + 1.0 + behind)  # of block j in the mean behind it
        kept = F.pad(torch.log1p(-gain).cumsum(1), (1, 0))  # (B, n + 1): log of what is left of the first mean
        # Row i is the mean before block i: a sum over the blocks j before it, each faded by all between.
        rows = torch.arange(n + 1, device=blocks.device)[:, None]
        fade = (kept[:, :, None] - kept[:, None, 1:]).masked_fill(place >= rows, float("-inf")).exp()
        means = (fade * gain[:, None]) @ blocks.mean(2) + kept.exp()[..., None] * mean[:, None]  # (B, n + 1, F)
        return blocks - self.take(means[:, :-1]).unsqueeze(2), means[:, -1]


class ConformerBlock(nn.Module):
    """Convolution, attention, feed-forward, each with its own residual."""

    def __init__(self, dims: ConformerDims) -> None:
        super().__init__()
        self.convolution = CausalConvolution(dims)
        self.attention = ChunkedAttention(dims)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dims.width),
            nn.Linear(dims.width, dims.feed_forward),
            nn.SiLU(),
            nn.Linear(dims.feed_forward, dims.width),
        )
        self.dropout = UtteranceDropout(dims.dropout)

    def forward(
        self, x: Tensor, attention_past: Tensor, convolution_past: Tensor, mask: Tensor, rotary: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        y, convolution_past = self.convolution(x, convolution_past)
        x = x + self.dropout(y)
        y, attention_past = self.attention(x, attention_past, mask, rotary)
        x = x + self.dropout(y)
        return x + self.dropout(self.feed_forward(x)), attention_past, convolution_past


class ConformerCTC(nn.Module):
    """Log-mel features -> character and phone log-probabilities, whole or in chunks."""

    feature_mean: Tensor
    feature_scale: Tensor
    phone_of: Tensor
    context_table: Tensor

    def __init__(self, dims: ConformerDims) -> None:
        super().__init__()
        if dims.contexts and not dims.final_phones:
            raise ConfigError(f"contexts is {dims.contexts} without final_phones, whose classes they are; set both.")
        self.dims = dims
        self.register_buffer("feature_mean", torch.zeros(dims.n_features))
        self.register_buffer("feature_scale", torch.ones(dims.n_features))
        self.adapt = Adaptation(dims.n_features, dims.mean_prior, dims.left_frames) if dims.mean_prior else None
        self.front = FrontEnd(dims)
        below = [TdnnfBlock(dims.width, dims.bottleneck, s, UtteranceDropout(dims.dropout)) for s in dims.time_delay]
        self.blocks = nn.ModuleList([*below, *(ConformerBlock(dims) for _ in range(dims.layers - len(below)))])
        self.phone_norm = nn.LayerNorm(dims.width)
        self.phone_out = nn.Linear(dims.width, dims.outputs_per_frame * dims.phones)
        self.phone_back = nn.Linear(dims.outputs_per_frame * dims.phones, dims.width, bias=False)
        self.norm = nn.LayerNorm(dims.width)
        self.out = nn.Linear(dims.width, dims.outputs_per_frame * dims.vocabulary)
        if dims.final_phones:
            self.final_phone_norm = nn.LayerNorm(dims.width)
            outputs = dims.contexts + 1 if dims.contexts else dims.phones
            self.final_phone_out = nn.Linear(dims.width, dims.outputs_per_frame * outputs)
        if dims.contexts:
            phones = dims.phones - 1
            self.register_buffer("phone_of", F.pad(torch.arange(dims.contexts) % phones + 1, (1, 0)))
            self.register_buffer("context_table", torch.arange(1, dims.phones).repeat(dims.phones, 1))

    def set_normalisation(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the features' mean and standard deviation, (F,) each, measured on the training set."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(1.0 / deviation)

    def set_contexts(self, phone_of: Tensor, table: Tensor) -> None:
        """Fix what the classes stand for, as in `PhoneContexts`: (C+1,) the phone of each, and (P, P-1) [v, w].

        The network needs the first; the second belongs to the weights too, for training to go on with.
        """
        self.phone_of.copy_(phone_of)
        self.context_table.copy_(table)

    @property
    def _front_rows(self) -> int:
        return self.dims.front_frames + (self.adapt is not None)

    def initial_state(self, batch: int, device: torch.device | None = None) -> EncoderState:
        """The state before the first chunk of `batch` streams."""
        d = self.dims
        return EncoderState(
            torch.zeros(batch, self._front_rows, d.n_features, device=device),
            torch.zeros(d.layers, batch, d.left_frames, 2 * d.width, device=device),
            torch.zeros(d.layers, batch, d.convolution_frames, d.width, device=device),
            torch.zeros(batch, dtype=torch.int64, device=device),
        )

    def forward(
        self, features: Tensor, lengths: Tensor, chunk_frames: Tensor | int, state: EncoderState | None = None
    ) -> EncoderOutput:
        """Run n encoder frames.

        Args:
            features: (B, n * subsampling, F) raw log-mel; what stands behind an utterance's end is ignored.
            lengths: (B,) int64, valid encoder frames of each.
            chunk_frames: attention's chunk in encoder frames; n is a multiple of it unless this is the last call.
            state: from the call before, or None for whole utterances (no state is returned then).
        """
        d = self.dims
        x = (features - self.feature_mean) * self.feature_scale
        batch = x.shape[0]
        seen = lengths.new_zeros(batch) if state is None else state.seen
        front_past = x.new_zeros(batch, self._front_rows, d.n_features) if state is None else state.front
        mean = None
        if self.adapt is not None:
            x, mean = self.adapt(x.unflatten(1, (-1, d.subsampling)), front_past[:, -1], seen)
            x, front_past = x.flatten(1, 2), front_past[:, :-1]
        x = torch.cat([front_past, x], dim=1)  # (B, n * subsampling + front_frames, F)
        next_front = x[:, -d.front_frames :]
        if mean is not None:
            next_front = torch.cat([next_front, mean[:, None]], dim=1)
        x = self.front(x)  # (B, n, D)
        n = x.shape[1]
        remembered = 0 if state is None else d.left_frames
        mask = chunk_mask(n, remembered, seen, lengths, chunk_frames, d.left_frames)
        rotary = rotary_table(-remembered, n + remembered, d.width // d.heads, x.device)
        attention_next, convolution_next = [], []
        middle = x
        for number, block in enumerate(self.blocks):
            if state is None:
                attention_past = x.new_zeros(batch, 0, 2 * d.width)
                convolution_past = x.new_zeros(batch, d.convolution_frames, d.width)
            else:
                attention_past, convolution_past = state.attention[number], state.convolution[number]
            x, attention_past, convolution_past = block(x, attention_past, convolution_past, mask, rotary)
            attention_next.append(attention_past)
            convolution_next.append(convolution_past)
            if number + 1 == d.phone_layer:
                middle = split_frames(self.phone_out(self.phone_norm(x)), d.outputs_per_frame)
                x = x + self.phone_back(middle.exp().unflatten(1, (-1, d.outputs_per_frame)).flatten(2))
        log_probs = split_frames(self.out(self.norm(x)), d.outputs_per_frame)
        phones, contexts = middle, None
        if d.final_phones:
            phones = split_frames(self.final_phone_out(self.final_phone_norm(x)), d.outputs_per_frame)
        if d.contexts:
            phones, contexts = sum_classes(phones, self.phone_of, d.phones), phones
        if state is None:
            return EncoderOutput(log_probs, phones, middle, None, contexts)
        next_seen = torch.clamp(seen + n, max=d.left_frames)
        following = EncoderState(next_front, torch.stack(attention_next), torch.stack(convolution_next), next_seen)
        return EncoderOutput(log_probs, phones, middle, following, contexts)


def chunk_mask(
    n: int, remembered: int, seen: Tensor, lengths: Tensor, chunk_frames: Tensor | int, left_frames: int
) -> Tensor:
    """Which of the remembered and present frames each present frame may look at: (B, 1, n, remembered+n) bool.

    A frame sees its own chunk and `left_frames` before the chunk's first frame: exactly what a stream that keeps
    `left_frames` can offer, so that whole-file and chunked runs agree. A frame always sees itself, which keeps the
    softmax of padding finite.
    """
    query = torch.arange(n, device=lengths.device).unsqueeze(1)  # (n, 1)
    key = torch.arange(remembered + n, device=lengths.device).unsqueeze(0) - remembered  # (1, remembered+n)
    start = torch.div(query, chunk_frames, rounding_mode="floor") * chunk_frames
    near = (key >= start - left_frames) & (key < start + chunk_frames)
    real = (key >= -seen.unsqueeze(1)) & (key < lengths.unsqueeze(1))  # (B, remembered+n)
    return ((near.unsqueeze(0) & real.unsqueeze(1)) | (key == query).unsqueeze(0)).unsqueeze(1)


def split_frames(logits: Tensor, outputs_per_frame: int) -> Tensor:
    """(B, n, k * V) logits of k output frames each -> (B, n * k, V) log-probabilities, in float32."""
    return F.log_softmax(logits.float().unflatten(-1, (outputs_per_frame, -1)).flatten(1, 2), dim=-1)


def sum_classes(log_probs: Tensor, phone_of: Tensor, phones: int) -> Tensor:
    """(B, T, C+1) log-probabilities of classes, (C+1,) the phone of each -> (B, T, P) those of phones, in float32.

    None is below that of 1e-30, so that sums that vanish in float32 have a logarithm and a gradient.
    """
    member = (phone_of[:, None] == torch.arange(phones, device=phone_of.device)).float()  # (C+1, P)
    with torch.autocast(log_probs.device.type, enabled=False):
        return (log_probs.float().exp() @ member).clamp(min=1e-30).log()


def ctc_loss(log_probs: Tensor, frames: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Connectionist temporal classification, (B,); blank is 0.

    Args:
        log_probs: (B, T, V). frames: (B,) valid output frames. targets: (B, U) padded. target_lengths: (B,). The two
            lengths may lie on another device; on the CPU, nothing waits for them.

    An utterance whose tokens do not fit its frames contributes nothing rather than an infinity. One without tokens has
    an unknown target (a word that the dictionary lacks), not an empty one, and contributes nothing either.
    Source: Graves et al. 2006.
    """
    losses = F.ctc_loss(
        log_probs.transpose(0, 1), targets, frames, target_lengths, blank=0, reduction="none", zero_infinity=True
    )
    return torch.where((target_lengths > 0).to(losses.device, non_blocking=True), losses, 0.0)
