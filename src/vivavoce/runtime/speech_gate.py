"""Nothing said, nothing written: where the voice activity detector hears no speech, the recogniser hears silence.

A recogniser that only ever heard speech finds words in a tap and in a fan. So a bundle may carry a detector, and the
frames of which it is sure become certain blanks before any decoder sees them. The gate works chunk by chunk, on
what was known at a chunk's end, so that a file and its stream stay the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.runtime.activity_model import ActivityModel, load_activity_bundle
from vivavoce.runtime.bundle import Bundle, GateRules, digest, load_bundle, read_facts, write_facts
from vivavoce.runtime.endpoint import VoiceActivity

Array = NDArray[np.float32]
FOLDER = "activity"
CLOSED = np.float32(-100.0)  # the log-probability of every token but blank where the gate is closed


class SpeechGate:
    """Which feature frames of one stream may hold speech."""

    def __init__(self, model: ActivityModel, rules: GateRules | None = None) -> None:
        """`model` may be shared by several streams."""
        features = model.bundle.features
        frame = features.hop_length / features.sample_rate
        self.rules = rules or GateRules()
        self._activity = VoiceActivity(model)
        self._least = max(1, round(self.rules.minimum_speech_seconds / frame))
        self._before = round(self.rules.before_seconds / frame)
        self._after = round(self.rules.after_seconds / frame)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self._activity.reset()
        self._told = 0  # number of the frame that is told of next
        self._known = np.empty(0, np.float32)  # probabilities of the frames from number `_first` on
        self._first = 0

    def accept(self, features: Array) -> NDArray[np.bool_]:
        """(t, F) frames of one chunk -> (t,) True where speech may be, by these frames and those before them."""
        self._known = np.concatenate([self._known, self._activity.accept_frames(features)])
        loud = np.zeros(len(self._known) + 2, np.bool_)  # quiet before and behind
        loud[1:-1] = self._known >= self.rules.threshold
        edges = np.flatnonzero(loud[1:] != loud[:-1])
        starts, ends = edges[::2], edges[1::2]
        # What has just begun may yet become long enough.
        speech = (ends - starts >= self._least) | (ends == len(self._known))
        shift = self._first - self._told
        is_open: NDArray[np.bool_] = np.zeros(len(features), np.bool_)
        for start, end in zip(starts[speech] + shift, ends[speech] + shift, strict=True):
            is_open[max(0, start - self._before) : max(0, end + self._after)] = True
        self._told += len(features)
        # Speech of which less than the least is still known ended too long ago to hold anything open.
        forgotten = max(0, self._told - self._after - self._least - self._first)
        self._known = self._known[forgotten:]
        self._first += min(forgotten, len(loud) - 2)
        return is_open

    def close(self, features: Array, log_probs: Array, silence: Array) -> Array:
        """(t, F) frames of one chunk and their (t', V) log-probabilities -> the same, (V,) silence where it is closed.

        t is a multiple of t'; the log-probabilities given are not changed.
        """
        is_open = np.asarray(self.accept(features).reshape(len(log_probs), -1).any(axis=1))
        if is_open.all():
            return log_probs
        return np.where(is_open[:, None], log_probs, silence)


def silent_frame(bundle: Bundle, outputs: Sequence[str]) -> Array:
    """(V,) what outputs of a graph say, side by side, where surely nobody speaks."""
    parts = []
    for output in outputs:
        alphabet = bundle.alphabet(output)
        parts.append(np.full(len(alphabet), CLOSED))
        parts[-1][alphabet.blank_id] = 0.0
    return np.concatenate(parts)


def open_gate_model(folder: Path, features: FeatureConfig) -> ActivityModel:
    """The detector of a recogniser's bundle.

    Raises:
        ModelError: it is missing or damaged, or hears other features than the recogniser.
    """
    model = ActivityModel(folder / FOLDER)
    if model.bundle.features != features:
        raise ModelError(
            f"{folder / FOLDER} takes other features than the recogniser beside it; attach a detector that was trained "
            "on the same ones."
        )
    return model


def attach_gate(folder: str | Path, detector: str | Path | None = None, rules: GateRules | None = None) -> None:
    """Copy a voice activity bundle (None: the package's own) into a recogniser's, in place of one that it may have.

    Raises:
        ModelError: one of them is no such bundle, or their features differ.
    """
    folder = Path(folder)
    recognizer, activity = load_bundle(folder), load_activity_bundle(detector)
    if activity.features != recognizer.features:
        raise ModelError(
            f"{activity.folder} takes other features than {folder}; train it with the recogniser's `features`."
        )
    target = folder / FOLDER
    if activity.folder.resolve() != target.resolve():
        target.mkdir(exist_ok=True)
        for name in ("bundle.json", activity.model.file):
            shutil.copyfile(activity.folder / name, target / name)
    facts = read_facts(folder)
    facts["speech_gate"] = {"sha256": digest(target / "bundle.json"), "rules": asdict(rules or GateRules())}
    write_facts(folder, facts)
