"""What several folders of tests share: corpora beside the project, a small bundle with random weights, and sounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Babble = Callable[..., np.ndarray]


REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The corpora: VIVAVOCE_DATA, or shared/data beside the checkout. Tests that need them are skipped without."""
    root = Path(os.environ.get("VIVAVOCE_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no corpora in {root}; name their folder in VIVAVOCE_DATA")
    return root


@pytest.fixture(scope="session")
def babble() -> Babble:
    """babble(seconds, seed=0): wandering tones with pauses at 16 kHz, which excite every band of the features."""

    def make(seconds: float, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        count = round(seconds * 16000)
        knots = np.arange(0, count + 1600, 1600)
        pitch, loudness = (
            rng.uniform(100, 3000, len(knots)),
            rng.uniform(0, 0.3, len(knots)) * rng.integers(0, 2, len(knots)),
        )
        time = np.arange(count)
        tone = np.sin(2 * np.pi * np.cumsum(np.interp(time, knots, pitch)) / 16000)
        waveform = np.interp(time, knots, loudness) * (tone + rng.standard_normal(count))
        return (0.5 * waveform).astype(np.float32).clip(-1, 1)

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser's bundle as export writes it, of 30 thousand random weights; its text is nonsense, but plenty.

    The checkpoint stands beside it: tiny.pt, for tests that hold the runtime to PyTorch.
    """
    import torch

    from vivavoce.dsp.features import FeatureConfig
    from vivavoce.export.bundle_writer import BundleSettings, _facts, _seal
    from vivavoce.export.parity import Parity
    from vivavoce.export.to_onnx import export_onnx
    from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims

    torch.manual_seed(4)
    dims = ConformerDims(
        width=32, layers=2, heads=2, feed_forward=64, left_frames=12, convolution_frames=4, phone_layer=1
    )
    model = ConformerCTC(dims).eval()
    model.set_normalisation(torch.full((80,), -6.0), torch.full((80,), 3.0))
    with torch.no_grad():
        model.out.weight.mul_(8.0)  # so that the likeliest token changes from frame to frame
        model.out.bias.view(2, -1)[:, :2].add_(4.0)  # blanks and spaces, so that there are words
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    folder.mkdir()
    export_onnx(model, folder / "model.onnx")
    facts = _facts(model, FeatureConfig(), BundleSettings(name="tiny", chunk_frames=4), Parity(0.0, 0.0), {})
    _seal(folder, facts, "fp32")
    torch.save((dims, model.state_dict()), folder.parent / "tiny.pt")
    return folder


@pytest.fixture(scope="session")
def tiny_detector(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A voice activity network of random weights whose answers change all the time, and its bundle."""
    import torch

    from vivavoce.dsp.features import FeatureConfig
    from vivavoce.export.voice_activity import ActivityBundleSettings, write_activity_bundle
    from vivavoce.models.voice_activity import ActivityDims, VoiceActivityNet

    torch.manual_seed(2)
    net = VoiceActivityNet(ActivityDims(width=16, dilations=(1, 2, 4), lookahead_frames=3)).eval()
    net.set_normalisation(torch.full((80,), -6.0), torch.full((80,), 3.0))
    with torch.no_grad():
        net.out.weight.mul_(6.0)
    folder = tmp_path_factory.mktemp("activity") / "bundle"
    write_activity_bundle(net, FeatureConfig(), folder, ActivityBundleSettings("tiny", block_frames=7))
    return net, folder


@pytest.fixture(scope="session")
def tiny_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a voice's lexicon is made of: words.dict and guesser.g2p."""
    from vivavoce.decoding.g2p import G2p

    folder = tmp_path_factory.mktemp("words")
    lines = "".join(f"{word} {phones}\n" for word, phones in TINY_WORDS.items())
    (folder / "words.dict").write_text(lines, encoding="utf-8")
    entries = [(word, tuple(phones.split())) for word, phones in TINY_WORDS.items()]
    G2p.train(entries, order=3, min_count=1).save(folder / "guesser.g2p")
    return folder


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders as `viva train` leaves them, fastpitch, vocos, tacotron2 and wavenet; nothing was learned in them."""
    import torch

    from vivavoce.models.fastpitch import FastPitch, FastPitchDims
    from vivavoce.models.tacotron2 import Tacotron2, TacotronDims
    from vivavoce.models.vocos import Vocos, VocosDims
    from vivavoce.models.wavenet import WaveNet, WaveNetDims

    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    acoustic = FastPitch(
        FastPitchDims(
            width=16, encoder_blocks=2, decoder_blocks=2, heads=2, fine_width=16, fine_blocks=1, predictor_width=16
        )
    )
    _save_run(folder / "fastpitch", acoustic)
    _save_run(
        folder / "vocos", Vocos(VocosDims(width=16, layers=2, hidden=32, pitch_width=16, pitch_layers=2)), "vocoder"
    )
    torch.manual_seed(0)
    classic = Tacotron2(
        TacotronDims(
            width=16, encoder_layers=1, attention_width=8, location_channels=4, location_taps=7, prenet_width=8,
            decoder_width=12, postnet_width=8, postnet_layers=2, reduction=3, prenet_dropout=0.4,
        )
    )  # fmt: skip
    classic.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0))
    with torch.no_grad():
        classic.decoder.attention.energy.weight.mul_(8.0)
        classic.decoder.stop.weight.mul_(-1.0)  # so that it stops after some ten steps, whatever it says
        classic.decoder.stop.bias.mul_(-1.0).sub_(0.085)
    _save_run(folder / "tacotron2", classic)
    wavenet = WaveNet(WaveNetDims(stacks=1, layers=3, channels=8, skip_channels=8, condition_channels=8))
    wavenet.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0))
    _save_run(folder / "wavenet", wavenet)
    return folder


def _save_run(folder: Path, net: Any, part: str = "") -> None:
    from dataclasses import asdict

    from vivavoce.training.run_folder import RunFolder, pack

    run = RunFolder(folder)
    run.save_config({"manifests": ["manifests/tiny-train.jsonl"], "seed": 3, "dims": asdict(net.dims)})
    weights = pack(part, net.state_dict()) if part else net.state_dict()
    average = {name: tensor.clone() for name, tensor in weights.items()}
    run.save_checkpoint(7, {**pack("model", weights), **pack("average", average)}, {"position": {}})


def _viva_voice(*arguments: object) -> None:
    from vivavoce.cli.main import load_command

    load_command("voice").main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="session")
def tiny_voice(tmp_path_factory: pytest.TempPathFactory, tiny_runs: Path, tiny_words: Path) -> Path:
    """A whole voice of untrained networks, made as a trained one is: what it says is noise of the right length."""
    folder = tmp_path_factory.mktemp("voice") / "bundle"
    words = ("--dictionary", tiny_words / "words.dict", "--guesser", tiny_words / "guesser.g2p")
    _viva_voice(
        tiny_runs / "fastpitch", tiny_runs / "vocos", folder, *words, "--name", "tiny-voice", "--precision", "fp32"
    )
    return folder


@pytest.fixture(scope="session")
def classic_voice(tmp_path_factory: pytest.TempPathFactory, tiny_runs: Path, tiny_voice: Path) -> Path:
    """The same of a Tacotron 2 and a WaveNet; its attention looks nowhere in particular."""
    folder = tmp_path_factory.mktemp("classic") / "bundle"
    lexicon = ("--lexicon", tiny_voice / "words.lexicon")
    _viva_voice(tiny_runs / "tacotron2", tiny_runs / "wavenet", folder, *lexicon, "--name", "classic")
    return folder


@pytest.fixture(scope="session")
def hollow_voice(tmp_path_factory: pytest.TempPathFactory, classic_voice: Path) -> Path:
    """The Tacotron 2 of `classic_voice` with Griffin-Lim."""
    folder = tmp_path_factory.mktemp("hollow") / "bundle"
    _viva_voice(classic_voice, "griffin-lim", folder, "--name", "hollow")
    return folder


@pytest.fixture(scope="session")
def mixed_voice(tmp_path_factory: pytest.TempPathFactory, tiny_voice: Path, classic_voice: Path) -> Path:
    """The FastPitch of `tiny_voice` with the WaveNet of `classic_voice`."""
    folder = tmp_path_factory.mktemp("mixed") / "bundle"
    _viva_voice(tiny_voice, classic_voice, folder, "--name", "mixed")
    return folder


TINY_WORDS = {
    "a": "AH0", "and": "AE1 N D", "cat": "K AE1 T", "dog": "D AO1 G", "door": "D AO1 R", "hello": "HH AH0 L OW1",
    "house": "HH AW1 S", "is": "IH1 Z", "mouse": "M AW1 S", "open": "OW1 P AH0 N", "the": "DH AH0", "there": "DH EH1 R",
    "three": "TH R IY1", "two": "T UW1", "world": "W ER1 L D", "one": "W AH1 N", "dollars": "D AA1 L ER0 Z",
    "quick": "K W IH1 K", "brown": "B R AW1 N", "fox": "F AA1 K S", "jumps": "JH AH1 M P S", "over": "OW1 V ER0",
    "lazy": "L EY1 Z IY0", "vex": "V EH1 K S", "job": "JH AA1 B", "zip": "Z IH1 P", "yes": "Y EH1 S", "gum": "G AH1 M",
}  # fmt: skip
