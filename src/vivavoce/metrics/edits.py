"""Alignment of two token sequences by the fewest edits, and the counts of each kind of edit.

The search is rapidfuzz's bit-parallel one. Where several alignments have the fewest edits, its choice among them is
kept, so that substitutions, deletions and insertions each equal those of jiwer, which asks the same library; their sum
is unique anyhow. Tokens are strings; this module knows nothing of what they mean.

Source: Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003 (the search);
Hirschberg 1975 (long sequences in little memory).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Editops, Levenshtein, Opcodes

# Long sequences are searched within a band around the diagonal, as wide as the errors need. See `_edits`.
LONG = 1000
_HIRSCHBERG_BYTES = 1 << 20


class EditCounts(NamedTuple):
    """How many tokens were right, replaced, left out and put in."""

    hits: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def length(self) -> int:
        """Tokens of the reference."""
        return self.hits + self.substitutions + self.deletions


class Span(NamedTuple):
    """A stretch of the alignment: `kind` is equal, replace, delete or insert; ends are exclusive."""

    kind: str
    reference_start: int
    reference_end: int
    hypothesis_start: int
    hypothesis_end: int


def count_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> EditCounts:
    """The counts of the alignment that `align` returns, without building it."""
    return EditCounts(*count_tuple(reference, hypothesis))


def count_tuple(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, int, int, int]:
    """The same as a plain tuple, for loops over many thousands of pairs."""
    length = len(reference)
    if reference == hypothesis:
        return length, 0, 0, 0
    surplus = len(hypothesis) - length
    if not length or not hypothesis:
        return 0, 0, max(0, -surplus), max(0, surplus)
    edits = _edits(reference, hypothesis)
    errors = len(edits)
    substitutions = errors - abs(surplus)
    if substitutions < 2:
        # Deletions and insertions differ by the surplus, and one more of each would cost two edits: the sum alone tells
        # all three counts.
        deletions = max(0, -surplus)
    else:
        kinds = [kind for kind, _, _ in edits.as_list()]
        substitutions, deletions = kinds.count("replace"), kinds.count("delete")
    return length - substitutions - deletions, substitutions, deletions, errors - substitutions - deletions


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Span]:
    """An alignment with the fewest edits, as maximal stretches from left to right."""
    if not reference and not hypothesis:
        return []
    opcodes = Opcodes.from_editops(_edits(reference, hypothesis, trim=False))
    return [Span(code.tag, code.src_start, code.src_end, code.dest_start, code.dest_end) for code in opcodes]


def _edits(reference: Sequence[str], hypothesis: Sequence[str], trim: bool = True) -> Editops:
    """The edits in rapidfuzz's choice; `trim` allows positions counted from the end of the common prefix.

    Words of short sequences go in as they are: rapidfuzz compares their 64-bit hashes. Long ones are numbered, which
    keeps its tables dense, and get a hint of the distance, so that only a band around the diagonal is searched: three
    times faster at 10% errors. With the hint the alignment is the same as long as rapidfuzz splits the problem in both
    cases or in neither; that depends on the size of the matrix, and where it would differ the search is made without
    the hint.
    """
    if len(reference) < LONG or len(hypothesis) < LONG:
        return Levenshtein.editops(reference, hypothesis)
    first, last = _common_ends(reference, hypothesis)
    rows, columns = len(reference) - first - last, len(hypothesis) - first - last
    if trim:
        reference, hypothesis = reference[first : first + rows], hypothesis[first : first + columns]
    left, right = _numbered(reference, hypothesis)
    if _matrix_bytes(rows, columns, rows) < _HIRSCHBERG_BYTES:
        return Levenshtein.editops(left, right)
    edits = Levenshtein.editops(left, right, score_hint=max(rows, columns) // 8)
    if _matrix_bytes(rows, columns, 2 * len(edits) + 1) < _HIRSCHBERG_BYTES:
        return Levenshtein.editops(left, right)
    return edits


def _matrix_bytes(rows: int, columns: int, band: int) -> int:
    return 2 * min(rows, band) * columns // 8


def _common_ends(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, int]:
    shorter = min(len(reference), len(hypothesis))
    pairs = enumerate(zip(reference, hypothesis, strict=False))
    first = next((place for place, (one, other) in pairs if one != other), shorter)
    pairs = enumerate(zip(reversed(reference), reversed(hypothesis), strict=False))
    last = next((place for place, (one, other) in pairs if one != other), shorter)
    return first, min(last, shorter - first)


def _numbered(*sequences: Iterable[str]) -> list[list[int]]:
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(token, len(numbers)) for token in sequence] for sequence in sequences]
