from __future__ import annotations

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from vivavoce.cli import prepare as prepare_module
from vivavoce.cli.prepare import prepare
from vivavoce.data.manifest import read_manifest
from vivavoce.errors import ConfigError, DataError


@pytest.fixture
def viva():
    app = typer.Typer()
    app.command()(prepare)

    def run(*arguments: object):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def corpora(tmp_path):
    """A voice of two sentences, and LibriSpeech with one utterance in each of two parts."""
    root = tmp_path / "corpora"
    texts = {
        "ljspeech/wavs/one": "This is one.", "ljspeech/wavs/two": "This is two!",
        "librispeech/train-a/1/2/1-2-0": "THIS IS TWO", "librispeech/test-b/3/4/3-4-0": "THIS IS THREE",
    }  # fmt: skip
    for name, text in texts.items():
        path = root / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(8000), 16000)
        if "librispeech" in name:
            (path.parent / "x.trans.txt").write_text(f"{path.stem} {text}\n")
    (root / "ljspeech/metadata.csv").write_text("one|This is one.|This is one.\ntwo|This is two!|This is two!\n")
    return root


def test_lists_corpora(viva):
    assert "librispeech" in viva().stdout.split()


def test_one_corpus_one_part(viva, corpora, tmp_path):
    result = viva("librispeech", corpora / "librispeech", "--part", "test", "-o", tmp_path / "m.jsonl")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "1 utterances, 0.00 h, 1 speakers" in result.stderr
    assert [u.text for u in read_manifest(tmp_path / "m.jsonl")] == ["THIS IS THREE"]


def test_all_corpora_one_manifest_a_part(viva, corpora, tmp_path):
    viva("all", corpora, "-o", tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "librispeech-test.jsonl", "librispeech-train.jsonl", "ljspeech-train.jsonl",
    ]  # fmt: skip
    viva("all", corpora, "--part", "test", "-o", tmp_path / "n")
    assert [path.name for path in (tmp_path / "n").iterdir()] == ["librispeech-test.jsonl"]


def test_selection(viva, corpora, tmp_path):
    viva("all", corpora, "-o", tmp_path / "m")
    held_out = tmp_path / "m" / "librispeech-train.jsonl"
    viva("ljspeech", corpora / "ljspeech", "--not-texts-of", held_out, "-o", tmp_path / "n.jsonl")
    assert [u.id for u in read_manifest(tmp_path / "n.jsonl")] == ["one"]
    with pytest.raises(DataError, match="no utterance of ljspeech is left"):
        viva("ljspeech", corpora / "ljspeech", "--speakers-of", held_out, "-o", tmp_path / "o.jsonl")


def test_nothing_left_is_said(viva, corpora, tmp_path):
    (tmp_path / "other.jsonl").write_text('{"audio_filepath": "x.wav", "duration": 1, "text": "t", "speaker": "zz"}\n')
    with pytest.raises(DataError, match=r"no utterance of ljspeech is left"):
        viva("ljspeech", corpora / "ljspeech", "--speakers-of", tmp_path / "other.jsonl", "-o", tmp_path / "m")
    with pytest.raises(DataError, match=r"no utterance of part 'tset'"):
        viva("all", corpora, "--part", "tset", "-o", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_texts_that_cannot_fit_are_named_and_dropped_on_request(viva, corpora, tmp_path):
    (corpora / "ljspeech/metadata.csv").write_text("one|This is one.|This is one.\ntwo|" + "This is two! " * 20 + "\n")
    kept = viva("ljspeech", corpora / "ljspeech", "-o", tmp_path / "a.jsonl")
    assert "suspect: two: needs" in kept.stderr
    assert len(read_manifest(tmp_path / "a.jsonl")) == 2
    viva("ljspeech", corpora / "ljspeech", "--drop-suspects", "-o", tmp_path / "b.jsonl")
    assert [u.id for u in read_manifest(tmp_path / "b.jsonl")] == ["one"]


def test_wrong_settings(viva, corpora, tmp_path):
    with pytest.raises(ConfigError, match="needs the folder"):
        viva("librispeech")
    with pytest.raises(ConfigError, match="must be a folder"):
        viva("all", corpora, "-o", tmp_path / "m.jsonl")
    with pytest.raises(ConfigError, match="must be a folder"):
        viva("all", corpora, "--skip-missing", "-o", tmp_path / "m")
    with pytest.raises(ConfigError, match="no use for --prompts"):
        viva("librispeech", corpora / "librispeech", "--prompts", tmp_path / "p")


@pytest.mark.parametrize("option", ["--without", "--speakers-of", "--not-texts-of"])
def test_what_is_read_is_not_written_over(viva, corpora, tmp_path, option):
    viva("all", corpora, "-o", tmp_path / "m")
    test = tmp_path / "m" / "librispeech-test.jsonl"
    content = test.read_bytes()
    for arguments in (
        ("librispeech", corpora / "librispeech", "-o", tmp_path / "m"),
        ("librispeech", corpora / "librispeech", "--part", "test", "-o", test),
        ("all", corpora, "-o", tmp_path / "m"),
    ):
        with pytest.raises(ConfigError, match=r"test\.jsonl is a manifest that is read, too"):
            viva(*arguments, option, test)
    assert test.read_bytes() == content


def test_a_manifest_beside_those_that_are_written_is_read(viva, corpora, tmp_path):
    viva("all", corpora, "-o", tmp_path / "m")
    for corpus, *part in (("librispeech", "--part", "train"), ("ljspeech",)):
        test = tmp_path / "m" / "librispeech-test.jsonl"
        assert viva(corpus, corpora / corpus, *part, "--without", test, "-o", tmp_path / "m").exit_code == 0


def test_all_folders_of_a_corpus_make_one_manifest_a_part(viva, corpora, tmp_path):
    second = corpora / "LibriSpeech" / "train-c" / "5" / "6"
    second.mkdir(parents=True)
    soundfile.write(second / "5-6-0.wav", np.zeros(8000), 16000)
    (second / "x.trans.txt").write_text("5-6-0 THIS IS FOUR\n")
    viva("all", corpora, "-o", tmp_path / "m")
    assert [u.id for u in read_manifest(tmp_path / "m" / "librispeech-train.jsonl")] == ["1-2-0", "5-6-0"]
    assert [u.id for u in read_manifest(tmp_path / "m" / "librispeech-test.jsonl")] == ["3-4-0"]


@pytest.mark.parametrize(("out", "beside"), [("v1.2", "v1.2"), ("a.b.jsonl", "a.b")])
def test_recordings_go_beside_the_manifest(viva, corpora, tmp_path, monkeypatch, out, beside):
    targets = []

    def unpack(corpus, root, part, target):
        targets.append(target)
        return corpora / "ljspeech"

    monkeypatch.setattr(prepare_module, "_is_git", lambda corpus, root: True)
    monkeypatch.setattr(prepare_module, "_unpack", unpack)
    viva("ljspeech", tmp_path, "-o", tmp_path / out)
    assert targets == [tmp_path / beside / "ljspeech"]
