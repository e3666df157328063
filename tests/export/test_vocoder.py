"""A vocoder's graph: equal to torch, the same in chunks, refused when it is none or damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from vivavoce.errors import AudioError, ModelError
from vivavoce.export.to_onnx import write_graph
from vivavoce.export.vocoder import VocoderParity, compare_vocoder, export_run, export_vocoder, load_vocos
from vivavoce.models.vocos import Vocos, VocosDims
from vivavoce.runtime.vocoder import Vocoder
from vivavoce.training.run_folder import RunFolder, pack

DIMS = VocosDims(width=24, layers=2, hidden=48, pitch_width=16, pitch_layers=1)
MEAN = np.linspace(-2.0, -9.0, 80, dtype=np.float32)  # as in speech, most of it is below


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocos, Path]:
    """A vocoder of random weights whose pitch wanders, and its graph."""
    torch.manual_seed(5)
    net = Vocos(DIMS).eval()
    net.set_normalisation(torch.from_numpy(MEAN), torch.full((80,), 2.0))
    with torch.no_grad():
        net.pitch.out.weight.mul_(5.0)
        net.filter.out.weight.mul_(5.0)
    path = tmp_path_factory.mktemp("vocoder") / "vocoder.onnx"
    parity = export_vocoder(net, path)
    assert 0.05 < parity.peak < 5.0
    assert parity.max_error < 1e-3 * parity.peak
    return net, path


@pytest.fixture(scope="module")
def log_mel() -> np.ndarray:
    wander = np.random.default_rng(1).standard_normal((173, 80)).cumsum(axis=0)
    return (MEAN + 2.0 * np.tanh(0.2 * wander)).astype(np.float32)


def test_chunks_of_any_length_give_the_samples_of_the_whole(made: tuple[Vocos, Path], log_mel: np.ndarray) -> None:
    graph = Vocoder(made[1])
    assert graph.context_frames == DIMS.context_frames == 11
    whole = graph(log_mel)
    assert len(whole) == 256 * len(log_mel)
    assert np.abs(whole).max() > 0.05
    for size in (1, 5, 12, 40, 173, 500):
        pieces = list(graph.stream(log_mel[start : start + size] for start in range(0, len(log_mel), size)))
        assert sum(map(len, pieces)) == len(whole)
        assert np.abs(np.concatenate(pieces) - whole).max() < 1e-3 * np.abs(whole).max()  # a wrong phase makes it 1


def test_a_piece_comes_when_its_context_is_there(made: tuple[Vocos, Path], log_mel: np.ndarray) -> None:
    graph, given = Vocoder(made[1]), 0

    def chunks() -> object:
        nonlocal given
        for start in range(0, 60, 10):
            given = start + 10
            yield log_mel[start : start + 10]

    done = 0
    for piece in graph.stream(chunks()):  # type: ignore[arg-type]
        done += len(piece) // 256
        assert done == given - graph.context_frames or given == 60
    assert done == 60
    assert list(graph.stream([])) == []


def test_whole_is_what_torch_makes(made: tuple[Vocos, Path], log_mel: np.ndarray) -> None:
    net, path = made
    with torch.inference_mode():
        expected = net(torch.from_numpy(log_mel[None])).waveform[0].numpy()
    assert np.abs(Vocoder(path)(log_mel) - expected).max() < 1e-3 * np.abs(expected).max()
    assert compare_vocoder(net, Vocoder(path), log_mel).peak == pytest.approx(np.abs(expected).max())


def test_int8_weights_make_a_smaller_graph_of_nearly_the_same_spectra(made: tuple[Vocos, Path], tmp_path: Path) -> None:
    parity = export_vocoder(made[0], tmp_path / "int8.onnx", "int8")
    plain, packed = (compare_vocoder(made[0], Vocoder(path)) for path in (made[1], tmp_path / "int8.onnx"))
    assert parity == replace(packed, max_error=plain.max_error, int8_max_error=packed.max_error)
    assert parity.max_error < 1e-3 * parity.peak < packed.max_error
    kinds = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert "DequantizeLinear" in kinds
    assert Vocoder(tmp_path / "int8.onnx").context_frames == DIMS.context_frames


def test_a_run_is_exported_from_its_averaged_weights(
    made: tuple[Vocos, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import asdict

    folder = RunFolder(tmp_path)
    folder.save_config({"dims": asdict(DIMS)})
    with pytest.raises(ModelError, match="no checkpoint"):
        load_vocos(tmp_path)
    average = pack("average", pack("vocoder", made[0].state_dict()))
    other = pack("model", pack("vocoder", Vocos(DIMS).state_dict()))
    folder.save_checkpoint(3, {**average, **other}, {})
    export_run(tmp_path, tmp_path / "v.onnx")
    assert "graph against torch" in capsys.readouterr().out
    frames = np.full((30, 80), -5.0, np.float32)
    assert np.allclose(Vocoder(tmp_path / "v.onnx")(frames), Vocoder(made[1])(frames), atol=1e-6)
    folder.save_config({"dims": asdict(VocosDims(width=8))})
    with pytest.raises(ModelError, match="does not fit"):
        load_vocos(tmp_path)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_float_graph_that_is_not_torchs_is_not_kept(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the weights that are stored in the end: int8 is not what made it wrong."""
    for shift in (2.0, torch.nan):
        torch.manual_seed(5)
        net = Vocos(DIMS).eval()
        net.set_normalisation(torch.from_numpy(MEAN), torch.full((80,), 2.0))

        def export_and_break(*arguments: Any, net: Vocos = net, shift: float = shift) -> None:
            write_graph(*arguments)
            with torch.no_grad():
                net.filter.out.bias.add_(shift)

        monkeypatch.setattr("vivavoce.export.vocoder.write_graph", export_and_break)
        with pytest.raises(ModelError, match=r"differs from torch by (nan|\d)"):
            export_vocoder(net, tmp_path / "v.onnx", precision)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("precision", "place"), [("fp32", 0), ("int8", 0), ("int8", 1)])
@pytest.mark.parametrize("error", [0.5, float("nan")])
def test_a_graph_that_is_another_in_chunks_is_not_kept(
    made: tuple[Vocos, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, place: int, error: float
) -> None:
    parities = [VocoderParity(0.0, 0.0, 1.0), VocoderParity(0.3, 0.0, 1.0)]
    parities[place] = replace(parities[place], stream_max_error=error)
    monkeypatch.setattr("vivavoce.export.vocoder.compare_vocoder", lambda *_: parities.pop(0))
    with pytest.raises(ModelError, match="differs in chunks from itself" + place * " with int8 weights"):
        export_vocoder(made[0], tmp_path / "v.onnx", precision)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_is_not_exported(tmp_path: Path) -> None:
    net = Vocos(DIMS)
    with torch.no_grad():
        net.filter.out.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        export_vocoder(net, tmp_path / "v.onnx")
    assert not (tmp_path / "v.onnx").exists()


def test_other_graphs_and_other_frames_are_refused(made: tuple[Vocos, Path], tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be run"):
        Vocoder(tmp_path / "junk.onnx")
    plain = onnx.load(made[1])
    plain.ClearField("metadata_props")
    onnx.save(plain, tmp_path / "plain.onnx")
    with pytest.raises(ModelError, match="no vocoder"):
        Vocoder(tmp_path / "plain.onnx")
    graph = Vocoder(made[1])
    with pytest.raises(AudioError, match=r"\(T, 80\)"):
        graph(np.zeros((80, 7), np.float32))
    with pytest.raises(AudioError, match="NaN"):
        graph(np.full((5, 80), np.nan, np.float32))
