"""`viva listen`: live captions of the microphone, or of a recording played at its own pace."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.recognition import (
    BundleFolder,
    DecoderName,
    Gate,
    HotwordsFile,
    ProviderName,
    WordsFile,
    open_recognizer,
)
from vivavoce.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from vivavoce.runtime.transcript import Transcript

FORMATS = ("text", "jsonl")
SHOWN_CHARACTERS = 600


def listen(
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A recording, played at its own pace, instead of the microphone."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="FORMAT", help="text at the end; jsonl: an object whenever words change."
        ),
    ] = "text",
    early_ms: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Look-ahead of words shown early, in ms; a quarter of the bundle's if not given, 0 shows none early.",
        ),
    ] = None,
    block_ms: Annotated[int, typer.Option(min=1, metavar="N", help="How much sound is taken at a time, in ms.")] = 100,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Microphone, by number or a part of its name.")
    ] = None,
    devices: Annotated[bool, typer.Option("--devices", help="List the microphones and stop.")] = False,
    bundle: BundleFolder = None,
    decoder: DecoderName = "auto",
    hotwords: HotwordsFile = None,
    words: WordsFile = None,
    provider: ProviderName = "cpu",
    gate: Gate = True,
) -> None:
    """Show what is being said, while it is said. Ctrl-C ends it and prints the text.

    \b
    viva listen                          captions of the microphone
    viva listen --file talk.flac         of a recording, as fast as it was spoken
    viva listen -f jsonl | my-program    an object a line, whenever the words change

    Words in grey may still change. The delay shown is the time from the arrival of a piece of sound to its text; the
    look-ahead, the sound that is waited for, comes on top of it.
    """
    from vivavoce.audio.microphone import Microphone, list_microphones

    if devices:
        for line in list_microphones():
            typer.echo(line)
        return
    if form not in FORMATS:
        raise ConfigError(f"--format {form}: expected one of {', '.join(FORMATS)}.")
    recognizer = open_recognizer(bundle, decoder, hotwords, provider, gate=gate, words=words)
    rate = recognizer.bundle.sample_rate
    stream = recognizer.create_stream(live_chunk_frames=early_frames(recognizer, early_ms))
    captions = Captions(form)
    if file is not None:
        blocks = paced(file, rate, block_ms / 1000)
    else:
        # Opened before anything is drawn, so that its faults are told plainly.
        microphone = Microphone(rate, block_ms / 1000, int(device) if device and device.isdigit() else device)
        blocks = recorded(microphone)
    failure: AudioError | None = None
    with captions.drawn():
        try:
            for samples, arrived in blocks:
                stream.accept(samples)
                captions.show(stream.result(), arrived)
        except KeyboardInterrupt:
            pass  # the way to stop; what was said is still printed
        except AudioError as error:
            if not captions.delays:
                raise
            failure = error  # what was said before it is printed, too
    captions.end(stream.finish())
    print(captions.summary(), file=sys.stderr)
    if file is None and microphone.overflows:
        print(f"the sound system dropped sound {microphone.overflows} times", file=sys.stderr)
    if failure is not None:
        raise failure


def early_frames(recognizer: Any, early_ms: int | None) -> int | None:
    """The live chunk in encoder frames, by default a quarter of the chunk; None where nothing is to be shown early.

    Raises:
        ConfigError: no whole number of frames that divides the chunk.
    """
    if early_ms == 0:
        return None
    bundle = recognizer.bundle
    frame_ms = 1000.0 * bundle.encoder_frame_seconds
    possible = [n for n in range(1, recognizer.chunk_frames) if recognizer.chunk_frames % n == 0]
    if early_ms is None:
        return max((n for n in possible if 4 * n <= recognizer.chunk_frames), default=None)
    frames = round(early_ms / frame_ms)
    if frames not in possible or abs(frames * frame_ms - early_ms) > 1:
        shown = ", ".join(f"{n * frame_ms:.0f}" for n in possible)
        raise ConfigError(
            f"--early-ms {early_ms}: this bundle can show words early by {shown} ms, or with 0 not at all."
        )
    return frames


def paced(file: Path, sample_rate: int, block_seconds: float) -> Iterator[tuple[Any, float]]:
    """Blocks of a file, each when its last sample would have been heard, and that time."""
    from vivavoce.audio import stream_blocks

    start = time.monotonic()
    heard = 0
    for samples in stream_blocks(file, sample_rate, block_seconds):
        heard += len(samples)
        due = start + heard / sample_rate
        time.sleep(max(0.0, due - time.monotonic()))
        yield samples, due


def recorded(microphone: Iterable[Any]) -> Iterator[tuple[Any, float]]:
    """Blocks of the microphone and when each was there."""
    with microphone:  # type: ignore[attr-defined]
        for samples in microphone:
            yield samples, time.monotonic()


class Captions:
    """The text as it grows: on the terminal, or as JSON lines; and how late and how steady it was."""

    def __init__(self, form: str) -> None:
        from rich.console import Console

        from vivavoce.metrics.latency import Steadiness

        self.form = form
        self.steadiness = Steadiness()
        self.delays: list[float] = []
        self.console = Console(stderr=True)
        self._live: Any = None
        self._last = ""

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw on the terminal meanwhile, if standard error is one."""
        if not self.console.is_terminal:
            yield
            return
        from rich.live import Live

        printed = sys.stdout.isatty()  # above the captions, and else where it is sent
        with Live(console=self.console, transient=True, refresh_per_second=20, redirect_stdout=printed) as self._live:
            yield

    def show(self, transcript: Transcript, arrived: float) -> None:
        """Show what was recognised by now, out of sound that arrived at a time of `time.monotonic`."""
        words = [word.word for word in transcript.words]
        self.steadiness.add(words)
        changed, self._last = transcript.text != self._last, transcript.text
        if changed and self.form == "jsonl":
            print(self._row(transcript, final=False), flush=True)
        self.delays.append(time.monotonic() - arrived)
        if self._live is not None:
            self._live.update(self._screen(words, transcript.stable_words, transcript.duration_seconds))

    def end(self, transcript: Transcript) -> None:
        """The final text, on standard output."""
        self.steadiness.add([word.word for word in transcript.words])
        print(self._row(transcript, final=True) if self.form == "jsonl" else transcript.text)

    def summary(self) -> str:
        """How late and how steady the text was."""
        from vivavoce.metrics.latency import latency

        if not self.delays:
            return "nothing was heard"
        taken = f"{self.steadiness.share:.1%} of the words shown were taken back"
        return f"delay from sound to text: {latency(self.delays)}; {taken}"

    def _screen(self, words: list[str], stable: int, seconds: float) -> Any:
        from rich.text import Text

        sure, open_ = " ".join(words[:stable]), " ".join(words[stable:])
        shown = Text(sure[-SHOWN_CHARACTERS:].partition(" ")[2] if len(sure) > SHOWN_CHARACTERS else sure)
        shown.append(f" {open_}" if sure and open_ else open_, style="bright_black")
        recent = sorted(self.delays[-50:])
        shown.append(f"\n\n{seconds:.1f} s heard, delay {1000 * recent[len(recent) // 2]:.0f} ms", style="cyan")
        return shown

    @staticmethod
    def _row(transcript: Transcript, final: bool) -> str:
        row = {
            "heard_seconds": round(transcript.duration_seconds, 3),
            "text": transcript.text,
            "stable_words": transcript.stable_words,
            "final": final,
        }
        return json.dumps(row, ensure_ascii=False)
