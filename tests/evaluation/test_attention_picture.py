"""The picture of an alignment: where it is bright, its file, what cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import ConfigError
from vivavoce.evaluation.attention_picture import attention_picture, write_picture

TOKENS = ["<break>", *["AH0"] * 18, "<break>"]


def brightness(weights: np.ndarray) -> np.ndarray:
    """Of the four quarters of the picture, lower left first; the margins are left out."""
    pixels = attention_picture(weights, TOKENS, 0.05, "$ a title $").astype(float).sum(axis=2)
    height, width = pixels.shape
    inner = pixels[int(0.15 * height) : int(0.8 * height), int(0.12 * width) : int(0.8 * width)]
    rows, columns = inner.shape[0] // 2, inner.shape[1] // 2
    return np.array(
        [[inner[rows:, :columns].mean(), inner[rows:, columns:].mean()],
         [inner[:rows, :columns].mean(), inner[:rows, columns:].mean()]]
    )  # fmt: skip


def test_a_diagonal_rises_from_left_to_right() -> None:
    quarters = brightness(np.eye(20))
    assert min(quarters[0, 0], quarters[1, 1]) > max(quarters[0, 1], quarters[1, 0]) + 10
    falling = brightness(np.eye(20)[::-1])
    assert min(falling[0, 1], falling[1, 0]) > max(falling[0, 0], falling[1, 1]) + 10


def test_the_file_is_a_png(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "new" / "a.png", attention_picture(np.eye(20), TOKENS, 0.05))
    assert path.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_picture(tmp_path / "file" / "a.png", np.zeros((2, 2, 3), np.uint8))
