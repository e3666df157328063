"""An utterance of a manifest as something to recognise."""

from __future__ import annotations

from vivavoce.data.manifest import Utterance
from vivavoce.runtime.recognizer import Audio, Segment


def audio_of(utterance: Utterance) -> Audio:
    """The file of an utterance, or the part of a longer recording that it is."""
    if utterance.offset_seconds:
        return Segment(utterance.audio, utterance.offset_seconds, utterance.duration_seconds)
    return utterance.audio
