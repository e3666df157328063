"""The pronouncing dictionary: variants, comments, stress, refusals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivavoce.errors import DataError
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.phonemes import PHONES, VOWELS, PronouncingDictionary, without_stress

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
LINES = """;;; an old comment
a AH0
a(2) EY1
aalborg AO1 L B AO0 R G # place, danish
present P R EH1 Z AH0 N T
present(2) P R IY0 Z EH1 N T
record(2) R EH1 K ER0 D
stress S T R EH1 S
stress(2) S T R EH2 S
"""


@pytest.fixture
def small(tmp_path: Path) -> PronouncingDictionary:
    path = tmp_path / "small.dict"
    path.write_text(LINES, encoding="utf-8")
    return PronouncingDictionary.load(path)


def test_there_are_39_phones_15_of_them_vowels() -> None:
    assert len(PHONES) == len(set(PHONES)) == 39
    assert len(VOWELS) == 15
    assert set(VOWELS) < set(PHONES)


def test_words_have_their_variants_without_stress(small: PronouncingDictionary) -> None:
    assert small.pronounce("a") == [["AH"], ["EY"]]
    assert small.pronounce("AALBORG") == [["AO", "L", "B", "AO", "R", "G"]]
    assert [variant[2] for variant in small.pronounce("present")] == ["EH", "IY"]
    assert small.pronounce("stress") == [["S", "T", "R", "EH", "S"]]  # the variants differed in stress alone
    assert small.pronounce("unknown") == []
    assert "Record" in small
    assert "unknown" not in small
    assert len(small) == 5
    assert set(small) == {"a", "aalborg", "present", "record", "stress"}


def test_stress_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "small.dict"
    path.write_text(LINES, encoding="utf-8")
    stressed = PronouncingDictionary.load(path, stress=True)
    assert stressed.pronounce("a") == [["AH0"], ["EY1"]]
    assert stressed.pronounce("stress") == [["S", "T", "R", "EH1", "S"], ["S", "T", "R", "EH2", "S"]]
    assert without_stress(stressed.pronounce("aalborg")[0]) == ("AO", "L", "B", "AO", "R", "G")


def test_a_pronunciation_can_be_changed_without_harm(small: PronouncingDictionary) -> None:
    small.pronounce("a")[0].append("T")
    assert small.pronounce("a") == [["AH"], ["EY"]]


@pytest.mark.parametrize(
    ("content", "fault"),
    [("word\n", "line 1 has no phones"), ("a AH0\nword AH1 QQ\n", r"line 2 holds \['QQ'\]"), ("# none\n\n", "no word")],
)
def test_a_damaged_dictionary_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "bad.dict"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=fault):
        PronouncingDictionary.load(path)


def test_a_missing_or_binary_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a file"):
        PronouncingDictionary.load(tmp_path / "absent.dict")
    (tmp_path / "binary.dict").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        PronouncingDictionary.load(tmp_path / "binary.dict")


def test_the_whole_dictionary_loads_and_fits_the_phone_alphabet() -> None:
    path = DATA / "cmudict" / "cmudict.dict"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    words = PronouncingDictionary.load(path)
    assert len(words) > 120_000
    assert words.pronounce("viva") or words.pronounce("voice") == [["V", "OY", "S"]]
    assert words.pronounce("'tis")
    alphabet = Alphabet.phones()
    for word in list(words)[::500]:
        for variant in words.pronounce(word):
            assert alphabet.decode(alphabet.encode(" ".join(variant))) == " ".join(variant)
