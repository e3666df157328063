"""Common Voice's clips without text: all but those that a table of votes names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.corpora.common_voice_clips import files_wanted, prepare
from vivavoce.errors import DataError

VOTES = ("validated.tsv", "invalidated.tsv")
VALIDATED = "client_id\tpath\tsentence\nx\ta.mp3\tOne.\n"
INVALIDATED = "path\tclient_id\nb.mp3\ty\n"


def test_what_nobody_judged_is_listed_without_text(tmp_path: Path) -> None:
    clips = tmp_path / "en" / "clips"
    clips.mkdir(parents=True)
    for name in "abcd":
        soundfile.write(clips / f"{name}.wav", np.zeros(8000), 16000)
    (tmp_path / "en" / "validated.tsv").write_text(VALIDATED)
    (tmp_path / "en" / "invalidated.tsv").write_text(INVALIDATED)
    found = prepare(tmp_path)
    assert [(u.id, u.text, u.duration_seconds) for u in found] == [("c", "", 0.5), ("d", "", 0.5)]
    assert {u.extra["part"] for u in found} == {"train"}
    with pytest.raises(DataError, match="dev"):
        prepare(tmp_path, "dev")


def test_of_a_repository_the_tables_and_those_clips_are_wanted() -> None:
    paths = ["x/validated.tsv", "x/invalidated.tsv", "x/other.tsv", *(f"x/clips/{n}.mp3" for n in "abc"), "x/c.mp3"]
    tables = {"x/validated.tsv": VALIDATED, "x/invalidated.tsv": INVALIDATED}
    assert files_wanted(paths, None, tables.__getitem__) == [*list(tables), "x/clips/c.mp3"]


def test_every_locale_has_tables_of_its_own(tmp_path: Path) -> None:
    """Also those of the parts, in which a sentence may hold a line separator of Unicode."""
    for locale, judged in (("de", "a"), ("en", "b")):
        clips = tmp_path / locale / "clips"
        clips.mkdir(parents=True)
        for name in "abcd":
            soundfile.write(clips / f"{locale}_{name}.wav", np.zeros(8000), 16000)
        row = f"x\t{locale}_{judged}.mp3\tOne\u2028line.\n"
        (tmp_path / locale / "validated.tsv").write_text("client_id\tpath\tsentence\n" + row, encoding="utf-8")
        (tmp_path / locale / "invalidated.tsv").write_text("client_id\tpath\tsentence\n")
        (tmp_path / locale / "test.tsv").write_text(f"client_id\tpath\nx\t{locale}_c.mp3\n")
    left = ["de_b", "de_d", "en_a", "en_d"]
    assert [u.id for u in prepare(tmp_path)] == left
    paths = [path.as_posix() for path in sorted(tmp_path.rglob("*"))]
    wanted = files_wanted(paths, None, lambda path: Path(path).read_text(encoding="utf-8"))
    assert [Path(path).stem for path in wanted if "clips" in path] == left
    assert sum(path.endswith(".tsv") for path in wanted) == 6


@pytest.mark.parametrize(("missing", "there"), [(VOTES[0], VOTES[1]), (VOTES[1], VOTES[0])])
def test_without_the_votes_nothing_is_taken_for_unjudged(tmp_path: Path, missing: str, there: str) -> None:
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", np.zeros(8000), 16000)
    for name in (there, "test.tsv"):
        (tmp_path / name).write_text("path\nx.mp3\n")
    with pytest.raises(DataError, match=f"/{missing} is missing"):
        prepare(tmp_path)
    with pytest.raises(DataError, match=f"x/{missing} is missing"):
        files_wanted(["x/test.tsv", f"x/{there}", "x/clips/a.mp3"], None, str)
