"""`viva transcribe`: recordings become text."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

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
from vivavoce.errors import AudioError, ConfigError, VivaError

# Recordings in a folder. Kinds that cannot be read are among them: they are reported, not passed over in silence.
SUFFIXES = (
    *(".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64"),
    *(".m4a", ".aac", ".wma", ".amr", ".webm"),
)
FILE_SUFFIXES = {".txt": "text", ".jsonl": "jsonl", ".json": "jsonl", ".srt": "srt", ".vtt": "vtt"}


def transcribe(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES", help="Recordings, folders of them, or - for standard input.", show_default=False
        ),
    ],
    form: Annotated[
        str | None, typer.Option("--format", "-f", metavar="FORMAT", help="text, jsonl, srt or vtt; text if not given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File, or folder for one file a recording, instead of standard output.",
        ),
    ] = None,
    bundle: BundleFolder = None,
    decoder: DecoderName = "auto",
    hotwords: HotwordsFile = None,
    words: WordsFile = None,
    provider: ProviderName = "cpu",
    gate: Gate = True,
    threads: Threads = 1,
    jobs: Jobs = 1,
) -> None:
    """Turn recordings of any length, rate and channel count into text.

    \b
    viva transcribe talk.mp3                            the text
    viva transcribe -f srt talk.mp3 > talk.srt          subtitles
    viva transcribe -f jsonl --jobs 4 calls/ > calls.jsonl
    viva transcribe -f vtt -o subtitles/ talks/         a file a recording
    arecord -f S16_LE -r 16000 -d 5 | viva transcribe -

    WAV, FLAC, MP3, Ogg Vorbis and Opus are read. As text, each of several recordings is one line: its path, a tab, what
    was said. jsonl is one object a recording, with the words, their times and confidences. Recordings that cannot be
    read are listed at the end, on standard error, and the exit code is then 2; the others are done all the same.
    """
    from vivavoce.cli.formats import render

    form = choose_form(form, output)
    paths, failures = expand(files)
    empty = len(failures)
    recognizer = open_recognizer(bundle, decoder, hotwords, provider, threads, gate=gate, words=words)
    sources: list[str | BinaryIO] = [sys.stdin.buffer if path == "-" else path for path in paths]
    results = Results(paths, output, form, len(paths) + empty)
    with listening(len(paths), lambda: _total_seconds(paths)) as progress:
        for number, result in enumerate(recognizer.transcribe_files(sources, jobs, progress.heard)):
            progress.done()
            if isinstance(result, VivaError):
                failures.append((paths[number], result))
            else:
                results.add(number, render(result, form, paths[number]))
    report(failures, len(paths) + empty)


def choose_form(form: str | None, output: Path | None) -> str:
    """The format asked for; where none is, the one that the output file's name tells, or text.

    Raises:
        ConfigError: not a format.
    """
    from vivavoce.cli.formats import FORMATS

    if form is None:
        form = FILE_SUFFIXES.get(output.suffix.lower(), "text") if output is not None else "text"
    if form not in FORMATS:
        raise ConfigError(f"--format {form}: expected one of {', '.join(FORMATS)}.")
    return form


def expand(files: Sequence[str]) -> tuple[list[str], list[tuple[str, VivaError]]]:
    """Paths as given, folders replaced by the recordings below them, in order; and the folders that hold none.

    Raises:
        ConfigError: standard input is named twice.
    """
    if files.count("-") > 1:
        raise ConfigError("standard input (-) can be read only once.")
    paths: list[str] = []
    empty: list[tuple[str, VivaError]] = []
    for name in files:
        if name == "-" or not os.path.isdir(name):  # Path's own raises on names that are too long
            paths.append(name)
            continue
        found = sorted(
            str(path)
            for path in Path(name).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()
        )
        paths += found
        if not found:
            empty.append((name, AudioError(f"{name} holds no recordings (files named *{', *'.join(SUFFIXES)}).")))
    return paths, empty


class Results:
    """Where transcripts go: standard output, one file, or a folder with a file a recording."""

    def __init__(self, paths: Sequence[str], output: Path | None, form: str, count: int) -> None:
        """`count` recordings were asked for, those in `paths` will be tried.

        Raises:
            ConfigError: subtitles of several recordings for one place, or a place that cannot be written.
        """
        self._paths, self._output = paths, output
        self._named = form == "text" and count > 1
        self._targets: list[Path] = []
        if output is not None and (os.path.isdir(output) or output.suffix.lower() not in FILE_SUFFIXES):
            self._targets = output_paths(paths, output, form)
            self._write(lambda: output.mkdir(parents=True, exist_ok=True))
            return
        if count > 1 and form in ("srt", "vtt"):
            raise ConfigError(f"--format {form} of {count} recordings: name a folder, --output DIR, for a file each.")
        if output is not None:
            self._write(lambda: output.write_text("", encoding="utf-8"))

    def add(self, number: int, text: str) -> None:
        """Write one recording's rendered transcript.

        Raises:
            ConfigError: the place cannot be written.
        """
        if self._targets:
            self._write(lambda: self._targets[number].write_text(text, encoding="utf-8", errors="backslashreplace"))
            return
        shown = f"{self._paths[number]}\t{text}" if self._named else text
        if self._output is None:
            sys.stdout.write(shown)
            sys.stdout.flush()
        else:
            self._write(lambda: self._append(shown))

    def _append(self, text: str) -> None:
        assert self._output is not None
        with self._output.open("a", encoding="utf-8", errors="backslashreplace") as target:
            target.write(text)

    def _write(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            raise ConfigError(f"--output {self._output} cannot be written: {error.strerror or error}.") from None


def output_paths(paths: Sequence[str], folder: Path, form: str) -> list[Path]:
    """Where each transcript goes in a folder: the recording's stem, numbered where two recordings share it."""
    suffix = ".txt" if form == "text" else f".{form}"
    targets: dict[Path, None] = {}
    for path in paths:
        stem = "stdin" if path == "-" else Path(path).stem
        target, number = folder / f"{stem}{suffix}", 2
        while target in targets:
            target, number = folder / f"{stem}-{number}{suffix}", number + 1
        targets[target] = None
    return list(targets)


def report(failures: Sequence[tuple[str, VivaError]], count: int) -> None:
    """List what failed, last, and end with exit code 2 if anything did."""
    if not failures:
        return
    if count > 1:
        print(f"{len(failures)} of {count} recordings failed:", file=sys.stderr)
    for path, error in failures:
        # The message names the file already, unless it came from somewhere deeper.
        print(f"error: {error}" if path in str(error) or path == "-" else f"error: {path}: {error}", file=sys.stderr)
    raise typer.Exit(2)


def _total_seconds(paths: Sequence[str]) -> float | None:
    """The length of all recordings together; None when one is a pipe, which can be read only once.

    What cannot be read counts nothing here.
    """
    from vivavoce.audio import probe

    total = 0.0
    for path in paths:
        if path == "-":
            return None
        try:
            if Path(path).is_fifo():
                return None
            total += probe(path).duration_seconds
        except (AudioError, OSError):
            continue  # it is reported when its turn comes
    return total
