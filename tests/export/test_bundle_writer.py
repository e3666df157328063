"""What an export refuses, and that a refusal leaves everything as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ConfigError, ModelError
from vivavoce.export import bundle_writer
from vivavoce.export.bundle_writer import BundleSettings, load_model, write_bundle
from vivavoce.export.parity import Parity
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims
from vivavoce.runtime.bundle import load_bundle
from vivavoce.training.run_folder import RunFolder, pack

Babble = Callable[..., np.ndarray]


@pytest.fixture
def model(tiny_bundle: Path) -> ConformerCTC:
    dims, weights = torch.load(tiny_bundle.parent / "tiny.pt", weights_only=False)
    model = ConformerCTC(dims).eval()
    model.load_state_dict(weights)
    return model


@pytest.fixture
def tests(tmp_path: Path, babble: Babble) -> list[Utterance]:
    soundfile.write(tmp_path / "a.wav", babble(2.0), 16000)
    return [Utterance("a", str(tmp_path / "a.wav"), "yes", 2.0)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> dict[str, float]:
    """No tracing by PyTorch: the graph is the tiny bundle's. Returns the word error rates to be "measured"."""
    rates: dict[str, float] = {}
    monkeypatch.setattr(bundle_writer, "export_onnx", lambda _, path: shutil.copy(tiny_bundle / "model.onnx", path))
    monkeypatch.setattr(bundle_writer, "measure", lambda folder, _: rates[folder.name])
    return rates


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bound_on_the_word_error_rate(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = BundleSettings(chunk_frames=4, max_wer_increase=0.3)
    quick.update(fp32=0.1000, int8=0.1029)
    facts = write_bundle(model, FeatureConfig(), home / "bundle", settings, tests, {})
    assert facts["parity"]["word_error_rate"] == {"fp32": 0.1, "int8": 0.1029}
    assert json.loads((home / "bundle/bundle.json").read_text()) == facts
    assert load_bundle(home / "bundle").model.precision == "int8"
    (home / "bundle/MODEL_CARD.md").write_text("by people")
    before = files(home)
    quick.update(int8=0.1031)
    with pytest.raises(ModelError, match=r"from 10\.00% to 10\.31%, more than the 0\.3 points allowed"):
        write_bundle(model, FeatureConfig(), home / "bundle", settings, tests, {})
    assert files(home) == before
    quick.update(int8=0.09)
    shutil.copytree(home / "bundle", home / "bundle.replaced")  # left behind by a kill
    write_bundle(model, FeatureConfig(), home / "bundle", settings, tests, {})
    assert {path.name for path in home.iterdir()} == {"bundle"}
    assert (home / "bundle/MODEL_CARD.md").read_text() == "by people"


@pytest.mark.parametrize("error", [0.01, float("nan")])
def test_a_graph_that_differs_from_torch_is_refused(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path, error: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    quick.update(fp32=0.1, int8=0.1)
    monkeypatch.setattr(bundle_writer, "compare", lambda *_: Parity(error, 0.0))
    with pytest.raises(ModelError, match="differs from torch"):
        write_bundle(model, FeatureConfig(), tmp_path / "bundle", BundleSettings(chunk_frames=4), tests, {})
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("found", [Parity(float("nan"), 0.0), Parity(0.2, 0.5), Parity(0.2, float("nan"))])
def test_int8_must_stream_and_be_numbers(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path, found: Parity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    quick.update(fp32=0.1, int8=0.1)
    exact = Parity(1e-6, 1e-6)
    monkeypatch.setattr(bundle_writer, "compare", lambda _, path: exact if path.parent.name == "fp32" else found)
    with pytest.raises(ModelError, match=r"the int8 graph differs from torch by .*Export in fp32"):
        write_bundle(model, FeatureConfig(), tmp_path / "bundle", BundleSettings(chunk_frames=4), tests, {})
    assert not (tmp_path / "bundle").exists()
    write_bundle(model, FeatureConfig(), tmp_path / "bundle", BundleSettings(precision="fp32"), tests, {})


def test_a_bundle_is_written_into_the_working_folder(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    quick.update(fp32=0.1, int8=0.1)
    (tmp_path / "home" / "place").mkdir(parents=True)
    for _ in range(2):
        monkeypatch.chdir(tmp_path / "home" / "place")
        write_bundle(model, FeatureConfig(), ".", BundleSettings(chunk_frames=4), tests, {})
        assert load_bundle(tmp_path / "home" / "place").model.precision == "int8"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["place"]


def test_what_is_no_bundle_is_not_replaced(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path
) -> None:
    quick.update(fp32=0.1, int8=0.1)
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks/mine.txt").write_text("years of work")
    for place in (tmp_path / "talks", tmp_path / "talks/mine.txt"):
        with pytest.raises(ModelError, match=f"{place.name} is no bundle, and would be replaced"):
            write_bundle(model, FeatureConfig(), place, BundleSettings(chunk_frames=4), tests, {})
    assert files(tmp_path / "talks") == {"mine.txt": b"years of work"}
    (tmp_path / "empty").mkdir()
    write_bundle(model, FeatureConfig(), tmp_path / "empty", BundleSettings(chunk_frames=4), tests, {})
    assert load_bundle(tmp_path / "empty")


def test_tests_without_text_measure_nothing(model: ConformerCTC, tests: list[Utterance], tmp_path: Path) -> None:
    silent = Utterance("a", tests[0].audio, " ", 2.0)
    for wrong in ([], [silent]):
        with pytest.raises(ModelError, match="no test utterances"):
            write_bundle(model, FeatureConfig(), tmp_path / "bundle", BundleSettings(), wrong, {})


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match=r"precision is 'int4'; expected int8 or fp32"):
        BundleSettings(precision="int4")
    with pytest.raises(ConfigError, match="chunk_frames is 0"):
        BundleSettings(chunk_frames=0)


@torch.inference_mode()
def test_a_temperature_divides_the_logits_of_the_phones_alone(tmp_path: Path) -> None:
    dims = ConformerDims(n_features=12, width=32, layers=2, heads=2, feed_forward=48, phone_layer=1, final_phones=True)
    model = ConformerCTC(dims).eval()
    path = RunFolder(tmp_path).save_checkpoint(1, pack("average", model.state_dict()), {})
    cooled = load_model(path, dims, temperature=1.6)
    x, lengths = torch.randn(1, 160, 12), torch.tensor([20])
    before, after = model(x, lengths, 4), cooled(x, lengths, 4)
    torch.testing.assert_close(after.phone_log_probs, (before.phone_log_probs / 1.6).log_softmax(-1))
    assert torch.equal(after.log_probs, before.log_probs)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="temperature is"):
            load_model(path, dims, temperature=wrong)
    with pytest.raises(ConfigError, match=r"1 without dims\.final_phones"):
        load_model(path, replace(dims, final_phones=False), temperature=1.6)


def test_a_new_export_keeps_the_card_and_the_language_model(
    model: ConformerCTC, tests: list[Utterance], quick: dict[str, float], tmp_path: Path
) -> None:
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.decoding.ngram_counts import count_ngrams, number_words
    from vivavoce.decoding.ngram_training import estimate
    from vivavoce.decoding.word_scorer import Weights
    from vivavoce.runtime.bundle import attach_language_model

    quick.update(fp32=0.1, int8=0.1)
    folder, settings = tmp_path / "bundle", BundleSettings(chunk_frames=4)
    write_bundle(model, FeatureConfig(), folder, settings, tests, {})
    assert load_bundle(folder).language_model is None
    text = number_words([["a", "b"], ["b", "a", "c"]] * 3)
    NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables).save(tmp_path / "some.lm")
    attach_language_model(folder, tmp_path / "some.lm", Weights(model=0.7))
    (folder / "MODEL_CARD.md").write_text("words")
    before = load_bundle(folder).language_model
    facts = write_bundle(model, FeatureConfig(), folder, settings, tests, {})
    assert before is not None
    assert load_bundle(folder).language_model == before
    assert facts["language_model"]["weights"]["model"] == 0.7
    assert (folder / "MODEL_CARD.md").read_text() == "words"
    assert sorted(path.name for path in folder.iterdir()) == ["MODEL_CARD.md", "bundle.json", "model.onnx", "words.lm"]


def test_chunks_must_agree_with_the_whole(
    model: ConformerCTC,
    tests: list[Utterance],
    quick: dict[str, float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle_writer, "compare", lambda *_: Parity(1e-6, 0.5))
    with pytest.raises(ModelError, match=r"differs in chunks from itself by 5\.00e-01"):
        write_bundle(model, FeatureConfig(), tmp_path / "bundle", BundleSettings(), tests, {})
    assert not (tmp_path / "bundle").exists()
