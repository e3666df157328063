from __future__ import annotations

from vivavoce.data.manifest import Utterance
from vivavoce.data.selection import with_speakers_of, without_ids_of, without_speakers_of, without_texts_of

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
