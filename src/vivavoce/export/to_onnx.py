"""ConformerCTC -> one ONNX graph that runs whole files and streams.

The graph's inputs and outputs are the runtime's contract (`runtime.bundle` names them): features, lengths, chunk_frames
and the four caches in; two sets of log-probabilities and the next caches out. Batch and length are dynamic.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from vivavoce.errors import ModelError
from vivavoce.models.conformer_ctc import ConformerCTC, EncoderState

INPUTS = (
    "features",
    "lengths",
    "chunk_frames",
    "front_cache",
    "attention_cache",
    "convolution_cache",
    "seen_frames",
)
OUTPUTS = (
    "log_probs",
    "phone_log_probs",
    "next_front_cache",
    "next_attention_cache",
    "next_convolution_cache",
    "next_seen_frames",
)


class _Stream(nn.Module):
    """The model with its state spelled out, as a graph needs it."""

    def __init__(self, model: ConformerCTC) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        features: Tensor,
        lengths: Tensor,
        chunk_frames: Tensor,
        front_cache: Tensor,
        attention_cache: Tensor,
        convolution_cache: Tensor,
        seen_frames: Tensor,
    ) -> tuple[Tensor, ...]:
        state = EncoderState(front_cache, attention_cache, convolution_cache, seen_frames)
        output = self.model(features, lengths, chunk_frames, state)
        assert output.state is not None
        return (output.log_probs, output.phone_log_probs, *output.state)


def export_onnx(model: ConformerCTC, path: str | Path) -> Path:
    """Write the float32 graph of a model.

    Args:
        model: in any mode; it is exported as in evaluation.
        path: the `.onnx` file to write; weights stand inside it.

    Raises:
        ModelError: a weight is not finite.
    """
    batch, n = 2, 16
    d = model.dims
    example = (
        torch.randn(batch, d.subsampling * n, d.n_features),
        torch.tensor([n, n - 3]),
        torch.tensor([8]),
        *model.initial_state(batch),
    )
    b, frames = torch.export.Dim("batch"), torch.export.Dim("frames", min=1, max=4096)
    shapes = (
        {0: b, 1: d.subsampling * frames},
        {0: b},
        None,
        {0: b},
        {1: b},
        {1: b},
        {0: b},
    )
    return write_graph(_Stream(model), example, path, INPUTS, OUTPUTS, shapes)


def write_graph(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: str | Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    shapes: tuple[Any, ...] | None = None,
) -> Path:
    """Write a module's float32 graph, checked and without notes of this machine.

    Args:
        module: in any mode; it is exported as in evaluation.
        example: arguments to trace it with; `shapes` says which of their axes may have other lengths, None: none.
        path: the `.onnx` file to write; weights stand inside it.
        inputs, outputs: their names.

    Raises:
        ModelError: a weight is not finite.
    """
    path = Path(path)
    for name, tensor in module.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"weight {name.partition('.')[2]} is not finite; export a checkpoint from before the training diverged."
            )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated parts
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            dynamo=True,
            external_data=False,
            opset_version=20,
        )
    _tidy(path)
    return path


def _tidy(path: Path) -> None:
    """Drop the exporter's notes (source lines of this machine among them) and check the graph."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    for function in model.functions:
        function.ClearField("metadata_props")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
