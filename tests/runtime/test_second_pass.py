"""A second pass in a recogniser: files, streams and batches alike, hotwords, weights, and what cannot be honoured."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_readings import ReadingSearch
from vivavoce.decoding.second_pass import SecondPass, SecondWeights
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, ModelError
from vivavoce.evaluation.second_pass import MODELS, SHARES, tune_second_pass
from vivavoce.export.text_lm import export_text_lm
from vivavoce.models.text_lm import TextLm, TextLmDims
from vivavoce.runtime import decoders
from vivavoce.runtime.bundle import attach_second_pass, load_bundle
from vivavoce.runtime.decoders import LexiconPasses
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.unit_predictor import UnitPredictor
from vivavoce.text.subwords import Subwords

Babble = Callable[..., np.ndarray]
FIRST = Weights(model=0.5, word=0.5, unknown=0.0)
SECOND = SecondWeights(share=0.6, model=1.5, word=0.5)


@pytest.fixture(scope="module")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, attach_babble: Callable[..., list[str]]
) -> Path:
    """The tiny bundle with words by two and three phones, a model of these, and a network of strong opinions."""
    work = tmp_path_factory.mktemp("second")
    folder = shutil.copytree(tiny_bundle, work / "bundle")
    words = attach_babble(folder, work, (2, 3), FIRST)
    subwords = Subwords.train(dict.fromkeys(words, 1), 70)
    torch.manual_seed(5)
    model = TextLm(TextLmDims(units=len(subwords) + 1, width=16, layers=2, heads=2, feed_forward=32))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    export_text_lm(model, subwords, work / "net.onnx", 32, {})
    attach_second_pass(folder, work / "net.onnx", SECOND)
    return folder


@pytest.fixture
def own_copy(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "copy")


def without(folder: Path, tmp_path: Path) -> Path:
    """The bundle as it was before the second pass."""
    plain = shutil.copytree(folder, tmp_path / "plain")
    facts = json.loads((plain / "bundle.json").read_text())
    del facts["second_pass"]
    (plain / "bundle.json").write_text(json.dumps(facts))
    return plain


def speech(babble: Babble, seed: int) -> np.ndarray:
    """Two pieces with a pause between them."""
    return np.concatenate([babble(3.0, seed=seed), np.zeros(24000, np.float32), babble(2.0, seed=seed + 1)])


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces end after a second, blank or not: the tiny network never hears silence."""
    monkeypatch.setattr(decoders, "LONGEST_PIECE", 25)
    monkeypatch.setattr(decoders, "LIKELY_BLANK", -math.inf)


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("live_chunk_frames", [None, 1])
def test_streams_and_batches_read_as_files(
    bundle: Path, babble: Babble, live_chunk_frames: int | None, read_live: Callable[..., Any]
) -> None:
    recognizer = Recognizer(bundle)
    rng = np.random.default_rng(5)
    waveforms = [speech(babble, seed) for seed in (72, 80)]
    for waveform in waveforms:
        assert read_live(recognizer, waveform, rng.integers(0, len(waveform), 12), live_chunk_frames).stable_words > 0
    together = recognizer.transcribe_batch([babble(2.0, seed=90), *waveforms])
    assert together[1:] == [recognizer.transcribe(waveform) for waveform in waveforms]


def test_the_second_pass_has_the_last_word(bundle: Path, babble: Babble, tmp_path: Path) -> None:
    """A recording of one piece says what looking again at the search's readings says."""
    two, one = Recognizer(bundle), Recognizer(without(bundle, tmp_path))
    changed = 0
    for seed in (71, 75, 85):
        waveform = babble(2.0, seed=seed)
        passes = two._scorer
        assert isinstance(passes, LexiconPasses)
        assert isinstance(passes.second, SecondPass)
        search = ReadingSearch(passes.scorer, 0, decoders.LEXICON_BEAM)
        search.accept(two.log_probs(waveform, phones=True))
        readings = passes.second.rescore(search.hypotheses(), passes.scorer.start()[0])
        assert two.transcribe(waveform).text == readings[0].text
        changed += readings[0].text != one.transcribe(waveform).text
        assert all(0 < word.confidence <= 1 for word in two.transcribe(waveform).words)
    assert changed > 0


@pytest.mark.usefixtures("short_pieces")
def test_what_earlier_pieces_said_counts(bundle: Path, babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    look = SecondPass.look

    def spy(self: SecondPass, texts: list, state: tuple, before: tuple = ()) -> object:
        seen.append(list(before))
        return look(self, texts, state, before)

    monkeypatch.setattr(SecondPass, "look", spy)
    recognizer = Recognizer(bundle)
    heard = recognizer.transcribe(speech(babble, 72))
    words = [word.word for word in heard.words]
    assert len(seen) >= 2
    assert seen[0] == []
    assert all(before == words[: len(before)] for before in seen)
    assert len(seen[-1]) > 2


def test_hotwords_keep_what_they_earn(bundle: Path, babble: Babble) -> None:
    waveform = babble(4.0, seed=85)
    plain = Recognizer(bundle).transcribe(waveform).text.split()
    lexicon = Recognizer(bundle)._scorer
    assert isinstance(lexicon, LexiconPasses)
    rare = [word for word in lexicon.scorer.tree.words if word not in plain][:40]
    hot = Recognizer(bundle, hotwords=Hotwords(dict.fromkeys(rare, 6.0)))
    assert len(set(rare) & set(hot.transcribe(waveform).text.split())) > 1


def test_other_weights_switch_it_off(bundle: Path, babble: Babble, tmp_path: Path) -> None:
    waveform = babble(3.0, seed=75)
    one = Recognizer(without(bundle, tmp_path)).transcribe(waveform)
    assert Recognizer(bundle, weights=FIRST).transcribe(waveform).text == one.text


def test_weights_are_tuned(bundle: Path, babble: Babble, tmp_path: Path) -> None:
    recognizer = Recognizer(bundle)
    utterances = []
    for seed in (91, 92):
        soundfile.write(tmp_path / f"{seed}.wav", babble(2.0, seed=seed), 16000)
        text = recognizer.transcribe(babble(2.0, seed=seed)).text
        utterances.append(Utterance(str(seed), str(tmp_path / f"{seed}.wav"), text, 2.0))
    network = UnitPredictor.open(bundle / "words.onnx")
    tried = tune_second_pass(recognizer, utterances, network)
    assert [one.wer for one in tried] == sorted(one.wer for one in tried)
    assert {one.weights.share for one in tried} == set(SHARES)
    assert SECOND.model in MODELS
    assert next(one.wer for one in tried if one.weights.share == SECOND.share) == 0.0
    with pytest.raises(ConfigError, match="utterances with text"):
        tune_second_pass(recognizer, [], network)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["second_pass"].update(sha256="0" * 64), "is not the file that bundle.json describes"),
        (lambda facts: facts["second_pass"].update(file="other.onnx"), r"has no other\.onnx"),
        (lambda facts: facts["second_pass"].update(file="../words.onnx"), "name of a file inside the bundle"),
        (lambda facts: facts["second_pass"]["weights"].update(share=2.0), "share of 0 to 1"),
        (lambda facts: facts["second_pass"]["weights"].pop("share"), "share"),
        (lambda facts: facts.pop("lexicon"), "no lexicon for the first"),
    ],
)
def test_what_cannot_be_honoured(own_copy: Path, change: Callable[[dict], None], said: str) -> None:
    facts = json.loads((own_copy / "bundle.json").read_text())
    change(facts)
    (own_copy / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=said):
        load_bundle(own_copy)


def test_a_bundle_without_a_lexicon_has_no_second_pass(tiny_bundle: Path, bundle: Path) -> None:
    with pytest.raises(ModelError, match="attach a lexicon first"):
        attach_second_pass(tiny_bundle, bundle / "words.onnx", SECOND)
    assert load_bundle(bundle).second_pass == replace(load_bundle(bundle).second_pass, file="words.onnx")


def test_graphs_that_are_none(bundle: Path) -> None:
    with pytest.raises(ModelError, match="is no network of subword units"):
        UnitPredictor.open(bundle / "model.onnx")
