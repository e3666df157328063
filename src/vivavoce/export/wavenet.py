"""WaveNet -> three ONNX graphs with the state in the caller's hands, a bundle that `runtime.wavenet` runs.

`viva voice` puts it into the folder `vocoder` of a voice.

All of batch 1; T frames, L layers of C channels, V numbers that describe a sample:

    upsample.onnx    log_mel (1, T, F) -> upsampled (1, T hop / hold, K)
    condition.onnx   upsampled (1, n, K) -> conditions (1, n, L, 2 C), what the mel adds to each layer's gates
    step.onnx        previous (1,) the sample before, conditions (1, L, 2 C), past (1, L, C) what each layer was given
                     `dilation` samples ago -> answer (1, V), present (1, L, C) what each was given now

The bundle appears only when the graphs have been held to torch, sample by sample.
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
from vivavoce.dsp.sample_draws import MU_LAW, Rings
from vivavoce.errors import ModelError
from vivavoce.export.bundle_folder import heading, replacing
from vivavoce.export.to_onnx import write_graph
from vivavoce.models.wavenet import WaveNet, silence, to_targets
from vivavoce.runtime import wavenet as contract
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.runtime.session import open_session

MAX_ERROR = 1e-3  # of an answer: a logit, a mean, or the logarithm of a scale


@dataclass(frozen=True)
class WaveNetParity:
    """How far the graphs' answers are from torch's `forward` over the same samples, and over how many."""

    answer_max_error: float
    samples: int


class _Upsample(nn.Module):
    def __init__(self, net: WaveNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, log_mel: Tensor) -> Tensor:
        return self.net.upsample(log_mel)


class _Condition(nn.Module):
    def __init__(self, net: WaveNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, upsampled: Tensor) -> Tensor:
        return self.net.conditions(upsampled)


class _Step(nn.Module):
    def __init__(self, net: WaveNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, previous: Tensor, conditions: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.step(previous, conditions, past)


def export_graphs(net: WaveNet, folder: str | Path) -> dict[str, Path]:
    """Write the three float32 graphs into a folder; returns their files by name.

    Raises:
        ModelError: a weight is not finite.
    """
    folder, d, c = Path(folder), net.dims, contract
    frames = torch.export.Dim("frames", min=2, max=65536)
    count = torch.export.Dim("count", min=2, max=65536)
    layers = len(d.dilations)
    previous = torch.zeros(1, dtype=torch.int64 if d.output == MU_LAW else torch.float32)
    step = (previous, torch.randn(1, layers, 2 * d.channels), torch.randn(1, layers, d.channels))
    mel, upsampled = torch.randn(1, 9, d.n_mels), torch.randn(1, 9, d.condition_channels)
    return {
        "upsample": write_graph(
            _Upsample(net), (mel,), folder / "upsample.onnx", c.UPSAMPLE_INPUTS, c.UPSAMPLE_OUTPUTS, ({1: frames},)
        ),
        "condition": write_graph(
            _Condition(net), (upsampled,), folder / "condition.onnx", c.CONDITION_INPUTS, c.CONDITION_OUTPUTS,
            ({1: count},),
        ),
        "step": write_graph(_Step(net), step, folder / "step.onnx", c.STEP_INPUTS, c.STEP_OUTPUTS),
    }  # fmt: skip


def compare_wavenet(net: WaveNet, folder: str | Path, frames: int = 6, seed: int = 0) -> WaveNetParity:
    """Torch's parallel answers against the graphs' one by one, over random samples and a wandering mel."""
    d, folder = net.dims, Path(folder)
    rng = np.random.default_rng(seed)
    samples = to_targets(np.tanh(0.3 * rng.standard_normal((1, frames * d.hop_length))).astype(np.float32), d)
    mel = (0.5 * rng.standard_normal((1, frames, d.n_mels)).cumsum(axis=1) - 5.0).astype(np.float32)
    with torch.inference_mode():
        expected = net.eval()(samples, torch.from_numpy(mel))[0].numpy()
    upsample, condition, step = (open_session(folder / f"{n}.onnx") for n in ("upsample", "condition", "step"))
    upsampled = upsample.run(None, {"log_mel": mel})[0]
    conditions = condition.run(None, {"upsampled": upsampled})[0]
    rings, error = Rings(d.dilations, 1, d.channels), 0.0
    before = np.concatenate([np.full((1, 1), silence(d), samples.numpy().dtype), samples.numpy()[:, :-1]], axis=1)
    for number in range(samples.shape[1]):
        values = {
            "previous": before[:, number],
            "conditions": conditions[:, number // d.hold],
            "past": rings.past(number),
        }
        answer, present = step.run(None, values)
        rings.remember(number, present)
        error = float(np.maximum(error, np.abs(answer[0] - expected[number]).max()))  # NaN, where there is one
    return WaveNetParity(error, samples.shape[1])


def write_wavenet_bundle(
    net: WaveNet,
    folder: str | Path,
    name: str = "wavenet",
    licence: str = "CC0-1.0",
    training: Mapping[str, Any] | None = None,
    max_error: float = MAX_ERROR,
) -> dict[str, Any]:
    """Export a network into a bundle folder and return what its bundle.json says; an older one is replaced.

    Raises:
        ModelError: the network is for other mels than voices are made of, or the graphs differ from torch by more than
            `max_error` in an answer; or something else than a bundle stands in the folder's place.
    """
    features, d = FeatureConfig.voice(), net.dims
    if (d.n_mels, d.hop_length) != (features.num_features, features.hop_length):
        raise ModelError(
            f"the network takes {d.n_mels} bins every {d.hop_length} samples; voices have {features.num_features} "
            f"every {features.hop_length}."
        )
    with replacing(folder) as made:
        facts = _facts(net, export_graphs(net, made), features, name, licence)
        parity = compare_wavenet(net, made)
        if not parity.answer_max_error <= max_error:
            raise ModelError(
                f"the exported graphs differ from torch: {parity} (bound {max_error:.0e}); nothing was kept."
            )
        facts["parity"], facts["training"] = vars(parity), dict(training or {})
        write_facts(made, facts)
        contract.WaveNetVocoder(made)  # a bundle that cannot be opened is not kept either
    return facts


def _facts(
    net: WaveNet, graphs: Mapping[str, Path], features: FeatureConfig, name: str, licence: str
) -> dict[str, Any]:
    d = net.dims
    files: dict[str, dict[str, Any]] = {
        graph: {"file": path.name, "sha256": digest(path)} for graph, path in graphs.items()
    }
    files["step"] |= {
        "output": d.output,
        "levels": d.levels,
        "stacks": d.stacks,
        "layers": d.layers,
        "channels": d.channels,
        "hold": d.hold,
    }
    return {
        **heading(contract.KIND, name, licence, features),
        **files,
        "parameters": sum(p.numel() for p in net.parameters()),
    }
