"""Weights of a language model and of each word, chosen where they give the fewest word errors.

Choose on utterances that are neither trained on nor in a test: `viva train` keeps some out (held-out.jsonl in the run
folder). The encoder runs once; each pair of weights then costs a search alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.word_beam import word_beam
from vivavoce.decoding.word_scorer import Weights, WordScorer
from vivavoce.errors import ConfigError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.metrics.error_rate import error_rate
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.normalize import normalize_for_scoring

MODEL_FACTORS = (0.25, 0.4, 0.55, 0.7)
WORD_BONUSES = (0.0, 1.0, 2.0, 3.0)
UNKNOWN = (-20.0, -14.0, -10.0, -6.0, -3.0)


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
    """Try weights, best first: factor of the model and bonus of a word together, then the penalty of unknown words.

    Raises:
        ConfigError: no utterance with text.
    """
    references = [normalize_for_scoring(utterance.text) for utterance in utterances]
    if not any(references):
        raise ConfigError("weights are tuned on utterances with text; none was given.")
    posteriors = [recognizer.log_probs(audio_of(utterance)) for utterance in utterances]
    letters = np.array(recognizer.bundle.tokens.tokens)

    def read(log_probs: np.ndarray, scorer: WordScorer) -> str:
        found = word_beam(log_probs, scorer, beam_size)
        return "".join(letters[list(found[0].token_ids)]) if found and found[0].token_ids else ""

    def attempt(weights: Weights) -> Tried:
        scorer = WordScorer(recognizer.bundle.tokens, model, weights)
        wer = error_rate(references, [read(log_probs, scorer) for log_probs in posteriors]).rate
        said(tried := Tried(weights, wer))
        return tried

    tried = [attempt(Weights(model=factor, word=bonus)) for factor in MODEL_FACTORS for bonus in WORD_BONUSES]
    best = min(tried, key=lambda one: one.wer)
    tried += [attempt(replace(best.weights, unknown=x)) for x in UNKNOWN if x != best.weights.unknown]
    return sorted(tried, key=lambda one: one.wer)
