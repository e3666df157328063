"""`viva align`: a recording and its text become word and character times."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from vivavoce.cli.outputs import is_one_of
from vivavoce.errors import ConfigError, TextError

FILE_SUFFIXES = {".json": "json", ".textgrid": "textgrid", ".ctm": "ctm"}
TEXT_SUFFIXES = (".txt", ".text", ".lab")


def align(
    audio: Annotated[str, typer.Argument(help="Recording, or - for standard input.", show_default=False)],
    text: Annotated[
        str,
        typer.Argument(help="What is said in it: a text file (UTF-8), or the words themselves.", show_default=False),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="FORMAT", help="json, textgrid or ctm; json if not given."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File instead of standard output.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Bundle to listen with; the package's own if not given.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The recording may hold other speech before and after the text.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Processor threads.")] = 1,
) -> None:
    """Find when each word of a text is spoken.

    \b
    viva align talk.mp3 talk.txt > talk.json
    viva align talk.mp3 talk.txt -o talk.TextGrid       to open in Praat
    viva align clip.wav "He paid $5 million, twice." -f ctm
    viva align --partial show.mp3 "the words of one answer"

    The text may have capitals, marks and numbers; they come back as they were, with the spoken form beside them in
    JSON. The confidence of a word is low where something else was said. Hours of audio are fine.
    """
    from vivavoce.audio import probe
    from vivavoce.cli.alignment_formats import render_alignment
    from vivavoce.decoding.alignment_words import align_text
    from vivavoce.runtime.recognizer import Recognizer

    form = choose_form(form, output)
    if output is not None and is_one_of(output, (audio, text)):
        raise ConfigError(f"--output {output} is read, too; give the times a file of their own.")
    words = read_text(text)
    source: str | BinaryIO = audio
    if audio == "-":
        source = io.BytesIO(sys.stdin.buffer.read())
    elif Path(audio).is_fifo():  # which gives what it holds once
        source = io.BytesIO(Path(audio).read_bytes())
    duration_seconds = probe(source).duration_seconds
    if not isinstance(source, str):
        source.seek(0)
    recognizer = Recognizer(bundle, threads, decoder="greedy", gate=False)
    log_probs = recognizer.log_probs(source)
    spoken = recognizer.bundle
    aligned = align_text(log_probs, words, spoken.tokens, spoken.frame_seconds, duration_seconds, partial)
    write(render_alignment(aligned, form, audio), output)


def choose_form(form: str | None, output: Path | None) -> str:
    """The format asked for; where none is, the one that the output file's name tells, or JSON.

    Raises:
        ConfigError: not a format.
    """
    from vivavoce.cli.alignment_formats import FORMATS

    if form is None:
        form = FILE_SUFFIXES.get(output.suffix.lower(), "json") if output is not None else "json"
    if form.lower() not in FORMATS:
        raise ConfigError(f"--format {form}: expected one of {', '.join(FORMATS)}.")
    return form.lower()


def read_text(text: str) -> str:
    """The content of a file of this name, or the text itself where there is none.

    Raises:
        TextError: the name is that of a text file that is missing, or the file is not UTF-8.
    """
    if not os.path.isfile(text):  # False, too, of texts that no file name can be
        if text.lower().endswith(TEXT_SUFFIXES) and len(text.split()) == 1:
            raise TextError(f"{text} does not exist; expected a text file, or the words that are spoken.")
        return text
    try:
        return Path(text).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{text} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise TextError(f"{text} cannot be read: {error.strerror or error}.") from None


def write(content: str, output: Path | None) -> None:
    """To a file, or to standard output where none is named.

    Raises:
        ConfigError: the file cannot be written.
    """
    if output is None:
        sys.stdout.write(content)
        return
    try:
        output.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {output} cannot be written: {error.strerror or error}.") from None
