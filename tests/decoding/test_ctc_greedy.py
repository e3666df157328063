"""Greedy decoding against a loop written from the definition, and the stream against the whole."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.decoding.ctc_greedy import GreedyStream, ctc_greedy, join_results


def random_log_probs(rng: np.random.Generator, frames: int, vocabulary: int, sticky: float = 0.6) -> np.ndarray:
    """Log-probabilities whose best token tends to stay, so that there are runs."""
    logits = rng.standard_normal((frames, vocabulary))
    for frame in range(1, frames):
        if rng.random() < sticky:
            logits[frame] = logits[frame - 1] + 0.1 * rng.standard_normal(vocabulary)
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("blank_id", [0, 2])
@pytest.mark.parametrize("frames", [0, 1, 2, 7, 200])
def test_equals_the_definition(frames: int, blank_id: int) -> None:
    log_probs = random_log_probs(np.random.default_rng(frames), frames, 4)
    expected = []
    for token, run in groupby(range(frames), key=lambda frame: int(log_probs[frame].argmax())):
        places = list(run)
        if token != blank_id:
            mean = np.mean([float(log_probs[frame, token]) for frame in places])
            expected.append((token, places[0], places[-1] + 1, mean))
    result = ctc_greedy(log_probs, blank_id)
    assert result.token_ids.tolist() == [row[0] for row in expected]
    assert result.start_frames.tolist() == [row[1] for row in expected]
    assert result.end_frames.tolist() == [row[2] for row in expected]
    np.testing.assert_allclose(result.log_probs, [row[3] for row in expected], rtol=1e-6, atol=1e-7)
    assert result.log_probs.dtype == np.float32
    assert ((result.confidences >= 0) & (result.confidences <= 1)).all()


def test_a_doubled_letter_needs_a_blank_between() -> None:
    path = [1, 1, 0, 1, 2, 2, 0, 0, 2]
    log_probs = np.log(np.full((len(path), 3), 0.05))
    log_probs[np.arange(len(path)), path] = np.log(0.9)
    assert ctc_greedy(log_probs).token_ids.tolist() == [1, 1, 2, 2]


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(0, 60), blank_id=st.integers(0, 2), data=st.data())
def test_the_stream_equals_the_whole_for_every_chunking(
    seed: int, frames: int, blank_id: int, data: st.DataObject
) -> None:
    log_probs = random_log_probs(np.random.default_rng(seed), frames, 3, sticky=0.8)
    cuts = sorted(data.draw(st.lists(st.integers(0, frames), max_size=12)))
    stream = GreedyStream(blank_id)
    pieces = []
    for first, last in zip([0, *cuts], [*cuts, frames], strict=True):
        pieces.append(stream.accept(log_probs[first:last]))
        so_far = join_results([*pieces, stream.open])
        whole = ctc_greedy(log_probs[:last], blank_id)
        np.testing.assert_array_equal(so_far.token_ids, whole.token_ids)
        np.testing.assert_array_equal(so_far.end_frames, whole.end_frames)
    pieces.append(stream.finish())
    joined, whole = join_results(pieces), ctc_greedy(log_probs, blank_id)
    for name in ("token_ids", "start_frames", "end_frames", "log_probs"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name), err_msg=name)


def test_a_stream_can_be_used_again_and_keeps_no_silence() -> None:
    log_probs = random_log_probs(np.random.default_rng(3), 50, 3)
    stream = GreedyStream()
    stream.accept(log_probs[:20])
    stream.finish()
    again = join_results([stream.accept(log_probs), stream.finish()])
    np.testing.assert_array_equal(again.start_frames, ctc_greedy(log_probs).start_frames)
    silence = np.log(np.array([[0.98, 0.01, 0.01]], np.float32))
    for _ in range(50):
        assert not len(stream.accept(np.repeat(silence, 100, axis=0)).token_ids)
    assert len(stream._best) <= 1
    assert stream.accept(np.log(np.array([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]))).start_frames.tolist() == [5000]


def test_joining_nothing_gives_nothing() -> None:
    assert join_results([]).token_ids.shape == (0,)


@pytest.mark.parametrize(("shape", "blank_id"), [((5,), 0), ((5, 3, 2), 0), ((5, 3), 3), ((5, 3), -1)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...], blank_id: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        ctc_greedy(np.zeros(shape), blank_id)
