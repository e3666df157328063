"""Common Voice's clips without text: all but those that a table of votes names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.corpora.common_voice_clips import files_wanted, prepare
from vivavoce.errors import DataError

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
