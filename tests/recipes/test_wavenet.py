"""The WaveNet recipe on made recordings: a small run learns, speaks and resumes; held-out texts are kept apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.data.voice_split import is_held_out
from vivavoce.errors import ConfigError, DataError
from vivavoce.models.wavenet import WaveNetDims
from vivavoce.recipes.wavenet import Config, Watch, main, make_batches
from vivavoce.training.run_folder import RunFolder, load_checkpoint

RATE = 22050
HELD_OUT = next(f"text {n}" for n in range(1000) if is_held_out(f"text {n}"))
KEPT = [text for text in (f"text {n}" for n in range(12)) if not is_held_out(text)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of half a second of buzzing, one of them of a held-out text."""
    folder, rng, utterances = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0), []
    for number, text in enumerate([*KEPT, HELD_OUT]):
        phase = np.cumsum(rng.uniform(100, 200) / RATE * np.ones(RATE // 2))
        waveform = 0.3 * np.sign(np.sin(2 * np.pi * phase)) * np.sin(np.linspace(0, 9, RATE // 2))
        soundfile.write(folder / f"{number}.wav", waveform, RATE)
        utterances.append(Utterance(str(number), str(folder / f"{number}.wav"), text, 0.5))
    write_manifest(folder / "m.jsonl", utterances)
    return folder


@pytest.fixture
def config(corpus: Path, tmp_path: Path) -> Config:
    return Config(
        manifests=(str(corpus / "m.jsonl"),),
        run=str(tmp_path / "run"),
        cache=str(tmp_path / "cache"),
        dims=WaveNetDims(stacks=1, layers=5, channels=8, skip_channels=8, condition_channels=8, n_mels=80),
        updates=30,
        batch=2,
        frames=4,
        skip_samples=32,
        peak_rate=1e-2,
        warmup=2,
        average_decay=0.9,
        compile=False,
        precision="fp32",
        log_every=10,
        watch_batches=1,
        spoken_frames=2,
    )


def test_a_small_run_learns_and_speaks(config: Config) -> None:
    folder = main(config)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[0] > losses[-1] + 0.3
    assert rows[-1]["watch_loss"] < np.log(256)
    copy, rate = soundfile.read(folder / "copy.wav")
    recording, _ = soundfile.read(folder / "recording.wav")
    assert (len(copy), len(recording), rate) == (512, 512, RATE)
    assert json.loads((folder / "config.json").read_text())["dims"]["upsampling"] == [4, 4]


def test_an_interrupted_run_ends_with_the_same_bits(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, updates=6, spoken_frames=0, checkpoint_every_seconds=0.0)
    whole = main(config)
    parts = replace(config, run=str(tmp_path / "parts"))

    def stop(_watch: Watch, updates: int) -> dict[str, float]:
        if updates == 3:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            main(parts)
    assert [path.name for path in RunFolder(parts.run).checkpoints()][-1] == "step-00000003.safetensors"
    resumed = main(parts)
    ours, theirs = (
        load_checkpoint(folder / "checkpoints" / "step-00000006.safetensors")[0] for folder in (whole, resumed)
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_held_out_texts_are_never_trained_on(config: Config, corpus: Path) -> None:
    kept, held_out = make_batches(config)
    assert len(kept.store) == len(KEPT)
    assert held_out is not None
    assert len(held_out.store) == 1
    alone = corpus / "alone.jsonl"
    write_manifest(alone, [Utterance("a", str(corpus / "0.wav"), HELD_OUT, 0.5)])
    with pytest.raises(DataError, match="all 1 utterances are held out"):
        make_batches(replace(config, manifests=(str(alone),)))


def test_what_cannot_be_trained(config: Config) -> None:
    with pytest.raises(ConfigError, match="no manifests"):
        main(replace(config, manifests=()))
    with pytest.raises(ConfigError, match="dims are for 80 bins every 128 samples; expected 80 every 256"):
        main(replace(config, dims=WaveNetDims(hop_length=128)))
