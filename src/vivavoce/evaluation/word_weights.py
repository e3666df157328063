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

START = Weights(model=0.6, word=2.0, unknown=-10.0)
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
    """Walk to better weights, one of them at a time, in steps that are halved when none helps any more.

    Returns:
        All that were tried, best first; of equal ones the first.

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

    tried: dict[Weights, Tried] = {}

    def attempt(weights: Weights) -> Tried:
        if weights not in tried:
            scorer = WordScorer(recognizer.bundle.tokens, model, weights)
            wer = error_rate(references, [read(log_probs, scorer) for log_probs in posteriors]).rate
            said(tried.setdefault(weights, Tried(weights, wer)))
        return tried[weights]

    best = attempt(START)
    for halving in range(HALVINGS + 1):
        moved = True
        while moved:
            moved = False
            for name, step in STEPS.items():
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
