"""Chains: order, probability, JSON, and the same waveform whenever the params are the same."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.chain import Chain, Step, default_recognition_chain
from vivavoce.augment.level import Level
from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.pitch import Pitch
from vivavoce.augment.speed import Speed
from vivavoce.augment.tempo import Tempo
from vivavoce.errors import AudioError, ConfigError, DataError

RATE = 16000
LIBRARY = NoiseLibrary({"hiss": np.random.default_rng(0).standard_normal(30000).astype(np.float32)})
CHAIN = default_recognition_chain(LIBRARY, speeds=(0.9, 1.0, 1.1))
EVERYTHING = Chain(
    [Step(step.name, step.transform) for step in CHAIN.steps] + [Step("tempo", Tempo()), Step("pitch", Pitch())]
)


def speech(seed: int, num_samples: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(num_samples) * 0.1 * np.abs(np.sin(np.arange(num_samples) / 3000))).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30000), st.integers(0, 10_000), st.booleans())
def test_params_from_json_give_the_same_bits(num_samples: int, seed: int, everything: bool) -> None:
    chain = EVERYTHING if everything else CHAIN
    waveform = speech(seed, num_samples)
    before = waveform.copy()
    params = chain.draw(np.random.default_rng(seed), num_samples, RATE)
    changed = chain.apply(waveform, params)
    assert changed.dtype == np.float32
    assert changed.ndim == 1
    assert np.isfinite(changed).all()
    assert changed is not waveform
    np.testing.assert_array_equal(waveform, before)
    again = chain.params_from_dict(json.loads(json.dumps(params.to_dict())))
    assert again == params
    np.testing.assert_array_equal(chain.apply(waveform, again), changed)


def test_draws_depend_on_the_generator_alone_and_threads_agree() -> None:
    waveforms = [speech(seed, 9000 + seed) for seed in range(24)]

    def augment(number: int) -> np.ndarray:
        rng = np.random.default_rng((1, number))
        return CHAIN.apply(waveforms[number], CHAIN.draw(rng, len(waveforms[number]), RATE))

    alone = [augment(number) for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(augment, range(24)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_steps_are_applied_as_often_as_told() -> None:
    rng = np.random.default_rng(2)
    names = [name for _ in range(3000) for name, _ in CHAIN.draw(rng, 16000, RATE).steps]
    shares = {step.name: names.count(step.name) / 3000 for step in CHAIN.steps}
    assert shares["speed"] == shares["level"] == 1.0
    assert shares["noise"] == pytest.approx(0.4, abs=0.03)
    assert shares["reverb"] == pytest.approx(0.25, abs=0.03)
    assert shares["band_limit"] == pytest.approx(0.1, abs=0.02)


def test_the_default_leaves_speed_to_the_batches() -> None:
    chain = default_recognition_chain(LIBRARY)
    waveform = speech(3, 12345)
    for seed in range(20):
        assert chain.apply(waveform, chain.draw(np.random.default_rng(seed), 12345, RATE)).shape == waveform.shape


def test_silence_stays_silence() -> None:
    silence = np.zeros(8000, np.float32)
    for seed in range(40):
        assert not CHAIN.apply(silence, CHAIN.draw(np.random.default_rng(seed), 8000, RATE)).any()


def test_a_share_makes_room_noise_and_band_rarer() -> None:
    def count(share: float) -> dict[str, int]:
        chain = default_recognition_chain(LIBRARY, share=share)
        drawn = [chain.draw(np.random.default_rng(seed), 12345, RATE) for seed in range(400)]
        return Counter(name for params in drawn for name, _ in params.steps)

    usual, rarer, never = count(1.0), count(0.4), count(0.0)
    for name in ("reverb", "noise", "band_limit"):
        assert 0.2 * usual[name] < rarer[name] < 0.6 * usual[name]
    assert never == {"level": 400}
    telephones = default_recognition_chain(LIBRARY, share=0.5, narrow_share=1.0)
    drawn = [telephones.draw(np.random.default_rng(seed), 12345, RATE) for seed in range(400)]
    assert 0.4 < sum("band_limit" in dict(params.steps) for params in drawn) / 400 < 0.6


def test_steps_run_in_order() -> None:
    class Add:
        Params = dict

        def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> dict:
            return {}

        def apply(self, waveform: np.ndarray, params: dict) -> np.ndarray:
            return waveform + np.float32(1)

    class Double(Add):
        def apply(self, waveform: np.ndarray, params: dict) -> np.ndarray:
            return waveform * np.float32(2)

    chain = Chain([Step("add", Add()), Step("double", Double()), Step("never", Add(), 0.0)])
    params = chain.draw(np.random.default_rng(0), 3, RATE)
    np.testing.assert_array_equal(chain.apply(np.zeros(3, np.float32), params), [2, 2, 2])
    assert Chain([]).apply(np.ones(2, np.float32), Chain([]).draw(np.random.default_rng(0), 2, RATE)).tolist() == [1, 1]


def test_faults_are_named() -> None:
    with pytest.raises(ConfigError, match="once"):
        Chain([Step("level", Level()), Step("level", Level())])
    with pytest.raises(ConfigError, match=r"1\.5"):
        Chain([Step("speed", Speed(), 1.5)])
    with pytest.raises(DataError, match="echo"):
        CHAIN.params_from_dict({"steps": [{"name": "echo", "params": {}}]})
    with pytest.raises(DataError, match="gain"):
        CHAIN.params_from_dict({"steps": [{"name": "level", "params": {"gain": 3}}]})
    with pytest.raises(AudioError, match="mono"):
        CHAIN.apply(np.zeros((2, 100), np.float32), CHAIN.draw(np.random.default_rng(0), 100, RATE))
