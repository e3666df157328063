"""Segments for vocoders: cut where they say, made again by their number, with a pitch that never stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.errors import DataError
from vivavoce.training.voice_segments import SegmentBatches, track_pitches
from vivavoce.training.waveforms import WaveformStore

VOICE = FeatureConfig.voice()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveformStore:
    """Three utterances of a hum at 150, 200 and 250 Hz for a third of them, else hiss; one too short."""
    folder, rng, utterances = tmp_path_factory.mktemp("hums"), np.random.default_rng(0), []
    for number, (hertz, count) in enumerate([(150, 22050), (200, 16000), (250, 18000), (200, 2000)]):
        waveform = 0.001 * rng.standard_normal(count)
        time = np.arange(count // 3, 2 * count // 3)
        waveform[time] += sum(0.1 * np.sin(2 * np.pi * k * hertz * time / 22050) for k in (1, 2, 3))
        soundfile.write(folder / f"{number}.wav", waveform, 22050)
        utterances.append(Utterance(str(number), str(folder / f"{number}.wav"), "hum", count / 22050))
    return WaveformStore(utterances, 22050, folder)


def make(store: WaveformStore, tmp_path: Path, frames: int = 20) -> SegmentBatches:
    return SegmentBatches(store, VOICE, 5, frames, 3, list(range(len(store))), tmp_path)


def test_segments_are_what_they_were_cut_from(store: WaveformStore, tmp_path: Path) -> None:
    batch = make(store, tmp_path).make(0)
    assert batch.log_mel.shape == (5, 20, 80)
    assert batch.waveform.shape == (5, 256 * 20)
    assert batch.pitch.shape == batch.voiced.shape == (5, 20)
    assert batch.audio_seconds == pytest.approx(5 * 20 * 256 / 22050)
    for log_mel, waveform in zip(batch.log_mel.numpy(), batch.waveform.numpy(), strict=True):
        again = features(waveform, VOICE)
        assert np.abs(again[2:-3] - log_mel[2:-2]).max() < 1e-3  # frame t is centred on sample 256 t


def test_batches_are_made_again(store: WaveformStore, tmp_path: Path) -> None:
    stream = iter(make(store, tmp_path))
    first, second, third = next(stream), next(stream), next(stream)
    assert not np.array_equal(first.waveform, second.waveform)
    resumed = make(store, tmp_path)
    resumed.load_state_dict(second.position)
    again = next(iter(resumed))
    for name in ("log_mel", "waveform", "pitch", "voiced"):
        assert np.array_equal(getattr(again, name), getattr(third, name))


def test_long_utterances_come_oftener_and_short_ones_never(store: WaveformStore, tmp_path: Path) -> None:
    batches = make(store, tmp_path)
    assert batches.numbers == [0, 1, 2]
    assert batches.rooms.tolist() == [22050 // 256 - 19, 16000 // 256 - 19, 18000 // 256 - 19]
    assert batches.hours() == pytest.approx((22050 + 16000 + 18000) / 22050 / 3600)
    with pytest.raises(DataError, match="longer than 500 frames"):
        make(store, tmp_path, 500)


def test_blurred_mels_are_means_of_neighbours(store: WaveformStore, tmp_path: Path) -> None:
    sharp = make(store, tmp_path).make(4)
    blurred = SegmentBatches(store, VOICE, 5, 20, 3, [0, 1, 2], tmp_path, blurred=1.0)
    made = blurred.make(4)
    assert np.array_equal(made.waveform, sharp.waveform)
    for ours, theirs in zip(made.log_mel.numpy(), sharp.log_mel.numpy(), strict=True):
        assert ours.dtype == np.float32
        assert not np.array_equal(ours, theirs)
        assert abs(ours.mean() - theirs.mean()) < 0.1
        for axis in (0, 1):
            assert np.abs(np.diff(ours, axis=axis)).mean() < np.abs(np.diff(theirs, axis=axis)).mean()
    assert np.array_equal(blurred.make(4).log_mel, made.log_mel)


def test_pitch_is_tracked_once_and_leads_over(
    store: WaveformStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = track_pitches(store, VOICE, [0, 2], tmp_path)
    for track, hertz, count in zip(tracks, (150, 250), (22050, 18000), strict=True):
        octaves, voiced = track
        assert len(octaves) == 1 + count // 256
        middle = slice(len(octaves) // 3 + 4, 2 * len(octaves) // 3 - 4)
        assert voiced[middle].all()
        assert 0.2 < voiced.mean() < 0.5
        assert np.abs(octaves - np.log2(hertz)).max() < 0.02
    monkeypatch.setattr("vivavoce.training.voice_segments.track_pitch", None)
    for track, again in zip(tracks, track_pitches(store, VOICE, [0, 2], tmp_path), strict=True):
        assert np.array_equal(track, again)


def test_statistics_are_of_the_mels(store: WaveformStore, tmp_path: Path) -> None:
    mean, deviation = make(store, tmp_path).statistics()
    rows = np.concatenate([features(store[number], VOICE) for number in (0, 1, 2)])
    assert np.allclose(mean, rows.mean(axis=0), atol=1e-4)
    assert np.allclose(deviation, np.maximum(rows.std(axis=0), 0.1), atol=1e-4)
