"""FastPitch -> one ONNX graph, `acoustic.onnx`, held to torch before it is kept.

The graph's contract, all of batch 1; U tokens of one sentence, T frames:

    inputs   tokens          (1, U) int64     ids of text/voice_tokens.TOKENS, BREAK first and last, U at least 3
             duration_scale  (1, U) float32   factor on each token's length; 1.0 as predicted, 2.0 twice as slow
             pitch_shift     (1, U) float32   semitones added to each token's pitch; 0.0 as predicted
             energy_shift    (1, U) float32   dB added to each token's loudness as the model hears it; 0.0 as predicted
    outputs  mel             (1, T, 80) float32  FeatureConfig.voice(): natural log of magnitude, 86.13 frames a second
             durations       (1, U) int64     frames of each token; they sum to T. Spaces may have none

    python -m vivavoce.export.acoustic runs/fastpitch acoustic.onnx

U and T may be any; token u's frames begin at the sum of the durations before it. A vocoder makes 256 T samples of them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivavoce.errors import ModelError
from vivavoce.export.from_run import load_from_run
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import write_graph
from vivavoce.models.fastpitch import FastPitch, FastPitchDims
from vivavoce.runtime.fastpitch import INPUTS, OUTPUTS
from vivavoce.runtime.session import open_session
from vivavoce.text.voice_tokens import BREAK, TOKENS

_MOST_FRAMES = 1 << 20


@dataclass(frozen=True)
class AcousticParity:
    """How far graph and torch are apart: in a log-mel value, at most and on average, and in how many durations."""

    max_error: float
    mean_error: float
    other_durations: int
    sentences: int


class _Sentence(nn.Module):
    """The network on one sentence, its number of frames decided inside the graph."""

    def __init__(self, net: FastPitch) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, tokens: Tensor, duration_scale: Tensor, pitch_shift: Tensor, energy_shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        lengths = torch.ones(1, dtype=torch.int64) * tokens.shape[1]
        x, _, _, _, durations = self.net.plan(tokens, lengths, duration_scale, pitch_shift, energy_shift)
        frames = cast(int, durations.sum().item())  # to the exporter a number that it does not know yet
        # The exporter must be told what it cannot see: that there are frames, and not without end.
        torch._check(frames >= 2)
        torch._check(frames < _MOST_FRAMES)
        return self.net.decode(x, durations, frames), durations


def load_fastpitch(run: str | Path, averaged: bool = True) -> FastPitch:
    """The network of a run folder's newest checkpoint, with its averaged weights unless told otherwise.

    Raises:
        ModelError: there is no checkpoint, or the weights do not fit the configuration beside them.
    """
    return load_from_run(run, "fastpitch", lambda dims: FastPitch(FastPitchDims(**dims)), averaged)


def export_acoustic_onnx(net: FastPitch, path: str | Path) -> Path:
    """Write the float32 graph.

    Raises:
        ModelError: a weight is not finite.
    """
    length = torch.export.Dim("tokens", min=3, max=4096)
    return write_graph(
        _Sentence(net), _inputs(net, 11, seed=0), path, INPUTS, OUTPUTS, tuple({1: length} for _ in INPUTS)
    )


def compare_acoustic(net: FastPitch, path: str | Path, sentences: int = 8) -> AcousticParity:
    """Graph against torch on sentences of random tokens, of 3 to some hundred, at random rates and pitches."""
    session = open_session(path)
    largest, total, values, other = 0.0, 0.0, 0, 0
    for number in range(sentences):
        inputs = _inputs(net, 3 + 4 * number * number, seed=number + 1)
        mel, durations = session.run(None, {n: t.numpy() for n, t in zip(INPUTS, inputs, strict=True)})
        with torch.inference_mode():
            expected_mel, expected = (part.numpy() for part in _Sentence(net.eval())(*inputs))
        if not np.array_equal(durations, expected):
            other += 1  # a length on the edge of rounding: the frames cannot be compared
            continue
        error = np.abs(mel - expected_mel)
        largest = float(np.maximum(largest, error.max()))  # NaN, where there is one
        total, values = total + float(error.sum()), values + error.size
    return AcousticParity(largest, total / max(1, values), other, sentences)


def write_acoustic(net: FastPitch, path: str | Path, int8: bool = False, max_error: float = 1e-3) -> dict[str, Any]:
    """Write `acoustic.onnx`, held to torch; returns what to say of it in a bundle.

    Args:
        net: the network; see `load_fastpitch`.
        path: of the graph.
        int8: store the matrices as int8 (export/quantize.py); the float32 graph is the one that `max_error` bounds.
        max_error: of a log-mel value.

    Raises:
        ModelError: the float32 graph differs from torch by more than `max_error` in a log-mel value.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    export_acoustic_onnx(net, path)
    parity = compare_acoustic(net, path)
    if not parity.max_error <= max_error or 2 * parity.other_durations > parity.sentences:
        path.unlink()
        raise ModelError(f"the exported graph differs from torch: {parity} (bound {max_error:.0e}); nothing was kept.")
    facts: dict[str, Any] = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "parity": {"mel_max_error": parity.max_error, "mel_mean_error": parity.mean_error},
        "precision": "fp32",
    }
    if int8:
        quantize_weights(path, path)
        packed = compare_acoustic(net, path)
        facts["precision"] = "int8"
        facts["parity"] |= {"int8_mel_mean_error": packed.mean_error, "int8_other_durations": packed.other_durations}
    facts["bytes"] = path.stat().st_size
    return facts


def _inputs(net: FastPitch, count: int, seed: int) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(seed)
    tokens: NDArray[np.int64] = rng.integers(1, net.dims.n_tokens, (1, count))
    tokens[0, [0, -1]] = TOKENS.index(BREAK)
    scale, pitch, energy = rng.uniform(0.7, 1.5, (1, count)), rng.normal(0, 2, (1, count)), rng.normal(0, 2, (1, count))
    return (torch.from_numpy(tokens), *(torch.from_numpy(part.astype(np.float32)) for part in (scale, pitch, energy)))


if __name__ == "__main__":
    print(json.dumps(write_acoustic(load_fastpitch(sys.argv[1]), sys.argv[2], int8="int8" in sys.argv[3:]), indent=2))
