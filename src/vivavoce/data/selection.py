"""Choosing among utterances: none twice, no text of a test in training, some held out.

Texts are compared as the scoring normaliser writes them, so that case and punctuation make no difference. What is made
of other utterances (a copy, a word of a sentence, a splice) names them in its manifest, as `of`: who holds out a
sentence holds out all that has its sound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from vivavoce.data.manifest import Utterance
from vivavoce.errors import DataError
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


def origins(utterance: Utterance) -> list[str]:
    """Its id, and those of the utterances that it was made of, of theirs too: what its manifest says as `of`."""
    of = utterance.extra.get("of", [])
    return [utterance.id, *map(str, of if isinstance(of, list) else [of])]


def hold_out(utterances: Sequence[Utterance], count: int) -> tuple[list[Utterance], list[int]]:
    """Take about `count` utterances, evenly spread, out of training to watch it by; and the numbers of the others.

    What was made of other utterances is watched only where none of those is there. Neither what is watched nor anything
    made of it, or of what it was made of, is among the others.

    Raises:
        DataError: there are no others.
    """
    if not count:
        return [], list(range(len(utterances)))
    ids = {utterance.id for utterance in utterances}
    originals = [utterance for utterance in utterances if ids.isdisjoint(origins(utterance)[1:])]
    watched = originals[:: max(2, len(originals) // count)]  # of a small corpus half at most
    return watched, _apart_from(watched, utterances)


def hold_out_named(utterances: Sequence[Utterance], ids: Collection[str]) -> tuple[list[Utterance], list[int]]:
    """Take the utterances with these ids out of training; and the numbers of the others, as `hold_out`.

    Raises:
        DataError: an id is not among the utterances, or there are no others.
    """
    named = frozenset(ids)
    watched = [utterance for utterance in utterances if utterance.id in named]
    if missing := named - {utterance.id for utterance in watched}:
        raise DataError(
            f"held_out names {len(missing)} utterances that the manifests do not hold, such as {min(missing)!r}."
        )
    return watched, _apart_from(watched, utterances)


def _apart_from(watched: Iterable[Utterance], utterances: Sequence[Utterance]) -> list[int]:
    """The numbers of those that have no origin in common with what is watched."""
    held_out = {origin for utterance in watched for origin in origins(utterance)}
    kept = [number for number, utterance in enumerate(utterances) if held_out.isdisjoint(origins(utterance))]
    if not kept:
        raise DataError(
            f"nothing is left to train on: all {len(utterances)} utterances are held out, or are made of what is. "
            "Add others, or hold out fewer."
        )
    return kept
