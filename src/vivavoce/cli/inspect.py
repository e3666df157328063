"""`viva inspect`: look at a recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def inspect(
    file: Annotated[Path, typer.Argument(help="Audio file.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Picture to write (PNG); FILE.png when not given.")
    ] = None,
    picture: Annotated[bool, typer.Option(help="Draw the picture; --no-picture prints the numbers alone.")] = True,
    start: Annotated[float, typer.Option(min=0.0, help="Where the picture begins, in seconds.")] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How much the picture shows.")] = 30.0,
) -> None:
    """Print a recording's rate, length, level, clipping and SNR, and draw what a recogniser hears of it."""
    from vivavoce.evaluation.inspection import draw, inspect_recording

    inspection = inspect_recording(file)
    for name, value in inspection.lines():
        typer.echo(f"{name:10}{value}")
    if picture:
        target = output or Path(file.name).with_suffix(".png")
        draw(file, target, start, seconds)
        print(f"picture in {target}", file=sys.stderr)
