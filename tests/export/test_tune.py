"""Tuning: every form is what it says, the winner is within the bound, and a bundle is written that runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.errors import ConfigError, ModelError
from vivavoce.export.quantize import quantize_weights, unpack_weights
from vivavoce.export.tune import DYNAMIC, tune, write_precisions, write_winner
from vivavoce.runtime.bundle import load_bundle
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, babble: Babble) -> list[Utterance]:
    """Recordings whose text is what the bundle itself reads, so that its word errors are 0."""
    folder = tmp_path_factory.mktemp("tests")
    recognizer = Recognizer(tiny_bundle)
    made = []
    for number in range(4):
        path = folder / f"{number}.wav"
        soundfile.write(path, babble(2.0, seed=50 + number), 16000)
        made.append(Utterance(str(number), str(path), recognizer.transcribe(path).text, 2.0))
    return made


def test_unpacked_weights_give_the_same_results(tiny_bundle: Path, tmp_path: Path, babble: Babble) -> None:
    precisions = write_precisions(tiny_bundle, tmp_path / "forms")
    assert quantize_weights(tiny_bundle / "model.onnx", tmp_path / "packed.onnx") > 10
    assert unpack_weights(tmp_path / "packed.onnx", tmp_path / "plain.onnx") > 10
    again = tmp_path / "again"
    precisions["int8 weights"].rename(again)
    waveform = babble(2.0, seed=60)
    expected = Recognizer(again).log_probs(waveform)
    unpacked = write_precisions(again, tmp_path / "more")
    assert list(unpacked) == ["int8 weights", "fp32", *DYNAMIC]
    np.testing.assert_allclose(Recognizer(unpacked["fp32"]).log_probs(waveform), expected, atol=1e-5)
    sizes = {name: (path / "model.onnx").stat().st_size for name, path in unpacked.items()}
    assert sizes["int8 weights"] < sizes["fp32"]


def test_the_winner_is_allowed_and_written(tiny_bundle: Path, tests: list[Utterance], tmp_path: Path) -> None:
    result = tune(tiny_bundle, tests, tmp_path / "forms", max_wer_increase=0.0)
    own = result.rows[0]
    assert (own.form.precision, own.wer, own.unlike_file, own.allowed) == ("fp32", 0.0, 0, True)
    assert [row.form.precision for row in result.rows[:5]] == ["fp32", "int8 weights", *DYNAMIC]
    for row in result.rows:
        assert row.real_time_factor > 0
        assert row.chunk_seconds > 0
        assert row.allowed == (row.wer <= own.wer and row.form.precision not in DYNAMIC)
    tried = [row for row in result.rows[:5] if row.allowed]
    assert result.winner.real_time_factor == min(row.real_time_factor for row in tried)
    assert {row.form.chunk_frames for row in result.rows} == {4, 8, 2, 1}
    assert {row.form.optimization for row in result.rows} == {"all", "none", "basic", "extended"}
    assert {row.form.threads for row in result.rows} == {1, 2}
    assert any(row.on_front for row in result.rows)
    write_winner(result, tmp_path / "tuned")
    bundle = load_bundle(tmp_path / "tuned")
    assert bundle.model.precision == {"fp32": "fp32", "int8 weights": "int8"}[result.winner.form.precision]
    assert len(bundle.facts["tuning"]["rows"]) == len(result.rows)
    assert Recognizer(bundle).transcribe(tests[0].audio).text
    with pytest.raises(ConfigError, match="is there already"):
        write_winner(result, tmp_path / "tuned")


def test_dynamic_forms_win_only_when_they_may(tiny_bundle: Path, tests: list[Utterance], tmp_path: Path) -> None:
    result = tune(tiny_bundle, tests[:1], tmp_path / "forms", max_wer_increase=100.0, allow_dynamic=True)
    assert all(row.allowed for row in result.rows if row.wer <= 1.0)
    assert result.winner.real_time_factor == min(row.real_time_factor for row in result.rows[:5])


def test_what_cannot_be_tuned(tiny_bundle: Path, tests: list[Utterance], tmp_path: Path) -> None:
    for bound, chosen in ((-0.1, tests), (float("nan"), tests), (0.2, [])):
        with pytest.raises(ConfigError, match="expected 0 or more"):
            tune(tiny_bundle, chosen, tmp_path / "forms", bound)
    rounded = write_precisions(tiny_bundle, tmp_path / "forms")["int8 dynamic, by channel"]
    with pytest.raises(ModelError, match="is of precision int8-dynamic"):
        tune(rounded, tests, tmp_path / "more")


def test_the_command(tiny_bundle: Path, tests: list[Utterance], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from vivavoce.cli.tune import tune as command
    from vivavoce.data.manifest import write_manifest

    write_manifest(tmp_path / "test.jsonl", tests)
    command(tiny_bundle, [tmp_path / "test.jsonl"], tmp_path / "tuned", limit=2)
    out, err = capsys.readouterr()
    assert "| weights | look-ahead |" in out.replace("**", "")
    assert out.count("\n|") >= 11
    assert "winner: " in out
    assert "wrote" in err
    assert (tmp_path / "tuned" / "bundle.json").is_file()
    command(tiny_bundle, [tmp_path / "test.jsonl"], None, limit=1, form="json")
    assert len(json.loads(capsys.readouterr().out)["rows"]) >= 10
    with pytest.raises(ConfigError, match="is there already"):
        command(tiny_bundle, [tmp_path / "test.jsonl"], tmp_path / "tuned")
