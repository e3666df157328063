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
def tiny_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole voice of untrained networks, made as a trained one is: what it says is noise of the right length."""
    import torch

    from vivavoce.decoding.g2p import G2p
    from vivavoce.export.voice import VoiceSettings, write_voice
    from vivavoce.models.fastpitch import FastPitch, FastPitchDims
    from vivavoce.models.vocos import Vocos, VocosDims

    folder = tmp_path_factory.mktemp("voice")
    dictionary = folder / "words.dict"
    dictionary.write_text("".join(f"{word} {phones}\n" for word, phones in TINY_WORDS.items()), encoding="utf-8")
    entries = [(word, tuple(phones.split())) for word, phones in TINY_WORDS.items()]
    G2p.train(entries, order=3, min_count=1).save(folder / "guesser.g2p")
    torch.manual_seed(0)
    acoustic = FastPitch(
        FastPitchDims(
            width=16, encoder_blocks=2, decoder_blocks=2, heads=2, fine_width=16, fine_blocks=1, predictor_width=16
        )
    )
    vocoder = Vocos(VocosDims(width=16, layers=2, hidden=32, pitch_width=16, pitch_layers=2))
    write_voice(
        acoustic,
        vocoder,
        dictionary,
        folder / "guesser.g2p",
        folder / "bundle",
        VoiceSettings("tiny-voice", int8=False),
    )
    return folder / "bundle"


TINY_WORDS = {
    "a": "AH0", "and": "AE1 N D", "cat": "K AE1 T", "dog": "D AO1 G", "door": "D AO1 R", "hello": "HH AH0 L OW1",
    "house": "HH AW1 S", "is": "IH1 Z", "mouse": "M AW1 S", "open": "OW1 P AH0 N", "the": "DH AH0", "there": "DH EH1 R",
    "three": "TH R IY1", "two": "T UW1", "world": "W ER1 L D", "one": "W AH1 N", "dollars": "D AA1 L ER0 Z",
    "quick": "K W IH1 K", "brown": "B R AW1 N", "fox": "F AA1 K S", "jumps": "JH AH1 M P S", "over": "OW1 V ER0",
    "lazy": "L EY1 Z IY0", "vex": "V EH1 K S", "job": "JH AA1 B", "zip": "Z IH1 P", "yes": "Y EH1 S", "gum": "G AH1 M",
}  # fmt: skip
