"""Tacotron 2's graphs against torch, step by step with the same dropout; the bundle, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from vivavoce.errors import ModelError, TextError
from vivavoce.export.from_run import load_from_run
from vivavoce.export.tacotron2 import compare_tacotron, export_graphs, write_tacotron_bundle
from vivavoce.models.tacotron2 import Tacotron2, TacotronDims
from vivavoce.runtime.tacotron2 import STATE, STEP_INPUTS, TacotronModel, frame_limit
from vivavoce.text.voice_tokens import token_ids
from vivavoce.training.run_folder import RunFolder, pack

DIMS = TacotronDims(
    width=16,
    encoder_layers=1,
    attention_width=8,
    location_channels=4,
    location_taps=7,
    prenet_width=8,
    decoder_width=12,
    postnet_width=8,
    postnet_layers=2,
    reduction=3,
    prenet_dropout=0.4,
)
IDS = token_ids(["<break>", "HH", "AH0", "L", "OW1", ",", " ", "DH", "EH1", "R", ".", "<break>"])


def network(seed: int = 0, dims: TacotronDims = DIMS) -> Tacotron2:
    torch.manual_seed(seed)
    model = Tacotron2(dims).eval()
    model.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0))
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm1d):
            norm.running_mean.copy_(0.1 * torch.randn(norm.num_features))
            norm.running_var.copy_(torch.rand(norm.num_features) + 0.5)
    with torch.no_grad():
        model.decoder.frames.weight.mul_(5.0)  # so that a wrong last frame would be felt
        model.decoder.attention.energy.weight.mul_(8.0)
    return model


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tacotron2, Path]:
    model, folder = network(), tmp_path_factory.mktemp("tacotron") / "bundle"
    folder.mkdir()
    (folder / "bundle.json").write_text("{}")
    (folder / "old").write_text("is replaced")
    write_tacotron_bundle(model, folder, training={"updates": 7})
    return model, folder


@pytest.mark.parametrize("seed", [None, 0, 5])
def test_the_loop_over_graphs_is_torchs_generate(written: tuple[Tacotron2, Path], seed: int | None) -> None:
    model, folder = written
    draws = None if seed is None else [np.random.default_rng(seed)]
    expected = model.generate(torch.tensor([IDS]), draws=draws, max_frames=100, stop_threshold=1.0)[0]
    found = TacotronModel(folder).speak(IDS, seed, max_frames=100, stop_threshold=1.0)
    assert found.mel.shape == (100, 80)
    np.testing.assert_allclose(found.mel, expected.mel, atol=1e-4)
    np.testing.assert_allclose(found.alignment, expected.alignment, atol=1e-5)
    assert found.report.faults


def test_it_stops_where_torch_stops(written: tuple[Tacotron2, Path]) -> None:
    model, folder = written
    graphs = TacotronModel(folder)
    probabilities = []
    for threshold in (0.0, 0.45, 0.5, 0.55):
        expected = model.generate(torch.tensor([IDS]), None, [np.random.default_rng(1)], 60, threshold)[0]
        found = graphs.speak(IDS, 1, 60, threshold)
        assert len(found.mel) == len(expected.mel)
        stopped = "never stopped" not in {fault.kind for fault in found.report.faults}
        assert stopped == expected.stopped or found.report.focus < 0.25
        probabilities.append(len(found.mel))
    assert probabilities[0] == DIMS.reduction
    assert len(set(probabilities)) > 1


def test_dropout_is_at_work_and_seeded(written: tuple[Tacotron2, Path]) -> None:
    graphs = TacotronModel(written[1])
    first, again, other, without = (graphs.speak(IDS, seed, 30, 1.0).mel for seed in (1, 1, 2, None))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - without).max() > 1e-3


def test_lengths_of_every_kind(written: tuple[Tacotron2, Path]) -> None:
    model, folder = written
    graphs = TacotronModel(folder)
    for count in (2, 3, 70):
        ids = np.random.default_rng(count).integers(1, 76, count)
        expected = model.generate(torch.from_numpy(ids)[None], max_frames=7, stop_threshold=1.0)[0]
        np.testing.assert_allclose(graphs.speak(ids, None, 7, 1.0).mel, expected.mel, atol=1e-4)
    assert len(graphs.speak(IDS, stop_threshold=1.0).mel) == frame_limit(12, graphs.features) == 379


def test_the_comparison_sees_a_difference(written: tuple[Tacotron2, Path]) -> None:
    assert compare_tacotron(written[0], TacotronModel(written[1])).mel_max_error < 1e-4
    assert compare_tacotron(network(1), TacotronModel(written[1])).mel_max_error > 1e-2


def test_nan_is_no_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export_and_break(model: Tacotron2, *arguments: Any) -> dict[str, Path]:
        graphs = export_graphs(model, *arguments)
        model.set_normalisation(torch.full((80,), torch.nan), torch.full((80,), 2.0))
        return graphs

    monkeypatch.setattr("vivavoce.export.tacotron2.export_graphs", export_and_break)
    with pytest.raises(ModelError, match=r"differ from torch: .*mel_max_error=nan"):
        write_tacotron_bundle(network(), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_what_the_bundle_says(written: tuple[Tacotron2, Path]) -> None:
    model, folder = written
    facts = json.loads((folder / "bundle.json").read_text())
    assert (facts["kind"], facts["training"], facts["step"]["reduction"]) == ("tacotron2", {"updates": 7}, 3)
    assert facts["step"]["prenet_dropout_per_mille"] == 400
    assert facts["parity"]["mel_max_error"] < 1e-4
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    graph = onnx.load(folder / "step.onnx").graph
    assert [value.name for value in graph.input] == list(STEP_INPUTS)
    assert [value.name for value in graph.output][2:] == [f"next_{name}" for name in STATE]
    assert {node.op_type for node in onnx.load(folder / "encoder.onnx").graph.node} >= {"LSTM", "Conv"}
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_only_a_good_bundle_replaces_another(written: tuple[Tacotron2, Path], tmp_path: Path) -> None:
    assert [path.name for path in written[1].parent.iterdir()] == ["bundle"]
    assert sorted(path.name for path in written[1].iterdir()) == [
        "bundle.json",
        "encoder.onnx",
        "postnet.onnx",
        "step.onnx",
    ]
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "old").write_text("x")
    with pytest.raises(ModelError, match="is no bundle, and would be replaced by one"):
        write_tacotron_bundle(network(2), folder)
    assert [path.name for path in folder.iterdir()] == ["old"]
    (folder / "bundle.json").write_text("{}")
    with pytest.raises(ModelError, match="differ from torch"):
        write_tacotron_bundle(network(2), folder, max_error=-1.0)
    with pytest.raises(ModelError, match="the model has 9 tokens"):
        write_tacotron_bundle(network(dims=TacotronDims(**{**vars(DIMS), "n_tokens": 9})), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_is_not_run(written: tuple[Tacotron2, Path], tmp_path: Path) -> None:
    graphs = TacotronModel(written[1])
    for wrong in ([], [0, 1], [1, 76], [[1, 2]]):
        with pytest.raises(TextError, match="expected one or more, from 1 to 75"):
            graphs.speak(wrong)
    with pytest.raises(ModelError, match="does not exist"):
        TacotronModel(tmp_path / "none")
    facts = json.loads((written[1] / "bundle.json").read_text())

    def bundle(**changes: object) -> Path:
        (tmp_path / "bundle.json").write_text(json.dumps({**facts, **changes}))
        return tmp_path

    for changes, message in (
        ({"kind": "voice"}, "is a 'voice' bundle"),
        ({"tokens": ["a"]}, "other tokens"),
        ({"step": {**facts["step"], "reduction": 0}}, "reduction is 0"),
        ({"postnet": {}}, "has no 'file'"),
        ({}, "has no encoder.onnx"),
    ):
        with pytest.raises(ModelError, match=message):
            TacotronModel(bundle(**changes))


def test_a_run_folder_gives_its_averaged_weights(tmp_path: Path) -> None:
    model, average = network(3), network(4)
    folder = RunFolder(tmp_path)

    def load(averaged: bool = True) -> Tacotron2:
        return load_from_run(tmp_path, "tacotron2", lambda dims: Tacotron2(TacotronDims(**dims)), averaged)

    with pytest.raises(ModelError, match="holds no checkpoint"):
        load()
    folder.save_config({"dims": vars(DIMS)})
    folder.save_checkpoint(1, {**pack("model", model.state_dict()), **pack("average", average.state_dict())}, {})
    for averaged, expected in ((True, average), (False, model)):
        for ours, theirs in zip(load(averaged).parameters(), expected.parameters(), strict=True):
            assert torch.equal(ours, theirs)
    folder.save_config({"dims": {**vars(DIMS), "width": 8}})
    with pytest.raises(ModelError, match="does not fit"):
        load()
