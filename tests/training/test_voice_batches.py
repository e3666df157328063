"""Recordings become batches: what is cut, cached, averaged and padded, and that a resume changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.audio.files import write_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import DataError
from vivavoce.training.voice_batches import (
    TrimRule,
    VoiceBatches,
    VoiceSounds,
    analyse,
    filled,
    make_examples,
    speech_slice,
    token_energy,
    token_pitch,
)

RATE = 22050
CONFIG = FeatureConfig.voice()


def tone(seconds: float, hz: float, level: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * sum(np.sin(2 * np.pi * n * hz * time) / n for n in range(1, 6))).astype(np.float32)


def quiet(seconds: float) -> np.ndarray:
    return 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("voice")
    made = []
    for number in range(7):
        waveform = np.concatenate([quiet(0.5), tone(0.6 + 0.1 * number, 120.0 + 20 * number), quiet(0.4)])
        path = folder / f"{number}.wav"
        write_waveform(path, waveform, RATE)
        made.append(Utterance(str(number), str(path), "ah", len(waveform) / RATE))
    return made


def test_silence_around_speech_is_cut() -> None:
    waveform = np.concatenate([quiet(0.5), tone(0.5, 150.0), quiet(0.5)])
    mel = features(waveform, CONFIG)
    kept = speech_slice(mel, CONFIG, TrimRule(keep_seconds=0.1))
    seconds = np.array([kept.start, kept.stop]) / CONFIG.frames_per_second
    np.testing.assert_allclose(seconds, [0.4, 1.1], atol=0.04)
    sound = analyse(waveform, CONFIG, TrimRule(keep_seconds=0.1))
    assert sound.first_frame == kept.start
    np.testing.assert_array_equal(sound.mel, mel[kept])
    voiced = sound.f0_hz > 0
    assert 0.5 < voiced.mean() < 0.9
    np.testing.assert_allclose(sound.f0_hz[voiced][3:-3], 150.0, rtol=0.01)
    assert sound.energy.shape == sound.f0_hz.shape


def test_pitch_and_energy_of_tokens() -> None:
    f0_hz = np.array([0, 100, 200, 0, 0, 0, 150, 0, 0, 0], np.float32)
    durations = np.array([3, 0, 3, 4])
    pitch = token_pitch(f0_hz, durations)
    np.testing.assert_allclose(pitch[0], np.log(100 * 200) / 2, rtol=1e-6)
    assert np.isnan(pitch[1:]).all()  # without frames, without voice, and with too little of it
    energy = token_energy(np.arange(10, dtype=np.float32), durations)
    np.testing.assert_allclose(energy, [1.0, np.nan, 4.0, 7.5])
    np.testing.assert_allclose(filled(energy), [1.0, 2.5, 4.0, 7.5])
    assert not filled(np.full(3, np.nan, np.float32)).any()


def test_cache_is_written_once_and_read_back(utterances: list[Utterance], tmp_path: Path) -> None:
    first = VoiceSounds(utterances, CONFIG, TrimRule(), tmp_path)
    (path,) = tmp_path.glob("voice-*.npz")
    written = path.stat().st_mtime_ns
    again = VoiceSounds(utterances, CONFIG, TrimRule(), tmp_path)
    assert path.stat().st_mtime_ns == written
    assert len(again) == 7
    for number in (0, 6):
        np.testing.assert_array_equal(first[number].mel, again[number].mel)
        assert len(again[number].mel) == again.frames()[number] == len(again[number].f0_hz)
    mean, deviation = again.statistics()
    every = np.concatenate([again[number].mel for number in range(7)])
    np.testing.assert_allclose(mean, every.mean(0), atol=1e-3)
    np.testing.assert_allclose(deviation, np.maximum(every.std(0), 0.1), atol=1e-3)
    VoiceSounds(utterances, CONFIG, TrimRule(keep_seconds=0.0), tmp_path)  # another rule, another cache
    assert len(list(tmp_path.glob("voice-*.npz"))) == 2


def test_a_changed_recording_is_analysed_anew(tmp_path: Path) -> None:
    """Of the same name and length, too."""
    utterances, means, keys = [Utterance("a", str(tmp_path / "a.wav"), "ah", 1.0)], [], set()
    for number, level in enumerate((0.3, 0.1)):
        write_waveform(tmp_path / "a.wav", tone(1.0, 150.0, level), RATE)
        os.utime(tmp_path / "a.wav", ns=(0, 10**9 * (number + 1)))
        sounds = VoiceSounds(utterances, CONFIG, TrimRule(), tmp_path / "cache")
        means.append(float(sounds[0].energy.mean()))
        keys.add(sounds.key)
    assert means[0] - means[1] == pytest.approx(np.log(3.0), abs=0.05)
    assert len(keys) == 2


@pytest.fixture(scope="module")
def sounds(utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> VoiceSounds:
    return VoiceSounds(utterances, CONFIG, TrimRule(), tmp_path_factory.mktemp("cache"))


def examples(sounds: VoiceSounds) -> Any:
    tokens = [[1, 20 + number, 30, 1] for number in range(7)]
    durations = []
    for frames in sounds.frames():
        durations.append(np.array([10, 20, int(frames) - 37, 7]))
    return make_examples(sounds, tokens, durations)


def test_examples_are_scaled(sounds: VoiceSounds) -> None:
    made, scale = examples(sounds)
    assert np.exp(scale.pitch_mean) == pytest.approx(180.0, rel=0.05)  # 120 to 240 Hz, evenly in number
    energy = np.concatenate([example.energy for example in made])
    assert energy.mean() == pytest.approx(0.0, abs=1e-4)
    assert energy.std() == pytest.approx(1.0, abs=1e-3)
    heights = [example.pitch[2] for example in made]
    assert (np.diff(heights) > 0).all()


def test_everybody_is_scaled_by_their_own(sounds: VoiceSounds) -> None:
    tokens = [[1, 20, 30, 1]] * 7
    durations = [np.array([10, 20, int(frames) - 37, 7]) for frames in sounds.frames()]
    speakers = [0, 0, 0, 1, 1, 1, 1]
    made, scale = make_examples(sounds, tokens, durations, speakers)
    assert [example.speaker for example in made] == speakers
    assert scale == make_examples(sounds, tokens, durations, [0, 0, 0, 1, 2, 2, 1])[1]  # whoever stands beside it
    assert scale.pitch_mean < make_examples(sounds, tokens, durations)[1].pitch_mean  # the lower half of the voices
    for who in (made[:3], made[3:]):
        energy = np.concatenate([example.energy for example in who])
        assert energy.mean() == pytest.approx(0.0, abs=1e-4)
        assert energy.std() == pytest.approx(1.0, abs=1e-3)
    batch = VoiceBatches(sounds, made, range(7), 10_000, 0).make([5, 0])
    assert batch.speakers.tolist() == [1, 0]
    mean, _ = sounds.statistics([0, 2])
    np.testing.assert_allclose(mean, np.concatenate([sounds[0].mel, sounds[2].mel]).mean(0), rtol=1e-5)


def test_durations_that_do_not_fit_are_refused(sounds: VoiceSounds) -> None:
    with pytest.raises(DataError, match="recording 0 has 2 durations of 9 frames"):
        make_examples(sounds, [[1, 2]] * 7, [np.array([4, 5])] * 7)


def test_recordings_without_a_voice_are_refused(tmp_path: Path) -> None:
    write_waveform(tmp_path / "hiss.wav", quiet(1.0), RATE)
    hiss = VoiceSounds([Utterance("hiss", str(tmp_path / "hiss.wav"), "s", 1.0)], CONFIG, TrimRule(), tmp_path)
    with pytest.raises(DataError, match="no frame of any recording has a voice"):
        make_examples(hiss, [[1, 2]], [np.array([40, int(hiss.frames()[0]) - 40])])


def test_batches_hold_everything_once_and_resume(sounds: VoiceSounds) -> None:
    made, _ = examples(sounds)
    chosen = [0, 1, 2, 4, 5, 6]
    batches = VoiceBatches(sounds, made, chosen, batch_frames=256, seed=3)
    stream = iter(batches)
    epoch = [next(stream) for _ in range(len(batches))]
    assert sorted(number for batch in epoch for number in batch.numbers) == chosen
    for batch in epoch:
        for row, number in enumerate(batch.numbers):
            frames, length = int(batch.frames[row]), int(batch.token_lengths[row])
            np.testing.assert_array_equal(batch.mel[row, :frames].numpy(), sounds[number].mel)
            assert not batch.mel[row, frames:].any()
            assert int(batch.durations[row].sum()) == frames
            assert batch.tokens[row, :length].tolist() == made[number].tokens.tolist()
    following = next(stream)
    resumed = VoiceBatches(sounds, made, chosen, batch_frames=256, seed=3)
    resumed.load_state_dict(epoch[-1].position)
    assert next(iter(resumed)).numbers == following.numbers
