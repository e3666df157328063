"""`viva tune`: which form of a bundle is fastest on this machine within a bound of word errors."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.evaluate import choose
from vivavoce.cli.outputs import need_writable_folder
from vivavoce.cli.train import require_torch
from vivavoce.errors import ConfigError

if TYPE_CHECKING:
    from vivavoce.export.tune import Measured, Tuning


def tune(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Its folder.", show_default=False)],
    test: Annotated[list[Path], typer.Option("--test", help="Manifest to measure on; may be repeated.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the winner's bundle here.")
    ] = None,
    max_wer_increase: Annotated[
        float, typer.Option(min=0.0, metavar="X", help="Points of word errors that speed may cost.")
    ] = 0.2,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Processor threads for one recording.")] = 1,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="Only N utterances of each manifest, evenly spread; 0 for all.")
    ] = 100,
    allow_dynamic: Annotated[
        bool, typer.Option("--allow-dynamic", help="Let a form win whose results depend on batch and chunk.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="What to print: markdown or json.")
    ] = "markdown",
) -> None:
    """Measure the forms of a bundle on this machine, and write the fastest within a bound of word errors.

    \b
    viva tune my-bundle --test manifests/librispeech-test.jsonl --max-wer-increase 0.2 -o tuned

    Tried are: float32; int8 weights with float arithmetic; int8 arithmetic of three kinds; then, for the winner, other
    look-aheads, optimisations of the graph and threads. Forms in bold are beaten by none in errors, speed, look-ahead
    and threads together. int8 arithmetic rounds activations by one scale for all frames, so that a result depends on
    what is computed beside it: such forms are shown, and win only with --allow-dynamic.
    """
    require_torch("tune")
    from vivavoce.export.tune import tune as measure
    from vivavoce.export.tune import write_winner

    if form not in ("markdown", "json"):
        raise ConfigError(f"--format {form}: expected markdown or json.")
    if output is not None and output.exists():
        raise ConfigError(f"--output {output} is there already; name a new folder.")
    if output is not None:
        need_writable_folder(next(folder for folder in output.absolute().parents if folder.exists()))
    tests = choose(test, limit)

    def said(line: str) -> None:
        if sys.stderr.isatty():
            print(line, file=sys.stderr)

    with tempfile.TemporaryDirectory() as work:
        result = measure(bundle, tests, work, max_wer_increase, threads, allow_dynamic, said)
        if form == "json":
            facts = {"winner": asdict(result.winner), "rows": [asdict(row) for row in result.rows]}
            typer.echo(json.dumps(facts, indent=2))
        else:
            typer.echo("\n".join(_table(result)))
        if output is not None:
            write_winner(result, output)
            print(f"wrote {output}", file=sys.stderr)


def _table(result: Tuning) -> list[str]:
    titles = (
        "weights",
        "look-ahead",
        "graph",
        "threads",
        "MB",
        "WER",
        "real-time factor",
        "a chunk takes",
        "live unlike file",
    )
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in result.rows:
        cells = _cells(row, result.tried_live)
        lines.append("| " + " | ".join(f"**{cell}**" if row.on_front else cell for cell in cells) + " |")
    winner, before = result.winner, result.rows[0]
    gain = before.real_time_factor / winner.real_time_factor
    lines += ["", f"winner: {winner.form.precision}, {gain:.2f} times as fast as the bundle as it is"]
    slower = [
        f"{row.form.precision} ({row.real_time_factor / before.real_time_factor:.2f} times the time, "
        f"{100 * (row.wer - before.wer):+.2f} points)"
        for row in result.rows
        if "int8" in row.form.precision and (row.real_time_factor > before.real_time_factor or row.wer > before.wer)
    ]
    if slower:
        lines.append(f"int8 that is slower or worse than the bundle as it is: {'; '.join(dict.fromkeys(slower))}")
    return lines


def _cells(row: Measured, tried_live: int) -> list[str]:
    form = row.form
    return [
        form.precision,
        f"{form.chunk_frames} frames",
        form.optimization,
        str(form.threads),
        f"{row.megabytes:.1f}",
        f"{row.wer:.2%}",
        f"{row.real_time_factor:.5f}",
        f"{1000 * row.chunk_seconds:.1f} ms",
        f"{row.unlike_file} of {tried_live}",
    ]
