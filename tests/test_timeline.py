"""The arithmetic of time against counting by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce import timeline
from vivavoce.errors import ConfigError

sizes = st.integers(1, 2000)


@given(st.integers(0, 5000), sizes, sizes)
def test_count_frames_counts_the_windows_that_fit(num_samples: int, win: int, hop: int) -> None:
    by_hand = sum(1 for start in range(0, num_samples, hop) if start + win <= num_samples)
    assert timeline.count_frames(num_samples, win, hop) == by_hand


@given(st.integers(1, 300), sizes, sizes)
def test_frames_to_samples_is_the_fewest_that_hold_them(num_frames: int, win: int, hop: int) -> None:
    fewest = timeline.frames_to_samples(num_frames, win, hop)
    assert timeline.count_frames(fewest, win, hop) == num_frames
    assert timeline.count_frames(fewest - 1, win, hop) == num_frames - 1


@given(st.integers(-(10**9), 10**9), st.sampled_from([8000, 11025, 16000, 44100, 48000]))
def test_samples_survive_seconds(num_samples: int, sample_rate: int) -> None:
    seconds = timeline.samples_to_seconds(num_samples, sample_rate)
    assert timeline.seconds_to_samples(seconds, sample_rate) == num_samples


def test_halves_round_away_from_zero() -> None:
    assert timeline.seconds_to_samples(0.5, 1) == 1
    assert timeline.seconds_to_samples(1.5, 1) == 2
    assert timeline.seconds_to_samples(-0.5, 1) == -1


def test_a_centred_frame_stands_on_every_multiple_of_the_hop() -> None:
    assert [timeline.count_centred_frames(n, 160) for n in (0, 1, 159, 160, 161, 320)] == [0, 1, 1, 2, 2, 3]


def test_frame_times() -> None:
    assert timeline.frame_start_seconds(100, 160, 16000) == pytest.approx(1.0)
    assert timeline.frame_end_seconds(0, 400, 160, 16000) == pytest.approx(0.025)
    assert timeline.frame_centre_seconds(1, 400, 160, 16000) == pytest.approx(0.0225)


@given(st.integers(0, 100_000))
def test_a_frame_has_begun_at_its_own_start(index: int) -> None:
    assert timeline.seconds_to_frame(timeline.frame_start_seconds(index, 160, 16000), 160, 16000) == index
    assert timeline.seconds_to_frame(timeline.frame_start_seconds(index, 160, 16000) + 0.009, 160, 16000) == index


def test_before_the_beginning_is_the_first_frame() -> None:
    assert timeline.seconds_to_frame(-3.0, 160, 16000) == 0


def test_tokens() -> None:
    assert timeline.steps_per_second(160, 4, 16000) == pytest.approx(25.0)
    assert timeline.token_start_seconds(25, 160, 4, 16000) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: timeline.count_frames(100, 0, 10), "win_length"),
        (lambda: timeline.count_frames(100, 10, 0), "hop_length"),
        (lambda: timeline.samples_to_seconds(100, 0), "sample_rate"),
        (lambda: timeline.steps_per_second(160, 0, 16000), "subsampling"),
    ],
)
def test_impossible_sizes_are_named(call, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        call()
