"""VoiceActivityNet -> a voice activity bundle: one ONNX graph of a fixed block of frames, measured before written.

The block's shape is part of the graph: the runtime computes every frame in one shape, so that a frame's probability is
the same bits in every chunking (runtime/endpoint.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.export.bundle_folder import heading, replacing
from vivavoce.export.to_onnx import write_graph
from vivavoce.models.voice_activity import TAPS, ActivityDims, ActivityState, VoiceActivityNet
from vivavoce.runtime.activity_model import INPUTS, KIND, OUTPUTS, ActivityModel
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.training.run_folder import load_checkpoint, unpack


@dataclass(frozen=True)
class ActivityBundleSettings:
    """What a bundle says of itself; the largest difference between graph and torch, in any probability."""

    name: str = "vad-small"
    licence: str = "Apache-2.0"
    block_frames: int = 16
    max_error: float = 1e-4


class _Stream(nn.Module):
    """The network with its state spelled out, as a graph needs it, and probabilities for logits."""

    def __init__(self, net: VoiceActivityNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor, feature_cache: Tensor, block_cache: Tensor) -> tuple[Tensor, ...]:
        output = self.net(features, ActivityState(feature_cache, block_cache))
        return (torch.sigmoid(output.logits), *output.state)


def load_activity_net(checkpoint: str | Path, dims: ActivityDims, averaged: bool = True) -> VoiceActivityNet:
    """The network of a checkpoint, with its averaged weights unless told otherwise.

    Raises:
        ModelError: the weights do not fit the dims.
    """
    tensors, _ = load_checkpoint(checkpoint)
    net = VoiceActivityNet(dims).eval()
    try:
        net.load_state_dict(unpack("average" if averaged else "model", tensors))
    except RuntimeError as error:
        raise ModelError(f"{checkpoint} does not fit {dims}: {str(error).splitlines()[-1].strip()}") from None
    return net


def export_activity_onnx(net: VoiceActivityNet, path: str | Path, block_frames: int) -> Path:
    """Write the float32 graph of one block of one stream.

    Raises:
        ModelError: a weight is not finite.
    """
    example = (torch.randn(1, block_frames, net.dims.n_features), *net.initial_state(1))
    return write_graph(_Stream(net), example, path, INPUTS, OUTPUTS)


def compare_activity(net: VoiceActivityNet, model: ActivityModel, seed: int = 0, blocks: int = 24) -> float:
    """The largest difference of any probability: torch over a whole sequence, the graph block by block.

    The sequence is longer than what the network remembers.
    """
    size = model.bundle.model.block_frames
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((size * blocks, net.dims.n_features)).cumsum(axis=0)
    features = np.maximum(0.3 * steps - 5.0, -13.8).astype(np.float32)
    with torch.inference_mode():
        expected = torch.sigmoid(net.eval()(torch.from_numpy(features[None])).logits)[0].numpy()
    state, pieces = model.initial_state(), []
    for start in range(0, len(features), size):
        probabilities, state = model.run(features[start : start + size], state)
        pieces.append(probabilities)
    return float(np.abs(np.concatenate(pieces) - expected).max())


def write_activity_bundle(
    net: VoiceActivityNet,
    features: FeatureConfig,
    folder: str | Path,
    settings: ActivityBundleSettings | None = None,
    training: Mapping[str, Any] | None = None,
    accuracy: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Export a network into a bundle folder and return what `bundle.json` says.

    The folder appears only when every check has passed; an older bundle in its place is replaced, but for its card and
    licences.

    Raises:
        ModelError: the graph differs from torch by more than the stated bound, or something else than a bundle stands
            in the folder's place.
    """
    settings = settings or ActivityBundleSettings()
    with replacing(folder) as made:
        export_activity_onnx(net, made / "model.onnx", settings.block_frames)
        facts = _facts(net, features, settings, made / "model.onnx")
        facts["training"], facts["accuracy"] = dict(training or {}), dict(accuracy or {})
        write_facts(made, facts)
        error = compare_activity(net, ActivityModel(made))
        if not error <= settings.max_error:  # NaN is no parity either
            raise ModelError(
                f"the exported graph differs from torch by {error:.2e} in a probability (bound "
                f"{settings.max_error:.0e}); the export is wrong, nothing was written."
            )
        facts["parity"] = {"torch_max_error": error}
        write_facts(made, facts)
    return facts


def _facts(
    net: VoiceActivityNet, features: FeatureConfig, settings: ActivityBundleSettings, graph: Path
) -> dict[str, Any]:
    d = net.dims
    return {
        **heading(KIND, settings.name, settings.licence, features),
        "model": {
            "file": graph.name,
            "sha256": digest(graph),
            "precision": "fp32",
            "block_frames": settings.block_frames,
            "lookahead_frames": d.lookahead_frames,
            "feature_frames": TAPS - 1,
            "past_frames": d.past_frames,
            "width": d.width,
            "parameters": sum(p.numel() for p in net.parameters()),
        },
    }
