"""A FastPitch's graph: a sentence's tokens -> log-mel and durations, in one call. Never torch.

What goes in and out stands in export/acoustic.py. There is no attention from mel to text in it, so nothing can be
skipped or repeated, and rate and pitch of each token are inputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ModelError
from vivavoce.runtime.session import open_session
from vivavoce.runtime.speech_plan import Sentence
from vivavoce.runtime.voice_parts import SentenceMel

INPUTS = ("tokens", "duration_scale", "pitch_shift", "energy_shift")
OUTPUTS = ("mel", "durations")


class FastPitchModel:
    """A session over the graph. It holds no sentence's state, so threads may share it."""

    def __init__(self, path: str | Path, threads: int = 1, provider: str = "cpu") -> None:
        """Open a graph that `export.acoustic` wrote.

        Raises:
            ModelError: no such graph, or one of other inputs or outputs.
        """
        self._session = open_session(path, threads, provider)
        names = tuple(value.name for value in self._session.get_inputs())
        if names != INPUTS or tuple(value.name for value in self._session.get_outputs()) != OUTPUTS:
            raise ModelError(f"{path} takes {', '.join(names)}; expected {', '.join(INPUTS)}. Export the voice again.")

    def mel_of(self, sentence: Sentence) -> SentenceMel:
        """The mel of a sentence, with its rates and pitches."""
        values: tuple[NDArray[Any], ...] = (
            sentence.tokens, sentence.duration_scale, sentence.pitch_shift, np.zeros_like(sentence.pitch_shift)
        )  # fmt: skip
        inputs = {name: value[None] for name, value in zip(INPUTS, values, strict=True)}
        mel, durations = self._session.run(list(OUTPUTS), inputs)
        return SentenceMel(mel[0], durations[0])
