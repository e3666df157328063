"""A vocoder without a network, as a bundle: the mel definition and how often phases are guessed anew.

The arithmetic is `dsp.mel_inversion`'s. It needs no training, so a new acoustic model can be heard at once; it sounds
hollow, and is understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureConfig, checked_log_mel
from vivavoce.dsp.mel_inversion import mel_to_waveform
from vivavoce.errors import ModelError, VivaError
from vivavoce.runtime.bundle import check_kind, read_facts
from vivavoce.runtime.voice_bundle import GRIFFIN_LIM

Array = NDArray[np.float32]


class GriffinLimVocoder:
    """It holds nothing but its settings, so threads may share it."""

    def __init__(self, folder: str | Path) -> None:
        """Open the bundle in a folder that `export.voice` wrote.

        Raises:
            ModelError: no such bundle, one of another kind or version, or settings that cannot be.
        """
        facts = read_facts(folder := Path(folder))
        check_kind(folder, facts, GRIFFIN_LIM)
        try:
            self.features, iterations = FeatureConfig.from_dict(facts["features"]), facts["iterations"]
        except KeyError as error:
            raise ModelError(f"{folder}/bundle.json has no {error}; export the bundle again.") from None
        except (VivaError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
        if type(iterations) is not int or iterations < 1:
            raise ModelError(f"{folder}/bundle.json has iterations {iterations!r}; expected an integer, 1 or more.")
        self.iterations = iterations

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.features.sample_rate

    def __call__(self, log_mel: Array) -> Array:
        """(T, F) log-mel of `features` -> (T hop,) float32 samples; number t times the hop is frame t's centre.

        Raises:
            AudioError: another shape, or values that are not finite.
        """
        return mel_to_waveform(log_mel, self.features, self.iterations)

    def stream(self, log_mels: Iterable[Array]) -> Iterator[Array]:
        """The waveform of all chunks of (t, F) frames in one piece: each phase depends on all the others."""
        frames = [checked_log_mel(chunk, self.features.num_features) for chunk in log_mels if len(chunk)]
        if frames:
            yield self(np.concatenate(frames))
