"""A network of subword units in its graph: the same logarithms as PyTorch's, packed or not, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from vivavoce.decoding.second_pass import UnitTree
from vivavoce.errors import ConfigError, ModelError
from vivavoce.export.text_lm import export_text_lm, largest_error, load_text_lm, random_tree
from vivavoce.models.text_lm import TextLm, TextLmDims
from vivavoce.recipes.text_lm import start_from, write_weights
from vivavoce.runtime.unit_predictor import UnitPredictor
from vivavoce.text.subwords import SINGLE, Subwords

DIMS = TextLmDims(units=64, width=48, layers=2, heads=2, feed_forward=96)


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    return Subwords.train({"the": 5, "cat": 3, "sat": 3, "mat": 2}, len(SINGLE) + 5)


@pytest.fixture(scope="module")
def model() -> TextLm:
    torch.manual_seed(0)
    model = TextLm(DIMS).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.15)
    return model


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory, model: TextLm, subwords: Subwords) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    assert export_text_lm(model, subwords, folder / "plain.onnx", 16, {"updates": 3}, int8=False) < 1e-4
    assert export_text_lm(model, subwords, folder / "packed.onnx", 16, {}) < 0.3
    return folder


@pytest.mark.parametrize("nodes", [2, 3, 17, 90])
def test_the_graph_says_what_pytorch_says(graphs: Path, model: TextLm, nodes: int) -> None:
    predictor = UnitPredictor.open(graphs / "plain.onnx")
    tree = random_tree(DIMS, nodes, seed=nodes)
    assert largest_error(model, predictor, tree) < 1e-4
    # And each text of the tree by itself, as far back as it may look.
    log_probs = predictor(tree)
    for node in range(1, nodes):
        path = [node]
        while tree.parents[path[0]] >= 0:
            path.insert(0, int(tree.parents[path[0]]))
        alone = predictor(UnitTree(tree.units[path], np.arange(-1, len(path) - 1)))
        assert log_probs[node] == pytest.approx(alone[-1], abs=1e-4)


def test_a_root_alone(graphs: Path) -> None:
    tree = UnitTree(np.array([63]), np.array([-1]))
    np.testing.assert_array_equal(UnitPredictor.open(graphs / "plain.onnx")(tree), [0.0])


def test_followers_share_out_all_probability(graphs: Path) -> None:
    for name in ("plain", "packed"):
        tree = UnitTree(np.array([63, 4, *range(64)]), np.array([-1, 0, *([1] * 64)]))
        log_probs = UnitPredictor.open(graphs / f"{name}.onnx")(tree)
        assert np.exp(log_probs[2:]).sum() == pytest.approx(1.0, abs=1e-5)


def test_a_packed_graph_is_small(graphs: Path) -> None:
    sizes = {path.stem: path.stat().st_size for path in graphs.glob("*.onnx")}
    weights = sum(parameter.numel() for parameter in TextLm(DIMS).parameters())
    assert sizes["plain"] - sizes["packed"] > 2.5 * weights
    floats = [tensor for tensor in onnx.load(graphs / "packed.onnx").graph.initializer if tensor.data_type == 1]
    assert max(int(np.prod(tensor.dims)) for tensor in floats) < 500  # scales alone


def test_a_graph_knows_its_units(graphs: Path, subwords: Subwords) -> None:
    predictor = UnitPredictor.open(graphs / "plain.onnx")
    assert (predictor.mark, predictor.longest, predictor.facts) == (63, 16, {"updates": 3})
    assert predictor.subwords.units == subwords.units


def test_weights_come_back(tmp_path: Path, model: TextLm, subwords: Subwords) -> None:
    write_weights(tmp_path / "w.safetensors", model.state_dict(), DIMS, subwords, {"updates": 5})
    known, units, training = load_text_lm(tmp_path / "w.safetensors")
    assert (known.dims, units.units, training) == (DIMS, subwords.units, {"updates": 5})
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(known.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("graph", "tolerance"), [("plain", 1e-6), ("packed", 3e-3)])
def test_training_goes_on_from_a_graph(
    graphs: Path, model: TextLm, subwords: Subwords, graph: str, tolerance: float
) -> None:
    learner = TextLm(DIMS)
    start_from(learner, subwords, str(graphs / f"{graph}.onnx"))
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(learner.state_dict()[name], tensor, atol=tolerance, rtol=0)


def test_training_does_not_go_on_from_another_graph(graphs: Path, subwords: Subwords) -> None:
    with pytest.raises(ConfigError, match="other sizes"):
        start_from(TextLm(replace(DIMS, units=70)), subwords, str(graphs / "packed.onnx"))
    with pytest.raises(ConfigError, match="other units"):
        start_from(TextLm(DIMS), Subwords(subwords.merges[:-1]), str(graphs / "packed.onnx"))
    with pytest.raises(ModelError, match="3 layers"):
        start_from(TextLm(replace(DIMS, layers=3)), subwords, str(graphs / "packed.onnx"))


@pytest.mark.parametrize("content", [None, b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_weights_that_are_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no weights of"):
        load_text_lm(tmp_path / "w.safetensors")


def test_graphs_of_another_version(graphs: Path, tmp_path: Path) -> None:
    graph = onnx.load(graphs / "plain.onnx")
    facts = {one.key: one.value for one in graph.metadata_props}
    for change, said in (({"version": "9"}, "is of version 9"), ({"merges": "[[1]]"}, "what its units are")):
        onnx.helper.set_model_props(graph, {**facts, **change})
        onnx.save(graph, tmp_path / "other.onnx")
        with pytest.raises(ModelError, match=said):
            UnitPredictor.open(tmp_path / "other.onnx")


def test_more_units_than_the_model_has(model: TextLm, tmp_path: Path) -> None:
    many = Subwords.train({f"{a}{b}": 1 for a in "abcdef" for b in "ghijkl"}, 80)
    with pytest.raises(ConfigError, match="64 units"):
        export_text_lm(model, many, tmp_path / "x.onnx", 16, {})
