"""Weights of a language model and of each word, chosen where they give the fewest word errors.

Choose on utterances that are neither trained on nor in a test: `viva train` keeps some out (held-out.jsonl in the run
folder). The encoder runs once; each pair of weights then costs a search alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.lexicon_scorer import share_of_unknown
from vivavoce.decoding.lexicon_search import LexiconScorer, lexicon_search
from vivavoce.decoding.lexicon_tree import LexiconTree
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.word_beam import word_beam
from vivavoce.decoding.word_scorer import Weights, WordScorer
from vivavoce.errors import ConfigError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.metrics.error_rate import error_rate
from vivavoce.runtime.bundle import PHONES
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.normalize import normalize_for_scoring

START = Weights(model=0.6, word=2.0, unknown=-10.0)
LEXICON_MODEL, LEXICON_WORD = 0.8, 0.0  # where the walk begins
STEPS = {"model": 0.2, "word": 1.0, "unknown": 5.0}
HALVINGS = 2


@dataclass(frozen=True)
class Tried:
    """Weights, and the share of word errors that they gave."""

    weights: Weights
    wer: float


def tune_weights(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    model: NgramModel,
    beam_size: int = 50,
    said: Callable[[Tried], None] = lambda tried: None,
) -> list[Tried]:
    """Weights for the decoder "words": walk to better ones, in steps that are halved when none helps any more.

    Returns:
        All that were tried, best first; of equal ones the first.

    Raises:
        ConfigError: no utterance with text.
    """
    references = references_of(utterances)
    posteriors = [recognizer.log_probs(audio_of(utterance)) for utterance in utterances]
    letters = np.array(recognizer.bundle.tokens.tokens)

    def read(weights: Weights) -> list[str]:
        scorer = WordScorer(recognizer.bundle.tokens, model, weights)
        found = [word_beam(log_probs, scorer, beam_size) for log_probs in posteriors]
        return ["".join(letters[list(one[0].token_ids)]) if one and one[0].token_ids else "" for one in found]

    return _walk(START, STEPS, lambda weights: error_rate(references, read(weights)).rate, said)


def tune_lexicon_weights(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    tree: LexiconTree,
    model: NgramModel | None,
    beam_size: int = 150,
    said: Callable[[Tried], None] = lambda tried: None,
) -> list[Tried]:
    """The same for the decoder "lexicon", in which words that the model does not know share `<unk>` equally.

    Raises:
        ConfigError: no utterance with text.
        ModelError: a bundle without phones.
    """
    references = references_of(utterances)
    posteriors = [recognizer.log_probs(audio_of(utterance), phones=True) for utterance in utterances]
    blank_id = recognizer.bundle.alphabet(PHONES).blank_id

    def read(weights: Weights) -> list[str]:
        scorer = LexiconScorer(tree, model, weights)
        return [lexicon_search(log_probs, scorer, blank_id, beam_size)[0].text for log_probs in posteriors]

    steps = {name: step for name, step in STEPS.items() if name != "unknown"}
    start = Weights(model=LEXICON_MODEL, word=LEXICON_WORD, unknown=share_of_unknown(tree.words, model))
    return _walk(start, steps, lambda weights: error_rate(references, read(weights)).rate, said)


def references_of(utterances: Sequence[Utterance]) -> list[str]:
    """What was said, as it is scored.

    Raises:
        ConfigError: no utterance with text.
    """
    references = [normalize_for_scoring(utterance.text) for utterance in utterances]
    if not any(references):
        raise ConfigError("weights are tuned on utterances with text; none was given.")
    return references


def _walk(
    start: Weights, steps: Mapping[str, float], measure: Callable[[Weights], float], said: Callable[[Tried], None]
) -> list[Tried]:
    """Coordinate descent."""
    tried: dict[Weights, Tried] = {}

    def attempt(weights: Weights) -> Tried:
        if weights not in tried:
            tried[weights] = Tried(weights, measure(weights))
            said(tried[weights])
        return tried[weights]

    best = attempt(start)
    for halving in range(HALVINGS + 1):
        moved = True
        while moved:
            moved = False
            for name, step in steps.items():
                for sign in (1.0, -1.0):
                    # On in the same direction for as long as it helps.
                    while (there := _moved(best.weights, name, sign * step / 2**halving)) is not None:
                        if not attempt(there).wer < best.wer:
                            break
                        best, moved = tried[there], True
    return sorted(tried.values(), key=lambda one: one.wer)


def _moved(weights: Weights, name: str, step: float) -> Weights | None:
    """One weight a step further; None where it may not go."""
    value = round(getattr(weights, name) + step, 6)
    possible = value <= 0.0 if name == "unknown" else value >= 0.0 or name == "word"
    return replace(weights, **{name: value}) if possible else None
