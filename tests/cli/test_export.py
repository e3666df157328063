"""`viva export`: what is wrong with a run folder is said in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Viva = Callable[..., Any]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (None, "holds no checkpoint with its config.json"),
        ("{", "config.json cannot be read"),
        ("{}", "is of no run of asr_small"),
    ],
)
def test_a_run_without_its_configuration(viva: Viva, tmp_path: Path, config: str | None, fault: str) -> None:
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/step-00000001.safetensors").write_bytes(b"")
    if config is not None:
        (tmp_path / "run/config.json").write_text(config)
    done = viva("export", tmp_path / "run", tmp_path / "bundle", "--test", tmp_path / "m.jsonl")
    assert done.code == 2
    assert fault in done.err


def test_no_checkpoint(viva: Viva, tmp_path: Path) -> None:
    done = viva("export", tmp_path, tmp_path / "bundle", "--test", tmp_path / "m.jsonl")
    assert done.code == 2
    assert "holds no checkpoint" in done.err
