"""SSML's say-as: what each kind makes of a text, and what it refuses."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import TextError
from vivavoce.text.say_as import DATE_FORMATS, KINDS, say_as

READINGS = [
    ("characters", "", "ABC", "A B C"),
    ("characters", "", "a1-b", "A one dash B"),
    ("spell-out", "", "hello", "H E L L O"),
    ("spell-out", "", "naïve", "N A I V E"),
    ("verbatim", "", "x@y.z", "X at Y dot Z"),
    ("characters", "", "", ""),
    ("cardinal", "", "1234", "one thousand two hundred thirty four"),
    ("cardinal", "", "-1,234.5", "minus one thousand two hundred thirty four point five"),
    ("cardinal", "", "XIV", "fourteen"),
    ("number", "", "+7", "plus seven"),
    ("ordinal", "", "21", "twenty first"),
    ("ordinal", "", "3rd", "third"),
    ("ordinal", "", "VIII", "eighth"),
    ("digits", "", "0420", "zero four two zero"),
    ("digits", "", "12-34", "one two three four"),
    ("date", "mdy", "5/7/2021", "May seventh, twenty twenty one"),
    ("date", "dmy", "5/7/2021", "July fifth, twenty twenty one"),
    ("date", "ymd", "2021-07-05", "July fifth, twenty twenty one"),
    ("date", "yyyymmdd", "20210705", "July fifth, twenty twenty one"),
    ("date", "md", "5/7", "May seventh"),
    ("date", "dm", "5.7.", "July fifth"),
    ("date", "my", "7/2021", "July twenty twenty one"),
    ("date", "y", "1999", "nineteen ninety nine"),
    ("date", "m", "7", "July"),
    ("date", "d", "7", "seventh"),
    ("date", "dmy", "5 Jul 99", "July fifth, nineteen ninety nine"),
    ("date", "", "May 5, 2019", "May fifth, twenty nineteen"),
    ("date", "", "Jan. 5", "January fifth"),
    ("time", "", "5:30", "five thirty"),
    ("time", "hms12", "5:30 p.m.", "five thirty P M"),
    ("time", "hms12", "5pm", "five P M"),
    ("time", "hms24", "17:45", "seventeen forty five"),
    ("time", "hms24", "17:45:10", "seventeen forty five and ten seconds"),
    ("time", "", "3:00:01", "three o'clock and one second"),
    ("telephone", "", "(212) 555-0123", "two one two, five five five, zero one two three"),
    ("telephone", "", "+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("currency", "", "$42.01", "forty two dollars and one cent"),
    ("currency", "", "USD 42", "forty two U S dollars"),
    ("fraction", "", "3/4", "three quarters"),
    ("fraction", "", "3 3/4", "three and three quarters"),
    ("fraction", "", "5/17", "five seventeenths"),
    ("unit", "", "10 km/h", "ten kilometers per hour"),
    ("unit", "", "5'11\"", "five foot eleven"),
]


@pytest.mark.parametrize(("kind", "form", "written", "spoken"), READINGS)
def test_readings(kind: str, form: str, written: str, spoken: str) -> None:
    assert say_as(written, kind, form) == spoken


@pytest.mark.parametrize(
    ("kind", "form", "written", "message"),
    [
        ("shout", "", "x", "interpret-as='shout' is unknown; allowed: characters, spell-out"),
        ("cardinal", "", "abc", "'abc' cannot be read as cardinal; expected a number such as"),
        ("cardinal", "", "12abc", "cannot be read as cardinal"),
        ("cardinal", "mdy", "12", "format='mdy' is unknown for cardinal; allowed: none"),
        ("ordinal", "", "1.5", "cannot be read as ordinal"),
        ("digits", "", "12a", "cannot be read as digits"),
        ("characters", "", "你", "cannot be read as characters"),
        ("date", "dym", "1/2/3", "format='dym' is unknown for date; allowed: mdy, dmy"),
        ("date", "mdy", "13/7/2021", "cannot be read as date"),
        ("date", "mdy", "5/32/2021", "cannot be read as date"),
        ("date", "mdy", "5/7", "cannot be read as date"),
        ("date", "", "hello", "cannot be read as date"),
        ("time", "", "25:00", "cannot be read as time"),
        ("time", "", "5", "cannot be read as time"),
        ("time", "hms12", "17:45", "cannot be read as time"),
        ("telephone", "", "hello", "cannot be read as telephone"),
        ("currency", "", "42", "cannot be read as currency"),
        ("currency", "", "money", "cannot be read as currency"),
        ("fraction", "", "3", "cannot be read as fraction"),
        ("fraction", "", "3/0", "cannot be read as fraction"),
        ("unit", "", "10 zorkmids", "cannot be read as unit"),
    ],
)
def test_refusals(kind: str, form: str, written: str, message: str) -> None:
    with pytest.raises(TextError, match=re.escape(message).replace("\\ ", " ")):
        say_as(written, kind, form)


@given(
    st.sampled_from(sorted(KINDS)),
    st.text(alphabet="0123456789/:-., +$€XIVapmkh'\"", max_size=14) | st.text(max_size=8),
    st.sampled_from(["", *DATE_FORMATS]),
)
def test_words_or_a_refusal(kind: str, text: str, form: str) -> None:
    with suppress(TextError):
        assert not re.search(r"\d", say_as(text, kind, form))


def test_very_long_numbers_are_read_by_digits() -> None:
    assert say_as("7" * 5000, "cardinal") == " ".join(["seven"] * 5000)
    with pytest.raises(TextError):
        say_as("7" * 5000, "ordinal")
