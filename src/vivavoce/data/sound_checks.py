"""Finding recordings that are no speech, whatever their text: samples of the wrong byte order sound like a waterfall.

Made after a corpus whose texts fitted the lengths of their recordings perfectly, since the words were still there, as a
rise and fall of noise. Only some utterances are listened to: reading all would take as long as preparing the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.errors import AudioError

Array = NDArray[np.float32]

SAMPLE = 40
SECONDS = 4.0
NOISE_FLATNESS = 0.3  # white noise has 0.56; of twelve corpora of speech, quiet and noisy ones, the highest was 0.18


def find_noise(utterances: Sequence[Utterance], sample: int = SAMPLE) -> tuple[list[Utterance], int]:
    """Those of at most `sample` utterances with text, evenly spread, that sound like noise; and how many were tried.

    Recordings that cannot be read are passed over: whoever needs them tells their fault.
    """
    spoken = [utterance for utterance in utterances if utterance.text.strip()]
    tried, found = 0, []
    for utterance in spoken[:: max(1, len(spoken) // sample)][:sample]:
        try:
            waveform = read_waveform(utterance.audio)
        except AudioError:
            continue
        first = round(utterance.offset_seconds * 16000)
        tried += 1
        if flatness(waveform[first : first + round(SECONDS * 16000)]) > NOISE_FLATNESS:
            found.append(utterance)
    return found, tried


def flatness(waveform: Array) -> float:
    """Geometric over arithmetic mean of the power spectrum: 0.56 for white noise, near 0 for tones; 0 for silence.

    Args:
        waveform: (N,) float32, 16 kHz.
    """
    if not len(waveform):
        return 0.0
    power = np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2
    mean = float(power.mean())
    if mean < 1e-9:
        return 0.0
    return float(np.exp(np.log(power + 1e-9 * mean).mean()) / mean)
