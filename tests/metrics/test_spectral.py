"""Spectral distances: closed forms, another path through librosa and scipy, voices whose melody is known."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from vivavoce.errors import AudioError, DataError
from vivavoce.metrics.spectral import SpeechFrames, cepstra, cepstral_distance_db, compare_speech, speech_frames
from vivavoce.metrics.time_warp import warp

RATE = 22050


@dataclass(frozen=True)
class Sentence:
    """A voice of harmonics under two formants that wander, with a pause and a hiss; everything about it is known."""

    semitones: float = 0.0
    slowness: float = 1.0
    seed: int = 0
    whispered: bool = False
    vibrato_semitones: float = 0.0


def say(sentence: Sentence) -> np.ndarray:
    count = round(2.4 * sentence.slowness * RATE)
    time = np.arange(count) / RATE / sentence.slowness  # what is said, when, does not depend on how slowly
    rng = np.random.default_rng(sentence.seed)
    knots = np.arange(0.0, 2.61, 0.2)
    formants = [np.interp(time, knots, rng.uniform(low, high, len(knots))) for low, high in ((300, 900), (1100, 2600))]
    bend = sentence.semitones + sentence.vibrato_semitones * np.sin(2 * np.pi * 3 * time)
    f0 = (130 + 40 * np.sin(2 * np.pi * 0.6 * time)) * 2 ** (bend / 12)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    noise = np.random.default_rng(99).standard_normal(count)
    result = np.zeros(count)
    for harmonic in range(1, 40):
        hz = harmonic * f0
        gain = sum(1.0 / (1 + ((hz - formant) / 120) ** 2) for formant in formants) + 0.01
        result += gain * np.sin(harmonic * phase) * (hz < 5000)
    if sentence.whispered:
        result = 0.3 * noise
    hiss = (time > 1.0) & (time < 1.2)
    result = np.where(hiss, 0.5 * np.diff(noise, prepend=0.0), result)
    result *= ~((time > 1.6) & (time < 1.75))
    return (0.1 * result).astype(np.float32)


@functools.lru_cache(maxsize=16)
def frames_of(sentence: Sentence) -> SpeechFrames:
    return speech_frames(say(sentence), RATE)


def plain_mcd(reference: np.ndarray, other: np.ndarray) -> float:
    """The definition written down again, through librosa and scipy, for signals that sound from end to end."""

    def frames(waveform: np.ndarray) -> np.ndarray:
        padded = np.pad(waveform.astype(np.float64), 512, mode="reflect")
        window = scipy.signal.get_window("hann", 1024)
        rows = [np.abs(scipy.fft.rfft(window * padded[t : t + 1024])) for t in range(0, len(waveform) + 1, 256)]
        mel = np.array(rows) @ librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=80).T
        mel = np.log(np.maximum(np.maximum(mel, 1e-5), mel.max() * 1e-3))
        return scipy.fft.dct(mel, type=2, norm="ortho", axis=1)[:, 1:25] * np.sqrt(2 / 80)

    left, right = frames(reference), frames(other)
    distances = 10 / np.log(10) * np.sqrt(2 * ((left[:, None] - right[None]) ** 2).sum(axis=2))
    best: dict[tuple[int, int], tuple[float, int]] = {(-1, -1): (0.0, 0)}  # cost and length of the way to a cell
    for i in range(len(left)):
        for j in range(len(right)):
            ways = [best[cell] for cell in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if cell in best]
            cost, length = min(ways)
            best[i, j] = cost + distances[i, j], length + 1
    cost, length = best[len(left) - 1, len(right) - 1]
    return cost / length


def test_a_ripple_of_the_spectrum_has_its_root_mean_square() -> None:
    """A ripple of 3 dB over the mel bands is 3 / sqrt(2) dB apart, whatever its period."""
    mel = np.random.default_rng(0).standard_normal((5, 80))
    bands = np.arange(80) + 0.5
    for order in (1, 7, 24):
        ripple = 3.0 / 20 * math.log(10) * np.cos(np.pi * order * bands / 80)
        distance = cepstral_distance_db(cepstra(mel), cepstra(mel + ripple))
        np.testing.assert_allclose(distance, 3 / math.sqrt(2))
    np.testing.assert_allclose(cepstral_distance_db(cepstra(mel), cepstra(mel + 2.0)), 0.0, atol=1e-12)  # the level


def test_with_all_coefficients_it_is_the_difference_of_the_bands() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((2, 6, 80))
    difference_db = 20 / math.log(10) * (one - two)
    expected = np.sqrt(np.mean((difference_db - difference_db.mean(axis=1, keepdims=True)) ** 2, axis=1))
    np.testing.assert_allclose(cepstral_distance_db(cepstra(one, 79), cepstra(two, 79)), expected)


def test_the_definition_written_again_gives_the_same() -> None:
    rng = np.random.default_rng(3)
    one, two = (np.cumsum(rng.standard_normal(size)) for size in (20000, 24000))
    one, two = (np.diff(x, prepend=0.0).astype(np.float32) * 0.1 + 0.01 * x.astype(np.float32) for x in (one, two))
    ours = compare_speech(speech_frames(one, RATE), speech_frames(two, RATE)).mcd_db
    assert ours == pytest.approx(plain_mcd(one, two), rel=1e-3)


def test_the_same_utterance_is_no_distance_away() -> None:
    frames = frames_of(Sentence())
    distance = compare_speech(frames, frames)
    assert distance.mcd_db == 0.0
    assert distance.f0_rmse_cents == 0.0
    assert distance.f0_rmse_hz == 0.0
    assert distance.voicing_error == 0.0
    assert distance.gross_pitch_error == 0.0
    assert distance.duration_error == 0.0
    assert distance.voiced_pairs > 0.5 * distance.pairs


def test_loudness_and_silence_around_do_not_count() -> None:
    waveform = say(Sentence())
    around = np.concatenate([np.zeros(30 * 256), 0.25 * waveform, np.zeros(9000)]).astype(np.float32)
    distance = compare_speech(speech_frames(waveform, RATE), speech_frames(around, RATE))
    assert distance.mcd_db < 0.1
    assert distance.duration_error == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("slowness", [0.8, 1.25])
def test_tempo_hardly_counts_but_words_do(slowness: float) -> None:
    reference = frames_of(Sentence())
    stretched = compare_speech(reference, frames_of(Sentence(slowness=slowness)))
    others = compare_speech(reference, frames_of(Sentence(seed=1)))
    assert stretched.mcd_db < 0.25 * others.mcd_db
    assert stretched.duration_error == pytest.approx(slowness - 1, abs=0.02)
    assert stretched.f0_rmse_cents < 40


@pytest.mark.parametrize("semitones", [-2.0, 1.0, 3.0])
def test_a_melody_moved_is_as_far_as_it_was_moved(semitones: float) -> None:
    reference = frames_of(Sentence())
    distance = compare_speech(reference, frames_of(Sentence(semitones=semitones)))
    assert distance.f0_rmse_cents == pytest.approx(100 * abs(semitones), rel=0.12)
    mean_hz = reference.f0_hz[reference.f0_hz > 0].mean()
    assert distance.f0_rmse_hz == pytest.approx(mean_hz * abs(2 ** (semitones / 12) - 1), rel=0.15)
    assert distance.gross_pitch_error < 0.02


def test_a_vibrato_has_its_root_mean_square() -> None:
    reference = frames_of(Sentence())
    distance = compare_speech(reference, frames_of(Sentence(vibrato_semitones=1.5)))
    assert distance.f0_rmse_cents == pytest.approx(150 / math.sqrt(2), rel=0.15)


def test_a_third_is_a_gross_error() -> None:
    reference = frames_of(Sentence())
    assert compare_speech(reference, frames_of(Sentence(semitones=5))).gross_pitch_error > 0.98


def test_a_whisper_has_no_voice() -> None:
    reference = frames_of(Sentence())
    distance = compare_speech(reference, frames_of(Sentence(whispered=True)))
    assert distance.voicing_error > 0.7
    assert distance.voiced_pairs < 0.1 * distance.pairs
    nobody = compare_speech(frames_of(Sentence(whispered=True)), reference)
    assert nobody.voicing_error > 0.7


def test_no_voice_in_common_has_no_pitch_error() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    frames = speech_frames(noise, RATE)
    distance = compare_speech(frames, frames)
    assert distance.voiced_pairs == 0
    assert math.isnan(distance.f0_rmse_cents)
    assert math.isnan(distance.f0_rmse_hz)
    assert math.isnan(distance.gross_pitch_error)


def test_long_utterances_are_warped_within_a_band() -> None:
    """24 s against 26 s: the distance stays what it is without a band."""
    once = frames_of(Sentence())
    rng = np.random.default_rng(0)
    places = np.sort(rng.integers(0, 10 * len(once.cepstra), 2200))

    def repeated(order: np.ndarray) -> SpeechFrames:
        order = order % len(once.cepstra)
        noise = 0.05 * rng.standard_normal((len(order), 24))
        return SpeechFrames(once.cepstra[order] + noise, once.sounding[order], once.f0_hz[order])

    reference, other = repeated(np.arange(10 * len(once.cepstra))), repeated(places)
    assert len(reference.cepstra) * len(other.cepstra) > 4_000_000
    distance = compare_speech(reference, other)
    path = warp(reference.cepstra, other.cepstra)
    counted = reference.sounding[path.reference_frames] | other.sounding[path.other_frames]
    assert distance.mcd_db == pytest.approx(10 * math.sqrt(2) / math.log(10) * path.distances[counted].mean(), rel=1e-6)


def test_faults_are_named() -> None:
    with pytest.raises(AudioError, match="silent"):
        speech_frames(np.zeros(RATE, np.float32), RATE)
    with pytest.raises(AudioError, match="shape"):
        speech_frames(np.zeros((2, RATE), np.float32), RATE)
    with pytest.raises(DataError, match=r"\(3, 24\)"):
        cepstral_distance_db(np.zeros((3, 24)), np.zeros((4, 24)))
