"""The lexicon of a voice: what goes in comes out, guesses are the model's, files are refused that are none."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.voice_lexicon import VoiceLexicon, read_voice_lexicon, usual_entries, write_voice_lexicon
from vivavoce.errors import DataError, ModelError
from vivavoce.text.phonemes import PronouncingDictionary

ENTRIES = [
    ("bat", "B AE1 T"),
    ("bate", "B EY1 T"),
    ("tab", "T AE1 B"),
    ("table", "T EY1 B AH0 L"),
    ("tea", "T IY1"),
    ("tea", "T EY1"),
    ("tea", "T IY2"),
    ("beta", "B EY1 T AH0"),
    ("abet", "AH0 B EH1 T"),
    ("let", "L EH1 T"),
    ("a", "AH0"),
    ("a", "EY1"),
    ("a'b", "EY1 B"),
]
LONG = ("ab", "W AO1 T EH0 V ER0")  # no units of one letter make it
SAID = [(word, tuple(phones.split())) for word, phones in (*ENTRIES, LONG)]


@pytest.fixture(scope="module")
def model() -> G2p:
    return G2p.train(SAID, order=3, min_count=1)


@pytest.fixture(scope="module")
def path(model: G2p, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lexicon") / "deep" / "voice.lexicon"
    write_voice_lexicon(path, [*SAID, ("b2b", ("B",)), ("été", ("T",))], model, note="made in a test")
    return path


def test_all_words_come_back_with_their_stress_and_order(path: Path) -> None:
    lexicon = read_voice_lexicon(path)
    for word in {word for word, _ in SAID}:
        assert lexicon.pronounce(word) == [phones for other, phones in SAID if other == word]
        assert word in lexicon
    assert list(lexicon) == sorted({word for word, _ in SAID})
    assert lexicon.info["note"] == "made in a test"
    assert lexicon.pronounce("TABLE") == [("T", "EY1", "B", "AH0", "L")]


@pytest.mark.parametrize("word", ["", "b", "tabl", "tables", "zz", "!", "été", "a\nb", "ab\n"])
def test_words_that_are_not_there_are_not_found(path: Path, word: str) -> None:
    lexicon = read_voice_lexicon(path)
    assert lexicon.pronounce(word) == []
    assert word not in lexicon


def test_its_guesses_are_those_of_the_model(path: Path, model: G2p) -> None:
    guesser = read_voice_lexicon(path).guesser()
    assert sorted(guesser.cuts()) == sorted(model.cuts())
    for word in ("babble", "teat", "late"):
        for stress in (False, True):
            here, there = guesser.pronounce(word, 3, stress), model.pronounce(word, 3, stress)
            assert [phones for phones, _ in here] == [phones for phones, _ in there]
            # Units are numbered otherwise, so of equal partial readings other ones fall out of the beam.
            assert [prob for _, prob in here] == pytest.approx([prob for _, prob in there], rel=0.02)


def test_a_model_that_reads_forwards_is_kept_so(tmp_path: Path) -> None:
    model = G2p.train(SAID, order=2, backwards=False, min_count=1)
    guesser = write_voice_lexicon(tmp_path / "voice.lexicon", SAID, model).guesser()
    assert (guesser.order, guesser.backwards) == (2, False)
    assert guesser.pronounce("babble", 2) == model.pronounce("babble", 2)


def test_the_guesser_is_made_once_and_may_be_made_beforehand(path: Path) -> None:
    lexicon = read_voice_lexicon(path)
    thread = lexicon.prepare()
    thread.join(10)
    assert not thread.is_alive()
    assert lexicon._guesser is not None
    assert lexicon.guesser() is lexicon.guesser()


def test_equal_lexicons_are_equal_files(path: Path, model: G2p, tmp_path: Path) -> None:
    again = tmp_path / "voice.lexicon"
    write_voice_lexicon(again, reversed_words(SAID), model, note="made in a test")
    assert again.read_bytes() == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["voice.lexicon"]


def reversed_words(said: list[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """The words in the other direction, variants still in theirs."""
    return sorted(said, key=lambda entry: entry[0], reverse=True)


def test_a_lexicon_needs_words_and_units_of_one_letter(model: G2p, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are 0 such words"):
        write_voice_lexicon(tmp_path / "voice.lexicon", [("b2b", ["B"])], model)
    wide = G2p([["ea:IY1", "t:T"]], 2)
    with pytest.raises(DataError, match="one letter each"):
        write_voice_lexicon(tmp_path / "voice.lexicon", [("eat", ["IY1", "T"])], wide)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda data: data[:-20], "damaged one"),
        (lambda data: b"other" + data, "damaged one"),
        (lambda data: b"", "damaged one"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-1]), "cut off"),
        (lambda data: gzip.compress(gzip.decompress(data).partition(b"\n")[0] + b"\n"), "damaged one"),
        (lambda data: gzip.compress(gzip.decompress(data) + "ƒ\n".encode()), "other units"),
        (lambda data: gzip.compress(gzip.decompress(data).replace(b'"version":1', b'"version":2')), "version 2"),
        (lambda data: gzip.compress(b'{"format":"vivavoce g2p","version":1}\nb:B\n'), "damaged one"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, tmp_path: Path, damage: Callable[[bytes], bytes], fault: str) -> None:
    broken = tmp_path / "voice.lexicon"
    broken.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=fault):
        read_voice_lexicon(broken)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        read_voice_lexicon(tmp_path / "absent")


def test_the_header_says_what_is_inside(path: Path, model: G2p) -> None:
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    facts = json.loads(header)
    assert (facts["order"], facts["backwards"]) == (3, True)
    assert len(lines) == len(SAID)
    assert facts["not_learned"] == [sorted(word for word, _ in SAID).index("ab")]


def test_the_usual_pronunciation_is_put_first() -> None:
    dictionary = PronouncingDictionary(
        {
            "caught": [["K", "AA1", "T"], ["K", "AO1", "T"]],
            "cot": [["K", "AA1", "T"], ["K", "AO1", "T"]],
            "added": [["AE1", "D", "AH0", "D"], ["AE1", "D", "IH0", "D"]],
            "putting": [["P", "AH1", "T", "IH0", "NG"], ["P", "UH1", "T", "IH0", "NG"]],
            "nobody": [["N", "OW1", "B", "AA2", "D", "IY2"]],
            "law": [["L", "AO1"], ["L", "AA1"]],
            "fraud": [["F", "R", "AA1", "D"]],
        }
    )
    first: dict[str, str] = {}
    count = 0
    for word, phones in usual_entries(dictionary):
        first.setdefault(word, " ".join(phones))
        count += 1
    assert first == {
        "caught": "K AO1 T",
        "cot": "K AA1 T",
        "added": "AE1 D IH0 D",
        "putting": "P UH1 T IH0 NG",
        "nobody": "N OW1 B AH0 D IY0",
        "law": "L AO1",
        "fraud": "F R AA1 D",  # nobody says the other in this dictionary
    }
    assert count == 13  # none is lost, and one is new


def test_the_whole_dictionary(data_root: Path, repository: Path, tmp_path: Path) -> None:
    source = data_root / "cmudict" / "cmudict.dict"
    model = repository / "src" / "vivavoce" / "assets" / "asr-en-small" / "lexicon.g2p"
    if not source.is_file() or not model.is_file():
        pytest.skip(f"{source} or {model} is absent")
    dictionary = PronouncingDictionary.load(source, stress=True)
    path = tmp_path / "voice.lexicon"
    lexicon: VoiceLexicon = write_voice_lexicon(path, usual_entries(dictionary), G2p.load(model))
    assert path.stat().st_size < 520_000
    words = [word for word in dictionary if set(word) <= set("abcdefghijklmnopqrstuvwxyz'")]
    assert list(lexicon) == sorted(words)
    for word in words[::50]:
        there = {tuple(said) for said in dictionary.pronounce(word)}
        assert there <= set(lexicon.pronounce(word)), word
