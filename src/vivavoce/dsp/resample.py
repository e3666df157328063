"""Change of sample rate, by soxr, whole or in chunks.

Both ways run through soxr's stream, so that they give the same samples; soxr compensates its own delay, so nothing
shifts in time. What is above half of the lower rate is filtered out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from vivavoce.errors import AudioError, ConfigError

QUALITIES = ("LQ", "MQ", "HQ", "VHQ")
_PIECE_SAMPLES = 1 << 16


def resample(waveform: NDArray[Any], from_hz: int, to_hz: int, quality: str = "HQ") -> NDArray[np.float32]:
    """The waveform at another sample rate.

    Args:
        waveform: (N,) float32, mono.
        from_hz, to_hz: sample rates.
        quality: LQ, MQ, HQ (over 100 dB) or VHQ (for 24-bit sound).

    Returns:
        (round(N * to_hz / from_hz),) float32, give or take one sample; the same array where the rates are equal.

    Raises:
        AudioError: not one-dimensional.
        ConfigError: a rate that is not positive, or an unknown quality.
    """
    resampler = Resampler(from_hz, to_hz, quality)
    samples = _mono(waveform)
    if from_hz == to_hz:
        return samples
    pieces = [
        resampler.accept(samples[start : start + _PIECE_SAMPLES]) for start in range(0, len(samples), _PIECE_SAMPLES)
    ]
    return np.concatenate([*pieces, resampler.finish()])


class Resampler:
    """Change of sample rate of audio that arrives in chunks; the same samples as `resample` of the whole."""

    def __init__(self, from_hz: int, to_hz: int, quality: str = "HQ") -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ConfigError(f"sample rates are {from_hz} and {to_hz} Hz; expected positive numbers.")
        if quality not in QUALITIES:
            raise ConfigError(f"quality is {quality!r}; expected one of {', '.join(QUALITIES)}.")
        self.from_hz, self.to_hz, self.quality = from_hz, to_hz, quality
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample is the first."""
        self._stream = None
        if self.from_hz != self.to_hz:
            self._stream = soxr.ResampleStream(self.from_hz, self.to_hz, 1, dtype="float32", quality=self.quality)

    def accept(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Take (n,) samples and give those that can be told by now, (m,) float32."""
        samples = _mono(samples)
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def finish(self) -> NDArray[np.float32]:
        """The last samples. The resampler then begins anew."""
        last = np.empty(0, np.float32)
        if self._stream is not None:
            last = self._stream.resample_chunk(last, last=True)
        self.reset()
        return last


def _mono(waveform: NDArray[Any]) -> NDArray[np.float32]:
    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim != 1:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono. Use audio.to_mono.")
    return samples
