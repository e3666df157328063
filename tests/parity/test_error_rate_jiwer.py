"""Counts and alignments against jiwer 4 on random pairs: edge cases, repeated words, ties, long texts."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest

from vivavoce.metrics.error_rate import error_rate


def random_pairs(rng: np.random.Generator, count: int, vocabulary: int) -> tuple[list[str], list[str]]:
    words = [f"w{number}" for number in range(vocabulary)]
    references, hypotheses = [], []
    for _ in range(count):
        reference = list(rng.choice(words, rng.integers(0, 40)))
        rate = rng.choice([0.0, 0.1, 0.5, 1.0])
        hypothesis: list[str] = []
        for word in reference:
            chance = rng.random()
            if chance < 0.5 * rate:
                hypothesis.append(rng.choice(words))
            elif chance < 0.75 * rate:
                continue
            elif chance < rate:
                hypothesis += [word, rng.choice(words)]
            else:
                hypothesis.append(word)
        if rng.random() < 0.05:
            hypothesis = list(rng.choice(words, rng.integers(0, 10)))
        references.append(" ".join(reference))
        hypotheses.append(" ".join(hypothesis))
    return references, hypotheses


@pytest.mark.parametrize("vocabulary", [2, 6, 30, 1000])
def test_word_counts_and_alignments_of_5000_pairs(vocabulary: int) -> None:
    references, hypotheses = random_pairs(np.random.default_rng(vocabulary), 1250, vocabulary)
    assert "" in references
    assert "" in hypotheses
    ours, theirs = error_rate(references, hypotheses), jiwer.process_words(references, hypotheses)
    assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
        theirs.hits,
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
    )
    assert ours.rate == pytest.approx(theirs.wer)
    for number, chunks in enumerate(theirs.alignments):
        expected = [
            (chunk.type.replace("substitute", "replace"), chunk.ref_start_idx, chunk.ref_end_idx, chunk.hyp_start_idx,
             chunk.hyp_end_idx)
            for chunk in chunks
        ]  # fmt: skip
        assert ours.alignment(number) == expected
        sizes = dict.fromkeys(("equal", "replace", "delete", "insert"), 0)
        for kind, first, last, start, end in expected:
            sizes[kind] += max(last - first, end - start)
        assert ours.counts[number].tolist() == list(sizes.values())


def test_character_counts() -> None:
    references, hypotheses = random_pairs(np.random.default_rng(9), 400, 12)
    ours = error_rate(references, hypotheses, unit="character")
    theirs = jiwer.process_characters(references, hypotheses)
    assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
        theirs.hits,
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
    )
    assert ours.rate == pytest.approx(theirs.cer)


@pytest.mark.parametrize("vocabulary", [2, 5, 3000])
@pytest.mark.parametrize("errors", [3, 60, 400, 3000])
def test_long_pairs(vocabulary: int, errors: int) -> None:
    rng = np.random.default_rng(errors)
    reference = [f"w{number}" for number in rng.integers(vocabulary, size=4000)]
    hypothesis = list(reference)
    for _ in range(errors):
        place = int(rng.integers(len(hypothesis)))
        match int(rng.integers(3)):
            case 0:
                hypothesis[place] = f"w{rng.integers(vocabulary)}"
            case 1:
                del hypothesis[place]
            case _:
                hypothesis.insert(place, f"w{rng.integers(vocabulary)}")
    ours = error_rate(" ".join(reference), " ".join(hypothesis))
    theirs = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
        theirs.hits,
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
    )
