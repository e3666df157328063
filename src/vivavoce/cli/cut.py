"""`viva cut`: single words out of sentences, as utterances to train on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.outputs import need_new_manifest
from vivavoce.cli.progress import listened
from vivavoce.cli.recognition import BundleFolder, ProviderName, open_recognizer
from vivavoce.errors import DataError


def cut(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFESTS", help="Utterances with their texts.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Manifest to write.")],
    bundle: BundleFolder = None,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="Keep at most N of each word.")] = 3,
    shortest: Annotated[float, typer.Option(metavar="S", help="Shortest piece in seconds.")] = 0.3,
    longest: Annotated[float, typer.Option(metavar="S", help="Longest piece in seconds.")] = 1.2,
    provider: ProviderName = "cpu",
) -> None:
    """Cut single words out of training sentences, for a recogniser that should hear them alone.

    \b
    viva cut train.jsonl -o words.jsonl --bundle my-bundle
    viva train asr_small --set manifests=train.jsonl,words.jsonl --set initial=my-bundle

    A recogniser that has only heard sentences reads nothing in a command of half a second. The words are found by
    alignment; no audio is written, the new manifest names parts of the same recordings.
    """
    from vivavoce.data.manifest import read_manifest, write_manifest
    from vivavoce.evaluation.labels import Cuts, at_most, cut_words

    need_new_manifest(output, manifests)
    cuts = Cuts(shortest_seconds=shortest, longest_seconds=longest)
    utterances = [utterance for manifest in manifests for utterance in read_manifest(manifest)]
    recognizer = open_recognizer(bundle, "greedy", None, provider)
    found = listened(utterances, cut_words(utterances, recognizer, cuts))
    kept = at_most((piece for _, pieces in found for piece in pieces), most)
    if not kept:
        raise DataError(f"no word of {', '.join(map(str, manifests))} is {shortest} to {longest} s long and aligns.")
    write_manifest(output, kept)
    hours = sum(piece.duration_seconds for piece in kept) / 3600
    print(
        f"{output}: {len(kept)} words, {len({piece.text for piece in kept})} of them different, {hours:.2f} h",
        file=sys.stderr,
    )
