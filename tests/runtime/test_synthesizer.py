"""A whole voice, untrained: streams, joins, style and errors do not depend on how well it speaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.features import features
from vivavoce.errors import ModelError, TextError
from vivavoce.runtime.speech_plan import Style
from vivavoce.runtime.synthesizer import Synthesizer
from vivavoce.runtime.voice_bundle import load_voice_bundle

TEXT = "Hello there, world. The quick brown fox jumps over the lazy dog! Is the door open?"


@pytest.fixture(scope="module")
def synthesizer(tiny_voice: Path) -> Synthesizer:
    return Synthesizer(tiny_voice)


def test_a_stream_is_the_whole_and_the_same_every_time(synthesizer: Synthesizer) -> None:
    pieces = list(synthesizer.stream(TEXT))
    assert len(pieces) > 3
    assert np.array_equal(np.concatenate(pieces), synthesizer.speak(TEXT))
    assert all(piece.dtype == np.float32 and np.abs(piece).max(initial=0.0) <= 1.0 for piece in pieces)


def test_a_text_is_its_sentences_one_after_another(synthesizer: Synthesizer) -> None:
    sentences = ["Hello there, world.", "The quick brown fox jumps over the lazy dog!", "Is the door open?"]
    apart = np.concatenate([synthesizer.speak(sentence) for sentence in sentences])
    assert np.array_equal(apart, synthesizer.speak(TEXT))
    assert np.array_equal(apart, synthesizer.speak(" ".join(sentences)))


def test_chunks_of_a_sentence_are_its_mel_through_the_vocoder(synthesizer: Synthesizer) -> None:
    (sentence,) = synthesizer.planner.plan("The quick brown fox jumps over the lazy dog " * 4, Style(rate=0.3))
    mel, durations = synthesizer.mel(sentence)
    assert durations.sum() == len(mel) > 250, "several chunks are wanted"
    chunks = np.concatenate(list(synthesizer.say(sentence)))
    whole = synthesizer.vocode(mel)
    inside = slice(1000, len(whole) - 1000)  # without the fades
    spoken, copied = chunks[: len(whole)][inside], whole[inside]
    straight = np.abs(spoken) < 0.6  # louder samples are bent
    gain = np.dot(spoken[straight], copied[straight]) / np.dot(copied[straight], copied[straight])
    assert np.abs(spoken - gain * copied)[straight].max() < 2e-3


def test_every_stretch_begins_and_ends_without_a_click(synthesizer: Synthesizer) -> None:
    (sentence,) = synthesizer.planner.plan("hello world", Style())
    waveform = np.concatenate(list(synthesizer.say(sentence)))
    spoken = np.flatnonzero(waveform)
    loud = np.abs(waveform).max()
    assert np.abs(waveform[spoken[0]]) < 0.05 * loud
    assert np.abs(waveform[spoken[-1]]) < 0.05 * loud


def test_rate_pitch_and_pauses_act(synthesizer: Synthesizer) -> None:
    usual = synthesizer.speak("The dog is there", Style(pause_seconds=0.0))
    slow = synthesizer.speak("The dog is there", Style(rate=0.5, pause_seconds=0.0))
    assert 1.5 < len(slow) / len(usual) < 2.5
    paused = synthesizer.speak("The dog is there", Style(pause_seconds=2.0))
    assert len(paused) - len(usual) == 2 * synthesizer.sample_rate
    assert not np.array_equal(usual, synthesizer.speak("The dog is there", Style(pitch_semitones=6, pause_seconds=0)))


def test_volume_of_ssml_acts_where_it_is_asked_for(synthesizer: Synthesizer) -> None:
    plain = synthesizer.speak("<speak>The dog</speak>", Style(ssml=True))
    silent = synthesizer.speak('<speak><prosody volume="silent">The dog</prosody></speak>', Style(ssml=True))
    softer = synthesizer.speak('<speak><prosody volume="-20dB">The dog</prosody></speak>', Style(ssml=True))
    assert len(plain) == len(silent) == len(softer)
    assert np.abs(silent).max() == 0.0
    straight = np.abs(plain) < 0.6  # louder samples are bent
    assert np.allclose(softer[straight], 0.1 * plain[straight], atol=1e-4)
    assert np.abs(softer).max() < 0.2


def test_nothing_to_say(synthesizer: Synthesizer) -> None:
    with pytest.raises(TextError, match="nothing to say"):
        synthesizer.speak("?!")


def test_copy_synthesis_has_the_mels_length(synthesizer: Synthesizer) -> None:
    rng = np.random.default_rng(0)
    log_mel = features((0.1 * rng.standard_normal(22050)).astype(np.float32), FeatureConfig.voice())
    assert len(synthesizer.vocode(log_mel)) == 256 * len(log_mel)


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts.update(values)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (change(kind="recognizer"), "recognizer"),
        (change(format_version=99), "99"),
        (change(tokens=["a", "b"]), "other tokens"),
        (change(features={"n_mels": 40}), "mel definition"),
        (change(loudness={"lufs": -19.0}), "measured_lufs"),
        (change(acoustic={"file": "../acoustic.onnx", "sha256": ""}), "inside the bundle"),
        (change(vocoder={"file": "vocoder.onnx", "sha256": "0" * 64}), "is not the file"),
        (lambda facts: facts.pop("lexicon"), "lexicon"),
    ],
)
def test_a_bundle_that_cannot_be_honoured_is_refused(
    tiny_voice: Path, tmp_path: Path, fault: Callable[[dict[str, Any]], None], named: str
) -> None:
    folder = tmp_path / "voice"
    shutil.copytree(tiny_voice, folder)
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    fault(facts)
    (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match=named):
        load_voice_bundle(folder)
