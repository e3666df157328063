# ruff: noqa: RUF001 - the characters that are easily taken for others are the test
"""The normaliser: what agrees, what passes through, what is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vivavoce.text.alphabet import Alphabet
from vivavoce.text.normalize import normalize_for_scoring, normalize_for_training

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Mr. Smith paid $5 in 1999", "mister smith paid five dollars in nineteen ninety nine"),
        ("Mrs Jones met Dr. Who.", "missus jones met doctor who"),
        ("On May 5th, Prof. Lee gave a talk at 10 a.m.", "on may fifth professor lee gave a talk at ten a m"),
        ("St. Paul's, on Main St.", "saint paul's on main street"),
        ("Elm Dr. and John Smith, Jr.", "elm drive and john smith junior"),
        ("cats, dogs, etc. vs. birds", "cats dogs et cetera versus birds"),
        ("the U.S.A. and a Ph.D.", "the u s a and a p h d"),
        ("the U.K.'s and U.S. men's", "the u k's and u s men's"),
        ("he said 'to the U.S.' and left", "he said to the u s and left"),
        ("No. 5, vol. 2, pp. 3-4", "number five volume two pages three to four"),
        ("Dec. 25", "december twenty fifth"),
        ("#1 & #2", "number one and number two"),
        ("AT&T + 5%", "at and t plus five percent"),
        ("well-known twenty-one", "well known twenty one"),
        ("“Don’t” — he said… ‘stop’!", "don't he said stop"),
        ("don`t", "don't"),
        ("naïve café Škoda Straße Æsop ﬁn", "naive cafe skoda strasse aesop fin"),
        ("1½ cups of ½ m²", "one and one half cups of one half m squared"),
        ("25℃ №5", "twenty five degrees celsius number five"),
        ("'tis the boys' 'quoted' rock 'n' roll o'clock", "tis the boys quoted rock n roll o'clock"),
        ("<unk> hello [noise] world [door slam]", "hello world"),
        ("[Here followed, he said, a résumé.] 3 < 4", "here followed he said a resume three four"),
        ("Mme. Bovary", "madame bovary"),
        ("_emphasis_ and Mr._Smith", "emphasis and mister smith"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("  a\tb\nc  ", "a b c"),
        ("привет 한국어 が й हिन्दी", "привет 한국어 が й हिन्दी"),
        ("٣ ３", "three three"),
        ("5'4\" tall and 3′4″", "five four tall and three four"),
        ("£\u0301 \u0301a ा", "pounds a ा"),
        ("", ""),
        (" ... !", ""),
        ("it's colour um USA IV", "it's colour um usa iv"),
    ],
)
def test_scoring(written: str, spoken: str) -> None:
    assert normalize_for_scoring(written) == spoken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mr. Smith paid $5!", "mister smith paid five dollars"),
        ("naïve", "naive"),
        ("привет", ""),
        ("hello привет", ""),
        ("?!", ""),
        ("", ""),
    ],
)
def test_training(text: str, words: str) -> None:
    assert normalize_for_training(text) == words


def test_librispeech_transcripts_only_change_case() -> None:
    files = sorted((DATA / "librispeech").glob("*/*/*/*.trans.txt"))
    if not files:
        pytest.skip(f"no LibriSpeech transcripts under {DATA}")
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    for transcript in (line.split(" ", 1)[1] for line in lines):
        # the corpus has a few apostrophes at the edge of a word, most of them half of a pair of quotes
        expected = re.sub(r"(?<!\w)'|'(?!\w)", "", transcript.lower())
        assert normalize_for_scoring(transcript) == expected
        assert normalize_for_training(transcript) == expected


@given(st.text(max_size=40))
@example("_mr_ m<x>r mr' 5mr m\u00adr mŕ DR")
@example("a''b 'a' ''' İ ǿ Ⅳ ① ²")
@example("£\u0301")
@example("०\u3099")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize_for_scoring(text)
    assert normalize_for_scoring(once) == once
    assert once == " ".join(once.split())


@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=40))
def test_training_text_is_always_in_the_alphabet(text: str) -> None:
    words = normalize_for_training(text)
    assert Alphabet.characters().decode(Alphabet.characters().encode(words)) == words
    assert words in ("", normalize_for_scoring(text))


@given(st.text(alphabet="abcXYZ0159$%&.,-' :/", max_size=40))
def test_case_never_matters_for_plain_words_and_numbers(text: str) -> None:
    if "." not in text:  # dots make abbreviations, which are told by their capitals
        assert normalize_for_scoring(text.upper()) == normalize_for_scoring(text.lower())
