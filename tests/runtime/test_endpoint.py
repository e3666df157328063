"""Voice activity and end of turn: no chunking changes a bit; the rules against a search; what is no speech.

The search knows no state: it looks, from a place on, for the first stretch that is speech, and from there for the first
place where it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.audio import read_waveform
from vivavoce.augment.noise import is_test_noise
from vivavoce.dsp.features import features
from vivavoce.errors import AudioError, ConfigError, ModelError
from vivavoce.models.voice_activity import VoiceActivityNet
from vivavoce.runtime.activity_model import ActivityModel, default_activity_bundle
from vivavoce.runtime.endpoint import Endpointer, EndpointRules, FrameEndpointer, FrameEvent, VoiceActivity

Babble = Callable[..., np.ndarray]
RULES = EndpointRules(0.6, 0.4, 0.03, 0.05, 0.3, 0.02)


@pytest.fixture(scope="module")
def made(tiny_detector: tuple[VoiceActivityNet, Path]) -> tuple[VoiceActivityNet, ActivityModel]:
    """The tiny detector, opened."""
    net, folder = tiny_detector
    return net, ActivityModel(folder)


@pytest.fixture(scope="module")
def trained() -> ActivityModel:
    """The package's own; tests that need it are skipped where it is absent."""
    try:
        return ActivityModel(default_activity_bundle())
    except ModelError:
        pytest.skip("no voice activity bundle in the package")


def search(probabilities: Sequence[float], rules: EndpointRules) -> list[FrameEvent]:
    """All events of a whole sequence, with frames of 10 ms."""
    total = len(probabilities)
    minimum = max(1, round(100 * rules.minimum_speech_seconds))
    silence = max(1, round(100 * rules.trailing_silence_seconds))
    maximum = max(minimum + 1, round(100 * rules.maximum_seconds))
    padding = round(100 * rules.padding_seconds)
    loud = [p >= rules.threshold for p in probabilities]
    kept = [p >= rules.release_threshold for p in probabilities]
    events, place, free = [], 0, 0
    while True:
        starts = [t for t in range(place, total - minimum + 1) if loud[t] and all(kept[t : t + minimum])]
        if not starts:
            return events
        first = starts[0]
        events.append(FrameEvent("speech_started", max(free, first - padding), first + minimum - 1))
        for now in range(first + minimum, total):
            last = max(t for t in range(first, now + 1) if kept[t])
            quiet = now - last >= silence
            if quiet or now - first + 1 >= maximum:
                free = min(last + 1 + padding, now + 1)
                events.append(FrameEvent("speech_ended", free, now, "silence" if quiet else "length"))
                place = now + 1
                break
        else:
            last = max(t for t in range(first, total) if kept[t])
            events.append(FrameEvent("speech_ended", min(last + 1 + padding, total), total - 1, "finish"))
            return events


LEVELS = st.sampled_from([0.1, 0.39, 0.4, 0.5, 0.6, 0.9])
STRETCHES = st.lists(st.tuples(LEVELS, st.integers(1, 9)), max_size=25)
ALL_RULES = st.builds(
    lambda minimum, silence, more, padding: EndpointRules(
        0.6, 0.4, minimum / 100, silence / 100, (minimum + more) / 100, min(padding, silence) / 100
    ),
    st.integers(0, 6),
    st.integers(0, 8),
    st.integers(1, 25),
    st.integers(0, 5),
)


@settings(max_examples=300, deadline=None)
@given(STRETCHES, ALL_RULES, st.lists(st.integers(0, 200), max_size=6))
def test_the_rules_are_those_of_the_search(
    stretches: list[tuple[float, int]], rules: EndpointRules, cuts: list[int]
) -> None:
    probabilities = [level for level, count in stretches for _ in range(count)]
    machine = FrameEndpointer(rules)
    events = [event for piece in np.split(np.array(probabilities), sorted(cuts)) for event in machine.accept(piece)]
    events += machine.finish()
    assert events == search(probabilities, rules)
    assert [event.kind for event in events] == ["speech_started", "speech_ended"] * (len(events) // 2)
    frames = [event.frame for event in events]
    assert frames == sorted(frames)  # utterances lie behind one another
    assert not frames or (frames[0] >= 0 and frames[-1] <= len(probabilities))
    assert machine.finish() == []


def test_what_the_rules_mean() -> None:
    """One utterance with a pause that is too short to end it; then one that is cut at its greatest length."""
    machine = FrameEndpointer(RULES)
    events = machine.accept([0.1] * 5 + [0.9] * 4 + [0.1] * 4 + [0.9] * 3 + [0.5] * 2 + [0.1] * 5)
    assert events == [FrameEvent("speech_started", 3, 7), FrameEvent("speech_ended", 20, 22, "silence")]
    assert not machine.speaking
    events = machine.accept([0.9] * 40)
    assert events == [
        FrameEvent("speech_started", 21, 25),
        FrameEvent("speech_ended", 53, 52, "length"),
        FrameEvent("speech_started", 53, 55),
    ]
    assert machine.speaking
    assert machine.finish() == [FrameEvent("speech_ended", 63, 62, "finish")]
    machine.accept([0.9] * 10)
    machine.reset()
    assert machine.accept([0.9] * 3)[0].frame == 0


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 24000), max_size=30), seed=st.integers(0, 3))
def test_any_chunking_gives_the_same_bits(
    made: tuple[VoiceActivityNet, ActivityModel], babble: Babble, cuts: list[int], seed: int
) -> None:
    waveform = babble(1.5, seed=seed)
    whole = VoiceActivity(made[1]).probabilities(waveform)
    stream, endpointer = VoiceActivity(made[1]), Endpointer(made[1], RULES)
    pieces, events = [], []
    for samples in np.split(waveform, sorted(cuts)):
        pieces.append(stream.accept(samples))
        events += endpointer.accept(samples)
    pieces.append(stream.finish())
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    other = Endpointer(made[1], RULES)
    assert [*events, *endpointer.finish()] == [*other.accept(waveform), *other.finish()]


def test_samples_one_by_one(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    waveform = babble(0.2, seed=4)
    stream = VoiceActivity(made[1])
    pieces = [stream.accept(waveform[i : i + 1]) for i in range(len(waveform))]
    assert np.concatenate([*pieces, stream.finish()]).tobytes() == stream.probabilities(waveform).tobytes()


def test_the_stream_is_torch_over_the_whole(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    """Frame t is answered by output t + 3; behind the end the last frame is repeated."""
    net, model = made
    waveform = babble(2.0, seed=5)
    rows = features(waveform)
    rows = np.concatenate([rows, np.repeat(rows[-1:], 3, axis=0)])
    with torch.inference_mode():
        expected = torch.sigmoid(net(torch.from_numpy(rows[None])).logits)[0, 3:].numpy()
    found = VoiceActivity(model).probabilities(waveform)
    assert len(found) == 1 + (len(waveform) - 400) // 160
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.min() < 0.3 < 0.7 < found.max()


def test_answers_come_as_soon_as_they_can(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    stream, told = VoiceActivity(made[1]), 0
    waveform = babble(0.5, seed=6)
    for start in range(0, len(waveform), 80):
        told += len(stream.accept(waveform[start : start + 80]))
        frames = max(0, 1 + (min(start + 80, len(waveform)) - 400) // 160)
        assert told == max(0, frames - 3)


def test_finish_and_reset_begin_anew(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    one, other = babble(0.7, seed=7), babble(0.6, seed=8)
    stream = VoiceActivity(made[1])
    expected = VoiceActivity(made[1]).probabilities(other)
    stream.accept(one)
    stream.finish()
    assert np.array_equal(np.concatenate([stream.accept(other), stream.finish()]), expected)
    stream.accept(one)
    stream.reset()
    assert np.array_equal(np.concatenate([stream.accept(other), stream.finish()]), expected)
    assert len(stream.finish()) == 0
    assert len(stream.probabilities(one[:399])) == 0


def test_a_fault_changes_nothing(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    waveform = babble(1.0, seed=9)
    endpointer = Endpointer(made[1], RULES)
    events = endpointer.accept(waveform[:7000])
    for wrong in (np.zeros((2, 10), np.float32), np.zeros(10, np.int16), np.array([0.0, np.nan], np.float32)):
        with pytest.raises(AudioError):
            endpointer.accept(wrong)
    events += [*endpointer.accept(waveform[7000:]), *endpointer.finish()]
    other = Endpointer(made[1], RULES)
    assert events == [*other.accept(waveform), *other.finish()]


def test_seconds(made: tuple[VoiceActivityNet, ActivityModel], monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame stands for the 10 ms around its middle, 12.5 ms behind its first sample."""
    endpointer = Endpointer(made[1], RULES)
    told = np.array([0.1] * 10 + [0.9] * 6 + [0.1] * 8 + [0.9] * 6, np.float32)
    monkeypatch.setattr(endpointer._activity, "accept", lambda samples: told)
    monkeypatch.setattr(endpointer._activity, "finish", lambda: told[:0])
    started, ended, again = endpointer.accept(np.zeros(8000, np.float32))
    assert (started.kind, started.seconds, started.decided_seconds) == ("speech_started", 0.0875, 0.175)
    assert (ended.kind, ended.seconds, ended.reason) == ("speech_ended", 0.1875, "silence")
    assert ended.decided_seconds == pytest.approx((20 + 3) * 0.01 + 0.025)
    assert endpointer.speaking
    assert again.seconds == 0.2275
    (last,) = endpointer.finish()
    assert (last.seconds, last.reason) == (0.3075, "finish")
    assert not endpointer.speaking


def test_segments_begin_and_end(made: tuple[VoiceActivityNet, ActivityModel], babble: Babble) -> None:
    waveform = babble(3.0, seed=10)
    endpointer = Endpointer(made[1], RULES)
    events = [*endpointer.accept(waveform), *endpointer.finish()]
    segments = endpointer.segments(waveform)
    assert segments
    assert [t for s in segments for t in (s.start_seconds, s.end_seconds)] == [event.seconds for event in events]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"threshold": 0.3}, "release_threshold 0.5"),
        ({"release_threshold": 0.0}, "release_threshold 0.0"),
        ({"padding_seconds": 0.7}, "padding of at most the trailing silence"),
        ({"padding_seconds": -0.1}, "none below 0"),
        ({"minimum_speech_seconds": -0.1}, "none below 0"),
        ({"maximum_seconds": 0.1}, "maximum_seconds is 0.1"),
    ],
)
def test_impossible_rules(wrong: dict[str, float], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        EndpointRules(**wrong)
    with pytest.raises(ConfigError, match="frame_seconds is 0"):
        FrameEndpointer(frame_seconds=0)


def test_silence_and_noise_are_no_speech(trained: ActivityModel) -> None:
    endpointer, rng = Endpointer(trained), np.random.default_rng(0)
    count = 10 * 16000
    white = rng.standard_normal(count)
    brown = np.cumsum(white) - np.convolve(np.cumsum(white), np.ones(1600) / 1600, "same")
    hum = np.sin(2 * np.pi * 50 * np.arange(count) / 16000) + 0.3 * np.sin(2 * np.pi * 150 * np.arange(count) / 16000)
    for sound in (np.zeros(count), white, brown / brown.std(), hum):
        for level in (1e-4, 1e-2, 0.1):
            assert endpointer.segments((level * sound).astype(np.float32)) == []


def test_recorded_noise_is_hardly_ever_speech(trained: ActivityModel, data_root: Path) -> None:
    """The files that training never heard: told to be speech for less than a tenth of their time (docs/lab-log.md)."""
    endpointer = Endpointer(trained)
    paths = [path for path in sorted((data_root / "noise").rglob("*.*")) if is_test_noise(path)]
    heard = spoken = 0.0
    for path in paths[::3]:
        waveform = read_waveform(path, 16000)[: 10 * 16000]
        heard += len(waveform) / 16000
        spoken += sum(s.end_seconds - s.start_seconds for s in endpointer.segments(waveform))
    assert heard > 60.0
    assert spoken < 0.1 * heard


def test_speech_is_found_between_silences(trained: ActivityModel, data_root: Path) -> None:
    path = sorted((data_root / "librispeech" / "test-dev-clean-4").rglob("*.mp3"))[0]
    waveform = read_waveform(path, 16000)[: 6 * 16000]
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(waveform) + 4 * 16000)
    noise[2 * 16000 : -2 * 16000] += waveform
    segments = Endpointer(trained).segments(noise.astype(np.float32))
    assert 1.8 < segments[0].start_seconds < 3.0
    assert 7.0 < segments[-1].end_seconds < 8.4
    assert sum(s.end_seconds - s.start_seconds for s in segments) > 4.0
