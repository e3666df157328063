"""Edit counts against a table filled in by hand rules, and alignments against their own meaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.metrics import edits
from vivavoce.metrics.edits import EditCounts, align, count_edits

WORDS = st.lists(st.sampled_from(["a", "b", "c", "the", "they"]), max_size=25)


def distance(reference: list[str], hypothesis: list[str]) -> int:
    table = np.zeros((len(reference) + 1, len(hypothesis) + 1), int)
    table[:, 0] = range(len(reference) + 1)
    table[0] = range(len(hypothesis) + 1)
    for i, left in enumerate(reference, 1):
        for j, right in enumerate(hypothesis, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (left != right))
    return int(table[-1, -1])


@given(WORDS, WORDS)
def test_counts_are_fewest_and_consistent(reference: list[str], hypothesis: list[str]) -> None:
    counts = count_edits(reference, hypothesis)
    assert counts.errors == distance(reference, hypothesis)
    assert counts.length == len(reference)
    assert counts.hits + counts.substitutions + counts.insertions == len(hypothesis)
    assert min(counts) >= 0


@given(WORDS, WORDS)
def test_the_alignment_rewrites_the_reference_and_has_the_counts(reference: list[str], hypothesis: list[str]) -> None:
    rebuilt: list[str] = []
    sizes = dict.fromkeys(("equal", "replace", "delete", "insert"), 0)
    left = right = 0
    for span in align(reference, hypothesis):
        assert (span.reference_start, span.hypothesis_start) == (left, right)
        left, right = span.reference_end, span.hypothesis_end
        old, new = reference[span.reference_start : left], hypothesis[span.hypothesis_start : right]
        assert (old == new) == (span.kind == "equal")
        if span.kind == "replace":
            assert all(one != other for one, other in zip(old, new, strict=True))
        sizes[span.kind] += max(len(old), len(new))
        rebuilt += new
    assert rebuilt == hypothesis
    assert EditCounts(*sizes.values()) == count_edits(reference, hypothesis)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("", "", (0, 0, 0, 0)),
        ("a b", "", (0, 0, 2, 0)),
        ("", "a b c", (0, 0, 0, 3)),
        ("a b", "a b", (2, 0, 0, 0)),
        ("a b c", "a x c", (2, 1, 0, 0)),
        ("a a a", "a a", (2, 0, 1, 0)),
        ("a b c d", "b c d e", (3, 0, 1, 1)),
    ],
)
def test_plain_cases(reference: str, hypothesis: str, counts: tuple[int, ...]) -> None:
    assert count_edits(reference.split(), hypothesis.split()) == counts


def corrupted(rng: np.random.Generator, tokens: list[str], rate: float, vocabulary: int) -> list[str]:
    result = []
    for token in tokens:
        chance = rng.random() / rate
        if chance < 0.4:
            result.append(str(rng.integers(vocabulary)))
        elif chance < 0.7:
            pass
        elif chance < 1.0:
            result += [token, str(rng.integers(vocabulary))]
        else:
            result.append(token)
    return result


@pytest.mark.parametrize("vocabulary", [2, 50])
@pytest.mark.parametrize("rate", [0.002, 0.02, 0.1, 0.9])
def test_long_sequences_take_the_same_alignment_as_the_plain_search(
    vocabulary: int, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(vocabulary)
    for length in (1000, 2047, 2500, 4000):
        reference = [str(token) for token in rng.integers(vocabulary, size=length)]
        hypothesis = corrupted(rng, reference, rate, vocabulary)
        counts, spans = count_edits(reference, hypothesis), align(reference, hypothesis)
        with monkeypatch.context() as patch:
            patch.setattr(edits, "LONG", 10**9)
            assert count_edits(reference, hypothesis) == counts
            assert align(reference, hypothesis) == spans


def test_long_sequences_with_common_ends() -> None:
    same = [str(number) for number in range(1500)]
    assert count_edits(same, [*same, *same]) == (1500, 0, 0, 1500)
    assert count_edits([*same, "x", *same], [*same, *same]) == (3000, 0, 1, 0)
    assert count_edits([*same, "x", *same], [*same, "y", *same]) == (3000, 1, 0, 0)
    assert count_edits(same, ["x"] * 1200) == (0, 1200, 300, 0)
