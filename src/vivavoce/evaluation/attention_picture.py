"""An alignment as a picture: the decoder's steps to the right, the text upwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError


def attention_picture(
    weights: NDArray[Any], tokens: Sequence[str], seconds_per_step: float, title: str = ""
) -> NDArray[np.uint8]:
    """Draw (S, U) weights; returns (height, width, 3) pixels.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "pictures need matplotlib, which is not installed. Run: pip install 'vivavoce[plot]'"
        ) from None
    steps, count = weights.shape
    figure = Figure(figsize=(9, max(3.0, 1.2 + 0.115 * count)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    image = axis.imshow(
        np.asarray(weights, dtype=np.float64).T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0.0, steps * seconds_per_step, -0.5, count - 0.5),
        vmin=0.0,
        vmax=1.0,
        cmap="magma",
    )
    axis.set_yticks(range(count), ["_" if token == " " else token for token in tokens], fontsize=6)
    axis.set_xlabel("time in s")
    axis.set_title(title, fontsize=9, loc="left", parse_math=False)
    figure.colorbar(image, ax=axis, label="attention", pad=0.01)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_picture(path: str | Path, pixels: NDArray[np.uint8]) -> Path:
    """Write (height, width, 3) pixels as a PNG file, its folder made where there is none.

    Raises:
        ConfigError: the file cannot be written.
    """
    from matplotlib.image import imsave

    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        imsave(path, pixels, format="png")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    return Path(path)
