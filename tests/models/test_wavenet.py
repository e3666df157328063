"""WaveNet: reach and causality by impulse, one layer and the mixture by NumPy, cached against slow, a batch learned."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vivavoce.dsp.mu_law import mu_law_encode
from vivavoce.dsp.sample_draws import LOGISTICS, MIN_LOG_SCALE, MU_LAW, draw_logistics, draw_samples
from vivavoce.errors import AudioError, ConfigError
from vivavoce.models.wavenet import (
    WaveNet,
    WaveNetDims,
    logistic_log_prob,
    silence,
    to_targets,
    to_waveform,
    wavenet_loss,
)

SMALL = {
    "stacks": 2,
    "layers": 3,
    "channels": 8,
    "skip_channels": 12,
    "condition_channels": 6,
    "n_mels": 5,
    "hop_length": 16,
    "upsampling": (2, 4),
}
OUTPUTS = {
    MU_LAW: WaveNetDims(output=MU_LAW, **SMALL),
    LOGISTICS: WaveNetDims(output=LOGISTICS, levels=65536, mixtures=3, **SMALL),
}


@pytest.fixture(params=sorted(OUTPUTS))
def dims(request: pytest.FixtureRequest) -> WaveNetDims:
    return OUTPUTS[request.param]


def network(dims: WaveNetDims, seed: int = 0) -> WaveNet:
    torch.manual_seed(seed)
    net = WaveNet(dims).eval()
    net.set_normalisation(torch.randn(dims.n_mels), torch.rand(dims.n_mels) + 0.5)
    return net


def inputs(dims: WaveNetDims, batch: int, frames: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    waveform = np.clip(0.3 * rng.standard_normal((batch, frames * dims.hop_length)), -1, 1).astype(np.float32)
    return to_targets(waveform, dims), torch.from_numpy(rng.standard_normal((batch, frames, dims.n_mels))).float()


@torch.inference_mode()
def test_an_impulse_reaches_as_far_as_the_dims_say(dims: WaveNetDims) -> None:
    net, (samples, mel) = network(dims).double(), inputs(dims, 1, 4)
    mel = mel.double()
    samples = samples.double() if dims.output == LOGISTICS else samples
    assert dims.receptive_samples == 1 + 2 * (1 + 2 + 4)
    before = net(samples, mel)[0]
    place = 20
    changed = samples.clone()
    changed[0, place] = 3 if dims.output == MU_LAW else 0.9
    difference = (net(changed, mel)[0] - before).abs().amax(dim=1)
    reached = torch.nonzero(difference > 0).flatten()
    assert difference[: place + 1].max() == 0.0  # neither what was before nor the sample itself
    assert reached[0] == place + 1
    assert reached[-1] == place + dims.receptive_samples
    assert torch.equal(reached, torch.arange(place + 1, place + dims.receptive_samples + 1))


@torch.inference_mode()
def test_the_mel_reaches_its_own_samples(dims: WaveNetDims) -> None:
    """Frame t belongs to the samples around t times the hop, and to no far ones."""
    net, (_, mel) = network(dims), inputs(dims, 1, 16)
    changed = mel.clone()
    changed[0, 8] += 2.0
    upsampled = (net.upsample(changed) - net.upsample(mel)).abs().amax(dim=2)[0]
    reached = torch.nonzero(upsampled > 1e-7).flatten() * dims.hold
    assert reached[0] <= 8 * 16 - 8
    assert reached[-1] >= 8 * 16 + 8
    assert reached[0] >= (8 - 4) * 16
    assert reached[-1] < (8 + 5) * 16
    assert net.upsample(mel).shape == (1, 16 * 16 // dims.hold, 6)


@torch.inference_mode()
def test_forward_is_the_papers_equations() -> None:
    """z = tanh(W_f * x + V_f c) sigmoid(W_g * x + V_g c), residual and skip, layer by layer and sample by sample."""
    dims = OUTPUTS[MU_LAW]
    net, (samples, mel) = network(dims, 3).double(), inputs(dims, 1, 2)
    conditions = net.conditions(net.upsample(mel.double()))[0].numpy()  # (N / hold, L, 2 C)
    p = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    before = np.concatenate([[128], samples[0].numpy()[:-1]])
    x, total = p["front.weight"][before], 0.0  # (N, C)
    for number, dilation in enumerate((1, 2, 4, 1, 2, 4)):
        weight, bias = p[f"layers.{number}.taps.weight"], p[f"layers.{number}.taps.bias"]
        out, out_bias = p[f"layers.{number}.out.weight"], p[f"layers.{number}.out.bias"]
        answers = []
        for n in range(32):
            past = x[n - dilation] if n >= dilation else np.zeros(8)
            gates = weight[:, :8] @ past + weight[:, 8:] @ x[n] + bias + conditions[n // dims.hold, number]
            answers.append(out @ (np.tanh(gates[:8]) / (1 + np.exp(-gates[8:]))) + out_bias)
        x, total = x + np.stack(answers)[:, :8], total + np.stack(answers)[:, 8:]
    seen = np.maximum(total / np.sqrt(6), 0)
    seen = np.maximum(seen @ p["first.weight"].T + p["first.bias"], 0)
    np.testing.assert_allclose(net(samples, mel.double())[0], seen @ p["last.weight"].T + p["last.bias"], atol=1e-10)


@torch.inference_mode()
def test_a_batch_of_many_is_a_batch_of_one(dims: WaveNetDims) -> None:
    net, (samples, mel) = network(dims), inputs(dims, 3, 5)
    together = net(samples, mel)
    for row in range(3):
        torch.testing.assert_close(net(samples[row : row + 1], mel[row : row + 1])[0], together[row], atol=1e-5, rtol=0)


def generate_slowly(net: WaveNet, mel: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    """Every sample by the whole network over all samples before it."""
    d = net.dims
    total = mel.shape[1] * d.hop_length
    samples = torch.full((1, total), silence(d), dtype=torch.int64 if d.output == MU_LAW else torch.float32)
    for number in range(total):
        answer = net(samples, mel)[:, number].numpy()
        drawn = draw_samples(answer, [rng], d.output, d.levels)
        samples[0, number] = torch.from_numpy(drawn)[0]
    return to_waveform(samples.numpy(), d)[0]


@torch.inference_mode()
def test_cached_generation_is_the_slow_one(dims: WaveNetDims) -> None:
    net, (_, mel) = network(dims), inputs(dims, 2, 5)
    fast = net.generate(mel, [np.random.default_rng(5), np.random.default_rng(6)])
    for row, seed in enumerate((5, 6)):
        slow = generate_slowly(net, mel[row : row + 1], np.random.default_rng(seed))
        assert np.array_equal(fast[row], slow)
    assert fast.shape == (2, 80)
    assert fast.std() > 0.01
    assert np.abs(fast).max() <= 1.0
    assert not np.array_equal(fast[0], fast[1])


@torch.inference_mode()
def test_generation_of_one_is_that_of_many(dims: WaveNetDims) -> None:
    net, (_, mel) = network(dims), inputs(dims, 3, 4)
    together = net.generate(mel, [np.random.default_rng(seed) for seed in range(3)])
    alone = net.generate(mel[1:2], [np.random.default_rng(1)])
    assert np.array_equal(together[1], alone[0])
    with pytest.raises(ConfigError, match="1 generators were given for 3 mels"):
        net.generate(mel, [np.random.default_rng(0)])


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_the_mixture_sums_to_one_over_all_levels(levels: int) -> None:
    generator = torch.Generator().manual_seed(1)
    parameters = torch.randn(12, generator=generator, dtype=torch.float64)
    parameters[4:8] *= 0.7  # means within and beyond the range
    parameters[8:] = torch.tensor([-8.0, -4.0, -1.0, 2.0])  # from a tenth of a level to all of them
    grid = torch.linspace(-1, 1, levels, dtype=torch.float64)[None]
    probs = logistic_log_prob(parameters.expand(1, levels, -1), grid, levels).exp()
    assert float(probs.sum()) == pytest.approx(1.0, abs=1e-9)
    assert (probs >= 0).all()


def test_the_mixture_is_the_papers_equation() -> None:
    """sum_i pi_i [sigma((x + d - mu_i) / s_i) - sigma((x - d - mu_i) / s_i)], with the ends left open."""
    rng = np.random.default_rng(2)
    levels, half = 256, 1.0 / 255
    logits, means, log_scales = rng.normal(size=3), rng.uniform(-1, 1, 3), rng.uniform(-4, 0, 3)
    weights = np.exp(logits) / np.exp(logits).sum()

    def sigma(value: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-value))

    for code in (0, 1, 77, 128, 254, 255):
        x = code / 255 * 2 - 1
        upper = sigma((x + half - means) / np.exp(log_scales)) if code < 255 else np.ones(3)
        lower = sigma((x - half - means) / np.exp(log_scales)) if code > 0 else np.zeros(3)
        expected = math.log((weights * (upper - lower)).sum())
        parameters = torch.from_numpy(np.concatenate([logits, means, log_scales]))[None, None]
        found = logistic_log_prob(parameters, torch.tensor([[x]], dtype=torch.float64), levels)
        assert float(found) == pytest.approx(expected, abs=1e-9)


def test_far_from_every_mean_the_gradient_still_leads_home() -> None:
    parameters = torch.tensor([0.0, 0.9, -7.0]).view(1, 1, 3).requires_grad_()
    loss = -logistic_log_prob(parameters, torch.tensor([[-0.9]]), 65536).mean()
    assert 1000 < loss.item() < 5000  # 1.8 / e^-7
    loss.backward()
    assert torch.isfinite(parameters.grad).all()
    assert parameters.grad[0, 0, 1] > 100
    narrow = torch.tensor([0.0, 0.0, -50.0]).view(1, 1, 3)
    on_the_mean = logistic_log_prob(narrow, torch.zeros(1, 1), 65536)
    assert torch.isfinite(on_the_mean).all()
    assert MIN_LOG_SCALE > -50


def test_drawn_samples_follow_the_mixture() -> None:
    rng = np.random.default_rng(0)
    answers = np.array([[2.0, 0.0, -0.5, 0.4, math.log(0.02), math.log(0.1)]], np.float32).repeat(20000, axis=0)
    samples = draw_logistics(answers, rng.random((20000, 2)), 65536)
    grid = np.linspace(-1, 1, 65536)
    log_probs = logistic_log_prob(
        torch.from_numpy(answers[:1, None]).double().expand(-1, 65536, -1), torch.from_numpy(grid)[None], 65536
    )
    expected = log_probs[0].exp().numpy()
    edges = np.linspace(-1, 1, 9)
    shares = [expected[(grid >= a) & (grid < b)].sum() for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.histogram(samples, edges)[0] / 20000, shares, atol=0.012)
    np.testing.assert_allclose(samples * 32767.5 - np.rint(samples * 32767.5 - 0.5) - 0.5, 0.0, atol=2e-3)


@pytest.mark.parametrize("output", [MU_LAW, LOGISTICS])
def test_one_batch_is_learned(output: str) -> None:
    dims = OUTPUTS[output]
    torch.manual_seed(0)
    net = WaveNet(dims)
    time = np.arange(128)
    waveform = np.stack([0.5 * np.sin(2 * np.pi * time / 16), 0.4 * np.sin(2 * np.pi * time / 10)]).astype(np.float32)
    samples = to_targets(waveform, dims)
    mel = torch.tensor([[1.0], [-1.0]]).expand(2, 8)[..., None].expand(-1, -1, 5).contiguous()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        loss = wavenet_loss(net(samples, mel), samples, dims, skip_samples=4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert losses[0] > (5.0 if output == MU_LAW else 8.0)
    assert losses[-1] < losses[0] - 3.0


def test_the_loss_is_the_cross_entropy_of_what_counts() -> None:
    dims = OUTPUTS[MU_LAW]
    answers, samples = torch.randn(2, 9, 256), torch.randint(0, 256, (2, 9))
    log_probs = F.log_softmax(answers, dim=2)
    total = sum(float(log_probs[b, n, samples[b, n]]) for b in range(2) for n in range(3, 9))
    assert float(wavenet_loss(answers, samples, dims, 3)) == pytest.approx(-total / 12, rel=1e-5)


def test_what_cannot_be() -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"output": "gauss"}, "output is 'gauss'"),
        ({"channels": 0}, "expected sizes"),
        ({"levels": 1}, "expected sizes"),
        ({"upsampling": (3, 4)}, "does not fit"),
        ({"upsampling": (4, 6)}, "does not fit"),
    ]
    for changes, message in wrong:
        with pytest.raises(ConfigError, match=message):
            WaveNetDims(**changes)  # type: ignore[arg-type]
    net, (samples, mel) = network(OUTPUTS[MU_LAW]), inputs(OUTPUTS[MU_LAW], 1, 4)
    with pytest.raises(AudioError, match="60 samples do not stand for 4 frames; expected 64"):
        net(samples[:, :60], mel)


def test_waveforms_there_and_back(dims: WaveNetDims) -> None:
    waveform = np.linspace(-1, 1, 500, dtype=np.float32)[None]
    back = to_waveform(to_targets(waveform, dims).numpy(), dims)
    assert np.abs(back - waveform).max() < (0.03 if dims.output == MU_LAW else 1e-6)
    if dims.output == MU_LAW:
        assert np.array_equal(to_targets(waveform, dims).numpy(), mu_law_encode(waveform))


def test_sizes_of_the_default_network() -> None:
    dims = WaveNetDims()
    assert dims.receptive_samples == 1 + 3 * 1023
    assert (dims.hold, dims.output_channels) == (16, 256)
    assert WaveNetDims(output=LOGISTICS, levels=65536).output_channels == 30
