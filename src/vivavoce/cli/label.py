"""`viva label`: texts for speech that has none, where a recogniser is sure of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.outputs import need_new_manifest
from vivavoce.cli.progress import listened
from vivavoce.cli.recognition import BundleFolder, DecoderName, Gate, Jobs, ProviderName, open_recognizer
from vivavoce.errors import DataError

if TYPE_CHECKING:
    from vivavoce.data.manifest import Utterance


def label(
    manifest: Annotated[
        Path, typer.Argument(help="Utterances; texts that they have are not read.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Manifest to write.")],
    bundle: BundleFolder = None,
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="X", help="Leave out what is less sure than this.")
    ] = 0.9,
    decoder: DecoderName = "auto",
    provider: ProviderName = "cpu",
    gate: Gate = True,
    jobs: Jobs = 1,
) -> None:
    """Read speech without text, and keep what the recogniser is sure of, to train on.

    \b
    viva prepare common_voice_clips cv-corpus/ -o unlabelled.jsonl
    viva label unlabelled.jsonl -o labelled.jsonl --least 0.9
    viva train asr_small --set manifests=train.jsonl,labelled.jsonl --set initial=my-bundle

    How sure: the geometric mean of the confidences of an utterance's words, kept as `confidence` in the manifest. The
    language model and the lexicon make these texts better than what the network alone hears, and so it can learn from
    them; where they are wrong it learns that too.
    """
    from vivavoce.data.manifest import read_manifest, write_manifest
    from vivavoce.evaluation.labels import label as labelled

    need_new_manifest(output, [manifest])
    utterances = read_manifest(manifest)
    recognizer = open_recognizer(bundle, decoder, None, provider, gate=gate)
    seconds = sum(utterance.duration_seconds for utterance in utterances)
    kept_seconds = 0.0

    def kept() -> Iterator[Utterance]:
        nonlocal kept_seconds
        for utterance, found in listened(utterances, labelled(utterances, recognizer, jobs)):
            if found is not None and found[1] >= least:
                kept_seconds += utterance.duration_seconds
                yield found[0]

    found = kept()
    first = next(found, None)  # before anything is written: a former output stays where there is no new one
    if first is None:
        raise DataError(f"of no utterance is the recogniser {least} sure; try a lower --least, or a better recogniser.")
    count = write_manifest(output, chain([first], found))
    print(
        f"{output}: {count} of {len(utterances)} utterances, {kept_seconds / 3600:.2f} of {seconds / 3600:.2f} h",
        file=sys.stderr,
    )
