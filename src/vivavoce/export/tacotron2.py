"""Tacotron 2 -> three ONNX graphs with the state in the caller's hands, a bundle that `runtime.tacotron2` runs.

`viva voice` puts it into the folder `acoustic` of a voice.

All of batch 1; U tokens, T frames, r frames a step:

    encoder.onnx   tokens (1, U) int64 -> values (1, U, D), keys (1, U, A)
    step.onnx      values, keys, keep (1, 2, P), the state -> frames (1, r, F) normalised, stop (1,), the next state
    postnet.onnx   frames (1, T, F) normalised -> mel (1, T, F), natural log of magnitude

`keep` is the pre-net's dropout: 0 or 1 / (1 - rate) for each unit, 1 for none. `stop` is the probability that this step
is the last. The bundle appears only when all three have been held to torch over a whole sentence.
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
from vivavoce.models.tacotron2 import AttentionState, DecoderState, Memory, Tacotron2
from vivavoce.runtime import tacotron2 as contract
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.text.voice_tokens import BREAK, TOKENS

MAX_ERROR = 1e-3  # of a log-mel value, over a sentence in which errors could add up from step to step


@dataclass(frozen=True)
class TacotronParity:
    """How far graphs and torch are apart over whole sentences: in a log-mel value and in an attention weight."""

    mel_max_error: float
    attention_max_error: float
    steps: int


class _Encoder(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.model.remember(tokens)
        return memory.values, memory.keys


class _Step(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor, keys: Tensor, keep: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        memory = Memory(values, keys, torch.ones_like(keys[..., 0], dtype=torch.bool))
        frames, stop_logits, following = self.model.decoder.step(memory, unflat(state), keep)
        return (frames, stop_logits.sigmoid(), *flat(following))


class _PostNet(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        real = torch.ones_like(frames[..., 0], dtype=torch.bool)
        return self.model.to_log_mel(frames + self.model.postnet(frames, real))


def flat(state: DecoderState) -> tuple[Tensor, ...]:
    """A state in the order of the contract's STATE."""
    return (state.frame, *state.attention, state.hidden, state.cell)


def unflat(state: tuple[Tensor, ...]) -> DecoderState:
    """The inverse of `flat`."""
    frame, attention_hidden, attention_cell, context, weights, cumulative, hidden, cell = state
    attention = AttentionState(attention_hidden, attention_cell, context, weights, cumulative)
    return DecoderState(frame, attention, hidden, cell)


def export_graphs(model: Tacotron2, folder: str | Path) -> dict[str, Path]:
    """Write the three float32 graphs into a folder; returns their files by name.

    Raises:
        ModelError: a weight is not finite.
    """
    folder, d = Path(folder), model.dims
    count = torch.export.Dim("tokens", min=2, max=4096)
    frames = torch.export.Dim("frames", min=2, max=65536)
    with torch.inference_mode():
        memory = model.eval().remember(torch.ones(1, 11, dtype=torch.int64))
        state = tuple(torch.randn_like(part) for part in flat(model.decoder.initial_state(memory)))
    long = {"weights", "cumulative"}
    of_state = tuple({1: count} if name in long else None for name in contract.STATE)
    tokens = torch.randint(1, d.n_tokens, (1, 11))
    keep = torch.ones(1, 2, d.prenet_width)
    c = contract
    modules: dict[str, tuple[nn.Module, tuple[Tensor, ...], Any, Any, Any]] = {
        "encoder": (_Encoder(model), (tokens,), c.ENCODER_INPUTS, c.ENCODER_OUTPUTS, ({1: count},)),
        "step": (
            _Step(model),
            (memory.values.clone(), memory.keys.clone(), keep, *(part.clone() for part in state)),
            c.STEP_INPUTS,
            c.STEP_OUTPUTS,
            ({1: count}, {1: count}, None, of_state),
        ),
        "postnet": (
            _PostNet(model),
            (torch.randn(1, 23, d.n_mels),),
            c.POSTNET_INPUTS,
            c.POSTNET_OUTPUTS,
            ({1: frames},),
        ),
    }
    return {
        name: write_graph(module, example, folder / f"{name}.onnx", inputs, outputs, shapes)
        for name, (module, example, inputs, outputs, shapes) in modules.items()
    }


def compare_tacotron(model: Tacotron2, graphs: contract.TacotronModel, steps: int = 60) -> TacotronParity:
    """Torch against the graphs over sentences of random tokens, with dropout from the same seeds and without."""
    mel_error = attention_error = 0.0
    rng = np.random.default_rng(0)
    frames = steps * model.dims.reduction
    for seed, count in ((None, 9), (1, 2), (2, 40)):
        ids = rng.integers(1, model.dims.n_tokens, count)
        ids[[0, -1]] = TOKENS.index(BREAK)
        draws = None if seed is None else [np.random.default_rng(seed)]
        tokens = torch.from_numpy(ids)[None]
        expected = model.generate(tokens, draws=draws, max_frames=frames, stop_threshold=1.0)[0]
        found = graphs.speak(ids, seed, max_frames=frames, stop_threshold=1.0)
        mel_error = np.maximum(mel_error, np.abs(found.mel - expected.mel.numpy()).max())  # NaN, where there is one
        attention_error = np.maximum(attention_error, np.abs(found.alignment - expected.alignment.numpy()).max())
    return TacotronParity(float(mel_error), float(attention_error), steps)


def write_tacotron_bundle(
    model: Tacotron2,
    folder: str | Path,
    name: str = "tacotron2",
    licence: str = "CC0-1.0",
    training: Mapping[str, Any] | None = None,
    max_error: float = MAX_ERROR,
) -> dict[str, Any]:
    """Export a model into a bundle folder and return what its bundle.json says; an older one is replaced.

    Raises:
        ModelError: the model is of other tokens or mels than voices are, or the graphs differ from torch by more than
            `max_error` in a log-mel value; or something else than a bundle stands in the folder's place.
    """
    features = FeatureConfig.voice()
    if (model.dims.n_tokens, model.dims.n_mels) != (len(TOKENS), features.num_features):
        raise ModelError(
            f"the model has {model.dims.n_tokens} tokens and {model.dims.n_mels} bins; voices have {len(TOKENS)} and "
            f"{features.num_features}."
        )
    with replacing(folder) as made:
        facts = _facts(model, export_graphs(model, made), features, name, licence)
        write_facts(made, facts)
        parity = compare_tacotron(model, contract.TacotronModel(made))
        if not parity.mel_max_error <= max_error:
            raise ModelError(
                f"the exported graphs differ from torch: {parity} (bound {max_error:.0e}); nothing was kept."
            )
        facts["parity"], facts["training"] = vars(parity), dict(training or {})
        write_facts(made, facts)
    return facts


def _facts(
    model: Tacotron2, graphs: Mapping[str, Path], features: FeatureConfig, name: str, licence: str
) -> dict[str, Any]:
    d = model.dims
    files: dict[str, dict[str, Any]] = {
        graph: {"file": path.name, "sha256": digest(path)} for graph, path in graphs.items()
    }
    files["step"] |= {
        "reduction": d.reduction,
        "width": d.width,
        "decoder_width": d.decoder_width,
        "prenet_width": d.prenet_width,
        "prenet_dropout_per_mille": round(1000 * d.prenet_dropout),
    }
    return {
        **heading(contract.KIND, name, licence, features),
        "tokens": list(TOKENS),
        **files,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
