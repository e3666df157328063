"""Batches made on the training device: held to the CPU's features, speeds and warps; noise, masks and views."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.speed import change_speed
from vivavoce.augment.vtlp import Vtlp, VtlpParams
from vivavoce.data.bucketing import BucketSampler
from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import ConfigError
from vivavoce.training.batches import Example, Padding
from vivavoce.training.device_batches import FINER, PLAIN, DeviceAugmentation, DeviceSpeechBatches, reading_matrix
from vivavoce.training.waveforms import WaveformStore

RATE = 16000
CONFIG = FeatureConfig()
PADDING = Padding(8, 8, math.log(CONFIG.log_floor))
SPEEDS = (0.9, 1.0, 1.1)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveformStore:
    """Buzzes with moving formants, which have energy in every band."""
    folder, rng, rows = tmp_path_factory.mktemp("speech"), np.random.default_rng(0), []
    for number in range(9):
        count = int(rng.uniform(0.5, 1.7) * RATE)
        phase = np.cumsum(120.0 + 60.0 * np.sin(np.arange(count) / 4000.0 + number)) / RATE
        wave = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 40)) + 0.05 * rng.standard_normal(count)
        soundfile.write(folder / f"{number}.wav", 0.1 * wave, RATE)
        rows.append(Utterance(str(number), str(folder / f"{number}.wav"), "a", count / RATE))
    return WaveformStore(rows, RATE, tmp_path_factory.mktemp("store"))


def batches(store: WaveformStore, augmentation: DeviceAugmentation = PLAIN, views: int = 1) -> DeviceSpeechBatches:
    durations = [seconds / speed for seconds in store.seconds() for speed in SPEEDS]
    examples = [Example(tuple(range(1, 2 + n % 5)), () if n % 3 else (4, 5)) for n in range(len(store))]
    noises = NoiseLibrary({"hiss": 0.1 * np.random.default_rng(1).standard_normal(2 * RATE)})
    sampler = BucketSampler(durations, (1.0, 2.0), 12.0, seed=3)
    return DeviceSpeechBatches(
        store, examples, sampler, SPEEDS, CONFIG, PADDING, CPU, noises, augmentation, seed=5, views=views
    )


def rows_of(source: DeviceSpeechBatches, items: list[int]) -> dict[int, torch.Tensor]:
    batch = source.make(items, 2.0, {"epoch": 0, "cursor": 1})
    order = sorted(items, key=lambda item: item % len(SPEEDS))
    return {item: batch.features[row, : 8 * batch.frames[row]] for row, item in enumerate(order)}


def test_without_augmentation_they_are_the_cpu_s_features(store: WaveformStore) -> None:
    for item, row in rows_of(batches(store), list(range(1, 27, 3))).items():
        expected = PADDING.pad(features(store[item // 3], CONFIG))
        np.testing.assert_allclose(row.numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_another_speed_is_what_resampling_and_then_the_features_give(store: WaveformStore, speed: float) -> None:
    first = SPEEDS.index(speed)
    for item, row in rows_of(batches(store), list(range(first, 27, 3))).items():
        expected = features(change_speed(store[item // 3], speed, RATE), CONFIG)
        count = min(len(expected), len(row)) - 2
        # Near the top, where a resampler's own filter cuts, the two differ.
        difference = np.abs(row.numpy()[:count, :74] - expected[:count, :74])
        assert np.median(difference) < 0.01
        assert np.quantile(difference, 0.99) < 0.4


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_vocal_tract_warp_is_that_of_the_features(store: WaveformStore, factor: float) -> None:
    waveform = store[0]
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * np.hanning(401)[:-1]
    power = np.abs(np.fft.rfft(frames, FINER * CONFIG.n_fft)) ** 2
    warped = np.log(np.maximum(power @ reading_matrix(CONFIG, 1.0, factor), CONFIG.log_floor))
    expected = Vtlp.for_features(CONFIG).apply(features(waveform, CONFIG), VtlpParams(factor))
    plain = features(waveform, CONFIG)
    # Bins between harmonics are read differently, and a wider or narrower spectrum has other levels; shapes move alike.
    smooth = np.ones(9) / 9
    shapes = [np.diff(np.convolve(x.mean(axis=0), smooth, "valid")) for x in (warped, expected, plain)]
    assert np.abs(shapes[0] - shapes[1]).mean() < 0.5 * np.abs(shapes[2] - shapes[1]).mean()


def test_noise_stands_at_the_ratio_that_was_drawn(store: WaveformStore) -> None:
    loud = replace(PLAIN, noise_share=1.0, snr_db=(10.0, 10.0))
    source = batches(store, loud)
    waveforms = torch.from_numpy(np.stack([store[n][: RATE // 2] for n in range(9)]))
    lengths = torch.full((9,), RATE // 2)
    noisy = source._noisy(waveforms, lengths, torch.ones(9, RATE // 2, dtype=torch.bool), torch.Generator())
    ratio = 10 * torch.log10((waveforms**2).mean(1) / ((noisy - waveforms) ** 2).mean(1))
    torch.testing.assert_close(ratio, torch.full((9,), 10.0), atol=0.01, rtol=0)


def test_rooms_are_convolutions(store: WaveformStore) -> None:
    source = batches(store, replace(PLAIN, room_share=1.0))
    assert source._rooms is not None
    source._rooms = source._rooms[:1]
    waveforms = torch.from_numpy(np.stack([store[n][: RATE // 2] for n in range(2)]))
    echoing = source._room(waveforms, torch.Generator())
    for row, waveform in zip(echoing.numpy(), waveforms.numpy(), strict=True):
        expected = np.convolve(waveform.astype(np.float64), source._rooms[0].numpy())[: RATE // 2]
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_masks_hide_no_more_than_they_may_and_padding_is_the_floor(store: WaveformStore) -> None:
    masked = replace(PLAIN, time_masks=3, max_time_frames=10, max_time_share=0.2)
    masked = replace(masked, frequency_masks=2, max_frequency_bins=12)
    items = list(range(1, 27, 3))
    plain, hidden = rows_of(batches(store), items), rows_of(batches(store, masked), items)
    some = 0
    for item, row in hidden.items():
        changed = (row - plain[item]).abs() > 1e-5
        frames = len(features(store[item // 3], CONFIG))
        assert not changed[frames:].any()
        assert (row[frames:] == PADDING.floor).all()
        whole_frames = changed[:frames].float().mean(dim=1) > 0.9
        assert whole_frames.sum() <= 30
        assert (changed[:frames].float().mean(dim=0) > 0.95).sum() <= 24
        some += int(changed.any())
    assert some >= 5


def test_views_differ_in_masks_and_agree_in_targets_and_time(store: WaveformStore) -> None:
    source = batches(store, DeviceAugmentation(), views=2)
    batch = next(iter(source))
    half = len(batch.features) // 2
    assert torch.equal(batch.phones[:half], batch.phones[half:])
    assert torch.equal(batch.frames[:half], batch.frames[half:])
    assert not torch.equal(batch.features[:half], batch.features[half:])


def test_every_item_once_an_epoch_and_the_same_again_after_a_resume(store: WaveformStore) -> None:
    source = batches(store, DeviceAugmentation())
    stream = iter(source)
    firsts = [next(stream) for _ in range(len(source.sampler))]
    assert sum(len(batch.features) for batch in firsts) == 3 * len(store)
    expected = next(stream)
    other = batches(store, DeviceAugmentation())
    other.load_state_dict(firsts[-1].position)
    assert torch.equal(next(iter(other)).features, expected.features)


def test_features_that_are_not_made_there_are_refused(store: WaveformStore) -> None:
    sampler = BucketSampler(store.seconds(), (2.0,), 4.0)
    examples = [Example((1,), (1,))] * len(store)
    with pytest.raises(ConfigError, match="not made on the device"):
        DeviceSpeechBatches(store, examples, sampler, (1.0,), FeatureConfig(deltas=2), PADDING, CPU)


def test_only_fine_spectra_within_the_recording_are_read() -> None:
    matrix = reading_matrix(CONFIG, 0.9, 1.0)
    assert matrix.shape == (FINER * CONFIG.n_fft // 2 + 1, CONFIG.n_mels)
    assert (matrix >= 0).all()


def test_the_store_gives_its_samples_whole(store: WaveformStore, tmp_path: Path) -> None:
    samples, ends = store.all_samples()
    assert ends[-1] == len(samples)
    np.testing.assert_array_equal(samples[ends[0] : ends[1]].astype(np.float32) / 32767.0, store[1])
