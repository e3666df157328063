"""Recognisers as listeners: what does a machine understand of a waveform?

One interface over our own recogniser and pocketsphinx, an independent program that shares neither data nor code with
it. A listener has no memory: what it hears does not depend on what it heard before.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.manifest import Utterance
from vivavoce.dsp.resample import resample
from vivavoce.errors import ConfigError
from vivavoce.runtime.bundle import Bundle
from vivavoce.runtime.recognizer import Recognizer

POCKETSPHINX_RATE = 16000


class Listener(Protocol):
    """Whoever writes down what is said."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def hear(self, waveform: NDArray[np.float32], sample_rate: int) -> str:
        """The words of a (N,) waveform at any sample rate, not normalised; "" where nothing is understood."""
        ...


class OwnListener:
    """A recogniser of ours."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer

    @property
    def name(self) -> str:
        return f"{self.recognizer.bundle.name} ({self.recognizer.decoder})"

    def hear(self, waveform: NDArray[np.float32], sample_rate: int) -> str:
        return self.recognizer.transcribe(waveform, sample_rate).text


class PocketsphinxListener:
    """pocketsphinx with the acoustic and language model that its wheel brings."""

    name = "pocketsphinx"

    def __init__(self) -> None:
        """
        Raises:
            ConfigError: pocketsphinx is not installed.
        """
        if not has_pocketsphinx():
            raise ConfigError("pocketsphinx is not installed. Run: pip install pocketsphinx, or listen without it.")
        from pocketsphinx import Decoder

        self._decoder: Any = Decoder(samprate=POCKETSPHINX_RATE, loglevel="FATAL", cmn="batch")

    def hear(self, waveform: NDArray[np.float32], sample_rate: int) -> str:
        samples = resample(waveform, sample_rate, POCKETSPHINX_RATE)
        pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
        if not len(pcm):
            return ""
        # Its features go on from what it heard before, whole utterances or not.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found is not None else ""


def count_trained_on(bundle: Bundle, utterances: Sequence[Utterance]) -> int:
    """Of how many recordings a recogniser had the corpus in its training, which then understands them too well.

    What its bundle names as held out, or says nothing of, does not count.
    """
    training = bundle.facts.get("training") or {}
    corpora, kept = set(training.get("hours") or ()), set(training.get("held_out") or ())
    return sum(one.extra.get("corpus") in corpora and one.id not in kept for one in utterances)


def has_pocketsphinx() -> bool:
    """Whether it can be imported; it is not, here."""
    return importlib.util.find_spec("pocketsphinx") is not None
