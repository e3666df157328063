"""The command line as a whole: help, names, and how it ends when something is wrong."""

from __future__ import annotations

import ast
import errno
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import vivavoce
from vivavoce.cli import main as module
from vivavoce.errors import AudioError

Viva = Callable[..., Any]


def test_help_names_every_command(viva: Viva) -> None:
    done = viva("--help")
    assert done.code == 0
    for name, summary in module.COMMANDS.items():
        assert f"  {name} " in done.out
        assert summary in done.out  # not cut off


def test_every_command_is_listed() -> None:
    """A file in vivavoce/cli with a function of its own name is a command."""
    folder = Path(module.__file__).parent
    commands = {
        path.stem
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == path.stem
    } - {"main"}
    assert {name.replace(" ", "_") for name in module.COMMANDS} == commands


@pytest.mark.parametrize("name", module.COMMANDS)
def test_each_command_explains_itself(viva: Viva, name: str) -> None:
    done = viva(*name.split(), "-h")
    assert done.code == 0
    assert done.out.startswith(f"Usage: viva {name} ")
    assert "Options:" in done.out


def test_no_arguments_are_a_question(viva: Viva) -> None:
    done = viva()
    assert "Commands:" in done.out + done.err


def test_version(viva: Viva) -> None:
    done = viva("--version")
    assert (done.code, done.out) == (0, f"vivavoce {vivavoce.__version__}\n")


def test_mistyped_names_are_answered(viva: Viva) -> None:
    done = viva("transribe", "a.wav")
    assert done.code == 2
    assert "Did you mean 'transcribe'?" in done.err
    done = viva("transcribe", "--fromat", "text", "a.wav")
    assert done.code == 2
    assert "--fromat" in done.err
    assert done.out == ""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """failing(error): from now on every command raises it."""

    def arrange(error: BaseException) -> None:
        def fail() -> None:
            raise error

        app = typer.Typer()
        app.command()(fail)
        monkeypatch.setattr(module, "load_command", lambda name: typer.main.get_command(app))

    return arrange


def test_a_users_fault_is_one_line(viva: Viva, failing: Callable[[BaseException], None]) -> None:
    failing(AudioError("a.wav is empty (0 bytes); record it again."))
    assert viva("inspect") == (2, "", "error: a.wav is empty (0 bytes); record it again.\n")


def test_our_fault_is_said_to_be_ours(
    viva: Viva, failing: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIVA_DEBUG", raising=False)
    failing(ZeroDivisionError("division by zero"))
    done = viva("inspect")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("internal error: ZeroDivisionError: division by zero\n")
    assert "VIVA_DEBUG=1" in done.err
    assert "Traceback" not in done.err
    monkeypatch.setenv("VIVA_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["viva", "inspect"])
    with pytest.raises(ZeroDivisionError):
        module.main()


def test_a_full_device_is_not_our_fault(viva: Viva, failing: Callable[[BaseException], None]) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device"))
    done = viva("inspect")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: no space is left")


def test_names_that_are_not_unicode_can_be_printed(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(lambda: print(json.dumps({"audio": "latin \udce9.wav"}, ensure_ascii=False)))
    monkeypatch.setattr(module, "load_command", lambda name: typer.main.get_command(app))
    done = viva("inspect")
    assert done.code == 0
    assert json.loads(done.out) == {"audio": "latin \udce9.wav"}


def test_what_a_terminal_cannot_show_stays_json(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"audio": "caf\xe9 \u2603 \U0001f600.wav"}
    app = typer.Typer()
    app.command()(lambda: print(json.dumps(row, ensure_ascii=False)))
    monkeypatch.setattr(module, "load_command", lambda name: typer.main.get_command(app))
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii", write_through=True))
    monkeypatch.setattr(sys, "argv", ["viva", "inspect"])
    with pytest.raises(SystemExit):
        module.main()
    assert json.loads(shown.getvalue().decode("ascii")) == row


def test_a_place_that_cannot_be_written_is_not_our_fault(viva: Viva, failing: Callable[[BaseException], None]) -> None:
    failing(PermissionError(errno.EACCES, "Permission denied", "/opt/bundle/bundle.json"))
    assert viva("inspect") == (2, "", "error: /opt/bundle/bundle.json: Permission denied.\n")
    failing(PermissionError("no place is named"))
    assert viva("inspect").code == 1


def test_an_interrupt_is_130(viva: Viva, failing: Callable[[BaseException], None]) -> None:
    failing(KeyboardInterrupt())
    done = viva("inspect")
    assert done.code == 130
    assert done.out == ""


def test_a_deliberate_exit_keeps_its_code(viva: Viva, failing: Callable[[BaseException], None]) -> None:
    failing(typer.Exit(7))
    assert viva("inspect") == (7, "", "")
