"""Which part of its file an utterance is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.evaluation.recordings import audio_of
from vivavoce.runtime.recognizer import Segment


def test_whole_files_and_parts(tmp_path: Path) -> None:
    path = str(tmp_path / "a.wav")
    soundfile.write(path, np.zeros(48000), 16000)
    assert audio_of(Utterance("whole", path, "a", 3.0)) == path
    assert audio_of(Utterance("header a little off", path, "a", 2.9)) == path
    assert audio_of(Utterance("no length stated", path, "a", 0.0)) == path
    assert audio_of(Utterance("begin", path, "a", 1.0)) == Segment(path, 0.0, 1.0)
    assert audio_of(Utterance("end", path, "a", 1.0, 2.0)) == Segment(path, 2.0, 1.0)
    missing = str(tmp_path / "none.wav")
    assert audio_of(Utterance("missing", missing, "a", 1.0)) == missing  # whoever reads it says so
