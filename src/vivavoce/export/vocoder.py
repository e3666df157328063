"""Vocos -> a vocoder's graph for `runtime.vocoder`, held to torch before it is kept.

from vivavoce.export.vocoder import export_run; export_run("runs/vocos", "vocoder.onnx")
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from vivavoce.errors import ModelError
from vivavoce.export.from_run import load_from_run
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import write_graph
from vivavoce.models.vocos import Vocos, VocosDims
from vivavoce.runtime.vocoder import CONTEXT, INPUTS, OUTPUTS, Vocoder

LARGEST_ERROR = 2e-3  # of a sample, graph against torch or chunks against whole, of a waveform whose peak is about 1


@dataclass(frozen=True)
class VocoderParity:
    """Largest differences of a sample: float graph against torch, what is kept in chunks against itself whole.

    Beside them the peak, and the difference of a graph with int8 weights from torch; None where there is none.
    """

    max_error: float
    stream_max_error: float
    peak: float
    int8_max_error: float | None = None


class _Graph(nn.Module):
    """The network with a chunk's place in the whole spelled out, as a graph needs it, and without the inverse FFT."""

    def __init__(self, vocoder: Vocos) -> None:
        super().__init__()
        self.vocoder = vocoder

    def forward(self, log_mel: Tensor, swung: Tensor, anchor: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """swung (1,) float64: the voice's swings until frame `anchor` (1,); `first` (1,): the first frame's number."""
        vocoder = self.vocoder
        pitch = vocoder.hear_pitch(log_mel)
        cycles = vocoder.cycles(pitch)
        cycles = cycles - cycles.index_select(1, anchor) + swung
        places = (first + torch.arange(log_mel.shape[1])) % len(vocoder.noise)
        real, imaginary = vocoder.spectrum(log_mel, pitch, cycles, vocoder.noise.index_select(0, places)[None])
        return real * vocoder.centring, imaginary * vocoder.centring, cycles


def load_vocos(run: str | Path, averaged: bool = True) -> Vocos:
    """The vocoder of a run folder's newest checkpoint, with its averaged weights unless told otherwise.

    Raises:
        ModelError: no checkpoint, or weights that do not fit the run's configuration.
    """
    return load_from_run(run, "vocos", lambda dims: Vocos(VocosDims(**dims)), averaged, part="vocoder")


def export_vocoder(vocoder: Vocos, path: str | Path, precision: str = "fp32") -> VocoderParity:
    """Write a vocoder's graph and compare it with torch.

    Args:
        vocoder: in any mode; it is exported as in evaluation.
        path: the `.onnx` file to write; weights stand inside it.
        precision: "fp32", or "int8" for int8 weights with float arithmetic (export/quantize.py); the float graph is
            the one that is held to torch.

    Raises:
        ModelError: a weight is not finite, or the float graph differs from torch, or a graph in chunks from itself, by
            more than LARGEST_ERROR.
    """
    path = Path(path)
    example = (
        torch.randn(1, 40, vocoder.dims.n_mels) - 5.0,
        torch.zeros(1).double(),
        torch.tensor([3]),
        torch.tensor([5]),
    )
    frames = torch.export.Dim("frames", min=2, max=65536)
    write_graph(_Graph(vocoder), example, path, INPUTS, OUTPUTS, ({1: frames}, None, None, None))
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CONTEXT: str(vocoder.dims.context_frames)})
    onnx.save(model, path)
    parity = compare_vocoder(vocoder, Vocoder(path))
    errors = {"from torch": parity.max_error, "in chunks from itself": parity.stream_max_error}
    if precision == "int8":
        quantize_weights(path, path)
        packed = compare_vocoder(vocoder, Vocoder(path))
        errors["in chunks from itself with int8 weights"] = packed.stream_max_error
        parity = replace(packed, max_error=parity.max_error, int8_max_error=packed.max_error)
    for what, error in errors.items():
        if not error < LARGEST_ERROR * max(1.0, parity.peak):  # NaN is no parity either, nor is an infinite peak
            path.unlink()
            raise ModelError(
                f"the exported graph differs {what} by {error:.2e} in a sample (peak {parity.peak:.2f}); the export is "
                "wrong, nothing was written."
            )
    return parity


def compare_vocoder(vocoder: Vocos, graph: Vocoder, log_mel: np.ndarray | None = None) -> VocoderParity:
    """Torch whole, the graph whole, and the graph in chunks of unequal length.

    Args:
        vocoder: the network.
        graph: what was exported of it.
        log_mel: (T, F) of speech; None: frames that wander around the vocoder's mean.
    """
    if log_mel is None:
        rng = np.random.default_rng(0)
        wander = 0.2 * rng.standard_normal((300, vocoder.dims.n_mels)).cumsum(axis=0)
        mean, deviation = vocoder.mel_mean.numpy(), 1.0 / vocoder.mel_scale.numpy()
        log_mel = (mean + deviation * np.tanh(wander)).astype(np.float32)
    with torch.inference_mode():
        expected = vocoder.eval()(torch.from_numpy(log_mel[None])).waveform[0].numpy()
    whole = graph(log_mel)
    cuts = np.cumsum([1, 7, 40, 3, 90, 30])
    pieces = list(graph.stream(np.split(log_mel, cuts[cuts < len(log_mel)])))
    return VocoderParity(
        float(np.abs(whole - expected).max()),
        float(np.abs(np.concatenate(pieces) - whole).max()),
        float(np.abs(expected).max()),
    )


def export_run(run: str | Path, path: str | Path, precision: str = "fp32") -> VocoderParity:
    """Export a run folder's averaged vocoder, and print how far the graph is from torch and from itself in chunks."""
    parity = export_vocoder(load_vocos(run), path, precision)
    rounded = "" if parity.int8_max_error is None else f" (with int8 weights {parity.int8_max_error:.1e})"
    print(
        f"{path}: {Path(path).stat().st_size / 1e6:.1f} MB; graph against torch {parity.max_error:.1e}{rounded}, "
        f"chunks against whole {parity.stream_max_error:.1e}, peak {parity.peak:.2f}"
    )
    return parity
