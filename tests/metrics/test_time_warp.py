"""Time warping against the plain double loop and against enumeration of all paths."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.errors import ConfigError, DataError
from vivavoce.metrics.time_warp import WarpPath, warp


def plain_cost(reference: np.ndarray, other: np.ndarray, allowed: np.ndarray | None = None) -> float:
    """The recursion as it is written in books."""
    rows, columns = len(reference), len(other)
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(rows):
        for j in range(columns):
            if allowed is None or allowed[i, j]:
                distance = float(np.sqrt(((reference[i] - other[j]) ** 2).sum()))
                total[i + 1, j + 1] = distance + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[rows, columns])


def cheapest_of_all_paths(distances: np.ndarray, row: int = 0, column: int = 0) -> float:
    rows, columns = distances.shape
    if (row, column) == (rows - 1, columns - 1):
        return float(distances[row, column])
    nexts = [(row + 1, column + 1), (row + 1, column), (row, column + 1)]
    rest = min(cheapest_of_all_paths(distances, r, c) for r, c in nexts if r < rows and c < columns)
    return float(distances[row, column]) + rest


def check_path(path: WarpPath, reference: np.ndarray, other: np.ndarray) -> None:
    assert (path.reference_frames[0], path.other_frames[0]) == (0, 0)
    assert (path.reference_frames[-1], path.other_frames[-1]) == (len(reference) - 1, len(other) - 1)
    steps = set(zip(np.diff(path.reference_frames).tolist(), np.diff(path.other_frames).tolist(), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    pairs = reference[path.reference_frames] - other[path.other_frames]
    np.testing.assert_allclose(path.distances, np.linalg.norm(pairs, axis=1))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 7), (7, 1), (2, 3), (30, 30), (17, 60), (80, 23)])
def test_the_cost_is_that_of_the_plain_loop(rows: int, columns: int) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        reference, other = rng.standard_normal((rows, 5)).cumsum(0), rng.standard_normal((columns, 5)).cumsum(0)
        path = warp(reference, other)
        check_path(path, reference, other)
        assert path.cost == pytest.approx(plain_cost(reference, other), rel=1e-12)


def test_no_path_is_cheaper() -> None:
    rng = np.random.default_rng(5)
    reference, other = rng.standard_normal((5, 2)), rng.standard_normal((6, 2))
    distances = np.linalg.norm(reference[:, None] - other[None], axis=2)
    assert warp(reference, other).cost == pytest.approx(cheapest_of_all_paths(distances), rel=1e-12)


def test_equal_sequences_go_straight() -> None:
    frames = np.random.default_rng(1).standard_normal((40, 3))
    path = warp(frames, frames)
    assert path.cost == 0.0
    np.testing.assert_array_equal(path.reference_frames, np.arange(40))
    np.testing.assert_array_equal(path.other_frames, np.arange(40))


def test_repeated_frames_are_found() -> None:
    frames = np.random.default_rng(2).standard_normal((20, 3))
    places = np.repeat(np.arange(20), np.random.default_rng(3).integers(1, 5, 20))
    path = warp(frames, frames[places])
    assert path.cost == 0.0
    np.testing.assert_array_equal(path.reference_frames, places)


@pytest.mark.parametrize(("rows", "columns", "band"), [(40, 40, 4), (40, 61, 5), (61, 40, 3), (50, 50, 60), (9, 70, 9)])
def test_a_band_is_kept_to(rows: int, columns: int, band: int) -> None:
    rng = np.random.default_rng(7)
    reference, other = rng.standard_normal((rows, 3)).cumsum(0), rng.standard_normal((columns, 3)).cumsum(0)
    path = warp(reference, other, band)
    check_path(path, reference, other)
    width = min(columns, 2 * band + 1)
    middles = np.rint(np.arange(rows) * (columns - 1) / (rows - 1)).astype(int)
    lows = np.clip(middles - band, 0, columns - width)[:, None]
    allowed = (np.arange(columns) >= lows) & (np.arange(columns) < lows + width)
    assert allowed[path.reference_frames, path.other_frames].all()
    assert path.cost == pytest.approx(plain_cost(reference, other, allowed), rel=1e-12)
    assert path.cost >= warp(reference, other).cost - 1e-9


def test_faults_are_named() -> None:
    frames = np.zeros((4, 2))
    with pytest.raises(DataError, match=r"\(4, 3\)"):
        warp(frames, np.zeros((4, 3)))
    with pytest.raises(DataError, match=r"\(0, 2\)"):
        warp(frames, np.zeros((0, 2)))
    with pytest.raises(ConfigError, match="at least 10"):
        warp(frames, np.zeros((30, 2)), 5)
