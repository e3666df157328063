"""The two parts of a voice as a synthesizer sees them: sentences become mel, mel becomes samples.

Which networks do it, or none, is the bundle's to say (`runtime.voice_bundle`): FastPitch or Tacotron 2; Vocos, WaveNet
or Griffin-Lim. All of them speak of one mel, `FeatureConfig.voice()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.attention_check import AttentionReport
from vivavoce.runtime.speech_plan import Sentence

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SentenceMel:
    """A sentence, drawn.

    Attributes:
        mel: (T, 80) natural log of magnitude.
        durations: (U,) int64, the frames of each token; they sum to T.
        report: on the attention; None of a model that has none, and can neither skip nor repeat.
    """

    mel: Array
    durations: NDArray[np.int64]
    report: AttentionReport | None = None


class AcousticModel(Protocol):
    """Sentences to mel. It holds no sentence's state, so threads may share it."""

    def mel_of(self, sentence: Sentence) -> SentenceMel:
        """Draw a planned sentence, the same each time.

        Raises:
            ConfigError: the sentence asks for what the model cannot do.
        """
        ...


class MelVocoder(Protocol):
    """Mel to samples, the same each time. It holds no waveform's state, so threads may share it."""

    def __call__(self, log_mel: Array) -> Array:
        """(T, 80) -> (256 T,) float32 samples.

        Raises:
            AudioError: another shape, or values that are not finite.
        """
        ...

    def stream(self, log_mels: Iterable[Array]) -> Iterator[Array]:
        """Chunks of (t, 80) frames -> pieces of the waveform that `__call__` gives of all frames, as they come."""
        ...
