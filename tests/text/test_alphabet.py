"""Alphabets: fixed tokens, there and back, refusals."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.alphabet import Alphabet


def test_characters_are_blank_space_apostrophe_and_letters() -> None:
    alphabet = Alphabet.characters()
    assert len(alphabet) == 29
    assert alphabet.blank_id == 0
    assert "".join(alphabet.tokens[1:]) == " '" + string.ascii_lowercase


def test_phones_are_blank_and_39_in_order() -> None:
    alphabet = Alphabet.phones()
    assert len(alphabet) == 40
    assert list(alphabet.tokens[1:]) == sorted(alphabet.tokens[1:])
    assert alphabet.decode(alphabet.encode("HH AH L OW")) == "HH AH L OW"


@given(st.text(alphabet=" '" + string.ascii_lowercase))
def test_encode_and_decode_are_inverse(text: str) -> None:
    alphabet = Alphabet.characters()
    ids = alphabet.encode(text)
    assert len(ids) == len(text)
    assert alphabet.decode(ids) == text


def test_decoding_collapses_nothing_and_drops_the_blank() -> None:
    alphabet = Alphabet.characters()
    assert alphabet.decode([10, 0, 10, 10]) == "hhh"
    assert alphabet.decode([]) == ""


@pytest.mark.parametrize("text", ["Hello", "a1", "<blank>", "é"])
def test_unknown_characters_are_named(text: str) -> None:
    with pytest.raises(TextError, match="normalize_for_training"):
        Alphabet.characters().encode(text)


def test_the_blank_cannot_be_written() -> None:
    with pytest.raises(TextError, match="<blank>"):
        Alphabet.phones().encode("AH <blank>")


@pytest.mark.parametrize("ids", [[29], [-1], [3, 400]])
def test_ids_outside_are_refused(ids: list[int]) -> None:
    with pytest.raises(TextError, match="0 to 28"):
        Alphabet.characters().decode(ids)


@pytest.mark.parametrize("alphabet", [Alphabet.characters(), Alphabet.phones(), Alphabet(("a", "b", "_"), blank_id=2)])
def test_survives_json(alphabet: Alphabet) -> None:
    again = Alphabet.from_dict(json.loads(json.dumps(alphabet.to_dict())))
    assert again == alphabet
    assert hash(again) == hash(alphabet)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tokens": "abc"},
        {"tokens": ["a"]},
        {"tokens": ["a", "a"]},
        {"tokens": ["a", ""]},
        {"tokens": ["a", "b"], "blank_id": 2},
        {"tokens": ["a", "b"], "blank_id": -1},
        {"tokens": ["a", "b"], "blank": 0},
    ],
)
def test_impossible_alphabets_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Alphabet.from_dict(settings)
