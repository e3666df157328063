"""Language models against KenLM: perplexities of the same ARPA file, and training against lmplz.

lmplz is not installed by packages, so what it says of a small text is recorded here; where the program is found, all
n-grams are compared.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_arpa import read_arpa, write_arpa
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_tables import NgramTables
from vivavoce.decoding.ngram_text import read_words
from vivavoce.decoding.ngram_training import Estimate, estimate

LN10 = math.log(10.0)

# lmplz of kenlm 0.3.0 on `corpus()`: order, --prune, n-grams kept, discounts, log10 of each token of two sentences
SENTENCES = ("v5 w185 w1 v1 w26", "w1 v1 w2 w2 unknown v1 w1")
RECORDED = [
    (
        2,
        (0,),
        (244, 1503),
        ((0.377049, 1.38481, 1.83236), (0.71564, 1.26391, 1.56872)),
        (-1.13798, -2.60288, -0.71687, -0.76625, -2.27967, -1.09441),
        (-2.89546, -0.76625, -1.04455, -1.47576, -3.72617, -1.21094, -0.49619, -0.7983),
    ),
    (
        3,
        (0,),
        (244, 1503, 2738),
        ((0.377049, 1.38481, 1.83236), (0.734219, 1.11894, 2.0088), (0.835066, 1.40093, 1.17804)),
        (-1.14171, -2.2573, -0.49686, -0.51098, -2.41082, -0.93998),
        (-2.78807, -0.76518, -0.97165, -1.81789, -3.66465, -1.21094, -0.76632, -0.65723),
    ),
    (
        4,
        (0, 0, 1),
        (244, 1503, 409, 221),
        (
            (0.377049, 1.38481, 1.83236),
            (0.734219, 1.11894, 2.0088),
            (0.847633, 1.3821, 1.04392),
            (0.921245, 0.841015, 1.7953),
        ),
        (-1.14171, -2.69216, -0.73536, -0.76518, -2.39209, -1.05492),
        (-2.78807, -0.76518, -1.02717, -2.05374, -3.63639, -1.21094, -0.76632, -0.64167),
    ),
    (
        4,
        (0, 1, 1, 2),
        (244, 446, 409, 97),
        (
            (0.377049, 1.38481, 1.83236),
            (0.734219, 1.11894, 2.0088),
            (0.847633, 1.3821, 1.04392),
            (0.921245, 0.841015, 1.7953),
        ),
        (-1.14171, -3.33122, -1.15795, -0.75752, -2.37246, -1.02088),
        (-2.78807, -0.75752, -1.02361, -2.03205, -3.58395, -1.21094, -0.75654, -0.63864),
    ),
]


def corpus() -> list[list[str]]:
    """A text of 600 sentences, the same everywhere and always: no library's random numbers."""
    number, rows = 1, []
    for _ in range(600):
        row = []
        for place in range(3 + number % 9):
            number = (number * 1103515245 + 12345) % 2147483648
            share = number / 2147483648
            word = int(300 ** (share * share))
            row.append(f"w{word}" if place % 3 else f"v{word % 7}")
        rows.append(row)
    return rows


def trained(texts: list[list[str]], order: int, prune: tuple[int, ...] = ()) -> Estimate:
    text = number_words(texts)
    return estimate(text.vocabulary, count_ngrams(text, order), prune)


@pytest.mark.parametrize(("order", "prune", "counts", "discounts", "first", "second"), RECORDED)
def test_training_is_lmplzs(
    order: int,
    prune: tuple[int, ...],
    counts: tuple[int, ...],
    discounts: tuple[tuple[float, ...], ...],
    first: tuple[float, ...],
    second: tuple[float, ...],
) -> None:
    result = trained(corpus(), order, prune)
    assert result.tables.counts == counts
    np.testing.assert_allclose(result.discounts, discounts, rtol=1e-5)
    model = NgramModel.from_tables(result.tables)
    for text, expected in zip(SENTENCES, (first, second), strict=True):
        state, found = model.start(), []
        for word in [*text.split(), "</s>"]:
            log_prob, state = model.step(state, model.word_id(word))
            found.append(log_prob / LN10)
        np.testing.assert_allclose(found, expected, atol=1.1e-5)


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1), (0, 1, 2, 3)])
def test_every_ngram_is_lmplzs(tmp_path: Path, prune: tuple[int, ...]) -> None:
    program = shutil.which("lmplz")
    if program is None:
        pytest.skip("lmplz is not on the PATH; KenLM's sources build it")
    texts = corpus()
    (tmp_path / "text.txt").write_text("".join(" ".join(row) + "\n" for row in texts))
    subprocess.run(
        [program, "-o", "4", "-S", "100M", "-T", tmp_path / "tmp", "--text", tmp_path / "text.txt",
         "--arpa", tmp_path / "theirs.arpa", "--prune", *map(str, prune)],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs, ours = read_arpa(tmp_path / "theirs.arpa"), trained(texts, 4, prune).tables
    assert theirs.counts == ours.counts
    numbers = {word: number for number, word in enumerate(ours.vocabulary)}
    renumbered = np.array([numbers[word] for word in theirs.vocabulary])
    for order, (table, own) in enumerate(zip(theirs.tables, ours.tables, strict=True), 1):
        rows = ours.rows(renumbered[theirs.spell(order, np.arange(len(table)))])
        assert (rows >= 0).all()
        np.testing.assert_allclose(own.log_probs[rows], table.log_probs, atol=2e-6)
        np.testing.assert_allclose(own.log_backoffs[rows], table.log_backoffs, atol=2e-6)


def compare(tables: NgramTables, texts: list[list[str]], path: Path) -> None:
    """Hold scores, perplexity and counted unknown words of one ARPA file to KenLM's."""
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    write_arpa(path, tables)
    theirs, ours = kenlm.Model(str(path)), NgramModel.load(path)
    assert theirs.order == ours.order
    total, unknown_total, tokens, unknown = 0.0, 0.0, 0, 0
    for words in texts:
        scores = list(theirs.full_scores(" ".join(words)))
        state, found = ours.start(), []
        for word in [*words, "</s>"]:
            log_prob, state = ours.step(state, ours.word_id(word))
            found.append(log_prob / LN10)
        np.testing.assert_allclose(found, [score for score, _, _ in scores], atol=2e-6)
        total += sum(score for score, _, _ in scores)
        unknown_total += sum(score for score, _, oov in scores if oov)
        unknown += sum(oov for _, _, oov in scores)
        tokens += len(scores)
    result = ours.perplexity(texts)
    assert (result.tokens, result.oov_count) == (tokens, unknown)
    assert result.perplexity == pytest.approx(10 ** (-total / tokens), rel=1e-5)
    assert result.perplexity_without_oovs == pytest.approx(
        10 ** (-(total - unknown_total) / (tokens - unknown)), rel=1e-5
    )
    assert unknown > 0


@pytest.mark.parametrize("order", [2, 3, 5])
def test_perplexity_is_kenlms(order: int, tmp_path: Path) -> None:
    texts = corpus()
    result = trained(texts[:400], order)
    compare(result.tables, texts[400:], tmp_path / "model.arpa")


def test_perplexity_of_pruned_models_is_kenlms(tmp_path: Path) -> None:
    """By counts and entropy: backoffs above 1, and n-grams whose suffix is gone."""
    texts = corpus()
    result = trained(texts[:400], 4)
    tables = prune_by_entropy(result.tables, 1500, counts=result.counts)
    assert any((rows < 0).any() for rows in tables.suffixes())
    compare(tables, texts[400:], tmp_path / "model.arpa")


def test_perplexity_on_books_is_kenlms(data_root: Path, tmp_path: Path) -> None:
    """3,000 sentences to learn from, 1,000 to judge, out of real prose."""
    books = data_root / "lm_text" / "books.txt.xz"
    if not books.is_file():
        pytest.skip(f"no {books}")
    texts = list(islice(read_words([books]), 4000))
    text = number_words(texts[:3000], max_words=4000)
    result = estimate(text.vocabulary, count_ngrams(text, 4), (0, 0, 1))
    compare(result.tables, texts[3000:], tmp_path / "model.arpa")
