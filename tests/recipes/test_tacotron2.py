"""The Tacotron 2 recipe on made recordings: a small run learns, draws its alignments, and resumes to the same bits."""

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
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.voice_lexicon import write_voice_lexicon
from vivavoce.errors import ConfigError
from vivavoce.models.tacotron2 import Tacotron2, TacotronDims
from vivavoce.recipes.tacotron2 import Config, Watch, main, speak
from vivavoce.runtime.tacotron2 import frame_limit
from vivavoce.training.run_folder import RunFolder, load_checkpoint, unpack

RATE = 22050
WORDS = {"see": ["S", "IY1"], "saw": ["S", "AO1"], "maw": ["M", "AO1"], "me": ["M", "IY1"]}
TEXTS = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS]
HELD_OUT = [text for text in TEXTS if is_held_out(text)]
KEPT = [text for text in TEXTS if not is_held_out(text)][:9]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in which every phone is a tone of its own for a tenth of a second; a lexicon."""
    folder, utterances = tmp_path_factory.mktemp("corpus"), []
    tones = {"S": 5000.0, "M": 200.0, "IY1": 2500.0, "AO1": 700.0}
    time = np.arange(RATE // 10) / RATE
    for number, text in enumerate([*KEPT, HELD_OUT[0]]):
        phones = [phone for word in text.split() for phone in WORDS[word]]
        waveform = np.concatenate([0.3 * np.sin(2 * np.pi * tones[phone] * time) for phone in phones])
        soundfile.write(folder / f"{number}.wav", waveform, RATE)
        utterances.append(Utterance(str(number), str(folder / f"{number}.wav"), text, len(waveform) / RATE))
    write_manifest(folder / "m.jsonl", utterances)
    guesser = G2p.train(WORDS.items(), order=2, letters=1, iterations=2, min_count=1)
    write_voice_lexicon(folder / "voice.lexicon", list(WORDS.items()), guesser)
    return folder


@pytest.fixture
def config(corpus: Path, tmp_path: Path) -> Config:
    return Config(
        manifests=(str(corpus / "m.jsonl"),),
        run=str(tmp_path / "run"),
        cache=str(corpus / "cache"),
        lexicon=str(corpus / "voice.lexicon"),
        dims=TacotronDims(
            width=16,
            encoder_layers=1,
            attention_width=8,
            location_channels=4,
            location_taps=7,
            prenet_width=8,
            decoder_width=16,
            postnet_width=8,
            postnet_layers=2,
            reduction=5,
            dropout=0.1,
        ),
        updates=40,
        batch_frames=300,
        peak_rate=1e-2,
        warmup=2,
        average_decay=0.9,
        log_every=6,
        spoken=1,
    )


def test_a_small_run_learns_and_draws(config: Config) -> None:
    folder = main(config)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]
    assert {"coarse", "fine", "stop", "guided"} <= rows[0].keys()
    watched = rows[-1]
    assert {"watch_fine", "watch_guided", "spoken_without_fault", "spoken_phones", "spoken_focus"} <= watched.keys()
    assert 0.0 <= watched["spoken_phones"] <= 1.0
    pictures = list((folder / "attention").iterdir())
    assert [path.name for path in pictures] == ["step-00000040-0009.png"]  # the held-out recording is the tenth
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    assert list(folder.glob("events.out.tfevents.*.attention"))


def test_nothing_need_be_spoken(config: Config) -> None:
    folder = main(replace(config, updates=5, spoken=0))
    watched = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    assert "watch_fine" in watched
    assert not [name for name in watched if name.startswith("spoken")]
    assert not (folder / "attention").exists()


def test_an_interrupted_run_ends_with_the_same_bits(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, updates=5, checkpoint_every_seconds=0.0, watch=0)
    whole = main(config)
    parts = replace(config, run=str(tmp_path / "parts"))

    def stop(_watch: Watch, updates: int) -> dict[str, float]:
        if updates == 2:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            main(parts)
    assert [path.name for path in RunFolder(parts.run).checkpoints()][-1] == "step-00000002.safetensors"
    resumed = main(parts)
    ours, theirs = (
        load_checkpoint(folder / "checkpoints" / "step-00000005.safetensors")[0] for folder in (whole, resumed)
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    model = Tacotron2(config.dims)
    model.load_state_dict(unpack("average", theirs))
    spoken = speak(model, np.array([1, 20, 21, 1]), 3, config.features)
    assert 1 <= len(spoken.mel) <= frame_limit(4, config.features)
    assert torch.equal(spoken.mel, speak(model, np.array([1, 20, 21, 1]), 3, config.features).mel)


def test_what_cannot_be_trained(config: Config) -> None:
    with pytest.raises(ConfigError, match="no manifests"):
        main(replace(config, manifests=()))
