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
from vivavoce.errors import ConfigError, DataError, VivaError
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
    assert held_out.isdisjoint({utterance.id for utterance in read_manifest(run / "without-held-out.jsonl")})
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


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"train_part": "x", "test_part": "x"}, ConfigError, "expected two folders"),
        ({"test_part": "held-out"}, ConfigError, "test_part 'held-out'; expected two folders, of other names"),
        ({"text": ("nowhere.txt",)}, DataError, "text names nowhere.txt, which is not a file"),
        ({"dictionary": "nowhere.dict"}, DataError, "dictionary names nowhere.dict, which is not a file"),
        ({"training.noise": "nowhere"}, ConfigError, "noise is nowhere; expected a folder of sound files"),
        ({"training.precision": "fp8"}, ConfigError, "precision is 'fp8'"),
        ({"training.warmup": 99}, ConfigError, "warm-up of 99 and a fall of 2 updates do not fit into 4"),
        ({"training.manifests": ("m.jsonl",)}, ConfigError, r"training.manifests is .*; use corpus= and train_part="),
        ({"training.held_out": "h.jsonl"}, ConfigError, "training.held_out is .*; use held_out_step="),
        ({"training.run": "runs/x"}, ConfigError, "training.run is 'runs/x'.*; use run="),
        ({"training.dictionary": "x.dict"}, ConfigError, "training.dictionary is .*; use dictionary="),
        ({"training.guesser": "x.g2p"}, ConfigError, "training.guesser is .*; it is made from dictionary="),
    ],
)
def test_what_would_fail_late_is_refused_before_anything_is_fetched(
    tmp_path: Path, change: dict[str, object], error: type[VivaError], said: str
) -> None:
    config = tiny(tmp_path, "http://127.0.0.1:1")
    for name, value in change.items():
        head, _, tail = name.partition(".")
        changed = replace(config.training, **{tail: value}) if tail else value
        config = replace(config, **{head: changed})
    with pytest.raises(error, match=said):
        main(config)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "corpus").exists()


def test_several_processes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one process; start it without torchrun"):
        main(tiny(tmp_path, ""))


def spoken(corpus: Path, part: str, texts: list[str]) -> None:
    """A part of a corpus of one's own: a second of hiss for each text."""
    chapter = corpus / part / "1" / "2"
    chapter.mkdir(parents=True)
    for number in range(len(texts)):
        hiss = 0.1 * np.random.default_rng(number).standard_normal(16000)
        soundfile.write(chapter / f"1-2-{number:04d}.wav", hiss, 16000)
    (chapter / "1-2.trans.txt").write_text("".join(f"1-2-{n:04d} {text}\n" for n, text in enumerate(texts)))


@pytest.mark.parametrize(("train_part", "test_part"), [("train", "test"), ("calls", "train-not")])
def test_parts_may_have_any_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train_part: str, test_part: str
) -> None:
    """And what is unfinished is not exported: the network's training stops here before it has begun."""
    spoken(tmp_path / "corpus", train_part, ["BAD DOT", "...", "TAB", "BAD", "SAD", "TOAST"])
    spoken(tmp_path / "corpus", test_part, ["BAD"])
    seen: list[asr_small.Config] = []
    monkeypatch.setattr(asr_small, "main", seen.append)
    config = replace(tiny(tmp_path, ""), train_part=train_part, test_part=test_part)
    run = main(replace(config, training=replace(config.training, stop_after_seconds=9.0)))
    (training,) = seen
    utterances, _, _, rows = asr_small.load_examples(training)
    assert len(rows) == 6  # of which one says nothing in a to z
    watched, kept = asr_small.split(training, utterances, rows)
    assert [utterance.id for utterance in watched] == ["1-2-0000", "1-2-0005"]
    assert [utterances[number].id for number in kept] == ["1-2-0002", "1-2-0003", "1-2-0004"]
    assert len(read_manifest(run / "without-held-out.jsonl")) == 4
    assert {utterance.extra["part"] for utterance in read_manifest(run / f"{test_part}.jsonl")} == {"test"}
    assert not (run / "bundle").exists()


def test_only_a_training_that_has_ended_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken(tmp_path / "corpus", "train", ["BAD DOT", "TAB", "BAD", "SAD", "TOAST"])
    spoken(tmp_path / "corpus", "test", ["BAD"])
    exported: list[Path] = []

    class ExportedError(Exception):
        pass

    def export(run: Path, *_: object) -> None:
        exported.append(run)
        raise ExportedError

    monkeypatch.setattr("vivavoce.recipes.mini_librispeech._export", export)
    config = replace(tiny(tmp_path, ""), train_part="train", test_part="test")
    checkpoints = tmp_path / "run" / "network" / "checkpoints"

    def left(updates: int, **settings: float) -> Config:
        """What the network's training leaves behind: its checkpoint."""

        def train(_: asr_small.Config) -> None:
            checkpoints.mkdir(parents=True, exist_ok=True)
            (checkpoints / f"step-{updates:08d}.safetensors").touch()

        monkeypatch.setattr(asr_small, "main", train)
        return replace(config, training=replace(config.training, **settings))

    for settings in ({"stop_after_seconds": 1.0}, {"stop_after_seconds": 1.0, "seconds": 5.0}):
        main(left(2, **settings))
        assert "training.stop_after_seconds=1 is over before the training is" in capsys.readouterr().err
    assert not exported
    for updates, settings in ((2, {"seconds": 5.0}), (2, {"seconds": 5.0, "stop_after_seconds": 6.0}), (4, {})):
        with pytest.raises(ExportedError):
            main(left(updates, **settings))


def test_too_little_to_split(tmp_path: Path) -> None:
    spoken(tmp_path / "corpus", "train", ["...", "BAD", "-"])
    spoken(tmp_path / "corpus", "test", ["BAD"])
    with pytest.raises(DataError, match=r"train\.jsonl holds 1 utterances with text in a to z and of at most 1\.8 s"):
        main(replace(tiny(tmp_path, ""), train_part="train", test_part="test"))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_half_an_archive_leaves_no_part(tmp_path: Path, archives: str, share: float) -> None:
    archive = tmp_path / "served" / "train-clean-5.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"train-clean-5.tar.gz cannot be fetched .*--set corpus=FOLDER"):
        fetch("train-clean-5", tmp_path / "corpus", archives)
    assert not list((tmp_path / "corpus").iterdir())
    archive.write_bytes(whole)
    fetch("train-clean-5", tmp_path / "corpus", archives)
    assert len(list((tmp_path / "corpus" / "LibriSpeech" / "train-clean-5").rglob("*.flac"))) == 12
    assert not list(tmp_path.glob(".fetch-*"))


def test_an_archive_of_something_else(tmp_path: Path, archives: str) -> None:
    (tmp_path / "served" / "train-clean-5.tar.gz").rename(tmp_path / "served" / "train-x.tar.gz")
    with pytest.raises(DataError, match="there is no folder train-x in it"):
        fetch("train-x", tmp_path / "corpus", archives)
    with pytest.raises(DataError, match=r"cannot be fetched .*unknown url type"):
        fetch("train-x", tmp_path / "corpus", "somewhere")


def test_what_lies_beside_a_part_comes_with_it(tmp_path: Path, archives: str) -> None:
    made = tmp_path / "made" / "LibriSpeech"
    (made / "LICENSE.TXT").write_text("CC BY 4.0")
    for part in ("train-clean-5", "dev-clean-2"):
        with tarfile.open(tmp_path / "served" / f"{part}.tar.gz", "w:gz") as archive:
            for name in (part, "LICENSE.TXT"):
                archive.add(made / name, f"LibriSpeech/{name}")
        fetch(part, tmp_path / "corpus", archives)
    names = sorted(path.name for path in (tmp_path / "corpus" / "LibriSpeech").iterdir())
    assert names == ["LICENSE.TXT", "dev-clean-2", "train-clean-5"]


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
