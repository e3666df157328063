"""The symbols of a voice."""

from __future__ import annotations

import pytest

from vivavoce.errors import TextError
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.text.voice_tokens import BREAK, PAD, TOKENS, token_ids


def test_ids_are_places_in_tokens() -> None:
    said = [BREAK, "HH", "AH0", "L", "OW1", " ", "DH", "EH1", "R", "!", BREAK]
    assert [TOKENS[number] for number in token_ids(said)] == said
    assert len(set(TOKENS)) == len(TOKENS)
    assert TOKENS[0] == PAD


@pytest.mark.parametrize("wrong", [["AH"], ["HH", "hello"], [PAD], ["B1"]])
def test_unknown_symbols_are_named(wrong: list[str]) -> None:
    with pytest.raises(TextError, match="no tokens of a voice"):
        token_ids(wrong)


def test_every_phone_of_a_stressed_dictionary_is_a_token(tmp_path) -> None:
    file = tmp_path / "some.dict"
    file.write_text("measure M EH1 ZH ER0\njudge JH AH1 JH\nboy B OY2\n", encoding="utf-8")
    dictionary = PronouncingDictionary.load(file, stress=True)
    for word in ("measure", "judge", "boy"):
        assert token_ids(dictionary.pronounce(word)[0])
