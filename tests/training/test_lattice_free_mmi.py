"""LF-MMI against the sum over every path, of phones and of phones in context, its gradient against differences, the
trigram against counting."""

from __future__ import annotations

import importlib.util
import itertools
import math

import numpy as np
import pytest
import torch

from vivavoce.errors import ConfigError, DataError
from vivavoce.training.lattice_free_mmi import _kernel, denominator, forward_backward, mmi_loss
from vivavoce.training.phone_contexts import PhoneContexts
from vivavoce.training.phone_trigram import TABLE_SCALE, PhoneTrigram


@pytest.fixture
def trigram() -> PhoneTrigram:
    rng = np.random.default_rng(0)
    return PhoneTrigram.from_sequences([rng.integers(1, 4, rng.integers(1, 6)) for _ in range(30)], 3)


@pytest.fixture
def contexts() -> PhoneContexts:
    """Six classes of three phones; 2 behind 2 has one of its own, 3 behind 3 and 1 behind 1 have not."""
    return PhoneContexts.from_sequences([(1, 2, 2, 2), (2, 2, 1, 2), (2, 2), (1, 1, 3, 3)], 3, 6)


def posteriors(batch: int, frames: int, phones: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randn(batch, frames, phones + 1, generator=generator)).log_softmax(dim=-1)


def said_by(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(path) if token)


def probability(phones: tuple[int, ...], trigram: PhoneTrigram) -> float:
    """Of a whole sequence, out of the table one by one."""
    ids = [trigram.phones] * 2 + [phone - 1 for phone in phones] + [trigram.phones]
    return math.prod(float(trigram.table[v, u, w]) for u, v, w in zip(ids, ids[1:], ids[2:], strict=False))


def all_paths(log_probs: torch.Tensor, trigram: PhoneTrigram) -> dict[tuple[int, ...], float]:
    """Of one utterance (T, P+1): each path with its probability and that of its phones."""
    probs = log_probs.double().exp().numpy()
    return {
        path: math.prod(probs[t, token] for t, token in enumerate(path)) * probability(said_by(path), trigram)
        for path in itertools.product(range(probs.shape[1]), repeat=len(probs))
    }


def paths_of_classes(
    log_probs: torch.Tensor, trigram: PhoneTrigram, contexts: PhoneContexts
) -> dict[tuple[int, ...], float]:
    """The same of (T, C+1): paths whose classes are those of some phones, with that of the phones."""
    probs = log_probs.double().exp().numpy()
    paths = {}
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        phones = tuple(int(contexts.phone_of[token]) for token in said_by(path))
        before = [contexts.phones, *(phone - 1 for phone in phones)]
        if said_by(path) == tuple(int(contexts.table[v, w - 1]) for v, w in zip(before, phones, strict=False)):
            paths[path] = math.prod(probs[t, token] for t, token in enumerate(path)) * probability(phones, trigram)
    return paths


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_all_paths_are_summed(trigram: PhoneTrigram, frames: int) -> None:
    log_probs = posteriors(2, frames, 3)
    totals = denominator(log_probs, torch.full((2,), frames), trigram)
    for row, total in zip(log_probs, totals, strict=True):
        assert float(total) == pytest.approx(math.log(sum(all_paths(row, trigram).values())), abs=1e-5)


def test_shares_are_those_of_the_paths(trigram: PhoneTrigram) -> None:
    log_probs = posteriors(1, 4, 3, seed=1)
    _, shares = forward_backward(log_probs.exp(), torch.tensor([4]), trigram.table)
    paths = all_paths(log_probs[0], trigram)
    expected = np.zeros((4, 4))
    for path, value in paths.items():
        expected[range(4), path] += value
    np.testing.assert_allclose(shares[0].numpy(), expected / sum(paths.values()), atol=1e-6)


def test_loss_is_the_said_ones_share_of_all(trigram: PhoneTrigram) -> None:
    log_probs = posteriors(3, 5, 3, seed=2)
    tokens, token_lengths = torch.tensor([[1, 2, 0], [3, 3, 0], [2, 1, 3]]), torch.tensor([2, 2, 3])
    losses = mmi_loss(log_probs, torch.full((3,), 5), tokens, token_lengths, trigram)
    for row, ids, length, loss in zip(log_probs, tokens.tolist(), token_lengths.tolist(), losses, strict=True):
        paths = all_paths(row, trigram)
        said = sum(value for path, value in paths.items() if said_by(path) == tuple(ids[:length]))
        assert float(loss) == pytest.approx(-math.log(said / sum(paths.values())), abs=1e-5)


def test_gradient_is_that_of_differences(trigram: PhoneTrigram) -> None:
    logits = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()
    lengths, tokens, token_lengths = torch.tensor([6, 4]), torch.tensor([[1, 3], [2, 2]]), torch.tensor([2, 2])

    def loss(values: torch.Tensor) -> torch.Tensor:
        return mmi_loss(values.log_softmax(dim=-1), lengths, tokens, token_lengths, trigram).sum()

    loss(logits).backward()
    assert logits.grad is not None
    rng, step = np.random.default_rng(0), 1e-2
    for _ in range(16):
        place = tuple(int(rng.integers(n)) for n in logits.shape)
        moved = logits.detach().clone(), logits.detach().clone()
        moved[0][place] += step
        moved[1][place] -= step
        difference = float(loss(moved[0]) - loss(moved[1])) / (2 * step)
        assert float(logits.grad[place]) == pytest.approx(difference, abs=2e-3)
    assert not logits.grad[1, 4:].any()
    np.testing.assert_allclose(logits.grad.sum(dim=-1).numpy(), 0.0, atol=1e-5)


def test_all_paths_through_classes_are_summed(trigram: PhoneTrigram, contexts: PhoneContexts) -> None:
    table = contexts.table
    assert int(table[1, 1]) > 3 >= max(int(table[0, 0]), int(table[2, 2]))
    log_probs, lengths = posteriors(2, 5, 6, seed=9), torch.tensor([5, 4])
    totals, shares = forward_backward(log_probs.exp(), lengths, trigram.table, table)
    for row, length, total, share in zip(log_probs, lengths.tolist(), totals, shares, strict=True):
        paths = paths_of_classes(row[:length], trigram, contexts)
        assert (1, 1) not in {said_by(path) for path in paths if 0 not in path}  # one class: only behind a blank
        assert float(total) == pytest.approx(math.log(sum(paths.values())), abs=1e-5)
        expected = np.zeros((5, 7))
        for path, value in paths.items():
            expected[range(length), path] += value
        np.testing.assert_allclose(share.numpy(), expected / sum(paths.values()), atol=1e-6)


def test_loss_in_context_is_the_said_ones_share_of_all(trigram: PhoneTrigram, contexts: PhoneContexts) -> None:
    log_probs = posteriors(4, 5, 6, seed=10)
    tokens, token_lengths = torch.tensor([[1, 2, 0], [3, 3, 0], [2, 2, 2], [2, 1, 3]]), torch.tensor([2, 2, 3, 3])
    losses = mmi_loss(log_probs, torch.full((4,), 5), tokens, token_lengths, trigram, contexts=contexts)
    for row, ids, length, loss in zip(log_probs, tokens.tolist(), token_lengths.tolist(), losses, strict=True):
        paths = paths_of_classes(row, trigram, contexts)
        said = sum(
            value
            for path, value in paths.items()
            if [int(contexts.phone_of[token]) for token in said_by(path)] == ids[:length]
        )
        assert float(loss) == pytest.approx(-math.log(said / sum(paths.values())), abs=1e-5)


def test_gradient_in_context_is_that_of_differences(trigram: PhoneTrigram, contexts: PhoneContexts) -> None:
    logits = torch.randn(2, 6, 7, generator=torch.Generator().manual_seed(11)).requires_grad_()
    lengths, tokens, token_lengths = torch.tensor([6, 4]), torch.tensor([[2, 2, 3], [1, 1, 0]]), torch.tensor([3, 2])

    def loss(values: torch.Tensor) -> torch.Tensor:
        log_probs = values.log_softmax(dim=-1)
        return mmi_loss(log_probs, lengths, tokens, token_lengths, trigram, contexts=contexts).sum()

    loss(logits).backward()
    assert logits.grad is not None
    step = 1e-2
    for place in np.random.default_rng(1).permutation(list(np.ndindex(2, 6, 7)))[:20]:
        moved = logits.detach().clone(), logits.detach().clone()
        moved[0][tuple(place)] += step
        moved[1][tuple(place)] -= step
        difference = float(loss(moved[0]) - loss(moved[1])) / (2 * step)
        assert float(logits.grad[tuple(place)]) == pytest.approx(difference, abs=2e-3)
    assert not logits.grad[1, 4:].any()


def test_as_many_classes_as_phones_are_the_phones(trigram: PhoneTrigram) -> None:
    plain = PhoneContexts.from_sequences([(1, 2)], 3, 3)
    probs, lengths = posteriors(2, 7, 3, seed=12).exp(), torch.tensor([7, 4])
    found = forward_backward(probs, lengths, trigram.table, plain.table)
    for one, other in zip(found, forward_backward(probs, lengths, trigram.table), strict=True):
        torch.testing.assert_close(one, other)


def test_lengths_hide_what_lies_behind(trigram: PhoneTrigram) -> None:
    log_probs = posteriors(2, 7, 3, seed=4)
    alone = denominator(log_probs[1:, :4], torch.tensor([4]), trigram)
    together = denominator(log_probs, torch.tensor([7, 4]), trigram)
    torch.testing.assert_close(together[1:], alone)
    _, shares = forward_backward(log_probs.exp(), torch.tensor([7, 4]), trigram.table)
    np.testing.assert_allclose(shares.sum(dim=-1).numpy(), [[1.0] * 7, [1.0] * 4 + [0.0] * 3], atol=1e-5)


def test_what_cannot_be_said_counts_nothing(trigram: PhoneTrigram) -> None:
    logits = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(5)).requires_grad_()
    tokens = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0], [1, 2, 0, 0]])  # too many for three frames; unknown; possible
    losses = mmi_loss(logits.log_softmax(dim=-1), torch.full((3,), 3), tokens, torch.tensor([4, 0, 2]), trigram)
    losses.sum().backward()
    assert losses[:2].tolist() == [0.0, 0.0]
    assert float(losses[2].detach()) > 0
    assert logits.grad is not None
    assert not logits.grad[:2].any()
    assert logits.grad[2].any()


def test_long_and_sure_utterances_stay_finite() -> None:
    """A minute of posteriors near 0 and 1, forty phones: no underflow, and the loss is not below 0."""
    rng = np.random.default_rng(6)
    trigram = PhoneTrigram.from_sequences([rng.integers(1, 40, 20) for _ in range(200)], 39)
    logits = torch.zeros(1, 1500, 40)
    tokens = torch.from_numpy(rng.integers(1, 40, 300))
    for place, token in enumerate(tokens.tolist()):
        logits[0, 5 * place, token] = 60.0
        logits[0, 5 * place + 1 : 5 * place + 5, 0] = 60.0
    logits.requires_grad_()
    loss = mmi_loss(logits.log_softmax(dim=-1), torch.tensor([1500]), tokens[None], torch.tensor([300]), trigram)
    loss.sum().backward()
    assert 0 <= float(loss.detach()) + 1e-2 < 1.0
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_is_raised(trigram: PhoneTrigram) -> None:
    log_probs = posteriors(1, 5, 3, seed=7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = denominator(log_probs, torch.tensor([5]), trigram)
    torch.testing.assert_close(total, denominator(log_probs, torch.tensor([5]), trigram))
    rounded = log_probs.bfloat16().requires_grad_()
    denominator(rounded, torch.tensor([5]), trigram).sum().backward()
    assert rounded.grad is not None
    assert rounded.grad.dtype == torch.bfloat16


def test_trigram_is_a_distribution_that_follows_counts() -> None:
    trigram = PhoneTrigram.from_sequences([(1, 2, 1, 2), (1, 2), ()], 4)
    np.testing.assert_allclose(trigram.table.sum(dim=-1).numpy(), 1.0, atol=5e-4)  # as far as eleven bits add up
    assert (trigram.table > 0).all()
    # Behind 1 2: once 1, twice the end; half an occurrence is taken off each.
    assert float(trigram.table[1, 0, 4]) > float(trigram.table[1, 0, 0]) > 0.5 / 3
    whole = trigram.log_prob(torch.tensor([[1, 2, 3]]), torch.tensor([2]))
    assert float(whole) == pytest.approx(math.log(probability((1, 2), trigram)), abs=1e-5)
    for wrong in ([(0, 1)], [(5,)], [()], []):
        with pytest.raises(DataError):
            PhoneTrigram.from_sequences(wrong, 4)


def test_the_trigram_is_one_that_half_precision_holds(trigram: PhoneTrigram) -> None:
    halves = (trigram.table * TABLE_SCALE).half()
    torch.testing.assert_close(halves.float() / TABLE_SCALE, trigram.table, rtol=0, atol=0)
    tiny = PhoneTrigram(torch.full((3, 3, 3), 1e-8))
    assert (tiny.table > 0.99e-8).all()


@pytest.mark.parametrize("together", [1, 2])
@pytest.mark.parametrize(
    ("phones", "batch", "frames", "own"), [(3, 3, 7, None), (40, 3, 4, None), (3, 3, 7, 4), (40, 3, 4, 300)]
)
def test_the_gpu_kernel_is_the_same(
    monkeypatch: pytest.MonkeyPatch, phones: int, batch: int, frames: int, own: int | None, together: int
) -> None:
    """On a GPU, or where Triton is installed without one by its interpreter."""
    pytest.importorskip("triton")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    from vivavoce.training import mmi_kernel

    generator = torch.Generator().manual_seed(phones)
    table = PhoneTrigram(torch.rand((phones + 1,) * 3, generator=generator).pow(4) / phones).table
    probs = posteriors(batch, frames, phones + (own or 0), seed=8).exp()
    lengths = torch.tensor([frames, 1, frames - 1])
    classes = None
    if own is not None:
        sequences = [torch.randint(1, phones + 1, (2000,), generator=generator).tolist(), [2] * 200]
        classes = PhoneContexts.from_sequences(sequences, phones, phones + own).table
    expected = forward_backward(probs, lengths, table, classes)
    there = None if classes is None else classes.to(device)
    found = mmi_kernel.forward_backward(probs.to(device), lengths.to(device), table.to(device), there, together)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("triton") is not None, reason="Triton is installed")
def test_a_gpu_without_triton_is_told_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="pip install triton"):
        _kernel()
