"""Progress on standard error, while a person watches: nothing of it where standard error is a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from vivavoce.data.manifest import Utterance

Result = TypeVar("Result")


@dataclass(frozen=True)
class Listening:
    """Two things to report: `heard(seconds)` of audio, and `done()` with a file."""

    heard: Callable[[float], None]
    done: Callable[[], None]


def drawn(*columns: ProgressColumn) -> Progress:
    """A bar on standard error, of rich's own columns if none are given; nothing is drawn where that is no terminal.

    What is printed meanwhile goes above the bar where it is on the same terminal, and else where it is sent.
    """
    from rich.console import Console
    from rich.progress import Progress

    console, printed = Console(stderr=True), sys.stdout.isatty()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=printed)


@contextmanager
def listening(files: int, total_seconds: Callable[[], float | None]) -> Iterator[Listening]:
    """A bar for recognising `files` recordings.

    `total_seconds` is asked for only when a bar is drawn; None when the length is not known beforehand.
    """
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    with drawn(*columns) as bar:
        if bar.disable:
            yield Listening(lambda _seconds: None, lambda: None)
            return
        total = total_seconds()
        task = bar.add_task("listening", total=total, state="")
        finished = 0

        def show(seconds: float = 0.0) -> None:
            bar.advance(task, seconds)
            minutes = bar.tasks[0].completed / 60
            of = f" of {total / 60:.1f}" if total else ""
            bar.update(task, state=f"{minutes:.1f}{of} min, {finished} of {files} files")

        def done() -> None:
            nonlocal finished
            finished += 1
            show()

        show()
        yield Listening(show, done)


def listened(utterances: Sequence[Utterance], results: Iterable[Result]) -> Iterator[tuple[Utterance, Result]]:
    """Each utterance with what was made of it, one by one, behind a bar for all."""
    with listening(len(utterances), lambda: sum(u.duration_seconds for u in utterances)) as progress:
        for utterance, result in zip(utterances, results, strict=True):
            progress.heard(utterance.duration_seconds)
            progress.done()
            yield utterance, result
