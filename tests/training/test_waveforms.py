"""Decoded speech beside a run."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.errors import DataError
from vivavoce.training import waveforms
from vivavoce.training.waveforms import WaveformStore, state_of


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


def test_a_changed_recording_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same length, too; and each file is asked once, however many utterances are parts of it."""
    path, asked = tmp_path / "a.wav", []
    utterances = [Utterance(f"u{number}", str(path), "a", 0.1, 0.1 * number) for number in range(5)]

    def asked_of(name: str) -> tuple[int, int]:
        asked.append(name)
        return state_of(name)

    monkeypatch.setattr(waveforms, "state_of", asked_of)
    for number, level in enumerate((0.25, -0.25)):
        soundfile.write(path, np.full(16000, level, np.float32), 16000)
        os.utime(path, ns=(0, 10**9 * (number + 1)))
        assert WaveformStore(utterances, 16000, tmp_path / "cache")[3][0] == pytest.approx(level, abs=1e-4)
    assert asked == [str(path), str(path)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | BaseException
) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(16000, 0.25, np.float32), 16000)
    utterances, folder = [Utterance("a", str(tmp_path / "a.wav"), "a", 1.0)], tmp_path / "cache"

    def fail(*_: object) -> None:
        raise error

    for place, name, left in ((waveforms, "read_waveform", []), (waveforms.json, "dumps", [".i16"])):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, fail)
            with pytest.raises((KeyboardInterrupt, OSError)):
                WaveformStore(utterances, 16000, folder)
        assert [file.suffix for file in folder.iterdir()] == left
    assert len(WaveformStore(utterances, 16000, folder)[0]) == 16000


def test_without_samples_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="recordings of 0 utterances hold no samples"):
        WaveformStore([], 16000, tmp_path)
    assert not list(tmp_path.iterdir())
