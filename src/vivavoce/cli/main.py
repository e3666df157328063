"""The command `viva`: reads arguments, calls one function, prints. Results go to standard output, all else to error.

Each command is the function of its own name in `vivavoce.cli.<name>`, imported only when it is asked for: help and
mistyped names answer at once, and whoever transcribes never loads what only training needs.
"""

from __future__ import annotations

import codecs
import errno
import importlib
import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vivavoce import __version__
from vivavoce.errors import VivaError

COMMANDS = {
    "transcribe": "Turn recordings into text.",
    "listen": "Show what is being said, live.",
    "speak": "Turn text into speech.",
    "activity": "Find where somebody speaks.",
    "align": "Find when each word of a text is spoken.",
    "evaluate": "Measure word errors on test sets.",
    "evaluate voice": "Judge a voice against recordings.",
    "prepare": "Read a corpus into manifests.",
    "synthesize": "Make training speech from text.",
    "recode": "Copy training speech as MP3s of low rates.",
    "label": "Read speech without text, to train on what is sure.",
    "cut": "Cut single words out of sentences, to train on.",
    "splice": "Join pieces of speech to new sentences, to train on.",
    "train": "Train a model by a recipe.",
    "lexicon": "Make lexicons of pronunciations.",
    "lm": "Train, convert and judge language models.",
    "export": "Pack a trained model into a bundle, and measure it.",
    "voice": "Pack an acoustic model and a vocoder into a voice.",
    "tune": "Find the fastest form of a bundle on this machine.",
    "inspect": "Draw a recording and print its facts.",
}
"""Name and summary; whole sentences stand in each command's own help."""


_PLACES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
"""What is wrong with a place that was named, and not with us."""


class _Commands(TyperGroup):
    """Commands that are imported when they run, and errors that are a line instead of a traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if " ".join(args[:2]) in COMMANDS:
            args = [" ".join(args[:2]), *args[2:]]
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load_command(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VivaError as error:
            raise SystemExit(_complain(f"error: {error}", 2)) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        except BrokenPipeError:
            # The reader (head, say) has gone; a second complaint at shutdown is avoided by pointing stdout nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except Exception as error:
            if os.environ.get("VIVA_DEBUG") or _is_typers_own(error):
                raise
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                room = "no space is left on the device that is written to. Make room, and run it again."
                raise SystemExit(_complain(f"error: {room}", 2)) from None
            if isinstance(error, OSError) and error.filename and error.errno in _PLACES:
                raise SystemExit(_complain(f"error: {error.filename}: {error.strerror}.", 2)) from None
            report = "This is a fault of vivavoce. Run it again with VIVA_DEBUG=1 and report what it prints."
            raise SystemExit(_complain(f"internal error: {type(error).__name__}: {error}\n{report}", 1)) from None


app = typer.Typer(
    name="viva",
    cls=_Commands,
    help="From a raw waveform to a shipped, measured voice product.",
    epilog="First try: viva transcribe RECORDING.wav   More on a command: viva COMMAND -h",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text: boxes would double the time that help takes
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def load_command(name: str) -> Any:
    """The command `name`, with its arguments, built from the function of that name.

    A module with several commands holds them in `app`, whose callback is the function of that name.
    """
    name = name.replace(" ", "_")
    module = importlib.import_module(f"vivavoce.cli.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(getattr(module, name))
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line: exit code 2 for a user's fault, 130 for Ctrl-C, 1 for ours."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be Unicode, and not every terminal is; in JSON such an escape is even the right one.
        codecs.register_error("json_escapes", _json_escapes)
        sys.stdout.reconfigure(errors="json_escapes")
    app(prog_name="viva")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vivavoce {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def _placeholder() -> None:
    raise AssertionError("commands are replaced by load_command")


for _name, _summary in COMMANDS.items():
    app.command(_name, help=_summary)(_placeholder)


def _json_escapes(error: UnicodeError) -> tuple[str, int]:
    """What cannot be written as JSON says it, in units of UTF-16."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)), error.end


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _is_typers_own(error: Exception) -> bool:
    """Wrong usage and deliberate exits, which typer prints; their classes have moved between its releases."""
    return type(error).__module__.partition(".")[0] in ("typer", "click")
