"""The speech gate: against a rule written frame by frame; files, streams and batches alike; what cannot be attached."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.audio import read_waveform
from vivavoce.augment.noise import is_test_noise
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import ModelError, VivaError
from vivavoce.runtime.activity_model import ActivityModel
from vivavoce.runtime.bundle import GateRules, load_bundle
from vivavoce.runtime.endpoint import VoiceActivity
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.speech_gate import SpeechGate, attach_gate

Babble = Callable[..., np.ndarray]
RULES = GateRules(threshold=0.6, minimum_speech_seconds=0.04, before_seconds=0.05, after_seconds=0.07)


@pytest.fixture
def gated(tmp_path: Path, tiny_bundle: Path, tiny_detector: tuple[Any, Path]) -> Path:
    folder = shutil.copytree(tiny_bundle, tmp_path / "gated")
    attach_gate(folder, tiny_detector[1], RULES)
    return folder


def open_frames(known: np.ndarray, start: int, end: int) -> list[bool]:
    """Of frames start to end, which are open, when `known` are the probabilities of the first frames."""
    loud = known >= RULES.threshold
    speech = set()
    for first in range(len(loud)):
        length = next((n for n, value in enumerate(loud[first:]) if not value), len(loud) - first)
        if length >= 4 or (length and first + length == len(loud)):
            speech.update(range(first, first + length))
    return [any(t in speech for t in range(frame - 7, frame + 6)) for frame in range(start, end)]


@pytest.mark.parametrize("chunk", [8, 24, 40])
def test_frames_are_open_by_the_rule(tiny_detector: tuple[Any, Path], babble: Babble, chunk: int) -> None:
    model = ActivityModel(tiny_detector[1])
    gate, late = SpeechGate(model, RULES), model.bundle.model.lookahead_frames
    log_mel = features(
        np.concatenate([babble(3.0, seed=3), np.zeros(9000), babble(1.0, seed=4)]).astype("f4"), FeatureConfig()
    )
    log_mel = log_mel[: len(log_mel) // chunk * chunk]
    known = VoiceActivity(model).accept_frames(log_mel)
    told = []
    for start in range(0, len(log_mel), chunk):
        part = gate.accept(log_mel[start : start + chunk])
        assert part.tolist() == open_frames(known[: start + chunk - late], start, start + chunk)
        told += part.tolist()
    assert 0.1 < np.mean(told) < 0.9
    gate.reset()
    assert gate.accept(log_mel[:chunk]).tolist() == told[:chunk]


def test_files_streams_and_batches_are_gated_alike(gated: Path, tiny_bundle: Path, babble: Babble) -> None:
    recognizer, rng = Recognizer(gated), np.random.default_rng(0)
    waveforms = [babble(3.0, seed=11), np.concatenate([babble(1.0, seed=12), np.zeros(20000, np.float32)])]
    for waveform in waveforms:
        whole = recognizer.transcribe(waveform)
        assert whole.text != Recognizer(tiny_bundle).transcribe(waveform).text
        stream = recognizer.create_stream(live_chunk_frames=1)
        for piece in np.split(waveform, np.sort(rng.integers(0, len(waveform), 9))):
            stream.accept(piece)
            stream.result()
        assert stream.finish() == whole
    assert [t.text for t in recognizer.transcribe_batch(waveforms)] == [
        recognizer.transcribe(w).text for w in waveforms
    ]


def test_without_the_gate_nothing_changes(gated: Path, tiny_bundle: Path, babble: Babble) -> None:
    waveform = babble(2.0, seed=13)
    plain = Recognizer(tiny_bundle)
    assert Recognizer(gated, gate=False).transcribe(waveform) == plain.transcribe(waveform)
    np.testing.assert_array_equal(Recognizer(gated).log_probs(waveform), plain.log_probs(waveform))


def test_a_closed_gate_is_silence(gated: Path, babble: Babble) -> None:
    facts = json.loads((gated / "bundle.json").read_text())
    facts["speech_gate"]["rules"].update(threshold=0.999999, before_seconds=0.0, after_seconds=0.0)
    (gated / "bundle.json").write_text(json.dumps(facts))
    recognizer = Recognizer(gated)
    assert recognizer.transcribe(babble(2.0, seed=14)).text == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["speech_gate"].update(sha256="0" * 64), "is not the file that bundle.json describes"),
        (lambda facts: facts["speech_gate"].pop("sha256"), "has no 'sha256'"),
        (lambda facts: facts["speech_gate"]["rules"].pop("threshold"), "has no 'threshold'"),
        (lambda facts: facts["speech_gate"]["rules"].update(threshold=1.5), "expected a threshold between 0 and 1"),
        (lambda facts: facts["speech_gate"]["rules"].update(after_seconds=-1), "no negative times"),
        (lambda facts: facts.update(speech_gate=[]), "cannot be honoured"),
    ],
)
def test_what_cannot_be_honoured(gated: Path, change: Callable[[dict], None], said: str) -> None:
    facts = json.loads((gated / "bundle.json").read_text())
    change(facts)
    (gated / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=said):
        load_bundle(gated)


def test_a_lost_detector_is_missed(gated: Path) -> None:
    (gated / "activity" / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"has no model\.onnx"):
        Recognizer(gated)
    Recognizer(gated, gate=False)


def test_other_features_are_refused(tmp_path: Path, tiny_bundle: Path, tiny_detector: tuple[Any, Path]) -> None:
    from vivavoce.export.voice_activity import write_activity_bundle

    other = tmp_path / "other"
    write_activity_bundle(tiny_detector[0], replace(FeatureConfig(), f_max_hz=7000.0), other)
    folder = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    before = (folder / "bundle.json").read_bytes()
    with pytest.raises(VivaError, match="other features"):
        attach_gate(folder, other)
    assert (folder / "bundle.json").read_bytes() == before


def test_hardly_any_words_are_invented_in_noise(data_root: Path) -> None:
    """The default bundle on silence, and on recorded noise that no training heard: chainsaws can sound like one."""
    recognizer = Recognizer()
    if recognizer.bundle.gate is None:
        pytest.skip("the default bundle has no speech gate")
    for level in (0.0, 1e-4, 1e-2):
        noise = level * np.random.default_rng(0).standard_normal(160000)
        assert recognizer.transcribe(noise.astype(np.float32)).text == ""
    paths = [path for path in sorted((data_root / "noise").rglob("*.*")) if is_test_noise(path)]
    heard = {path.name: recognizer.transcribe(read_waveform(path, 16000)[: 10 * 16000]).text for path in paths[::3]}
    assert len(heard) > 10
    assert sum(bool(text) for text in heard.values()) <= 0.2 * len(heard), heard
