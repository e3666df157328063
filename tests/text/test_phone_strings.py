# ruff: noqa: RUF001 - characters that are easily taken for others are read here, too
"""Written pronunciations: IPA and CMU's phones, where stress goes, what is refused."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import TextError
from vivavoce.text.phone_strings import ALPHABETS, IPA, read_phones
from vivavoce.text.voice_tokens import token_ids

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("həˈloʊ", "HH AH0 L OW1"),
        ("həˈləʊ", "HH AH0 L OW1"),
        ("/kæt/", "K AE1 T"),
        ("[ðɛɹ]", "DH EH1 R"),
        ("ˈbʌtər", "B AH1 T ER0"),
        ("ˈbʌtɚ", "B AH1 T ER0"),
        ("əˈɹaʊnd", "AH0 R AW1 N D"),
        ("tʃɜːtʃ", "CH ER1 CH"),
        ("t͡ʃɝt͡ʃ", "CH ER1 CH"),
        ("dʒʌdʒ", "JH AH1 JH"),
        ("ˈlɪtl̩", "L IH1 T AH0 L"),
        ("bəˈnænə", "B AH0 N AE1 N AH0"),
        ("ˌɪn.təˈnæʃ.ən.əl", "IH2 N T AH0 N AE1 SH AH0 N AH0 L"),
        ("ˈmɛʒɚ", "M EH1 ZH ER0"),
        ("θɪŋk", "TH IH1 NG K"),
        ("ˈdʒɔɪ", "JH OY1"),
        ("juː", "Y UW1"),
        ("wɑːˈʃɪŋtən", "W AA0 SH IH1 NG T AH0 N"),
    ],
)
def test_ipa(ipa: str, phones: str) -> None:
    assert " ".join(read_phones(ipa, "ipa")) == phones


def test_words_are_apart() -> None:
    assert read_phones("həˈloʊ wɜːld", "ipa") == ("HH", "AH0", "L", "OW1", " ", "W", "ER1", "L", "D")
    assert read_phones("HH AH0 L OW1 | W ER1 L D", "x-cmu") == ("HH", "AH0", "L", "OW1", " ", "W", "ER1", "L", "D")


@pytest.mark.parametrize("alphabet", ["x-cmu", "cmu-arpabet", "x-arpabet"])
@pytest.mark.parametrize(
    ("written", "phones"),
    [
        ("HH AH0 L OW1", "HH AH0 L OW1"),
        ("HH AH L OW", "HH AH0 L OW1"),  # the first full vowel
        ("B AH T ER", "B AH1 T ER0"),
        ("HH AH L OW2", "HH AH0 L OW2"),  # as it was written
        ("S T", "S T"),
    ],
)
def test_cmu(alphabet: str, written: str, phones: str) -> None:
    assert " ".join(read_phones(written, alphabet)) == phones


@pytest.mark.parametrize(
    ("written", "alphabet", "message"),
    [
        ("ʀ", "ipa", "'ʀ' in 'ʀ' is no symbol of English here; allowed: .*ʃ"),
        ("OX1", "x-cmu", "'OX1' is no phone; allowed: the vowels AA"),
        ("B1", "x-cmu", "'B1' is no phone"),
        ("hh", "x-cmu", "'hh' is no phone"),
        ("", "ipa", "holds no phones"),
        (" | ", "x-cmu", "holds no phones"),
        ("ˈ", "ipa", "holds no phones"),
        ("K AE T", "sampa", "'sampa' is no phonetic alphabet here; allowed: ipa, x-cmu"),
    ],
)
def test_refusals(written: str, alphabet: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read_phones(written, alphabet)


def test_every_symbol_gives_tokens_of_a_voice() -> None:
    for symbol in IPA:
        assert token_ids(read_phones(symbol, "ipa"))


@given(st.text(alphabet="".join(IPA) + "ˈˌ .", min_size=1, max_size=20))
def test_symbols_in_any_order_give_tokens_or_are_refused(text: str) -> None:
    with suppress(TextError):
        assert token_ids(read_phones(text, "ipa"))


@pytest.mark.skipif(not (DATA / "cmudict").is_dir(), reason="needs the pronouncing dictionary")
def test_the_dictionary_reads_back_as_it_is_written() -> None:
    lines = (DATA / "cmudict" / "cmudict.dict").read_text(encoding="utf-8").splitlines()[::50]
    for line in lines:
        phones = line.partition("#")[0].split()[1:]
        assert read_phones(" ".join(phones), ALPHABETS[1]) == tuple(phones)
