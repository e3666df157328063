"""Dynamic time warping: which frames of one utterance stand for which of another, though nobody speaks twice alike.

The path of least total distance from both first frames to both last ones, in steps of one frame of either or of both,
all of weight one. A row of the table needs no loop over its columns: entering a row at column k and going right to j
costs the row's distances from k to j, so the best way to every j is a running minimum of what entering costs less the
distances that lie before it. Nothing here knows what the frames are.

Source: Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE Transactions on
Acoustics, Speech and Signal Processing 26 (1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError, DataError


@dataclass(frozen=True)
class WarpPath:
    """Pairs of frames, from (0, 0) to the last ones.

    Attributes:
        reference_frames, other_frames: (P,) int64, each growing by 0 or 1 from pair to pair.
        distances: (P,) float64, Euclidean, of each pair.
    """

    reference_frames: NDArray[np.int64]
    other_frames: NDArray[np.int64]
    distances: NDArray[np.float64]

    @property
    def cost(self) -> float:
        """What no other path undercuts: the sum of the distances."""
        return float(self.distances.sum())


def warp(reference: NDArray[Any], other: NDArray[Any], band_frames: int | None = None) -> WarpPath:
    """The path of least total Euclidean distance between two sequences of frames.

    Args:
        reference: (T, F).
        other: (T2, F).
        band_frames: how far the path may leave the straight line between the corners, in frames of `other`; None: as
            far as it likes. Time and memory (8 bytes a cell) grow with T * T2, or with T * (2 * band_frames + 1).

    Raises:
        DataError: no frames, or frames of different widths.
        ConfigError: a band too narrow for a path from corner to corner.
    """
    reference, other = np.asarray(reference, np.float64), np.asarray(other, np.float64)
    if (
        reference.ndim != 2
        or other.ndim != 2
        or reference.shape[1] != other.shape[1]
        or not len(reference) * len(other)
    ):
        raise DataError(
            f"frames have shapes {reference.shape} and {other.shape}; expected (T, F) and (T2, F), none empty."
        )
    width, lows = _band(len(reference), len(other), band_frames)
    return _path(reference, other, _costs(reference, other, width, lows), lows)


def _band(rows: int, columns: int, band_frames: int | None) -> tuple[int, NDArray[np.int64]]:
    """How many columns each row has, and the first of each row, (rows,)."""
    if band_frames is None:
        return columns, np.zeros(rows, np.int64)
    slope = (columns - 1) / max(1, rows - 1)
    if band_frames < max(1.0, slope):
        raise ConfigError(
            f"band_frames is {band_frames}; expected at least {max(1, int(np.ceil(slope)))} for {rows} and {columns} "
            "frames, or None."
        )
    width = columns if rows == 1 else min(columns, 2 * band_frames + 1)
    middles = np.rint(np.arange(rows) * slope).astype(np.int64)
    return width, np.clip(middles - band_frames, 0, columns - width)


def _costs(
    reference: NDArray[np.float64], other: NDArray[np.float64], width: int, lows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(T, width) least cost of a path from the corner to each cell of the band."""
    table = np.empty((len(reference), width))
    before = np.full(len(other) + 1, np.inf)  # the row above, by column + 1
    before[0] = 0.0  # the way into the corner
    reached = 0
    for row, low in enumerate(lows.tolist()):
        entering = np.minimum(before[low : low + width], before[low + 1 : low + 1 + width])
        difference = other[low : low + width] - reference[row]
        distances = np.sqrt(np.einsum("jf,jf->j", difference, difference))
        until = np.cumsum(distances)
        table[row] = until + np.minimum.accumulate(entering - (until - distances))
        before[reached : low + 1] = np.inf
        before[low + 1 : low + 1 + width] = table[row]
        reached = low
    return table


def _path(
    reference: NDArray[np.float64], other: NDArray[np.float64], table: NDArray[np.float64], lows: NDArray[np.int64]
) -> WarpPath:
    """Back from the last corner, each time to the cheapest of the cells that lead here; diagonally where equal."""
    first, width = lows.tolist(), table.shape[1]

    def cost(row: int, column: int) -> float:
        place = column - first[row]
        return float(table[row, place]) if 0 <= place < width else np.inf

    row, column = len(reference) - 1, len(other) - 1
    pairs = [(row, column)]
    while row or column:
        if not row:
            column -= 1
        elif not column:
            row -= 1
        else:
            aslant, above, beside = cost(row - 1, column - 1), cost(row - 1, column), cost(row, column - 1)
            if aslant <= min(above, beside):
                row, column = row - 1, column - 1
            elif above <= beside:
                row -= 1
            else:
                column -= 1
        pairs.append((row, column))
    rows, columns = np.array(pairs[::-1], np.int64).T
    difference = reference[rows] - other[columns]
    return WarpPath(rows, columns, np.sqrt(np.einsum("pf,pf->p", difference, difference)))
