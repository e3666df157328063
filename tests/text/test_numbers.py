"""Numbers to words, checked by reading the words back with a parser written for this test."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import TextError
from vivavoce.text import numbers

SMALL = dict(
    zip(
        re.findall(
            r"\w+",
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty",
        ),
        range(21),
        strict=True,
    )
) | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
BIG = ["thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion"]


def read_back(words: str) -> int:
    total = group = 0
    for word in words.split():
        if word in SMALL:
            group += SMALL[word]
        elif word == "hundred":
            group *= 100
        else:
            total += group * 1000 ** (BIG.index(word) + 1)
            group = 0
    return total + group


@given(st.integers(0, 10**26))
def test_cardinal_reads_back(value: int) -> None:
    assert read_back(numbers.cardinal(value)) == value


def test_every_cardinal_below_ten_thousand_is_distinct_and_reads_back() -> None:
    spoken = [numbers.cardinal(value) for value in range(10_000)]
    assert len(set(spoken)) == 10_000
    assert [read_back(words) for words in spoken] == list(range(10_000))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (100, "one hundred"),
        (105, "one hundred five"),
        (1001, "one thousand one"),
        (1_000_000, "one million"),
        (-7, "minus seven"),
        (10**33 - 1 - (10**33 - 10**6), "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_cardinal(value: int, words: str) -> None:
    assert numbers.cardinal(value) == words


def test_a_number_without_a_name_is_refused() -> None:
    assert numbers.cardinal(numbers.LARGEST).startswith("nine hundred ninety nine nonillion")
    with pytest.raises(TextError, match="digits"):
        numbers.cardinal(numbers.LARGEST + 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (4, "fourth"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (11, "eleventh"),
        (12, "twelfth"),
        (20, "twentieth"),
        (21, "twenty first"),
        (32, "thirty second"),
        (100, "one hundredth"),
        (101, "one hundred first"),
        (1000, "one thousandth"),
        (1000000, "one millionth"),
    ],
)
def test_ordinal(value: int, words: str) -> None:
    assert numbers.ordinal(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (476, "four hundred seventy six"),
        (1066, "ten sixty six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1999, "nineteen ninety nine"),
        (2000, "two thousand"),
        (2005, "two thousand five"),
        (2010, "twenty ten"),
        (2024, "twenty twenty four"),
        (2100, "twenty one hundred"),
        (12000, "twelve thousand"),
    ],
)
def test_year(value: int, words: str) -> None:
    assert numbers.year(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(1990, "nineteen nineties"), (90, "nineties"), (1900, "nineteen hundreds"), (2000, "two thousands"), (10, "tens")],
)
def test_decade(value: int, words: str) -> None:
    assert numbers.decade(value) == words


def test_decimals_integers_and_digits() -> None:
    assert numbers.decimal("3", "14") == "three point one four"
    assert numbers.decimal("", "05") == "point zero five"
    assert numbers.digits("0042") == "zero zero four two"
    assert numbers.integer("007") == "zero zero seven"
    assert numbers.integer("0") == "zero"
    assert numbers.integer("1" + "0" * 40) == "one" + " zero" * 40


@pytest.mark.parametrize(
    ("top", "bottom", "words"),
    [
        (1, 2, "one half"),
        (3, 2, "three halves"),
        (1, 4, "one quarter"),
        (3, 4, "three quarters"),
        (2, 3, "two thirds"),
        (5, 8, "five eighths"),
    ],
)
def test_fraction(top: int, bottom: int, words: str) -> None:
    assert numbers.fraction(top, bottom) == words


@pytest.mark.parametrize(
    ("whole", "cents", "words"),
    [
        (5, 0, "five dollars"),
        (1, 0, "one dollar"),
        (1, 1, "one dollar and one cent"),
        (0, 50, "fifty cents"),
        (0, 0, "zero dollars"),
        (1250, 5, "one thousand two hundred fifty dollars and five cents"),
    ],
)
def test_money(whole: int, cents: int, words: str) -> None:
    assert numbers.money(whole, cents, ("dollar", "dollars"), ("cent", "cents")) == words


@pytest.mark.parametrize(
    ("hour", "minute", "half", "words"),
    [
        (5, 0, "", "five o'clock"),
        (5, 0, "pm", "five p m"),
        (5, 5, "", "five oh five"),
        (11, 59, "am", "eleven fifty nine a m"),
        (17, 0, "", "seventeen hundred"),
        (17, 30, "", "seventeen thirty"),
        (0, 0, "", "zero hundred"),
    ],
)
def test_clock_time(hour: int, minute: int, half: str, words: str) -> None:
    assert numbers.clock_time(hour, minute, half) == words
