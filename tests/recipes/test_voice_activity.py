"""The voice activity recipe: scenes whose speech is where their labels say, batches made again, a small run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.noise_bank import NoiseBank, NoiseBankConfig
from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.dsp.features import FeatureConfig
from vivavoce.dsp.level import frame_energy_db
from vivavoce.errors import ConfigError, DataError, ModelError
from vivavoce.models.voice_activity import ActivityDims
from vivavoce.recipes.voice_activity import Config, SceneBatches, SceneConfig, Scenes, Speech, load_speech, main
from vivavoce.runtime.endpoint import VoiceActivity

RATE = 16000
PLAIN = SceneConfig(
    seconds=4.0, noise_share=0.0, silence_share=0.0, clean_share=1.0, reverb=0.0, band_limit=0.0, pause_seconds=0.4
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 recordings of half a second of loud noise between silences, and a manifest of them; noises in a folder."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    utterances = []
    for number in range(24):
        waveform = 1e-5 * rng.standard_normal(RATE)
        waveform[4000:12000] += 0.1 * rng.standard_normal(8000)
        soundfile.write(folder / f"{number}.wav", waveform, RATE, subtype="PCM_24")
        utterances.append(
            Utterance(str(number), str(folder / f"{number}.wav"), "x", 1.0, extra={"part": "train", "corpus": "made"})
        )
    write_manifest(folder / "m.jsonl", utterances)
    (folder / "noise").mkdir()
    for number in range(8):
        soundfile.write(folder / "noise" / f"{number}.wav", 0.1 * rng.standard_normal(RATE), RATE)
    return folder


@pytest.fixture
def config(corpus: Path, tmp_path: Path) -> Config:
    return Config(
        manifests=(str(corpus / "m.jsonl"),),
        run=str(tmp_path / "run"),
        noise=str(corpus / "noise"),
        cache=str(tmp_path / "cache"),
        dims=ActivityDims(width=8, dilations=(1, 4)),
        scenes=PLAIN,
        noises=NoiseBankConfig(8),
        updates=6,
        batch=2,
        warmup=2,
        watch=4,
        watch_batches=1,
    )


@pytest.fixture
def scenes(config: Config, corpus: Path) -> Callable[[SceneConfig], Scenes]:
    speech, library = load_speech(config), NoiseLibrary.from_folder(corpus / "noise", RATE)

    def made(scene_config: SceneConfig) -> Scenes:
        bank = NoiseBank(library, round(scene_config.seconds * RATE), NoiseBankConfig(20, texture=0.0, equalise=0.0))
        return Scenes(speech, bank, scene_config, FeatureConfig())

    return made


def test_labels_are_found(config: Config) -> None:
    speech = load_speech(config)
    assert len(speech) == 24
    assert speech.hours() == {"made": round(24 / 3600, 2)}
    waveform, labels = speech[5]
    assert len(waveform) == RATE
    seconds = np.arange(len(labels.speech)) * 0.01 + 0.0125
    assert labels.speech[(seconds > 0.27) & (seconds < 0.73)].all()
    assert not labels.speech[(seconds < 0.23) | (seconds > 0.77)].any()


def test_speech_stands_where_the_labels_say(scenes: Callable[[SceneConfig], Scenes]) -> None:
    drawn = scenes(PLAIN)
    shares = []
    for seed in range(12):
        scene = drawn.draw(np.random.default_rng(seed))
        levels = frame_energy_db(scene.waveform, RATE)
        assert len(levels) == len(scene.speech) == len(scene.weights) == drawn.frames
        counts = scene.weights > 0
        assert counts.mean() > 0.7
        assert np.abs(scene.waveform).max() < 1.0
        loud = levels > levels.max() - 22.0  # utterances differ by 10 dB, what is between them lies 30 and more below
        assert np.array_equal(loud[counts], scene.speech[counts] > 0)
        shares.append(scene.speech.mean())
    assert 0.15 < np.mean(shares) < 0.6


def test_noise_has_the_drawn_ratio(scenes: Callable[[SceneConfig], Scenes]) -> None:
    drawn = scenes(replace(PLAIN, clean_share=0.0, snr_db=(7.0, 7.0), swell=0.0, clicks=0.0, tones=0.0))
    for seed in range(6):
        scene = drawn.draw(np.random.default_rng(seed))
        powers = 10.0 ** (frame_energy_db(scene.waveform, RATE) / 10.0)
        counts = scene.weights > 0
        speech, pause = (powers[counts & (scene.speech == value)].mean() for value in (1.0, 0.0))
        assert 10.0 * np.log10(speech / pause - 1.0) == pytest.approx(7.0, abs=3.5)


def test_nobody_speaks_in_noise_and_silence(scenes: Callable[[SceneConfig], Scenes]) -> None:
    for scene_config in (replace(PLAIN, noise_share=1.0), replace(PLAIN, silence_share=1.0)):
        drawn = scenes(scene_config)
        for seed in range(4):
            scene = drawn.draw(np.random.default_rng(seed))
            assert not scene.speech.any()
            assert scene.weights.all()
            assert np.isfinite(scene.waveform).all()
            assert np.abs(scene.waveform).max() <= (1.0 if scene_config.noise_share else 1e-2)


def test_rooms_leave_a_gap_behind_speech(scenes: Callable[[SceneConfig], Scenes]) -> None:
    dry, wet = (
        scenes(PLAIN).draw(np.random.default_rng(1)),
        scenes(replace(PLAIN, reverb=1.0)).draw(np.random.default_rng(1)),
    )
    assert np.array_equal(dry.speech, wet.speech)
    ends = np.flatnonzero(np.diff(wet.speech) < 0) + 1
    assert len(ends)
    for end in ends:
        assert not wet.weights[end : end + 15][wet.speech[end : end + 15] == 0].any()
    assert (wet.weights <= dry.weights).all()


def test_batches_can_be_made_again(scenes: Callable[[SceneConfig], Scenes]) -> None:
    batches = SceneBatches(scenes(SceneConfig(seconds=2.0)), 3, seed=4)
    stream = iter(batches)
    first, second, third = (next(stream) for _ in range(3))
    assert first.features.shape == (3, 198, 80)
    assert first.audio_seconds == 6.0
    assert not np.array_equal(first.features, second.features)
    again = SceneBatches(scenes(SceneConfig(seconds=2.0)), 3, seed=4)
    again.load_state_dict(second.position)
    resumed = next(iter(again))
    assert np.array_equal(resumed.features, third.features)
    assert np.array_equal(resumed.speech, third.speech)
    assert np.array_equal(resumed.weights, third.weights)


def test_what_is_watched_is_not_trained_on(config: Config) -> None:
    speech = load_speech(config)
    watched, kept = speech.part(slice(0, None, 5)), speech.part(None, without=5)
    assert sorted([*watched.numbers, *kept.numbers]) == speech.numbers
    assert len(watched) == 5


def test_a_small_run_and_its_bundle(config: Config, tmp_path: Path) -> None:
    config = replace(config, bundle=str(tmp_path / "bundle"), updates=60, batch=4, peak_rate=1e-2)
    folder = main(config)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    watched = [row for row in rows if "watch_f1" in row]
    assert watched[-1]["watch_average_precision"] > 0.9  # loud or not: that is learned at once
    facts = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert facts["training"]["updates"] == 60
    assert facts["training"]["hours"] == {"made": pytest.approx(0.005, abs=0.006)}
    assert facts["accuracy"]["watch_f1"] == watched[-1]["watch_f1"]
    waveform = np.concatenate([np.zeros(RATE), 0.1 * np.random.default_rng(9).standard_normal(RATE)])
    found = VoiceActivity(tmp_path / "bundle").probabilities(waveform.astype(np.float32))
    assert found[120:].mean() > found[:80].mean() + 0.3


def test_a_finished_run_that_is_exported_later_is_measured_then(config: Config, tmp_path: Path) -> None:
    folder = main(config)
    watched = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()][-1]
    main(replace(config, bundle=str(tmp_path / "bundle")))
    accuracy = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["accuracy"]
    assert accuracy == {name: value for name, value in watched.items() if name.startswith("watch_")} != {}


def test_a_folder_of_something_else_is_told_before_anything_is_read(config: Config, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-mother.txt").write_text("Dear mother")
    with pytest.raises(ModelError, match="is no bundle, and would be replaced"):
        main(replace(config, bundle=str(tmp_path / "letters"), run=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_trained_on(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no manifests"):
        main(replace(config, manifests=()))
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    utterance = Utterance("a", str(tmp_path / "a.wav"), "x", 1.0, extra={"part": "test"})
    write_manifest(tmp_path / "test.jsonl", [utterance])
    with pytest.raises(DataError, match="holds a of part 'test'"):
        main(replace(config, manifests=(str(tmp_path / "test.jsonl"),)))
    write_manifest(tmp_path / "loud.jsonl", [replace(utterance, extra={"part": "train"})])
    with pytest.raises(DataError, match="0 of 1 recordings are clean enough"):
        main(replace(config, manifests=(str(tmp_path / "loud.jsonl"),)))


def test_a_part_by_itself_is_speech(config: Config) -> None:
    part = load_speech(config).part(slice(3, 4))
    assert isinstance(part, Speech)
    assert len(part[0][0]) == RATE
