"""TextLm -> one ONNX graph of int8 weights that foresees the units of a tree of texts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vivavoce.decoding.second_pass import UnitTree
from vivavoce.errors import ConfigError, ModelError
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import write_graph
from vivavoce.models.text_lm import TextLm, TextLmDims
from vivavoce.runtime.unit_predictor import INPUTS, KIND, VERSION, UnitPredictor, graph_inputs
from vivavoce.text.subwords import Subwords


class _Tree(nn.Module):
    """The network as the graph has it: a tree in, the log-probability of each wanted unit out."""

    def __init__(self, model: TextLm) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, units: Tensor, places: Tensor, mask: Tensor, rows: Tensor, row_of: Tensor, wanted: Tensor
    ) -> Tensor:
        """(N,) units at (N,) places, (N, N) which may look where, (R,) units that others follow; (M,) of which of
        these each wanted unit is a follower, (M,) the wanted units -> (M,) log-probabilities."""
        hidden = self.model(units[None], places[None], mask[None])[0]
        log_probs = self.model.logits(hidden[rows]).log_softmax(dim=-1)
        return log_probs[row_of, wanted]


def load_text_lm(path: str | Path) -> tuple[TextLm, Subwords, dict[str, Any]]:
    """The weights that `viva train text_lm` wrote, their units, and what is known of the training.

    Raises:
        ModelError: it is no such file, or damaged.
    """
    try:
        with safe_open(str(path), framework="pt") as stored:
            about = {name: json.loads(value) for name, value in (stored.metadata() or {}).items()}
            weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118 - no mapping
        model = TextLm(TextLmDims(**about["dims"]))
        model.load_state_dict(weights)
        return model.eval(), Subwords(about["merges"]), about["training"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError, ConfigError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} is no weights of `viva train text_lm` ({reason}).") from None


def export_text_lm(
    model: TextLm, subwords: Subwords, path: str | Path, longest: int, training: Mapping[str, Any], int8: bool = True
) -> float:
    """Write a model's graph.

    Args:
        subwords: its units; the last of the model's own, behind these, is the mark.
        path: the `.onnx` file to write.
        longest: the units of the longest rows that it was trained on.
        training: JSON values to be kept with it.
        int8: whether the matrices are stored as int8, a scale for each output channel (docs/decisions/int8-weights.md).

    Returns:
        The largest difference of a log-probability to the model in PyTorch, over the units of a made-up tree.

    Raises:
        ModelError: a weight is not finite. ConfigError: the units are not those of the model.
    """
    if len(subwords) >= model.dims.units:
        raise ConfigError(f"the model has {model.dims.units} units; expected more than the text's {len(subwords)}.")
    tree = random_tree(model.dims, nodes=40)
    inputs = tree_inputs(tree, longest)
    n, r, m = (torch.export.Dim(name, min=2, max=1 << 20) for name in ("nodes", "rows", "followers"))
    shapes = ({0: n}, {0: n}, {0: n, 1: n}, {0: r}, {0: m}, {0: m})
    with tempfile.TemporaryDirectory() as work:
        plain = write_graph(_Tree(model), inputs, Path(work) / "plain.onnx", INPUTS, ("log_probs",), shapes)
        if int8:
            quantize_weights(plain, path)  # the embedding too, which is the last product's matrix
        else:
            Path(path).write_bytes(plain.read_bytes())
    graph = onnx.load(path)
    facts = {"kind": KIND, "version": VERSION, "mark": model.dims.mark, "longest": longest}
    facts |= {"merges": json.dumps(subwords.merges), "training": json.dumps(training)}
    helper.set_model_props(graph, {name: str(value) for name, value in facts.items()})
    onnx.save(graph, path)
    return largest_error(model, UnitPredictor.open(path), random_tree(model.dims, nodes=150, seed=1))


def largest_error(model: TextLm, predictor: UnitPredictor, tree: UnitTree) -> float:
    """How far a graph's log-probabilities of a tree are from PyTorch's, at most."""
    with torch.inference_mode():
        expected = _Tree(model.eval())(*tree_inputs(tree, predictor.longest)).numpy()
    return float(np.abs(predictor(tree)[1:] - expected).max())


def tree_inputs(tree: UnitTree, longest: int) -> tuple[Tensor, ...]:
    """What the graph is asked about a tree, as tensors."""
    return tuple(torch.from_numpy(np.ascontiguousarray(value)) for value in graph_inputs(tree, longest).values())


def random_tree(dims: TextLmDims, nodes: int, seed: int = 0) -> UnitTree:
    """A tree in which most units follow the one before."""
    rng = np.random.default_rng(seed)
    units = np.concatenate([[dims.mark], rng.integers(0, dims.mark, nodes - 1)])
    parents = [-1, *(node - 1 if rng.random() < 0.8 else int(rng.integers(node)) for node in range(1, nodes))]
    return UnitTree(units.astype(np.int64), np.array(parents, np.int64))
