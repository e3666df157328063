"""The encoder of a recogniser: features in, log-probabilities out, with the state of each stream in your hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ModelError
from vivavoce.runtime.bundle import CHARACTERS, PHONES, Bundle
from vivavoce.runtime.session import open_session

Array = NDArray[np.float32]

CACHES = ("front_cache", "attention_cache", "convolution_cache", "seen_frames")
INPUTS = ("features", "lengths", "chunk_frames", *CACHES)
OUTPUTS = (CHARACTERS, *(f"next_{name}" for name in CACHES))


@dataclass(frozen=True)
class EncoderState:
    """What B streams remember between calls: the four caches of the graph.

    front: (B, front frames, F); attention: (layers, B, L, 2D); convolution: (layers, B, K, D); seen: (B,) int64.
    """

    front: Array
    attention: Array
    convolution: Array
    seen: NDArray[np.int64]

    def first(self, count: int) -> EncoderState:
        """The state of the first `count` streams alone."""
        if count == len(self.seen):
            return self
        return EncoderState(
            self.front[:count], self.attention[:, :count], self.convolution[:, :count], self.seen[:count]
        )


class Encoder:
    """A session over a bundle's graph. It holds no stream's state, so threads may share it."""

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "cpu", optimization: str = "all") -> None:
        """Open the graph and check it against the bundle; the settings are those of `open_session`.

        Raises:
            ConfigError: a setting that cannot be.
            ModelError: the graph has other inputs, outputs or shapes than bundle.json says.
        """
        self.bundle = bundle
        self._session = open_session(bundle.model_path, threads, provider, optimization)
        inputs = {value.name: value.shape for value in self._session.get_inputs()}
        self._check(inputs, {value.name: value.shape for value in self._session.get_outputs()})
        self._front_frames = int(inputs["front_cache"][1])  # what the front end remembers is the graph's own affair

    def initial_state(self, batch: int = 1) -> EncoderState:
        """The state of B streams before their first frame."""
        model = self.bundle.model
        return EncoderState(
            np.zeros((batch, self._front_frames, self.bundle.features.num_features), np.float32),
            np.zeros((model.layers, batch, model.left_frames, 2 * model.width), np.float32),
            np.zeros((model.layers, batch, model.convolution_frames, model.width), np.float32),
            np.zeros(batch, np.int64),
        )

    def run(
        self,
        features: Array,
        lengths: NDArray[np.int64],
        chunk_frames: int,
        state: EncoderState,
        outputs: Sequence[str] = (CHARACTERS,),
    ) -> tuple[Array, EncoderState]:
        """Run n encoder frames of B streams.

        Args:
            outputs: CHARACTERS, PHONES, or both in the order in which they shall stand beside each other.
            features: (B, n * subsampling, F).
            lengths: (B,) valid encoder frames of each, 0 to n.
            chunk_frames: look-ahead of the attention; n must be a multiple of it unless the streams end here.
            state: what these streams remember.

        Returns:
            log_probs (B, n * outputs_per_frame, V, P or the sum of both), and the next state.
        """
        chunk = np.array([chunk_frames], np.int64)
        values = (features, lengths, chunk, state.front, state.attention, state.convolution, state.seen)
        found = self._session.run([*outputs, *OUTPUTS[1:]], dict(zip(INPUTS, values, strict=True)))
        heard, following = found[: len(outputs)], found[len(outputs) :]
        return heard[0] if len(heard) == 1 else np.concatenate(heard, axis=-1), EncoderState(*following)

    def _check(self, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, Sequence[Any]]) -> None:
        bundle, model = self.bundle, self.bundle.model
        wanted = OUTPUTS if bundle.lexicon is None else (*OUTPUTS, PHONES)
        missing = [name for name in INPUTS if name not in inputs] + [name for name in wanted if name not in outputs]
        if missing:
            raise ModelError(f"{bundle.model_path} has no {', '.join(missing)}; export the bundle again.")
        for what, found, stated in (
            ("tokens", outputs["log_probs"][-1], len(bundle.tokens)),
            ("features", inputs["features"][-1], bundle.features.num_features),
            ("layers", inputs["attention_cache"][0], model.layers),
            ("left_frames", inputs["attention_cache"][-2], model.left_frames),
            ("width", inputs["convolution_cache"][-1], model.width),
            ("convolution_frames", inputs["convolution_cache"][-2], model.convolution_frames),
        ):
            if isinstance(found, int) and found != stated:
                raise ModelError(
                    f"{bundle.model_path} has {found} {what}, bundle.json {stated}; export the bundle again."
                )
