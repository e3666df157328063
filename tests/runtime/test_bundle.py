"""Bundles: what is read, and every refusal with its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError
from vivavoce.runtime import bundle as bundles
from vivavoce.runtime.bundle import default_bundle, load_bundle
from vivavoce.runtime.encoder import Encoder
from vivavoce.runtime.session import open_session
from vivavoce.text.alphabet import Alphabet

Facts = dict[str, Any]


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Callable[..., Path]:
    """copy(change): a copy of the tiny bundle, whose bundle.json went through `change`."""

    def make(change: Callable[[Facts], None] = lambda facts: None) -> Path:
        folder = shutil.copytree(tiny_bundle, tmp_path / "copy")
        facts = json.loads((folder / "bundle.json").read_text())
        change(facts)
        (folder / "bundle.json").write_text(json.dumps(facts))
        return folder

    return make


def test_what_is_read(tiny_bundle: Path) -> None:
    bundle = load_bundle(str(tiny_bundle))
    assert (bundle.name, bundle.language, bundle.sample_rate) == ("tiny", "en", 16000)
    assert bundle.features == FeatureConfig()
    assert bundle.tokens == Alphabet.characters()
    assert bundle.model_path.is_file()
    assert bundle.frame_seconds == pytest.approx(0.04)  # 10 ms, eight to an encoder frame, two outputs of each
    assert (bundle.model.layers, bundle.model.width, bundle.model.chunk_frames) == (2, 32, 4)


def test_further_facts_are_for_people(copy: Callable[..., Path]) -> None:
    bundle = load_bundle(copy(lambda facts: facts["model"].update(comment="a note")))
    assert bundle.facts["model"]["comment"] == "a note"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda facts: facts.update(format="zip"), "format 'zip'"),
        (lambda facts: facts.update(format_version=2), "format 2; this version reads 1. Update"),
        (lambda facts: facts.pop("format_version"), "format None"),
        (lambda facts: facts.update(kind="voice"), "'voice' bundle; expected a recognizer"),
        (lambda facts: facts.pop("tokens"), "has no 'tokens'"),
        (lambda facts: facts["model"].pop("layers"), "has no 'layers'"),
        (lambda facts: facts.update(model=None), "cannot be honoured"),
        (lambda facts: facts.update(features=3), "cannot be honoured"),
        (lambda facts: facts["model"].update(layers="2"), "model.layers is '2'; expected an integer"),
        (lambda facts: facts["model"].update(chunk_frames=0), "model.chunk_frames is 0; expected an integer, 1 or"),
        (lambda facts: facts["model"].update(file=7), "model.file is 7; expected a text"),
        (lambda facts: facts["model"].update(file="../model.onnx"), "expected the name of a file inside"),
        (lambda facts: facts["model"].update(file="other.onnx"), "has no other.onnx"),
        (lambda facts: facts["model"].update(sha256="0" * 64), "expected 000000000000"),
        (lambda facts: facts["features"].update(whitening=True), "unknown settings: whitening"),
        (lambda facts: facts["features"].update(n_fft=-1), "n_fft is -1"),
        (lambda facts: facts["features"].update(sample_rate=8000), "8000 Hz and sample_rate is 16000"),
        (lambda facts: facts["features"].update(range_below_peak=8.0), "cannot be streamed"),
        (lambda facts: facts["features"].update(log="log10"), "natural logarithms only"),
        (lambda facts: facts["features"].update(kind="mfcc"), "plain log_mel"),
        (lambda facts: facts.update(tokens=Alphabet.phones().to_dict()), "no space between words"),
        (lambda facts: facts["tokens"].update(blank_id=99), "blank_id is 99"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    copy: Callable[..., Path], change: Callable[[Facts], None], reason: str
) -> None:
    folder = copy(change)
    with pytest.raises(ModelError) as caught:
        load_bundle(folder)
    assert reason in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda facts: facts["tokens"]["tokens"].append("é"), "has 29 tokens, bundle.json 30"),
        (lambda facts: facts["features"].update(n_mels=64), "has 80 features, bundle.json 64"),
        (lambda facts: facts["model"].update(layers=3), "has 2 layers, bundle.json 3"),
        (lambda facts: facts["model"].update(left_frames=64), "has 12 left_frames, bundle.json 64"),
        (lambda facts: facts["model"].update(width=64), "has 32 width, bundle.json 64"),
        (lambda facts: facts["model"].update(convolution_frames=8), "has 4 convolution_frames, bundle.json 8"),
    ],
)
def test_a_graph_of_other_shapes_is_refused(
    copy: Callable[..., Path], change: Callable[[Facts], None], reason: str
) -> None:
    bundle = load_bundle(copy(change))
    with pytest.raises(ModelError, match=reason):
        Encoder(bundle)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere does not exist"):
        load_bundle(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"holds no bundle\.json"):
        load_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text("{not json")
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text("[]")
    with pytest.raises(ModelError, match="holds a JSON list"):
        load_bundle(tmp_path)
    with pytest.raises(ModelError, match="is not a folder"):
        load_bundle(tmp_path / "bundle.json")


def test_an_installation_without_its_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "DEFAULT_RECOGNIZER", "asr-none")
    with pytest.raises(ModelError, match=r"no default recogniser.*asr-none.*--bundle"):
        default_bundle()


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph at all")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be run by onnxruntime"):
        open_session(tmp_path / "model.onnx")


def test_a_graph_of_something_else(copy: Callable[..., Path], tmp_path: Path) -> None:
    import hashlib

    from onnx import TensorProto, helper, save

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", value[:1], value[1:])
    other = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    folder = copy()
    save(other, folder / "model.onnx")
    facts = json.loads((folder / "bundle.json").read_text())
    facts["model"]["sha256"] = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="has no features, lengths, chunk_frames, front_cache"):
        Encoder(load_bundle(folder))
