"""Words made of known ones: endings as English has them, against the dictionary, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.decoding.word_forms import perhaps_built, spelled, surely_built, with_ed, with_s
from vivavoce.text.phonemes import PronouncingDictionary

WORDS = {
    "vlog": "V L AO1 G", "tweet": "T W IY1 T", "blog": "B L AA1 G", "code": "K OW1 D", "fax": "F AE1 K S",
    "bus": "B AH1 S", "plan": "P L AE1 N", "hope": "HH OW1 P", "hop": "HH AA1 P", "call": "K AO1 L",
    "happy": "HH AE1 P IY0", "basic": "B EY1 S IH0 K", "quick": "K W IH1 K", "able": "EY1 B AH0 L",
    "possible": "P AA1 S AH0 B AH0 L", "full": "F UH1 L", "copy": "K AA1 P IY0", "they": "DH EY1", "it": "IH1 T",
    "would": "W UH1 D", "boy": "B OY1", "church": "CH ER1 CH", "snow": "S N OW1", "board": "B AO1 R D",
    "hero": "HH IH1 R OW0", "follow": "F AA1 L OW0", "judge": "JH AH1 JH", "wish": "W IH1 SH", "might": "M AY1 T",
}  # fmt: skip


def known(word: str) -> list[tuple[str, ...]]:
    return [tuple(WORDS[word].split())] if word in WORDS else []


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("vlogs", "V L AO1 G Z"),
        ("tweets", "T W IY1 T S"),
        ("faxes", "F AE1 K S IH0 Z"),
        ("churches", "CH ER1 CH IH0 Z"),
        ("copies", "K AA1 P IY0 Z"),
        ("heroes", "HH IH1 R OW0 Z"),
        ("vlog's", "V L AO1 G Z"),
        ("bus's", "B AH1 S IH0 Z"),
        ("boys'", "B OY1 Z"),
        ("they'd", "DH EY1 D"),
        ("it'd", "IH1 T AH0 D"),
        ("it'll", "IH1 T AH0 L"),
        ("they'll", "DH EY1 L"),
        ("would've", "W UH1 D AH0 V"),
        ("wouldn't've", "W UH1 D AH0 N T AH0 V"),
        ("mightn't", "M AY1 T AH0 N T"),
        ("quickly", "K W IH1 K L IY0"),
        ("happily", "HH AE1 P AH0 L IY0"),
        ("basically", "B EY1 S IH0 K L IY0"),
        ("possibly", "P AA1 S AH0 B L IY0"),
        ("fully", "F UH1 L IY0"),
    ],
)
def test_what_a_rule_makes_surely(word: str, phones: str) -> None:
    assert surely_built(word, known) == tuple(phones.split())


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("vlogged", "V L AO1 G D"),
        ("tweeted", "T W IY1 T IH0 D"),
        ("faxed", "F AE1 K S T"),
        ("coded", "K OW1 D IH0 D"),
        ("hoped", "HH OW1 P T"),
        ("hopped", "HH AA1 P T"),
        ("copied", "K AA1 P IY0 D"),
        ("judged", "JH AH1 JH D"),
        ("hoping", "HH OW1 P IH0 NG"),
        ("hopping", "HH AA1 P IH0 NG"),
        ("calling", "K AO1 L IH0 NG"),
        ("planner", "P L AE1 N ER0"),
        ("planners", "P L AE1 N ER0 Z"),
        ("happiness", "HH AE1 P IY0 N AH0 S"),
        ("unfollow", "AH0 N F AA1 L OW0"),
        ("unfollowed", "AH0 N F AA1 L OW0 D"),
        ("snowboard", "S N OW1 B AO2 R D"),
    ],
)
def test_what_a_rule_makes_perhaps(word: str, phones: str) -> None:
    if word == "planners":
        assert surely_built(word, known) == tuple(phones.split())
    else:
        assert surely_built(word, known) is None
        assert perhaps_built(word, known)[0] == tuple(phones.split())


@pytest.mark.parametrize("word", ["zzyx", "s", "'s", "'", "''", "", "ly", "ed", "ing", "n't", "boss", "this", "need"])
def test_other_words_are_left_alone(word: str) -> None:
    assert surely_built(word, known) is None
    assert perhaps_built(word, known) == []


def test_all_pronunciations_of_a_stem_are_tried() -> None:
    both = {"route": [("R", "UW1", "T"), ("R", "AW1", "T")]}
    assert perhaps_built("rerouting", lambda word: both.get(word, [])) == [
        ("R", "IY0", "R", "UW1", "T", "IH0", "NG"),
        ("R", "IY0", "R", "AW1", "T", "IH0", "NG"),
    ]


@pytest.mark.parametrize(
    ("letters", "phones"),
    [("us", "Y UW2 EH1 S"), ("fbi", "EH2 F B IY2 AY1"), ("bmw", "B IY2 EH2 M D AH1 B AH0 L Y UW0"), ("x", "EH1 K S")],
)
def test_letters_have_their_names(letters: str, phones: str) -> None:
    assert spelled(letters) == tuple(phones.split())


def test_endings_agree_with_the_dictionary(data_root: Path) -> None:
    path = data_root / "cmudict" / "cmudict.dict"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    dictionary = PronouncingDictionary.load(path, stress=True)

    def agree(ending: str, said: list[tuple[str, tuple[str, ...]]]) -> float:
        """Of the words whose stem is said alike, how many end as they should."""
        right = [weak(phones) in map(weak, dictionary.pronounce(word + ending)) for word, phones in said]
        return sum(right) / len(right)

    def weak(phones: list[str] | tuple[str, ...]) -> tuple[str, ...]:
        return tuple("AH0" if phone == "IH0" else phone for phone in phones)

    for ending, made in (("s", with_s), ("'s", with_s), ("ed", with_ed)):
        words = [word for word in dictionary if word.isalpha() and word[-1] != "e" and word + ending in dictionary]
        stems = [(word, dictionary.pronounce(word)[0]) for word in words[::3]]
        alike = [(w, p) for w, p in stems if any(said[: len(p)] == p for said in dictionary.pronounce(w + ending))]
        assert len(alike) > 100
        assert agree(ending, [(word, made(tuple(phones))) for word, phones in alike]) > 0.97, ending
