"""An utterance of a manifest as something to recognise."""

from __future__ import annotations

from vivavoce.audio import probe
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import is_part
from vivavoce.errors import AudioError
from vivavoce.runtime.recognizer import Audio, Segment


def audio_of(utterance: Utterance) -> Audio:
    """The file of an utterance, or the part of a longer recording that it is.

    A file that cannot be read is returned as it is: whoever reads it tells its fault.
    """
    try:
        seconds = probe(utterance.audio).duration_seconds
    except AudioError:
        return utterance.audio
    if is_part(utterance, seconds):
        return Segment(utterance.audio, utterance.offset_seconds, utterance.duration_seconds)
    return utterance.audio
