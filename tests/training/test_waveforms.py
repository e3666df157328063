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


def test_parts_of_a_recording_lie_inside_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("whole", 16000), ("parts", 32000)):
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-0.5, 0.5, count).astype(np.float32), 16000)
    whole, parts = str(tmp_path / "whole.wav"), str(tmp_path / "parts.wav")
    utterances = [
        Utterance("word", whole, "a", 0.25, 0.5),
        Utterance("late", parts, "a", 0.25, 1.5),
        Utterance("whole", whole, "a b", 1.0),
        Utterance("early", parts, "a", 0.5, 0.25),
        Utterance("end", whole, "b", 0.5, 0.75),
    ]
    store = WaveformStore(utterances, 16000, tmp_path / "cache")
    for number, utterance in enumerate(utterances):
        samples, _ = soundfile.read(utterance.audio, dtype="float32")
        first = round(16000 * utterance.offset_seconds)
        expected = samples[first : first + round(16000 * utterance.duration_seconds)]
        np.testing.assert_allclose(store[number], expected, atol=1.0 / 32767)
        assert store.seconds()[number] == len(expected) / 16000
    samples, starts, ends = store.all_samples()
    assert len(samples) == 16000 + 4000 + 8000  # the recording that is wanted whole, and two parts of the other
    again = WaveformStore(utterances, 16000, tmp_path / "cache")
    np.testing.assert_array_equal(again.all_samples()[1], starts)
    np.testing.assert_array_equal(again.all_samples()[2], ends)
