"""`forward_backward` of LF-MMI as two GPU kernels, one forwards and one back, each a loop over all frames.

As tensor operations a frame is a dozen launches, thousands for a batch, and the GPU waits between them. Here a program
takes an utterance through all its frames, its states in registers. The table of the trigram is what must be read again
in every frame: it is sent as half precision, which `PhoneTrigram` rounds it to beforehand, so nothing is lost, and
stays in the cache of each multiprocessor.

States lie as [u, v], the phone before and the last one; what arrives in [v, w] from [u, v] by w is then
sum over u of state[u, v] * table[u, v, w], rows of one vector times tiles of the table, and needs no transposition.
Nothing is summed across threads but the scale of a frame. What threads must hand to one another (the states' rows, and
on the way back the columns) goes through memory, where all states of all frames are written anyway.

With classes of phones in context a state's emission is looked up by the class of v behind u, and the states' shares are
left in that memory, from where one product adds them up by class.

Needs Triton, which PyTorch brings along for CUDA.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from vivavoce.training.phone_trigram import TABLE_SCALE

# The quickest of those tried on an H100 with 40 phones: two utterances a program take as long as one after the other,
# eight warps or ten steps unrolled a little longer than these.
TOGETHER, WARPS, UNROLL = 1, 16, 4


def forward_backward(
    probs: Tensor, lengths: Tensor, table: Tensor, classes: Tensor | None = None, together: int = TOGETHER
) -> tuple[Tensor, Tensor]:
    """Like `lattice_free_mmi.forward_backward`, on a GPU.

    Args:
        probs: (B, T, P+1) float32, at least 0, the blank first; with classes (B, T, C+1).
        lengths: (B,) int64, how many of the T frames count.
        table: (P+1, P+1, P+1) a `PhoneTrigram`'s, [v, u, w].
        classes: (P+1, P) a `PhoneContexts`' table, [v, w].
        together: utterances that one program takes, a power of two.
    """
    batch, frames, outputs = probs.shape
    side = len(table)
    probs, lengths = probs.contiguous(), lengths.to(torch.int32)
    size = triton.next_power_of_2(side)
    halves = (table * TABLE_SCALE).half()
    forwards = halves.permute(1, 0, 2).contiguous()  # [u, v, w]
    backwards = halves.permute(2, 1, 0).contiguous()  # [w, u, v]
    again = torch.diagonal(table, dim1=0, dim2=2).contiguous()  # [u, v]: v once more
    ending = table[:, :, -1].T.contiguous()  # [u, v]
    programs = (triton.cdiv(batch, together),)
    totals = probs.new_empty(batch)
    shares = torch.zeros_like(probs)
    alphas = probs.new_empty(batch, frames + 1, 2, side, side)
    scratch = probs.new_empty(batch, 2, side + 1, side)
    class_of, fresh = again, again  # not looked at where tokens are phones
    if classes is not None:
        # [u, v]: the class of v behind u, and whether v behind v has another.
        class_of = torch.nn.functional.pad(classes, (0, 1)).to(torch.int32).contiguous()
        fresh = (class_of != torch.diagonal(class_of)).float()
    fixed: dict[str, Any] = {
        "SIDE": side, "SIZE": size, "OUTPUTS": outputs, "CONTEXTS": classes is not None, "TOGETHER": together,
        "UNROLL": UNROLL, "num_warps": WARPS,
    }  # fmt: skip
    _forwards[programs](
        probs, lengths, forwards, ending, class_of, fresh, alphas, totals, batch, frames, 1.0 / TABLE_SCALE, **fixed
    )
    _backwards[programs](
        probs, lengths, backwards, again, ending, class_of, fresh, alphas, scratch, shares, batch, frames,
        1.0 / TABLE_SCALE, **fixed,
    )  # fmt: skip
    if classes is not None:
        counts = torch.arange(frames, device=probs.device) < lengths[:, None]
        of_states = torch.where(counts[:, :, None, None], alphas[:, 1:, 0], 0.0).flatten(2)  # (B, T, SIDE * SIDE)
        # A product rather than `index_add_`, whose sums on a GPU differ from run to run.
        shares += of_states @ torch.nn.functional.one_hot(class_of.flatten().long(), outputs).float()
    return totals, shares


@triton.jit(do_not_specialize=["batch", "frames"])
def _forwards(
    probs, lengths, table, ending, class_of, fresh, alphas, totals, batch, frames, unscale,
    SIDE: tl.constexpr, SIZE: tl.constexpr, OUTPUTS: tl.constexpr, CONTEXTS: tl.constexpr, TOGETHER: tl.constexpr,
    UNROLL: tl.constexpr,
):  # fmt: skip
    """alphas [b, t + 1, kind, u, v]: the states behind frame t, each frame's adding up to 1; totals: the logarithms."""
    rows = tl.program_id(0) * TOGETHER + tl.arange(0, TOGETHER)
    real = rows < batch
    count = tl.load(lengths + rows, mask=real, other=0)
    i, j = tl.arange(0, SIZE), tl.arange(0, SIZE)
    inside = (i < SIDE)[None, :, None] & (j < SIDE)[None, None, :] & real[:, None, None]
    square = SIDE * SIDE
    place = (i * SIDE)[None, :, None] + j[None, None, :]
    spoken = (j < SIDE - 1)[None, None, :]
    if CONTEXTS:
        heard = (i < SIDE)[None, :, None] & spoken
        classes = tl.load(class_of + place, mask=heard, other=0)
        heard = heard & real[:, None, None]
    same = i[None, :, None] == j[None, None, :]
    base = alphas + rows.to(tl.int64) * (frames + 1) * 2 * square
    said = tl.zeros((TOGETHER, SIZE, SIZE), tl.float32)
    start = (i == SIDE - 1)[None, :, None] & (j == SIDE - 1)[None, None, :]
    blank = tl.where(start & real[:, None, None], 1.0, 0.0)
    tl.store(base[:, None, None] + place, said, mask=inside)
    tl.store(base[:, None, None] + square + place, blank, mask=inside)
    total = tl.zeros((TOGETHER,), tl.float32)
    tl.debug_barrier()
    for t in range(tl.max(count, axis=0)):
        now = base + t * 2 * square
        arriving = tl.zeros((TOGETHER, SIZE, SIZE), tl.float32)
        for u in tl.range(0, SIDE, loop_unroll_factor=UNROLL):
            vector = now[:, None] + u * SIDE + i[None, :]
            known = (i < SIDE)[None, :] & real[:, None]
            of_blank = tl.load(vector + square, mask=known, other=0.0)
            of_said = tl.load(vector, mask=known, other=0.0)
            either = of_blank + of_said
            tile = tl.load(table + u * square + place, mask=(i < SIDE)[None, :, None] & spoken, other=0.0)
            # After itself a phone is a new one only where a blank stood between, or its class is another.
            apart = of_blank
            if CONTEXTS:
                apart += of_said * tl.load(fresh + u * SIDE + i, mask=i < SIDE, other=0.0)[None, :]
            arriving += tl.where(same, apart[:, :, None], either[:, :, None]) * tile.to(tl.float32)
        frame = probs + (rows.to(tl.int64) * frames + t) * OUTPUTS
        silent = tl.load(frame, mask=real, other=0.0)
        if CONTEXTS:
            emitted = tl.load(frame[:, None, None] + classes, mask=heard, other=0.0)
        else:
            token = tl.load(
                frame[:, None] + 1 + j[None, :], mask=(j < SIDE - 1)[None, :] & real[:, None], other=0.0
            )  # fmt: skip
            emitted = token[:, None, :]
        next_said = (arriving * unscale + said) * emitted
        next_blank = (said + blank) * silent[:, None, None]
        sum_of_all = tl.sum(tl.sum(next_said + next_blank, axis=2), axis=1)
        goes_on = t < count
        sum_of_all = tl.where(goes_on, sum_of_all, 1.0)
        said = tl.where(goes_on[:, None, None], next_said / sum_of_all[:, None, None], said)
        blank = tl.where(goes_on[:, None, None], next_blank / sum_of_all[:, None, None], blank)
        total += tl.log(sum_of_all)
        following = now + 2 * square
        tl.store(following[:, None, None] + place, said, mask=inside)
        tl.store(following[:, None, None] + square + place, blank, mask=inside)
        tl.debug_barrier()
    last = tl.load(ending + place, mask=(i < SIDE)[None, :, None] & (j < SIDE)[None, None, :], other=0.0)
    ended = tl.sum(tl.sum((said + blank) * last, axis=2), axis=1)
    total += tl.log(tl.where(real, ended, 1.0))
    tl.store(totals + rows, total, mask=real)


@triton.jit(do_not_specialize=["batch", "frames"])
def _backwards(
    probs, lengths, table, again, ending, class_of, fresh, alphas, scratch, shares, batch, frames, unscale,
    SIDE: tl.constexpr, SIZE: tl.constexpr, OUTPUTS: tl.constexpr, CONTEXTS: tl.constexpr, TOGETHER: tl.constexpr,
    UNROLL: tl.constexpr,
):  # fmt: skip
    """shares [b, t, token]; with contexts those of the blank, and the states' in place of the alphas that were said.
    In `scratch`, [b, half, w, v]: what comes by w from v, with the way from v to itself apart in the row behind the
    last; two halves, used in turns, so that a frame has one barrier."""
    rows = tl.program_id(0) * TOGETHER + tl.arange(0, TOGETHER)
    real = rows < batch
    count = tl.load(lengths + rows, mask=real, other=0)
    i, j = tl.arange(0, SIZE), tl.arange(0, SIZE)
    known = (i < SIDE)[None, :, None] & (j < SIDE)[None, None, :]
    inside = known & real[:, None, None]
    square = SIDE * SIDE
    place = (i * SIDE)[None, :, None] + j[None, None, :]
    same = i[None, :, None] == j[None, None, :]
    spoken = (j < SIDE - 1)[None, :] & real[:, None]
    half_size = (SIDE + 1) * SIDE
    base = alphas + rows.to(tl.int64) * (frames + 1) * 2 * square
    itself = tl.load(again + place, mask=known & (j < SIDE - 1)[None, None, :], other=0.0)
    last = tl.load(ending + place, mask=known, other=0.0)
    if CONTEXTS:
        classes = tl.load(class_of + place, mask=known, other=0)
        apart = itself * tl.load(fresh + place, mask=known, other=0.0)
        heard = inside & (j < SIDE - 1)[None, None, :]
    said = tl.zeros((TOGETHER, SIZE, SIZE), tl.float32) + last
    blank = said
    longest = tl.max(count, axis=0)
    for back in range(longest):
        t = longest - 1 - back
        goes_on = t < count
        behind = base + (t + 1) * 2 * square
        inside_now = inside & goes_on[:, None, None]
        by_said = tl.load(behind[:, None, None] + place, mask=inside_now, other=0.0) * said
        by_blank = tl.load(behind[:, None, None] + square + place, mask=inside_now, other=0.0) * blank
        of_blank = tl.sum(tl.sum(by_blank, axis=2), axis=1)
        of_tokens = tl.sum(by_said, axis=1)
        all_of_it = tl.where(goes_on, of_blank + tl.sum(of_tokens, axis=1), 1.0)
        out = shares + (rows.to(tl.int64) * frames + t) * OUTPUTS
        tl.store(out, of_blank / all_of_it, mask=real & goes_on)
        frame = probs + (rows.to(tl.int64) * frames + t) * OUTPUTS
        silent = tl.load(frame, mask=real, other=0.0)
        if CONTEXTS:
            # Over what was read above: nothing is stored before the sum of all of it is known.
            tl.store(behind[:, None, None] + place, by_said / all_of_it[:, None, None], mask=inside_now)
            coming = said * tl.load(frame[:, None, None] + classes, mask=heard, other=0.0)  # [v, w]
        else:
            tl.store(out[:, None] + 1 + j[None, :], of_tokens / all_of_it[:, None], mask=spoken & goes_on[:, None])
            token = tl.load(frame[:, None] + 1 + j[None, :], mask=spoken, other=0.0)
            coming = said * token[:, None, :]  # [v, w]
        half = scratch + rows.to(tl.int64) * 2 * half_size + (t % 2) * half_size
        turned = (j * SIDE)[None, None, :] + i[None, :, None]
        tl.store(half[:, None, None] + turned, tl.where(same, 0.0, coming), mask=inside)
        diagonal = half[:, None, None] + square + i[None, :, None] + 0 * j[None, None, :]
        tl.store(diagonal, coming, mask=inside & same)
        tl.debug_barrier()
        leaving = tl.zeros((TOGETHER, SIZE, SIZE), tl.float32)  # [u, v]
        for w in tl.range(0, SIDE - 1, loop_unroll_factor=UNROLL):
            vector = tl.load(half[:, None] + w * SIDE + j[None, :], mask=(j < SIDE)[None, :] & real[:, None], other=0.0)
            tile = tl.load(table + w * square + place, mask=known, other=0.0)
            leaving += vector[:, None, :] * tile.to(tl.float32)
        to_itself = tl.load(half[:, None] + square + j[None, :], mask=spoken, other=0.0)
        either = leaving * unscale + blank * silent[:, None, None]
        next_said = either + coming
        if CONTEXTS:
            next_said += apart * to_itself[:, None, :]
        next_blank = either + itself * to_itself[:, None, :]
        sum_of_all = tl.sum(tl.sum(next_said + next_blank, axis=2), axis=1)
        sum_of_all = tl.where(goes_on, sum_of_all, 1.0)
        said = tl.where(goes_on[:, None, None], next_said / sum_of_all[:, None, None], said)
        blank = tl.where(goes_on[:, None, None], next_blank / sum_of_all[:, None, None], blank)
