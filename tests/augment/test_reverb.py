"""Rooms: the decay, the ratio and the timing that they were asked for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from vivavoce.augment.reverb import RecordedRooms, Reverb, ReverbParams, Room, RoomPool, image_sources, room_response
from vivavoce.errors import ConfigError, DataError

RATE = 16000
DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def schroeder_rt60(response: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Seconds for 60 dB, from the -5 to -25 dB stretch of the backward-integrated energy in a band."""
    spectrum = np.fft.rfft(response.astype(np.float64), 4 * len(response))
    hertz = np.fft.rfftfreq(4 * len(response), 1 / RATE)
    band = np.fft.irfft(spectrum * ((hertz >= low_hz) & (hertz < high_hz)))[: len(response)]
    decay = np.cumsum(band[::-1] ** 2)[::-1]
    level = 10 * np.log10(decay / decay[0])
    stretch = (level < -5) & (level > -25)
    slope = np.polyfit(np.flatnonzero(stretch) / RATE, level[stretch], 1)[0]
    return -60 / slope


@pytest.mark.parametrize("rt60", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_middle_band_fades_in_the_time_asked_for(rt60: float, seed: int) -> None:
    # With little direct sound, so that the slope is that of the room.
    room = Room((5.0, 4.0, 2.7), 1.5, rt60, -20.0, seed=seed)
    response = room_response(room, RATE, max_seconds=1.0)
    response[0] = 0.0
    assert schroeder_rt60(response, 700, 1600) == pytest.approx(rt60, rel=0.15)


def test_lows_ring_longer_and_highs_shorter() -> None:
    seconds = []
    for low_hz, high_hz in ((60, 350), (750, 1400), (3000, 7000)):
        measured = []
        for seed in range(8):
            room = Room((6.0, 5.0, 3.0), 2.0, 0.4, -20.0, low_ratio=1.4, high_ratio=0.5, seed=seed)
            response = room_response(room, RATE, max_seconds=1.0)
            response[0] = 0.0
            measured.append(schroeder_rt60(response, low_hz, high_hz))
        seconds.append(np.mean(measured))
    np.testing.assert_allclose(seconds, [0.56, 0.4, 0.2], rtol=0.2)


@pytest.mark.parametrize("ratio_db", [-6.0, 0.0, 12.0])
def test_direct_sound_and_its_ratio(ratio_db: float) -> None:
    response = room_response(Room((4.0, 3.0, 2.5), 1.0, 0.3, ratio_db, seed=3), RATE)
    assert response.dtype == np.float32
    assert response[0] == 1.0
    rest = response[1:].astype(np.float64)
    assert -10 * np.log10(np.sum(rest**2)) == pytest.approx(ratio_db, abs=0.01)


def test_images_are_what_mirroring_at_the_walls_gives() -> None:
    size, source, microphone = np.array([5.0, 4.0, 2.7]), np.array([1.2, 0.7, 1.6]), np.array([3.1, 2.9, 1.1])
    images = {tuple(source.round(9)): 0}
    for bounce in (1, 2):
        for image in list(images):
            for axis in range(3):
                for wall in (0.0, size[axis]):
                    mirrored = np.array(image)
                    mirrored[axis] = 2 * wall - mirrored[axis]
                    images.setdefault(tuple(mirrored.round(9)), bounce)
    expected = sorted((np.linalg.norm(np.array(image) - microphone), bounce) for image, bounce in images.items())
    distances, bounces = image_sources(size, source, microphone)
    few = bounces <= 2
    found = sorted(zip(distances[few], bounces[few], strict=True))
    assert len(found) == 1 + 6 + 18
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_room_is_too_small_for_its_distance() -> None:
    for seed in range(20):
        response = room_response(Room((1.0, 1.0, 1.0), 5.0, 0.2, 0.0, seed=seed), RATE)
        assert np.isfinite(response).all()


def test_pools_are_the_same_everywhere_and_rooms_differ() -> None:
    first, second = RoomPool(seed=5, count=30), RoomPool(seed=5, count=30)
    for index in (29, 0, 7):
        assert first.room(index) == second.room(index)
        np.testing.assert_array_equal(first.filter(index).response, second.filter(index).response)
    rooms = [first.room(index) for index in range(30)]
    assert len({room.rt60_seconds for room in rooms}) == 30
    assert all(0.1 <= room.rt60_seconds <= 0.6 and -3 <= room.direct_to_reverberant_db <= 12 for room in rooms)
    assert RoomPool(seed=6, count=30).room(0) != rooms[0]
    assert max(len(first.filter(index).response) for index in range(30)) <= 0.4 * RATE


def test_alignment_holds_and_nothing_sounds_before_its_time() -> None:
    reverb = Reverb(RoomPool(count=20))
    rng = np.random.default_rng(0)
    waveform = np.zeros(20000, np.float32)
    waveform[5000:9000] = rng.standard_normal(4000) * 0.1
    for index in range(20):
        wet = reverb.apply(waveform, ReverbParams(index))
        assert wet.dtype == np.float32
        assert wet.shape == waveform.shape
        assert np.abs(wet[:5000]).max() < 1e-6
        likeness = np.correlate(wet, waveform[5000:9000], "valid")
        assert np.argmax(np.abs(likeness)) == 5000
    assert not reverb.apply(np.zeros(5000, np.float32), ReverbParams(0)).any()


def test_draw_covers_the_pool_and_minds_the_rate() -> None:
    reverb, rng = Reverb(RoomPool(count=5)), np.random.default_rng(1)
    assert {reverb.draw(rng, 100, RATE).response for _ in range(100)} == set(range(5))
    with pytest.raises(ConfigError, match="8000 Hz"):
        reverb.draw(rng, 100, 8000)
    with pytest.raises(DataError, match="no room 5"):
        reverb.apply(np.ones(10, np.float32), ReverbParams(5))
    with pytest.raises(ConfigError):
        RoomPool(count=0)


def test_recorded_responses_start_at_their_peak(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    response = np.zeros(6000)
    response[1000:] = rng.standard_normal(5000) * np.exp(-np.arange(5000) / 800) * 0.05
    response[1000] = -0.5
    sf.write(tmp_path / "room.wav", response, RATE, subtype="FLOAT")
    rooms = RecordedRooms([tmp_path / "room.wav"])
    waveform = np.zeros(8000, np.float32)
    waveform[100] = 1.0
    wet = Reverb(rooms).apply(waveform, ReverbParams(0))
    assert np.argmax(np.abs(wet)) == 100
    assert wet[100] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(wet[101:1000], response[1001:1900] / -0.5, atol=1e-5)
    sf.write(tmp_path / "silent.wav", np.zeros(100), RATE)
    with pytest.raises(DataError, match=r"silent\.wav"):
        RecordedRooms([tmp_path / "silent.wav"])
    with pytest.raises(DataError):
        RecordedRooms([])


@pytest.mark.skipif(not (DATA / "rir").is_dir(), reason="the data folder is not beside the project")
def test_real_responses_keep_alignment() -> None:
    rooms = RecordedRooms(sorted((DATA / "rir").glob("*.flac")))
    rng = np.random.default_rng(3)
    waveform = np.zeros(16000, np.float32)
    waveform[4000:8000] = rng.standard_normal(4000) * 0.1
    for index in range(len(rooms)):
        wet = Reverb(rooms).apply(waveform, ReverbParams(index))
        likeness = np.correlate(wet, waveform[4000:8000], "valid")
        assert abs(int(np.argmax(np.abs(likeness))) - 4000) <= 1
