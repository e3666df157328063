"""Waveform store and batches: what goes in comes out, once, padded, and the same after a resume."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.augment.chain import default_recognition_chain
from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.spec_augment import SpecAugment
from vivavoce.augment.speed import change_speed
from vivavoce.augment.surround import most_added
from vivavoce.data.bucketing import BucketSampler
from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import DataError
from vivavoce.training.batches import Example, Padding, SpeechBatches, feature_statistics
from vivavoce.training.waveforms import WaveformStore

RATE = 16000
PADDING = Padding(8, 8, math.log(1e-6))
BUCKETS = (1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    folder, rng, rows = tmp_path_factory.mktemp("speech"), np.random.default_rng(0), []
    for number in range(23):
        seconds = float(rng.uniform(0.3, 2.4))
        tone = 0.3 * np.sin(2 * np.pi * (200 + 40 * number) * np.arange(round(seconds * RATE)) / RATE)
        soundfile.write(folder / f"{number}.wav", tone + 0.01 * rng.standard_normal(len(tone)), RATE)
        rows.append(Utterance(str(number), str(folder / f"{number}.wav"), "a", len(tone) / RATE))
    return rows


@pytest.fixture(scope="module")
def store(utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> WaveformStore:
    return WaveformStore(utterances, RATE, tmp_path_factory.mktemp("store"))


def batches(
    store: WaveformStore,
    augment: bool = False,
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1),
    surround: float = 0.0,
    views: int = 1,
) -> SpeechBatches:
    durations = [s / speed + most_added(s, surround) for s in store.seconds() for speed in speeds]
    examples = [Example(tuple(range(1, 2 + n % 5)), () if n % 3 else (4, 5)) for n in range(len(store))]
    chain = default_recognition_chain(NoiseLibrary({"hiss": np.random.default_rng(1).standard_normal(RATE) * 0.1}))
    return SpeechBatches(
        store,
        examples,
        BucketSampler(durations, BUCKETS, 8.0, seed=3),
        speeds,
        FeatureConfig(),
        PADDING,
        chain if augment else None,
        SpecAugment() if augment else None,
        seed=5,
        workers=2,
        views=views,
        surround=surround,
    )


def test_the_store_holds_the_samples(utterances: list[Utterance], store: WaveformStore, tmp_path: Path) -> None:
    assert len(store) == len(utterances)
    for number, utterance in enumerate(utterances):
        expected, _ = soundfile.read(utterance.audio, dtype="float32")
        np.testing.assert_allclose(store[number], expected, atol=1.0 / 32767)
        assert store.seconds()[number] == pytest.approx(len(expected) / RATE)
    half = Utterance("half", utterances[0].audio, "a", 0.2, offset_seconds=0.1)
    np.testing.assert_array_equal(WaveformStore([half], RATE, tmp_path)[0], store[0][1600:4800])
    longest = int(np.argmax(store.seconds()))
    first = Utterance("first", utterances[longest].audio, "a", 0.2)  # the first of several in one file
    np.testing.assert_array_equal(WaveformStore([first], RATE, tmp_path)[0], store[longest][:3200])


def test_unreadable_utterances_are_all_named(utterances: list[Utterance], tmp_path: Path) -> None:
    broken = [Utterance(name, str(tmp_path / f"{name}.wav"), "a", 1.0) for name in ("one", "two")]
    with pytest.raises(DataError, match=r"(?s)2 recordings cannot be read.*one\.wav.*two\.wav"):
        WaveformStore([broken[0], utterances[0], broken[1]], RATE, tmp_path)
    assert not list(tmp_path.glob("*.i16"))
    behind = Utterance("behind", utterances[0].audio, "a", 1.0, offset_seconds=99.0)
    with pytest.raises(DataError, match=r"0\.wav ends at .* before behind begins, at 99"):
        WaveformStore([behind], RATE, tmp_path)


def test_a_store_without_its_samples_is_made_again(utterances: list[Utterance], tmp_path: Path) -> None:
    WaveformStore(utterances[:1], RATE, tmp_path)
    next(tmp_path.glob("*.i16")).unlink()
    assert len(WaveformStore(utterances[:1], RATE, tmp_path)[0])


def test_an_epoch_holds_every_utterance_at_every_speed(store: WaveformStore) -> None:
    source = batches(store)
    stream, seen = iter(source), 0.0
    for _ in range(len(source.sampler)):
        batch = next(stream)
        seen += batch.audio_seconds
        assert batch.features.dtype == torch.float32
        assert batch.features.shape[1] % 8 == 0
        assert int(batch.frames.max()) * 8 <= batch.features.shape[1]
        assert batch.position["epoch"] == 0
    expected = sum(seconds / speed for seconds in store.seconds() for speed in (0.9, 1.0, 1.1))
    assert seen == pytest.approx(expected, rel=1e-3)


def test_a_row_is_the_padded_features(store: WaveformStore) -> None:
    source = batches(store, speeds=(1.0,))
    made = source.make([4, 7], 3.0, {"epoch": 0})
    for row, frames, number in zip(made.features, made.frames.tolist(), (4, 7), strict=True):
        log_mel = features(store[number], FeatureConfig())
        assert frames == -(-(len(log_mel) + 8) // 8)
        np.testing.assert_array_equal(row[: len(log_mel)], log_mel)
        assert torch.all(row[len(log_mel) : 8 * frames] == PADDING.floor)
        assert torch.all(row[8 * frames :] == 0.0)
    assert made.tokens.tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 0, 0]]
    assert made.token_lengths.tolist() == [5, 3]
    assert made.phone_lengths.tolist() == [0, 0]


@pytest.mark.parametrize("stop", [1, 4])
def test_batches_resume_with_the_same_augmentation(store: WaveformStore, stop: int) -> None:
    whole = iter(batches(store, augment=True))
    expected = [next(whole) for _ in range(stop + 14)]  # beyond the first epoch
    again = batches(store, augment=True)
    again.load_state_dict(expected[stop - 1].position)
    resumed = iter(again)
    for batch in expected[stop:]:
        assert torch.equal(next(resumed).features, batch.features)


def test_the_surround_resumes_too_and_its_buckets_hold_it(store: WaveformStore) -> None:
    source = batches(store, augment=True, surround=0.3)
    stream = iter(source)
    expected = [next(stream) for _ in range(len(source.sampler) + 2)]
    for batch in expected:
        assert batch.features.shape[1] in (112, 208, 312)  # the buckets' own lengths, with the tail
        assert int(batch.frames.max()) * 8 <= batch.features.shape[1]
    again = batches(store, augment=True, surround=0.3)
    again.load_state_dict(expected[0].position)
    resumed = iter(again)
    for batch in expected[1:]:
        assert torch.equal(next(resumed).features, batch.features)


def test_short_utterances_are_surrounded_by_quiet_and_others_are_as_before(store: WaveformStore) -> None:
    source, plain = batches(store, surround=0.4), batches(store)
    leads = set()
    for item in range(3 * len(store)):
        row, seconds = source.example(item, 0)
        before, plain_seconds = plain.example(item, 0)
        if store.seconds()[item // 3] >= 1.5:
            np.testing.assert_array_equal(row, before)
            continue
        assert plain_seconds < seconds <= plain_seconds + 0.8
        samples = round(seconds * RATE)
        count = (samples - 400) // 160 + 1
        assert len(row) == -(-(count + 8) // 8) * 8
        word = change_speed(store[item // 3], (0.9, 1.0, 1.1)[item % 3], RATE)
        # 25 dB below a tone over a hiss that is 26 dB below it: what is loud is the word.
        loud = np.flatnonzero(row[:count].max(axis=1) > before.max() - 4.0)
        assert loud[-1] - loud[0] + 1 == pytest.approx(len(word) / 160, abs=4)
        leads.add(int(loud[0]))
        assert loud[0] <= 42
        assert count - loud[-1] <= 44
    assert len(leads) > 8


def test_both_views_have_the_word_in_one_place(store: WaveformStore) -> None:
    source = batches(store, surround=0.4, views=2)
    made = source.make(list(range(0, 69, 3)), 3.0, {"epoch": 2})
    one, other = made.features.chunk(2)
    torch.testing.assert_close(one, other, rtol=0, atol=0)  # nothing else is drawn here
    assert torch.equal(*made.frames.chunk(2))
    later = source.make(list(range(0, 69, 3)), 3.0, {"epoch": 3})
    assert not torch.equal(later.features, made.features)
    augmented = batches(store, augment=True, surround=0.4, views=2).make(list(range(0, 69, 3)), 3.0, {"epoch": 2})
    assert torch.equal(augmented.frames, made.frames)
    assert not torch.equal(*augmented.features.chunk(2))


def test_statistics_against_all_frames(store: WaveformStore) -> None:
    mean, deviation = feature_statistics(store, FeatureConfig(), count=1000)
    frames = np.concatenate([features(store[number], FeatureConfig()) for number in range(len(store))])
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(deviation, frames.std(axis=0), rtol=1e-3)
