"""Transforms against soxr, scipy and librosa."""

from __future__ import annotations

import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import soxr

from vivavoce.audio import read_waveform
from vivavoce.augment.band_limit import mu_law, telephone_filter
from vivavoce.augment.reverb import RecordedRooms, Reverb, ReverbParams, RoomPool
from vivavoce.augment.speed import change_speed
from vivavoce.augment.tempo import change_tempo

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEECH = next(iter(sorted((DATA / "librispeech" / "train-dev-clean-12").rglob("*.mp3"))), None)
needs_data = pytest.mark.skipif(SPEECH is None, reason="the data folder is not beside the project")


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_is_soxr(factor: float) -> None:
    waveform = np.random.default_rng(0).standard_normal(30000).astype(np.float32)
    direct = soxr.resample(waveform, 16000 * factor, 16000, quality="HQ")
    np.testing.assert_array_equal(change_speed(waveform, factor), direct)


@pytest.mark.parametrize(("factor", "up", "down"), [(0.9, 10, 9), (1.1, 10, 11)])
def test_speed_has_the_spectrum_of_scipys_resampler(factor: float, up: int, down: int) -> None:
    waveform = np.random.default_rng(1).standard_normal(40000)
    waveform = scipy.signal.lfilter(*scipy.signal.butter(6, 0.7), waveform).astype(np.float32)
    theirs = scipy.signal.resample_poly(waveform, up, down, window=("kaiser", 12.0))
    ours = change_speed(waveform, factor)
    count = min(len(ours), len(theirs))
    error = ours[500 : count - 500] - theirs[500 : count - 500]
    assert 10 * np.log10(np.mean(theirs**2) / np.mean(error**2)) > 45


def test_rooms_equal_scipys_convolution() -> None:
    waveform = np.random.default_rng(2).standard_normal(50000).astype(np.float32)
    pool = RoomPool(count=4)
    for index in range(4):
        theirs = scipy.signal.fftconvolve(waveform.astype(np.float64), pool.filter(index).response)[: len(waveform)]
        np.testing.assert_allclose(Reverb(pool).apply(waveform, ReverbParams(index)), theirs, atol=2e-4)


@needs_data
def test_recorded_rooms_equal_scipys_convolution() -> None:
    assert SPEECH is not None
    waveform = read_waveform(SPEECH, 16000)
    paths = sorted((DATA / "rir").glob("*.flac"))
    rooms = RecordedRooms(paths, max_seconds=10.0)
    for index, path in enumerate(paths):
        response = read_waveform(path, 16000).astype(np.float64)
        peak = int(np.argmax(np.abs(response)))
        response[: max(0, peak - 16)] = 0.0  # ours begins 1 ms before the direct sound
        theirs = scipy.signal.fftconvolve(waveform, response / response[peak])[peak : peak + len(waveform)]
        ours = Reverb(rooms).apply(waveform, ReverbParams(index))
        # The last tenth of ours is faded out; all else is the same.
        assert 10 * np.log10(np.mean(theirs**2) / np.mean((ours - theirs) ** 2)) > 25


def test_mu_law_rounds_where_librosas_curve_says() -> None:
    waveform = np.random.default_rng(3).uniform(-1, 1, 20000).astype(np.float32)
    bent = librosa.mu_compress(waveform, mu=255, quantize=False)
    again = librosa.mu_compress(mu_law(waveform), mu=255, quantize=False)
    assert np.abs(again - bent).max() < 0.5 / 127 + 1e-5
    np.testing.assert_allclose(again * 127, np.rint(again * 127), atol=1e-3)


def test_telephone_filter_has_scipys_response() -> None:
    made = telephone_filter(8000)
    length = len(made.response)
    theirs = scipy.signal.firwin(length, [300, 3400], pass_zero=False, fs=8000, window="hann", scale=False)
    _, ours = scipy.signal.freqz(made.response.astype(np.float64), worN=512)
    _, expected = scipy.signal.freqz(theirs, worN=512)
    assert np.abs(np.abs(ours) - np.abs(expected)).max() < 0.02


@needs_data
@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_tempo_keeps_the_pitch_that_librosa_hears(factor: float) -> None:
    assert SPEECH is not None
    waveform = read_waveform(SPEECH, 16000)[: 4 * 16000]
    before = librosa.yin(waveform, fmin=65, fmax=400, sr=16000, frame_length=1024, hop_length=160)
    after = librosa.yin(change_tempo(waveform, factor), fmin=65, fmax=400, sr=16000, frame_length=1024, hop_length=160)
    loud = librosa.feature.rms(y=waveform, frame_length=1024, hop_length=160)[0] > 0.03
    moved = np.interp(np.arange(len(before)) / factor, np.arange(len(after)), after)
    cents = np.abs(1200 * np.log2(moved / before))[: len(loud)][loud[: len(before)]]
    assert len(cents) > 50
    assert np.median(cents) < 30
