"""Synthetic speech by the real programs, where they are installed."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.audio import probe, read_waveform
from vivavoce.data import synthesis
from vivavoce.data.synthesis import VOICES, Voice, require_programs, speak, synthesize
from vivavoce.errors import DataError

SENTENCES = ["The light is on.", "Go home, and wait for me.", "We saw the river at night.", "It rained again."]
ONE_EACH = [
    next(voice for voice in VOICES if voice.program == program) for program in ("espeak-ng", "flite", "text2wave")
]


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize("voice", [voice for voice in VOICES if voice.weight > 0.01] + [VOICES[-1]], ids=lambda v: v.id)
def test_every_voice_speaks(voice: Voice, tmp_path: Path) -> None:
    needs(voice.program)
    slow, fast = voice.rate if voice.program == "espeak-ng" else voice.rate[::-1]
    lengths = []
    for name, rate in (("slow", slow), ("fast", fast)):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(speak(SENTENCES[1], voice, rate, voice.pitch[0] if voice.pitch else 0.0))
        waveform = read_waveform(path)
        lengths.append(len(waveform) / 16000)
        assert np.sqrt(np.mean(waveform**2)) > 0.005
    if voice.rate[0] != voice.rate[1]:
        assert lengths[0] > 1.1 * lengths[1] > 0.8


def test_the_same_again_and_resumed(tmp_path: Path) -> None:
    for voice in ONE_EACH[:2]:
        needs(voice.program)
    voices, seen = ONE_EACH[:2], []
    first = synthesize(SENTENCES, tmp_path / "a", voices, seed=5, workers=2, made=seen.append)
    assert seen == [1, 2, 3, 4]
    assert [utterance.text for utterance in first] == SENTENCES
    for utterance in first:
        info = probe(utterance.audio)
        assert (info.sample_rate, info.channels) == (16000, 1)
        assert info.duration_seconds == pytest.approx(utterance.duration_seconds)
        assert utterance.extra["part"] == "train"
    Path(first[2].audio).unlink()
    kept = Path(first[0].audio).stat().st_mtime_ns
    again = synthesize(SENTENCES, tmp_path / "a", voices, seed=5)
    assert again == first
    assert Path(first[0].audio).stat().st_mtime_ns == kept
    other = synthesize(SENTENCES, tmp_path / "b", voices, seed=6)
    assert [u.extra["rate"] for u in other] != [u.extra["rate"] for u in first]


def test_other_sentences_get_recordings_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer list, or one out of another text, in a folder that holds speech already."""
    spoken: list[str] = []

    def fake(text: str, voice: Voice, rate: float, pitch: float = 0.0) -> bytes:
        spoken.append(text)
        content = io.BytesIO()
        soundfile.write(content, np.zeros(100 * len(text)), 16000, format="WAV")
        return content.getvalue()

    monkeypatch.setattr(synthesis, "speak", fake)
    monkeypatch.setattr(synthesis, "require_programs", lambda voices: None)
    synthesize(SENTENCES[:2], tmp_path)
    again = synthesize([SENTENCES[0], *SENTENCES[2:]], tmp_path)
    assert spoken == SENTENCES
    for utterance in again:
        assert probe(utterance.audio).num_samples == 100 * len(utterance.text)
    assert len({utterance.id for utterance in again}) == 3


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match=r"text2wave is not installed.*apt install festival"):
        require_programs([ONE_EACH[2]])


def test_a_failing_voice_is_named() -> None:
    needs("espeak-ng")
    with pytest.raises(DataError, match="espeak-ng-xx-none failed on 'Hello'"):
        speak("Hello", Voice("espeak-ng", "xx-none", 1.0, (150, 150), (50, 50)), 150, 50)
