"""Cepstral mean normalisation: take out of features what the channel adds to all frames alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError, DataError


def normalize_mean(frames: NDArray[Any], variance: bool = False) -> NDArray[Any]:
    """Subtract each coefficient's mean over the utterance, and divide by its deviation where `variance` says so.

    Args:
        frames: (T, F), T at least 1.

    Returns:
        (T, F) of the same type. A coefficient that does not vary becomes zero.

    Raises:
        DataError: not (T, F), or no frame.
    """
    if frames.ndim != 2 or not len(frames):
        raise DataError(f"features have shape {frames.shape}; expected (T, F) with at least one frame.")
    centred = frames - frames.mean(axis=0, dtype=np.float64)
    if variance:
        deviation = np.sqrt((centred**2).mean(axis=0))
        centred /= np.where(deviation > 1e-10, deviation, 1.0)
    return centred.astype(frames.dtype)


class RunningMean:
    """Causal mean normalisation for streams: each frame minus the mean of itself and up to `window_frames - 1` before.

    The result does not depend on the chunking, to the last bit: sums run over single frames in their order.
    """

    def __init__(self, window_frames: int = 300, num_features: int = 80) -> None:
        if window_frames < 1 or num_features < 1:
            raise ConfigError(f"window_frames is {window_frames}, num_features {num_features}; expected 1 or more.")
        self._window, self._width = window_frames, num_features
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._seen = 0
        # Sums of all frames up to each of the last `window_frames`, the oldest first; before the signal they are zero.
        self._sums = np.zeros((self._window, self._width))

    def accept(self, frames: NDArray[Any]) -> NDArray[Any]:
        """(t, F) frames to (t, F) normalised ones."""
        if frames.ndim != 2 or frames.shape[1] != self._width:
            raise DataError(f"features have shape {frames.shape}; expected (t, {self._width}).")
        if not len(frames):
            return frames.copy()
        sums = np.cumsum(np.concatenate([self._sums[-1:], frames.astype(np.float64)]), axis=0)[1:]
        history = np.concatenate([self._sums, sums])
        counts = np.minimum(self._seen + 1 + np.arange(len(frames)), self._window)
        means = (sums - history[: len(frames)]) / counts[:, None]
        self._seen += len(frames)
        self._sums = history[-self._window :].copy()
        return (frames - means).astype(frames.dtype)
