"""`viva evaluate`: a bundle's word errors on test sets, through the code that users run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.outputs import need_writable_folder
from vivavoce.cli.progress import listening
from vivavoce.cli.recognition import (
    BundleFolder,
    DecoderName,
    Gate,
    HotwordsFile,
    Jobs,
    ProviderName,
    Threads,
    WordsFile,
    open_recognizer,
)
from vivavoce.errors import ConfigError, DataError, VivaError

if TYPE_CHECKING:
    from vivavoce.data.manifest import Utterance
    from vivavoce.evaluation.reports import Row


def evaluate(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFESTS", help="Made by `viva prepare`.", show_default=False)
    ],
    bundle: BundleFolder = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Also write report.md, report.json, utterances.jsonl here."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the word errors into the bundle's bundle.json, too.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="What to print: markdown or json.")
    ] = "markdown",
    decoder: DecoderName = "auto",
    hotwords: HotwordsFile = None,
    words: WordsFile = None,
    chunk_frames: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Look-ahead in encoder frames; the bundle's own if not given."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="Only N utterances of each manifest, evenly spread; 0 for all.")
    ] = 0,
    provider: ProviderName = "cpu",
    gate: Gate = True,
    threads: Threads = 1,
    jobs: Jobs = 1,
) -> None:
    """Measure a bundle's word errors on test sets.

    \b
    viva prepare librispeech LibriSpeech/ --part test -o test.jsonl
    viva evaluate test.jsonl

    Prints a table with a row for each test set (adults and children apart where ages are known): word error rate with
    its 95% interval, kinds of errors, character error rate. Both texts go through the same normalisation first. The
    recordings run through the code of `viva transcribe`, and the real-time factor is CPU time, reading the files,
    features and decoding included, over the length of the audio.
    """
    from vivavoce.evaluation.accuracy_table import put_numbers
    from vivavoce.evaluation.recordings import audio_of
    from vivavoce.evaluation.reports import wer_report
    from vivavoce.runtime.bundle import record_accuracy

    if form not in ("markdown", "json"):
        raise ConfigError(f"--format {form}: expected markdown or json.")
    if record and (hotwords is not None or words is not None):
        raise ConfigError("--record keeps what the bundle can do by itself; leave out --hotwords and --words.")
    if record and (chunk_frames is not None or limit or not gate):
        raise ConfigError(
            "--record keeps what the bundle does by itself on whole test sets; leave out --chunk-frames, --no-gate "
            "and --limit."
        )
    utterances = choose(manifests, limit)
    recognizer = open_recognizer(bundle, decoder, hotwords, provider, threads, chunk_frames, gate=gate, words=words)
    if output is not None:
        need_writable_folder(output)
    if record:
        need_writable_folder(recognizer.bundle.folder)
    pairs: list[tuple[Utterance, str]] = []
    failures: list[VivaError] = []
    seconds, started = 0.0, time.process_time()
    with listening(len(utterances), lambda: sum(u.duration_seconds for u in utterances)) as progress:
        results = recognizer.transcribe_files(map(audio_of, utterances), jobs, progress.heard)
        for utterance, result in zip(utterances, results, strict=True):
            progress.done()
            if isinstance(result, VivaError):
                failures.append(result)
                continue
            pairs.append((utterance, result.text))
            seconds += result.duration_seconds
    used = time.process_time() - started
    if not pairs:
        raise DataError(f"none of {len(utterances)} recordings could be read; the first says: {failures[0]}")
    facts = {
        "bundle": f"{recognizer.bundle.name} {recognizer.bundle.facts.get('version', '')}".strip(),
        "precision": recognizer.bundle.model.precision,
        "decoder": recognizer.decoder,
        "chunk_frames": recognizer.chunk_frames,
        "real_time_factor": round(used / seconds, 5),
    }
    report = wer_report(pairs, facts)
    typer.echo(report.markdown() if form == "markdown" else json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    if output is not None:
        report.write(output)
    if record and not failures:
        kept = record_accuracy(recognizer.bundle, recognizer.decoder, [_recorded(row) for row in report.rows])
        put_numbers(recognizer.bundle.folder / str(kept.get("card", "MODEL_CARD.md")), kept["accuracy"])
    _complain(failures, len(utterances), "; nothing was recorded in the bundle" if record else "")


def _recorded(row: Row) -> dict[str, object]:
    """A row of the report as a bundle keeps it; rates are shares."""
    return {
        "test_set": row.name,
        "utterances": row.utterances,
        "word_error_rate": round(row.wer.value, 5),
        "interval_95": [round(row.wer.low, 5), round(row.wer.high, 5)],
        "character_error_rate": round(row.cer, 5),
    }


def choose(manifests: Sequence[Path], limit: int) -> list[Utterance]:
    """The utterances of all manifests, or `limit` of each, evenly spread over it."""
    from vivavoce.data.manifest import read_manifest

    chosen = []
    for manifest in manifests:
        rows = read_manifest(manifest)
        count = min(limit or len(rows), len(rows))
        chosen += [rows[number * len(rows) // count] for number in range(count)]
    return chosen


def _complain(failures: Sequence[VivaError], count: int, consequence: str) -> None:
    if not failures:
        return
    print(
        f"{len(failures)} of {count} recordings could not be read, and are not in the report{consequence}:",
        file=sys.stderr,
    )
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    raise typer.Exit(2)
