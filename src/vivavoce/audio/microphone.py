"""The microphone, as mono blocks at the rate you ask for, through PortAudio and the optional package sounddevice.

What is said while the program is busy waits in memory: a slow reader falls behind and loses nothing.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.resample import Resampler
from vivavoce.errors import AudioError, ConfigError

Array = NDArray[np.float32]

REMEDY = "Run: pip install 'vivavoce[listen]', and on Debian also: apt install libportaudio2"


class Microphone:
    """An open microphone; iterating gives its blocks for as long as it is open.

    with Microphone() as microphone:
        for samples in microphone: ...

    Attributes:
        overflows: how often the sound system itself dropped sound, which no program can bring back.
    """

    def __init__(self, sample_rate: int = 16000, block_seconds: float = 0.1, device: str | int | None = None) -> None:
        """Find the device; recording begins with `with`.

        Args:
            sample_rate: of the blocks, in Hz; where the device has other rates it is converted.
            block_seconds: about how much sound a block holds.
            device: number or part of the name, as `list_microphones` shows; None for the system's own choice.

        Raises:
            ConfigError: a rate or length that is not positive.
            AudioError: no sounddevice or PortAudio here, or no such device.
        """
        if sample_rate < 1 or not block_seconds > 0:
            raise ConfigError(f"{sample_rate} Hz in blocks of {block_seconds} s; expected positive numbers.")
        self._sound = sounddevice()
        try:
            self._device = self._sound.query_devices(device, "input")
        except (ValueError, self._sound.PortAudioError) as error:
            which = "no microphone was found" if device is None else f"there is no microphone {device!r}"
            raise AudioError(f"{which} ({reason_of(error)}); list them: viva listen --devices") from None
        self.name = str(self._device["name"])
        self.overflows = 0
        self._rate = self._possible_rate(sample_rate)
        self._resampler = Resampler(self._rate, sample_rate)
        self._samples = max(1, round(block_seconds * self._rate))
        self._blocks: queue.SimpleQueue[Array | None] = queue.SimpleQueue()
        self._stream: Any = None

    def __enter__(self) -> Microphone:
        try:
            self._stream = self._sound.InputStream(
                samplerate=self._rate,
                blocksize=self._samples,
                device=self._device["index"],
                channels=1,
                dtype="float32",
                callback=self._take,
                finished_callback=lambda: self._blocks.put(None),
            )
            self._stream.start()
        except self._sound.PortAudioError as error:
            raise AudioError(
                f"{self.name} cannot be opened ({reason_of(error)}); is another program using it?"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Array]:
        """(n,) float32 blocks until the microphone is closed.

        Raises:
            AudioError: the device went away.
        """
        while True:
            block = self._blocks.get()
            if block is None:
                if not self._stream.closed:
                    raise AudioError(f"{self.name} stopped; is it still plugged in?")
                return
            yield self._resampler.accept(block)

    def _take(self, block: NDArray[np.float32], _frames: int, _time: Any, status: Any) -> None:
        self.overflows += bool(status.input_overflow)
        self._blocks.put(block[:, 0].copy())

    def _possible_rate(self, wanted: int) -> int:
        try:
            self._sound.check_input_settings(self._device["index"], channels=1, dtype="float32", samplerate=wanted)
        except self._sound.PortAudioError:
            return round(self._device["default_samplerate"])
        return wanted


def list_microphones() -> list[str]:
    """One line for each device that records: its number, name and usual rate.

    Raises:
        AudioError: no sounddevice or PortAudio here.
    """
    devices = sounddevice().query_devices()
    return [
        f"{device['index']}: {device['name']} ({device['default_samplerate']:.0f} Hz)"
        for device in devices
        if device["max_input_channels"] > 0
    ]


def sounddevice() -> Any:
    """The optional package, for microphone and loudspeaker.

    Raises:
        AudioError: it is not here, or the PortAudio library is not.
    """
    try:
        import sounddevice as package
    except (ImportError, OSError) as error:  # OSError: the package is there and the PortAudio library is not
        raise AudioError(f"microphone and loudspeaker need sounddevice and PortAudio ({error}). {REMEDY}") from None
    return package


def reason_of(error: Exception) -> str:
    """The first line of an error, to stand inside a sentence."""
    return str(error).splitlines()[0].rstrip(".")
