"""`viva synthesize`: wishes that cannot be met, told before anything is spoken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Viva = Callable[..., Any]


def test_wrong_wishes(viva: Viva, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "out"
    text.write_text("We saw the river.\n")
    out.write_text("kept")
    done = viva("synthesize", text, out, "--count", 1)
    assert (done.code, done.out) == (2, "")
    assert f"error: {out}: no files can be written there" in done.err
    assert out.read_text() == "kept"
    done = viva("synthesize", text, tmp_path / "new", "--count", 1, "--seed", -1)
    assert done.code == 2
    assert "--seed" in done.err
    assert not (tmp_path / "new").exists()
