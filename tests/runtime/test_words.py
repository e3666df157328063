"""A bundle with a language model: attached, honoured or refused; its streams read as its files; hotwords are heard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, ModelError
from vivavoce.evaluation.word_weights import tune_weights
from vivavoce.runtime.bundle import attach_language_model, load_bundle
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, babble: Babble) -> Path:
    """A model of what the tiny bundle itself reads."""
    greedy = Recognizer(tiny_bundle, decoder="greedy")
    text = number_words([greedy.transcribe(babble(4.0, seed=seed)).text.split() for seed in range(70, 76)])
    path = tmp_path_factory.mktemp("model") / "some.lm"
    NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables).save(path)
    return path


@pytest.fixture
def words_bundle(tmp_path: Path, tiny_bundle: Path, model_file: Path) -> Path:
    folder = shutil.copytree(tiny_bundle, tmp_path / "words-bundle")
    attach_language_model(folder, model_file, Weights(model=0.6, word=0.5, unknown=-4.0))
    return folder


def test_what_was_attached_is_used(words_bundle: Path, tiny_bundle: Path, babble: Babble) -> None:
    spec = load_bundle(words_bundle).language_model
    assert spec is not None
    assert (spec.file, spec.weights) == ("words.lm", Weights(model=0.6, word=0.5, unknown=-4.0))
    recognizer = Recognizer(words_bundle)
    assert recognizer.decoder == "words"
    assert Recognizer(words_bundle, decoder="greedy").decoder == Recognizer(tiny_bundle).decoder == "greedy"
    waveform = babble(4.0, seed=71)
    known = set(NgramModel.load(words_bundle / "words.lm").vocabulary)
    heard = recognizer.transcribe(waveform)
    assert len(heard.words) > 3
    assert sum(word.word in known for word in heard.words) >= 0.8 * len(heard.words)
    assert all(0 <= word.confidence <= 1 for word in heard.words)
    strict = Recognizer(words_bundle, weights=Weights(unknown=float("-inf")))
    assert {word.word for word in strict.transcribe(waveform).words} <= known


@pytest.mark.parametrize("live_chunk_frames", [None, 1])
def test_streams_read_as_files(
    words_bundle: Path, babble: Babble, live_chunk_frames: int | None, read_live: Callable[..., Any]
) -> None:
    recognizer = Recognizer(words_bundle)
    rng = np.random.default_rng(5)
    for seed in (72, 80):
        waveform = np.concatenate([babble(3.0, seed=seed), np.zeros(24000, np.float32), babble(2.0, seed=seed + 1)])
        read_live(recognizer, waveform, rng.integers(0, len(waveform), 12), live_chunk_frames)
    together = recognizer.transcribe_batch([babble(2.0, seed=90), waveform])
    assert together[1] == recognizer.transcribe(waveform)


def test_hotwords_are_heard(words_bundle: Path, tiny_bundle: Path, babble: Babble) -> None:
    """Words that the sound says, greedily, and the model talks the search out of."""
    tried = heard = 0
    for seed in range(81, 87):
        waveform = babble(4.0, seed=seed)
        said = Recognizer(words_bundle, decoder="greedy").transcribe(waveform).text.split()
        plain = Recognizer(words_bundle).transcribe(waveform).text.split()
        rare = [word for word in said if word not in plain and len(word) > 2][:1]
        if rare:
            hot = Recognizer(words_bundle, hotwords=Hotwords({rare[0]: 40.0})).transcribe(waveform).text.split()
            tried, heard = tried + 1, heard + (rare[0] in hot)
    assert tried >= 3
    assert heard >= 0.6 * tried
    with pytest.raises(ConfigError, match="the decoder 'greedy' has no use for"):
        Recognizer(tiny_bundle, decoder="greedy", hotwords=Hotwords({"x": 1.0}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["language_model"].update(sha256="0" * 64), "is not the file that bundle.json describes"),
        (lambda facts: facts["language_model"].update(file="other.lm"), "has no other.lm"),
        (lambda facts: facts["language_model"].update(file="../words.lm"), "name of a file inside the bundle"),
        (lambda facts: facts["language_model"].pop("weights"), "weights"),
        (lambda facts: facts["language_model"]["weights"].update(model=-1.0), "must be at least 0"),
        (lambda facts: facts["language_model"]["weights"].update(word="much"), "could not convert"),
        (lambda facts: facts.update(language_model=[]), "cannot be honoured"),
    ],
)
def test_what_cannot_be_honoured(words_bundle: Path, change: Callable[[dict], None], said: str) -> None:
    facts = json.loads((words_bundle / "bundle.json").read_text())
    change(facts)
    (words_bundle / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=said):
        load_bundle(words_bundle)


def test_weights_are_tuned(
    words_bundle: Path, tiny_bundle: Path, model_file: Path, tmp_path: Path, babble: Babble
) -> None:
    import soundfile

    recognizer = Recognizer(tiny_bundle, decoder="greedy")
    utterances = []
    for seed in (70, 71):
        soundfile.write(tmp_path / f"{seed}.wav", babble(4.0, seed=seed), 16000)
        text = recognizer.transcribe(babble(4.0, seed=seed)).text
        utterances.append(Utterance(str(seed), str(tmp_path / f"{seed}.wav"), text, 4.0))
    tried = tune_weights(recognizer, utterances, NgramModel.load(model_file), beam_size=8)
    assert len({one.weights for one in tried}) == len(tried) > 6
    assert [one.wer for one in tried] == sorted(one.wer for one in tried)
    assert tried[0].wer < tried[-1].wer
    best = tried[0].weights
    beside = [replace(best, word=best.word + x) for x in (-0.25, 0.25)]
    assert {one.weights for one in tried} >= set(beside)  # no better ones lie a last step away
    with pytest.raises(ConfigError, match="utterances with text"):
        tune_weights(recognizer, [], NgramModel.load(model_file))


def test_attaching_again_replaces(words_bundle: Path, model_file: Path, tmp_path: Path) -> None:
    attach_language_model(words_bundle, words_bundle / "words.lm", Weights(model=0.9))
    spec = load_bundle(words_bundle).language_model
    assert spec is not None
    assert spec.weights == Weights(model=0.9)
    (tmp_path / "wrong.lm").write_bytes(b"no model")
    with pytest.raises(Exception, match="wrong"):
        attach_language_model(words_bundle, tmp_path / "wrong.lm", Weights())
    assert load_bundle(words_bundle).language_model == spec
