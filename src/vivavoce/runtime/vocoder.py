"""Log-mel -> waveform by a vocoder's graph, whole or in chunks with the same samples. Never torch.

The graph gives spectra; the inverse transform is `dsp.stft`'s, whose FFT is quicker than a graph's matrix product. A
chunk is run with the frames around it on which its samples depend, so nothing of the network needs to be kept; the only
state is how often the voice has swung until the chunk begins. This module knows nothing of text or bundles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureConfig, checked_log_mel
from vivavoce.dsp.stft import StftConfig, istft
from vivavoce.errors import ModelError
from vivavoce.runtime.session import open_session

Array = NDArray[np.float32]

INPUTS = ("log_mel", "swung", "anchor", "first")
OUTPUTS = ("real", "imaginary", "cycles")
CONTEXT = "context_frames"  # the graph's note of how many frames on either side a sample depends on


class Vocoder:
    """A session over a vocoder's graph. It holds no stream's state, so threads may share it."""

    def __init__(self, path: str | Path, threads: int = 1, provider: str = "cpu") -> None:
        """Open a graph that `export.vocoder` wrote.

        Raises:
            ModelError: no such graph, or one of another kind.
        """
        self._session = open_session(path, threads, provider)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        notes = self._session.get_modelmeta().custom_metadata_map
        if (
            [i.name for i in inputs] != list(INPUTS)
            or [o.name for o in outputs] != list(OUTPUTS)
            or CONTEXT not in notes
        ):
            raise ModelError(f"{path} is no vocoder of this version; export it again.")
        self.features = FeatureConfig.voice()
        self.context_frames = int(notes[CONTEXT])
        self._stft = StftConfig(self.features.n_fft, self.features.hop_length)

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.features.sample_rate

    def __call__(self, log_mel: Array) -> Array:
        """(T, 80) log-mel of `FeatureConfig.voice()` -> (256 T,) float32 samples; number 256 t is frame t's centre.

        Raises:
            AudioError: another shape, or values that are not finite.
        """
        waveform, _ = self._run(self._checked(log_mel), 0.0, 0, 0)
        return waveform

    def stream(self, log_mels: Iterable[Array]) -> Iterator[Array]:
        """Chunks of (t, 80) frames -> pieces of the waveform that `__call__` gives of all frames, as they complete.

        A piece comes `context_frames` behind its frames, and the last ones when the frames have ended. Memory is
        constant but for the largest chunk.
        """
        frames = np.zeros((0, self.features.num_features), np.float32)
        start = done = 0  # the number of the first frame that is kept, and of the first that is not yet a waveform
        swung, context = 0.0, self.context_frames
        for chunk in log_mels:
            if not len(chunk):
                continue
            frames = np.concatenate([frames, self._checked(chunk)])
            end = start + len(frames) - context
            if end <= done:
                continue
            piece, swung = self._part(frames, start, done, end, swung)
            yield piece
            done = end
            kept = max(start, done - context)
            frames, start = frames[kept - start :], kept
        if start + len(frames) > done:
            yield self._part(frames, start, done, start + len(frames), swung)[0]

    def _part(self, frames: Array, start: int, done: int, end: int, swung: float) -> tuple[Array, float]:
        """The samples of frames done to end, and the voice's swings until frame `end`."""
        waveform, cycles = self._run(frames, swung, done - start, start)
        hop = self.features.hop_length
        following = float(cycles[end - start]) if end - start < len(cycles) else 0.0
        return waveform[hop * (done - start) : hop * (end - start)], following

    def _run(self, log_mel: Array, swung: float, anchor: int, first: int) -> tuple[Array, NDArray[np.float64]]:
        values = (log_mel[None], np.array([swung]), np.array([anchor]), np.array([first]))
        real, imaginary, cycles = self._session.run(list(OUTPUTS), dict(zip(INPUTS, values, strict=True)))
        spectrum = np.empty(real.shape[1:], np.complex64)
        spectrum.real, spectrum.imag = real[0], imaginary[0]
        return istft(spectrum, self._stft, self.features.hop_length * len(log_mel)), cycles[0]

    def _checked(self, log_mel: Array) -> Array:
        return checked_log_mel(log_mel, self.features.num_features)
