"""The vocoder recipe: a small run with judges, killed and resumed; what is held out; whose gradients go where."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.data.voice_split import is_held_out, read_split
from vivavoce.errors import ConfigError, DataError
from vivavoce.models.vocos import VocosDims
from vivavoce.models.voice_discriminators import (
    DiscriminatorDims,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from vivavoce.recipes.vocos import Config, Game, Players, main, optimizers
from vivavoce.training.loop import Trainee
from vivavoce.training.run_folder import load_checkpoint

TEXTS = [f"sentence number {number}" for number in range(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rng, utterances = np.random.default_rng(0), []
    held_out, kept = ([text for text in TEXTS if is_held_out(text) is side] for side in (True, False))
    for number, text in enumerate([*held_out[:2], *kept[:4]]):
        time = np.arange(12000) / 22050
        hum = sum(np.sin(2 * np.pi * k * (150 + 20 * number) * time) for k in (1, 2, 3, 4))
        soundfile.write(tmp_path / f"{number}.wav", 0.05 * hum + 0.01 * rng.standard_normal(12000), 22050)
        utterances.append(Utterance(str(number), str(tmp_path / f"{number}.wav"), text, 12000 / 22050))
    write_manifest(tmp_path / "m.jsonl", utterances)
    return Config(
        manifests=(str(tmp_path / "m.jsonl"),),
        run=str(tmp_path / "run"),
        cache=str(tmp_path / "cache"),
        dims=VocosDims(width=16, layers=1, hidden=32, pitch_width=8, pitch_layers=1),
        discriminators=DiscriminatorDims((2, 3), (4, 8), (256,), 4),
        updates=6,
        adversarial_after=3,
        batch=2,
        frames=16,
        judged_frames=10,
        warmup=2,
        log_every=1,
        watch=2,
    )


def test_a_run_that_is_cut_and_resumed_ends_with_the_same_bits(config: Config, tmp_path: Path) -> None:
    """Cut within the part that has judges; the whole run watches what is held out."""
    whole = load_checkpoint(sorted((main(config) / "checkpoints").glob("*.safetensors"))[-1])[0]
    # Stopped by its clock after a while: the rates must be those of the whole run, so `updates` stays.
    cut = replace(config, run=str(tmp_path / "cut"))
    stopped = _stop_after(cut, 4)
    assert stopped == 4
    resumed = load_checkpoint(sorted((main(cut) / "checkpoints").glob("*.safetensors"))[-1])[0]
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    rows = [json.loads(line) for line in (Path(config.run) / "log.jsonl").read_text().splitlines()]
    judged = [row["step"] for row in rows if "discriminators" in row]
    assert judged == [4, 5, 6]
    watched = [row for row in rows if "watch_mel" in row]
    assert watched
    assert all(np.isfinite(value) for row in watched for value in row.values())


def _stop_after(config: Config, updates: int) -> int:
    """Run until so many updates are done, and stop as a clock would."""
    with pytest.MonkeyPatch.context() as patch:
        calls = iter(range(10_000))
        patch.setattr("vivavoce.training.loop._time_is_up", lambda *_: next(calls) >= updates)
        folder = main(config)
    (newest,) = sorted((folder / "checkpoints").glob("*.safetensors"))[-1:]
    return int(load_checkpoint(newest)[1]["step"])


def test_it_learns(config: Config) -> None:
    main(replace(config, updates=30, adversarial_after=30, log_every=5, peak_rate=3e-3))
    rows = [json.loads(line) for line in (Path(config.run) / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]


def test_gradients_are_those_of_two_separate_games(config: Config) -> None:
    torch.manual_seed(0)
    config = replace(config, judged_frames=config.frames)  # so that nothing is drawn of where they look
    players = Players(config)
    trainee = Trainee(players, optimizers(players, config), lambda _: 1.0)
    game = Game(players, trainee, config)
    made, real = 0.1 * torch.randn(2, 256 * 16), 0.1 * torch.randn(2, 256 * 16)
    judges, weights = players.discriminators, config.judged_weights

    discriminator_loss(judges(real), judges(made)).backward()
    expected_own = [p.grad.clone() for p in judges.parameters() if p.grad is not None]
    leaf = made.clone().requires_grad_()
    on_made, on_real = judges(leaf), judges(real)
    (
        weights.adversarial * adversarial_loss(on_made)
        + weights.feature_matching * feature_matching_loss(on_real, on_made)
    ).backward()

    players.zero_grad()
    output = made.clone().requires_grad_()
    values = game._judged(output, real)
    values["passed_on"].backward()
    assert values["passed_on"].item() == 0.0
    assert leaf.grad is not None
    assert output.grad is not None
    assert torch.allclose(output.grad, leaf.grad, atol=1e-7)
    own = [p.grad for p in judges.parameters() if p.grad is not None]
    assert len(own) == len(expected_own) == len(list(judges.parameters()))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(own, expected_own, strict=True))


def test_held_out_texts_are_not_trained_on(config: Config, tmp_path: Path) -> None:
    kept, held_out = read_split(config.manifests)
    assert len(kept) == 4
    assert len(held_out) == 2
    assert not any(is_held_out(utterance.text) for utterance in kept)
    write_manifest(tmp_path / "h.jsonl", held_out)
    with pytest.raises(DataError, match="all 2 utterances are held out"):
        read_split((str(tmp_path / "h.jsonl"),))
    with pytest.raises(ConfigError, match="no manifests"):
        read_split(())


def test_judges_do_not_see_more_than_there_is(config: Config) -> None:
    longer = replace(config, judged_frames=17)
    for wrong in (longer, replace(config, judged_frames=0)):
        with pytest.raises(ConfigError, match=r"judged_frames is \d+; expected 1 to 16, the frames of a segment"):
            main(wrong)
    assert not Path(config.run).exists()
    main(replace(longer, adversarial_after=6, watch=0))  # nobody judges
