"""int8 weights, float arithmetic: a graph a quarter the size whose result does not depend on its neighbours.

Dynamic quantisation, the usual choice, scales activations by the largest value in the whole tensor. The same frame then
gets other numbers in another batch or another chunk, and a stream can end with another text than its file. Here only
the constant matrices become int8, with one scale an output channel; the runtime unpacks them once, at load
(docs/decisions/int8-weights.md has the measurements).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 2048  # elements; below this the scales and the node cost more than they save


def quantize_weights(source: str | Path, target: str | Path) -> int:
    """Store every constant matrix that feeds a MatMul or Gemm as int8 with a scale per output channel.

    Returns:
        How many matrices were converted.

    Rounding is to nearest, symmetric: w = scale * q with q in -127..127 and scale = max|column| / 127.
    """
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    axes = _weight_axes(graph, constants)
    unpack = []
    for name, axis in axes.items():
        weight = numpy_helper.to_array(constants[name])
        scale = np.maximum(np.abs(weight).max(axis=1 - axis, keepdims=True), 1e-12) / 127.0
        quantised = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
        graph.initializer.remove(constants[name])
        graph.initializer.extend(
            [
                numpy_helper.from_array(quantised, f"{name}.int8"),
                numpy_helper.from_array(scale.astype(np.float32).reshape(-1), f"{name}.scale"),
            ]
        )
        unpack.append(
            helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], f"{name}.unpack", axis=axis)
        )
    # Constants come first, so that the nodes stay in topological order.
    nodes = [*unpack, *graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    return len(unpack)


def unpack_weights(source: str | Path, target: str | Path) -> int:
    """Store the matrices that `quantize_weights` packed as float32 again: the same results from a larger file.

    Returns:
        How many matrices were converted.
    """
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    unpacked = [node for node in graph.node if node.op_type == "DequantizeLinear" and set(node.input) <= set(constants)]
    for node in unpacked:
        (axis,) = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
        packed, scale = (numpy_helper.to_array(constants[name]) for name in node.input)
        weight = packed.astype(np.float32) * np.expand_dims(scale, 1 - axis)
        for name in node.input:
            graph.initializer.remove(constants[name])
        graph.initializer.append(numpy_helper.from_array(weight, node.output[0]))
        graph.node.remove(node)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    return len(unpacked)


def _weight_axes(graph: onnx.GraphProto, constants: dict[str, TensorProto]) -> dict[str, int]:
    """Names of the matrices to convert, each with the axis of its output channels."""
    axes: dict[str, int] = {}
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm") or len(node.input) < 2 or node.input[1] not in constants:
            continue
        tensor = constants[node.input[1]]
        if len(tensor.dims) == 2 and int(np.prod(tensor.dims)) >= SMALLEST and tensor.data_type == TensorProto.FLOAT:
            flipped = any(a.name == "transB" and a.i for a in node.attribute)
            axes[node.input[1]] = 0 if flipped else 1
    return axes
