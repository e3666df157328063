"""`viva splice`: new sentences out of a speaker's old ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.outputs import need_new_manifest
from vivavoce.cli.progress import listened
from vivavoce.cli.recognition import BundleFolder, ProviderName, open_recognizer
from vivavoce.errors import DataError


def splice(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFESTS", help="Utterances with their texts.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Manifest to write.")],
    audio: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the new recordings.")],
    bundle: BundleFolder = None,
    times: Annotated[int, typer.Option(min=1, metavar="N", help="Cut everything N times, each time elsewhere.")] = 2,
    longest: Annotated[float, typer.Option(metavar="S", help="Longest new sentence in seconds.")] = 12.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Other numbers give other sentences.")] = 1,
    provider: ProviderName = "cpu",
) -> None:
    """Join pieces of a speaker's recordings to sentences that nobody has said, to train on beside the others.

    \b
    viva splice train.jsonl -o spliced.jsonl --audio spliced --bundle my-bundle
    viva train asr_small --set manifests=train.jsonl,spliced.jsonl

    A network that hears few sentences learns the sentences by heart. The words are found by alignment, and recordings
    are cut where it is quiet between two of them.
    """
    from vivavoce.data.manifest import read_manifest, write_manifest
    from vivavoce.evaluation.labels import align_words
    from vivavoce.evaluation.splice import Splices, need_own_ids
    from vivavoce.evaluation.splice import splice as spliced

    need_new_manifest(output, manifests)
    splices = Splices(longest_seconds=longest, shortest_seconds=min(Splices.shortest_seconds, longest))
    utterances = [utterance for manifest in manifests for utterance in read_manifest(manifest)]
    need_own_ids(utterances)
    recognizer = open_recognizer(bundle, "greedy", None, provider)
    aligned = listened(utterances, align_words(utterances, recognizer))
    words = {utterance.id: found for utterance, found in aligned if found}
    new = list(spliced(utterances, words, audio, splices, times, seed))
    if not new:
        raise DataError(f"the speakers of {', '.join(map(str, manifests))} have too little speech that aligns.")
    write_manifest(output, new)
    hours = sum(utterance.duration_seconds for utterance in new) / 3600
    print(f"{output}: {len(new)} sentences, {hours:.2f} h, in {audio}", file=sys.stderr)
