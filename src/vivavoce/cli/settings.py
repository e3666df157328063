"""`--set name=value` onto frozen dataclasses: the types come from the defaults, nested names use dots."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from vivavoce.errors import ConfigError

Settings = TypeVar("Settings")


def apply_settings(config: Settings, assignments: Sequence[str]) -> Settings:
    """A copy of a dataclass with `name=value` texts applied, for example `peak_rate=1e-3` or `dims.layers=4`.

    Tuples are written with commas. Booleans are true or false. What may be None is set to it by the word none.

    Raises:
        ConfigError: not an assignment, an unknown name (the nearest known ones are named), or a value of another type.
    """
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected name=value, for example --set peak_rate=1e-3.")
        config = _assign(config, name.strip().split("."), text.strip(), assignment)
    return config


def _assign(config: Any, path: list[str], text: str, assignment: str) -> Any:
    known = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    head, rest = path[0], path[1:]
    if head not in known:
        near = difflib.get_close_matches(head, known, n=3) or sorted(known)
        raise ConfigError(f"--set {assignment}: there is no setting {head!r}; known: {', '.join(near)}.")
    if rest and not dataclasses.is_dataclass(known[head]):
        raise ConfigError(f"--set {assignment}: {head} has no parts; write --set {head}=VALUE.")
    if not rest and dataclasses.is_dataclass(known[head]):
        parts = ", ".join(f"{head}.{field.name}" for field in dataclasses.fields(known[head]))
        raise ConfigError(f"--set {assignment}: {head} has parts; set one of {parts}.")
    if rest:
        return dataclasses.replace(config, **{head: _assign(known[head], rest, text, assignment)})
    kinds = typing.get_args(typing.get_type_hints(type(config))[head])
    if type(None) not in kinds:
        default = known[head] if known[head] != () else (kinds[0](),)  # an empty tuple does not show what it holds
        return dataclasses.replace(config, **{head: _parse(text, default, assignment)})
    if text.lower() == "none":
        return dataclasses.replace(config, **{head: None})
    kind = next(kind for kind in kinds if kind is not type(None))
    return dataclasses.replace(config, **{head: _parse(text, kind(), assignment, " or none")})


def _parse(text: str, default: Any, assignment: str, otherwise: str = "") -> Any:
    if isinstance(default, tuple):
        sample = default[0] if default else ""
        return tuple(_parse(part.strip(), sample, assignment) for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        if text.lower() in ("true", "yes", "1", "false", "no", "0"):
            return text.lower() in ("true", "yes", "1")
        raise ConfigError(f"--set {assignment}: expected true or false.")
    try:
        return type(default)(text)
    except ValueError:
        raise ConfigError(
            f"--set {assignment}: expected a {type(default).__name__}{otherwise}, as in {default!r}."
        ) from None
