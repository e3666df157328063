"""Sentences out of pieces of others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.alignment_words import AlignedWord
from vivavoce.errors import ConfigError, DataError
from vivavoce.evaluation.splice import SAMPLE_RATE, Splices, cut_pieces, cut_places, join, splice

PITCHES = {"one": 300.0, "two": 500.0, "three": 700.0, "four": 900.0}


def tone(word: str, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * PITCHES[word] * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def sentence(words: list[str], pauses: list[float]) -> tuple[np.ndarray, list[AlignedWord]]:
    """Words of 0.4 s, a pause before each; alignments that are 30 ms off."""
    parts, aligned, seconds = [], [], 0.0
    for number, (word, pause) in enumerate(zip(words, pauses, strict=True)):
        parts += [np.zeros(round(pause * SAMPLE_RATE), np.float32), tone(word, 0.4)]
        seconds += pause
        off = 0.03 if number % 2 else -0.03
        aligned.append(AlignedWord(word, word, seconds + off, seconds + 0.4 + off, 0.9, ()))
        seconds += 0.4
    return np.concatenate([*parts, np.zeros(3200, np.float32)]), aligned


def heard(waveform: np.ndarray) -> list[str]:
    """The tones in order, by the loudest frequency of each 20 ms that is not quiet; runs of one are one word."""
    said: list[str] = []
    for start in range(0, len(waveform) - 320, 320):
        frame = waveform[start : start + 320]
        if np.square(frame).mean() < 0.01:
            said.append("")
            continue
        hertz = np.abs(np.fft.rfft(frame * np.hanning(320))).argmax() * SAMPLE_RATE / 320
        said.append(min(PITCHES, key=lambda word: abs(PITCHES[word] - hertz)))
    runs = [word for word, before in zip(said, ["", *said], strict=False) if word and word != before]
    return runs


def test_cuts_lie_in_pauses_and_not_where_words_run_together() -> None:
    waveform, words = sentence(["one", "two", "three", "four"], [0.2, 0.15, 0.0, 0.1])
    places = cut_places(waveform, words, 20.0)
    assert places[2] is None  # two and three run together
    for place, (quiet, loud) in zip((places[1], places[3]), ((0.6, 0.75), (1.55, 1.65)), strict=True):
        assert place is not None
        assert quiet * SAMPLE_RATE <= place <= loud * SAMPLE_RATE
    assert places[0] is not None
    assert 0 <= places[0] < 0.2 * SAMPLE_RATE
    assert places[4] is not None
    assert 2.05 * SAMPLE_RATE <= places[4] <= len(waveform)


@given(st.lists(st.floats(0.03, 0.4), min_size=1, max_size=8), st.integers(0, 99), st.integers(1, 5))
def test_pieces_hold_each_word_once(pauses: list[float], seed: int, most: int) -> None:
    names = [list(PITCHES)[n % 4] for n in range(len(pauses))]
    waveform, words = sentence(names, pauses)
    pieces = cut_pieces(3, waveform, words, Splices(most_words=most), np.random.default_rng(seed))
    assert " ".join(piece.text for piece in pieces) == " ".join(names)
    assert all(piece.utterance == 3 and len(piece.text.split()) <= max(most, 1) + 8 for piece in pieces)
    for piece in pieces:
        assert heard(waveform[piece.start : piece.end]) == piece.text.split()


def test_doubtful_words_are_left_out() -> None:
    waveform, words = sentence(["one", "two", "three"], [0.1, 0.1, 0.1])
    words[1] = AlignedWord("two", "two", words[1].start_seconds, words[1].end_seconds, 0.1, ())
    pieces = cut_pieces(0, waveform, words, Splices(most_words=1), np.random.default_rng(0))
    assert [piece.text for piece in pieces] == ["one", "three"]


def test_joined_parts_fade_into_each_other() -> None:
    first, second = np.full(1000, 0.5, np.float32), np.full(1000, 0.5, np.float32)
    np.testing.assert_allclose(join([first, second]), np.full(1920, 0.5), atol=1e-6)
    assert len(join([first, second[:10]])) == 1000
    np.testing.assert_array_equal(join([first]), first)
    assert first.max() == 0.5


def spoken(folder: Path) -> tuple[list[Utterance], dict[str, list[AlignedWord]]]:
    """Thirty sentences of two speakers."""
    utterances, aligned = [], {}
    random = np.random.default_rng(1)
    for number in range(30):
        names = [str(word) for word in random.choice(list(PITCHES), 6)]
        waveform, words = sentence(names, [0.15] * 6)
        path = folder / f"{number}.wav"
        soundfile.write(path, waveform, SAMPLE_RATE)
        speaker = "a" if number % 2 else "b"
        extra = {"corpus": "tones", "part": "train", "licence": "none"}
        text = " ".join(names)
        utterances.append(Utterance(f"u{number}", str(path), text, len(waveform) / 16000, speaker=speaker, extra=extra))
        aligned[f"u{number}"] = words
    return utterances, aligned


def test_every_word_of_a_speaker_is_said_again(tmp_path: Path) -> None:
    utterances, aligned = spoken(tmp_path)
    aligned.pop("u0")
    found = list(splice(utterances, aligned, tmp_path / "new", Splices(shortest_seconds=2.0, longest_seconds=5.0), 2))
    assert len({one.id for one in found}) == len(found)
    assert not {one.text for one in found} & {one.text for one in utterances}
    for one in found:
        waveform, _ = soundfile.read(one.audio, dtype="float32")
        assert 2.0 <= one.duration_seconds == len(waveform) / SAMPLE_RATE <= 5.0
        assert one.extra["part"] == "train"
        said = one.text.split()
        assert heard(waveform) == said
    for speaker in "ab":
        before = Counter(w for u in utterances if u.speaker == speaker and u.id != "u0" for w in u.text.split())
        after = Counter(w for u in found if u.speaker == speaker for w in u.text.split())
        assert all(1.6 * before[word] <= after[word] <= 2 * before[word] for word in PITCHES)
    again = splice(utterances, aligned, tmp_path / "new", Splices(shortest_seconds=2.0, longest_seconds=5.0), 2)
    assert [one.text for one in again] == [one.text for one in found]


def test_a_splice_names_what_it_is_made_of(tmp_path: Path) -> None:
    utterances, aligned = spoken(tmp_path)
    utterances = [replace(one, extra={"of": [f"long-{one.id}"]}) for one in utterances[:4]]
    by_id = {one.id: one for one in utterances}
    for one in splice(utterances, aligned, tmp_path / "new", Splices(most_words=9, longest_seconds=8.0)):
        made_of = [name for name in one.extra["of"] if name in by_id]  # a piece is a whole sentence here
        assert Counter(one.text.split()) == Counter(word for name in made_of for word in by_id[name].text.split())
        assert sorted(one.extra["of"]) == sorted([*made_of, *(f"long-{name}" for name in made_of)])


def test_one_folder_holds_the_sentences_of_several_runs(tmp_path: Path) -> None:
    """Of other lengths, seeds and input: what an earlier manifest lists stays as it was."""
    utterances, aligned = spoken(tmp_path)
    short, long = Splices(longest_seconds=4.0), Splices(shortest_seconds=4.0, longest_seconds=8.0)
    runs = [(utterances, short, 1), (utterances, long, 1), (utterances, short, 2), (utterances[:20], short, 1)]
    found = [list(splice(rows, aligned, tmp_path / "new", splices, 1, seed)) for rows, splices, seed in runs]
    assert all(found)
    for one in [one for new in found for one in new]:
        waveform, _ = soundfile.read(one.audio, dtype="float32")
        assert len(waveform) / SAMPLE_RATE == one.duration_seconds
        assert heard(waveform) == one.text.split()


def test_words_of_another_recording_are_not_cut(tmp_path: Path) -> None:
    utterances, aligned = spoken(tmp_path)
    with pytest.raises(DataError, match="1 ids belong to more than one utterance, such as 'u0'"):
        list(splice([*utterances, replace(utterances[1], id="u0")], aligned, tmp_path / "new", Splices()))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wrong", [{"most_words": 0}, {"shortest_seconds": 0.0}, {"least_confidence": 1.5}])
def test_splices_that_leave_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Splices(**wrong)  # type: ignore[arg-type]
