"""The acoustic graph: what goes in and out, any lengths, and that it equals torch."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from vivavoce.errors import ModelError
from vivavoce.export.acoustic import (
    INPUTS,
    OUTPUTS,
    compare_acoustic,
    export_acoustic_onnx,
    load_fastpitch,
    write_acoustic,
)
from vivavoce.models.fastpitch import SPACE_ID, FastPitch, FastPitchDims
from vivavoce.training.run_folder import RunFolder, pack

DIMS = FastPitchDims(
    width=16, encoder_blocks=3, decoder_blocks=1, heads=2, fine_width=8, fine_blocks=1, predictor_width=8
)


def make_run(folder: Path, net: FastPitch) -> Path:
    run = RunFolder(folder)
    run.save_config({"dims": asdict(net.dims), "updates": 7})
    average = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    run.save_checkpoint(7, {**pack("model", net.state_dict()), **pack("average", average)}, {"position": {}})
    return folder


@pytest.fixture(scope="module", params=[1, 2], ids=["one speaker", "one of two speakers"])
def net(request: pytest.FixtureRequest) -> FastPitch:
    torch.manual_seed(3)
    net = FastPitch(replace(DIMS, speakers=request.param)).eval()
    net.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0), 0.2, 0.8)
    with torch.no_grad():
        net.duration.out.bias.fill_(1.4)
    return net


@pytest.fixture(scope="module")
def written(net: FastPitch, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("acoustic")
    facts = write_acoustic(load_fastpitch(make_run(folder / "run", net)), folder / "acoustic.onnx")
    return folder / "acoustic.onnx", facts


def test_graph_says_what_the_runtime_expects(written: tuple[Path, dict[str, object]]) -> None:
    session = onnxruntime.InferenceSession(str(written[0]))
    assert [(value.name, value.type) for value in session.get_inputs()] == [
        ("tokens", "tensor(int64)"),
        *((name, "tensor(float)") for name in INPUTS[1:]),
    ]
    assert tuple(value.name for value in session.get_outputs()) == OUTPUTS
    for count in (3, 4, 57):
        tokens = np.full((1, count), 30, np.int64)
        tokens[0, 2:-1:3] = SPACE_ID
        ones = np.ones((1, count), np.float32)
        mel, durations = session.run(
            None, {"tokens": tokens, "duration_scale": ones, "pitch_shift": 0 * ones, "energy_shift": 0 * ones}
        )
        assert durations.dtype == np.int64
        assert durations.shape == (1, count)
        assert mel.shape == (1, int(durations.sum()), 80)
        assert np.isfinite(mel).all()


def test_graph_equals_torch(net: FastPitch, written: tuple[Path, dict[str, object]]) -> None:
    path, facts = written
    parity = compare_acoustic(net, path)
    assert parity.max_error < 1e-4
    assert parity.other_durations <= 1
    assert facts["parity"] == {"mel_max_error": parity.max_error, "mel_mean_error": parity.mean_error}
    with torch.no_grad():
        net.decoder.out.bias.add_(0.5)  # by half a deviation of 2
        changed = compare_acoustic(net, path)
        net.decoder.out.bias.sub_(0.5)
    assert changed.max_error == pytest.approx(1.0, abs=1e-3)


def test_a_run_without_a_checkpoint_is_refused(net: FastPitch, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no checkpoint"):
        load_fastpitch(tmp_path)
    run = make_run(tmp_path / "run", net)
    stated = json.loads((run / "config.json").read_text())
    stated["dims"]["width"] = 32
    (run / "config.json").write_text(json.dumps(stated))
    with pytest.raises(ModelError, match="does not fit its config"):
        load_fastpitch(run)


def test_nan_is_no_parity(net: FastPitch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = copy.deepcopy(net)

    def export_and_break(*arguments: Any) -> Path:
        path = export_acoustic_onnx(*arguments)
        with torch.no_grad():
            net.decoder.out.bias[0] = torch.nan
        return path

    monkeypatch.setattr("vivavoce.export.acoustic.export_acoustic_onnx", export_and_break)
    with pytest.raises(ModelError, match=r"differs from torch: .*max_error=nan"):
        write_acoustic(net, tmp_path / "acoustic.onnx")
    assert list(tmp_path.iterdir()) == []
