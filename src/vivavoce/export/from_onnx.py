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
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims
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
    """Load weights; of the outputs that not every network has, those that are on both sides.

    A final phone output begins anew; one of phones in context begins with what a plain one learned, each phone's share
    spread over its classes. What leans on a stream's mean begins with taking nothing away, so that the rest hears what
    it is used to; and cannot be left behind, for the rest would hear what it never heard.

    Raises:
        RuntimeError: as `load_state_dict`; or phones in context are of other transcripts, and the weights, a graph's,
            do not tell which.
    """
    own = model.state_dict()
    of_contexts = ("phone_of", "context_table")
    fresh = {name: value for name, value in own.items() if name.startswith(("final_phone_", *of_contexts))}
    fresh |= {name: torch.zeros_like(value) for name, value in own.items() if name.startswith("adapt.")}
    optional = ("final_phone_", *of_contexts)
    known = {name: value for name, value in weights.items() if name in own or not name.startswith(optional)}
    if "phone_of" in own and "final_phone_out.weight" in known:
        if "phone_of" not in known:
            known |= _spread(known, model.phone_of, model.dims)
        elif "context_table" not in known and not torch.equal(known["phone_of"], own["phone_of"].cpu()):
            raise RuntimeError("its phones in context are those of other transcripts; start from its checkpoint.")
    model.load_state_dict({**fresh, **known})


def text_lm_weights(path: str | Path, layers: int) -> dict[str, Tensor]:
    """All weights of an exported TextLm by their names in the network, float32.

    Its matrices lost their names, but stand in the graph in the order in which they are used.

    Raises:
        ModelError: no graph of such a network with so many layers.
    """
    graph = onnx.load(path).graph
    constants = constants_of(graph)
    used = [node.input[1] for node in graph.node if node.op_type == "MatMul" and node.input[1] in constants]
    names = [f"blocks.{block}.{part}.weight" for block in range(layers) for part in ("mix", "out", "widen", "narrow")]
    embedding = "embedding.weight"
    if len(used) != len(names) or PREFIX + embedding not in constants:
        raise ModelError(f"{path} was not made by `viva lm export` from a TextLm of {layers} layers.")
    weights = {name: torch.from_numpy(constants[use].T.copy()) for name, use in zip(names, used, strict=True)}
    return {embedding: torch.from_numpy(constants[PREFIX + embedding].copy()), **weights}


def constants_of(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """The arrays of a graph by name, and those in float32 that int8 ones and their scales stand for."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and set(node.input) <= set(constants):
            packed, scale = (constants[name] for name in node.input)
            (axis,) = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
            constants[node.output[0]] = packed.astype(np.float32) * np.expand_dims(scale, 1 - axis)
    return constants


def _spread(weights: Mapping[str, Tensor], phone_of: Tensor, dims: ConformerDims) -> dict[str, Tensor]:
    """A final output of plain phones as one of classes, whose sums are the same.

    Raises:
        RuntimeError: it has another number of phones.
    """
    shares = torch.bincount(phone_of).float().log()[phone_of]
    k = dims.outputs_per_frame
    weight, bias = weights["final_phone_out.weight"], weights["final_phone_out.bias"]
    if len(bias) != k * dims.phones:
        raise RuntimeError(f"final_phone_out has {len(bias)} outputs; expected {k * dims.phones}.")
    return {
        "final_phone_out.weight": weight.unflatten(0, (k, -1))[:, phone_of].flatten(0, 1),
        "final_phone_out.bias": (bias.unflatten(0, (k, -1))[:, phone_of] - shares).flatten(),
    }


def weights_of_graph(path: str | Path) -> dict[str, Tensor]:
    """All weights of an exported ConformerCTC by their names in the network, float32.

    Raises:
        ModelError: no graph of such a network.
    """
    graph = onnx.load(path).graph
    constants = constants_of(graph)
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
        if following is not None and following.op_type == "Clip":  # sums of phones in context, `sum_classes`
            weights["phone_of"] = torch.from_numpy(constants[node.input[1]].argmax(axis=1))
            continue
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
