"""The graph against torch, whole, streamed and batched; int8 weights against their definition."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from vivavoce.errors import ModelError
from vivavoce.export.parity import _largest, compare
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import INPUTS, OUTPUTS, export_onnx
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims

DIMS = ConformerDims(layers=2, width=64, heads=2, feed_forward=128, left_frames=12, phone_layer=1)


OTHERS = {
    "": DIMS,
    "leaning on the stream's mean": replace(DIMS, mean_prior=5),
    "phones in context": replace(DIMS, final_phones=True, contexts=90),
    "time delays alone": replace(DIMS, layers=3, time_delay=(1, 2, 3), bottleneck=40),
    "time delays below": replace(DIMS, layers=3, time_delay=(1, 3), bottleneck=40),
}


@pytest.fixture(scope="module", params=OTHERS.values(), ids=OTHERS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ConformerCTC, Path]:
    torch.manual_seed(0)
    model = ConformerCTC(request.param).eval()
    model.set_normalisation(torch.full((80,), -6.0), torch.full((80,), 3.0))
    return model, export_onnx(model, tmp_path_factory.mktemp("graph") / "model.onnx")


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def test_the_graph_is_torch_and_streams(exported: tuple[ConformerCTC, Path]) -> None:
    parity = compare(*exported, chunk_frames=4)
    assert parity.max_error < 1e-4
    assert parity.stream_max_error < 1e-4


def test_phones_are_compared_as_well(exported: tuple[ConformerCTC, Path]) -> None:
    model = copy.deepcopy(exported[0])
    assert compare(model, exported[1], chunk_frames=4).max_error < 1e-4
    with torch.no_grad():
        # Of the last block's phones the characters hear nothing.
        (model.final_phone_out if model.dims.final_phones else model.phone_out).bias[:3] += 1.0
    assert compare(model, exported[1], chunk_frames=4).max_error > 0.1


def test_a_difference_that_is_no_number_is_not_lost() -> None:
    zeros, other = np.zeros((2, 8, 3)), np.zeros((2, 8, 3))
    shares = np.array([1.0, 0.5])
    other[1, 4:] = np.nan  # behind the end
    other[0, 2, 1] = -0.5
    assert _largest([zeros, zeros], [zeros, other], shares) == 0.5
    for row in (0, 1):
        broken = other.copy()
        broken[row, 1, 1] = np.nan
        assert np.isnan(_largest([zeros, zeros], [broken, other], shares))


def test_names_and_dynamic_shapes(exported: tuple[ConformerCTC, Path]) -> None:
    graph = session(exported[1])
    assert [i.name for i in graph.get_inputs()] == list(INPUTS)
    assert [o.name for o in graph.get_outputs()] == list(OUTPUTS)
    model = exported[0]
    for batch, n in ((1, 1), (1, 37), (5, 3)):
        state = [cache.numpy() for cache in model.initial_state(batch)]
        values = [np.zeros((batch, 8 * n, 80), np.float32), np.full(batch, n), np.array([4]), *state]
        log_probs, phones, *following = graph.run(None, dict(zip(INPUTS, values, strict=True)))
        assert log_probs.shape == (batch, 2 * n, 29)
        assert phones.shape == (batch, 2 * n, 40)
        assert [a.shape for a in following] == [a.shape for a in state]
        np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1.0, atol=1e-5)
        np.testing.assert_allclose(np.exp(phones).sum(-1), 1.0, atol=1e-5)


def test_the_graph_tells_nothing_of_this_machine(exported: tuple[ConformerCTC, Path]) -> None:
    content = exported[1].read_bytes()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_int8_weights_are_rounded_columns(exported: tuple[ConformerCTC, Path], tmp_path: Path) -> None:
    small = tmp_path / "int8.onnx"
    count = quantize_weights(exported[1], small)
    before = {t.name: numpy_helper.to_array(t) for t in onnx.load(exported[1]).graph.initializer}
    after = {t.name: numpy_helper.to_array(t) for t in onnx.load(small).graph.initializer}
    unpacked = [node for node in onnx.load(small).graph.node if node.op_type == "DequantizeLinear"]
    matrices = sum(isinstance(part, torch.nn.Linear) for part in exported[0].modules())
    matrices += exported[0].dims.contexts > 0  # and the one that adds up classes
    assert len(unpacked) == count == matrices
    for node in unpacked:
        q, scale = after[node.input[0]], after[node.input[1]]
        assert q.dtype == np.int8
        axis = node.attribute[0].i
        restored = q * np.expand_dims(scale, 1 - axis)
        error = np.abs(restored - before[node.output[0]])
        assert (error <= 0.5001 * np.expand_dims(scale, 1 - axis)).all()
    assert small.stat().st_size < 0.5 * exported[1].stat().st_size


def test_int8_does_not_depend_on_chunks_or_neighbours(exported: tuple[ConformerCTC, Path], tmp_path: Path) -> None:
    """The reason for leaving dynamic quantisation alone: a loud neighbour must not change an utterance."""
    small = tmp_path / "int8.onnx"
    quantize_weights(exported[1], small)
    assert compare(exported[0], small, chunk_frames=4).stream_max_error < 1e-4
    graph = session(small)
    x = np.random.default_rng(0).standard_normal((2, 64, 80)).astype(np.float32) - 6.0
    x[1] *= 30.0
    both = [x, np.array([8, 8]), np.array([4]), *[c.numpy() for c in exported[0].initial_state(2)]]
    alone = [x[:1], np.array([8]), np.array([4]), *[c.numpy() for c in exported[0].initial_state(1)]]
    np.testing.assert_allclose(
        graph.run(None, dict(zip(INPUTS, both, strict=True)))[0][0],
        graph.run(None, dict(zip(INPUTS, alone, strict=True)))[0][0],
        atol=1e-4,
    )


def test_a_diverged_model_is_refused(tmp_path: Path) -> None:
    model = ConformerCTC(DIMS)
    with torch.no_grad():
        model.out.weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"out\.weight is not finite"):
        export_onnx(model, tmp_path / "model.onnx")
