from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

MakeAudio = Callable[..., Path]


@pytest.fixture
def make_audio() -> MakeAudio:
    """Writes a tone of some seconds, in the format of the path's suffix."""

    def write(path: Path, seconds: float = 0.5, sample_rate: int = 16000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * sample_rate)) / sample_rate
        tone = 0.3 * np.sin(2 * np.pi * 220.0 * time)
        coding = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
        soundfile.write(path, tone, sample_rate, **coding)
        return path

    return write


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The corpora beside the repository."""
    root = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no corpora in {root}")
    return root
