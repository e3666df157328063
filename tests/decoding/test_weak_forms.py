"""The small words: their forms inside a sentence, before vowels and before pauses."""

from __future__ import annotations

import pytest

from vivavoce.decoding.weak_forms import WEAK_WORDS, weak_form
from vivavoce.decoding.word_context import MARKS, Neighbours
from vivavoce.text.voice_tokens import token_ids

VOWEL, CONSONANT, NOTHING = ("AE1", "P"), ("P", "AE1"), ()


def form(sentence: str, word: str, next_phones: tuple[str, ...]) -> str:
    words = sentence.split()
    found = weak_form(Neighbours(words, words.index(word), word), next_phones)
    assert found is not None
    return " ".join(found)


@pytest.mark.parametrize(
    ("sentence", "word", "next_phones", "phones"),
    [
        ("eat the apple", "the", VOWEL, "DH IY0"),
        ("eat the pear", "the", CONSONANT, "DH AH0"),
        ("eat a pear", "a", CONSONANT, "AH0"),
        ("grade a .", "a", NOTHING, "EY1"),
        ("go to eat", "to", VOWEL, "T UW0"),
        ("go to bed", "to", CONSONANT, "T AH0"),
        ("where to ?", "to", NOTHING, "T UW1"),
        ("salt and pepper", "and", CONSONANT, "AH0 N D"),
        ("and then", "and", CONSONANT, "AE1 N D"),
        ("so , and then", "and", CONSONANT, "AE1 N D"),
        ("what for ?", "for", NOTHING, "F AO1 R"),
        ("look at this", "at", CONSONANT, "AE0 T"),
        ("what at ?", "at", NOTHING, "AE1 T"),
        ("he was late", "was", CONSONANT, "W AH0 Z"),
        ("was he late", "was", CONSONANT, "W AA1 Z"),
        ("he was .", "was", NOTHING, "W AA1 Z"),
        ("he said that the man", "that", CONSONANT, "DH AH0 T"),
        ("he said that he'd read", "that", CONSONANT, "DH AH0 T"),
        ("that man", "that", CONSONANT, "DH AE1 T"),
        ("of that the man", "that", CONSONANT, "DH AE1 T"),
        ("it", "it", NOTHING, "IH1 T"),
    ],
)
def test_forms(sentence: str, word: str, next_phones: tuple[str, ...], phones: str) -> None:
    assert form(sentence, word, next_phones) == phones


@pytest.mark.parametrize("word", sorted(WEAK_WORDS))
def test_every_form_can_be_said(word: str) -> None:
    forms = set()
    for sentence in (word, f"dogs {word} pear", f"dogs {word} .", f"{word} the", f"dogs {word} the", f", {word} apple"):
        words = sentence.split()
        for phones in (VOWEL, CONSONANT, NOTHING):
            found = weak_form(Neighbours(words, words.index(word), word), phones)
            assert found is not None
            token_ids(found)
            forms.add(found)
    assert len(forms) > 1
    assert not MARKS & WEAK_WORDS


def test_other_words_have_one_form() -> None:
    assert weak_form(Neighbours(["apple"], 0, "apple"), ()) is None
