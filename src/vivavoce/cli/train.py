"""`viva train`: run a recipe. The recipes are the files in `vivavoce/recipes`; there is no other list."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from typing import Annotated

import typer

from vivavoce import recipes
from vivavoce.cli.settings import apply_settings
from vivavoce.errors import ConfigError


def recipe_names() -> list[str]:
    """The names of all recipes."""
    return sorted(module.name for module in pkgutil.iter_modules(recipes.__path__))


def require_torch(command: str) -> None:
    """Raise a ConfigError with the remedy where PyTorch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(f"`viva {command}` needs PyTorch, which is not installed. Run: pip install 'vivavoce[train]'")


def train(
    recipe: Annotated[str | None, typer.Argument(help="Name of the recipe; without it the recipes are listed.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, name=value; may be repeated. See --show.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the resolved settings and stop.")] = False,
) -> None:
    """Train a model by a recipe, resuming when its run folder holds a checkpoint.

    Under torchrun the same command trains on several processes or GPUs:
    torchrun --nproc-per-node 2 -m vivavoce train asr_small ...
    """
    names = recipe_names()
    if recipe is None:
        for name in names:
            typer.echo(name)
        return
    if recipe not in names:
        raise ConfigError(f"there is no recipe {recipe!r}; known: {', '.join(names)}.")
    require_torch("train")
    module = importlib.import_module(f"vivavoce.recipes.{recipe}")
    config = apply_settings(module.Config(), settings or [])
    if show:
        typer.echo(_shown(config))
        return
    folder = module.main(config)
    print(f"trained; the run is in {folder}", file=sys.stderr)


def _shown(config: object, prefix: str = "") -> str:
    import dataclasses

    lines = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            lines.append(_shown(value, f"{prefix}{field.name}."))
        else:
            shown = ",".join(str(part) for part in value) if isinstance(value, tuple) else value
            lines.append(f"{prefix}{field.name}={shown}")
    return "\n".join(lines)
