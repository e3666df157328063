"""Words for a network that never learned any, and a stream that is watched while it is fed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.lexicon_file import write_lexicon
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import Weights
from vivavoce.runtime.bundle import attach_language_model, attach_lexicon
from vivavoce.runtime.recognizer import Recognizer


def _name_of(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:02d}")


@pytest.fixture(scope="session")
def name_of() -> Callable[[int], str]:
    """A word of letters for a number."""
    return _name_of


@pytest.fixture(scope="session")
def attach_babble(babble: Callable[..., np.ndarray]) -> Callable[..., list[str]]:
    """Gives a bundle words that sound as what its phones say of babble, so many at a time, and a model of these."""

    def attach(folder: Path, work: Path, sizes: Sequence[int], weights: Weights) -> list[str]:
        plain = Recognizer(folder, decoder="greedy")
        phones = plain.bundle.alphabet("phone_log_probs")
        words: dict[tuple[str, ...], str] = {}
        sentences = []
        for seed in range(70, 76):
            log_probs = plain.log_probs(babble(4.0, seed=seed), phones=True)
            said = [phones.tokens[token] for token in ctc_greedy(log_probs, phones.blank_id).token_ids]
            for size in sizes:
                parts = [tuple(said[n : n + size]) for n in range(0, len(said) - size + 1, size)]
                sentences.append([words.setdefault(part, _name_of(len(words))) for part in parts])
        write_lexicon(work / "lexicon.txt.gz", {word: [part] for part, word in words.items()})
        text = number_words(sentences)
        NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables).save(work / "some.lm")
        attach_language_model(folder, work / "some.lm", Weights())
        attach_lexicon(folder, work / "lexicon.txt.gz", weights)
        return list(words.values())

    return attach


@pytest.fixture(scope="session")
def read_live() -> Callable[..., Any]:
    """Feeds a stream in pieces, and asserts that stable words stay and that its end is the whole; the last partial."""

    def read(recognizer: Recognizer, waveform: np.ndarray, cuts: np.ndarray, live_chunk_frames: int | None) -> Any:
        whole = recognizer.transcribe(waveform)
        stream = recognizer.create_stream(live_chunk_frames=live_chunk_frames)
        for piece in np.split(waveform, np.sort(cuts)):
            stream.accept(piece)
            partial = stream.result()
            assert [w.word for w in partial.words[: partial.stable_words]] == [
                w.word for w in whole.words[: partial.stable_words]
            ]
        final = stream.finish()
        # A graph rounds other shapes otherwise, by some 1e-5, which may be seen in a confidence's last decimal.
        assert [w.confidence for w in final.words] == pytest.approx([w.confidence for w in whole.words], abs=1.5e-4)
        pairs = zip(final.words, whole.words, strict=True)
        assert replace(final, words=[replace(w, confidence=v.confidence) for w, v in pairs]) == replace(
            whole, words=[*whole.words]
        )
        return partial

    return read
