"""Factorised layers: against their formula, whole against chunked, below conformer blocks and alone; the constraint."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vivavoce.models.conformer_ctc import ConformerBlock, ConformerCTC, ConformerDims, chunk_mask, ctc_loss
from vivavoce.models.tdnnf import BYPASS, TdnnfBlock, make_semi_orthogonal

DIMS = ConformerDims(
    n_features=12, strides=(2, 2), outputs_per_frame=1, width=32, layers=3, heads=2, feed_forward=48, left_frames=10,
    convolution_frames=4, phone_layer=2, final_phones=True, bottleneck=8, time_delay=(1, 2, 4),
)  # fmt: skip


@pytest.fixture(params=[(1, 2, 4), (3, 1)], ids=["alone", "below a conformer block"])
def model(request: pytest.FixtureRequest) -> ConformerCTC:
    torch.manual_seed(1)
    model = ConformerCTC(replace(DIMS, time_delay=request.param)).eval()
    kinds = [isinstance(block, TdnnfBlock) for block in model.blocks]
    assert kinds == [True] * len(request.param) + [False] * (3 - len(request.param))
    assert all(isinstance(block, ConformerBlock) for block in model.blocks[len(request.param) :])
    return model


def features(batch: int, frames: int) -> torch.Tensor:
    return torch.randn(batch, 4 * frames, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("stride", [1, 2, 3])
@torch.inference_mode()
def test_a_layer_is_its_formula(stride: int) -> None:
    torch.manual_seed(2)
    block = TdnnfBlock(6, 3, stride, nn.Identity())
    n, remembered, chunk, lengths = 7, 4, 4, torch.tensor([7, 5])
    x, past, memory = torch.randn(2, n, 6), torch.randn(2, 3, 6), torch.randn(2, remembered, 12)
    mask = chunk_mask(n, remembered, torch.tensor([4, 4]), lengths, chunk, remembered)
    y, memory_after, past_after = block(x, memory, past, mask, torch.empty(0))
    assert torch.equal(memory_after, memory)
    inputs = torch.cat([past, x], 1)
    assert torch.equal(past_after, inputs[:, -3:])
    for b in range(2):
        z = [block.bottleneck(torch.cat([inputs[b, 3 + t - stride], x[b, t]])) for t in range(n)]
        for t in range(n):
            there = (t + stride) // chunk == t // chunk and t + stride < int(lengths[b])
            pair = torch.cat([z[t], z[t + stride] if there else torch.zeros(3)])
            expected = block.norm(F.relu(block.affine(pair))) + BYPASS * x[b, t]
            torch.testing.assert_close(y[b, t], expected)


@pytest.mark.parametrize(
    ("chunk", "calls"), [(1, [1] * 36), (3, [3] * 12), (4, [8, 12, 4, 12]), (8, [8, 24, 4]), (36, [36])]
)
@torch.inference_mode()
def test_chunks_with_carried_state_equal_the_whole(model: ConformerCTC, chunk: int, calls: list[int]) -> None:
    n = 36
    x, lengths = features(2, n), torch.tensor([n, n - 5])
    whole = model(x, lengths, chunk)
    state, start, outputs = model.initial_state(2), 0, []
    for count in calls:
        piece = x[:, 4 * start : 4 * (start + count)]
        outputs.append(model(piece, (lengths - start).clamp(0, count), chunk, state))
        state, start = outputs[-1].state, start + count
    for name in ("log_probs", "phone_log_probs"):
        streamed = torch.cat([getattr(output, name) for output in outputs], 1)
        for length, row, expected in zip(lengths, streamed, getattr(whole, name), strict=True):
            torch.testing.assert_close(row[:length], expected[:length], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_an_utterance_does_not_depend_on_its_batch(model: ConformerCTC) -> None:
    x, lengths = features(3, 20), torch.tensor([20, 13, 2])
    together = model(x, lengths, 6).log_probs
    for number, length in enumerate(lengths.tolist()):
        alone = model(x[number : number + 1, : 4 * length], torch.tensor([length]), 6).log_probs
        torch.testing.assert_close(together[number, :length], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_rest_of_the_chunk_is_seen_and_nothing_beyond(model: ConformerCTC) -> None:
    x = features(1, 24)
    changed = x.clone()
    changed[:, 4 * 14 :] += 3.0
    lengths = torch.tensor([24])
    before, after = (model(values, lengths, 4).log_probs for values in (x, changed))
    assert torch.equal(before[:, :12], after[:, :12])
    assert (before[:, 13] - after[:, 13]).abs().max() > 1e-3


def test_one_batch_is_learned(model: ConformerCTC) -> None:
    model.train()
    x, lengths = features(2, 12), torch.tensor([12, 10])
    targets, counts = torch.tensor([[3, 4, 5, 6], [9, 2, 0, 0]]), torch.tensor([4, 2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for update in range(60):
        if update % 4 == 0:
            make_semi_orthogonal(model)
        output = model(x, lengths, 4)
        loss = ctc_loss(output.log_probs, lengths, targets, counts).sum()
        loss = loss + ctc_loss(output.phone_log_probs, lengths, targets, counts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    assert losses[-1] < 0.2 * losses[0]


def test_the_constraint_is_approached(model: ConformerCTC) -> None:
    with torch.no_grad():
        for block in model.blocks:
            if isinstance(block, TdnnfBlock):  # far from it: rows of unequal sizes, that lean on each other
                block.bottleneck.weight.mul_(torch.linspace(0.5, 2.0, 8)[:, None]).add_(0.1)
    others = {name: value.clone() for name, value in model.state_dict().items() if "bottleneck" not in name}
    errors = []
    for _ in range(24):
        errors.append(max(skewness(block) for block in model.blocks if isinstance(block, TdnnfBlock)))
        make_semi_orthogonal(model)
    assert all(after < before or after < 1e-5 for before, after in pairwise(errors))
    assert errors[0] > 0.3
    assert errors[-1] < 1e-5
    assert all(torch.equal(model.state_dict()[name], value) for name, value in others.items())


def skewness(block: TdnnfBlock) -> float:
    """How far M M' is from a multiple of the identity, as a share of its own size."""
    gram = block.bottleneck.weight.detach() @ block.bottleneck.weight.detach().T
    return float((gram - gram.trace() / len(gram) * torch.eye(len(gram))).norm() / gram.norm())


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # the compiler's own
def test_compiled_blocks_are_the_same() -> None:
    """Block by block and with lengths that change, as the recipe trains; without the part that makes machine code."""
    torch.manual_seed(3)
    dims = replace(DIMS, time_delay=(1, 1, 2, 2, 3, 3), layers=8)
    model, compiled = ConformerCTC(dims).train(), ConformerCTC(dims).train()
    compiled.load_state_dict(model.state_dict())
    for module in (*model.modules(), *compiled.modules()):
        if hasattr(module, "probability"):
            module.probability = 0.0
    torch._dynamo.reset()
    for block in compiled.blocks:
        block.compile(dynamic=True, backend="aot_eager")
    for batch, frames in ((3, 16), (2, 21), (4, 9)):
        x, lengths = features(batch, frames), torch.full((batch,), frames)
        for chunk in (4, 64):
            expected, output = (net(x, lengths, torch.tensor(chunk)).log_probs for net in (model, compiled))
            torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
            expected.square().mean().backward()
            output.square().mean().backward()
    for (name, one), other in zip(model.named_parameters(), compiled.parameters(), strict=True):
        if one.grad is not None:
            torch.testing.assert_close(other.grad, one.grad, atol=1e-4, rtol=1e-3, msg=name)
