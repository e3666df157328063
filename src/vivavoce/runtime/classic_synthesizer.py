"""Text becomes speech by a Tacotron 2 bundle and any vocoder: the classic pair, sentence by sentence. Never torch.

It shares the front end with `runtime.synthesizer`, which is for products: there, nothing can fail to be said. Here the
attention may fail, and every sentence comes with a report on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.attention_check import AttentionReport
from vivavoce.runtime.speech_plan import Planner, Style
from vivavoce.runtime.tacotron2 import TacotronModel

Array = NDArray[np.float32]
Vocode = Callable[[Array], Array]
"""(T, F) log-mel -> (T hop,) samples: `Vocoder`, `WaveNetVocoder`, or `dsp.mel_inversion.mel_to_waveform`."""


@dataclass(frozen=True)
class SpokenSentence:
    """text: as it was written; spelled: its tokens; waveform (N,) with the pauses around it; mel (T, F); alignment
    (S, U); report: on the alignment."""

    text: str
    spelled: tuple[str, ...]
    waveform: Array
    mel: Array
    alignment: Array
    report: AttentionReport


class ClassicSynthesizer:
    """A Tacotron 2 bundle, a vocoder and a voice's lexicon."""

    def __init__(self, acoustic: TacotronModel | str | Path, vocoder: Vocode, lexicon: str | Path) -> None:
        """`lexicon` is what `viva train g2p` makes for voices.

        Raises:
            ModelError, DataError: the bundle or the lexicon is missing, damaged or of another version.
        """
        self.acoustic = acoustic if isinstance(acoustic, TacotronModel) else TacotronModel(acoustic)
        self.vocoder, self.planner = vocoder, Planner(lexicon)

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.acoustic.features.sample_rate

    def speak(self, text: str, seed: int = 0, style: Style | None = None) -> Iterator[SpokenSentence]:
        """The sentences of a text, each when it is asked for.

        Args:
            seed: of the pre-net's dropout.
            style: pauses and SSML are kept to; rate, pitch and loudness cannot be had from this model.

        Raises:
            TextError: there is nothing to say.
        """
        for sentence in self.planner.plan(text, style or Style()):
            if not len(sentence.tokens):
                continue
            spoken = self.acoustic.speak(sentence.tokens, seed)
            before, behind = (
                np.zeros(round(seconds * self.sample_rate), np.float32)
                for seconds in (sentence.pause_before_seconds, sentence.pause_seconds)
            )
            waveform = np.concatenate([before, self.vocoder(spoken.mel), behind])
            yield SpokenSentence(sentence.text, sentence.spelled, waveform, spoken.mel, spoken.alignment, spoken.report)
