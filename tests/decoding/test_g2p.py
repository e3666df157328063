"""Grapheme to phoneme: the search against every reading, files, refusals, and real words."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.errors import ConfigError, DataError, ModelError, TextError
from vivavoce.metrics.edits import count_edits
from vivavoce.text.joint_units import JointUnit
from vivavoce.text.phonemes import CONSONANTS, PHONES, PronouncingDictionary, without_stress

CUTS = [
    cut.split()
    for cut in (
        "b:B a:AE1 t:T",
        "b:B a:EY1 t:T e:",
        "t:T a:AE1 b:B",
        "t:T a:EY1 b:B l:AH0+L e:",
        "a:AH0 b:B e:EH1 t:T",
        "ea:IY1 t:T",
        "b:B ea:IY1 t:T",
        "b:B e:IY1 a:AE0 t:T e:",
        "t:T ea:IY1",
        "t:T e:EH1 l:L l:",
    )
]
UNITS = [[JointUnit.parse(name) for name in cut] for cut in CUTS]
ENTRIES = [("".join(unit.letters for unit in cut), [phone for unit in cut for phone in unit.phones]) for cut in UNITS]


def every_reading(word: str, order: int, backwards: bool) -> dict[tuple[str, ...], float]:
    """Pronunciations without stress and their probabilities, over all sequences of units that spell the word."""
    text = number_words(cut[::-1] if backwards else cut for cut in CUTS)
    model = NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, order)).tables)
    units = {name: JointUnit.parse(name) for name in text.vocabulary[3:]}
    found: dict[tuple[str, ...], float] = {}
    for length in range(1, len(word) + 1):
        for cut in itertools.product(units, repeat=length):
            if "".join(units[name].letters for name in cut) == word:
                phones = tuple(phone.rstrip("012") for name in cut for phone in units[name].phones)
                prob = math.exp(model.score(cut[::-1] if backwards else cut))
                found[phones] = found.get(phones, 0.0) + prob
    return {phones: prob for phones, prob in found.items() if phones}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("word", ["eat", "teal", "e"])
def test_a_boundless_search_finds_every_reading(word: str, order: int, backwards: bool) -> None:
    expected = every_reading(word, order, backwards)
    whole = sum(expected.values())
    found = G2p(CUTS, order, backwards, beam=10**6, width=math.inf).pronounce(word, n=10**6)
    assert {tuple(phones): prob for phones, prob in found} == pytest.approx(
        {phones: prob / whole for phones, prob in expected.items()}, rel=1e-5
    )
    assert len(found) > 2 or word == "e"
    assert [prob for _, prob in found] == sorted((prob for _, prob in found), reverse=True)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_beam_finds_the_best_reading(backwards: bool) -> None:
    for word in ("bat", "bate", "table", "beat", "abet", "tell", "tebate"):
        every = G2p(CUTS, 3, backwards, beam=10**6, width=math.inf).pronounce(word, 3)
        narrow = G2p(CUTS, 3, backwards, beam=8).pronounce(word, 3)
        assert narrow[0][0] == every[0][0]
        assert narrow[0][1] == pytest.approx(every[0][1], abs=0.05)


def test_guesses_have_no_stress_and_no_case() -> None:
    model = G2p.train(ENTRIES, order=3, min_count=1)
    assert model.pronounce("BAT")[0][0] == ["B", "AE", "T"]
    assert model.pronounce("table") == model.pronounce("Table")
    guesses = model.pronounce("able", n=5)
    assert len(guesses) == 5
    assert {phone for phones, _ in guesses for phone in phones} <= set(PHONES)
    assert 0.0 < sum(prob for _, prob in guesses) <= 1.0 + 1e-9


def test_guesses_with_stress_have_one_main_stress() -> None:
    model = G2p.train(ENTRIES, order=3, min_count=1)
    assert model.pronounce("bat", stress=True)[0][0] == ["B", "AE1", "T"]
    assert model.pronounce("table", stress=True)[0][0] == ["T", "EY1", "B", "AH0", "L"]
    for word in ("able", "tebate", "beatable"):
        for phones, prob in model.pronounce(word, 4, stress=True):
            assert sum(phone.endswith("1") for phone in phones) == 1
            assert all(phone[-1] in "012" for phone in phones if phone.rstrip("012") not in CONSONANTS)
            assert 0.0 < prob <= 1.0


def test_guesses_with_stress_are_the_likeliest_ones() -> None:
    boundless = G2p(CUTS, 3, beam=10**6, width=math.inf)
    for word in ("eat", "teal"):
        readings: dict[tuple[str, ...], float] = {}
        for phones, weight in boundless._search(word):
            if sum(phone.endswith("1") for phone in phones) == 1:
                readings[phones] = readings.get(phones, 0.0) + weight
        plain: dict[tuple[str, ...], float] = {}
        for phones, weight in readings.items():
            spoken = tuple(phone.rstrip("012") for phone in phones)
            plain[spoken] = plain.get(spoken, 0.0) + weight
        best = max(plain, key=lambda spoken: plain[spoken])
        alike = {phones: weight for phones, weight in readings.items() if without_stress(phones) == best}
        (found, prob), *_ = boundless.pronounce(word, stress=True)
        assert tuple(found) == max(alike, key=lambda phones: alike[phones])
        assert prob == pytest.approx(plain[best] / sum(plain.values()))


def test_stress_is_what_there_is_where_no_reading_has_one_main_stress() -> None:
    model = G2p([["a:AH0", "t:T"], ["t:T", "a:AH0"]], 2)
    assert model.pronounce("at", stress=True)[0][0] == ["AH0", "T"]
    assert model.pronounce("tt", stress=True)[0][0] == ["T", "T"]


def test_numbered_cuts_are_the_same_model() -> None:
    for backwards in (False, True):
        text = number_words(cut[::-1] if backwards else cut for cut in CUTS)
        numbered, named = G2p(text, 3, backwards), G2p(CUTS, 3, backwards)
        assert list(numbered.cuts()) == list(named.cuts()) == CUTS
        assert numbered.pronounce("beat", 3) == named.pronounce("beat", 3)


def test_units_are_of_as_many_letters_as_wished() -> None:
    pairs = [("phi", ("F", "AY1")), ("pho", ("F", "OW1")), ("fi", ("F", "AY1"))] * 4
    single, double = (G2p.train(pairs, 2, letters, backwards=False) for letters in (1, 2))
    assert single.pronounce("phi")[0][0] == double.pronounce("phi")[0][0] == ["F", "AY"]
    assert {len(letters) for letters in single._units} == {1}
    assert {len(letters) for letters in double._units} == {1, 2}


def test_other_words_are_passed_over() -> None:
    model = G2p.train([*ENTRIES, ("b2b", ["B"]), ("été", ["EY1"]), ("", ["T"]), ("bat", [])], min_count=1)
    assert model.info["entries"] == len(ENTRIES)
    assert model.letters == set("abelt")


def test_a_saved_model_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.g2p"
    for backwards in (False, True):
        model = G2p.train(ENTRIES, order=4, backwards=backwards, min_count=1)
        model.save(path, note="made in a test")
        again = G2p.load(path)
        assert again.info == {"entries": len(ENTRIES), "note": "made in a test"}
        assert (again.order, again.backwards) == (4, backwards)
        for word in ("bat", "table", "tea"):
            assert again.pronounce(word, 4) == model.pronounce(word, 4)
        again.save(tmp_path / "again.g2p")
        assert (tmp_path / "again.g2p").read_bytes() == path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["model.g2p"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda data: data[:-20], "damaged one"),
        (lambda data: b"other" + data, "damaged one"),
        (lambda data: b"", "damaged one"),
        (lambda data: gzip.compress(b"[]\n"), "damaged one"),
        (lambda data: gzip.compress(gzip.decompress(data).splitlines()[0]), "no words"),
        (lambda data: gzip.compress(gzip.decompress(data) + b"\nword"), "'word' is no joint unit"),
        (lambda data: gzip.compress(b'{"format": "other", "version": 1}\nb:B'), "damaged one"),
        (lambda data: gzip.compress(gzip.decompress(data).replace(b'"version": 1', b'"version": 2')), "version 2"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes], fault: str) -> None:
    path = tmp_path / "model.g2p"
    G2p(CUTS, 2).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=fault):
        G2p.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        G2p.load(tmp_path / "absent.g2p")


def test_the_file_is_the_text_of_the_units(tmp_path: Path) -> None:
    G2p(CUTS, 3).save(tmp_path / "model.g2p")
    header, *lines = gzip.decompress((tmp_path / "model.g2p").read_bytes()).decode().splitlines()
    assert json.loads(header)["order"] == 3
    assert [line.split() for line in lines] == CUTS


@pytest.mark.parametrize(("word", "fault"), [("", "is empty"), ("bézat", r"has 'z', 'é'.* words of abelt")])
def test_words_with_unknown_letters_are_refused(word: str, fault: str) -> None:
    with pytest.raises(TextError, match=fault):
        G2p(CUTS, 2).pronounce(word)


def test_words_that_no_units_spell_are_refused() -> None:
    model = G2p([["a:AE1"], ["qu:K", "a:AE1"]], 2)
    assert model.pronounce("qua")[0][0] == ["K", "AE"]
    with pytest.raises(TextError, match="no pronunciation of 'qa'"):
        model.pronounce("qa")
    with pytest.raises(TextError, match="no pronunciation of 'e'"):
        G2p([["e:", "a:AE1"]], 1).pronounce("e")


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 pronunciations"):
        G2p(CUTS, 2).pronounce("bat", 0)
    with pytest.raises(ConfigError, match="beam 0"):
        G2p(CUTS, 2, beam=0)
    for wrong in ({"order": 0}, {"letters": 3}, {"iterations": 0}, {"min_count": 0}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))} "):
            G2p.train(ENTRIES, **wrong)
    with pytest.raises(DataError, match="no entry"):
        G2p.train([("b2b", ["B"])])
    with pytest.raises(DataError, match="can be aligned"):
        G2p.train([("w", ["D", "AH1", "B"])])


def test_real_words(data_root: Path) -> None:
    path = data_root / "cmudict" / "cmudict.dict"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    stressed, plain = (PronouncingDictionary.load(path, stress) for stress in (True, False))
    words = [word for word in plain if word.isalpha()][::8]
    held_out = words[::50]
    unseen = set(held_out)
    model = G2p.train((word, said) for word in words if word not in unseen for said in stressed.pronounce(word))
    wrong = edits = length = 0
    for word in held_out:
        guess = model.pronounce(word)[0][0]
        nearest, phones = min((count_edits(said, guess).errors, len(said)) for said in plain.pronounce(word))
        wrong, edits, length = wrong + (nearest > 0), edits + nearest, length + phones
    assert len(held_out) > 250
    # Of an eighth of the dictionary; with all of it there are less than two thirds of these errors.
    assert wrong / len(held_out) < 0.5
    assert edits / length < 0.115
