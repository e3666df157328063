"""A flat start: the first updates learn the phones from an alignment, frame by frame, and not from all of CTC's paths.

CTC begins with nothing but blanks and needs hundreds of updates to leave them, on a small corpus a good part of all.
Cut evenly into its phones an utterance is aligned badly, but on average better than not at all; what the network has
learned from that aligns it better. No blanks are in these alignments: CTC, which follows, finds its own.

Everything is made where its tensors lie, and nothing waits for a device.

Source: the monophone training of HTK and Kaldi, with one state a phone.
"""

from __future__ import annotations

import torch
from torch import Tensor

NOTHING = -100  # the target of a frame that teaches nothing


def even_alignment(frames: Tensor, phones: Tensor, phone_lengths: Tensor, total: int) -> Tensor:
    """(B, total) targets: frame t of T belongs to phone floor(t U / T), and NOTHING behind the end.

    Args:
        frames: (B,) valid frames of each. phones: (B, U) padded. phone_lengths: (B,). total: frames of the batch.

    An utterance without phones, or with fewer frames than phones, has no target at all.
    """
    frame = torch.arange(total, device=phones.device)
    place = frame * phone_lengths[:, None] // frames.clamp(min=1)[:, None]
    return _targets(place, frames, phones, phone_lengths)


@torch.no_grad()
def viterbi_alignment(log_probs: Tensor, frames: Tensor, phones: Tensor, phone_lengths: Tensor) -> Tensor:
    """(B, T) targets on the best path through the phones in their order, each of at least one frame.

    Args:
        log_probs: (B, T, V). The others as in `even_alignment`, and what has no target there has none here.
    """
    batch, total, _ = log_probs.shape
    width = phones.shape[1]
    spoken = log_probs.float().gather(2, phones[:, None].expand(-1, total, -1)).unbind(1)  # T times (B, U)
    score = spoken[0].masked_fill(torch.arange(width, device=phones.device) > 0, float("-inf"))
    before = score.new_full((batch, 1), float("-inf"))
    moved = []  # whether the best path to a phone in frame t came out of the phone before, for t from 1 on
    for now in spoken[1:]:
        coming = torch.cat([before, score[:, :-1]], dim=1)
        moved.append(coming > score)
        score = torch.maximum(coming, score) + now
    place = (phone_lengths - 1).clamp(min=0)[:, None]  # (B, 1); behind an utterance's end it waits at the last phone
    path = [place]
    for t in range(total - 1, 0, -1):
        place = place - (moved[t - 1].gather(1, place) & (t < frames)[:, None]).long()
        path.append(place)
    return _targets(torch.cat(path[::-1], dim=1), frames, phones, phone_lengths)


def alignment_loss(log_probs: Tensor, targets: Tensor) -> Tensor:
    """(B,) cross-entropy, added up over the frames that have a target.

    Args:
        log_probs: (B, T, V). targets: (B, T), NOTHING where there is none.

    As `ctc_loss` the negative logarithm of a probability of the whole utterance, but that of one path.
    """
    taught = targets != NOTHING
    chosen = log_probs.gather(2, targets.where(taught, 0).unsqueeze(2)).squeeze(2)
    return -chosen.where(taught, 0.0).sum(1)


def _targets(place: Tensor, frames: Tensor, phones: Tensor, phone_lengths: Tensor) -> Tensor:
    """(B, T) places among the phones -> the phones there, where they teach something."""
    targets = phones.gather(1, place.clamp(max=phones.shape[1] - 1))
    possible = (phone_lengths > 0) & (frames >= phone_lengths)
    real = torch.arange(place.shape[1], device=phones.device) < frames[:, None]
    return targets.masked_fill(~(real & possible[:, None]), NOTHING)
