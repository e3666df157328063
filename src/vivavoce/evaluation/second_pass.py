"""Weights of a second pass, chosen where they give the fewest word errors.

Choose on utterances that are neither trained on nor in a test, and that neither of the language models knows. The
encoder, the search and the network run once; each set of weights then costs arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.letter_scores import spelling_log_probs
from vivavoce.decoding.lexicon_readings import ReadingSearch
from vivavoce.decoding.lexicon_search import LexiconHypothesis, LexiconScorer
from vivavoce.decoding.second_pass import Look, Network, SecondPass, SecondWeights
from vivavoce.evaluation.recordings import audio_of
from vivavoce.evaluation.word_weights import references_of
from vivavoce.metrics.edits import count_edits
from vivavoce.runtime.bundle import CHARACTERS, PHONES
from vivavoce.runtime.decoders import LEXICON_BEAM, SHARED_READINGS
from vivavoce.runtime.recognizer import Recognizer, make_lexicon_scorer, open_lexicon

SHARES = tuple(n / 10 for n in range(11))
MODELS = tuple(round(0.5 + n / 10, 1) for n in range(16))
WORDS = (-3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5)
LETTERS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True)
class TriedSecond:
    """Weights, and the share of word errors that they gave."""

    weights: SecondWeights
    wer: float


@dataclass(frozen=True)
class Heard:
    """An utterance's words, what the first pass heard, likeliest first, and what models and letters say of that.

    `edits` are those of each reading to the words.
    """

    reference: list[str]
    readings: list[LexiconHypothesis]
    edits: list[int]
    look: Look


def tune_second_pass(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    network: Network,
    said: Callable[[TriedSecond], None] = lambda tried: None,
) -> list[TriedSecond]:
    """Try a grid of weights.

    Returns:
        The best of each share, best first; of equal ones the one nearest to the middle of those that are as good.

    Raises:
        ConfigError: no utterance with text. ModelError: a bundle without lexicon.
    """
    heard, scorer = hear(recognizer, utterances, network)
    words = sum(len(one.reference) for one in heard)
    best: list[TriedSecond] = []
    for share in SHARES:
        rates = {
            weights: sum(errors(one, weights, scorer) for one in heard) / words
            for weights in (SecondWeights(share, *others) for others in product(MODELS, WORDS, LETTERS))
        }
        chosen = middle(rates)
        best.append(TriedSecond(chosen, rates[chosen]))
        said(best[-1])
    return sorted(best, key=lambda one: one.wer)


def hear(
    recognizer: Recognizer, utterances: Sequence[Utterance], network: Network
) -> tuple[list[Heard], LexiconScorer]:
    """The first pass over whole utterances, and both models' opinions of its readings."""
    bundle = recognizer.bundle
    scorer = make_lexicon_scorer(bundle, open_lexicon(bundle))
    both = SecondPass(network, scorer.model, scorer.weights, SecondWeights())
    phones = bundle.alphabet(PHONES)
    heard = []
    for utterance, text in zip(utterances, references_of(utterances), strict=True):
        reference = text.split()
        search = ReadingSearch(scorer, phones.blank_id, LEXICON_BEAM)
        frames = recognizer.outputs(audio_of(utterance), (PHONES, CHARACTERS))
        search.accept(frames[:, : len(phones)])
        readings = both.chosen(search.hypotheses(True, SHARED_READINGS))
        found = [[word.word for word in reading.words] for reading in readings]
        edits = [count_edits(reference, words).errors for words in found]
        letters = spelling_log_probs(frames[:, len(phones) :], found, bundle.tokens)
        heard.append(Heard(reference, readings, edits, replace(both.look(found, scorer.start()[0]), letters=letters)))
    return heard, scorer


def errors(heard: Heard, weights: SecondWeights, scorer: LexiconScorer) -> int:
    """Word errors of what the second pass chooses."""
    changes = heard.look.changes(weights, scorer.weights)
    scores = [one.log_score + more for one, more in zip(heard.readings, changes, strict=True)]
    return heard.edits[int(np.argmax(scores))]


def middle(rates: dict[SecondWeights, float]) -> SecondWeights:
    """Of the weights of the lowest rate those nearest to their mean: less of chance than the first of them."""
    lowest = min(rates.values())
    good = [weights for weights, rate in rates.items() if rate == lowest]
    points = np.array([(w.model, w.word, w.letters) for w in good])
    return good[int(np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
