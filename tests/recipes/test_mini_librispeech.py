"""The whole way from archives to a measured bundle, on a corpus of beeps and with a network of nothing."""

from __future__ import annotations

import functools
import http.server
import itertools
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import read_manifest
from vivavoce.errors import ConfigError, DataError
from vivavoce.models.conformer_ctc import ConformerDims
from vivavoce.recipes import asr_small
from vivavoce.recipes.mini_librispeech import Config, fetch, main, network, unpack

LETTERS = {"a": "AA", "b": "B", "d": "D", "e": "EH", "k": "K", "o": "OW", "s": "S", "t": "T"}
WORDS = ["".join(letters) for letters in itertools.product("bdkst", "aeo", "bdkst")]


@pytest.fixture
def archives(tmp_path: Path) -> Iterator[str]:
    """A server of two parts of a corpus in which letters are beeps."""
    rng, folder = np.random.default_rng(0), tmp_path / "served"
    folder.mkdir()
    for part, count in (("train-clean-5", 12), ("dev-clean-2", 3)):
        chapter = tmp_path / "made" / "LibriSpeech" / part / "1" / "2"
        chapter.mkdir(parents=True)
        lines = []
        for number in range(count):
            words = rng.choice(WORDS, 3)
            beeps = [
                0.3 * np.sin(2 * np.pi * 300 * (2 + "abdekost".index(letter)) * np.arange(1600) / 16000)
                for letter in "".join(words)
            ]
            soundfile.write(chapter / f"1-2-{number:04d}.flac", np.concatenate(beeps), 16000)
            lines.append(f"1-2-{number:04d} {' '.join(words).upper()}\n")
        (chapter / "1-2.trans.txt").write_text("".join(lines))
        with tarfile.open(folder / f"{part}.tar.gz", "w:gz") as archive:
            archive.add(tmp_path / "made" / "LibriSpeech" / part, f"LibriSpeech/{part}")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def tiny(tmp_path: Path, archives: str) -> Config:
    (tmp_path / "cmu.dict").write_text("".join(f"{w} {' '.join(LETTERS[x] for x in w)}\n" for w in WORDS[:60]))
    rng = np.random.default_rng(1)
    lines = [" ".join(rng.choice(WORDS, 5)) for _ in range(200)]
    (tmp_path / "books.txt").write_text("\n".join(lines) + "\n")
    noise = tmp_path / "noise"
    noise.mkdir()
    for number in range(6):
        soundfile.write(noise / f"hiss{number}.wav", 0.1 * rng.standard_normal(16000), 16000)
    dims = ConformerDims(
        strides=(2, 2), outputs_per_frame=1, width=32, layers=2, heads=2, feed_forward=48, left_frames=16,
        convolution_frames=4, phone_layer=1, final_phones=True,
    )  # fmt: skip
    training = replace(
        network(), dims=dims, updates=4, warmup=1, mmi_after=2, batch_seconds=8.0, compile=False, consistency=0.0,
        device="cpu", noise=str(noise), cache=str(tmp_path / "cache"), bucket_seconds=(1.0, 2.0), speeds=(0.9, 1.0),
        precision="fp32",
    )  # fmt: skip
    return Config(
        corpus=str(tmp_path / "corpus"), archives=archives, text=(str(tmp_path / "books.txt"),), held_out_step=4,
        dictionary=str(tmp_path / "cmu.dict"), run=str(tmp_path / "run"), max_words=100, training=training,
    )  # fmt: skip


def test_from_archives_to_a_measured_bundle(
    tmp_path: Path, archives: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny(tmp_path, archives)
    run = main(config)
    assert "dev-clean-2" in capsys.readouterr().out
    report = json.loads((run / "report.json").read_text())
    assert report["rows"][0]["utterances"] == 3
    held_out = {utterance.id for utterance in read_manifest(run / "held-out.jsonl")}
    assert len(held_out) == 3
    assert held_out.isdisjoint({utterance.id for utterance in read_manifest(run / "train.jsonl")})
    facts = json.loads((run / "bundle" / "bundle.json").read_text())
    assert facts["model"]["subsampling"] == 4
    assert set(facts["training"]["held_out"]) == held_out
    # A word of the text that the dictionary lacks has a guessed pronunciation; and nothing is done twice.
    assert facts["lexicon"]["guesser"]
    assert facts["training"]["temperature"] == 1.2
    monkeypatch.setattr(asr_small, "main", None)
    monkeypatch.setattr("vivavoce.recipes.mini_librispeech.fetch", None)
    assert main(config) == run


def test_what_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no text was given"):
        main(Config(run=str(tmp_path / "run")))
    with pytest.raises(ConfigError, match="held_out_step is 1"):
        main(Config(run=str(tmp_path / "run"), text=("a",), held_out_step=1))
    with pytest.raises(ConfigError, match="temperature is 0"):
        main(Config(run=str(tmp_path / "run"), text=("a",), temperature=0.0))
    assert not (tmp_path / "run").exists()


def test_an_archive_that_is_not_there_names_the_remedy(tmp_path: Path, archives: str) -> None:
    with pytest.raises(DataError, match=r"cannot be fetched .*--set corpus=FOLDER"):
        fetch("train-clean-6", tmp_path / "corpus", archives)
    assert not list((tmp_path / "corpus").iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../outside.txt", tarfile.REGTYPE), ("/outside.txt", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)],
)
def test_an_archive_writes_nothing_outside_its_folder(tmp_path: Path, name: str, kind: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "../elsewhere"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(member)
    folder = tmp_path / "folder"
    with tarfile.open(tmp_path / "a.tar") as archive, pytest.raises(tarfile.TarError, match="no file below"):
        unpack(archive, folder)
    assert not [path for path in tmp_path.rglob("*") if path.name != "a.tar"]
