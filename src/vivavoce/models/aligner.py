"""Which frame belongs to which token, learned from pairs of text and speech alone.

Top to bottom: dims, network, prior, loss, search. The network measures how far each frame is from each token; the loss
is the probability of all monotonic ways through these distances together (the forward sum, which CTC computes); the
search takes the best single way, and its lengths are the durations that an acoustic model learns. It knows no words and
no seconds.

Source: Badlani et al. 2021, "One TTS alignment to rule them all", arXiv:2108.10447.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError, ModelError

IMPOSSIBLE = -1e4  # a log-probability that no sum notices, and that is still finite


@dataclass(frozen=True)
class AlignerDims:
    """Sizes; `sharpness` turns squared distances into log-probabilities."""

    n_tokens: int = 76
    n_features: int = 80
    width: int = 128
    n_common: int = 80
    sharpness: float = 0.0005

    def __post_init__(self) -> None:
        if min(self.n_tokens, self.n_features, self.width, self.n_common) < 1 or not self.sharpness > 0:
            raise ConfigError(f"{self}: expected sizes of 1 or more and a positive sharpness.")


class Aligner(nn.Module):
    """Tokens and normalised log-mel -> log-probability of every token at every frame."""

    def __init__(self, dims: AlignerDims) -> None:
        super().__init__()
        self.dims = d = dims
        self.embedding = nn.Embedding(d.n_tokens, d.width, padding_idx=0)  # as silent as a sentence's end
        self.text = nn.Sequential(
            nn.Conv1d(d.width, 2 * d.width, 3, padding=1), nn.ReLU(), nn.Conv1d(2 * d.width, d.n_common, 1)
        )
        self.speech = nn.Sequential(
            nn.Conv1d(d.n_features, 2 * d.n_features, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(2 * d.n_features, d.n_features, 1),
            nn.ReLU(),
            nn.Conv1d(d.n_features, d.n_common, 1),
        )

    def forward(self, tokens: Tensor, features: Tensor, token_lengths: Tensor, log_prior: Tensor) -> Tensor:
        """Compare every frame with every token.

        Args:
            tokens: (B, U) ids, padded with 0. token_lengths: (B,).
            features: (B, T, F) log-mel of mean 0 and deviation 1, 0 where padded.
            log_prior: (B, T, U) of `log_priors`; zeros for none.

        Returns:
            (B, T, U), over the tokens of each frame they sum to 1; `IMPOSSIBLE` for padding.
        """
        keys = self.text(self.embedding(tokens).transpose(1, 2))  # (B, C, U)
        queries = self.speech(features.transpose(1, 2)).transpose(1, 2)  # (B, T, C)
        distance = queries.square().sum(-1, keepdim=True) - 2.0 * queries @ keys + keys.square().sum(1, keepdim=True)
        padding = torch.arange(tokens.shape[1], device=tokens.device) >= token_lengths[:, None]
        scores = (-self.dims.sharpness * distance + log_prior).masked_fill(padding[:, None], IMPOSSIBLE)
        return torch.log_softmax(scores, dim=-1).clamp(min=IMPOSSIBLE)


@lru_cache(maxsize=4096)
def log_prior(num_frames: int, num_tokens: int, tightness: float = 1.0) -> NDArray[np.float32]:
    """Where tokens usually stand: (T, U) float32, natural log of beta-binomial distributions along the diagonal.

    Raises:
        ConfigError: a size below 1 or a tightness that is not positive.
    """
    if num_frames < 1 or num_tokens < 1 or not tightness > 0:
        raise ConfigError(
            f"log_prior({num_frames}, {num_tokens}, {tightness}): expected sizes of 1 or more and a positive tightness."
        )
    n = num_tokens - 1
    frame = torch.arange(1, num_frames + 1, dtype=torch.float64)[:, None]
    token = torch.arange(num_tokens, dtype=torch.float64)
    a, b = tightness * frame, tightness * (num_frames + 1 - frame)
    log_choose = torch.lgamma(torch.tensor(n + 1.0)) - torch.lgamma(token + 1) - torch.lgamma(n - token + 1)
    value = log_choose + _log_beta(token + a, n - token + b) - _log_beta(a, b)
    return np.asarray(value.float().numpy())


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def log_priors(token_lengths: Tensor, frame_lengths: Tensor) -> Tensor:
    """`log_prior` of each pair in a batch, (B, longest T, longest U), 0 where padded."""
    batch = torch.zeros(len(token_lengths), int(frame_lengths.max()), int(token_lengths.max()))
    for row, u, t in zip(batch, token_lengths.tolist(), frame_lengths.tolist(), strict=True):
        row[:t, :u] = torch.from_numpy(log_prior(t, u))
    return batch


def forward_sum_loss(log_probs: Tensor, token_lengths: Tensor, frame_lengths: Tensor) -> Tensor:
    """Minus the log-probability, per frame, of all monotonic alignments together, the mean over the batch.

    Args:
        log_probs: (B, T, U) of the aligner. token_lengths, frame_lengths: (B,).

    An alignment begins at the first token, ends at the last, and gives every token one frame or more. This is CTC
    (Graves et al. 2006) of the target 1, 2, ... U with a blank that cannot happen.
    """
    blank = torch.full_like(log_probs[..., :1], IMPOSSIBLE)
    targets = torch.arange(1, log_probs.shape[2] + 1, device=log_probs.device).expand(len(log_probs), -1)
    losses = F.ctc_loss(
        torch.cat([blank, log_probs], dim=-1).transpose(0, 1),
        targets,
        frame_lengths,
        token_lengths,
        reduction="none",
    )
    return (losses / frame_lengths).mean()


def binarisation_loss(log_probs: Tensor, durations: Tensor, frame_lengths: Tensor) -> Tensor:
    """Minus the mean log-probability of the hard alignment's own tokens, which makes the soft alignment sharp.

    Args:
        log_probs: (B, T, U). durations: (B, U) frames of each token, of `best_durations`. frame_lengths: (B,).
    """
    frames = torch.arange(log_probs.shape[1], device=log_probs.device)
    owner = (frames[None, :, None] >= durations.cumsum(1)[:, None, :]).sum(-1).clamp(max=log_probs.shape[2] - 1)
    chosen = log_probs.gather(2, owner[..., None])[..., 0]
    real = frames < frame_lengths[:, None]
    return -(chosen * real).sum() / real.sum()


def best_durations(
    log_probs: NDArray[np.float32], token_lengths: NDArray[np.int64], frame_lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many frames each token has in the likeliest monotonic alignment (Viterbi), a whole batch at a time.

    Args:
        log_probs: (B, T, U). token_lengths, frame_lengths: (B,).

    Returns:
        (B, U) int64, 1 or more for every token and 0 for padding; a row's sum is its frame_length.

    Raises:
        ModelError: more tokens than frames.
    """
    if (token_lengths > frame_lengths).any():
        row = int(np.argmax(token_lengths - frame_lengths))
        raise ModelError(
            f"{token_lengths[row]} tokens do not fit into {frame_lengths[row]} frames; expected one frame a token or "
            "more. Leave the recording out: its text is of another."
        )
    count, frames, tokens = log_probs.shape
    total = np.full((count, tokens), -np.inf)
    total[:, 0] = log_probs[:, 0, 0]
    moved = np.zeros((count, frames, tokens), dtype=np.bool_)
    before = np.empty_like(total)
    for t in range(1, frames):
        before[:, 0], before[:, 1:] = -np.inf, total[:, :-1]
        moved[:, t] = before > total
        total = np.maximum(total, before) + log_probs[:, t]
    durations = np.zeros((count, tokens), dtype=np.int64)
    for row in range(count):
        token = int(token_lengths[row]) - 1
        for t in range(int(frame_lengths[row]) - 1, -1, -1):
            durations[row, token] += 1
            token -= int(moved[row, t, token])
    return durations
