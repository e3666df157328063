"""Choosing among utterances by what another manifest holds: no recording twice, no test text in training.

Texts are compared as the scoring normaliser writes them, so that case and punctuation make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vivavoce.data.manifest import Utterance
from vivavoce.text.normalize import normalize_for_scoring


def without_ids_of(utterances: Sequence[Utterance], other: Iterable[Utterance]) -> list[Utterance]:
    """Those whose id `other` does not have."""
    known = {utterance.id for utterance in other}
    return [utterance for utterance in utterances if utterance.id not in known]


def with_speakers_of(utterances: Sequence[Utterance], other: Iterable[Utterance]) -> list[Utterance]:
    """Those whose speaker `other` has; utterances of unknown speakers are left out."""
    known = {utterance.speaker for utterance in other} - {""}
    return [utterance for utterance in utterances if utterance.speaker in known]


def without_speakers_of(utterances: Sequence[Utterance], other: Iterable[Utterance]) -> list[Utterance]:
    """Those whose speaker `other` does not have; utterances of unknown speakers are kept."""
    known = {utterance.speaker for utterance in other} - {""}
    return [utterance for utterance in utterances if utterance.speaker not in known]


def without_texts_of(utterances: Sequence[Utterance], texts: Iterable[str], words: int = 1) -> list[Utterance]:
    """Those that do not say one of `texts`; texts of fewer than `words` words count for nothing ("yes" is no leak)."""
    held_out = {normalize_for_scoring(text) for text in texts}
    held_out = {text for text in held_out if len(text.split()) >= words}
    return [utterance for utterance in utterances if normalize_for_scoring(utterance.text) not in held_out]
