from __future__ import annotations

import random

import pytest

from vivavoce.data.manifest import Utterance
from vivavoce.data.selection import (
    hold_out,
    hold_out_named,
    origins,
    with_speakers_of,
    without_ids_of,
    without_speakers_of,
    without_texts_of,
)
from vivavoce.errors import DataError

ROWS = [
    Utterance("1", "1.wav", "Author of the danger trail, Mr. Steels", 1.0, speaker="a"),
    Utterance("2", "2.wav", "YES", 1.0, speaker="b"),
    Utterance("3", "3.wav", "It's 5 o'clock.", 1.0),
]


def ids(rows):
    return [row.id for row in rows]


def test_by_id_and_speaker():
    assert ids(without_ids_of(ROWS, ROWS[1:2])) == ["1", "3"]
    assert ids(with_speakers_of(ROWS, ROWS[:1])) == ["1"]
    assert ids(without_speakers_of(ROWS, ROWS[:1])) == ["2", "3"]
    assert ids(without_speakers_of(ROWS, ROWS)) == ["3"]
    assert ids(with_speakers_of(ROWS, ROWS)) == ["1", "2"]  # two unknown speakers are not known to be the same


def test_texts_are_compared_as_they_are_spoken():
    assert ids(without_texts_of(ROWS, ["AUTHOR OF THE DANGER TRAIL MISTER STEELS", "it's five o'clock"])) == ["2"]
    assert ids(without_texts_of(ROWS, ["yes"])) == ["1", "3"]
    assert ids(without_texts_of(ROWS, ["yes"], words=2)) == ["1", "2", "3"]


def made(name: str, *of: str) -> Utterance:
    return Utterance(name, f"{name}.wav", "x", 1.0, extra={"of": list(of)} if of else {})


def test_origins_are_named_alone_or_in_a_list():
    assert origins(ROWS[0]) == ["1"]
    assert origins(made("1-word0-mp3", "1-word0", "1")) == ["1-word0-mp3", "1-word0", "1"]
    assert origins(Utterance("copy", "c.wav", "x", 1.0, extra={"of": "1"})) == ["copy", "1"]


def test_what_stems_from_the_held_out_is_held_out():
    """Sentences with their copies, words, copies of words and splices, in any order: no sound of what is watched."""
    sentences = [made(f"s{number}") for number in range(40)]
    copies = [made(f"s{number}-mp3", f"s{number}") for number in range(40)]
    words = [made(f"s{number}-word0", f"s{number}") for number in range(40)]
    both = [made(f"s{number}-word0-mp3", f"s{number}-word0", f"s{number}") for number in range(40)]
    splices = [made(f"a-splice{number}", f"s{number}", f"s{number + 1}") for number in range(39)]
    rows = [*sentences, *copies, *words, *both, *splices]
    random.Random(1).shuffle(rows)
    watched, kept = hold_out(rows, 8)
    assert len(watched) == 8
    assert all(not row.extra for row in watched)  # no copy or word while its sentence is there
    sounds = {sound for number in kept for sound in origins(rows[number])}
    assert not sounds & {row.id for row in watched}
    left = {rows[number].id for number in kept}
    assert all({f"{row.id}-mp3", f"{row.id}-word0"} <= left for row in sentences if row not in watched)
    assert any("splice" in name for name in left)
    assert hold_out_named(rows, [row.id for row in watched]) == (watched, kept)


def test_what_is_alone_may_be_watched_without_its_kin():
    rows = [made(f"s{number}-word{word}", f"s{number}") for number in range(6) for word in range(3)]
    watched, kept = hold_out(rows, 2)
    assert ids(watched) == ["s0-word0", "s3-word0"]
    assert {origins(rows[number])[1] for number in kept} == {"s1", "s2", "s4", "s5"}
    watched, kept = hold_out_named([made("s0"), made("s1"), *rows], ["s0-word1"])
    assert ids(watched) == ["s0-word1"]
    assert kept == [1, *range(5, 20)]


def test_something_must_be_left_to_train_on():
    with pytest.raises(DataError, match="nothing is left"):
        hold_out_named([made("a"), made("a-mp3", "a")], ["a"])
    with pytest.raises(DataError, match="nothing is left"):
        hold_out([made(f"splice{number}", "a", "b") for number in range(9)], 2)
    with pytest.raises(DataError, match="1 utterances that the manifests do not hold, such as 'a'"):
        hold_out_named([made("a-mp3", "a"), made("b")], ["a"])
