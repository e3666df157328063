"""`viva export`: a run folder becomes a bundle, measured before it is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.evaluate import choose
from vivavoce.cli.train import require_torch
from vivavoce.errors import ModelError


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of `viva train`, or one checkpoint in it.")],
    out: Annotated[Path, typer.Argument(help="Bundle folder to write.")],
    test: Annotated[list[Path], typer.Option("--test", help="Manifest to measure on; may be repeated.")],
    precision: Annotated[str, typer.Option(help="int8 or fp32.")] = "int8",
    name: Annotated[str, typer.Option(help="Name of the bundle.")] = "asr-en-small",
    chunk_frames: Annotated[
        int | None, typer.Option(help="Attention's chunk in encoder frames, the look-ahead; as many as are 1.28 s.")
    ] = None,
    max_wer_increase: Annotated[
        float, typer.Option(help="Refuse when int8 raises the word error rate by more points than this.")
    ] = 0.3,
    temperature: Annotated[
        float, typer.Option(help="Divide the logits of the phones by this; above 1 for a network of few hours.")
    ] = 1.0,
    limit: Annotated[int, typer.Option(min=0, help="Measure on this many utterances of each manifest; 0 for all.")] = 0,
) -> None:
    """Export a trained model: ONNX, int8 weights, parity with PyTorch, word error rates; refused when they differ."""
    require_torch("export")
    from vivavoce.export.bundle_writer import BundleSettings, load_model, write_bundle
    from vivavoce.export.from_run import newest_checkpoint, read_config
    from vivavoce.recipes.asr_small import facts_of_run, model_settings

    if run.is_file():
        checkpoint, config = run, read_config(run.parent.parent)
    else:
        checkpoint, config = newest_checkpoint(run, "asr_small")
    try:
        dims, features, tail_frames = model_settings(config)
    except (KeyError, TypeError) as error:
        raise ModelError(f"{run} is of no run of asr_small ({error!r}); name one of its.") from None
    tests = choose(test, limit)
    settings = BundleSettings(
        name=name,
        precision=precision,
        chunk_frames=chunk_frames,
        tail_frames=tail_frames,
        max_wer_increase=max_wer_increase,
    )
    model = load_model(checkpoint, dims, temperature=temperature)
    training = {**facts_of_run(config, checkpoint), "temperature": temperature}
    facts = write_bundle(model, features, out, settings, tests, training)
    print(f"wrote {out}", file=sys.stderr)
    typer.echo(json.dumps({"parity": facts["parity"], "model": facts["model"]}, indent=2))
