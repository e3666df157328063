"""Voice activity bundles: what is read, every refusal with its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.export.voice_activity import ActivityBundleSettings, write_activity_bundle
from vivavoce.models.voice_activity import ActivityDims, VoiceActivityNet
from vivavoce.runtime import activity_model
from vivavoce.runtime.activity_model import ActivityModel, default_activity_bundle, load_activity_bundle

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def tiny_activity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = VoiceActivityNet(ActivityDims(width=8, dilations=(1, 3), lookahead_frames=2))
    folder = tmp_path_factory.mktemp("activity") / "bundle"
    write_activity_bundle(net, FeatureConfig(), folder, ActivityBundleSettings("tiny", block_frames=5))
    return folder


@pytest.fixture
def copy(tiny_activity: Path, tmp_path: Path) -> Callable[..., Path]:
    """copy(change): a copy of the bundle, whose bundle.json went through `change`."""

    def make(change: Callable[[Facts], None] = lambda facts: None) -> Path:
        folder = shutil.copytree(tiny_activity, tmp_path / "copy")
        facts = json.loads((folder / "bundle.json").read_text())
        change(facts)
        (folder / "bundle.json").write_text(json.dumps(facts))
        return folder

    return make


def test_a_block_and_its_state(tiny_activity: Path) -> None:
    model = ActivityModel(str(tiny_activity))
    state = model.initial_state()
    block = np.random.default_rng(0).standard_normal((5, 80)).astype(np.float32)
    probabilities, following = model.run(block, state)
    assert probabilities.shape == (5,)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert following.features.shape == state.features.shape == (1, 2, 80)
    assert following.blocks.shape == state.blocks.shape == (1, 8, 8)
    again, _ = model.run(block, state)  # a state is not used up
    assert np.array_equal(again, probabilities)
    later, _ = model.run(block, following)
    assert not np.array_equal(later, probabilities)


def test_further_facts_are_for_people(copy: Callable[..., Path]) -> None:
    bundle = load_activity_bundle(copy(lambda facts: facts["model"].update(comment="a note")))
    assert bundle.facts["model"]["comment"] == "a note"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda facts: facts.update(format="zip"), "format 'zip'"),
        (lambda facts: facts.update(format_version=2), "format 2; this version reads 1. Update"),
        (lambda facts: facts.update(kind="voice"), "is a 'voice' bundle; expected one of kind 'voice_activity'"),
        (lambda facts: facts.pop("features"), "has no 'features'"),
        (lambda facts: facts["model"].pop("width"), "has no 'width'"),
        (lambda facts: facts.update(model=None), "cannot be honoured"),
        (lambda facts: facts["model"].update(width="8"), "model.width is '8'; expected an integer, 1"),
        (lambda facts: facts["model"].update(lookahead_frames=-1), "lookahead_frames is -1; expected an integer, 0"),
        (lambda facts: facts["model"].update(file=7), "model.file is 7; expected a text"),
        (lambda facts: facts["model"].update(file="../model.onnx"), "expected the name of a file inside"),
        (lambda facts: facts["model"].update(file="other.onnx"), "has no other.onnx"),
        (lambda facts: facts["model"].update(sha256="0" * 64), "expected 000000000000"),
        (lambda facts: facts["features"].update(whitening=True), "unknown settings: whitening"),
        (lambda facts: facts["features"].update(range_below_peak=8.0), "told frame by frame"),
        (lambda facts: facts["features"].update(padding="reflect"), "told frame by frame"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    copy: Callable[..., Path], change: Callable[[Facts], None], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        load_activity_bundle(copy(change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda facts: facts["model"].update(block_frames=6), "takes features of shape"),
        (lambda facts: facts["model"].update(width=9), "takes block_cache of shape"),
        (lambda facts: facts["features"].update(n_mels=40), "takes features of shape"),
    ],
)
def test_a_graph_of_other_shapes_is_refused(
    copy: Callable[..., Path], change: Callable[[Facts], None], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        ActivityModel(copy(change))


def test_a_graph_of_other_names_is_refused(tiny_bundle: Path, copy: Callable[..., Path]) -> None:
    recognizer = json.loads((tiny_bundle / "bundle.json").read_text())
    folder = copy(lambda facts: facts["model"].update(sha256=recognizer["model"]["sha256"]))
    shutil.copy2(tiny_bundle / "model.onnx", folder / "model.onnx")
    with pytest.raises(ModelError, match="has no feature_cache, block_cache, probabilities"):
        ActivityModel(folder)


def test_folders_and_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"holds no bundle\.json"):
        load_activity_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text("[1]")
    with pytest.raises(ModelError, match="format 'list'"):
        load_activity_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_activity_bundle(tmp_path)
    monkeypatch.setattr(activity_model, "DEFAULT_ACTIVITY", "nothing-here")
    with pytest.raises(ModelError, match="has no voice activity bundle"):
        default_activity_bundle()
