"""Voices judged: one that repeats the recordings more slowly, so that what must be measured is known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio import read_waveform
from vivavoce.augment.tempo import change_tempo
from vivavoce.data.manifest import Utterance
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.griffin_lim import griffin_lim
from vivavoce.dsp.loudness import loudness_lufs
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.dsp.stft import StftConfig
from vivavoce.errors import AudioError, ConfigError, DataError, TextError
from vivavoce.evaluation.listeners import OwnListener, PocketsphinxListener, count_trained_on
from vivavoce.evaluation.voice import Heard, Take, choose_takes, judge, systems_of
from vivavoce.runtime.recognizer import Recognizer

CONFIG = FeatureConfig.voice()
RATE = CONFIG.sample_rate
SLOWER = 0.8


@pytest.fixture(scope="module")
def recordings(repository: Path) -> list[Utterance]:
    """Three of the repository's examples; two more stand for second takes of the first two texts."""
    rows = [json.loads(line) for line in (repository / "examples" / "expected.jsonl").read_text().splitlines()]
    texts = {Path(row["audio"]).stem: row["text"].capitalize() + "." for row in rows}
    chosen = ["kitchen-light", "stop-music", "garden"]
    return [
        Utterance(name, str(repository / "examples" / f"{name}.flac"), texts[name], 3.0, 0.0, "s") for name in chosen
    ]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(decoder="greedy")


@dataclass(frozen=True)
class Parrot:
    """Says what it was told, more slowly; its vocoder is Griffin and Lim's."""

    recordings: list[Utterance]
    sample_rate: int = RATE

    def speak(self, text: str) -> np.ndarray:
        [utterance] = [one for one in self.recordings if one.text == text]
        return change_tempo(read_waveform(utterance.audio, RATE), SLOWER, RATE)

    def vocode(self, log_mel: np.ndarray) -> np.ndarray:
        filters = mel_filterbank(
            RATE, CONFIG.n_fft, CONFIG.n_mels, CONFIG.f_min_hz, CONFIG.f_max_hz, "slaney", "slaney"
        )
        magnitudes = np.maximum(np.exp(log_mel) @ np.linalg.pinv(filters).T, 1e-5)
        return griffin_lim(magnitudes, StftConfig(CONFIG.n_fft, CONFIG.hop_length), 12)


@pytest.fixture(scope="module")
def judged(recordings: list[Utterance], recognizer: Recognizer) -> dict[str, list[Heard]]:
    """Everything measured once: the parrot, a system of faults, and one that says the wrong text."""
    systems = systems_of(Parrot(recordings))
    takes = [(recordings[0], recordings[0]), (recordings[1], None)]

    def fails(take: Take) -> np.ndarray:
        if take.utterance.id == "kitchen-light":
            raise TextError("this text cannot be said.")
        return np.zeros(20000, np.float32)

    systems["fails"] = fails
    systems["wrong"] = lambda take: read_waveform(recordings[2].audio, RATE)
    heard: dict[str, list[Heard]] = {}
    for results in judge(takes, systems, [OwnListener(recognizer)], recognizer):
        for one in results:
            heard.setdefault(one.system, []).append(one)
    return heard


def test_every_system_says_every_text(judged: dict[str, list[Heard]]) -> None:
    assert list(judged) == ["recording", "another take", "copy-synthesis", "synthesis", "fails", "wrong"]
    assert {name: len(ones) for name, ones in judged.items()} == {
        "recording": 2,
        "another take": 1,  # the second text has no other take
        "copy-synthesis": 2,
        "synthesis": 2,
        "fails": 2,
        "wrong": 2,
    }
    for name, ones in judged.items():
        for one in ones:
            assert (one.distance is None) == (name in ("recording", "fails"))
            assert list(one.errors) == ["asr-en-small (greedy)"]


def test_a_recording_is_no_distance_from_itself(judged: dict[str, list[Heard]]) -> None:
    [again] = judged["another take"]
    assert again.distance is not None
    assert again.distance.mcd_db < 0.01
    assert again.distance.duration_error == 0.0
    assert again.word_seconds is not None
    assert max(map(abs, again.word_seconds)) < 0.09  # two outputs of the recogniser: the loudness is another


def test_copies_are_near_and_wrong_texts_far(judged: dict[str, list[Heard]]) -> None:
    for copy, wrong in zip(judged["copy-synthesis"], judged["wrong"], strict=True):
        assert copy.distance is not None
        assert wrong.distance is not None
        assert 0.1 < copy.distance.mcd_db < 2.5
        assert wrong.distance.mcd_db > 2 * copy.distance.mcd_db
        assert copy.distance.f0_rmse_cents < 100
        assert wrong.errors["asr-en-small (greedy)"] > 0.7 * wrong.words


def test_slow_speech_is_longer_word_by_word(judged: dict[str, list[Heard]]) -> None:
    for one in judged["synthesis"]:
        assert one.distance is not None
        assert one.distance.duration_error == pytest.approx(1 / SLOWER - 1, abs=0.03)
        assert one.distance.mcd_db < 2.5
        assert one.word_seconds is not None
        assert len(one.word_seconds) == len(one.text.split())
        spoken = one.distance.reference_seconds
        assert sum(one.word_seconds) == pytest.approx((1 / SLOWER - 1) * spoken, rel=0.5)


def test_recordings_are_understood_as_when_they_are_transcribed(
    judged: dict[str, list[Heard]], recordings: list[Utterance], recognizer: Recognizer
) -> None:
    for one, utterance in zip(judged["recording"], recordings[:2], strict=True):
        assert one.words == len(utterance.text.split())
        assert one.errors["asr-en-small (greedy)"] < 0.5 * one.words
        alone = recognizer.transcribe(read_waveform(utterance.audio, RATE), RATE).text.split()
        assert len(set(alone) & set(one.hypotheses["asr-en-small (greedy)"].split())) >= len(alone) - 2


def test_faults_cost_every_word(judged: dict[str, list[Heard]]) -> None:
    refused, silent = judged["fails"]
    assert refused.fault == "this text cannot be said."
    assert "silent" in silent.fault
    for one in (refused, silent):
        assert one.errors == {"asr-en-small (greedy)": one.words}
        assert one.hypotheses == {"asr-en-small (greedy)": ""}
        assert one.word_seconds is None


def test_what_is_heard_has_one_loudness(recordings: list[Utterance]) -> None:
    kept = {}
    systems = {"recording": lambda take: take.waveform, "quiet": lambda take: 0.01 * take.waveform}
    list(judge([(recordings[0], None)], systems, [], None, lambda name, _, waveform: kept.update({name: waveform})))
    assert set(kept) == {"recording", "quiet"}
    for waveform in kept.values():
        assert loudness_lufs(waveform, RATE) == pytest.approx(-23.0, abs=0.1)
    np.testing.assert_allclose(kept["quiet"], kept["recording"], atol=1e-4)


def test_a_silent_recording_is_refused(tmp_path: Path, write_silence: Callable[[Path], Utterance]) -> None:
    systems = {"recording": lambda take: take.waveform}
    with pytest.raises(AudioError, match=r"^nothing: .*silent"):
        list(judge([(write_silence(tmp_path), None)], systems, []))


@pytest.fixture
def write_silence() -> Callable[[Path], Utterance]:
    import soundfile

    def write(folder: Path) -> Utterance:
        soundfile.write(folder / "nothing.wav", np.zeros(RATE), RATE)
        return Utterance("nothing", str(folder / "nothing.wav"), "Nothing.", 1.0)

    return write


def test_one_take_of_each_text_and_a_second() -> None:
    def take(name: str, text: str, speaker: str = "s") -> Utterance:
        return Utterance(name, f"{name}.wav", text, 1.0, 0.0, speaker)

    utterances = [
        take("a1", "Shall I carry you."),
        take("b1", "There was nothing."),
        take("a2", "shall i carry you?"),
        take("a3", "Shall I carry you."),
        take("c1", "Shall I carry you.", "other"),
        take("n", "..."),
    ]
    chosen = choose_takes(utterances)
    assert [(one.id, other and other.id) for one, other in chosen] == [("a1", "a2"), ("b1", None), ("c1", None)]
    assert [one.id for one, _ in choose_takes(utterances, lambda text: "nothing" in text)] == ["b1"]
    assert len(choose_takes(utterances, limit=2)) == 2
    with pytest.raises(DataError, match="none of 6"):
        choose_takes(utterances, lambda text: False)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_programs_are_judged_alike(recordings: list[Utterance]) -> None:
    systems = systems_of(Parrot(recordings), ["espeak-ng"])
    [results] = judge([(recordings[0], None)], systems, [])
    assert results[-1].system == "espeak-ng (en-us)"
    distances = {one.system: one.distance for one in results if one.distance is not None}
    assert distances["espeak-ng (en-us)"].mcd_db > distances["synthesis"].mcd_db


def test_settings_that_cannot_be(recordings: list[Utterance]) -> None:
    with pytest.raises(ConfigError, match="festival"):
        systems_of(Parrot(recordings), ["festival"])
    with pytest.raises(ConfigError, match="16000 Hz"):
        systems_of(Parrot(recordings, 16000))


def test_pocketsphinx_hears_the_same_in_any_order(recordings: list[Utterance]) -> None:
    pytest.importorskip("pocketsphinx")
    listener = PocketsphinxListener()
    waveforms = [read_waveform(utterance.audio, RATE) for utterance in recordings[:2]]
    heard = [listener.hear(waveform, RATE) for waveform in waveforms]
    assert heard[0] != heard[1]
    assert [listener.hear(waveform, RATE) for waveform in waveforms[::-1]] == heard[::-1]
    words = set(recordings[0].text.lower().rstrip(".").split())
    assert len(words & set(heard[0].split())) >= 4
    assert listener.hear(np.zeros(0, np.float32), RATE) == ""


def test_recordings_of_the_training_are_counted(recognizer: Recognizer) -> None:
    training = recognizer.bundle.facts["training"]

    def utterance(name: str, corpus: str) -> Utterance:
        return Utterance(name, "a.wav", "a", 1.0, extra={"corpus": corpus})

    corpus, held_out = next(iter(training["hours"])), training["held_out"][0]
    utterances = [utterance("new", corpus), utterance(held_out, corpus), utterance("other", "nowhere")]
    assert count_trained_on(recognizer.bundle, utterances) == 1
