"""`viva synthesize`: a synthetic corpus for training, from text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.outputs import need_writable_folder
from vivavoce.cli.progress import drawn


def synthesize(
    text: Annotated[Path, typer.Argument(help="Sentences, one a line (.txt or .txt.xz).", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder for audio and manifest.jsonl.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, help="How many sentences; about 3.3 s each.")] = 1000,
    dictionary: Annotated[
        Path | None, typer.Option(help="Pronouncing dictionary; only sentences of its words are taken.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides sentences, voices, rates and pitches.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Programs running at the same time.")] = 1,
) -> None:
    """Make training speech from text with espeak-ng, flite and festival, which must be installed.

    A run that was stopped goes on where it was when the command is given again.
    """
    from vivavoce.data.manifest import write_manifest
    from vivavoce.data.sentences import choose_sentences
    from vivavoce.data.synthesis import synthesize as synthesize_all
    from vivavoce.text.phonemes import PronouncingDictionary

    known = frozenset(PronouncingDictionary.load(dictionary)) if dictionary is not None else None
    sentences = choose_sentences(text, count, seed, known)
    need_writable_folder(out)
    with drawn() as bar:
        task = bar.add_task("speaking", total=count)
        utterances = synthesize_all(
            sentences, out / "audio", seed=seed, workers=workers, made=lambda n: bar.update(task, completed=n)
        )
    write_manifest(out / "manifest.jsonl", utterances)
    hours = sum(utterance.duration_seconds for utterance in utterances) / 3600
    print(f"{out / 'manifest.jsonl'}: {len(utterances)} utterances, {hours:.2f} h", file=sys.stderr)
