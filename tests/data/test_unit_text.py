"""Prepared texts: back as they were written, rows that begin where words do, and folders that are none."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data import unit_text
from vivavoce.data.unit_text import RowStarts, UnitText, read_unit_text, split_watched, write_unit_text
from vivavoce.errors import DataError
from vivavoce.text.subwords import SINGLE, Subwords


def sentences(count: int) -> list[list[str]]:
    rng = random.Random(3)
    words = ["the", "cat", "sat", "on", "a", "mat", "again", "o'clock"]
    return [rng.choices(words, k=rng.randint(1, 9)) for _ in range(count)]


@pytest.fixture
def subwords() -> Subwords:
    return Subwords.train({"the": 5, "cat": 3, "sat": 3, "mat": 2}, len(SINGLE) + 5)


def test_a_text_comes_back(tmp_path: Path, subwords: Subwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_text, "PART_UNITS", 1000)
    said = sentences(200)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "units-7.xz").write_bytes(b"of an earlier text")
    units = write_unit_text(tmp_path / "text", said, subwords, {"words": 3})
    assert len(list((tmp_path / "text").glob("units-*.xz"))) > 1
    marked, known, facts = read_unit_text(tmp_path / "text")
    assert known.units == subwords.units
    assert (facts["words"], facts["units"]) == (3, units)
    text = UnitText.from_marked(marked, known)
    assert len(text.units) == units
    assert known.decode(text.units) == "".join(word + " " for words in said for word in words)
    bounds = [*text.sentences, units]
    assert [known.decode(text.units[a:b]).split() for a, b in pairwise(bounds)] == said
    spelled = known.decode(text.units)
    starts = np.cumsum([0, *(len(known.units[unit]) for unit in text.units)])[text.words]
    assert all(start == 0 or spelled[start - 1] == " " for start in starts)
    assert len(text.words) == sum(map(len, said))


def test_what_is_watched_is_not_trained_on(subwords: Subwords, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(unit_text, "CHUNK_SENTENCES", 5)
    monkeypatch.setattr(unit_text, "WATCHED_EVERY", 4)
    said = sentences(97)
    write_unit_text(tmp_path, said, subwords, {})
    marked, known, _ = read_unit_text(tmp_path)
    kept, watched = (UnitText.from_marked(part, known) for part in split_watched(marked))
    chosen = [n // 5 % 4 == 3 for n in range(97)]
    for text, wanted in ((kept, False), (watched, True)):
        words = [word for words, one in zip(said, chosen, strict=True) if one == wanted for word in words]
        assert known.decode(text.units).split() == words
        assert len(text.sentences) == chosen.count(wanted)


def test_rows_begin_where_words_do(subwords: Subwords, tmp_path: Path) -> None:
    write_unit_text(tmp_path, sentences(400), subwords, {})
    marked, known, _ = read_unit_text(tmp_path)
    text = UnitText.from_marked(marked, known)
    starts = RowStarts(text, 20, 0.5, seed=1)
    epoch = starts.epoch(3)
    np.testing.assert_array_equal(epoch, starts.epoch(3))
    assert not np.array_equal(np.sort(epoch), np.sort(starts.epoch(4)))
    last = len(text.units) - 20
    assert set(epoch) - {last} <= set(text.words)
    assert epoch.max() <= last
    assert abs(len(epoch) - len(text.units) / 20) < 2
    # Of the other half some begin where a sentence does by chance: one word in five is a sentence's first.
    assert 0.5 < np.isin(epoch, text.sentences).mean() < 0.75
    assert np.isin(RowStarts(text, 20, 1.0, 1).epoch(0), [*text.sentences, last]).all()
    with pytest.raises(DataError, match="more than two rows of"):
        RowStarts(text, len(text.units), 0.5, 1)


@pytest.mark.parametrize("wrong", ["none", "json", "xz", "numbers"])
def test_folders_that_are_none(tmp_path: Path, subwords: Subwords, wrong: str) -> None:
    folder = tmp_path / "text"
    write_unit_text(folder, sentences(20), subwords, {})
    if wrong == "none":
        folder = tmp_path / "other"
    elif wrong == "json":
        (folder / "text.json").write_text('{"merges": 3}')
    elif wrong == "xz":
        (folder / "units-0.xz").write_bytes(b"7zXZ")
    else:
        (folder / "text.json").write_text('{"merges": []}')
    with pytest.raises(DataError, match="make it again from texts"):
        read_unit_text(folder)
