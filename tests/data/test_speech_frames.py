"""Labels by level: runs against a loop over frames, a made recording whose speech is known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.data.speech_frames import SpeechRule, runs, speech_frames, tidy_runs
from vivavoce.errors import ConfigError

RATE = 16000


def decibels(level: float) -> float:
    return 10.0 ** (level / 20.0)


def recording(*parts: tuple[float, float], seed: int = 0) -> np.ndarray:
    """White noise in stretches of (seconds, level in dB)."""
    rng = np.random.default_rng(seed)
    made = [decibels(level) * rng.standard_normal(round(seconds * RATE)) for seconds, level in parts]
    return np.concatenate(made).astype(np.float32)


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 6), st.integers(0, 6))
def test_runs_are_tidied_as_a_loop_would(bits: list[bool], fill: int, shortest: int) -> None:
    filled = list(bits)
    for i, bit in enumerate(bits):
        if not bit:
            before, after = i, i
            while before >= 0 and not bits[before]:
                before -= 1
            while after < len(bits) and not bits[after]:
                after += 1
            filled[i] = before >= 0 and after < len(bits) and after - before - 1 <= fill
    expected = list(filled)
    for i, bit in enumerate(filled):
        if bit:
            before, after = i, i
            while before >= 0 and filled[before]:
                before -= 1
            while after < len(filled) and filled[after]:
                after += 1
            expected[i] = after - before - 1 >= shortest
    assert tidy_runs(np.array(bits, bool), fill, shortest).tolist() == expected


@given(st.lists(st.booleans(), max_size=40))
def test_runs_rebuild_the_mask(bits: list[bool]) -> None:
    starts, ends = runs(np.array(bits, bool))
    rebuilt = np.zeros(len(bits), bool)
    for start, end in zip(starts, ends, strict=True):
        assert start < end
        assert not rebuilt[max(0, start - 1) : end].any()
        rebuilt[start:end] = True
    assert rebuilt.tolist() == bits


def test_a_made_recording() -> None:
    """Loud, closure, loud, something weak, background, click, background."""
    parts = ((0.5, -20), (0.1, -70), (0.5, -20), (0.3, -52), (0.6, -75), (0.02, -20), (0.6, -75))
    waveform = recording(*parts)
    found = speech_frames(waveform, RATE)
    assert found is not None
    assert len(found.speech) == len(found.sure) == 1 + (len(waveform) - 400) // 160
    seconds = np.arange(len(found.speech)) * 0.01 + 0.0125
    inside = (seconds < 1.09) & ~((seconds > 0.49) & (seconds < 0.61))
    assert found.speech[inside].all()
    assert found.sure[inside].all()
    assert found.speech[(seconds > 0.51) & (seconds < 0.59)].all()  # a closure is part of its word
    weak = (seconds > 1.13) & (seconds < 1.38)
    assert not found.sure[weak].any()
    quiet = seconds > 1.45  # the click among it
    assert found.sure[quiet].all()
    assert not found.speech[quiet].any()


def test_a_change_of_level_changes_nothing() -> None:
    waveform = recording((0.3, -90), (1.0, -20), (0.4, -65), (0.7, -25), (0.5, -70))
    loud, soft = speech_frames(waveform, RATE), speech_frames(waveform * np.float32(0.05), RATE)
    assert loud is not None
    assert soft is not None
    assert np.array_equal(loud.speech, soft.speech)
    assert np.array_equal(loud.sure, soft.sure)


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(RATE, np.float32),
        np.zeros(0, np.float32),
        recording((0.02, -20)),
        recording((1.0, -20), (1.0, -40)),  # the background is too loud
        recording((2.0, -20)),  # no pause shows the background
    ],
)
def test_what_cannot_be_labelled(waveform: np.ndarray) -> None:
    assert speech_frames(waveform, RATE) is None


def test_impossible_rules() -> None:
    with pytest.raises(ConfigError, match=r"high_db is 50\.0"):
        SpeechRule(high_db=50.0)
    with pytest.raises(ConfigError, match=r"floor_quantile is 0\.0"):
        SpeechRule(floor_quantile=0.0)
