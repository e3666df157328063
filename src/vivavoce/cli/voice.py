"""`viva voice`: an acoustic model and a vocoder become a voice's bundle."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.train import require_torch


def voice(
    acoustic: Annotated[Path, typer.Argument(help="Run folder of `viva train fastpitch`.")],
    vocoder: Annotated[Path, typer.Argument(help="Run folder of `viva train vocos`.")],
    out: Annotated[Path, typer.Argument(help="Bundle folder to write.")],
    dictionary: Annotated[Path, typer.Option(help="Pronouncing dictionary with stress, such as cmudict.dict.")],
    guesser: Annotated[Path, typer.Option(help="Model of `viva train g2p`, for words that the dictionary lacks.")],
    name: Annotated[str, typer.Option(help="Name of the bundle.")] = "tts-en-kathleen",
    licence: Annotated[str, typer.Option(help="Of the bundle.")] = "CC0-1.0",
    precision: Annotated[str, typer.Option(help="int8 or fp32.")] = "int8",
    loudness: Annotated[float, typer.Option(help="LUFS that it speaks at when nothing else is asked for.")] = -19.0,
) -> None:
    """Pack a trained acoustic model and a trained vocoder into a voice for `viva speak`.

    \b
    viva voice runs/fastpitch runs/vocos my-voice --dictionary cmudict.dict --guesser runs/g2p/model.g2p

    Both graphs are held to PyTorch and refused when they differ; the voice's loudness is measured and written down.
    """
    require_torch("voice")
    from vivavoce.errors import ConfigError
    from vivavoce.export.acoustic import load_fastpitch
    from vivavoce.export.vocoder import load_vocos
    from vivavoce.export.voice import VoiceSettings, training_of, write_voice

    if precision not in ("int8", "fp32"):
        raise ConfigError(f"precision is {precision!r}; expected int8 or fp32.")
    settings = VoiceSettings(name, licence, precision == "int8", loudness)
    training = {"acoustic": training_of(acoustic, "fastpitch"), "vocoder": training_of(vocoder, "vocos")}
    bundle = write_voice(load_fastpitch(acoustic), load_vocos(vocoder), dictionary, guesser, out, settings, training)
    print(f"wrote {out}", file=sys.stderr)
    typer.echo(json.dumps({"parity": bundle.facts["parity"], "loudness": bundle.facts["loudness"]}, indent=2))
