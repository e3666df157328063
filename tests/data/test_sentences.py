"""Which sentences are speakable, and which are chosen."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from vivavoce.data.sentences import choose_sentences, is_speakable, read_sentences
from vivavoce.errors import DataError
from vivavoce.text.normalize import normalize_for_training


@pytest.mark.parametrize(
    "sentence",
    ["It was late.", "She didn't know, and he wouldn't say.", "Why, then, did I go?", "I don\u2019t know.", "Go home!"],
)
def test_plain_sentences(sentence: str) -> None:
    assert is_speakable(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "It was 1815.",
        "Mr. Brown came.",
        "He saw Dr Smith there.",
        "NASA was there.",
        "Go",
        "He said: go home.",
        "The caf\u00e9 was shut.",
        "no stop at the end",
        "A well-known man came.",
        "word " * 30 + "end.",
        '"Go home," he said.',
    ],
)
def test_sentences_with_several_readings(sentence: str) -> None:
    assert not is_speakable(sentence)


def test_only_known_words() -> None:
    assert is_speakable("It was late.", {"it", "was", "late"})
    assert not is_speakable("It was late.", {"it", "was"})
    assert not is_speakable("It was late.", set())


@pytest.fixture
def text(tmp_path: Path) -> Path:
    words = ["sea", "hill", "wind", "stone", "river", "night", "door", "light"]
    lines = [f"The {a} saw the {b} again." for a in words for b in words]
    path = tmp_path / "text.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as out:
        out.write("# a-book\n\n" + "\n".join([*lines, lines[0], "In 1815 it fell.", "The zephyr blew again."]) + "\n")
    return path


def test_chosen_once_and_the_same_again(text: Path) -> None:
    assert len(list(read_sentences(text))) == 67
    chosen = choose_sentences(text, 40, seed=1)
    assert len({normalize_for_training(sentence) for sentence in chosen}) == 40
    assert chosen == choose_sentences(text, 40, seed=1)
    assert chosen != choose_sentences(text, 40, seed=2)
    assert "The zephyr blew again." in choose_sentences(text, 60, seed=1)
    assert not any("1815" in sentence for sentence in chosen)


def test_test_sentences_are_left_out(text: Path) -> None:
    without = choose_sentences(text, 20, seed=3)
    assert not set(without) & set(choose_sentences(text, 40, seed=3, without=[s.upper() for s in without]))


def test_apostrophes_are_given_straight(tmp_path: Path) -> None:
    """A curly one makes festival spell the letters beside it."""
    (tmp_path / "text.txt").write_text("I don\u2019t know.\nHe \u2018knew\u2019 it.\n", encoding="utf-8")
    assert sorted(choose_sentences(tmp_path / "text.txt", 2)) == ["He 'knew' it.", "I don't know."]


def test_too_few_and_no_text(text: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 65 speakable sentences; 100 were asked for"):
        choose_sentences(text, 100)
    with pytest.raises(DataError, match="cannot be read as text"):
        choose_sentences(tmp_path / "none.txt", 1)
    (tmp_path / "bad.xz").write_bytes(b"not compressed")
    with pytest.raises(DataError, match="cannot be read as text"):
        choose_sentences(tmp_path / "bad.xz", 1)
