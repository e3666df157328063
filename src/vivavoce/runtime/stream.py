"""Recognition of audio that arrives piece by piece: explicit state, and the text of the whole file.

`FrameStream` cuts features into the model's chunks, `RecognizerStream` reads words out of its frames. A file is
recognised by the same two classes with longer steps (runtime/recognizer.py); since the attention's chunk does not
depend on the step, file and stream agree.

A long chunk reads better, a short one answers sooner. So a live stream runs both: what the long one has not reached yet
is shown as the short one hears it, and replaced when the long one comes by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureStream, checked
from vivavoce.errors import ConfigError
from vivavoce.runtime.activity_model import ActivityModel
from vivavoce.runtime.bundle import CHARACTERS, Bundle
from vivavoce.runtime.decoders import Scorer, outputs_for
from vivavoce.runtime.encoder import Encoder
from vivavoce.runtime.speech_gate import SpeechGate, silent_frame
from vivavoce.runtime.transcript import Transcript, WordReader

Array = NDArray[np.float32]


class FrameStream:
    """Features in, log-probabilities out, for one stream."""

    def __init__(
        self,
        encoder: Encoder,
        chunk_frames: int,
        step_chunks: int = 1,
        gate: SpeechGate | None = None,
        outputs: Sequence[str] = (CHARACTERS,),
    ) -> None:
        """`chunk_frames` is the attention's chunk; `step_chunks` chunks are computed in one call of the graph.

        With a `gate`, which is this stream's own, frames without speech are certain blanks. `outputs` names what is
        given out: log-probabilities of characters, of phones, or of both side by side.
        """
        if chunk_frames < 1 or step_chunks < 1:
            raise ConfigError(f"chunk_frames is {chunk_frames} and step_chunks {step_chunks}; expected 1 or more.")
        self.encoder, self.chunk_frames, self._gate, self._outputs = encoder, chunk_frames, gate, outputs
        self._nothing = np.empty((0, encoder.bundle.width(outputs)), np.float32)
        self._subsampling = encoder.bundle.model.subsampling
        self._step = chunk_frames * step_chunks * self._subsampling  # feature frames a call
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._state = self.encoder.initial_state()
        if self._gate is not None:
            self._gate.reset()
        self._waiting = np.empty((0, self.encoder.bundle.features.num_features), np.float32)
        self._begun = False

    @property
    def missing(self) -> int:
        """How many more feature frames complete the next chunk."""
        return self._step - len(self._waiting)

    def accept(self, features: Array) -> Array:
        """(t, F) feature frames -> the (t', V) log-probabilities that they complete; t' may be 0."""
        self._waiting = np.concatenate([self._waiting, features])
        return self._run(len(self._waiting) // self._step * self._step)

    def finish(self, features: Array) -> Array:
        """Take the last frames; gives the log-probabilities of all that was waiting, and begins anew.

        A stream without any frame gives none.
        """
        self._waiting = np.concatenate([self._waiting, features])
        if self._begun or len(self._waiting):
            self._waiting = with_tail(self._waiting, self.encoder.bundle)
        log_probs = self._run(len(self._waiting))
        self.reset()
        return log_probs

    def _run(self, count: int) -> Array:
        """Run the first `count` waiting frames."""
        bundle = self.encoder.bundle
        pieces = [self._nothing]
        for start in range(0, count, self._step):
            piece = self._waiting[start : min(start + self._step, count)]
            lengths = np.array([len(piece) // self._subsampling], np.int64)
            log_probs, self._state = self.encoder.run(
                piece[None], lengths, self.chunk_frames, self._state, self._outputs
            )
            pieces.append(through_gate(self._gate, piece, log_probs[0], bundle, self.chunk_frames, self._outputs))
        self._begun = self._begun or count > 0
        self._waiting = self._waiting[count:]
        return np.concatenate(pieces)


class RecognizerStream:
    """One recognition. Any chunking of the same audio gives the same final text.

    stream = recognizer.create_stream()
    stream.accept(samples); print(stream.result().text); ...; print(stream.finish().text)
    """

    def __init__(
        self,
        encoder: Encoder,
        chunk_frames: int,
        step_chunks: int = 1,
        decoder: str = "greedy",
        live_chunk_frames: int | None = None,
        scorer: Scorer | None = None,
        detector: ActivityModel | None = None,
    ) -> None:
        """`Recognizer.create_stream` knows good values for all of these; without the last, nothing is shown early.

        Raises:
            ConfigError: a count below 1, or a live chunk that the chunk is not a multiple of.
        """
        if live_chunk_frames is not None and (live_chunk_frames < 1 or chunk_frames % live_chunk_frames):
            raise ConfigError(
                f"live_chunk_frames is {live_chunk_frames}; expected a divisor of chunk_frames, {chunk_frames}."
            )
        self._features = FeatureStream(encoder.bundle.features)
        outputs = outputs_for(decoder, scorer)
        self._frames = FrameStream(encoder, chunk_frames, step_chunks, make_gate(encoder.bundle, detector), outputs)
        self._live = None
        if live_chunk_frames is not None:
            self._live = FrameStream(encoder, live_chunk_frames, 1, make_gate(encoder.bundle, detector), outputs)
        self._words = WordReader(encoder.bundle, decoder, scorer)
        self._sample_rate = encoder.bundle.sample_rate
        self._nothing = np.empty((0, encoder.bundle.width(outputs)), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is the first."""
        self._features.reset()
        self._frames.reset()
        if self._live is not None:
            self._live.reset()
        self._words.reset()
        self._samples = 0
        self._held: list[Array] = []  # samples that complete no chunk yet
        self._made = 0  # feature frames so far
        self._early = self._nothing  # of the short chunk, behind what the words hold

    def accept(self, samples: NDArray[Any]) -> None:
        """Take (n,) mono samples at the bundle's rate, float in [-1, 1], n >= 0.

        Raises:
            AudioError: not one-dimensional, not floating-point, or not finite; the stream is then as it was before.
        """
        # A few frames of features cost as much as a block of them: they wait until a chunk may be complete.
        self._held.append(np.array(checked(samples)))  # the caller may use the array again
        self._samples += len(samples)
        streams = [self._frames] if self._live is None else [self._frames, self._live]
        missing = min(stream.missing for stream in streams)
        if self._features.config.count_frames(self._samples) < self._made + missing:
            return
        features = self._features.accept(np.concatenate(self._held))
        self._held = []
        self._made += len(features)
        log_probs = self._frames.accept(features)
        self._words.accept(log_probs)
        if self._live is not None:
            early = self._live.accept(features)
            self._early = np.concatenate([self._early, early])[len(log_probs) :]

    def result(self) -> Transcript:
        """The transcript so far; its last words may still change."""
        return self._words.result(self._samples / self._sample_rate, self._early)

    def finish(self) -> Transcript:
        """The final transcript; the stream then begins anew."""
        rows = [self._features.accept(np.concatenate(self._held))] if self._held else []
        self._words.accept(self._frames.finish(np.concatenate([*rows, self._features.finish()])))
        transcript = self._words.finish(self._samples / self._sample_rate)
        self.reset()
        return transcript


def make_gate(bundle: Bundle, detector: ActivityModel | None) -> SpeechGate | None:
    """A gate for one stream, by the bundle's rules."""
    return None if detector is None else SpeechGate(detector, bundle.gate)


def through_gate(
    gate: SpeechGate | None,
    features: Array,
    log_probs: Array,
    bundle: Bundle,
    chunk_frames: int,
    outputs: Sequence[str],
) -> Array:
    """(t, F) frames and their (t', V) log-probabilities -> the same behind the gate, taken chunk by chunk."""
    if gate is None or not len(features):
        return log_probs
    rows, count = chunk_frames * bundle.model.subsampling, chunk_frames * bundle.model.outputs_per_frame
    silence = silent_frame(bundle, outputs)
    pieces = []
    for number in range(-(-len(features) // rows)):
        frames, values = slice(number * rows, (number + 1) * rows), slice(number * count, (number + 1) * count)
        pieces.append(gate.close(features[frames], log_probs[values], silence))
    return np.concatenate(pieces)


def with_tail(features: Array, bundle: Bundle) -> Array:
    """(T, F) features -> the same, the bundle's tail of silence, and silence up to a whole encoder frame."""
    count = len(features) + bundle.model.tail_frames
    count += -count % bundle.model.subsampling
    floor = np.float32(math.log(bundle.features.log_floor))
    return np.pad(features, ((0, count - len(features)), (0, 0)), constant_values=floor)
