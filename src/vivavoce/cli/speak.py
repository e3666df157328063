"""`viva speak`: text becomes speech."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from vivavoce.cli.progress import drawn
from vivavoce.errors import ConfigError, DataError, TextError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vivavoce.decoding.attention_check import AttentionReport
    from vivavoce.runtime.speech_plan import Sentence

OPUS_RATE = 24000


def speak(
    text: Annotated[str | None, typer.Argument(help="What to say; - for standard input.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Say a text file instead, of any length.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Audio file: .wav, .flac, .mp3, .ogg or .opus.", show_default=False),
    ] = None,
    play: Annotated[bool, typer.Option("--play", help="Play it, while it is computed.")] = False,
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is SSML.")] = False,
    rate: Annotated[float, typer.Option(min=0.3, max=3.0, help="Factor on the speed.")] = 1.0,
    pitch: Annotated[float, typer.Option(min=-12.0, max=12.0, help="Semitones higher or lower.")] = 0.0,
    loudness: Annotated[
        float | None, typer.Option(min=-40.0, max=-10.0, help="LUFS; the bundle's own if not given.")
    ] = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Own pronunciations: a word and its phones a line.", show_default=False)
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="A voice's bundle of any kind; the package's own if not given.")
    ] = None,
    phones: Annotated[
        bool, typer.Option("--phones", help="Print what would be said, as phones, and say nothing.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
) -> None:
    """Turn text into speech.

    \b
    viva speak "Good morning." -o morning.wav
    viva speak -f book.txt -o book.flac
    echo "It is 5:30 p.m." | viva speak - --play
    viva speak --ssml -f page.xml -o page.mp3

    Numbers, dates, money, addresses and the like are read as a reader would; words that no dictionary holds are
    guessed, and {HH AH0 L OW1} in curly brackets is said as the phones that it is. What cannot be read, such as other
    scripts, is listed on standard error, and the rest is said.

    A voice with a Tacotron 2 may skip or repeat words; where its attention shows that, it is told on standard error. It
    knows no other rate or pitch than its own.
    """
    from vivavoce.runtime.speech_plan import Style
    from vivavoce.runtime.synthesizer import Synthesizer

    if (text is None) == (file is None):
        raise ConfigError('expected a text or --file FILE, one of them; try: viva speak "Good morning." -o morning.wav')
    if not (output or play or phones):
        raise ConfigError("nothing is to be done with the speech; use -o FILE.wav, --play, or both.")
    source, characters = _source(text, file)
    style = Style(rate=rate, pitch_semitones=pitch, loudness_lufs=loudness, ssml=ssml)
    notes = _Notes()
    synthesizer = Synthesizer(bundle, threads, lexicon, on_fault=notes.tell)
    sentences = notes.passing(synthesizer.planner.plan(source, style))
    if phones:
        for sentence in sentences:
            print(" ".join(sentence.spelled))
    else:
        shown = _shown(sentences, characters)
        pieces = (piece for sentence in shown for piece in synthesizer.say(sentence, style))
        _put(pieces, output, play, synthesizer.sample_rate)
    for piece in notes.unread:
        print(f"not read: {piece}", file=sys.stderr)


class _Notes:
    """What is to be told of the sentences that pass: what cannot be read in them, and which one is being said."""

    def __init__(self) -> None:
        self.unread: dict[str, None] = {}
        self.number = 0  # of sentences that are no mere pauses, from 1

    def passing(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            self.unread |= dict.fromkeys(sentence.unread)
            self.number += bool(len(sentence.tokens))
            yield sentence

    def tell(self, sentence: Sentence, report: AttentionReport) -> None:
        """At once: who waits for a book wants to know early."""
        for line in report.lines(sentence.spelled):
            print(f"attention, sentence {self.number}: {line}", file=sys.stderr)


def _shown(sentences: Iterable[Sentence], characters: int | None) -> Iterator[Sentence]:
    """The same behind a bar, where a person watches and the text is long enough to wait for."""
    if characters is None:
        yield from sentences
        return
    with drawn() as bar:
        task = bar.add_task("speaking", total=characters)
        for sentence in sentences:
            yield sentence  # and it is said
            bar.advance(task, len(sentence.text) + 1)


def _put(pieces: Iterator[NDArray[Any]], output: Path | None, play: bool, sample_rate: int) -> None:
    """Into a file, to the loudspeaker, or both; the pieces are computed as they go."""
    from vivavoce.audio import writing
    from vivavoce.audio.speaker import play as play_blocks
    from vivavoce.dsp.resample import Resampler

    if output is None:
        play_blocks(pieces, sample_rate)
        return
    # Opus knows a few rates alone; the next higher one that it knows loses nothing.
    rate = OPUS_RATE if output.suffix.lower() == ".opus" else sample_rate
    with writing(output, rate) as write:
        resampler = Resampler(sample_rate, rate)

        def written() -> Iterator[NDArray[Any]]:
            for piece in pieces:
                write(resampler.accept(piece).clip(-1.0, 1.0))  # another rate's samples may lie above all of these
                yield piece
            write(resampler.finish().clip(-1.0, 1.0))

        if play:
            play_blocks(written(), sample_rate)
        else:
            for _ in written():
                pass


def _source(text: str | None, file: Path | None) -> tuple[str | Iterable[str], int | None]:
    """The text, and how many characters a file has, roughly."""
    if file is None:
        return (_blocks(sys.stdin.buffer, "standard input") if text == "-" else str(text)), None
    try:
        # Opened here, so that a missing file is told before anything is loaded.
        return _blocks(file.open("rb"), str(file)), file.stat().st_size
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from None


def _blocks(opened: BinaryIO, name: str) -> Iterator[str]:
    with io.TextIOWrapper(opened, encoding="utf-8-sig") as lines:
        try:
            while block := lines.read(1 << 16):
                yield block
        except UnicodeDecodeError as error:
            raise TextError(f"{name} is not UTF-8 text ({error.reason} at byte {error.start}).") from None
