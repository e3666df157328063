"""What all commands that recognise speech have in common: their options, and the recogniser that these describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vivavoce.evaluation.second_pass import TriedSecond
    from vivavoce.evaluation.word_weights import Tried
    from vivavoce.runtime.recognizer import Recognizer

BundleFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Bundle to recognise with; the package's own if not given.")
]
DecoderName = Annotated[
    str,
    typer.Option(metavar="NAME", help="greedy, beam, words or lexicon (with the language model), or auto: the best."),
]
HotwordsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Phrases that are likely to be said, one a line; a tab, a weight (4)."),
]
WordsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Words that the lexicon lacks, one a line; their phones behind them, if known."),
]
ProviderName = Annotated[
    str, typer.Option(metavar="NAME", help="What runs the model: cpu, cuda, tensorrt, coreml or openvino.")
]
ChangedBundle = Annotated[Path, typer.Argument(help="Bundle's folder, which is changed.", show_default=False)]
TuneManifests = Annotated[
    list[Path] | None,
    typer.Option("--tune", metavar="MANIFEST", help="Choose the weights on these utterances; never on a test."),
]
TuneLimit = Annotated[int, typer.Option(min=0, metavar="N", help="Tune on N utterances of each manifest; 0 for all.")]
Gate = Annotated[bool, typer.Option(help="Take what the bundle's voice activity detector does not hear for silence.")]
Threads = Annotated[int, typer.Option(min=1, metavar="N", help="Processor threads for one recording.")]
Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="Recordings worked on at the same time.")]


def show_tried(tried: Tried | TriedSecond) -> None:
    """One line for weights that were tried, as soon as their errors are known."""
    print(f"{tried.wer:.2%}  {tried.weights}", flush=True)


def open_recognizer(
    bundle: Path | None,
    decoder: str,
    hotwords: Path | None,
    provider: str,
    threads: int = 1,
    chunk_frames: int | None = None,
    gate: bool = True,
    words: Path | None = None,
) -> Recognizer:
    """The recogniser of these options."""
    from vivavoce.decoding.hotwords import Hotwords
    from vivavoce.decoding.own_words import OwnWords
    from vivavoce.runtime.recognizer import Recognizer

    phrases = None if hotwords is None else Hotwords.load(hotwords)
    own = None if words is None else OwnWords.load(words)
    return Recognizer(bundle, threads, chunk_frames, decoder, phrases, provider=provider, gate=gate, words=own)
