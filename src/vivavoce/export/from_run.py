"""A run folder's newest checkpoint -> its network, ready to be exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from vivavoce.errors import ModelError
from vivavoce.training.run_folder import RunFolder, load_checkpoint, unpack

Net = TypeVar("Net", bound=nn.Module)


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
    return checkpoints[-1], json.loads(settings.read_text(encoding="utf-8"))


def load_from_run(
    run: str | Path, recipe: str, build: Callable[[Mapping[str, Any]], Net], averaged: bool = True, part: str = ""
) -> Net:
    """The network of the newest checkpoint, in evaluation.

    Args:
        run, recipe: see `newest_checkpoint`.
        build: `dims` of the configuration -> a network.
        averaged: whether its averaged weights are wanted, or the last ones.
        part: the name of the network among several that were trained together.

    Raises:
        ModelError: there is no checkpoint, or the weights do not fit the configuration beside them.
    """
    checkpoint, config = newest_checkpoint(run, recipe)
    tensors = unpack("average" if averaged else "model", load_checkpoint(checkpoint)[0])
    try:
        net = build(config["dims"])
        net.load_state_dict(unpack(part, tensors) if part else tensors)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{checkpoint} does not fit its config.json: {str(error).splitlines()[-1].strip()}") from None
    return net.eval()
