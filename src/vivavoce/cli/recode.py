"""`viva recode`: copies of training speech as a codec leaves it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.outputs import need_new_manifest
from vivavoce.cli.progress import listened
from vivavoce.errors import ConfigError


def recode(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFESTS", help="Utterances to copy.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Manifest to write.")],
    audio: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the copies.")],
    kbps: Annotated[str, typer.Option(metavar="A,B", help="Bit rates to draw from.")] = "16,24,24,32",
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Encoders running at the same time.")] = 2,
) -> None:
    """Copy training speech as MP3s of low rates, for a recogniser that will hear such.

    \b
    viva recode train.jsonl -o train-mp3.jsonl --audio train-mp3
    viva train asr_small --set manifests=train.jsonl,train-mp3.jsonl

    What an encoder leaves out (everything above 7 kHz, and what it takes to be masked) are holes that a network trained
    on clean recordings has never seen. A copy that is there already is kept.
    """
    from vivavoce.data.manifest import read_manifest, write_manifest
    from vivavoce.data.recode import recode as recoded

    need_new_manifest(output, manifests)
    try:
        rates = tuple(int(rate) for rate in kbps.split(","))
    except ValueError:
        raise ConfigError(f"--kbps {kbps}: expected whole numbers with commas between them, such as 16,24.") from None
    utterances = [utterance for manifest in manifests for utterance in read_manifest(manifest)]
    copies = listened(utterances, recoded(utterances, audio, rates, workers))
    count = write_manifest(output, (copy for _, copy in copies))
    print(f"{output}: {count} copies in {audio}", file=sys.stderr)
