"""The encoder: whole against chunked, one against many, masks, dropout, and a batch that is really learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vivavoce.errors import ConfigError
from vivavoce.models.conformer_ctc import (
    Adaptation,
    ConformerCTC,
    ConformerDims,
    UtteranceDropout,
    chunk_mask,
    ctc_loss,
    rotary_table,
    rotate,
    sum_classes,
)

DIMS = ConformerDims(
    n_features=12, width=32, layers=3, heads=2, feed_forward=48, left_frames=10, convolution_frames=4, phone_layer=2
)


@pytest.fixture(params=[0, 3], ids=["", "leaning on the stream's mean"])
def model(request: pytest.FixtureRequest) -> ConformerCTC:
    torch.manual_seed(1)
    model = ConformerCTC(replace(DIMS, mean_prior=request.param)).eval()
    model.set_normalisation(torch.randn(12), torch.rand(12) + 0.5)
    return model


def features(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 8 * frames, 12, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("chunk", "calls"), [(1, [1] * 36), (4, [4] * 9), (4, [8, 12, 4, 12]), (9, [9, 27]), (12, [36])]
)
@torch.inference_mode()
def test_chunks_with_carried_state_equal_the_whole(model: ConformerCTC, chunk: int, calls: list[int]) -> None:
    n = 36  # longer than the memory, so that frames are forgotten
    x, lengths = features(2, n), torch.tensor([n, n - 5])
    whole = model(x, lengths, chunk)
    state, start, pieces, phones = model.initial_state(2), 0, [], []
    for count in calls:
        piece = x[:, 8 * start : 8 * (start + count)]
        output = model(piece, (lengths - start).clamp(0, count), chunk, state)
        state, start = output.state, start + count
        pieces.append(output.log_probs)
        phones.append(output.phone_log_probs)
    for length, row, expected in zip(lengths, torch.cat(pieces, 1), whole.log_probs, strict=True):
        torch.testing.assert_close(row[: 2 * length], expected[: 2 * length], atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat(phones, 1)[0], whole.phone_log_probs[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("strides", "outputs"), [((2, 2), 1), ((2, 3), 2), ((4, 2), 2), ((3,), 1)])
@torch.inference_mode()
def test_other_strides_in_chunks_equal_the_whole(strides: tuple[int, ...], outputs: int) -> None:
    torch.manual_seed(2)
    model = ConformerCTC(replace(DIMS, strides=strides, outputs_per_frame=outputs, final_phones=True)).eval()
    group, n = model.dims.subsampling, 24
    x = torch.randn(1, group * n, 12, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([n])
    whole = model(x, lengths, 4)
    assert whole.phone_log_probs.shape == (1, outputs * n, DIMS.phones)
    state, pieces = model.initial_state(1), []
    assert state.front.shape[1] == model.dims.front_frames
    for start in range(0, n, 8):
        output = model(x[:, group * start : group * (start + 8)], torch.tensor([8]), 4, state)
        state = output.state
        pieces.append(output.phone_log_probs)
    torch.testing.assert_close(torch.cat(pieces, 1), whole.phone_log_probs, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_phones_are_the_sums_of_their_classes_in_chunks_too() -> None:
    torch.manual_seed(3)
    model = ConformerCTC(replace(DIMS, final_phones=True, contexts=50)).eval()
    n, x = 24, features(1, 24)
    plain = model(x, torch.tensor([n]), 4).phone_log_probs
    phone_of = torch.cat([torch.zeros(1, dtype=torch.int64), torch.randperm(50) % 39 + 1])
    model.set_contexts(phone_of, torch.ones(40, 39, dtype=torch.int64))
    whole = model(x, torch.tensor([n]), 4)
    assert whole.context_log_probs.shape == (1, 2 * n, 51)
    assert whole.phone_log_probs.shape == (1, 2 * n, 40)
    assert (whole.phone_log_probs - plain).abs().max() > 0.1
    probs = whole.context_log_probs.exp()
    for phone in range(40):
        expected = probs[..., phone_of == phone].sum(dim=-1)
        torch.testing.assert_close(whole.phone_log_probs[..., phone].exp(), expected)
    state, pieces = model.initial_state(1), []
    for start in range(0, n, 8):
        output = model(x[:, 8 * start : 8 * (start + 8)], torch.tensor([8]), 4, state)
        state = output.state
        pieces.append(output.phone_log_probs)
    torch.testing.assert_close(torch.cat(pieces, 1), whole.phone_log_probs, atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match="contexts is 50 without final_phones"):
        ConformerCTC(replace(DIMS, contexts=50))


def test_sums_that_vanish_stay_finite() -> None:
    logits = torch.tensor([[[0.0, 300.0, 300.0, -300.0]]]).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sums = sum_classes(logits.log_softmax(dim=-1), torch.tensor([0, 1, 1, 2]), 3)
    assert sums.dtype == torch.float32
    sums.sum().backward()
    assert float(sums[0, 0, 1].detach()) == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(sums).all()
    assert torch.isfinite(logits.grad).all()


@torch.inference_mode()
def test_the_mean_of_a_stream_is_that_of_all_before_a_block() -> None:
    adapt = Adaptation(5, prior=3, memory=8)
    blocks = torch.randn(2, 20, 4, 5, generator=torch.Generator().manual_seed(4))
    out, mean = adapt(blocks, torch.zeros(2, 5), torch.zeros(2, dtype=torch.int64))
    for row in range(2):
        running = torch.zeros(5)
        for n, block in enumerate(blocks[row]):
            torch.testing.assert_close(out[row, n], block - running)  # the matrix begins as the identity
            before = 3 + min(n, 8)
            running = (before * running + block.mean(0)) / (before + 1)
            if n < 8:  # a plain mean so far, in which the prior's zeros count as three blocks
                torch.testing.assert_close(running, blocks[row, : n + 1].mean(1).sum(0) / (n + 4))
        torch.testing.assert_close(mean[row], running)


@torch.inference_mode()
def test_an_utterance_does_not_depend_on_its_batch(model: ConformerCTC) -> None:
    x = features(3, 20)
    lengths = torch.tensor([20, 13, 7])
    together = model(x, lengths, 6).log_probs
    for number, length in enumerate(lengths.tolist()):
        alone = model(x[number : number + 1, : 8 * length], torch.tensor([length]), 6).log_probs
        torch.testing.assert_close(together[number, : 2 * length], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_nothing_is_seen_beyond_the_chunk(model: ConformerCTC) -> None:
    x = features(1, 24)
    changed = x.clone()
    changed[:, 8 * 12 :] += 3.0
    lengths = torch.tensor([24])
    before, after = model(x, lengths, 4).log_probs, model(changed, lengths, 4).log_probs
    assert torch.equal(before[:, :24], after[:, :24])
    assert (before[:, 24:] - after[:, 24:]).abs().max() > 0.1


def test_mask_against_the_definition() -> None:
    n, remembered, left, chunk = 11, 5, 5, 3
    seen, lengths = torch.tensor([0, 4]), torch.tensor([11, 7])
    mask = chunk_mask(n, remembered, seen, lengths, torch.tensor([chunk]), left)
    for b in range(2):
        for q in range(n):
            for k in range(-remembered, n):
                start = q // chunk * chunk
                expected = start - left <= k < start + chunk and -int(seen[b]) <= k < int(lengths[b])
                assert bool(mask[b, 0, q, k + remembered]) == (expected or k == q)


def test_rotary_positions_are_relative() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(1, 1, 1, 16, generator=generator), torch.randn(1, 1, 1, 16, generator=generator)

    def score(i: int, j: int) -> torch.Tensor:
        at = lambda p: rotary_table(p, 1, 16, torch.device("cpu"))  # noqa: E731
        return (rotate(query, at(i)) * rotate(key, at(j))).sum()

    torch.testing.assert_close(score(7, 3), score(104, 100), atol=1e-4, rtol=1e-4)
    assert abs(float(score(7, 3) - score(7, 5))) > 1e-3


def test_normalisation_is_part_of_the_model() -> None:
    model = ConformerCTC(DIMS).eval()
    mean, deviation = torch.randn(12), torch.rand(12) + 0.5
    x = features(1, 8)
    with torch.inference_mode():
        plain = model(x, torch.tensor([8]), 8).log_probs
        model.set_normalisation(mean, deviation)
        torch.testing.assert_close(
            model(x * deviation + mean, torch.tensor([8]), 8).log_probs, plain, atol=1e-4, rtol=0
        )


def test_dropout_is_one_mask_an_utterance() -> None:
    dropout = UtteranceDropout(0.25).train()
    torch.manual_seed(0)
    y = dropout(torch.ones(64, 9, 50))
    assert torch.equal(y[:, :1].expand_as(y), y)
    assert np.unique(y.numpy()) == pytest.approx([0.0, 4.0 / 3.0])
    assert abs(float(y.mean()) - 1.0) < 0.05
    assert torch.equal(dropout.eval()(y), y)


def test_ctc_loss_against_all_paths() -> None:
    """Brute force over every alignment of 4 frames and 3 tokens."""
    generator = torch.Generator().manual_seed(2)
    log_probs = torch.randn(1, 4, 3, generator=generator).log_softmax(-1)
    total = -torch.inf
    for path in np.ndindex(3, 3, 3, 3):
        collapsed = [t for i, t in enumerate(path) if t and (i == 0 or path[i - 1] != t)]
        if collapsed == [1, 2]:
            total = np.logaddexp(total, sum(float(log_probs[0, i, t]) for i, t in enumerate(path)))
    loss = ctc_loss(log_probs, torch.tensor([4]), torch.tensor([[1, 2]]), torch.tensor([2])).sum()
    assert float(loss) == pytest.approx(-total, abs=1e-5)
    assert float(ctc_loss(log_probs, torch.tensor([4]), torch.tensor([[1, 1, 1]]), torch.tensor([3])).sum()) == 0.0


def test_one_batch_is_learned() -> None:
    torch.manual_seed(0)
    model = ConformerCTC(DIMS)
    x, lengths = features(3, 12), torch.tensor([12, 12, 10])
    targets, counts = torch.tensor([[3, 4, 5, 6], [7, 7, 8, 0], [9, 2, 0, 0]]), torch.tensor([4, 3, 2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        output = model(x, lengths, 4)
        loss = ctc_loss(output.log_probs, 2 * lengths, targets, counts).sum()
        loss = loss + ctc_loss(output.phone_log_probs, 2 * lengths, targets, counts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    best = model.eval()(x, lengths, 4).log_probs.argmax(-1)
    for row, length, target, count in zip(best, lengths, targets, counts, strict=True):
        path = row[: 2 * length].tolist()
        assert [t for i, t in enumerate(path) if t and (i == 0 or path[i - 1] != t)] == target[:count].tolist()


def test_an_unknown_target_teaches_nothing() -> None:
    """Without tokens the target is unknown, not silence: a pull towards blank would unlearn the others."""
    log_probs = torch.randn(2, 6, 5).log_softmax(-1).requires_grad_()
    frames, targets = torch.tensor([6, 6]), torch.tensor([[1, 2], [0, 0]])
    loss = ctc_loss(log_probs, frames, targets, torch.tensor([2, 0])).sum()
    loss.backward()
    assert log_probs.grad is not None
    assert float(log_probs.grad[1].abs().max()) == 0.0
    alone = ctc_loss(log_probs[:1], frames[:1], targets[:1], torch.tensor([2]))
    torch.testing.assert_close(loss, alone.sum())
