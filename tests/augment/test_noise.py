"""Ratios reached, the library, the split, and the colours."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.augment.level import active_power
from vivavoce.augment.noise import COLOURS, Noise, NoiseLibrary, NoiseParams, is_test_noise
from vivavoce.errors import ConfigError, DataError

RATE = 16000
DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def bursts(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Something like speech: noise that comes and goes, with pauses."""
    envelope = np.maximum(0.0, np.sin(2 * np.pi * 3.1 * np.arange(num_samples) / RATE + rng.uniform(0, 6)))
    return (rng.standard_normal(num_samples) * envelope * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def library() -> NoiseLibrary:
    rng = np.random.default_rng(3)
    return NoiseLibrary(
        {
            "short": rng.standard_normal(5000).astype(np.float32),
            "long": np.cumsum(rng.standard_normal(60000)).astype(np.float32) * np.float32(1e-3),
            "silent": np.zeros(20000, np.float32),
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(-10, 40), st.integers(3200, 40000), st.sampled_from(["short", "long", *COLOURS]), st.integers(0, 99))
def test_the_ratio_is_reached(snr_db: float, num_samples: int, source: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = NoiseLibrary({"short": rng.standard_normal(5000), "long": np.cumsum(rng.standard_normal(60000)) * 1e-3})
    speech = bursts(rng, num_samples)
    mixed = Noise(made).apply(speech, NoiseParams(source, float(rng.random()), snr_db, RATE))
    assert mixed.dtype == np.float32
    assert mixed.shape == speech.shape
    added = mixed.astype(np.float64) - speech
    reached = 10 * np.log10(active_power(speech, RATE) / np.mean(added**2))
    assert reached == pytest.approx(snr_db, abs=0.1)


def test_pauses_do_not_lower_the_noise(library: NoiseLibrary) -> None:
    rng = np.random.default_rng(4)
    speech = rng.standard_normal(RATE).astype(np.float32) * np.float32(0.1)
    padded = np.concatenate([speech, np.zeros(3 * RATE, np.float32)])
    params = NoiseParams("white", 0.2, 10.0, RATE)
    short, long = Noise(library).apply(speech, params), Noise(library).apply(padded, params)
    np.testing.assert_allclose(np.std(long - padded), np.std(short - speech), rtol=0.02)


def test_silence_stays_as_it_is(library: NoiseLibrary) -> None:
    silence = np.zeros(4000, np.float32)
    assert np.array_equal(Noise(library).apply(silence, NoiseParams("long", 0.5, 10, RATE)), silence)
    assert Noise(library).apply(silence[:0], NoiseParams("pink", 0.5, 10, RATE)).shape == (0,)


def test_silent_recordings_are_left_out_and_an_empty_library_is_a_fault(library: NoiseLibrary) -> None:
    assert library.names == ("long", "short")
    with pytest.raises(DataError, match="silent"):
        NoiseLibrary({"silent": np.zeros(20000, np.float32)})
    with pytest.raises(DataError, match="unheard"):
        Noise(library).apply(np.ones(4000, np.float32), NoiseParams("unheard", 0.0, 10, RATE))


def test_repeats_without_a_click() -> None:
    seconds = np.arange(RATE) / RATE
    hum = np.sin(2 * np.pi * 103.7 * seconds).astype(np.float32)  # no whole number of periods
    library = NoiseLibrary({"hum": hum})
    excerpt = library.excerpt("hum", 12345, 5 * RATE)
    assert excerpt.shape == (5 * RATE,)
    steepest = 2 * np.pi * 103.7 / RATE
    assert np.abs(np.diff(excerpt)).max() < 1.6 * steepest
    assert np.abs(np.diff(np.resize(hum, 5 * RATE))).max() > 5 * steepest


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -10.0), ("brown", -20.0)])
def test_colours_fall_as_they_should(colour: str, slope: float) -> None:
    speech = bursts(np.random.default_rng(5), 20 * RATE)
    noise = Noise().apply(speech, NoiseParams(colour, 0.0, 0.0, RATE)).astype(np.float64) - speech
    power = np.abs(np.fft.rfft(noise * np.hanning(len(noise)))) ** 2
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    bands = [10 * np.log10(power[(hertz > f) & (hertz < 1.25 * f)].mean()) for f in (100.0, 1000.0, 5000.0)]
    assert bands[1] - bands[0] == pytest.approx(slope, abs=1.0)
    assert bands[2] - bands[1] == pytest.approx(slope * np.log10(5), abs=1.0)


def test_draws_cover_the_ranges(library: NoiseLibrary) -> None:
    noise, rng = Noise(library, 5, 25, colour_probability=0.25), np.random.default_rng(6)
    drawn = [noise.draw(rng, 100, RATE) for _ in range(1000)]
    ratios = np.array([params.snr_db for params in drawn])
    assert 5 <= ratios.min() < 5.5
    assert 24.5 < ratios.max() <= 25
    assert sum(params.source in COLOURS for params in drawn) == pytest.approx(250, abs=50)
    assert {params.source for params in drawn} == {"short", "long", *COLOURS}
    assert {Noise().draw(rng, 100, RATE).source for _ in range(50)} == set(COLOURS)
    with pytest.raises(ConfigError, match="8000 Hz"):
        Noise(library, colour_probability=0.0).draw(rng, 100, 8000)
    with pytest.raises(ConfigError, match="purple"):
        Noise(colours=("purple",))


def test_the_split_is_by_recording_and_about_one_in_five() -> None:
    names = [f"{fold}-{number}-A.wav" for fold in range(1, 6) for number in range(1000, 1200)]
    assert np.mean([is_test_noise(name) for name in names]) == pytest.approx(0.2, abs=0.04)
    for name in names[:200]:
        files = [f"{folder}/{name[:-5]}{take}" for folder in ("a", "b/c") for take in "ABCDE"]
        assert len({is_test_noise(file + ending) for file in files for ending in (".opus", "-40.wav")}) == 1
    # Written down, because a model card says which noises its model has heard.
    assert [n for n in range(1, 9) if is_test_noise(f"noise{n}.wav")] == [1]


def test_folders_are_split_without_rest(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    for number in range(12):
        folder = tmp_path / f"kind{number % 2}"
        folder.mkdir(exist_ok=True)
        sf.write(folder / f"{number}.wav", rng.uniform(-0.5, 0.5, 8000), RATE)
    parts = {part: NoiseLibrary.from_folder(tmp_path, part=part).names for part in ("train", "test", "all")}
    assert sorted(parts["train"] + parts["test"]) == list(parts["all"])
    assert len(parts["all"]) == 12
    assert all(is_test_noise(name) for name in parts["test"])
    with pytest.raises(DataError, match="no sound files"):
        NoiseLibrary.from_folder(tmp_path / "kind0" / "none")
    with pytest.raises(ConfigError, match="half"):
        NoiseLibrary.from_folder(tmp_path, part="half")  # type: ignore[arg-type]


@pytest.mark.skipif(not (DATA / "noise").is_dir(), reason="the data folder is not beside the project")
def test_real_noises_load_and_add() -> None:
    paths = sorted((DATA / "noise" / "speechbrain").glob("*.flac")) + sorted(
        (DATA / "noise" / "esc10").rglob("3-*.opus")
    )
    library = NoiseLibrary.from_files(paths[:25], folder=DATA / "noise", part="all")
    speech = bursts(np.random.default_rng(8), 3 * RATE)
    for name in library.names:
        mixed = Noise(library).apply(speech, NoiseParams(name, 0.9, 12.0, RATE))
        added = mixed.astype(np.float64) - speech
        assert 10 * np.log10(active_power(speech, RATE) / np.mean(added**2)) == pytest.approx(12.0, abs=0.1)
