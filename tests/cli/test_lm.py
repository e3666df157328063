"""`viva lm`: a model from text to file, what is said of it, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.decoding.ngram import NgramModel

Viva = Callable[..., Any]

TEXT = """# a-title
The cat sat on the mat.
The dog sat on the cat!
A dog and 2 cats sat on the mat.
The mat sat, and the cat sat.
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT * 3)
    return tmp_path / "text.txt"


def test_train_and_judge(viva: Viva, text: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.lm"
    done = viva("lm", "train", text, "-o", model, "--order", 3, "--prune", "0,0,3")
    assert done.code == 0
    assert done.out.startswith(f"{model}: order 3, 13 words, ")
    assert "1-grams: 13 of 13, discounts" in done.out
    assert "12 sentences, 84 words" in done.err
    assert "warning" in done.err  # twelve sentences, most of them alike
    assert "title" not in NgramModel.load(model).vocabulary
    assert NgramModel.load(model).info["sentences"] == 12

    (tmp_path / "held.txt").write_text("The cat sat on the okapi.\nThe okapi sat on a zebra.\n")
    done = viva("lm", "perplexity", model, tmp_path / "held.txt", "--show", 1)
    assert done.code == 0
    expected = NgramModel.load(model).perplexity(["the cat sat on the okapi", "the okapi sat on a zebra"])
    lines = done.out.splitlines()
    assert lines[0] == (
        f"perplexity: {expected.perplexity:.4f}, without unknown words {expected.perplexity_without_oovs:.4f}"
    )
    assert lines[1] == "text: 2 sentences, 12 words, 14 tokens with sentence ends"
    assert lines[2] == "unknown: 3 words (25.00%), 2 different ones"
    assert lines[3].split() == ["2", "okapi"]
    assert len(lines) == 4


def test_convert_there_and_back(viva: Viva, text: Path, tmp_path: Path) -> None:
    arpa, packed, again = tmp_path / "a.arpa.gz", tmp_path / "b.lm", tmp_path / "c.arpa"
    assert viva("lm", "train", text, "-o", arpa).code == 0
    done = viva("lm", "convert", arpa, packed, "--bits", 32)
    assert done.code == 0
    assert "bytes an n-gram" in done.out
    assert viva("lm", "convert", packed, again).code == 0
    sentence = "the dog sat on the mat"
    scores = [NgramModel.load(path).score(sentence) for path in (arpa, packed, again)]
    assert scores == [scores[0]] * 3
    assert again.read_text().startswith("\\data\\\nngram 1=13\n")


def test_smaller_on_request(viva: Viva, text: Path, tmp_path: Path) -> None:
    whole, small, smaller = tmp_path / "whole.lm", tmp_path / "small.lm", tmp_path / "smaller.arpa"
    assert viva("lm", "train", text, "-o", whole).code == 0
    assert viva("lm", "train", text, "-o", small, "--max-ngrams", 30, "--max-words", 6).code == 0
    assert viva("lm", "convert", whole, smaller, "--entropy-threshold", 0.01).code == 0
    counts = [NgramModel.load(path).trie.counts for path in (whole, small, smaller)]
    assert counts[1][0] == 3 + 6
    assert sum(counts[1]) <= 30
    assert counts[2][0] == counts[0][0]
    assert sum(counts[2]) < sum(counts[0])
    for path in (small, smaller):
        model = NgramModel.load(path)
        state = model.step(model.start(), model.word_id("the"))[1]
        total = sum(math.exp(model.step(state, word)[0]) for word in range(len(model.vocabulary)) if word != 1)
        assert total == pytest.approx(1.0, abs=0.05)  # eight bits


def test_vocabularies_manifests_and_standard_input(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("cat K AE T\nsat S AE T\nunheard AH N\n")
    row = {"audio_filepath": "a.wav", "duration": 1.0, "text": "The cat sat"}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    model = tmp_path / "model.lm"
    options = ("-o", model, "--vocabulary", tmp_path / "words.txt")
    done = viva("lm", "train", tmp_path / "train.jsonl", "-", *options, stdin=b"sat cat\n")
    assert done.code == 0
    assert "2 sentences, 5 words" in done.err
    assert NgramModel.load(model).vocabulary == ("<unk>", "<s>", "</s>", "cat", "sat", "unheard")


def test_as_is_changes_nothing(viva: Viva, text: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.lm"
    assert viva("lm", "train", text, "-o", model, "--as-is").code == 0
    assert {"The", "mat.", "2", "#"} <= set(NgramModel.load(model).vocabulary)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "model.bin"), "ends in .lm, .arpa, .arpa.gz"),
        (("-o", "nowhere/model.lm"), "is not a folder"),
        (("-o", "model.lm", "--bits", 7), "--bits 7"),
        (("-o", "model.lm", "--prune", "0,x"), "--prune 0,x"),
        (("-o", "model.lm", "--prune", "1,2"), "the first of them 0"),
        (("-o", "model.lm", "--max-ngrams", 5), "limit the vocabulary first"),
        (("-o", "model.lm", "--vocabulary", "none.txt"), "none.txt"),
        (("-o", "folder.lm"), "cannot be written"),
    ],
)
def test_wrong_requests_are_refused(
    viva: Viva, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.lm").mkdir()
    done = viva("lm", "train", text, *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_the_group_explains_its_commands(viva: Viva) -> None:
    done = viva("lm")
    for name in ("train", "perplexity", "convert"):
        assert f"  {name} " in done.out + done.err
        shown = viva("lm", name, "-h")
        assert shown.code == 0
        assert shown.out.startswith(f"Usage: viva lm {name} ")
    wrong = viva("lm", "trian")
    assert wrong.code == 2
    assert "Did you mean 'train'?" in wrong.err
    missing = viva("lm", "perplexity", "none.lm", "none.txt")
    assert missing.code == 2
    assert "none.lm is not a file" in missing.err


def test_a_network_from_weights_to_a_bundle(viva: Viva, text: Path, tmp_path: Path) -> None:
    assert viva("lm", "train", text, "-o", tmp_path / "model.lm", "--order", 2).code == 0
    settings = (
        f"texts={text}", f"prepared={tmp_path / 'units'}", f"run={tmp_path / 'run'}", "vocabulary=60", "dims.units=61",
        "dims.width=16", "dims.layers=1", "dims.heads=2", "dims.feed_forward=16", "row_units=8", "batch_units=64",
        "updates=3", "warmup=1", "device=cpu", "threads=1",
    )  # fmt: skip
    assert viva("train", "text_lm", *[part for one in settings for part in ("--set", one)]).code == 0
    weights, graph = tmp_path / "run" / "text-lm.safetensors", tmp_path / "words.onnx"
    done = viva("lm", "export", weights, "-o", graph)
    assert done.code == 0
    assert f"{graph}: 0.0" in done.out
    assert "of PyTorch in any logarithm" in done.out
    done = viva("lm", "perplexity", tmp_path / "model.lm", text, "--network", graph)
    assert done.code == 0
    assert "perplexity of 84 known words of 84: n-grams " in done.out
    assert viva("lm", "export", weights, "-o", tmp_path / "words.lm").code == 2
    assert viva("lm", "export", text, "-o", graph).code == 2


def test_a_second_pass_is_attached(viva: Viva, tiny_bundle: Path, tmp_path: Path) -> None:
    done = viva("lm", "second-pass", tiny_bundle / "model.onnx", tiny_bundle)
    assert done.code == 2
    assert "is no network of subword units" in done.err
