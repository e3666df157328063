"""Noises made up from nothing: what sounds, through what body, how loud when.

A few hundred noise recordings teach a detector those recordings. Here an endless supply is drawn from three choices
that most noises of the world are made of: an excitation (hiss, pulses of an engine, drops and crackle, held notes), a
body of fixed resonances, and a course of loudness (steady, periodic, wandering). None of them is speech: the
resonances stand still and notes hold their pitch, where a voice moves both all the time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.waveform import mean_power

Array = NDArray[np.float32]


def texture(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """(num_samples,) float32 of unit power: one noise that nobody has recorded."""
    excitation = (_hiss, _pulses, _drops, _notes)[int(rng.choice(4, p=(0.35, 0.25, 0.2, 0.2)))]
    sound = resonances(excitation(rng, num_samples, sample_rate), rng, sample_rate)
    course = (_steady, _periodic, _wandering)[int(rng.choice(3, p=(0.35, 0.3, 0.35)))]
    sound = sound * course(rng, num_samples, sample_rate)
    return (sound / math.sqrt(max(mean_power(sound), 1e-12))).astype(np.float32)


def resonances(waveform: NDArray[np.floating], rng: np.random.Generator, sample_rate: int) -> Array:
    """(N,) -> (N,): through a body of one to five drawn resonances over a drawn floor; circular."""
    hertz = np.fft.rfftfreq(len(waveform), 1.0 / sample_rate)
    gain = np.full(len(hertz), 10.0 ** (rng.uniform(-50.0, -6.0) / 20.0))
    for _ in range(int(rng.integers(1, 6))):
        centre = math.exp(rng.uniform(math.log(80.0), math.log(0.45 * sample_rate)))
        width = centre * rng.uniform(0.03, 1.0)
        gain += rng.uniform(0.1, 1.0) / np.sqrt(1.0 + ((hertz - centre) / width) ** 2)
    return np.fft.irfft(np.fft.rfft(waveform) * gain, len(waveform)).astype(np.float32)


def equalised(waveform: NDArray[np.floating], rng: np.random.Generator, sample_rate: int, range_db: float) -> Array:
    """(N,) -> (N,) of other colour: gains within +-range_db drawn at each octave from 62 Hz up, smooth between them."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(waveform), 1.0 / sample_rate), 62.5) / 62.5)
    knots = np.arange(math.ceil(octaves[-1]) + 1)
    gain_db = np.interp(octaves, knots, rng.uniform(-range_db, range_db, len(knots)))
    return np.fft.irfft(np.fft.rfft(waveform) * 10.0 ** (gain_db / 20.0), len(waveform)).astype(np.float32)


def _hiss(rng: np.random.Generator, num_samples: int, _sample_rate: int) -> Array:
    return rng.standard_normal(num_samples).astype(np.float32)


def _pulses(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """An engine: pulses whose rate drifts a little, over some hiss."""
    rate = math.exp(rng.uniform(math.log(4.0), math.log(400.0)))
    drift = np.interp(np.linspace(0.0, 1.0, num_samples), np.linspace(0.0, 1.0, 6), rng.normal(1.0, 0.05, 6))
    phase = np.cumsum(np.maximum(drift, 0.3) * rate / sample_rate) + rng.random()
    beats = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    out = 0.02 * rng.random() * rng.standard_normal(num_samples)
    out[beats] += rng.normal(1.0, rng.uniform(0.0, 0.4), len(beats)) * math.sqrt(sample_rate / rate)
    return out.astype(np.float32)


def _drops(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """Rain, fire, keys, steps: impulses at no particular moments, few of them large."""
    rate = math.exp(rng.uniform(math.log(1.0), math.log(400.0)))
    count = max(1, int(rng.poisson(rate * num_samples / sample_rate)))
    out = np.zeros(num_samples)
    np.add.at(out, rng.integers(0, num_samples, count), rng.exponential(1.0, count) ** 2)
    return out.astype(np.float32)


def _notes(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """Music, bells, alarms: tones with overtones, each holding its pitch and dying away."""
    out = np.zeros(num_samples)
    lowest = math.exp(rng.uniform(math.log(60.0), math.log(900.0)))
    spacing, place = rng.uniform(0.08, 1.0), 0.0
    fading, overtones = rng.uniform(0.1, 2.0), int(rng.integers(1, 9))
    while place * sample_rate < num_samples:
        start = int(place * sample_rate)
        time = np.arange(min(num_samples - start, int(min(2.5 * fading, 3.0) * sample_rate))) / sample_rate
        pitch = lowest * 2.0 ** (int(rng.integers(0, 25)) / 12.0)
        tone = sum(
            rng.uniform(0.2, 1.0) / n * np.sin(2.0 * np.pi * n * pitch * time)
            for n in range(1, overtones + 1)
            if n * pitch < 0.45 * sample_rate
        )
        out[start : start + len(time)] += tone * np.exp(-time / fading) * np.minimum(1.0, time / 0.005)
        place += spacing * rng.choice((0.5, 1.0, 1.0, 2.0))
    return out.astype(np.float32)


def _steady(_rng: np.random.Generator, num_samples: int, _sample_rate: int) -> Array:
    return np.ones(num_samples, np.float32)


def _periodic(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """A clock, a wheel, a pump: a bump again and again."""
    rate = math.exp(rng.uniform(math.log(0.4), math.log(15.0)))
    phase = (np.arange(num_samples) * rate / sample_rate + rng.random()) % 1.0
    return (rng.uniform(0.0, 0.5) + np.exp(-phase / rng.uniform(0.03, 0.5))).astype(np.float32)


def _wandering(rng: np.random.Generator, num_samples: int, sample_rate: int) -> Array:
    """Wind, sea, traffic: the loudness goes its own way, at speeds that speech has, too."""
    knots = 2 + int(num_samples / sample_rate * math.exp(rng.uniform(math.log(0.3), math.log(12.0))))
    level_db = rng.normal(0.0, rng.uniform(3.0, 12.0), knots)
    return (10.0 ** (np.interp(np.linspace(0, knots - 1, num_samples), np.arange(knots), level_db) / 20.0)).astype("f4")
