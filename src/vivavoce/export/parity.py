"""Torch against the exported graph, and the graph in chunks against itself whole: the differences are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from vivavoce.export.to_onnx import INPUTS, OUTPUTS
from vivavoce.models.conformer_ctc import ConformerCTC, EncoderState

Array = np.ndarray
LOG_PROBS = OUTPUTS[:2]  # characters and phones: what is read. The rest is state, which shows in later chunks


@dataclass(frozen=True)
class Parity:
    """Largest differences of any log-probability: graph against torch, and chunked against whole."""

    max_error: float
    stream_max_error: float


def compare(model: ConformerCTC, path: str | Path, seed: int = 0, chunk_frames: int = 8, chunks: int = 12) -> Parity:
    """Run random speech-like features through torch and through a graph, whole and chunk by chunk.

    Two sequences of unequal length go together, so that masks and caches are exercised, and the whole is longer than
    the attention's memory.
    """
    n, group = chunk_frames * chunks, model.dims.subsampling
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((2, group * n, model.dims.n_features)).cumsum(axis=1)
    features = np.maximum(0.3 * steps - 5.0, -13.8).astype(np.float32)
    lengths = np.array([n, n - chunk_frames - 3])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as the runtime does: int8 weights, float sums
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        output = model.eval()(torch.from_numpy(features), torch.from_numpy(lengths), chunk_frames)
    expected = [getattr(output, name).numpy() for name in LOG_PROBS]
    whole = _run(session, features, lengths, chunk_frames, model.initial_state(2))[: len(LOG_PROBS)]
    state: EncoderState | tuple[Array, ...] = model.initial_state(2)
    pieces = []
    for start in range(0, n, chunk_frames):
        piece = features[:, group * start : group * (start + chunk_frames)]
        outputs = _run(session, piece, np.clip(lengths - start, 0, chunk_frames), chunk_frames, state)
        pieces.append(outputs[: len(LOG_PROBS)])
        state = tuple(outputs[len(LOG_PROBS) :])
    streamed = [np.concatenate(parts, axis=1) for parts in zip(*pieces, strict=True)]
    return Parity(_largest(whole, expected, lengths / n), _largest(streamed, whole, lengths / n))


def _largest(found: Sequence[Array], expected: Sequence[Array], shares: Array) -> float:
    """The largest difference of outputs within sequences that fill such shares of them; NaN where there is one."""
    return float(
        np.max(
            [
                np.abs(one[row, :frames] - other[row, :frames]).max()
                for one, other in zip(found, expected, strict=True)
                for row, frames in enumerate(np.rint(shares * one.shape[1]).astype(int))
            ]
        )
    )


def _run(
    session: onnxruntime.InferenceSession,
    features: Array,
    lengths: Array,
    chunk_frames: int,
    state: EncoderState | tuple[Array, ...],
) -> list[Array]:
    caches = [np.asarray(cache) for cache in state]
    values = [features, lengths, np.array([chunk_frames]), *caches]
    return session.run(None, dict(zip(INPUTS, values, strict=True)))
