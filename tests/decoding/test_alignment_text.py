"""Written words find their spoken ones, and nothing of the text is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.decoding.alignment_text import written_words
from vivavoce.errors import TextError
from vivavoce.text.normalize import normalize_for_training


def spoken(text: str) -> list[tuple[str, str]]:
    return [(word.text, " ".join(word.spoken)) for word in written_words(text)]


def test_case_and_marks_stay_with_their_words() -> None:
    assert spoken("“Hello,” she said:  it's\nWELL-known!") == [
        ("“Hello,”", "hello"),
        ("she", "she"),
        ("said:", "said"),
        ("it's", "it's"),
        ("WELL-known!", "well known"),
    ]


def test_numbers_are_one_word() -> None:
    assert spoken("Take 25, or 1,000 km.") == [
        ("Take", "take"),
        ("25,", "twenty five"),
        ("or", "or"),
        ("1,000", "one thousand"),
        ("km.", "kilometers"),
    ]


def test_words_that_depend_on_their_neighbours() -> None:
    """Alone these would be "five", "five dollars", "one half" and "st"."""
    assert spoken("May 5") == [("May", "may"), ("5", "fifth")]
    assert spoken("He paid $5 million, once.")[2:] == [("$5 million,", "five million dollars"), ("once.", "once")]
    assert spoken("3 1/2 cups") == [("3", "three"), ("1/2", "and one half"), ("cups", "cups")]
    assert spoken("to St. Paul")[1] == ("St.", "saint")


def test_what_is_not_spoken_stays_in_the_text() -> None:
    assert spoken("— one — two [noise] …") == [("— one —", "one"), ("two [noise] …", "two")]


WORDS = st.sampled_from(
    [
        "the",
        "The",
        "two",
        "$5",
        "$",
        "million",
        "25,",
        "May",
        "5",
        "5th",
        "3.5",
        "1/2",
        "1990s",
        "#1",
        "no.",
        "7",
        "%",
        "km",
        "10:30",
        "p.m.",
        "Dr.",
        "U.S.",
        "Smith's",
        "'tis",
        "well-known",
        "&",
        "-",
        "—",
        "(a)",
        "<unk>",
    ]
)


@given(st.lists(WORDS, min_size=1, max_size=12))
def test_all_is_there_in_order(words: list[str]) -> None:
    text = " ".join(words)
    whole = normalize_for_training(text)
    if not whole:
        with pytest.raises(TextError):
            written_words(text)
        return
    found = written_words(text)
    assert " ".join(word.text for word in found) == text
    assert " ".join(part for word in found for part in word.spoken) == whole
    assert all(word.spoken for word in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), (" \n", "is empty"), ("... —", "holds no words"), ("she said привет", "cannot spell")],
)
def test_texts_without_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        written_words(text)
