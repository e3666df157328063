"""`viva activity`: find where somebody speaks, and put a detector in front of a recogniser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

FORMATS = ("text", "jsonl")


@app.callback()
def activity() -> None:
    """Find where somebody speaks, and put a detector in front of a recogniser.

    \b
    viva activity find talk.mp3
    viva train voice_activity --set manifests=train.jsonl --set bundle=my-detector
    viva activity attach my-detector my-bundle
    """


@app.command()
def find(
    files: Annotated[
        list[str], typer.Argument(metavar="FILES", help="Recordings, or folders of them.", show_default=False)
    ],
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="text or jsonl, an object a recording.")
    ] = "text",
    detector: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Voice activity bundle; the package's own if not given.")
    ] = None,
    threshold: Annotated[float, typer.Option(metavar="X", help="Probability from which on a frame is speech.")] = 0.7,
    silence: Annotated[float, typer.Option(metavar="SECONDS", help="An utterance ends when so long is silent.")] = 0.6,
    longest: Annotated[float, typer.Option(metavar="SECONDS", help="Longer utterances are cut here.")] = 30.0,
) -> None:
    """Print the utterances in recordings: beginning and end in seconds, with as text the path before them."""
    from vivavoce.audio import stream_blocks
    from vivavoce.cli.transcribe import expand, report
    from vivavoce.errors import ConfigError, VivaError
    from vivavoce.runtime.endpoint import Endpointer, EndpointRules

    if form not in FORMATS:
        raise ConfigError(f"--format {form}: expected one of {', '.join(FORMATS)}.")
    release = 0.7 * threshold
    endpointer = Endpointer(detector, EndpointRules(threshold, release, 0.2, silence, longest, min(0.1, silence)))
    paths, failures = expand(files)
    count = len(paths) + len(failures)
    for path in paths:
        endpointer.reset()
        try:
            events = [
                event
                for block in stream_blocks(path, endpointer.sample_rate, 10.0)
                for event in endpointer.accept(block)
            ]
        except VivaError as error:
            failures.append((path, error))
            continue
        times = [event.seconds for event in [*events, *endpointer.finish()]]
        utterances = list(zip(times[::2], times[1::2], strict=True))
        if form == "jsonl":
            rows = [{"start": round(start, 3), "end": round(end, 3)} for start, end in utterances]
            print(json.dumps({"path": path, "utterances": rows}, ensure_ascii=False))
        else:
            for start, end in utterances:
                print(f"{path}\t{start:.2f}\t{end:.2f}")
    report(failures, count)


@app.command()
def attach(
    detector: Annotated[Path, typer.Argument(help="Voice activity bundle's folder.", show_default=False)],
    bundle: Annotated[Path, typer.Argument(help="Recogniser's folder, which is changed.", show_default=False)],
    threshold: Annotated[float, typer.Option(metavar="X", help="Probability from which on a frame is speech.")] = 0.7,
    before: Annotated[float, typer.Option(metavar="SECONDS", help="How much before speech is let through.")] = 0.8,
    after: Annotated[float, typer.Option(metavar="SECONDS", help="How much behind speech is let through.")] = 0.8,
) -> None:
    """Let a recogniser hear only what the detector takes for speech: silence and noise then give no words."""
    from vivavoce.runtime.bundle import GateRules
    from vivavoce.runtime.speech_gate import attach_gate

    rules = GateRules(threshold, before_seconds=before, after_seconds=after)
    attach_gate(bundle, detector, rules)
    print(f"{bundle} now hears through {detector}, {rules}")
