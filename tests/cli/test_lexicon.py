"""`viva lexicon`: from dictionaries to a file, into a bundle, and what is refused."""

from __future__ import annotations

import gzip
import lzma
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.word_scorer import Weights
from vivavoce.runtime.bundle import load_bundle

Viva = Callable[..., Any]


@pytest.fixture
def dictionaries(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "main.dict").write_text("a AH0\nthe DH AH0\nthe(2) DH IY0\ncat K AE1 T # an animal\n")
    (tmp_path / "more.txt").write_text("the T AH\nokapi OW K AA P IY\n")
    return tmp_path / "main.dict", tmp_path / "more.txt"


def test_make(viva: Viva, dictionaries: tuple[Path, Path], tmp_path: Path) -> None:
    main, more = dictionaries
    done = viva("lexicon", "make", main, "-o", tmp_path / "all.txt.gz", "--more", more)
    assert done.code == 0
    assert done.out == f"{tmp_path / 'all.txt.gz'}: 4 words, 5 pronunciations; 0 words guessed, 0 have none\n"
    content = gzip.decompress((tmp_path / "all.txt.gz").read_bytes()).decode()
    assert content == "a AH\ncat K AE T\nokapi OW K AA P IY\nthe DH AH\nthe DH IY\n"
    (tmp_path / "text.txt").write_text("the cat sat\nthe cat saw a cat\n" * 5)
    assert viva("lm", "train", tmp_path / "text.txt", "-o", tmp_path / "some.lm", "--order", 2).code == 0
    done = viva("lexicon", "make", main, "-o", tmp_path / "some.txt", "--words", tmp_path / "some.lm")
    assert done.out.endswith(": 3 words, 4 pronunciations; 0 words guessed, 2 have none\n")
    sounds = [
        ("cat", ["K", "AE", "T"]),
        ("sat", ["S", "AE", "T"]),
        ("saw", ["S", "AO"]),
        ("cats", ["K", "AE", "T", "S"]),
    ]
    G2p.train(5 * sounds, order=2).save(tmp_path / "model.g2p")
    done = viva(
        *("lexicon", "make", main, "-o", tmp_path / "some.txt", "--words", tmp_path / "some.lm"),
        *("--guesser", tmp_path / "model.g2p"),
    )
    assert done.out.endswith(": 5 words, 6 pronunciations; 2 words guessed, 0 have none\n")
    assert "sat S AE T\n" in (tmp_path / "some.txt").read_text()


def test_make_of_models_texts_and_dictionaries(viva: Viva, dictionaries: tuple[Path, Path], tmp_path: Path) -> None:
    main, more = dictionaries
    more.write_text(more.read_text() + "'em AH0 M\n, K AA1 M AH0\n3d TH R IY D IY\n")
    (tmp_path / "text.txt.xz").write_bytes(lzma.compress(b"# a book\nThe okapi, the cat.\n"))
    some = tmp_path / "some.txt.xz"
    done = viva("lexicon", "make", main, "-o", some, "--more", more, "--words", tmp_path / "text.txt.xz")
    assert done.out == f"{some}: 3 words, 4 pronunciations; 0 words guessed, 0 have none\n"
    assert lzma.decompress(some.read_bytes()) == b"cat K AE T\nokapi OW K AA P IY\nthe DH AH\nthe DH IY\n"
    done = viva("lexicon", "make", main, "-o", some, "--more", more, "--words", tmp_path / "text.txt.xz", "--all")
    words = {line.split()[0] for line in lzma.decompress(some.read_bytes()).decode().splitlines()}
    assert words == {"'em", "a", "cat", "okapi", "the"}


def test_attach(viva: Viva, tiny_bundle: Path, dictionaries: tuple[Path, Path], tmp_path: Path, babble: Any) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    viva("lexicon", "make", dictionaries[0], "-o", tmp_path / "words.txt")
    done = viva("lexicon", "attach", tmp_path / "words.txt", folder, "--model-weight", 0.6, "--word-bonus", 1)
    assert done.code == 0
    assert "now reads with words.txt" in done.out
    spec = load_bundle(folder).lexicon
    assert spec is not None
    assert (spec.file, spec.weights) == ("lexicon.txt", Weights(model=0.6, word=1.0, unknown=0.0))
    soundfile.write(tmp_path / "a.wav", babble(2.0, seed=3), 16000)
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", str(tmp_path / "a.wav"), "the cat", 2.0)])
    done = viva("lexicon", "attach", tmp_path / "words.txt", folder, "--tune", tmp_path / "m.jsonl")
    assert done.code == 0
    assert done.out.count("Weights(") > 4
    done = viva("transcribe", tmp_path / "a.wav", "--bundle", folder)
    assert set(done.out.split()) <= {"a", "the", "cat"}
    # Of a model that knows one word of three, the other two share what it gives to unknown ones.
    (tmp_path / "text.txt").write_text("the the\nthe\n")
    viva("lm", "train", tmp_path / "text.txt", "-o", tmp_path / "the.lm", "--order", 2)
    for command in (("lm", "attach", tmp_path / "the.lm"), ("lexicon", "attach", tmp_path / "words.txt")):
        assert viva(*command, folder).code == 0
        spec = load_bundle(folder).lexicon
        assert spec is not None
        assert spec.weights.unknown == -math.log(2)
    done = viva("lexicon", "attach", tmp_path / "words.txt", folder, "--tune", tmp_path / "m.jsonl")
    assert done.out.count("unknown=-0.693") == done.out.count("Weights(")


def test_faults_are_told(viva: Viva, tiny_bundle: Path, dictionaries: tuple[Path, Path], tmp_path: Path) -> None:
    for arguments, fault in (
        (["make", dictionaries[0], "-o", tmp_path / "x.dict"], "a lexicon's name ends in"),
        (["make", tmp_path / "none", "-o", tmp_path / "x.txt"], "is not a file"),
        (["attach", tmp_path / "none.txt", tiny_bundle], "cannot be read as text"),
        (["attach", dictionaries[0], tmp_path], "holds no bundle.json"),
    ):
        done = viva("lexicon", *arguments)
        assert done.code == 2, arguments
        assert fault in done.err
