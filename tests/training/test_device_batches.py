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
from vivavoce.augment.surround import SHORT_SECONDS, Surround, SurroundParams, SurroundRows, most_added
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


def batches(
    store: WaveformStore, augmentation: DeviceAugmentation = PLAIN, views: int = 1, surround: float = 0.0
) -> DeviceSpeechBatches:
    durations = [s / speed + most_added(s, surround) for s in store.seconds() for speed in SPEEDS]
    examples = [Example(tuple(range(1, 2 + n % 5)), () if n % 3 else (4, 5)) for n in range(len(store))]
    noises = NoiseLibrary({"hiss": 0.1 * np.random.default_rng(1).standard_normal(2 * RATE)})
    sampler = BucketSampler(durations, (1.0, 2.0, 3.0) if surround else (1.0, 2.0), 12.0, seed=3)
    return DeviceSpeechBatches(
        store,
        examples,
        sampler,
        SPEEDS,
        CONFIG,
        PADDING,
        CPU,
        noises,
        augmentation,
        seed=5,
        views=views,
        surround=surround,
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
    noisy = source._noisy(waveforms, lengths, lengths, torch.ones(9, RATE // 2, dtype=torch.bool), torch.Generator())
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


def around(source: DeviceSpeechBatches, items: list[int]) -> dict[int, tuple[int, int, float]]:
    """Item -> samples before and behind, at the recording's own speed, and the quiet's gain, as `make` draws them."""
    drawn: list[tuple[SurroundRows, np.ndarray, np.ndarray]] = []
    original = source._around
    source._around = lambda *args: drawn.append(original(*args)) or drawn[-1]  # type: ignore
    source.make(items, 3.0, {"epoch": 0, "cursor": 1})
    source._around = original  # type: ignore[method-assign]
    ((rows, leads, tails),) = drawn
    order = sorted(items, key=lambda item: item % len(SPEEDS))
    return dict(zip(order, zip(leads.tolist(), tails.tolist(), rows.gain.tolist(), strict=True), strict=True))


def test_with_silence_around_they_are_the_cpu_s_features(store: WaveformStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame by frame where the speed is 1; elsewhere the counts of frames, and the word where it belongs."""
    monkeypatch.setattr("vivavoce.augment.surround.SILENT_SHARE", 1.0)
    source, items = batches(store, surround=0.4), list(range(27))
    batch = source.make(items, 3.0, {"epoch": 0, "cursor": 1})
    where, seconds = around(source, items), 0.0
    for row, frames, item in zip(batch.features, batch.on_host[0], where, strict=True):
        (lead, tail, gain), waveform, speed = where[item], store[item // 3], SPEEDS[item % 3]
        assert gain == 0.0
        if len(waveform) >= SHORT_SECONDS * RATE:
            assert lead == tail == 0
        else:
            params = SurroundParams(lead, tail, "white", 0.0, 0.0, RATE)
            waveform = Surround().apply(waveform, params)
            assert lead <= 0.4 * RATE * speed
        seconds += len(waveform) / speed / RATE
        expected = features(change_speed(waveform, speed, RATE), CONFIG)
        assert abs(int(frames) - len(PADDING.pad(expected)) // 8) <= (speed != 1.0)
        if speed == 1.0:
            np.testing.assert_allclose(row[: 8 * frames].numpy(), PADDING.pad(expected), atol=2e-3)
        else:
            count = min(len(expected), 8 * int(frames)) - 2
            assert np.median(np.abs(row.numpy()[:count, :74] - expected[:count, :74])) < 0.01
    assert batch.audio_seconds == pytest.approx(seconds)
    assert len({lead for lead, _, _ in where.values()}) > 10


def test_the_quiet_stands_at_the_level_that_was_drawn_from_beginning_to_end(store: WaveformStore) -> None:
    source = batches(store, surround=0.3)
    assert source.surround is not None
    word, count, first = torch.from_numpy(store[0][:8000]), 12000, torch.tensor([2000, 3000, 0])
    waveforms = torch.zeros(3, count)
    for row, lead in zip(waveforms, first.tolist(), strict=True):
        row[lead : lead + 8000] = word
    rows = SurroundRows(
        np.zeros(3),
        np.zeros(3),
        np.array([0, 1, 2]),
        np.array([0.0, 0.5, 0.99]),
        10 ** (-np.array([20.0, 40, 60]) / 20),
    )
    valid = torch.arange(count) < torch.tensor([12000, 11500, 8000])[:, None]
    quiet = source._surrounded(waveforms, rows, first, torch.full((3,), 8000), valid)
    silent = source._surrounded(waveforms, replace(rows, gain=np.zeros(3)), first, torch.full((3,), 8000), valid)
    added = quiet - silent
    assert (added[~valid] == 0.0).all()
    for row, within, below in zip(added, valid, (20.0, 40.0, 60.0), strict=True):
        ratio = 10 * torch.log10((word**2).mean() / (row[within] ** 2).mean())
        assert float(ratio) == pytest.approx(below, abs=0.05)
    torch.testing.assert_close(silent[0, 2200:9800], word[200:-200])
    assert silent[0, 1999] == silent[0, 10000] == 0.0


def test_surrounded_batches_resume_and_their_views_stand_alike(store: WaveformStore) -> None:
    source = batches(store, DeviceAugmentation(), 2, 0.4)
    stream = iter(source)
    firsts = [next(stream) for _ in range(len(source.sampler) + 1)]
    for batch in firsts:
        assert torch.equal(*batch.frames.chunk(2))
        assert torch.isfinite(batch.features).all()
    other = batches(store, DeviceAugmentation(), 2, 0.4)
    other.load_state_dict(firsts[0].position)
    resumed = iter(other)
    for batch in firsts[1:]:
        assert torch.equal(next(resumed).features, batch.features)
    one, view = batches(store, PLAIN, 2, 0.4).make(list(range(27)), 3.0, {"epoch": 0, "cursor": 1}).features.chunk(2)
    assert torch.equal(one, view)  # nothing else is drawn here


def test_long_utterances_are_as_without_a_surround(store: WaveformStore) -> None:
    items = [item for item in range(27) if store.seconds()[item // 3] >= SHORT_SECONDS]
    assert items
    plain, surrounded = batches(store, DeviceAugmentation()), batches(store, DeviceAugmentation(), surround=0.4)
    expected = plain.make(items, 2.0, {"epoch": 0, "cursor": 1})
    assert torch.equal(surrounded.make(items, 2.0, {"epoch": 0, "cursor": 1}).features, expected.features)


def test_quiet_does_not_count_as_speech_in_a_ratio(store: WaveformStore) -> None:
    source = batches(store, replace(PLAIN, noise_share=1.0, snr_db=(10.0, 10.0)))
    waveforms = torch.zeros(1, RATE)
    waveforms[0, 4000:12000] = torch.from_numpy(store[0][:8000])
    lengths, said = torch.tensor([RATE]), torch.tensor([8000])
    noisy = source._noisy(waveforms, lengths, said, torch.ones(1, RATE, dtype=torch.bool), torch.Generator())
    ratio = 10 * torch.log10((waveforms[0, 4000:12000] ** 2).mean() / ((noisy - waveforms) ** 2).mean())
    assert float(ratio) == pytest.approx(10.0, abs=0.01)


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
    samples, starts, ends = store.all_samples()
    assert ends[-1] == len(samples)
    np.testing.assert_array_equal(samples[starts[1] : ends[1]].astype(np.float32) / 32767.0, store[1])
