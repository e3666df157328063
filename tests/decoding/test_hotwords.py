"""Hotwords against a count of their occurrences, letter by letter and in all; files and their faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding.hotwords import DEFAULT_WEIGHT, Hotwords
from vivavoce.errors import TextError

WORDS = st.text("ab", min_size=1, max_size=3)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


def count(phrases: dict[str, float], text: str) -> float:
    """Each occurrence as whole words earns the weight."""
    words, total = text.split(), 0.0
    for phrase, weight in phrases.items():
        parts = phrase.split()
        total += weight * sum(words[at : at + len(parts)] == parts for at in range(len(words)))
    return total


def earned(hotwords: Hotwords, text: str) -> list[float]:
    """The sum so far behind every letter, then that of the whole text."""
    state, total, sums = hotwords.begin(), 0.0, []
    for letter in text:
        gain, state = hotwords.step(state, letter)
        total += gain
        sums.append(total)
    return [*sums, total + hotwords.end(state)]


@settings(deadline=None)
@given(phrases=st.dictionaries(PHRASES, st.floats(0.1, 20), min_size=1, max_size=6), words=st.lists(WORDS, max_size=8))
def test_a_text_earns_what_its_phrases_weigh(phrases: dict[str, float], words: list[str]) -> None:
    text = " ".join(words)
    hotwords = Hotwords(phrases)
    sums = earned(hotwords, text)
    assert sums[-1] == pytest.approx(count(hotwords.phrases, text), abs=1e-9)
    # What is lent in advance is never less than what is sure, nor more than the greatest weight beyond it.
    for place, total in enumerate(sums[:-1], 1):
        whole = " ".join(text[:place].split(" ")[:-1])
        surplus = total - count(hotwords.phrases, whole)
        assert -1e-9 <= surplus <= max(hotwords.phrases.values()) + 1e-9


@settings(deadline=None)
@given(phrases=st.dictionaries(PHRASES, st.floats(0.1, 20), min_size=1, max_size=6), words=st.lists(WORDS, max_size=8))
def test_no_letter_earns_more_than_is_said(phrases: dict[str, float], words: list[str]) -> None:
    """The search relies on it when it leaves out what cannot stay in the beam."""
    hotwords = Hotwords(phrases)
    text = " ".join(words)
    sums = [0.0, *earned(hotwords, text)]
    for place, letter in enumerate(text):
        if letter != " ":
            assert sums[place + 1] - sums[place] <= hotwords.highest_step + 1e-9


def test_by_hand() -> None:
    hotwords = Hotwords({"new york": 8.0, "new york city": 6.5, "york minster": 3.0})
    assert earned(hotwords, "new")[-1] == pytest.approx(0.0)  # broken off
    assert earned(hotwords, "new york")[:8] == pytest.approx([1, 2, 3, 4, 5, 6, 7, 8])
    assert earned(hotwords, "new york")[-1] == pytest.approx(8.0)
    assert earned(hotwords, "new yorkers")[-1] == pytest.approx(0.0)  # another word
    assert earned(hotwords, "anew york")[-1] == pytest.approx(0.0)
    assert earned(hotwords, "new york city")[-1] == pytest.approx(14.5)  # both are said
    assert earned(hotwords, "new york cities")[-1] == pytest.approx(8.0)
    assert earned(hotwords, "new york minster")[-1] == pytest.approx(11.0)  # one begins within the other
    assert earned(hotwords, "york minster new york")[-1] == pytest.approx(11.0)
    assert earned(hotwords, "")[-1] == 0.0


def test_phrases_are_normalised_as_transcripts_are() -> None:
    hotwords = Hotwords({"Vronsky": 3.0, "St. John's 2": 4.0, "vronsky": 5.0})
    assert hotwords.phrases["vronsky"] == 5.0  # the greater of two
    assert len(hotwords.phrases) == 2
    assert all(set(phrase) <= set("abcdefghijklmnopqrstuvwxyz' ") for phrase in hotwords.phrases)
    assert {"vronsky", "two"} <= hotwords.words


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeff# people\n\nAnna Karenina\t12.5\r\nVronsky\n  Levin  \t 3\n", encoding="utf-8")
    assert Hotwords.load(path).phrases == {"anna karenina": 12.5, "vronsky": DEFAULT_WEIGHT, "levin": 3.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"anna\ttwelve\n", r"line 1: weight 'twelve' is not a number"),
        (b"# x\nanna\t\n", r"line 2: weight '' is not a number"),
        (b"anna\nlevin\t-2\n", r"line 2: hotword 'levin' has weight -2\.0; expected"),
        (b"anna\tnan\n", r"line 1: .* has weight nan"),
        (b"anna\tinf\n", r"line 1: .* has weight inf"),
        (b"anna\n...\n", r"line 2: hotword '\.\.\.' cannot be written"),
        ("Анна\n".encode(), r"line 1: hotword 'Анна' cannot be written"),
        (b"anna\t1\t2\n", r"line 1: weight '1\\t2' is not a number"),
        (b"\xff\xfe\n", "cannot be read as hotwords"),
        (b"# nothing\n\n", "holds no hotword"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    with pytest.raises(TextError, match=message):
        Hotwords.load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="cannot be read"):
        Hotwords.load(tmp_path / "none.txt")
    with pytest.raises(TextError, match="cannot be read"):
        Hotwords.load(tmp_path)


def test_weights_and_phrases_that_cannot_be_are_refused() -> None:
    for weight in (0.0, -1.0, float("nan"), 101.0):
        with pytest.raises(TextError, match="weight"):
            Hotwords({"anna": weight})
    with pytest.raises(TextError, match="a word of over 60 letters; write it as several"):
        Hotwords({f"anna {'a' * 61}": 1.0})
    with pytest.raises(TextError, match="cannot be written"):
        Hotwords({" ": 1.0})
