"""Word and character error rate of many utterances, with counts, alignment and the errors of each utterance.

The texts are compared as they are: normalise them first (`text.normalize.normalize_for_scoring`). Counts equal jiwer's
(tests/parity/test_error_rate_jiwer.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vivavoce.errors import DataError
from vivavoce.metrics.edits import Span, align, count_tuple

Array = np.ndarray
Unit = Literal["word", "character"]

_MARKS = {"equal": " ", "replace": "S", "delete": "D", "insert": "I"}


@dataclass(frozen=True)
class ErrorRate:
    """Errors of a test set.

    Attributes:
        unit: "word" or "character".
        rate: errors / length. Above 1 when there are more errors than reference tokens; an empty reference counts as
            one.
        errors: substitutions + deletions + insertions.
        length: tokens of all references.
        counts: (n, 4) int64, hits, substitutions, deletions and insertions of each utterance.
        references, hypotheses: the texts, for `show`.
    """

    unit: Unit
    rate: float
    errors: int
    substitutions: int
    deletions: int
    insertions: int
    hits: int
    length: int
    counts: Array = field(repr=False, compare=False)
    references: tuple[str, ...] = field(repr=False, compare=False)
    hypotheses: tuple[str, ...] = field(repr=False, compare=False)

    @property
    def utterance_errors(self) -> Array:
        """(n,) errors of each utterance."""
        return self.counts[:, 1:].sum(axis=1)

    @property
    def utterance_lengths(self) -> Array:
        """(n,) reference tokens of each utterance."""
        return self.counts[:, :3].sum(axis=1)

    def __str__(self) -> str:
        return (
            f"{self.rate:.2%} {self.unit} errors: {self.errors} of {self.length} "
            f"({self.substitutions} substituted, {self.deletions} deleted, {self.insertions} inserted)"
        )

    def alignment(self, number: int) -> list[Span]:
        """The alignment of one utterance, in tokens of `unit`."""
        split = _SPLITTERS[self.unit]
        return align(split(self.references[number]), split(self.hypotheses[number]))

    def show(self, number: int, width: int = 100) -> str:
        """The alignment of one utterance as text: reference over hypothesis, with S, D, I below each error."""
        split = _SPLITTERS[self.unit]
        reference, hypothesis = split(self.references[number]), split(self.hypotheses[number])
        columns: list[tuple[str, str, str]] = []
        for span in align(reference, hypothesis):
            left = reference[span.reference_start : span.reference_end]
            right = hypothesis[span.hypothesis_start : span.hypothesis_end]
            for place in range(max(len(left), len(right))):
                pair = left[place] if left else "", right[place] if right else ""
                size = max(len(pair[0]), len(pair[1]))
                fill = "*" * size
                columns.append(
                    ((pair[0] or fill).ljust(size), (pair[1] or fill).ljust(size), _MARKS[span.kind].ljust(size))
                )
        return "\n\n".join(_rows(columns, width, " " if self.unit == "word" else ""))


def error_rate(references: Sequence[str] | str, hypotheses: Sequence[str] | str, unit: Unit = "word") -> ErrorRate:
    """Compare hypotheses with references, one to one; a single pair may be two strings.

    Words are what white space separates; characters include the spaces between words, as in jiwer.

    Raises:
        DataError: the two lists differ in length, or are empty.
        ValueError: `unit` is neither "word" nor "character".
    """
    references = (references,) if isinstance(references, str) else tuple(references)
    hypotheses = (hypotheses,) if isinstance(hypotheses, str) else tuple(hypotheses)
    if unit not in _SPLITTERS:
        raise ValueError(f"unit is {unit!r}; expected 'word' or 'character'.")
    if len(references) != len(hypotheses):
        raise DataError(f"{len(references)} references and {len(hypotheses)} hypotheses; expected one for each.")
    if not references:
        raise DataError("there is no utterance to score; expected at least one reference and its hypothesis.")
    split = _SPLITTERS[unit]
    counts = np.array([count_tuple(split(r), split(h)) for r, h in zip(references, hypotheses, strict=True)], np.int64)
    hits, substitutions, deletions, insertions = map(int, counts.sum(axis=0))
    errors, length = substitutions + deletions + insertions, hits + substitutions + deletions
    rate = errors / max(length, 1)
    return ErrorRate(
        unit, rate, errors, substitutions, deletions, insertions, hits, length, counts, references, hypotheses
    )


def _characters(text: str) -> Sequence[str]:
    return text.strip()


_SPLITTERS: dict[str, Callable[[str], Sequence[str]]] = {"word": str.split, "character": _characters}


def _rows(columns: list[tuple[str, str, str]], width: int, gap: str) -> list[str]:
    blocks: list[str] = []
    first = 0
    while first < len(columns):
        last, used = first, 0
        while last < len(columns) and (last == first or used + len(gap) + len(columns[last][0]) <= width):
            used += len(gap) + len(columns[last][0])
            last += 1
        lines = [gap.join(column[row] for column in columns[first:last]).rstrip() for row in range(3)]
        blocks.append(f"REF: {lines[0]}\nHYP: {lines[1]}\n     {lines[2]}".rstrip())
        first = last
    return blocks
