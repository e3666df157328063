"""Tacotron 2: attention and cell by NumPy, padding, forward against step, generation, losses by loops, learning."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vivavoce.errors import ConfigError, TextError
from vivavoce.models.guided_attention import guided_attention_loss
from vivavoce.models.tacotron2 import (
    LocationAttention,
    Memory,
    Tacotron2,
    TacotronDims,
    ZoneoutLstm,
    tacotron_losses,
)

DIMS = TacotronDims(
    n_tokens=9,
    n_mels=5,
    width=12,
    encoder_layers=2,
    encoder_taps=3,
    attention_width=7,
    location_channels=3,
    location_taps=5,
    prenet_width=6,
    decoder_width=10,
    postnet_width=8,
    postnet_layers=3,
    postnet_taps=3,
    reduction=2,
)


def network(dims: TacotronDims = DIMS, seed: int = 0) -> Tacotron2:
    torch.manual_seed(seed)
    model = Tacotron2(dims).eval()
    model.set_normalisation(torch.randn(dims.n_mels), torch.rand(dims.n_mels) + 0.5)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm1d):
            norm.running_mean.copy_(0.1 * torch.randn(norm.num_features))
            norm.running_var.copy_(torch.rand(norm.num_features) + 0.5)
    return model


def batch() -> tuple[torch.Tensor, ...]:
    """Three texts and mels of unequal lengths; what is padding is no zero, for it must not matter."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 9, (3, 8), generator=generator)
    mel = torch.randn(3, 13, 5, generator=generator)
    return tokens, torch.tensor([8, 3, 5]), mel, torch.tensor([9, 13, 4])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@torch.inference_mode()
def test_energies_are_the_papers() -> None:
    """e_u = v . tanh(W s + V h_u + U f_u + b), f = F * [weights, cumulative]; arXiv:1506.07503."""
    torch.manual_seed(2)
    attention = LocationAttention(DIMS).double()
    hidden, values = torch.randn(1, 10).double(), torch.randn(1, 6, 12).double()
    weights = torch.rand(1, 6).double().softmax(-1)
    cumulative = weights + torch.rand(1, 6).double()
    real = torch.tensor([[True] * 5 + [False]])
    context, found = attention(hidden, Memory(values, attention.key(values), real), weights, cumulative)
    p = {name: tensor.numpy() for name, tensor in attention.state_dict().items()}
    before = np.stack([weights[0].numpy(), cumulative[0].numpy()])
    padded = np.pad(before, ((0, 0), (2, 2)))
    energies = []
    for u in range(5):
        f = np.einsum("cit,it->c", p["location.weight"], padded[:, u : u + 5])
        inner = p["query.weight"] @ hidden[0].numpy() + p["query.bias"]
        inner = inner + p["key.weight"] @ values[0, u].numpy() + p["place.weight"] @ f
        energies.append(p["energy.weight"][0] @ np.tanh(inner))
    expected = np.exp(energies) / np.exp(energies).sum()
    np.testing.assert_allclose(found[0, :5], expected, atol=1e-12)
    assert float(found[0, 5]) == 0.0
    np.testing.assert_allclose(context[0], expected @ values[0, :5].numpy(), atol=1e-12)


@torch.inference_mode()
def test_the_cell_is_torchs_lstm_and_zoneout_keeps_a_share() -> None:
    torch.manual_seed(0)
    ours, theirs = ZoneoutLstm(4, 6, 0.0, width_back=3), nn.LSTMCell(7, 6)
    theirs.weight_ih.copy_(torch.cat([ours.inputs.weight, ours.recurrent.weight[:, 6:]], dim=1))
    theirs.weight_hh.copy_(ours.recurrent.weight[:, :6])
    theirs.bias_ih.copy_(ours.inputs.bias)
    theirs.bias_hh.zero_()
    x, back, hidden, cell = torch.randn(5, 4), torch.randn(5, 3), torch.randn(5, 6), torch.randn(5, 6)
    expected = theirs(torch.cat([x, back], dim=-1), (hidden, cell))
    found = ours(ours.inputs(x), hidden, cell, None, back)
    torch.testing.assert_close(found, expected)
    ours.zoneout = 0.25
    kept = ours.eval()(ours.inputs(x), hidden, cell, None, back)
    torch.testing.assert_close(kept[0], 0.75 * expected[0] + 0.25 * hidden)
    torch.testing.assert_close(kept[1], 0.75 * expected[1] + 0.25 * cell)
    masks = ours.train().draw_kept(400, x)
    share = torch.stack([mask for mask in masks if mask is not None]).float().mean()
    assert float(share) == pytest.approx(0.25, abs=0.02)
    mask = masks[0]
    assert mask is not None
    drawn = ours(ours.inputs(x), hidden, cell, mask, back)
    torch.testing.assert_close(drawn[0], torch.where(mask[:, :6], hidden, expected[0]))
    torch.testing.assert_close(drawn[1], torch.where(mask[:, 6:], cell, expected[1]))


def test_a_cell_without_zoneout_runs_as_torchs_own() -> None:
    torch.manual_seed(1)
    cell, x = ZoneoutLstm(4, 6, 0.0), torch.randn(3, 7, 4)
    fast = cell.train().run(x)
    fast.square().sum().backward()
    gradients = [p.grad.clone() for p in cell.parameters() if p.grad is not None]
    cell.zero_grad()
    slow = cell.eval().run(x)
    slow.square().sum().backward()
    torch.testing.assert_close(fast, slow)
    assert len(gradients) == 3
    for ours, parameter in zip(gradients, cell.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_a_batch_of_many_is_a_batch_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    monkeypatch.setattr(model, "draw_dropout", lambda shape, like: torch.ones(shape))
    tokens, token_lengths, mel, frames = batch()
    together = model(tokens, token_lengths, mel, frames)
    for row in range(3):
        u, t = int(token_lengths[row]), int(frames[row])
        alone = model(
            tokens[row : row + 1, :u], token_lengths[row : row + 1], mel[row : row + 1, :t], frames[row : row + 1]
        )
        steps = DIMS.count_steps(t)
        for name, length in (("mel", t), ("coarse", t), ("stop_logits", steps)):
            ours, theirs = getattr(alone, name)[0], getattr(together, name)[row, :length]
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.alignments[0], together.alignments[row, :steps, :u], atol=1e-5, rtol=0)
        assert not together.alignments[row, :, u:].any()


def test_padding_changes_no_statistics_of_the_norms() -> None:
    models, (tokens, token_lengths, mel, frames) = [network(), network()], batch()
    torch.manual_seed(5)
    models[0].train()(tokens, token_lengths, mel, frames)
    torch.manual_seed(5)
    wild_tokens, wild_mel = tokens.clone(), mel.clone()
    for row in range(3):
        wild_tokens[row, token_lengths[row] :] = 3
        wild_mel[row, frames[row] :] = 99.0
    models[1].train()(wild_tokens, token_lengths, wild_mel, frames)
    for (name, ours), theirs in zip(models[0].state_dict().items(), models[1].state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)


@torch.inference_mode()
def test_forward_is_the_steps_one_by_one() -> None:
    model = network()
    tokens, token_lengths, mel, frames = batch()
    torch.manual_seed(7)
    output = model(tokens, token_lengths, mel, frames)
    torch.manual_seed(7)
    keep = model.draw_dropout((3, 7, 2, 6), mel)
    assert set(keep.unique().tolist()) == {0.0, 2.0}
    memory = model.remember(tokens, token_lengths)
    state = model.decoder.initial_state(memory)
    target = (mel - model.mel_mean) / model.mel_deviation
    for step in range(7):
        if step:
            real = (2 * step - 1 < frames).unsqueeze(1)
            state = state._replace(frame=target[:, 2 * step - 1] * real)
        emitted, stop_logits, state = model.decoder.step(memory, state, keep[:, step])
        frames_here = output.coarse[:, 2 * step : 2 * step + 2]
        emitted = model.to_log_mel(emitted)[:, : frames_here.shape[1]]
        torch.testing.assert_close(emitted, frames_here, atol=1e-5, rtol=0)
        torch.testing.assert_close(stop_logits, output.stop_logits[:, step], atol=1e-5, rtol=0)
        torch.testing.assert_close(state.attention.weights, output.alignments[:, step], atol=1e-5, rtol=0)
    assert output.mel.shape == mel.shape


def generators(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_generation_ends_by_itself_or_at_the_limit() -> None:
    model = network()
    tokens, lengths, _, _ = batch()
    limit = model.generate(tokens, lengths, generators(3), max_frames=11, stop_threshold=1.0)
    assert [one.mel.shape for one in limit] == [(11, 5)] * 3
    assert [one.alignment.shape for one in limit] == [(6, 8), (6, 3), (6, 5)]
    assert not any(one.stopped for one in limit)
    for one in limit:
        torch.testing.assert_close(one.alignment.sum(dim=1), torch.ones(6))
    at_once = model.generate(tokens, lengths, generators(3), stop_threshold=0.0)
    assert [(one.mel.shape[0], one.stopped) for one in at_once] == [(2, True)] * 3


def test_a_sentence_is_spoken_alike_whatever_is_beside_it() -> None:
    model = network()
    with torch.no_grad():
        model.decoder.stop.weight.mul_(40.0)  # so that sentences end at different steps
        model.decoder.stop.bias.fill_(-2.0)
    tokens, lengths, _, _ = batch()
    together = model.generate(tokens, lengths, generators(3), max_frames=60)
    for row in range(3):
        rng = np.random.default_rng(row)
        alone = model.generate(tokens[row : row + 1, : lengths[row]], None, [rng], max_frames=60)[0]
        assert alone.stopped == together[row].stopped
        torch.testing.assert_close(alone.mel, together[row].mel, atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.alignment, together[row].alignment, atol=1e-5, rtol=0)
    again = model.generate(tokens, lengths, generators(3), max_frames=60)
    other = model.generate(tokens, lengths, [np.random.default_rng(9)] * 3, max_frames=60, stop_threshold=1.0)
    assert torch.equal(again[0].mel, together[0].mel)
    shortest = min(len(other[0].mel), len(again[0].mel))
    assert not torch.equal(other[0].mel[:shortest], again[0].mel[:shortest])
    assert not model.training


def test_the_losses_are_those_of_loops() -> None:
    model = network()
    tokens, token_lengths, mel, frames = batch()
    with torch.inference_mode():
        output = model(tokens, token_lengths, mel, frames)
        losses = tacotron_losses(output, mel, frames, model, stop_weight=5.0)
    fine = coarse = stop = weights = 0.0
    for row in range(3):
        for t in range(int(frames[row])):
            for f in range(5):
                deviation = float(model.mel_deviation[f])
                fine += (float(output.mel[row, t, f] - mel[row, t, f]) / deviation) ** 2
                coarse += (float(output.coarse[row, t, f] - mel[row, t, f]) / deviation) ** 2
        steps = math.ceil(int(frames[row]) / 2)
        for s in range(steps):
            probability = 1 / (1 + math.exp(-float(output.stop_logits[row, s])))
            weight = 5.0 if s == steps - 1 else 1.0
            stop -= weight * math.log(probability if s == steps - 1 else 1 - probability)
            weights += weight
    assert float(losses.fine) == pytest.approx(fine / (26 * 5), rel=1e-4)
    assert float(losses.coarse) == pytest.approx(coarse / (26 * 5), rel=1e-4)
    assert float(losses.stop) == pytest.approx(stop / weights, rel=1e-4)


def spelt_batch() -> tuple[torch.Tensor, ...]:
    """Six texts in which each token is a spectrum of its own that lasts two to five frames."""
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(9, 5))
    rows, lasts = [rng.permutation(np.arange(1, 9))[:7] for _ in range(6)], rng.integers(2, 6, (6, 7))
    mels = [np.repeat(spectra[row], last, axis=0) for row, last in zip(rows, lasts, strict=True)]
    frames = torch.tensor([len(mel) for mel in mels])
    padded = nn.utils.rnn.pad_sequence([torch.from_numpy(mel).float() for mel in mels], batch_first=True)
    return torch.from_numpy(np.stack(rows)), torch.full((6,), 7), padded, frames


def test_one_batch_is_learned_until_it_speaks_by_itself() -> None:
    tokens, token_lengths, mel, frames = spelt_batch()
    torch.manual_seed(0)
    model = Tacotron2(
        TacotronDims(**{**vars(DIMS), "width": 32, "decoder_width": 48, "prenet_width": 16, "dropout": 0.0})
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        output = model(tokens, token_lengths, mel, frames)
        parts = tacotron_losses(output, mel, frames, model)
        guided = guided_attention_loss(output.alignments, -(-frames // 2), token_lengths)
        loss = parts.coarse + parts.fine + parts.stop + guided
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append((float(loss.detach()), float(guided.detach())))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert losses[-1][0] < 0.25 * losses[0][0]
    assert losses[-1][1] < 0.35 * losses[0][1]
    spoken = model.generate(tokens, token_lengths, generators(6), max_frames=80)
    assert sum(one.stopped and abs(len(one.mel) - int(n)) <= 4 for one, n in zip(spoken, frames, strict=True)) >= 4
    paths = [one.alignment.argmax(dim=1) for one in spoken]
    assert np.mean([float((path.diff() >= 0).float().mean()) for path in paths]) > 0.9
    assert model.training


def test_what_cannot_be() -> None:
    for changes, message in (
        ({"width": 13}, "an even width"),
        ({"postnet_layers": 1}, "2 or more layers"),
        ({"location_taps": 4}, "odd numbers of taps"),
        ({"zoneout": 1.0}, "from 0 to below 1"),
        ({"reduction": 0}, "sizes of 1 or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            TacotronDims(**changes)
    model = network()
    with pytest.raises(TextError, match="no text empty"):
        model.generate(torch.zeros(1, 0, dtype=torch.int64))
    with pytest.raises(TextError, match="no text empty"):
        model.generate(torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 0]))
    with pytest.raises(TextError, match="ids reach from 1 to 9; expected 0 to below 9"):
        model.generate(torch.tensor([[1, 9]]))
    with pytest.raises(ConfigError, match="1 generators were given for 2 texts"):
        model.generate(torch.ones(2, 3, dtype=torch.int64), None, generators(1))


def test_the_papers_model_has_the_papers_size() -> None:
    count = sum(p.numel() for p in Tacotron2(TacotronDims()).parameters())
    assert 25e6 < count < 31e6
