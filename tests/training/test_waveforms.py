"""Decoded speech beside a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.training.waveforms import WaveformStore


def test_runs_that_begin_together_do_not_take_each_others_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(40):
        waveform = rng.uniform(-0.5, 0.5, 4000 + number).astype(np.float32)
        soundfile.write(tmp_path / f"{number}.wav", waveform, 16000)
        utterances.append(Utterance(f"u{number}", str(tmp_path / f"{number}.wav"), "text", len(waveform) / 16000))
    folder = tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: WaveformStore(utterances, 16000, folder), range(4)))
    for store in stores:
        assert len(store) == 40
        assert all(len(store[number]) == 4000 + number for number in range(40))
    assert sorted(path.suffix for path in folder.iterdir()) == [".i16", ".json"]
