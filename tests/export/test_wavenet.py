"""WaveNet's graphs against torch: answers one by one, waveforms from the same seed; the bundle, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivavoce.dsp.sample_draws import draw_samples
from vivavoce.errors import AudioError, ModelError
from vivavoce.export.from_run import load_from_run
from vivavoce.export.wavenet import compare_wavenet, export_graphs, write_wavenet_bundle
from vivavoce.models.wavenet import LOGISTICS, MU_LAW, WaveNet, WaveNetDims
from vivavoce.runtime.wavenet import PIECE_FRAMES, WaveNetVocoder
from vivavoce.training.run_folder import RunFolder, pack

SMALL = {"stacks": 2, "layers": 3, "channels": 8, "skip_channels": 8, "condition_channels": 8}
DIMS = {
    MU_LAW: WaveNetDims(output=MU_LAW, **SMALL),
    LOGISTICS: WaveNetDims(output=LOGISTICS, levels=65536, mixtures=2, **SMALL),
}


def network(output: str, seed: int = 0) -> WaveNet:
    torch.manual_seed(seed)
    net = WaveNet(DIMS[output]).eval()
    net.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0))
    return net


def mel(frames: int) -> np.ndarray:
    return (np.random.default_rng(frames).standard_normal((frames, 80)) - 5.0).astype(np.float32)


@pytest.fixture(scope="module", params=[MU_LAW, LOGISTICS])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[WaveNet, Path]:
    net, folder = network(request.param), tmp_path_factory.mktemp("wavenet") / "bundle"
    folder.mkdir()
    (folder / "bundle.json").write_text("{}")
    (folder / "old").write_text("is replaced")
    write_wavenet_bundle(net, folder, training={"updates": 7})
    return net, folder


@pytest.mark.parametrize("frames", [2, 5])
def test_the_samples_are_torchs(written: tuple[WaveNet, Path], frames: int) -> None:
    """As long as the memory of the network, and longer than the conditions that are computed at once."""
    net, folder = written
    expected = net.generate(torch.from_numpy(mel(frames))[None], [np.random.default_rng(3)])[0]
    found = WaveNetVocoder(folder)(mel(frames), seed=3)
    assert found.dtype == np.float32
    assert found.shape == (256 * frames,)
    assert found.std() > 0.01
    if net.dims.output == MU_LAW:
        assert np.array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-4)  # a difference of rounding comes back with every sample
    assert not np.array_equal(found, WaveNetVocoder(folder)(mel(frames), seed=4))


def test_a_stream_gives_the_same_samples_as_they_are_drawn(
    written: tuple[WaveNet, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    vocoder, frames = WaveNetVocoder(written[1]), mel(2 * PIECE_FRAMES + 1)
    whole = vocoder(frames)
    drawn = []

    def counted(*arguments: Any) -> Any:
        drawn.append(1)
        return draw_samples(*arguments)

    monkeypatch.setattr("vivavoce.runtime.wavenet.draw_samples", counted)
    pieces = []
    for piece in vocoder.stream([frames[:1], frames[1:1], frames[1:7], frames[7:]]):
        pieces.append(piece)
        assert len(drawn) == sum(map(len, pieces)), "a piece comes before the next is drawn"
    assert [len(piece) for piece in pieces] == [256 * PIECE_FRAMES, 256 * PIECE_FRAMES, 256]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert np.array_equal(np.concatenate(list(vocoder.stream([frames[:3]], seed=4))), vocoder(frames[:3], seed=4))
    assert list(vocoder.stream([])) == []
    with pytest.raises(AudioError, match=r"expected \(T, 80\)"):
        list(vocoder.stream([np.zeros((3, 79), np.float32)]))


def test_the_comparison_sees_a_difference(written: tuple[WaveNet, Path]) -> None:
    net, folder = written
    parity = compare_wavenet(net, folder)
    assert parity.answer_max_error < 1e-4
    assert parity.samples == 6 * 256
    assert compare_wavenet(network(net.dims.output, seed=1), folder).answer_max_error > 1e-2


def test_nan_is_no_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export_and_break(net: WaveNet, *arguments: Any) -> dict[str, Path]:
        graphs = export_graphs(net, *arguments)
        net.set_normalisation(torch.full((80,), torch.nan), torch.full((80,), 2.0))
        return graphs

    monkeypatch.setattr("vivavoce.export.wavenet.export_graphs", export_and_break)
    with pytest.raises(ModelError, match=r"differ from torch: .*answer_max_error=nan"):
        write_wavenet_bundle(network(MU_LAW), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_what_the_bundle_says(written: tuple[WaveNet, Path]) -> None:
    net, folder = written
    facts = json.loads((folder / "bundle.json").read_text())
    assert (facts["kind"], facts["training"]) == ("wavenet", {"updates": 7})
    assert facts["step"]["output"] == net.dims.output
    assert facts["parity"]["answer_max_error"] < 1e-4
    assert WaveNetVocoder(folder).spec.dilations == net.dims.dilations
    assert WaveNetVocoder(folder).sample_rate == 22050
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]  # nothing left lying about
    assert sorted(path.name for path in folder.iterdir()) == [
        "bundle.json",
        "condition.onnx",
        "step.onnx",
        "upsample.onnx",
    ]
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_only_a_good_bundle_replaces_another(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "old").write_text("x")
    with pytest.raises(ModelError, match="is no bundle, and would be replaced by one"):
        write_wavenet_bundle(network(MU_LAW), folder)
    assert [path.name for path in folder.iterdir()] == ["old"]
    (folder / "bundle.json").write_text("{}")
    with pytest.raises(ModelError, match="differ from torch"):
        write_wavenet_bundle(network(MU_LAW), folder, max_error=-1.0)
    with pytest.raises(ModelError, match="the network takes 80 bins every 128 samples; voices have 80 every 256"):
        write_wavenet_bundle(WaveNet(WaveNetDims(hop_length=128, **SMALL)), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_is_not_run(written: tuple[WaveNet, Path], tmp_path: Path) -> None:
    vocoder = WaveNetVocoder(written[1])
    with pytest.raises(AudioError, match=r"shape \(3, 79\); expected \(T, 80\)"):
        vocoder(np.zeros((3, 79), np.float32))
    with pytest.raises(AudioError, match="expected"):
        vocoder(np.zeros((0, 80), np.float32))
    with pytest.raises(AudioError, match="NaN or infinite"):
        vocoder(np.full((2, 80), np.nan, np.float32))
    facts = json.loads((written[1] / "bundle.json").read_text())
    for changes, message in (
        ({"kind": "voice"}, "is a 'voice' bundle"),
        ({"step": {**facts["step"], "channels": 0}}, "channels is 0"),
        ({"step": {**facts["step"], "output": "gauss"}}, "output 'gauss'"),
        ({"upsample": {}}, "has no 'file'"),
        ({}, "has no upsample.onnx"),
    ):
        (tmp_path / "bundle.json").write_text(json.dumps({**facts, **changes}))
        with pytest.raises(ModelError, match=message):
            WaveNetVocoder(tmp_path)


def test_a_run_folder_gives_its_averaged_weights(tmp_path: Path) -> None:
    net, average = network(MU_LAW, 3), network(MU_LAW, 4)
    folder = RunFolder(tmp_path)

    def load(averaged: bool = True) -> WaveNet:
        return load_from_run(tmp_path, "wavenet", lambda dims: WaveNet(WaveNetDims(**dims)), averaged)

    with pytest.raises(ModelError, match="holds no checkpoint"):
        load()
    folder.save_config({"dims": vars(DIMS[MU_LAW])})
    folder.save_checkpoint(1, {**pack("model", net.state_dict()), **pack("average", average.state_dict())}, {})
    for averaged, expected in ((True, average), (False, net)):
        for ours, theirs in zip(load(averaged).parameters(), expected.parameters(), strict=True):
            assert torch.equal(ours, theirs)
    folder.save_config({"dims": {**vars(DIMS[MU_LAW]), "channels": 9}})
    with pytest.raises(ModelError, match="does not fit"):
        load()
