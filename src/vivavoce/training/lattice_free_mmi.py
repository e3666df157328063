"""Lattice-free maximum mutual information over CTC's paths: the phones that were said against all that could have been.

CTC alone learns each frame by itself. Here a phone trigram stands inside the criterion, so that the network need not
learn what the language says anyway, and learns to tell apart what the language leaves open:

    loss = -log sum over paths of the said phones   p(path | sound) * P(phones)
           +log sum over all paths                  p(path | sound) * P(phones of the path)

No lattice and no decoding graph: with some forty phones the trigram is a dense table, and a state of the second sum is
(the phone before, the last phone, whether blanks followed it), so a frame is one batched matrix product. Probabilities
are scaled frame by frame and never leave float32.

The network's outputs may be classes of phones in left context (training/phone_contexts.py). A state knows its class, so
nothing is added to the sum but a look into a table; the trigram stays one of phones.

Sources: CTC-CRF (Xiang and Ou 2019, arXiv:1911.08747), end-to-end LF-MMI (Hadian et al. 2018), the scaled
forward-backward of Rabiner 1989.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vivavoce.errors import ConfigError
from vivavoce.models.conformer_ctc import ctc_loss
from vivavoce.training.phone_contexts import PhoneContexts
from vivavoce.training.phone_trigram import PhoneTrigram


def mmi_loss(
    log_probs: Tensor,
    lengths: Tensor,
    tokens: Tensor,
    token_lengths: Tensor,
    trigram: PhoneTrigram,
    said: Tensor | None = None,
    contexts: PhoneContexts | None = None,
) -> Tensor:
    """(B,) losses, never below 0 but for rounding.

    Args:
        log_probs: (B, T, P+1) of a log-softmax, the blank first; with contexts (B, T, C+1).
        lengths: (B,) frames of each utterance.
        tokens: (B, U) phones, 1 to P.
        token_lengths: (B,) how many of them.
        said: (B,) `ctc_loss` of the same, with contexts that of the classes, where it is there already.
        contexts: the classes that the outputs stand for; without, they are phones.

    An utterance without phones, or with fewer frames than its phones need, counts 0 and has no gradient.
    """
    if said is None:
        targets = tokens if contexts is None else contexts.encode(tokens, token_lengths)
        said = ctc_loss(log_probs, lengths, targets, token_lengths)
    possible = (token_lengths > 0) & (said > 0)
    loss = said - trigram.log_prob(tokens, token_lengths) + denominator(log_probs, lengths, trigram, contexts)
    return torch.where(possible, loss, 0.0)


def denominator(
    log_probs: Tensor, lengths: Tensor, trigram: PhoneTrigram, contexts: PhoneContexts | None = None
) -> Tensor:
    """(B, T, P+1) log-probabilities -> (B,) log of the sum over all paths; its gradient: their share of each token.

    With contexts they are (B, T, C+1), and only those paths count whose classes follow one another.
    """
    device = log_probs.device
    classes = None if contexts is None else contexts.table.to(device)
    return _Denominator.apply(log_probs, lengths, trigram.table.to(device), classes)


class _Denominator(torch.autograd.Function):
    """Forward-backward, both in the forward pass: the gradient is all that is kept."""

    @staticmethod
    def forward(ctx: Any, log_probs: Tensor, lengths: Tensor, table: Tensor, classes: Tensor | None) -> Tensor:
        with torch.autocast(log_probs.device.type, enabled=False):
            probs = log_probs.float().exp()
            run = _kernel() if probs.is_cuda else forward_backward
            totals, shares = run(probs, lengths, table, classes)
        ctx.save_for_backward(shares)
        ctx.dtype = log_probs.dtype
        return totals

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (shares,) = ctx.saved_tensors
        return (shares * grads[0][:, None, None]).to(ctx.dtype), None, None, None


def _kernel() -> Callable[[Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]:
    """The same as kernels of the GPU.

    Raises:
        ConfigError: Triton is missing, which PyTorch brings along where it can.
    """
    try:
        from vivavoce.training import mmi_kernel
    except ImportError as error:
        raise ConfigError(
            f"LF-MMI on a GPU needs Triton ({error}); pip install triton, or train with device=cpu, or without LF-MMI "
            "(a large mmi_after)."
        ) from None
    return mmi_kernel.forward_backward


def forward_backward(
    probs: Tensor, lengths: Tensor, table: Tensor, classes: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The second sum, and how much of it passes through each token of each frame.

    Args:
        probs: (B, T, P+1) float32, at least 0, the blank first; with classes (B, T, C+1).
        lengths: (B,) how many of the T frames count.
        table: the trigram's.
        classes: (P+1, P) the contexts' table, [v, w]: the class of w behind v; without, tokens are phones.

    Returns:
        (B,) natural logarithms, and shares like `probs` that add up to 1 in a frame that counts and are 0 behind.
    """
    batch, frames, outputs = probs.shape
    side, phones = len(table), len(table) - 1
    step = table[:, :, :phones].contiguous()  # [v, u, w]
    back = step.transpose(1, 2).contiguous()  # [v, w, u]
    itself = torch.diagonal(step, dim1=0, dim2=2).T.unsqueeze(1)  # [v, 1, u]: the same phone again
    at = torch.arange(phones, device=probs.device)
    elsewhere = 1.0 - torch.eye(side, phones, device=probs.device).unsqueeze(1)  # [v, 1, w]: w is another phone than v
    tokens_first = probs.permute(1, 2, 0).contiguous()  # (T, P+1, B), as in the states; with classes (T, C+1, B)
    if classes is not None:
        behind = classes.T.contiguous()  # [w, v]
        fresh = (behind != torch.diagonal(classes)[:, None]).float().unsqueeze(1)  # [v, 1, u]: v has another class then

    def said_at(t: int) -> Tensor:
        """What phone w, or each w behind each v, is heard with: (P, B, 1), or (P, B, P+1)."""
        if classes is None:
            return tokens_first[t, 1:].unsqueeze(-1)
        return tokens_first[t][behind].transpose(1, 2)

    silent = tokens_first[:, 0, None, :, None]  # (T, 1, B, 1)
    counts = torch.arange(frames, device=probs.device)[:, None] < lengths  # (T, B)
    running = bool(counts.all())

    # [kind, v, b, u]: paths that end in phone v, or in blanks behind it, u being the phone before.
    state = probs.new_zeros(2, side, batch, side)
    state[1, phones, :, phones].fill_(1.0)
    totals = probs.new_zeros(batch)
    alphas = probs.new_empty(frames, *state.shape)
    for t in range(frames):
        either = state[0] + state[1]
        arriving = torch.bmm(either, step)  # [v, b, w]
        # After itself a phone is a new one only where a blank stood between, or its class is another.
        apart = state[1, :phones] if classes is None else state[1, :phones] + state[0, :phones] * fresh
        arriving[at, :, at] = (apart * itself).sum(dim=-1)
        following = torch.empty_like(state)
        torch.mul(arriving.permute(2, 1, 0) + state[0, :phones], said_at(t), out=following[0, :phones])
        following[0, phones].zero_()
        torch.mul(either, silent[t], out=following[1])
        scale = following.sum(dim=(0, 1, 3))
        following /= scale[:, None]
        if running:
            state, totals = following, totals + scale.log()
        else:
            goes_on = counts[t]
            state = torch.where(goes_on[:, None], following, state)
            totals = totals + torch.where(goes_on, scale.log(), 0.0)
        alphas[t] = state
    ending = table[:, None, :, phones]  # [v, 1, u]
    totals = totals + ((state[0] + state[1]) * ending).sum(dim=(0, 2)).log()

    shares = probs.new_zeros(frames, batch, outputs)
    # What is still to come from each state, of the frames behind t.
    beta = ending.expand(side, batch, side).expand(2, -1, -1, -1).contiguous()
    for t in reversed(range(frames)):
        through = alphas[t] * beta
        by_blank = through[1].sum(dim=(0, 2))[None]
        if classes is None:
            by_token = torch.cat([by_blank, through[0, :phones].sum(dim=-1)])  # (P+1, B)
        else:
            by_token = probs.new_zeros(outputs, batch)
            by_token.index_add_(0, behind.flatten(), through[0, :phones].transpose(1, 2).flatten(0, 1))
            by_token[:1] = by_blank
        total = by_token.sum(dim=0)
        shares[t] = (by_token / total).T
        before = torch.empty_like(beta)
        coming = beta[0, :phones] * said_at(t)  # [w, b, v]
        blanks = beta[1] * silent[t]
        leaving = coming.permute(2, 1, 0).contiguous()  # [v, b, w]
        again = leaving[at, :, at].unsqueeze(-1) * itself  # (P, B, P+1)
        leaving.mul_(elsewhere)
        torch.add(torch.bmm(leaving, back), blanks, out=before[0])
        before[1] = before[0]
        before[0, :phones] += coming
        before[1, :phones] += again
        if classes is not None:
            before[0, :phones] += again * fresh
        before /= before.sum(dim=(0, 1, 3))[:, None]
        beta = before if running else torch.where(counts[t][:, None], before, beta)
    shares = torch.where(counts[:, :, None], shares, 0.0)
    return totals, shares.transpose(0, 1)
