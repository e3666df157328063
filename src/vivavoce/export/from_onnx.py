"""The way back: a bundle's graph -> the weights of the network that it was made from, for training to go on from.

A linear layer's matrix stands transposed, and without its name, in the graph; its bias kept its name, so the product
that a bias is added to tells whose the matrix is. Of the matrices without a bias, one that stands before the affine
part of a factorised layer is that layer's bottleneck. int8 weights come back rounded, which a few updates mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from vivavoce.errors import ModelError
from vivavoce.models.conformer_ctc import ConformerCTC
from vivavoce.runtime.bundle import load_bundle

PREFIX = "model."  # of names in the graph: the exporter's wrapper holds the network by this name
WITHOUT_BIAS = "phone_back.weight"
AFFINE, BOTTLENECK = ".affine.weight", ".bottleneck.weight"


def load_from_bundle(model: ConformerCTC, folder: str | Path) -> None:
    """Give a network the weights of a bundle, its normalisation among them.

    Raises:
        ModelError: the bundle cannot be read, was made by something else, or is of other dims.
    """
    bundle = load_bundle(folder)
    found = weights_of_graph(bundle.model_path)
    try:
        load_known(model, found)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"{folder} is of another network than {model.dims}: {reason}") from None


def load_known(model: ConformerCTC, weights: Mapping[str, Tensor]) -> None:
    """Load weights; of parts that not every network has, what there is on both sides.

    A final phone output begins anew. What leans on a stream's mean begins with taking nothing away, so that the rest
    hears what it is used to.

    Raises:
        RuntimeError: as `load_state_dict`.
    """
    own = model.state_dict()
    fresh = {name: value for name, value in own.items() if name.startswith("final_phone_")}
    fresh |= {name: torch.zeros_like(value) for name, value in own.items() if name.startswith("adapt.")}
    optional = ("final_phone_", "adapt.")
    known = {name: value for name, value in weights.items() if name in own or not name.startswith(optional)}
    model.load_state_dict({**fresh, **known})


def weights_of_graph(path: str | Path) -> dict[str, Tensor]:
    """All weights of an exported ConformerCTC by their names in the network, float32.

    Raises:
        ModelError: no graph of such a network.
    """
    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and set(node.input) <= set(constants):
            packed, scale = (constants[name] for name in node.input)
            (axis,) = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
            constants[node.output[0]] = packed.astype(np.float32) * np.expand_dims(scale, 1 - axis)
    users = {name: node for node in graph.node for name in node.input}
    weights = {
        name.removeprefix(PREFIX): torch.from_numpy(value.copy())
        for name, value in constants.items()
        if name.startswith(PREFIX)
    }
    name = ""  # of the matrix used next
    for node in reversed(graph.node):
        if node.op_type != "MatMul" or node.input[1] not in constants:
            continue
        following = users.get(node.output[0])
        biases = [name for name in following.input if name.startswith(PREFIX)] if following is not None else []
        if biases:
            name = biases[0].removeprefix(PREFIX).removesuffix("bias") + "weight"
        elif name.endswith(AFFINE):
            name = name.removesuffix(AFFINE) + BOTTLENECK
        else:
            name = WITHOUT_BIAS
        weights[name] = torch.from_numpy(constants[node.input[1]].T.copy())
    if "feature_mean" not in weights:
        raise ModelError(f"{path} was not made by `viva export` from a ConformerCTC; its weights cannot be read.")
    return weights
