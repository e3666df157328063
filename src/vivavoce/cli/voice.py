"""`viva voice`: an acoustic model and a vocoder become a voice's bundle."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.train import require_torch


def voice(
    acoustic: Annotated[
        Path, typer.Argument(help="Run folder of `viva train fastpitch` or `tacotron2`, or a voice's bundle.")
    ],
    vocoder: Annotated[
        str, typer.Argument(help="Run folder of `viva train vocos` or `wavenet`, a voice's bundle, or griffin-lim.")
    ],
    out: Annotated[Path, typer.Argument(help="Bundle folder to write.")],
    dictionary: Annotated[
        Path | None,
        typer.Option(help="Pronouncing dictionary with stress, such as cmudict.dict.", show_default=False),
    ] = None,
    guesser: Annotated[
        Path | None,
        typer.Option(help="Model of `viva train g2p`, for words that the dictionary lacks.", show_default=False),
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            help="In place of both: the lexicon of a voice or of `viva train g2p`. Else ACOUSTIC's, if it is a bundle.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the bundle; that of the folder OUT if not given.", show_default=False)
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the bundle.")] = "CC0-1.0",
    precision: Annotated[str, typer.Option(help="int8 or fp32, of FastPitch and Vocos.")] = "int8",
    loudness: Annotated[float, typer.Option(help="LUFS that it speaks at when nothing else is asked for.")] = -19.0,
) -> None:
    """Pack an acoustic model and a vocoder into a voice for `viva speak`.

    \b
    viva voice runs/fastpitch runs/vocos my-voice --dictionary cmudict.dict --guesser runs/g2p/model.g2p
    viva voice runs/tacotron2 runs/wavenet classics --lexicon my-voice/words.lexicon
    viva voice runs/tacotron2 griffin-lim first-try --lexicon my-voice/words.lexicon
    viva voice my-voice runs/wavenet other-vocoder

    Of a bundle, the one part is copied. Graphs are held to PyTorch and refused when they differ; the voice's loudness
    is measured and written down, which takes a minute with a WaveNet. A bundle in the place of OUT is replaced when all
    went well; a folder that is none is left alone.
    """
    require_torch("voice")
    from vivavoce.errors import ConfigError
    from vivavoce.export.bundle_folder import check_place
    from vivavoce.export.voice import VoiceSettings, write_voice
    from vivavoce.export.voice_sources import choose_words, find_acoustic, find_vocoder

    if precision not in ("int8", "fp32"):
        raise ConfigError(f"precision is {precision!r}; expected int8 or fp32.")
    check_place(out)
    first, second = find_acoustic(acoustic), find_vocoder(vocoder)
    words = choose_words(first, dictionary, guesser, lexicon)
    bundle = write_voice(
        first, second, words, out, VoiceSettings(name or out.resolve().name, licence, precision == "int8", loudness)
    )
    print(f"wrote {out}", file=sys.stderr)
    shown = ("parity", "loudness", "attention")
    typer.echo(json.dumps({key: bundle.facts[key] for key in shown if key in bundle.facts}, indent=2))
