"""Joint units against every way to cut small words; names, refusals, what repetition teaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from vivavoce.errors import DataError
from vivavoce.text.joint_units import JointUnit, UnitLattices, align_units, shapes

Pair = tuple[str, tuple[str, ...]]

PAIRS: list[Pair] = [
    ("box", ("B", "AA", "K", "S")),
    ("phone", ("F", "OW", "N")),
    ("a", ("AH",)),
    ("a", ("EY",)),
    ("ox", ("AA", "K", "S")),
    ("abba", ("AA", "B", "AH")),
    ("w", ("D", "AH", "B", "AH", "L", "Y", "UW")),  # no units make it
]
EVERY_SHAPE = ((1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2))


def ways(word: str, phones: Sequence[str], allowed: Sequence[tuple[int, int]]) -> Iterator[list[JointUnit]]:
    """Every way to cut a pair, one by one."""
    if not word and not phones:
        yield []
    for letters, made in allowed:
        if letters <= len(word) and made <= len(phones):
            unit = JointUnit(word[:letters], tuple(phones[:made]))
            for rest in ways(word[letters:], phones[made:], allowed):
                yield [unit, *rest]


def random_probs(lattices: UnitLattices) -> np.ndarray:
    return np.random.default_rng(3).uniform(0.05, 1.0, len(lattices.units))


@pytest.mark.parametrize("allowed", [shapes(1), shapes(2), EVERY_SHAPE])
def test_expectations_and_best_cuts_are_those_of_all_ways(allowed: tuple[tuple[int, int], ...]) -> None:
    lattices = UnitLattices(PAIRS, allowed)
    probs = random_probs(lattices)
    by_unit = dict(zip(lattices.units, probs.tolist(), strict=True))
    assert len(by_unit) == len(probs)
    expected: dict[JointUnit, float] = {}
    log_likelihood = 0.0
    best: list[list[JointUnit] | None] = []
    for word, phones in PAIRS:
        found = [(math.prod(by_unit[unit] for unit in cut), cut) for cut in ways(word, phones, allowed)]
        total = sum(prob for prob, _ in found)
        log_likelihood += math.log(total) if found else 0.0
        for prob, cut in found:
            for unit in cut:
                expected[unit] = expected.get(unit, 0.0) + prob / total
        best.append(max(found, key=lambda item: item[0])[1] if found else None)
    counts, log_of_all = lattices.expectations(probs)
    assert log_of_all == pytest.approx(log_likelihood)
    assert counts == pytest.approx([expected.get(unit, 0.0) for unit in lattices.units])
    assert best[0] is not None
    assert best[-1] is None
    cuts = lattices.best(probs)
    assert [cut and [lattices.units[number] for number in cut] for cut in cuts] == best


def test_the_likelihood_never_falls() -> None:
    lattices = UnitLattices(PAIRS, shapes(2))
    probs = np.full(len(lattices.units), 1.0 / len(lattices.units))
    before = -math.inf
    for _ in range(6):
        counts, log_likelihood = lattices.expectations(probs)
        assert log_likelihood > before - 1e-9
        before, probs = log_likelihood, counts / counts.sum()


def test_letters_and_phones_find_each_other() -> None:
    pairs = [
        ("sa", ("S", "AA")),
        ("as", ("AA", "S")),
        ("hash", ("HH", "AA", "SH")),
        ("xa", ("K", "S", "AA")),
        ("the", ("DH", "AA")),
        ("ha", ("HH", "AA")),
    ]
    cuts = list(align_units(pairs, 8, 1, shapes(2)))
    found = [" ".join(map(str, cut or [])) for cut in cuts]
    assert found[:4] == ["s:S a:AA", "a:AA s:S", "h:HH a:AA sh:SH", "x:K+S a:AA"]
    assert cuts[4] is not None
    assert "".join(unit.letters for unit in cuts[4]) == "the"
    assert [phone for unit in cuts[4] for phone in unit.phones] == ["DH", "AA"]


def test_rare_units_are_given_up() -> None:
    pairs: list[Pair] = [("sa", ("S", "AA"))] * 5 + [("sa", ("S", "EY")), ("s", ("S",))]
    assert [cut is None for cut in align_units(pairs, 5, 1, shapes(1))] == [False] * 7
    assert [cut is None for cut in align_units(pairs, 5, 2, shapes(1))] == [False] * 5 + [True, False]


def test_what_cannot_be_aligned_is_refused() -> None:
    assert next(align_units([PAIRS[-1], PAIRS[0]], 2, 1, shapes(2))) is None
    with pytest.raises(DataError, match="none of 1 words can be aligned"):
        list(align_units([PAIRS[-1]], 2, 1, shapes(2)))
    with pytest.raises(DataError, match="none of 0 words"):
        list(align_units([], 2, 1, shapes(2)))


@pytest.mark.parametrize("name", ["x:K+S", "ph:F", "e:", "':"])
def test_names_are_read_as_they_are_written(name: str) -> None:
    assert str(JointUnit.parse(name)) == name


@pytest.mark.parametrize("name", ["", "word", ":K"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="no joint unit"):
        JointUnit.parse(name)
