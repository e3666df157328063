"""The loudspeaker: mono blocks played as they come, through PortAudio and the optional package sounddevice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.microphone import reason_of, sounddevice
from vivavoce.errors import AudioError


def play(blocks: Iterable[NDArray[Any]], sample_rate: int, device: str | int | None = None) -> float:
    """Play blocks one after another and return when the last was heard.

    Blocks are taken as the loudspeaker needs them, so they may be computed while the ones before are played.

    Args:
        blocks: (n,) float samples in [-1, 1].
        sample_rate: in Hz.
        device: number or part of the name; None for the system's own choice.

    Returns:
        Seconds that were played.

    Raises:
        AudioError: no sounddevice or PortAudio here, or no device that plays at this rate.
    """
    sound = sounddevice()
    try:
        stream = sound.OutputStream(sample_rate, device=device, channels=1, dtype="float32")
    except (ValueError, sound.PortAudioError) as error:
        raise AudioError(f"nothing can be played here ({reason_of(error)}); write a file: -o FILE.wav") from None
    samples = 0
    with stream:
        for block in blocks:
            stream.write(np.ascontiguousarray(block, np.float32).reshape(-1, 1))  # waits for room
            samples += len(block)
        stream.write(np.zeros((round(stream.latency * sample_rate) + 1, 1), np.float32))  # what is under way is heard
    return samples / sample_rate
