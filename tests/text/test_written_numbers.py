"""Numbers found in running text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.text.numbers import cardinal
from vivavoce.text.written_numbers import spell_numbers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("no number here, U.S.A.", "no number here, U.S.A."),
        ("I have 3 cats.", "I have three cats."),
        ("1,234,567 people", "one million two hundred thirty four thousand five hundred sixty seven people"),
        ("1,2,3", "one,two,three"),
        ("It is -5 or - 5", "It is minus five or - five"),
        ("pi is 3.14.", "pi is three point one four."),
        (".5 and 0.05", "point five and zero point zero five"),
        ("agent 007", "agent zero zero seven"),
        ("version 1.2.10", "version one point two point ten"),
        ("mp3 and B2B and COVID-19", "mp three and B two B and COVID-nineteen"),
        ("5's", "five's"),
    ],
)
def test_plain_numbers(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("in 1999", "in nineteen ninety nine"),
        ("in 1805.", "in eighteen oh five."),
        ("in 2000 and 2009", "in two thousand and two thousand nine"),
        ("since 2011", "since twenty eleven"),
        ("1914-1918", "nineteen fourteen to nineteen eighteen"),
        ("the 1990s and '90s and 1990's", "the nineteen nineties and nineties and nineteen nineties"),
        ("class of '05 and '99", "class of oh five and 'ninety nine"),
        ("1,999 and 1000 and 3000", "one thousand nine hundred ninety nine and one thousand and three thousand"),
    ],
)
def test_years(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("May 5, 2020", "May fifth, twenty twenty"),
        ("MARCH 31", "MARCH thirty first"),
        ("1 October 1900", "first October nineteen hundred"),
        ("$5 May buy", "five dollars May buy"),
        ("March 32", "March thirty two"),
        ("you may 5 times", "you may five times"),
        ("May 5.5", "May five point five"),
        ("12/25/1999", "twelve twenty five nineteen ninety nine"),
        ("2020-10-31", "twenty twenty ten thirty one"),
        ("the 21st, 2nd, 3rd and 4th", "the twenty first, second, third and fourth"),
        ("the 1,000th", "the one thousandth"),
    ],
)
def test_dates_and_ordinals(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("$5", "five dollars"),
        ("$1.", "one dollar."),
        ("-$3", "minus three dollars"),
        ("$5.50", "five dollars and fifty cents"),
        ("£1.01", "one pound and one penny"),
        ("£2.50", "two pounds and fifty pence"),
        ("€ 0.99", "ninety nine cents"),
        ("¥500", "five hundred yen"),
        ("$2.5 million", "two point five million dollars"),
        ("$3bn and $5k", "three billion dollars and five thousand dollars"),
        ("$1,500", "one thousand five hundred dollars"),
        ("$4.125", "four point one two five dollars"),
        ("$.50 or £.5 million", "fifty cents or point five million pounds"),
        ("5% of 99.5 %", "five percent of ninety nine point five percent"),
        ("1¢ or 2¢", "one cent or two cents"),
        ("$5-$10 or $5-10", "five to ten dollars or five to ten dollars"),
        ("$5-10 million", "five to ten million dollars"),
        (
            "$1.5-2m or $500k-$1m",
            "one point five to two million dollars or five hundred thousand to one million dollars",
        ),
        ("$1500-2000", "one thousand five hundred to two thousand dollars"),
        ("£2.50-£3", "two pounds and fifty pence to three pounds"),
        ("$5 - $10", "five to ten dollars"),
        ("$5 - 10 men", "five dollars - ten men"),
        ("$30,000 - $15,000 apiece", "thirty thousand dollars - fifteen thousand dollars apiece"),
        ("a $5-a-day job", "a five dollars-a-day job"),
    ],
)
def test_money_and_percent(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("at 5:30", "at five thirty"),
        ("at 5:30 p.m. he", "at five thirty p m he"),
        ("at 5:05PM", "at five oh five p m"),
        ("at 12:00", "at twelve o'clock"),
        ("at 5:00 o'clock", "at five o'clock"),
        ("at 9 a.m.", "at nine a m"),
        ("at 9am", "at nine a m"),
        ("at 17:45", "at seventeen forty five"),
        ("25:70", "twenty five:seventy"),
        ("1:02:03", "one:zero two:zero three"),
    ],
)
def test_times(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("3-4 days", "three to four days"),
        ("20-30%", "twenty to thirty percent"),
        ("1/2 and 2 3/4", "one half and two and three quarters"),
        ("9/11 and 24/7", "nine/eleven and twenty four seven"),
        ("0/5", "zero five"),
        ("5 km, 1 kg, 60mph", "five kilometers, one kilogram, sixty miles per hour"),
        ("-5°C or 10°", "minus five degrees celsius or ten degrees"),
        ("555-1234", "five five five one two three four"),
        ("(212) 555-1234", "two one two five five five one two three four"),
        ("10-year-old", "ten-year-old"),
        ("5-6pm or 9am-5pm", "five to six p m or nine a m to five p m"),
        ("9 a.m. - 5 p.m. daily", "nine a m to five p m daily"),
        ("10:30-11:45 and 10:30-11", "ten thirty to eleven forty five and ten thirty to eleven"),
        ("1.5-2 hours, 1.2-3.4", "one point five to two hours, one point two to three point four"),
        ("20-30km, 5 km-10 km", "twenty to thirty kilometers, five kilometers to ten kilometers"),
        ("20%-30% and 5-6%", "twenty percent to thirty percent and five to six percent"),
        ("13-14th", "thirteen to fourteenth"),
        ("5-6-2020 and 5-6-7", "five six twenty twenty and five-six-seven"),
        ("at 5:30 - 10 minutes", "at five thirty - ten minutes"),
        ("2.5 - 0.5", "two point five - zero point five"),
        ("555-1234 km", "five five five one two three four km"),
    ],
)
def test_ranges_fractions_measures_and_telephones(written: str, spoken: str) -> None:
    assert spell_numbers(written) == spoken


@given(st.text(alphabet="0123456789.,:-/$%'°ap mstk\n£()", max_size=30))
def test_no_digit_survives_and_nothing_fails(text: str) -> None:
    assert not re.search(r"\d", spell_numbers(text))


@pytest.mark.parametrize("frame", ["{}", "${}", "${}.50", "{}th", "{} 1/2", "{}%", "{}-1", "{}.5"])
def test_endless_digits_are_read_one_by_one(frame: str) -> None:
    """More digits than Python is willing to make a number of."""
    assert spell_numbers(frame.format("7" * 5000)).count("seven") == 5000


@given(st.integers(0, 10**12))
def test_a_grouped_integer_is_its_cardinal(value: int) -> None:
    if value >= 1000:
        assert spell_numbers(f"{value:,}") == cardinal(value)
