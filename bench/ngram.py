"""Language models: lookups, opening, reading ARPA and training, beside KenLM.

    python bench/ngram.py

A 4-gram of 200,000 sentences of the books (in VIVAVOCE_DATA, or ../shared/data), 60,000 words and 1.5 million n-grams,
judged on 2,000 other sentences. KenLM (`pip install kenlm`) holds the same n-grams out of the same ARPA file in its
hash table, and takes words as text. That both give the same perplexity is checked before anything is timed. A search
asks for the same again and again, so lookups are measured with and without what earlier ones left in the cache.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import kenlm

import timing
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_arpa import write_arpa
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_tables import NgramTables
from vivavoce.decoding.ngram_text import read_words
from vivavoce.decoding.ngram_training import estimate

TRAINING, HELD_OUT = 200_000, 2_000


def train(text: Path) -> NgramTables:
    """A 4-gram of all words, nothing pruned."""
    numbered = number_words(read_words([text], as_is=True))
    return estimate(numbered.vocabulary, count_ngrams(numbered, 4)).tables


def ours_one_by_one(model: NgramModel, texts: list[list[int]], warm: bool) -> float:
    """The log probability of all words, asked for as a search does."""
    if not warm:
        model._cache.clear()
    total = 0.0
    for words in texts:
        state = model.start()
        for word in words:
            log_prob, state = model.step(state, word)
            total += log_prob
    return total


def theirs_one_by_one(model: kenlm.Model, texts: list[list[str]]) -> float:
    total = 0.0
    before, after = kenlm.State(), kenlm.State()
    for words in texts:
        model.BeginSentenceWrite(before)
        for word in words:
            total += model.BaseScore(before, word, after)
            before, after = after, before
    return total * math.log(10.0)


def their_perplexity(model: kenlm.Model, texts: list[list[str]]) -> float:
    total = sum(model.score(" ".join(words)) for words in texts)
    return 10.0 ** (-total / sum(len(words) + 1 for words in texts))


def open_theirs(path: Path) -> kenlm.Model:
    settings = kenlm.Config()
    settings.show_progress = False
    settings.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(str(path), settings)


def build(data: Path, folder: Path) -> list[timing.Case]:
    sentences = list(islice(read_words([data / "lm_text" / "books.txt.xz"]), TRAINING + HELD_OUT))
    texts, held_out = sentences[:TRAINING], sentences[TRAINING:]
    (folder / "text.txt").write_text("".join(" ".join(words) + "\n" for words in texts), encoding="utf-8")
    numbered = number_words(texts, max_words=60_000)
    estimated = estimate(numbered.vocabulary, count_ngrams(numbered, 4))
    tables = prune_by_entropy(estimated.tables, 1_500_000, counts=estimated.counts)
    write_arpa(folder / "model.arpa", tables)
    del estimated
    NgramModel.from_tables(tables, 32).save(folder / "model.lm")
    for bits in (8, 16, 32):
        model = NgramModel.from_tables(tables, bits)
        model.save(folder / "size.lm")
        size, found = (folder / "size.lm").stat().st_size, model.perplexity(held_out).perplexity
        print(
            f"{bits:2d} bits: {size / sum(tables.counts):.2f} bytes an n-gram, perplexity {found:.3f}", file=sys.stderr
        )
    ours, theirs = NgramModel.load(folder / "model.lm"), open_theirs(folder / "model.arpa")
    assert math.isclose(ours.perplexity(held_out).perplexity, their_perplexity(theirs, held_out), rel_tol=1e-5)
    ids = [[ours.word_id(word) for word in words] for words in held_out]
    tokens = sum(map(len, held_out))
    ask: dict[str, Callable[[], object]] = {
        "vivavoce, asked before": partial(ours_one_by_one, ours, ids, True),
        "vivavoce, asked first": partial(ours_one_by_one, ours, ids, False),
        "kenlm": partial(theirs_one_by_one, theirs, held_out),
    }
    judge: dict[str, Callable[[], object]] = {
        "vivavoce": partial(ours.perplexity, held_out),
        "kenlm": partial(their_perplexity, theirs, held_out),
    }
    load: dict[str, Callable[[], object]] = {
        "vivavoce, .lm": partial(NgramModel.load, folder / "model.lm"),
        "vivavoce, ARPA": partial(NgramModel.load, folder / "model.arpa"),
        "kenlm, ARPA": partial(open_theirs, folder / "model.arpa"),
    }
    teach: dict[str, Callable[[], object]] = {"vivavoce": partial(train, folder / "text.txt")}
    return [
        timing.Case("one word at a time", tokens, "words", ask),
        timing.Case("perplexity", tokens, "words", judge),
        timing.Case("opening", sum(tables.counts), "n-grams", load, memory=True, rounds=3),
        timing.Case("training", sum(map(len, texts)), "words", teach, memory=True, rounds=3),
    ]


if __name__ == "__main__":
    corpora = Path(os.environ.get("VIVAVOCE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    with tempfile.TemporaryDirectory() as scratch:
        timing.run(partial(build, corpora, Path(scratch)), __doc__ or "")
