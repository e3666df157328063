"""Labels and cuts: texts as the recogniser gives them, words that are where the sentence has them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.data.corpora import librispeech
from vivavoce.data.manifest import Utterance
from vivavoce.errors import AudioError, ConfigError
from vivavoce.evaluation.labels import Cuts, at_most, cut_words, label
from vivavoce.evaluation.recordings import audio_of
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]


@pytest.fixture
def unlabelled(tmp_path: Path, babble: Babble) -> list[Utterance]:
    utterances = []
    for number, sound in enumerate((babble(5.0, seed=1), np.zeros(16000, np.float32), babble(4.0, seed=2))):
        soundfile.write(tmp_path / f"{number}.wav", sound, 16000, subtype="FLOAT")
        name = str(tmp_path / f"{number}.wav")
        utterances.append(Utterance(str(number), name, "", len(sound) / 16000, extra={"corpus": "made"}))
    return utterances


def test_labels_are_what_is_heard_and_how_surely(tiny_bundle: Path, unlabelled: list[Utterance]) -> None:
    recognizer = Recognizer(tiny_bundle)
    found = list(label(unlabelled, recognizer, jobs=2))
    heard = [recognizer.transcribe(audio_of(utterance)) for utterance in unlabelled]
    assert sum(bool(transcript.words) for transcript in heard) >= 2
    for utterance, transcript, labelled in zip(unlabelled, heard, found, strict=True):
        if not transcript.words:
            assert labelled is None
            continue
        assert labelled is not None
        sure = np.prod([word.confidence for word in transcript.words]) ** (1 / len(transcript.words))
        assert labelled[1] == pytest.approx(sure, rel=1e-6)
        assert (labelled[0].id, labelled[0].text) == (utterance.id, transcript.text)
        assert labelled[0].extra == {"corpus": "made", "labelled_by": "tiny", "confidence": round(labelled[1], 4)}


def test_a_missing_recording_is_told(tiny_bundle: Path, unlabelled: list[Utterance], tmp_path: Path) -> None:
    gone = Utterance("gone", str(tmp_path / "gone.wav"), "", 1.0)
    with pytest.raises(AudioError, match=r"gone\.wav"):
        list(label([unlabelled[0], gone], Recognizer(tiny_bundle)))


def test_words_are_cut_where_they_are_said(data_root: Path) -> None:
    """Of real sentences: more than a third of the pieces, each heard alone, are read as what begins like the word."""
    utterances = librispeech.prepare(data_root / "librispeech", "train-clean-5")[:6]
    recognizer = Recognizer(decoder="lexicon")
    cuts = Cuts()
    pieces = [piece for found in cut_words(utterances, recognizer, cuts) for piece in found]
    assert len(pieces) > 20
    by_id = {utterance.id: utterance for utterance in utterances}
    alike = 0
    for piece in pieces:
        whole = by_id[piece.id.rpartition("-word")[0]]
        words = whole.text.lower().split()
        assert words[int(piece.id.rpartition("-word")[2])] == piece.text
        assert cuts.shortest_seconds - 1e-3 <= piece.duration_seconds <= cuts.longest_seconds + 1e-3
        assert 0 <= piece.offset_seconds <= whole.duration_seconds - piece.duration_seconds + 1e-3
        alike += recognizer.transcribe(audio_of(piece)).text[:1] == piece.text[:1]
    assert alike > len(pieces) / 3


def test_a_text_that_cannot_fit_gives_none(tiny_bundle: Path, unlabelled: list[Utterance]) -> None:
    wrong = Utterance("w", unlabelled[0].audio, "word " * 500, 5.0)
    assert list(cut_words([wrong], Recognizer(tiny_bundle), Cuts())) == [[]]


def test_as_many_of_a_word_as_asked_for_in_any_order() -> None:
    pieces = [Utterance(f"{word}{number}", "a.wav", word, 1.0) for word in "abc" for number in range(ord(word) - 95)]
    kept = at_most(pieces, 3)
    assert [sum(piece.text == word for piece in kept) for word in "abc"] == [2, 3, 3]
    random.Random(0).shuffle(pieces)
    assert at_most(pieces, 3) == kept


@pytest.mark.parametrize("wrong", [{"shortest_seconds": 2.0}, {"margin_seconds": -0.1}, {"least_confidence": 1.5}])
def test_cuts_that_leave_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Cuts(**wrong)
