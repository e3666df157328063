"""Pitch of real speech against librosa's pYIN.

pYIN calls more frames voiced than most trackers do, so voicing is asked to agree in three quarters of the frames only;
where both hear a voice, they are asked to hear the same pitch.
"""

from __future__ import annotations

import os
from pathlib import Path

import librosa
import numpy as np
import pytest

from vivavoce.audio import read_waveform
from vivavoce.dsp.pitch import track_pitch

DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEAKERS = [folder for folder in sorted((DATA / "librispeech" / "train-dev-clean-12").glob("*")) if folder.is_dir()][:3]


@pytest.mark.skipif(not SPEAKERS, reason="the data folder is not beside the project")
@pytest.mark.parametrize("index", range(3))
def test_pitch_is_pyins(index: int) -> None:
    waveform = read_waveform(sorted(SPEAKERS[index].rglob("*.mp3"))[0], sample_rate=16000)[:64000]
    f0_hz, voiced, _ = librosa.pyin(waveform, fmin=60, fmax=500, sr=16000, frame_length=1024, hop_length=160)
    track = track_pitch(waveform, 16000)
    count = min(len(voiced), len(track.voiced))
    both = voiced[:count] & track.voiced[:count]
    assert both.mean() > 0.2
    error = np.abs(track.f0_hz[:count][both] / f0_hz[:count][both] - 1)
    assert np.mean(error > 0.2) < 0.03
    assert np.median(error) < 0.01
    assert np.mean(voiced[:count] == track.voiced[:count]) > 0.75
