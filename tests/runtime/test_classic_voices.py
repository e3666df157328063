"""Voices of other networks than FastPitch and Vocos, through the one synthesizer: streams, reports, refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.decoding.attention_check import AttentionReport
from vivavoce.dsp.loudness import loudness_lufs
from vivavoce.errors import ConfigError, ModelError, TextError
from vivavoce.export.voice import SENTENCES
from vivavoce.runtime.bundle import digest
from vivavoce.runtime.fastpitch import FastPitchModel
from vivavoce.runtime.griffin_lim import GriffinLimVocoder
from vivavoce.runtime.speech_plan import Sentence, Style
from vivavoce.runtime.synthesizer import Synthesizer
from vivavoce.runtime.tacotron2 import TacotronModel, token_frames
from vivavoce.runtime.voice_bundle import load_voice_bundle
from vivavoce.runtime.wavenet import WaveNetVocoder
from vivavoce.text.voice_tokens import TOKENS, token_ids

SENTENCE = ["<break>", "HH", "AH0", "L", "OW1", ",", " ", "DH", "EH1", "R", ".", "<break>"]
VOICES = ("classic_voice", "hollow_voice", "mixed_voice")


def quietly(folder: Path) -> Synthesizer:
    return Synthesizer(folder, on_fault=lambda _sentence, _report: None)


@pytest.fixture(scope="module", params=VOICES)
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return quietly(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def hollow(hollow_voice: Path) -> Synthesizer:
    return quietly(hollow_voice)


def test_the_bundle_says_what_is_opened(classic_voice: Path, hollow_voice: Path, mixed_voice: Path) -> None:
    for folder, acoustic, vocoder in (
        (classic_voice, TacotronModel, WaveNetVocoder),
        (hollow_voice, TacotronModel, GriffinLimVocoder),
        (mixed_voice, FastPitchModel, WaveNetVocoder),
    ):
        opened = quietly(folder)
        assert isinstance(opened.acoustic, acoustic)
        assert isinstance(opened.vocoder, vocoder)
        assert opened.sample_rate == opened.vocoder.sample_rate == 22050
    assert load_voice_bundle(classic_voice).kinds == {"acoustic": "tacotron2", "vocoder": "wavenet"}
    assert load_voice_bundle(hollow_voice).kinds == {"acoustic": "tacotron2", "vocoder": "griffin_lim"}
    assert load_voice_bundle(mixed_voice).kinds == {"acoustic": "fastpitch", "vocoder": "wavenet"}


def test_a_text_is_its_sentences_through_both_networks(synthesizer: Synthesizer) -> None:
    text, style = "Hello there. The dog!", Style(pause_seconds=0.1)
    pieces = list(synthesizer.stream(text, style))
    assert all(piece.dtype == np.float32 and np.abs(piece).max(initial=0.0) <= 1.0 for piece in pieces)
    waveform = np.concatenate(pieces)
    assert np.array_equal(waveform, synthesizer.speak(text, style))
    assert np.array_equal(waveform, np.concatenate([synthesizer.speak(t, style) for t in ("Hello there.", "The dog!")]))
    place = 0
    for sentence in synthesizer.planner.plan(text, style):
        mel, durations = synthesizer.mel(sentence)
        assert mel.shape == (durations.sum(), 80)
        assert durations.shape == sentence.tokens.shape
        assert durations.dtype == np.int64
        copied = synthesizer.vocode(mel)
        assert len(copied) == 256 * len(mel) > 1000
        spoken = waveform[place : place + len(copied)]
        inside = slice(200, len(copied) - 200)  # without the fades
        straight = np.abs(spoken[inside]) < 0.6  # louder samples are bent
        gain = 10.0 ** ((synthesizer.bundle.loudness_lufs - synthesizer.bundle.measured_lufs) / 20.0)
        np.testing.assert_allclose(spoken[inside][straight], gain * copied[inside][straight], atol=1e-5)
        place += len(copied) + round(0.1 * 22050)
        assert not waveform[place - round(0.1 * 22050) : place].any()
    assert place == len(waveform)


def test_it_speaks_as_loud_as_is_asked_for(synthesizer: Synthesizer) -> None:
    """What it was measured on: with a WaveNet one sentence alone. Softly, so that no sample is bent."""
    with_wavenet = isinstance(synthesizer.vocoder, WaveNetVocoder)
    chosen = SENTENCES[:1] if with_wavenet else SENTENCES
    waveform = np.concatenate([synthesizer.speak(text, Style(loudness_lufs=-46.0)) for text in chosen])
    bent = 1.0 if with_wavenet else 0.02  # its noise was loud enough to be bent when it was measured
    assert loudness_lufs(waveform, 22050) == pytest.approx(-46.0, abs=bent)
    softer = synthesizer.speak(chosen[0], Style(loudness_lufs=-52.0))
    assert np.allclose(softer, 10.0 ** (-6.0 / 20.0) * waveform[: len(softer)], atol=1e-6)


def test_a_waveform_comes_piece_by_piece_from_a_wavenet(mixed_voice: Path) -> None:
    (sentence,) = (voice := quietly(mixed_voice)).planner.plan("The dog", Style())
    assert len(voice.mel(sentence)[0]) > 8
    assert len(next(voice.say(sentence))) == 8 * 256


def test_a_text_is_spoken_with_a_report_on_each_sentence(hollow_voice: Path) -> None:
    told: list[tuple[Sentence, AttentionReport]] = []
    voice = Synthesizer(hollow_voice, on_fault=lambda *fault: told.append(fault))
    assert isinstance(voice.acoustic, TacotronModel)
    ids, style = token_ids(SENTENCE), Style(pause_seconds=0.25)
    first, second = voice.planner.plan("Hello, there. Hello!", style)
    assert first.text.strip() == "Hello, there."
    assert list(first.spelled) == [TOKENS[i] for i in ids]
    for seed in (0, 4):
        drawn, alone = voice.acoustic.mel_of(first, seed), voice.acoustic.speak(ids, seed)
        assert np.array_equal(drawn.mel, alone.mel)
        assert drawn.report == alone.report
        assert np.array_equal(drawn.durations, token_frames(alone.alignment, len(alone.mel), 3))
    assert np.array_equal(voice.mel(first)[0], voice.acoustic.speak(ids, 0).mel)
    assert not told, "only who speaks is told"
    waveforms = [np.concatenate(list(voice.say(one, style))) for one in (first, second)]
    silence = [len(waveforms[n]) - 256 * len(voice.mel(one)[0]) for n, one in enumerate((first, second))]
    assert silence[0] == round(0.25 * 22050)
    assert silence[1] in (0, silence[0])
    assert all(np.isfinite(waveform).all() for waveform in waveforms)
    assert [(sentence.text, report.faults[0].kind) for sentence, report in told] == [
        (first.text, "not aligned"), (second.text, "not aligned")
    ]  # fmt: skip
    with pytest.raises(TextError, match="nothing to say"):
        voice.speak("...")


def test_a_fault_of_which_nobody_wants_to_be_told_is_a_warning(hollow_voice: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"attention failed in 'Hello there\.': not aligned: <break> HH .* \(word 1, 2"
    ):
        waveform = Synthesizer(hollow_voice).speak("Hello there.")
    assert np.array_equal(waveform, quietly(hollow_voice).speak("Hello there."))


def test_frames_of_tokens_are_counted_and_sum_up() -> None:
    looked_at = [1, 1, 3, 2, 3, 3]  # past the first, one of them back
    alignment = 0.1 + 0.5 * np.eye(5, dtype=np.float32)[looked_at]
    assert token_frames(alignment, 24, 4).tolist() == [0, 8, 4, 12, 0]
    assert token_frames(alignment, 21, 4).tolist() == [0, 8, 4, 9, 0]  # the last step was cut
    assert token_frames(alignment, 6, 1).dtype == np.int64


def test_other_rates_and_pitches_are_refused(hollow: Synthesizer) -> None:
    for style in (Style(rate=1.2), Style(pitch_semitones=-1.0)):
        with pytest.raises(ConfigError, match=r"is a Tacotron 2.* Leave out --rate and --pitch.*FastPitch"):
            hollow.speak("Hello.", style)
    for ssml in ('<prosody rate="80%">Hello.</prosody>', "<emphasis>Hello.</emphasis>"):
        with pytest.raises(ConfigError, match="is a Tacotron 2"):
            hollow.speak(f"<speak>{ssml}</speak>", Style(ssml=True))


def test_volume_and_pauses_of_ssml_act(hollow: Synthesizer) -> None:
    plain = hollow.speak("<speak>The dog</speak>", Style(ssml=True))
    softer = hollow.speak('<speak><prosody volume="-20dB">The dog</prosody></speak>', Style(ssml=True))
    straight = np.abs(plain) < 0.6  # louder samples are bent
    assert np.allclose(softer[straight], 0.1 * plain[straight], atol=1e-4)
    assert 0.0 < np.abs(softer).max() < 0.2
    paused = hollow.speak('<speak><break time="1s"/>The dog</speak>', Style(ssml=True))
    assert np.array_equal(paused[22050:], plain)
    assert not paused[:22050].any()


def test_volume_changes_without_a_step_where_tokens_were_skipped(hollow: Synthesizer) -> None:
    text = '<speak>The <prosody volume="-20dB">quick brown</prosody> dog</speak>'
    (sentence,) = hollow.planner.plan(text, Style(ssml=True))
    durations = np.zeros(len(sentence.tokens), np.int64)
    durations[[1, 2]] = 20  # of the first word; all of the second and third were skipped
    durations[[-3, -2]] = 20
    shape = hollow._shape(sentence, durations)
    assert len(shape) == 80 * 256
    inside = shape[200:-200]  # without the fades
    assert np.abs(np.diff(inside)).max() < 1e-3
    assert inside[0] == inside[-1] == 1.0
    assert inside.min() < 0.3, "halfway through the words that nobody said"


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts.update(values)


def edited(folder: Path, part: str, fault: Callable[[dict[str, Any]], None], sealed: bool = True) -> None:
    """Change a part's bundle.json, and state its new digest in the voice's."""
    path = folder / part / "bundle.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    fault(facts)
    path.write_text(json.dumps(facts), encoding="utf-8")
    if sealed:
        voice = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        voice[part]["sha256"] = digest(path)
        (folder / "bundle.json").write_text(json.dumps(voice), encoding="utf-8")


@pytest.mark.parametrize(
    ("part", "fault", "named"),
    [
        ("acoustic", change(kind="wavenet"), "acoustic is a 'wavenet' bundle; expected tacotron2"),
        ("acoustic", change(tokens=["a"]), "acoustic speaks other tokens"),
        ("acoustic", lambda facts: facts["features"].update(f_max_hz=8000.0), "acoustic has another mel definition"),
        ("acoustic", lambda facts: facts["step"].update(sha256="0" * 64), "step.onnx is not the file"),
        ("vocoder", change(kind="vocos"), "vocoder is a 'vocos' bundle; expected wavenet or griffin_lim"),
        ("vocoder", lambda facts: facts["features"].update(f_max_hz=8000.0), "vocoder has another mel definition"),
        ("vocoder", change(iterations=0), "iterations 0; expected an integer, 1 or more"),
        ("vocoder", change(iterations=True), "iterations True"),
        ("vocoder", lambda facts: facts.pop("iterations"), "has no 'iterations'"),
        ("vocoder", lambda facts: facts["features"].update(n_mels=-1), "cannot be honoured"),
        ("vocoder", change(format_version=99), "99"),
    ],
)
def test_a_part_that_cannot_be_honoured_is_refused(
    hollow_voice: Path, tmp_path: Path, part: str, fault: Callable[[dict[str, Any]], None], named: str
) -> None:
    folder = shutil.copytree(hollow_voice, tmp_path / "voice")
    edited(folder, part, fault)
    with pytest.raises(ModelError, match=named):
        quietly(folder)


def test_a_part_that_was_changed_or_is_elsewhere_is_refused(hollow_voice: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(hollow_voice, tmp_path / "voice")
    edited(folder, "vocoder", change(iterations=64), sealed=False)
    with pytest.raises(ModelError, match=r"vocoder/bundle\.json is not the file that bundle\.json describes"):
        load_voice_bundle(folder)
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    for part, file in (("vocoder", "acoustic/bundle.json"), ("lexicon", "lexicon/bundle.json")):
        stated = {**facts, part: {**facts[part], "file": file}}
        (folder / "bundle.json").write_text(json.dumps(stated), encoding="utf-8")
        with pytest.raises(ModelError, match="expected the name of a file inside the bundle"):
            load_voice_bundle(folder)
    shutil.rmtree(folder / "acoustic")
    (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no acoustic/bundle\.json"):
        load_voice_bundle(folder)


def test_griffin_lim_whole_and_in_chunks(hollow: Synthesizer) -> None:
    vocoder, rng = hollow.vocoder, np.random.default_rng(0)
    mel = (rng.standard_normal((30, 80)) - 5.0).astype(np.float32)
    (piece,) = vocoder.stream([mel[:10], mel[10:10], mel[10:]])
    assert np.array_equal(piece, vocoder(mel))
    assert len(piece) == 256 * 30
    assert list(vocoder.stream([])) == []
