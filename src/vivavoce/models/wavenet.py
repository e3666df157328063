"""WaveNet: log-mel frames -> samples, each from all those before it within reach.

Top to bottom: dims, upsampling of the mel, gated layers, the whole model with its parallel `forward` for training and
its cached `generate`, losses. It takes raw log-mel, since the normalisation belongs to the weights, and knows nothing
of files, features or texts.

Why it looks like this:

- A layer is one causal convolution of two taps, `dilation` samples apart. Dilations double from layer to layer and
  begin anew with each stack, so that the reach grows as two to the number of layers, and the work only with the number.
- Training sees all samples at once, for what comes before each is known. Generation cannot; but of its past a layer
  needs only what it was given `dilation` samples ago, so all pasts are kept (arXiv:1611.09482), and a sample costs one
  column of each layer instead of the whole reach. `step` is that column, with the past in and the present out: whoever
  calls it keeps the rings of values (`dsp.sample_draws`).
- The mel is brought to the rate of samples by transposed convolutions but for the last factor, `hold`, by which values
  are held: what the layers make of the mel is then computed once in `hold` samples.
- The next sample is one of 256 mu-law levels (the paper's softmax), or lies on 65,536 even levels under a mixture of
  logistic distributions (arXiv:1701.05517, with Tacotron 2: arXiv:1712.05884), which knows that neighbours are alike.

Sources: van den Oord et al. 2016, arXiv:1609.03499; Paine et al. 2016, arXiv:1611.09482; Salimans et al. 2017,
arXiv:1701.05517.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.dsp.mu_law import mu_law_decode, mu_law_encode
from vivavoce.dsp.sample_draws import LOGISTICS, MIN_LOG_SCALE, MU_LAW, Rings, draw_samples
from vivavoce.errors import AudioError, ConfigError


@dataclass(frozen=True)
class WaveNetDims:
    """Sizes of a model.

    Attributes:
        output: "mu_law", a softmax over `levels`; or "logistics", `mixtures` of them over `levels`.
        stacks, layers: so many stacks of so many layers, dilated by 1, 2, 4, ...
        channels, skip_channels, condition_channels: of the residual path, of the sum of all layers, of the mel.
        hop_length: samples of a mel frame; `upsampling` are the factors of the transposed convolutions, even numbers
            whose product divides it.
    """

    output: str = MU_LAW
    levels: int = 256
    mixtures: int = 10
    stacks: int = 3
    layers: int = 10
    channels: int = 128
    skip_channels: int = 128
    condition_channels: int = 80
    n_mels: int = 80
    hop_length: int = 256
    upsampling: tuple[int, ...] = (4, 4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "upsampling", tuple(self.upsampling))
        if self.output not in (MU_LAW, LOGISTICS):
            raise ConfigError(f"output is {self.output!r}; expected {MU_LAW} or {LOGISTICS}.")
        sizes = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        if min(*sizes.values(), *self.upsampling, 2) < 1 or self.levels < 2 or self.layers > 24:
            raise ConfigError(f"{self}: expected sizes of 1 or more, 2 levels or more, and at most 24 layers a stack.")
        if any(factor % 2 for factor in self.upsampling) or self.hop_length % math.prod(self.upsampling):
            raise ConfigError(
                f"upsampling {self.upsampling} does not fit a hop of {self.hop_length}; expected even factors whose "
                "product divides it."
            )

    @property
    def dilations(self) -> tuple[int, ...]:
        """One number a layer."""
        return tuple(2**layer for _ in range(self.stacks) for layer in range(self.layers))

    @property
    def receptive_samples(self) -> int:
        """How many samples before it decide a sample."""
        return 1 + sum(self.dilations)

    @property
    def hold(self) -> int:
        """Samples for which the upsampled mel stays the same."""
        return self.hop_length // math.prod(self.upsampling)

    @property
    def output_channels(self) -> int:
        """Numbers that describe one sample's distribution."""
        return self.levels if self.output == MU_LAW else 3 * self.mixtures


class Upsampling(nn.Module):
    """Normalised mel (B, T, F) -> (B, T hop / hold, K)."""

    def __init__(self, dims: WaveNetDims) -> None:
        super().__init__()
        width = dims.condition_channels
        self.around = nn.Conv1d(dims.n_mels, width, 5, padding=2)  # a frame is half a window away from its samples
        self.wider = nn.ModuleList(
            [nn.ConvTranspose1d(width, width, 2 * factor, factor, factor // 2) for factor in dims.upsampling]
        )

    def forward(self, mel: Tensor) -> Tensor:
        x = self.around(mel.mT)
        for wider in self.wider:
            x = wider(F.leaky_relu(x, 0.4))
        return x.mT


class GatedLayer(nn.Module):
    """Two taps, a gate, and what goes on and what goes out: arXiv:1609.03499, figure 4.

    The convolution is one product of (past, present) with a matrix: on a processor that is as fast as convolutions get,
    and one sample costs one row of it.
    """

    def __init__(self, dims: WaveNetDims) -> None:
        super().__init__()
        self.widths = (dims.channels, dims.skip_channels)
        self.taps = nn.Linear(2 * dims.channels, 2 * dims.channels)
        self.out = nn.Linear(dims.channels, dims.channels + dims.skip_channels)

    def forward(self, x: Tensor, past: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x, past: (..., C), now and `dilation` samples ago; condition: (..., 2 C) -> (..., C) and (..., S)."""
        filtered, gate = (self.taps(torch.cat([past, x], dim=-1)) + condition).chunk(2, dim=-1)
        onward, skipped = self.out(torch.tanh(filtered) * torch.sigmoid(gate)).split(self.widths, dim=-1)
        return x + onward, skipped


class WaveNet(nn.Module):
    """Log-mel -> the distribution of every sample, given those before it."""

    mel_mean: Tensor
    mel_deviation: Tensor

    def __init__(self, dims: WaveNetDims) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("mel_mean", torch.zeros(dims.n_mels))
        self.register_buffer("mel_deviation", torch.ones(dims.n_mels))
        self.upsampling = Upsampling(dims)
        # What the mel adds to the gates of each layer, all layers in one product.
        self.condition = nn.Linear(dims.condition_channels, len(dims.dilations) * 2 * dims.channels, bias=False)
        self.front = nn.Embedding(dims.levels, dims.channels) if dims.output == MU_LAW else nn.Linear(1, dims.channels)
        self.layers = nn.ModuleList([GatedLayer(dims) for _ in dims.dilations])
        self.first = nn.Linear(dims.skip_channels, dims.skip_channels)
        self.last = nn.Linear(dims.skip_channels, dims.output_channels)
        if dims.output == LOGISTICS:
            with torch.no_grad():  # about as narrow as speech is soft, so that learning need not begin with shrinking
                self.last.bias[2 * dims.mixtures :] -= 3.0

    def set_normalisation(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the log-mel's mean and standard deviation, (F,) each, measured on the training set."""
        self.mel_mean.copy_(mean)
        self.mel_deviation.copy_(deviation)

    def upsample(self, mel: Tensor) -> Tensor:
        """(B, T, F) raw log-mel -> (B, T hop / hold, K)."""
        return self.upsampling((mel - self.mel_mean) / self.mel_deviation)

    def conditions(self, upsampled: Tensor) -> Tensor:
        """(..., K) -> (..., L, 2 C), what the mel adds to each layer's gates."""
        return self.condition(upsampled).unflatten(-1, (len(self.layers), -1))

    def forward(self, samples: Tensor, mel: Tensor) -> Tensor:
        """All samples at once.

        Args:
            samples: (B, N) the true ones, mu-law levels (int64) or in [-1, 1] (float32); N is the hop times T.
            mel: (B, T, F) raw log-mel; frame t is centred on sample t times the hop.

        Returns:
            (B, N, V): logits of the levels of sample n, or the mixture's parameters (`logistic_log_prob`), made of mel
            and samples before n.

        Raises:
            AudioError: N and T do not belong together.
        """
        if samples.shape[-1] != mel.shape[1] * self.dims.hop_length:
            raise AudioError(
                f"{samples.shape[-1]} samples do not stand for {mel.shape[1]} frames; expected "
                f"{mel.shape[1] * self.dims.hop_length}."
            )
        conditions = self.conditions(self.upsample(mel))  # (B, N / hold, L, 2 C)
        late = F.pad(samples[:, :-1], (1, 0), value=silence(self.dims))
        x = self._enter(late).unflatten(1, (-1, self.dims.hold))  # (B, N / hold, hold, C)
        total = x.new_zeros(())
        for layer, dilation, condition in zip(self.layers, self.dims.dilations, conditions.unbind(2), strict=True):
            past = F.pad(x.flatten(1, 2), (0, 0, dilation, 0))[:, : samples.shape[1]].view_as(x)
            x, skipped = layer(x, past, condition.unsqueeze(2))
            total = total + skipped
        return self._leave(total).flatten(1, 2)

    def step(self, previous: Tensor, conditions: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """One sample.

        Args:
            previous: (B,) the sample before it, as `forward` takes them.
            conditions: (B, L, 2 C) at this sample.
            past: (B, L, C) what each layer was given `dilation` samples ago; zeros before the beginning.

        Returns:
            (B, V) as `forward`'s; (B, L, C) what each layer was given now.
        """
        x = self._enter(previous)  # (B, C)
        total, present = x.new_zeros(()), []
        for number, layer in enumerate(self.layers):
            present.append(x)
            x, skipped = layer(x, past[:, number], conditions[:, number])
            total = total + skipped
        return self._leave(total), torch.stack(present, dim=1)

    @torch.inference_mode()
    def generate(self, mel: Tensor, draws: Sequence[np.random.Generator]) -> NDArray[np.float32]:
        """Speak mels of one length.

        Args:
            mel: (B, T, F) raw log-mel.
            draws: a generator for each: the same gives the same samples, whatever else is in the batch.

        Returns:
            (B, hop T) float32 samples in [-1, 1].
        """
        if len(draws) != mel.shape[0]:
            raise ConfigError(f"{len(draws)} generators were given for {mel.shape[0]} mels; expected one each.")
        d, batch = self.dims, mel.shape[0]
        upsampled = self.upsample(mel)
        rings = Rings(d.dilations, batch, d.channels)
        previous = np.full(batch, silence(d), np.int64 if d.output == MU_LAW else np.float32)
        samples = []
        for number in range(mel.shape[1] * d.hop_length):
            if number % d.hold == 0:
                conditions = self.conditions(upsampled[:, number // d.hold])
            answer, present = self.step(torch.from_numpy(previous), conditions, torch.from_numpy(rings.past(number)))
            rings.remember(number, present.numpy())
            previous = draw_samples(answer.numpy(), draws, d.output, d.levels)
            samples.append(previous)
        return to_waveform(np.stack(samples, axis=1), d)

    def _enter(self, samples: Tensor) -> Tensor:
        """(...) -> (..., C)."""
        x: Tensor = self.front(samples if self.dims.output == MU_LAW else samples.unsqueeze(-1))
        return x

    def _leave(self, total: Tensor) -> Tensor:
        """The sum of what the layers put out, (..., S) -> (..., V)."""
        answer: Tensor = self.last(F.relu(self.first(F.relu(total * len(self.layers) ** -0.5))))
        return answer


def silence(dims: WaveNetDims) -> int:
    """The sample before the first."""
    return dims.levels // 2 if dims.output == MU_LAW else 0


def to_targets(waveform: NDArray[np.float32], dims: WaveNetDims) -> Tensor:
    """Samples in [-1, 1] of any shape -> what the model takes and is scored on: levels, or the samples themselves."""
    if dims.output == MU_LAW:
        return torch.from_numpy(mu_law_encode(waveform, dims.levels))
    return torch.from_numpy(np.asarray(waveform, np.float32).clip(-1.0, 1.0))


def to_waveform(samples: NDArray[np.generic], dims: WaveNetDims) -> NDArray[np.float32]:
    """The inverse of `to_targets`."""
    return mu_law_decode(samples, dims.levels) if dims.output == MU_LAW else samples.astype(np.float32)


def wavenet_loss(answers: Tensor, samples: Tensor, dims: WaveNetDims, skip_samples: int = 0) -> Tensor:
    """Mean negative log-likelihood of a sample, in nats.

    Args:
        answers: (B, N, V) of `forward`; samples: (B, N) as it was given them.
        skip_samples: so many at the beginning do not count, for in the middle of a recording their past is missing.
    """
    answers, samples = answers[:, skip_samples:].float(), samples[:, skip_samples:]
    if dims.output == MU_LAW:
        return F.cross_entropy(answers.flatten(0, 1), samples.flatten())
    return -logistic_log_prob(answers, samples, dims.levels).mean()


def logistic_log_prob(parameters: Tensor, samples: Tensor, levels: int) -> Tensor:
    """Log-probability of samples on even levels under mixtures of logistic distributions, (B, N).

    Args:
        parameters: (B, N, 3 K) logits of the K weights, means, logarithms of the scales.
        samples: (B, N) in [-1, 1].
        levels: a sample stands for all values that are closest to it; the outermost two for everything beyond too.

    Between a sample's edges a < b lies sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), which in
    logarithms loses nothing, however thin it is.

    Source: Salimans et al. 2017, arXiv:1701.05517, equations 1 and 2.
    """
    logits, means, log_scales = parameters.chunk(3, dim=-1)
    log_scales = log_scales.clamp(min=MIN_LOG_SCALE)
    scales = log_scales.exp()
    half = 1.0 / (levels - 1)
    distance = samples.unsqueeze(-1) - means
    below_upper = F.logsigmoid((distance + half) / scales)  # log sigmoid(b)
    above_lower = F.logsigmoid(-(distance - half) / scales)  # log sigmoid(-a)
    between = below_upper + above_lower + torch.log(-torch.expm1(-2.0 * half / scales))
    x = samples.unsqueeze(-1)
    inside = torch.where(x > 1.0 - half, above_lower, between)
    log_probs = torch.where(x < -1.0 + half, below_upper, inside)
    return (log_probs + logits.log_softmax(dim=-1)).logsumexp(dim=-1)
