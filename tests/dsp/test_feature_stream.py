"""Streams give the same bits as whole utterances, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivavoce.dsp.features import FeatureConfig, FeatureStream, features, iterate_features
from vivavoce.errors import AudioError

CONFIGS = {
    "recogniser": FeatureConfig(),
    "mfcc": FeatureConfig(kind="mfcc", deltas=2),
    "kaldi": FeatureConfig.kaldi(),
    "kaldi mfcc": FeatureConfig.kaldi_mfcc(),
    "whisper": FeatureConfig.whisper(),
    "librosa mfcc": FeatureConfig.librosa_mfcc(sample_rate=16000, n_fft=512, win_length=400, hop_length=160, deltas=1),
    "centred, last dropped": FeatureConfig(padding="zero", drop_last=True),
    "dithered": FeatureConfig(dither=1e-3, padding="reflect"),
    "hop longer than window": FeatureConfig(
        win_length=100, n_fft=128, hop_length=333, padding="reflect", drop_last=True
    ),
    "tiny hop, odd window": FeatureConfig(win_length=101, n_fft=128, hop_length=7, kind="mfcc", deltas=1),
}
WAVEFORM = (0.1 * np.random.default_rng(0).standard_normal(60000)).astype(np.float32)


def streamed(waveform: np.ndarray, config: FeatureConfig, cuts: list[int]) -> np.ndarray:
    stream = FeatureStream(config)
    rows = [stream.accept(chunk) for chunk in np.split(waveform, sorted(min(cut, len(waveform)) for cut in cuts))]
    return np.concatenate([*rows, stream.finish()])


@pytest.mark.parametrize("name", CONFIGS)
@given(length=st.integers(700, 60000), cuts=st.lists(st.integers(0, 60000), max_size=40))
@example(length=60000, cuts=[])
@example(length=60000, cuts=list(range(160, 60000, 160)))
@example(length=20881, cuts=[20880])  # 129 frames: one more than a block
@example(length=701, cuts=list(range(701)))
@settings(max_examples=12, deadline=None)
def test_every_chunking_gives_the_same_bits(name: str, length: int, cuts: list[int]) -> None:
    waveform = WAVEFORM[:length]
    expected = features(waveform, CONFIGS[name])
    result = streamed(waveform, CONFIGS[name], cuts)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("name", CONFIGS)
def test_single_samples_give_the_same_bits(name: str) -> None:
    waveform = WAVEFORM[:3000]
    result = streamed(waveform, CONFIGS[name], list(range(1, 3000)))
    np.testing.assert_array_equal(result, features(waveform, CONFIGS[name]))


def test_frames_come_as_soon_as_they_are_complete() -> None:
    stream = FeatureStream()
    assert len(stream.accept(WAVEFORM[:399])) == 0
    assert len(stream.accept(WAVEFORM[399:400])) == 1
    assert len(stream.accept(WAVEFORM[400:559])) == 0
    assert len(stream.accept(WAVEFORM[559:720])) == 2
    assert stream.finish().shape == (0, 80)


def test_looking_ahead_delays_by_no_more_than_it_needs() -> None:
    config = FeatureConfig(kind="mfcc", deltas=1, delta_width=5)
    stream = FeatureStream(config)
    assert stream.accept(WAVEFORM[: 400 + 9 * 160]).shape == (8, 26)
    assert stream.finish().shape == (2, 26)


def test_a_finished_or_reset_stream_begins_anew() -> None:
    for config in (FeatureConfig(), FeatureConfig.whisper(), FeatureConfig(dither=0.01)):
        stream = FeatureStream(config)
        first = np.concatenate([stream.accept(WAVEFORM[:5000]), stream.finish()])
        stream.accept(WAVEFORM[5000:9000])
        stream.reset()
        again = np.concatenate([stream.accept(WAVEFORM[:5000]), stream.finish()])
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", CONFIGS)
def test_an_empty_stream_has_no_frames(name: str) -> None:
    stream = FeatureStream(CONFIGS[name])
    width = CONFIGS[name].num_features
    assert stream.accept(np.empty(0, np.float32)).shape == (0, width)
    assert stream.finish().shape == (0, width)


def test_a_faulty_chunk_leaves_the_stream_as_it_was() -> None:
    stream = FeatureStream()
    rows = [stream.accept(WAVEFORM[:1000])]
    with pytest.raises(AudioError, match="nan"):
        stream.accept(np.array([0.0, np.nan], np.float32))
    with pytest.raises(AudioError, match="shape"):
        stream.accept(np.zeros((2, 3), np.float32))
    rows.append(stream.accept(WAVEFORM[1000:5000]))
    np.testing.assert_array_equal(np.concatenate(rows), features(WAVEFORM[:5000]))


def test_iterated_blocks_give_the_same_bits() -> None:
    blocks = [WAVEFORM[:100], WAVEFORM[100:100], WAVEFORM[100:50000], WAVEFORM[50000:]]
    for config in (FeatureConfig(), FeatureConfig.whisper()):
        np.testing.assert_array_equal(
            np.concatenate(list(iterate_features(blocks, config))), features(WAVEFORM, config)
        )


def test_streams_that_take_turns_do_not_disturb_each_other() -> None:
    streams = [FeatureStream(config) for config in CONFIGS.values()]
    rows: list[list[np.ndarray]] = [[] for _ in streams]
    for start in range(0, 12000, 750):
        for stream, collected in zip(streams, rows, strict=True):
            collected.append(stream.accept(WAVEFORM[start : start + 750]))
    for config, stream, collected in zip(CONFIGS.values(), streams, rows, strict=True):
        result = np.concatenate([*collected, stream.finish()])
        np.testing.assert_array_equal(result, features(WAVEFORM[:12000], config))
