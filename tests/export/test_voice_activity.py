"""The activity graph against torch, block by block; what a bundle says; what is refused and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.export.voice_activity import (
    ActivityBundleSettings,
    compare_activity,
    export_activity_onnx,
    load_activity_net,
    write_activity_bundle,
)
from vivavoce.models.voice_activity import ActivityDims, VoiceActivityNet
from vivavoce.runtime.activity_model import INPUTS, OUTPUTS, ActivityModel, load_activity_bundle
from vivavoce.runtime.bundle import load_bundle
from vivavoce.training.run_folder import RunFolder, pack

DIMS = ActivityDims(width=16, dilations=(1, 2, 7), lookahead_frames=3)


def network(seed: int = 0) -> VoiceActivityNet:
    torch.manual_seed(seed)
    net = VoiceActivityNet(DIMS).eval()
    net.set_normalisation(torch.full((80,), -6.0), torch.full((80,), 3.0))
    with torch.no_grad():
        net.out.weight.mul_(20.0)  # probabilities of every size
    return net


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[VoiceActivityNet, Path]:
    net, folder = network(), tmp_path_factory.mktemp("activity") / "bundle"
    write_activity_bundle(net, FeatureConfig(), folder, ActivityBundleSettings("tiny", block_frames=6), {"hours": 1.5})
    return net, folder


def test_the_graph_is_torch_block_by_block(written: tuple[VoiceActivityNet, Path]) -> None:
    net, folder = written
    assert compare_activity(net, ActivityModel(folder)) < 1e-5


def test_the_comparison_sees_a_difference(written: tuple[VoiceActivityNet, Path]) -> None:
    assert compare_activity(network(seed=1), ActivityModel(written[1])) > 1e-2


def test_names_and_shapes(written: tuple[VoiceActivityNet, Path]) -> None:
    graph = onnx.load(written[1] / "model.onnx").graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*graph.input, *graph.output]}
    assert [value.name for value in graph.input] == list(INPUTS)
    assert [value.name for value in graph.output] == list(OUTPUTS)
    assert shapes["features"] == [1, 6, 80]
    assert shapes["probabilities"] == [1, 6]
    assert shapes["block_cache"] == shapes["next_block_cache"] == [1, DIMS.past_frames, 16]
    assert shapes["feature_cache"] == shapes["next_feature_cache"] == [1, 2, 80]


def test_what_the_bundle_says(written: tuple[VoiceActivityNet, Path]) -> None:
    net, folder = written
    bundle = load_activity_bundle(folder)
    assert (bundle.name, bundle.features) == ("tiny", FeatureConfig())
    assert (bundle.model.block_frames, bundle.model.lookahead_frames, bundle.model.past_frames) == (6, 3, 20)
    assert bundle.facts["kind"] == "voice_activity"
    assert bundle.facts["training"] == {"hours": 1.5}
    assert bundle.facts["parity"]["torch_max_error"] < 1e-5
    assert bundle.facts["model"]["parameters"] == sum(p.numel() for p in net.parameters())
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bundle"]  # nothing left lying about


def test_it_is_no_recogniser(written: tuple[VoiceActivityNet, Path], tiny_bundle: Path) -> None:
    with pytest.raises(ModelError, match="is a 'voice_activity' bundle; expected a recognizer"):
        load_bundle(written[1])
    with pytest.raises(ModelError, match="is a 'recognizer' bundle; expected one of kind 'voice_activity'"):
        load_activity_bundle(tiny_bundle)


def test_a_bundle_in_its_place_is_replaced_but_for_the_card(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    write_activity_bundle(network(), FeatureConfig(), folder)
    (folder / "MODEL_CARD.md").write_text("ours")
    (folder / "other").write_text("x")
    write_activity_bundle(network(2), FeatureConfig(), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["MODEL_CARD.md", "bundle.json", "model.onnx"]
    assert compare_activity(network(2), ActivityModel(folder)) < 1e-5
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ModelError, match="is no bundle, and would be replaced by one"):
        write_activity_bundle(network(2), FeatureConfig(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


def test_a_wrong_graph_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="differs from torch"):
        write_activity_bundle(network(), FeatureConfig(), tmp_path / "bundle", ActivityBundleSettings(max_error=-1.0))
    assert list(tmp_path.iterdir()) == []


def test_nan_is_no_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export_and_break(net: VoiceActivityNet, *arguments: Any) -> Path:
        path = export_activity_onnx(net, *arguments)
        net.set_normalisation(torch.full((80,), torch.nan), torch.full((80,), 3.0))
        return path

    monkeypatch.setattr("vivavoce.export.voice_activity.export_activity_onnx", export_and_break)
    with pytest.raises(ModelError, match="differs from torch by nan"):
        write_activity_bundle(network(), FeatureConfig(), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_diverged_network_is_refused(tmp_path: Path) -> None:
    net = network()
    with torch.no_grad():
        net.out.weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"out\.weight is not finite"):
        export_activity_onnx(net, tmp_path / "model.onnx", 8)


def test_the_graph_tells_nothing_of_this_machine(written: tuple[VoiceActivityNet, Path]) -> None:
    content = (written[1] / "model.onnx").read_bytes() + (written[1] / "bundle.json").read_bytes()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_a_checkpoint_gives_its_averaged_weights(tmp_path: Path) -> None:
    net, average = network(3), network(4)
    tensors = {**pack("model", net.state_dict()), **pack("average", average.state_dict())}
    path = RunFolder(tmp_path).save_checkpoint(1, tensors, {})
    assert path is not None
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 9, 80)).astype(np.float32))
    with torch.inference_mode():
        assert torch.equal(load_activity_net(path, DIMS)(x).logits, average(x).logits)
        assert torch.equal(load_activity_net(path, DIMS, averaged=False)(x).logits, net(x).logits)
    with pytest.raises(ModelError, match="does not fit ActivityDims"):
        load_activity_net(path, ActivityDims())
