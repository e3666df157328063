"""Error rates: sums, rates at the edges, the printed alignment, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vivavoce.errors import DataError
from vivavoce.metrics.error_rate import error_rate


def test_counts_add_up_over_utterances() -> None:
    result = error_rate(["the cat sat", "on the mat", "yes"], ["the cat sat", "on mat", "yes oh yes"])
    assert (result.hits, result.substitutions, result.deletions, result.insertions) == (6, 0, 1, 2)
    assert (result.errors, result.length) == (3, 7)
    assert result.rate == pytest.approx(3 / 7)
    np.testing.assert_array_equal(result.counts, [[3, 0, 0, 0], [2, 0, 1, 0], [1, 0, 0, 2]])
    np.testing.assert_array_equal(result.utterance_errors, [0, 1, 2])
    np.testing.assert_array_equal(result.utterance_lengths, [3, 3, 1])
    assert str(result) == "42.86% word errors: 3 of 7 (0 substituted, 1 deleted, 2 inserted)"


def test_characters_count_the_spaces_between_words() -> None:
    result = error_rate("ab c", "abc ", unit="character")
    assert (result.hits, result.deletions, result.errors, result.length) == (3, 1, 1, 4)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"), [("", "", 0.0), ("a b", "", 1.0), ("", "a b", 2.0), ("a", "x y z", 3.0)]
)
def test_rates_at_the_edges(reference: str, hypothesis: str, rate: float) -> None:
    assert error_rate(reference, hypothesis).rate == rate


def test_white_space_does_not_count() -> None:
    assert error_rate(" a  b\n", "a\tb").errors == 0


def test_the_alignment_is_shown_line_by_line() -> None:
    result = error_rate(["x", "the cat sat on mat mat"], ["x", "a cat on the mat"])
    assert result.show(0) == "REF: x\nHYP: x"
    assert result.show(1).splitlines() == [
        "REF: the cat sat on mat mat",
        "HYP: a   cat *** on the mat",
        "     S       D      S",
    ]
    narrow = result.show(1, width=12)
    assert max(map(len, narrow.splitlines())) <= 12 + len("REF: ")
    blocks = [block.splitlines() for block in narrow.split("\n\n")]
    assert " ".join(block[0][5:] for block in blocks) == "the cat sat on mat mat"
    assert error_rate("abc", "axcd", "character").show(0).splitlines() == ["REF: abc*", "HYP: axcd", "      S I"]
    assert error_rate("", "").show(0) == ""
    assert [span.kind for span in result.alignment(1)] == ["replace", "equal", "delete", "equal", "replace", "equal"]


def test_the_result_is_frozen_and_compares_by_its_counts() -> None:
    result = error_rate("a b", "a c")
    assert result == error_rate(["x y"], ["x z"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.rate = 0.0  # type: ignore[misc]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match="2 references and 1 hypotheses"):
        error_rate(["a", "b"], ["a"])
    with pytest.raises(DataError, match="no utterance"):
        error_rate([], [])
    with pytest.raises(ValueError, match="unit"):
        error_rate("a", "b", unit="phone")  # type: ignore[arg-type]
