"""When somebody begins and stops speaking, told while the audio is still coming.

Three layers, each usable alone: `VoiceActivity` turns samples into a probability of speech for every frame,
`FrameEndpointer` turns probabilities into beginnings and ends by the rules in `EndpointRules`, and `Endpointer` does
both and speaks in seconds. However the audio is cut into pieces, probabilities are the same bits and events the same
events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce import timeline
from vivavoce.dsp.features import FeatureStream
from vivavoce.errors import ConfigError
from vivavoce.runtime.activity_model import ActivityModel

Array = NDArray[np.float32]
Kind = Literal["speech_started", "speech_ended"]
Reason = Literal["", "silence", "length", "finish"]


@dataclass(frozen=True)
class EndpointRules:
    """What counts as an utterance.

    Attributes:
        threshold: speech begins with a frame of this probability or more ...
        release_threshold: ... and goes on while frames have this one or more; the gap between keeps it from flickering.
        minimum_speech_seconds: shorter stretches are nothing (clicks, coughs).
        trailing_silence_seconds: an utterance has ended when nothing was said for so long.
        maximum_seconds: an utterance that goes on longer is ended there, and the next begins at once.
        padding_seconds: added before and behind what was found, where no other utterance lies; first and last sounds
            are weak. At most the trailing silence.
    """

    threshold: float = 0.7
    release_threshold: float = 0.5
    minimum_speech_seconds: float = 0.2
    trailing_silence_seconds: float = 0.6
    maximum_seconds: float = 30.0
    padding_seconds: float = 0.1

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, asdict(self).values())):
            raise ConfigError(f"{self}: expected finite numbers; a day is 86400 seconds.")
        if not 0.0 < self.release_threshold <= self.threshold < 1.0:
            raise ConfigError(
                f"threshold is {self.threshold} and release_threshold {self.release_threshold}; expected "
                "0 < release_threshold <= threshold < 1."
            )
        if not 0.0 <= self.padding_seconds <= self.trailing_silence_seconds or self.minimum_speech_seconds < 0.0:
            raise ConfigError(
                f"padding_seconds is {self.padding_seconds}, trailing_silence_seconds {self.trailing_silence_seconds} "
                f"and minimum_speech_seconds {self.minimum_speech_seconds}; expected none below 0 and a padding of at "
                "most the trailing silence."
            )
        if not self.maximum_seconds > self.minimum_speech_seconds:
            raise ConfigError(
                f"maximum_seconds is {self.maximum_seconds}; expected more than minimum_speech_seconds, "
                f"{self.minimum_speech_seconds}."
            )


@dataclass(frozen=True)
class FrameEvent:
    """A boundary between frames: number `frame` is the first frame behind it. Known once frame `decided` was seen."""

    kind: Kind
    frame: int
    decided: int
    reason: Reason = ""


@dataclass(frozen=True)
class EndpointEvent:
    """Speech begins or ends.

    Attributes:
        kind: "speech_started" or "speech_ended".
        seconds: when, from the stream's first sample on, padding included.
        decided_seconds: how much audio it took to know this; the difference is the delay that a listener notices.
        reason: of an end: "silence" followed, it grew too long ("length"), or the audio ended ("finish").
    """

    kind: Kind
    seconds: float
    decided_seconds: float
    reason: Reason = ""


@dataclass(frozen=True)
class SpeechSegment:
    """From the beginning of an utterance to its end."""

    start_seconds: float
    end_seconds: float


class VoiceActivity:
    """Probabilities of speech for one stream of audio, one a frame (10 ms)."""

    def __init__(self, model: ActivityModel | str | Path | None = None) -> None:
        """`model`: one that several streams share, or a bundle's folder; the package's own when none is named."""
        self.model = model if isinstance(model, ActivityModel) else ActivityModel(model)
        self._features = FeatureStream(self.model.bundle.features)
        self._block = np.empty((self.model.bundle.model.block_frames, self.model.bundle.features.num_features), "f4")
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is the first."""
        self._features.reset()
        self._state = self.model.initial_state()
        self._block[:] = 0.0
        self._filled = 0
        self._unanswerable = self.model.bundle.model.lookahead_frames  # outputs that speak of frames before the first
        self._last: Array | None = None

    def accept(self, samples: NDArray[Any]) -> Array:
        """Take (n,) mono samples at the bundle's rate, float in [-1, 1], n >= 0.

        Returns:
            (t,) float32: the probabilities that became known, of the frames that follow those given out before.

        Raises:
            AudioError: not one-dimensional, not floating-point, or not finite; the stream is then as it was before.
        """
        return self.accept_frames(self._features.accept(samples))

    def accept_frames(self, rows: Array) -> Array:
        """As `accept`, for (t, F) frames of the bundle's features that were made elsewhere: no samples then.

        A frame always stands in the same place of its block, and the block is computed as often as frames are added to
        it. The frames behind them, which are not there yet, cannot matter: the network looks back only.
        """
        answers = [np.empty(0, np.float32)]
        if len(rows):
            self._last = rows[-1].copy()
        while len(rows):
            end = min(self._filled + len(rows), len(self._block))
            taken = end - self._filled
            self._block[self._filled : end] = rows[:taken]
            probabilities, following = self.model.run(self._block, self._state)
            answers.append(probabilities[self._filled : end])
            rows, self._filled = rows[taken:], end
            if end == len(self._block):
                self._state, self._filled = following, 0
        joined = np.concatenate(answers)
        dropped = min(self._unanswerable, len(joined))
        self._unanswerable -= dropped
        return joined[dropped:]

    def finish(self) -> Array:
        """The probabilities of the last frames, for which nothing more will be heard; the stream then begins anew."""
        answers = [self.accept_frames(self._features.finish())]
        if self._last is not None:
            # What is not heard any more is taken to be as the last that was; silence would look like an end.
            answers.append(
                self.accept_frames(np.repeat(self._last[None], self.model.bundle.model.lookahead_frames, axis=0))
            )
        self.reset()
        return np.concatenate(answers)

    def probabilities(self, waveform: NDArray[Any]) -> Array:
        """(N,) -> (T,), all of a waveform; T is the whole windows in it. What the stream held before is forgotten."""
        self.reset()
        return np.concatenate([self.accept(waveform), self.finish()])


class FrameEndpointer:
    """Probabilities in, boundaries out: the rules, counted in frames."""

    def __init__(self, rules: EndpointRules | None = None, frame_seconds: float = 0.010) -> None:
        """Durations are rounded to frames; the least speech and silence are one frame."""
        self.rules = rules or EndpointRules()
        if not frame_seconds > 0.0:
            raise ConfigError(f"frame_seconds is {frame_seconds}; expected more than 0.")
        self._minimum = max(1, round(self.rules.minimum_speech_seconds / frame_seconds))
        self._silence = max(1, round(self.rules.trailing_silence_seconds / frame_seconds))
        self._maximum = max(self._minimum + 1, round(self.rules.maximum_seconds / frame_seconds))
        self._padding = round(self.rules.padding_seconds / frame_seconds)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._now = 0  # number of the frame that comes next
        self._begun: int | None = None  # first frame of what may become, or is, an utterance
        self._spoken = -1  # last frame of it that was speech
        self._speaking = False
        self._free = 0  # boundary behind the utterance before

    @property
    def speaking(self) -> bool:
        """Whether an utterance has started that has not ended."""
        return self._speaking

    def accept(self, probabilities: Iterable[float]) -> list[FrameEvent]:
        """Take the probabilities of the frames that come next."""
        events: list[FrameEvent] = []
        for probability in probabilities:
            event = self._next(float(probability))
            self._now += 1
            if event is not None:
                events.append(event)
        return events

    def finish(self) -> list[FrameEvent]:
        """End what has not ended, at the last frame at the latest; then begin anew."""
        events = [self._end(self._now - 1, "finish")] if self._speaking else []
        self.reset()
        return events

    def _next(self, probability: float) -> FrameEvent | None:
        level = self.rules.threshold if self._begun is None else self.rules.release_threshold
        if probability >= level:
            if self._begun is None:
                self._begun = self._now
            self._spoken = self._now
        elif not self._speaking:
            self._begun = None
        if self._begun is None:
            return None
        length = self._now + 1 - self._begun
        if not self._speaking:
            if length < self._minimum:
                return None
            self._speaking = True
            return FrameEvent("speech_started", max(self._free, self._begun - self._padding), self._now)
        if self._now - self._spoken >= self._silence:
            return self._end(self._now, "silence")
        if length >= self._maximum:
            return self._end(self._now, "length")
        return None

    def _end(self, now: int, reason: Reason) -> FrameEvent:
        behind = min(self._spoken + 1 + self._padding, now + 1)
        self._free, self._begun, self._speaking = behind, None, False
        return FrameEvent("speech_ended", behind, now, reason)


class Endpointer:
    """Beginnings and ends of speech in one stream of audio.

    endpointer = Endpointer()
    for samples in blocks:
        for event in endpointer.accept(samples):
            print(event.kind, event.seconds)
    endpointer.finish()
    """

    def __init__(self, model: ActivityModel | str | Path | None = None, rules: EndpointRules | None = None) -> None:
        """`model` as for `VoiceActivity`."""
        self._activity = VoiceActivity(model)
        self._model = self._activity.model
        features = self._model.bundle.features
        self._frames = FrameEndpointer(rules, features.hop_length / features.sample_rate)
        self._samples = 0

    @property
    def rules(self) -> EndpointRules:
        """By which utterances are found."""
        return self._frames.rules

    @property
    def sample_rate(self) -> int:
        """Of the samples it takes, in Hz."""
        return self._model.bundle.features.sample_rate

    @property
    def speaking(self) -> bool:
        """Whether speech has started that has not ended."""
        return self._frames.speaking

    def reset(self) -> None:
        """Forget everything; the next sample is the first."""
        self._activity.reset()
        self._frames.reset()
        self._samples = 0

    def accept(self, samples: NDArray[Any]) -> list[EndpointEvent]:
        """Take (n,) mono samples at the bundle's rate, float in [-1, 1], n >= 0; what they made known, in order.

        Raises:
            AudioError: not one-dimensional, not floating-point, or not finite; the stream is then as it was before.
        """
        probabilities = self._activity.accept(samples)
        self._samples += len(samples)
        return [self._in_seconds(event) for event in self._frames.accept(probabilities.tolist())]

    def finish(self) -> list[EndpointEvent]:
        """What the end of the audio makes known; the stream then begins anew."""
        events = self._frames.accept(self._activity.finish().tolist())
        told = [self._in_seconds(event) for event in [*events, *self._frames.finish()]]
        self._samples = 0
        return told

    def segments(self, waveform: NDArray[Any]) -> list[SpeechSegment]:
        """The utterances in a whole (N,) waveform. What the stream held before is forgotten.

        Raises:
            AudioError: as for `accept`.
        """
        self.reset()
        events = [*self.accept(waveform), *self.finish()]
        return [SpeechSegment(start.seconds, end.seconds) for start, end in zip(events[::2], events[1::2], strict=True)]

    def _in_seconds(self, event: FrameEvent) -> EndpointEvent:
        """A frame stands for the hop around its middle; the audio's own beginning is a boundary too."""
        features, lookahead = self._model.bundle.features, self._model.bundle.model.lookahead_frames
        rate, hop, win = features.sample_rate, features.hop_length, features.win_length
        middle = timeline.frame_centre_seconds(event.frame, win, hop, rate)
        seconds = middle - timeline.samples_to_seconds(hop, rate) / 2 if event.frame else 0.0
        # At the end of the audio the network does not wait for what cannot come.
        heard = timeline.frame_end_seconds(event.decided + lookahead, win, hop, rate)
        heard = min(heard, timeline.samples_to_seconds(self._samples, rate))
        return EndpointEvent(event.kind, round(seconds, 6), round(heard, 6), event.reason)
