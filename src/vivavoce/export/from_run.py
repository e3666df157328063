"""A run folder's newest checkpoint -> its network, ready to be exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from vivavoce.errors import ModelError
from vivavoce.training.run_folder import RunFolder, load_checkpoint, unpack

Net = TypeVar("Net", bound=nn.Module)


def read_config(run: str | Path) -> dict[str, Any]:
    """The configuration of a run folder.

    Raises:
        ModelError: it is missing, or no JSON object.
    """
    path = Path(run) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); expected a run folder of `viva train`.") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds a JSON {type(config).__name__}; expected the configuration of a run.")
    return config


def recipe_of(config: Mapping[str, Any], dims: Mapping[str, type]) -> str | None:
    """Which recipe made a run, told by the names of its sizes, which no two networks share; None where none did.

    Args:
        config: of the run.
        dims: each recipe's dataclass of sizes. A run may lack some of them: those that came later, with defaults.
    """
    stated = config.get("dims")
    if not isinstance(stated, Mapping) or not stated:
        return None
    fitting = [name for name, of in dims.items() if {field.name for field in fields(of)}.issuperset(stated)]
    return fitting[0] if len(fitting) == 1 else None


def newest_checkpoint(run: str | Path, recipe: str) -> tuple[Path, dict[str, Any]]:
    """The newest checkpoint of a folder of `viva train RECIPE`, and the configuration beside it.

    Raises:
        ModelError: there is no checkpoint, or no configuration.
    """
    folder = RunFolder(run, writes=False)
    checkpoints, settings = folder.checkpoints(), folder.path / "config.json"
    if not checkpoints or not settings.is_file():
        raise ModelError(
            f"{run} holds no checkpoint with its config.json; train one with `viva train {recipe} --set run={run}`."
        )
    return checkpoints[-1], read_config(run)


def load_from_run(
    run: str | Path, recipe: str, build: Callable[[Mapping[str, Any]], Net], averaged: bool = True, part: str = ""
) -> Net:
    """The network of `read_run` alone."""
    return read_run(run, recipe, build, averaged, part)[0]


def read_run(
    run: str | Path, recipe: str, build: Callable[[Mapping[str, Any]], Net], averaged: bool = True, part: str = ""
) -> tuple[Net, dict[str, Any]]:
    """The network of the newest checkpoint, in evaluation, and what a bundle says of its training.

    Args:
        run, recipe: see `newest_checkpoint`.
        build: `dims` of the configuration -> a network.
        averaged: whether its averaged weights are wanted, or the last ones.
        part: the name of the network among several that were trained together.

    Raises:
        ModelError: there is no checkpoint, or the weights do not fit the configuration beside them.
    """
    checkpoint, config = newest_checkpoint(run, recipe)
    stored, facts = load_checkpoint(checkpoint)
    tensors = unpack("average" if averaged else "model", stored)
    try:
        net = build(config["dims"])
        net.load_state_dict(unpack(part, tensors) if part else tensors)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{checkpoint} does not fit its config.json: {str(error).splitlines()[-1].strip()}") from None
    corpora = [Path(manifest).stem.removesuffix("-train") for manifest in config.get("manifests", ())]
    training = {"updates": int(facts["step"]), "corpora": corpora, "seed": config.get("seed"), "dims": config["dims"]}
    return net.eval(), training
