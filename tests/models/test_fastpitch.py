"""The acoustic model: lengths, padding, what its inputs move, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vivavoce.errors import ConfigError
from vivavoce.models.fastpitch import SPACE_ID, FastPitch, FastPitchDims, fastpitch_loss, regulate

SMALL = FastPitchDims(
    n_features=12,
    width=32,
    encoder_blocks=3,
    decoder_blocks=2,
    heads=2,
    fine_width=16,
    fine_blocks=1,
    predictor_width=16,
)


@pytest.fixture
def net() -> FastPitch:
    torch.manual_seed(0)
    net = FastPitch(SMALL).eval()
    net.set_normalisation(torch.full((12,), -5.0), torch.full((12,), 2.0), 0.2, 0.8)
    with torch.no_grad():
        net.duration.out.bias.fill_(1.5)
    return net


def test_regulator_repeats_each_token_for_its_frames() -> None:
    x = torch.arange(1.0, 7.0).view(2, 3, 1)
    durations = torch.tensor([[2, 0, 3], [1, 2, 0]])
    repeated, position, mask = regulate(x, durations, 5)
    assert repeated[..., 0].tolist() == [[1, 1, 3, 3, 3], [4, 5, 5, 0, 0]]
    assert mask[..., 0].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    np.testing.assert_allclose(position[0, :, 0], [0.25, 0.75, 1 / 6, 0.5, 5 / 6], rtol=1e-6)
    np.testing.assert_allclose(position[0, :, 3].exp(), [2, 2, 3, 3, 3], rtol=1e-6)
    assert not position[1, 3:].any()


def test_batch_of_one_equals_batch_of_many(net: FastPitch) -> None:
    tokens, lengths = torch.randint(3, 76, (3, 9)), torch.tensor([9, 4, 6])
    for row, length in zip(tokens, lengths, strict=True):
        row[length:] = 0
    ones, zeros = torch.ones(3, 9), torch.zeros(3, 9)
    with torch.inference_mode():
        together = net.speak(tokens, lengths, ones, zeros, zeros)
        for row, length in enumerate(lengths.tolist()):
            one = slice(row, row + 1), slice(0, length)
            alone = net.speak(tokens[one], lengths[row : row + 1], ones[one], zeros[one], zeros[one])
            frames = int(alone.durations.sum())
            assert torch.equal(alone.durations[0], together.durations[row, :length])
            assert alone.mel.shape == (1, frames, 12)
            torch.testing.assert_close(alone.mel[0], together.mel[row, :frames], atol=1e-5, rtol=1e-5)
            assert not together.mel[row, frames:].any()
            assert not together.durations[row, length:].any()


def test_rate_makes_it_longer_and_only_spaces_vanish(net: FastPitch) -> None:
    tokens = torch.tensor([[1, 20, 30, SPACE_ID, 40, 1]])
    lengths, zeros = torch.tensor([6]), torch.zeros(1, 6)
    with torch.inference_mode():
        usual, slow, fast = (
            net.speak(tokens, lengths, torch.full((1, 6), scale), zeros, zeros).durations for scale in (1.0, 2.0, 0.01)
        )
    assert int(slow.sum()) > 1.7 * int(usual.sum())
    assert fast.tolist() == [[1, 1, 1, 0, 1, 1]]


def test_pitch_is_moved_by_semitones(net: FastPitch) -> None:
    tokens, lengths = torch.tensor([[1, 20, 30, 40, 1]]), torch.tensor([5])
    ones, zeros = torch.ones(1, 5), torch.zeros(1, 5)
    with torch.inference_mode():
        plain = net.speak(tokens, lengths, ones, zeros, zeros)
        octave = net.speak(tokens, lengths, ones, zeros + 12.0, zeros)
        louder = net.speak(tokens, lengths, ones, zeros, zeros + 6.0206)
    torch.testing.assert_close(octave.pitch - plain.pitch, torch.full((1, 5), float(np.log(2.0)) / 0.2))
    torch.testing.assert_close(
        louder.energy - plain.energy, torch.full((1, 5), float(np.log(2.0)) / 0.8), rtol=1e-4, atol=1e-5
    )
    assert (octave.mel - plain.mel).abs().max() > 0.01
    assert torch.equal(octave.durations, plain.durations)


def test_of_several_speakers_the_first_is_the_voice() -> None:
    torch.manual_seed(1)
    net = FastPitch(replace(SMALL, speakers=3)).eval()
    tokens, lengths = torch.randint(3, 76, (3, 8)), torch.tensor([8, 8, 6])
    durations = torch.full((3, 8), 2) * (torch.arange(8) < lengths[:, None])
    given = (tokens, lengths, durations, torch.zeros(3, 8), torch.zeros(3, 8), 16)
    with torch.inference_mode():
        voice = net(*given)
        several = net(*given, torch.tensor([0, 1, 2]))
        ones, zeros = torch.ones(3, 8), torch.zeros(3, 8)
        spoken = net.speak(tokens, lengths, ones, zeros, zeros)
    torch.testing.assert_close(several.mel[0], voice.mel[0])
    for row in (1, 2):
        assert (several.mel[row] - voice.mel[row]).abs().max() > 0.01
        assert (several.pitch[row] - voice.pitch[row]).abs().max() > 0.01
    torch.testing.assert_close(spoken.log_durations, voice.log_durations)
    assert not several.mel[2, 12:].any()


def test_it_learns_one_batch_by_heart() -> None:
    torch.manual_seed(0)
    net = FastPitch(FastPitchDims(**{**vars(SMALL), "dropout": 0.0, "predictor_dropout": 0.0}))
    tokens, lengths = torch.randint(3, 76, (2, 8)), torch.tensor([8, 6])
    durations = torch.randint(1, 6, (2, 8)) * (torch.arange(8) < lengths[:, None])
    frames = int(durations.sum(1).max())
    mel, pitch, energy = torch.randn(2, frames, 12), torch.randn(2, 8), torch.randn(2, 8)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        output = net(tokens, lengths, durations, pitch, energy, frames)
        values = fastpitch_loss(output, mel, pitch, energy, lengths, torch.ones(12))
        optimizer.zero_grad()
        values["loss"].backward()
        optimizer.step()
        losses.append({name: float(value.detach()) for name, value in values.items()})
    assert losses[-1]["mel"] < 0.3 * losses[0]["mel"]
    for name in ("duration", "pitch", "energy"):
        assert losses[-1][name] < 0.1 * losses[0][name]


def test_loss_does_not_count_padding() -> None:
    torch.manual_seed(0)
    net = FastPitch(SMALL).eval()
    tokens, lengths = torch.tensor([[4, 5, 6, 7], [8, 9, 0, 0]]), torch.tensor([4, 2])
    durations = torch.tensor([[2, 3, 1, 2], [2, 2, 0, 0]])
    mel, pitch, energy = torch.randn(2, 8, 12), torch.randn(2, 4), torch.randn(2, 4)
    output = net(tokens, lengths, durations, pitch, energy, 8)
    first = fastpitch_loss(output, mel, pitch, energy, lengths, torch.ones(12))
    mel[1, 4:], pitch[1, 2:], energy[1, 2:] = 99.0, 99.0, 99.0
    second = fastpitch_loss(output, mel, pitch, energy, lengths, torch.ones(12))
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="heads that divide"):
        FastPitchDims(width=30, heads=4)
    with pytest.raises(ConfigError, match="dropouts"):
        FastPitchDims(dropout=1.0)
