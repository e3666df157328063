"""Peaks become words: the rule by example, and what must hold of its times for any text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding.alignment_words import AlignedText, WordTiming, align_text, character_times
from vivavoce.errors import ConfigError, TextError
from vivavoce.text.alphabet import Alphabet

ALPHABET = Alphabet.characters()
FRAME_SECONDS = 0.04


def peaks(text: str, places: list[int], frames: int) -> np.ndarray:
    """Log-probabilities of sure blanks, and each character of a text at its frame."""
    probs = np.full((frames, len(ALPHABET)), 0.001)
    probs[:, 0] = 0.972
    for token, place in zip(ALPHABET.encode(text), places, strict=True):
        probs[place, [0, token]] = probs[place, [token, 0]]
    return np.log(probs).astype(np.float32)


def times(aligned: AlignedText) -> list[tuple[str, float, float]]:
    return [(word.word, round(word.start_seconds, 6), round(word.end_seconds, 6)) for word in aligned.words]


def test_words_meet_in_short_gaps_and_part_at_pauses() -> None:
    timing = WordTiming(lag_seconds=0.02, trail_seconds=0.05, pause_seconds=0.3, share=0.25)
    log_probs = peaks("an ox it", [10, 13, 16, 20, 22, 25, 50, 53], 60)
    aligned = align_text(log_probs, "An ox it.", ALPHABET, FRAME_SECONDS, 2.4, timing=timing)
    # "An" ends at 14 * 0.04 - 0.02 + 0.05 = 0.59, "ox" begins at 20 * 0.04 - 0.02 = 0.78: they meet after a quarter of
    # 0.19 s. "ox" ends at 0.95, "it." begins at 1.98: a pause.
    assert times(aligned) == [("An", 0.38, 0.6375), ("ox", 0.6375, 0.95), ("it.", 1.98, 2.19)]
    assert [(c.character, round(c.start_seconds, 6), round(c.end_seconds, 6)) for c in aligned.words[1].characters] == [
        ("o", 0.6375, 0.86),
        ("x", 0.86, 0.95),
    ]
    assert all(word.confidence == pytest.approx(0.972, rel=1e-5) for word in aligned.words)


def test_a_word_ends_where_the_next_begins() -> None:
    timing = WordTiming(lag_seconds=0.0, trail_seconds=0.5, pause_seconds=0.0)
    aligned = align_text(peaks("a b", [10, 12, 14], 60), "a b", ALPHABET, FRAME_SECONDS, timing=timing)
    assert times(aligned) == [("a", 0.4, 0.56), ("b", 0.56, 1.1)]


def test_nothing_passes_the_ends_of_the_recording() -> None:
    log_probs = peaks("ab cd", [0, 1, 2, 18, 19], 20)  # the last peaks are in the silence that is put behind the audio
    timing = WordTiming(lag_seconds=0.1, trail_seconds=0.1)
    aligned = align_text(log_probs, "ab cd", ALPHABET, FRAME_SECONDS, 0.7, timing=timing)
    spans = [(c.start_seconds, c.end_seconds) for word in aligned.words for c in word.characters]
    assert spans[0][0] == 0.0
    assert spans[-1][1] == 0.7
    assert all(0.0 <= start < end <= 0.7 for start, end in spans)


def test_written_and_spoken_words() -> None:
    places = [*range(10, 10 + 2 * 20, 2)]
    aligned = align_text(peaks("take twenty five now", places, 70), "Take 25, NOW!", ALPHABET, FRAME_SECONDS)
    assert [(word.word, word.spoken) for word in aligned.words] == [
        ("Take", "take"),
        ("25,", "twenty five"),
        ("NOW!", "now"),
    ]
    assert "".join(c.character for c in aligned.words[1].characters) == "twentyfive"
    assert aligned.duration_seconds == pytest.approx(2.8)


def test_what_was_not_said_is_doubted() -> None:
    log_probs = peaks("the cat", list(range(5, 19, 2)), 30)
    said = align_text(log_probs, "the cat", ALPHABET, FRAME_SECONDS)
    other = align_text(log_probs, "the dog", ALPHABET, FRAME_SECONDS)
    assert other.log_prob < said.log_prob - 10
    assert other.words[0].confidence == said.words[0].confidence
    assert other.words[1].confidence < 0.05 < 0.9 < said.words[1].confidence


def test_a_part_of_a_recording() -> None:
    text = "this is all that was said here"
    places = list(range(5, 5 + 3 * len(text), 3))
    log_probs = peaks(text, places, 120)
    timing = WordTiming(lag_seconds=0.0)
    aligned = align_text(log_probs, "that was", ALPHABET, FRAME_SECONDS, partial=True, timing=timing)
    assert aligned.words[0].start_seconds == pytest.approx(places[text.index("that")] * FRAME_SECONDS)
    assert aligned.words[0].confidence > 0.9
    assert align_text(log_probs, "that was", ALPHABET, FRAME_SECONDS).log_prob < aligned.log_prob - 50


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    seed=st.integers(0, 10_000),
    timing=st.builds(
        WordTiming,
        lag_seconds=st.floats(0, 0.3),
        trail_seconds=st.floats(0, 0.3),
        pause_seconds=st.floats(0, 0.5),
        share=st.floats(0, 1),
    ),
    missing=st.floats(0, 0.25),
)
def test_times_rise_and_words_do_not_overlap(lengths: list[int], seed: int, timing: WordTiming, missing: float) -> None:
    rng = np.random.default_rng(seed)
    count = sum(lengths)
    frames = count + int(rng.integers(0, 40))
    starts = np.sort(rng.choice(frames, count, replace=False)) * FRAME_SECONDS
    begins = np.cumsum([0, *lengths[:-1]])
    duration = max(0.5, 1 - missing) * frames * FRAME_SECONDS
    begin, end = character_times(starts.copy(), starts + FRAME_SECONDS, begins, duration, timing)
    assert np.all(begin < end)
    assert np.all(end[:-1] <= begin[1:])
    assert begin[0] >= 0
    assert end[-1] <= duration
    inner = np.setdiff1d(np.arange(1, count), begins)
    assert np.all(begin[inner] == end[inner - 1])  # no gap within a word
    for before, after in pairwise(begins):
        gap = begin[after] - end[after - 1]
        assert gap == 0 or gap >= timing.pause_seconds
        assert before < after


def test_a_text_that_does_not_fit_is_named_in_seconds() -> None:
    log_probs = peaks("a", [3], 10)
    with pytest.raises(TextError, match=r"13 characters, which take 0\.6 s or more; the recording has 0\.4 s"):
        align_text(log_probs, "so many hello", ALPHABET, FRAME_SECONDS)


def test_alphabets_without_words_are_refused() -> None:
    for alphabet in (Alphabet.phones(), Alphabet(("<blank>", "a", "b"))):
        with pytest.raises(TextError, match="no space"):
            align_text(np.zeros((10, len(alphabet))), "a", alphabet, FRAME_SECONDS)


def test_timings_that_cannot_be() -> None:
    for wrong in ({"lag_seconds": -0.1}, {"share": 1.5}, {"pause_seconds": -1.0}):
        with pytest.raises(ConfigError, match="cannot be"):
            WordTiming(**wrong)
