"""Weights out of a bundle against those that went in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.errors import ModelError, TrainingError
from vivavoce.export.from_onnx import load_from_bundle, load_known, weights_of_graph
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import export_onnx
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims
from vivavoce.recipes.asr_small import DIMS, start_from
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.training.phone_contexts import PhoneContexts


@pytest.fixture(scope="module", params=[(), (1, 2)], ids=["", "time delays below"])
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, torch.Tensor], Path]:
    """Weights as training leaves them: none equal to another, as the ones and zeros of a new network are."""
    torch.manual_seed(6)
    dims = ConformerDims(
        width=32, layers=3, heads=2, feed_forward=64, phone_layer=1, final_phones=True, mean_prior=4,
        time_delay=request.param, bottleneck=40,
    )  # fmt: skip
    model = ConformerCTC(dims).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(0.1 * torch.randn_like(tensor))
    return model.state_dict(), export_onnx(model, tmp_path_factory.mktemp("graph") / "model.onnx")


def test_the_weights_are_those_that_were_exported(exported: tuple[dict[str, torch.Tensor], Path]) -> None:
    weights, path = exported
    found = weights_of_graph(path)
    assert set(found) == set(weights)
    for name, tensor in weights.items():
        torch.testing.assert_close(found[name], tensor, rtol=0.0, atol=0.0, msg=name)


def test_packed_weights_come_back_rounded(exported: tuple[dict[str, torch.Tensor], Path], tmp_path: Path) -> None:
    weights, path = exported
    quantize_weights(path, tmp_path / "packed.onnx")
    found = weights_of_graph(tmp_path / "packed.onnx")
    assert set(found) == set(weights)
    rounded = 0
    for name, tensor in weights.items():
        step = float(tensor.abs().max()) / 127
        torch.testing.assert_close(found[name], tensor, rtol=0.0, atol=0.51 * step if tensor.ndim == 2 else 0.0)
        rounded += bool((found[name] != tensor).any())
    assert rounded >= 8


def test_training_starts_from_the_default_recogniser(babble: Callable[..., np.ndarray]) -> None:
    """The network in PyTorch reads as the bundle in onnxruntime does."""
    from vivavoce.dsp.features import features

    recognizer = Recognizer(decoder="greedy")
    bundle = recognizer.bundle
    model = ConformerCTC(DIMS).eval()
    start_from(model, str(bundle.folder))
    without = ConformerCTC(replace(DIMS, final_phones=False))
    start_from(without, str(bundle.folder))  # the last phones are left behind
    assert set(model.state_dict()) - set(without.state_dict()) == {
        f"final_phone_{part}.{kind}" for part in ("norm", "out") for kind in ("weight", "bias")
    }
    with pytest.raises(ModelError, match=r"another network.*adapt"):
        start_from(ConformerCTC(replace(DIMS, mean_prior=0)), str(bundle.folder))
    log_mel = features(babble(5.12, seed=3), bundle.features)[:504]
    with torch.inference_mode():
        output = model(torch.from_numpy(log_mel)[None], torch.tensor([126]), bundle.model.chunk_frames)
    for ours, phones in ((output.log_probs[0].numpy(), False), (output.phone_log_probs[0].numpy(), True)):
        theirs = recognizer.log_probs(babble(5.12, seed=3), phones=phones)
        np.testing.assert_allclose(ours[:96], theirs[:96], atol=1e-3)


def test_leaning_on_the_mean_begins_as_nothing() -> None:
    torch.manual_seed(0)
    plain = ConformerCTC(
        replace(DIMS, width=32, layers=1, heads=2, feed_forward=64, phone_layer=1, mean_prior=0)
    ).eval()
    leaning = ConformerCTC(replace(plain.dims, mean_prior=25)).eval()
    load_known(leaning, plain.state_dict())
    log_mel = torch.randn(1, 64, 80)
    with torch.inference_mode():
        ours, theirs = (net(log_mel, torch.tensor([16]), 4) for net in (leaning, plain))
    torch.testing.assert_close(ours.log_probs, theirs.log_probs)


def in_context(sequence: list[int]) -> ConformerCTC:
    dims = replace(DIMS, width=32, layers=1, heads=2, feed_forward=64, phone_layer=1, outputs_per_frame=2, contexts=100)
    model = ConformerCTC(dims).eval()
    contexts = PhoneContexts.from_sequences([sequence], 39, 100)
    model.set_contexts(contexts.phone_of, contexts.table)
    return model


@pytest.mark.parametrize("packed", [False, True])
def test_phones_in_context_come_back_where_they_are_the_same(tmp_path: Path, packed: bool) -> None:
    """A graph holds the phone of each class; which class a pair has comes from the same transcripts."""
    model = in_context([1, 2, 3, 1, 2])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    path = export_onnx(model, tmp_path / "model.onnx")
    if packed:
        quantize_weights(path, path)
    weights = weights_of_graph(path)
    assert set(model.state_dict()) - set(weights) == {"context_table"}
    assert torch.equal(weights["phone_of"], model.phone_of)
    same = in_context([1, 2, 3, 1, 2])
    load_known(same, weights)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(same.state_dict()[name], tensor, rtol=0.0, atol=0.02 if packed else 0.0)
    with pytest.raises(RuntimeError, match="other transcripts"):
        load_known(in_context([3, 2, 1, 1, 2]), weights)
    other = in_context([3, 2, 1, 1, 2])
    load_known(other, model.state_dict())  # a checkpoint brings the classes along
    assert torch.equal(other.context_table, model.context_table)
    assert torch.equal(other.phone_of, model.phone_of)


def test_phones_in_context_begin_as_plain_ones() -> None:
    model = in_context([1, 2, 3, 1, 2])
    plain = ConformerCTC(replace(model.dims, contexts=0)).eval()
    table = model.context_table.clone()
    load_known(model, plain.state_dict())
    assert torch.equal(model.context_table, table)
    log_mel = torch.randn(1, 64, 80)
    with torch.inference_mode():
        ours, theirs = (net(log_mel, torch.tensor([16]), 4) for net in (model, plain))
    torch.testing.assert_close(ours.phone_log_probs, theirs.phone_log_probs)
    with pytest.raises(RuntimeError, match="size mismatch for final_phone_out"):
        load_known(plain, model.state_dict())  # not the other way about


def test_other_networks_are_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is of another network"):
        load_from_bundle(ConformerCTC(ConformerDims(width=64, layers=2, heads=2)), tiny_bundle)
    with pytest.raises(TrainingError, match="is not a file"):
        start_from(ConformerCTC(ConformerDims(layers=1, phone_layer=1)), str(tmp_path / "nothing"))
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", value[:1], value[1:])
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="was not made by `viva export`"):
        weights_of_graph(tmp_path / "other.onnx")
