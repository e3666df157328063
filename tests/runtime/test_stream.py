"""Streams: any chunking gives the text of the whole file, partial results grow towards it, faults change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.errors import AudioError, ConfigError
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.stream import RecognizerStream

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def recognizer(tiny_bundle: Path) -> Recognizer:
    return Recognizer(tiny_bundle)


def timed_words(stream: RecognizerStream, pieces: list[np.ndarray]) -> list[tuple[str, float, float]]:
    for piece in pieces:
        stream.accept(piece)
    return [(word.word, word.start_seconds, word.end_seconds) for word in stream.finish().words]


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 64000), max_size=40),
    chunk_frames=st.sampled_from([1, 2, 4, 16]),
    seed=st.integers(0, 3),
    decoder=st.sampled_from(["greedy", "beam"]),
)
def test_any_chunking_gives_the_whole_file(
    recognizer: Recognizer, babble: Babble, cuts: list[int], chunk_frames: int, seed: int, decoder: str
) -> None:
    waveform = babble(4.0, seed=seed)
    whole = Recognizer(recognizer.bundle, chunk_frames=chunk_frames, decoder=decoder)
    expected = [(w.word, w.start_seconds, w.end_seconds) for w in whole.transcribe(waveform).words]
    assert expected
    assert timed_words(whole.create_stream(), np.split(waveform, sorted(cuts))) == expected


def test_samples_one_by_one(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(0.5, seed=4)
    stream = recognizer.create_stream()
    for sample in waveform:
        stream.accept(np.array([sample]))
    assert stream.finish() == recognizer.transcribe(waveform)


def test_partial_results_grow(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(8.0, seed=5)
    stream = recognizer.create_stream()
    final = recognizer.transcribe(waveform)
    assert final.stable_words == len(final.words)
    stable = [word.word for word in final.words]
    previous = 0
    for start in range(0, len(waveform), 1600):
        stream.accept(waveform[start : start + 1600])
        partial = stream.result()
        assert partial.duration_seconds == pytest.approx(min(start + 1600, len(waveform)) / 16000)
        # All words but the last are final: greedy decoding never takes back what it has closed.
        assert final.text.split()[: max(0, len(partial.words) - 1)] == [word.word for word in partial.words[:-1]]
        assert len(partial.words) >= previous
        assert [word.word for word in partial.words[: partial.stable_words]] == stable[: partial.stable_words]
        assert len(partial.words) - partial.stable_words <= 1
        previous = len(partial.words)
    assert previous > 10
    assert stream.finish() == final


def test_a_result_changes_nothing(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(3.0, seed=6)
    stream = recognizer.create_stream()
    stream.accept(waveform[:30000])
    assert stream.result() == stream.result()
    stream.accept(waveform[30000:])
    assert stream.finish().text == recognizer.transcribe(waveform).text


def test_finish_and_reset_begin_anew(recognizer: Recognizer, babble: Babble) -> None:
    one, other = babble(3.0, seed=7), babble(2.0, seed=8)
    stream = recognizer.create_stream()
    stream.accept(one)
    first = stream.finish()
    stream.accept(other)
    second = stream.finish()
    stream.accept(one)
    stream.reset()
    assert stream.result().text == ""
    stream.accept(other)
    assert stream.finish() == second
    assert (first.text, second.text) == (recognizer.transcribe(one).text, recognizer.transcribe(other).text)
    assert stream.finish().text == ""


def test_streams_do_not_disturb_one_another(recognizer: Recognizer, babble: Babble) -> None:
    waveforms = [babble(3.0, seed=seed) for seed in (9, 10, 11)]
    streams = [recognizer.create_stream() for _ in waveforms]
    for start in range(0, 48000, 4800):
        for stream, waveform in zip(streams, waveforms, strict=True):
            stream.accept(waveform[start : start + 4800])
    assert [s.finish().text for s in streams] == [recognizer.transcribe(w).text for w in waveforms]


def test_a_fault_changes_nothing(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(2.0, seed=12)
    stream = recognizer.create_stream()
    stream.accept(waveform[:20000])
    for wrong in (np.zeros((2, 10), np.float32), np.zeros(10, np.int16), np.array([0.0, np.inf], np.float32)):
        with pytest.raises(AudioError):
            stream.accept(wrong)
    stream.accept(waveform[20000:])
    assert stream.finish() == recognizer.transcribe(waveform)


def test_another_look_ahead(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(4.0, seed=13)
    stream = recognizer.create_stream(chunk_frames=1)
    stream.accept(waveform)
    assert stream.finish().text == Recognizer(recognizer.bundle, chunk_frames=1).transcribe(waveform).text
    with pytest.raises(ConfigError, match="chunk_frames is 0"):
        recognizer.create_stream(chunk_frames=0)


@pytest.mark.parametrize("decoder", ["greedy", "beam"])
def test_a_short_chunk_is_shown_before_the_long_one(recognizer: Recognizer, babble: Babble, decoder: str) -> None:
    """What the short chunk reads stands behind what the long one holds, and is gone from the final text."""
    waveform = babble(6.0, seed=14)
    long, short = (Recognizer(recognizer.bundle, chunk_frames=n, decoder=decoder) for n in (16, 4))
    both, late, early = long.create_stream(live_chunk_frames=4), long.create_stream(), short.create_stream()
    sooner = 0
    for start in range(0, len(waveform), 1600):
        for stream in (both, late, early):
            stream.accept(waveform[start : start + 1600])
        shown, sure = both.result().text, late.result().text
        assert both.result().text == shown  # looking changes nothing
        if start + 1600 <= 16 * 1280:  # before the first long chunk is whole
            assert shown == early.result().text
        sooner += len(shown) > len(sure)
    assert sooner > 10
    assert both.finish() == late.finish() == long.transcribe(waveform)


def test_a_live_chunk_fits_the_chunk(recognizer: Recognizer) -> None:
    for wrong in (0, 3, 32):
        with pytest.raises(ConfigError, match=f"live_chunk_frames is {wrong}"):
            recognizer.create_stream(chunk_frames=16, live_chunk_frames=wrong)


@settings(max_examples=15, deadline=None)
@given(until=st.integers(0, 48000), size=st.integers(37, 5000), live=st.sampled_from([None, 2]))
def test_what_is_shown_depends_on_the_audio_alone(
    recognizer: Recognizer, babble: Babble, until: int, size: int, live: int | None
) -> None:
    waveform = babble(3.0, seed=11)[:until]
    once = recognizer.create_stream(8, live)
    once.accept(waveform)
    pieces = recognizer.create_stream(8, live)
    for start in range(0, until, size):
        pieces.accept(waveform[start : start + size])
        pieces.result()
    assert pieces.result() == once.result()


def test_the_caller_may_use_its_array_again(recognizer: Recognizer, babble: Babble) -> None:
    waveform = babble(2.0, seed=12)
    stream = recognizer.create_stream()
    buffer = np.empty(800, np.float32)
    for start in range(0, len(waveform), 800):
        buffer[:] = waveform[start : start + 800]
        stream.accept(buffer)
        buffer[:] = 0.5
    assert stream.finish() == recognizer.transcribe(waveform)
