"""Modified Kneser-Ney against the paper's formulas written with dictionaries, and pruning against exact entropies."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import Text, count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_tables import BOS, MARKS, NgramTables
from vivavoce.decoding.ngram_training import FALLBACK_DISCOUNTS, Estimate, estimate
from vivavoce.errors import ConfigError, DataError

Gram = tuple[str, ...]


def sentences(seed: int = 0, count: int = 150, vocabulary: int = 60) -> list[list[str]]:
    """Random sentences of Zipf's law, in which some words follow each other more often."""
    rng = np.random.default_rng(seed)
    ranks = np.exp(rng.random((count, 9)) * math.log(vocabulary)).astype(int)
    ranks[:, 1::3] = ranks[:, 0::3] % 7 + 1
    lengths = rng.integers(1, 10, count)
    return [[f"w{rank}" for rank in row[:length]] for row, length in zip(ranks, lengths, strict=True)]


def trained(texts: list[list[str]], order: int, prune: tuple[int, ...] = ()) -> tuple[Text, Estimate]:
    text = number_words(texts)
    return text, estimate(text.vocabulary, count_ngrams(text, order), prune)


class Paper:
    """Chen and Goodman's interpolated modified Kneser-Ney, one probability at a time."""

    def __init__(self, texts: list[list[str]], order: int, prune: tuple[int, ...]) -> None:
        self.order = order
        self.counts: list[Counter[Gram]] = [Counter() for _ in range(order + 1)]
        for words in texts:
            row = ("<s>", *words, "</s>")
            for k in range(1, order + 1):
                self.counts[k].update(row[i : i + k] for i in range(len(row) - k + 1))
        self.words = sorted({word for (word,) in self.counts[1]} | {"<unk>"})
        self.words.remove("<s>")
        self.adjusted: list[dict[Gram, int]] = [{}]
        for k in range(1, order + 1):
            before = defaultdict(set)
            for gram in self.counts[k + 1] if k < order else ():
                before[gram[1:]].add(gram[0])
            self.adjusted.append(
                {g: n if k == order or g[0] == "<s>" else len(before[g]) for g, n in self.counts[k].items()}
            )
        self.adjusted[1].pop(("<s>",))
        self.discounts = [(0.0, 0.0, 0.0), *map(self.discounts_of, range(1, order + 1))]
        self.thresholds = [0, *prune, *[prune[-1] if prune else 0] * order][: order + 1]
        self.followers: dict[Gram, list[Gram]] = defaultdict(list)
        for grams in self.adjusted[1:]:
            for gram in grams:
                self.followers[gram[:-1]].append(gram)

    def discounts_of(self, k: int) -> tuple[float, ...]:
        n = Counter(self.adjusted[k].values())
        y = n[1] / (n[1] + 2 * n[2])
        return tuple(j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))

    def prob(self, word: str, context: Gram) -> float:
        k = len(context) + 1
        lower = self.prob(word, context[1:]) if context else 1.0 / len(self.words)
        total = sum(self.adjusted[k][gram] for gram in self.followers[context])
        if not total:
            return lower
        own, left = 0.0, 0.0
        for gram in self.followers[context]:
            count = self.adjusted[k][gram]
            kept = k == 1 or self.counts[k][gram] > self.thresholds[k]
            taken = self.discounts[k][min(count, 3) - 1] if kept else count
            left += taken
            if gram[-1] == word:
                own = count - taken
        return (own + left * lower) / total


@pytest.mark.parametrize(
    ("order", "prune"), [(1, ()), (2, ()), (3, ()), (4, ()), (4, (0, 0, 1)), (4, (0, 1, 1, 2)), (3, (0, 3))]
)
def test_probabilities_are_the_papers(order: int, prune: tuple[int, ...]) -> None:
    texts = sentences(seed=order)
    text, result = trained(texts, order, prune)
    assert result.complaints == ()
    paper = Paper(texts, order, prune)
    np.testing.assert_allclose(result.discounts, paper.discounts[1:], rtol=1e-12)
    model = NgramModel.from_tables(result.tables)
    rng = np.random.default_rng(1)
    for turn in range(10):
        context = tuple(rng.choice(paper.words, rng.integers(0, 6)))
        if turn % 2:
            context = ("<s>", *texts[rng.integers(len(texts))][: rng.integers(0, 5)])
        state = ()
        for word in context:
            state = model.step(state, model.word_id(word))[1]
        context = context[max(0, len(context) - order + 1) :]
        expected = [math.log(paper.prob(word, context)) for word in paper.words]
        assert sum(map(math.exp, expected)) == pytest.approx(1.0, abs=1e-9)
        found = [model.step(state, model.word_id(word))[0] for word in paper.words]
        np.testing.assert_allclose(found, expected, atol=2e-6)
    assert text.words == sum(map(len, texts))


def test_counts_and_links() -> None:
    text = number_words([["a", "b", "a", "b"], ["b"], []])
    assert text.vocabulary == (*MARKS, "b", "a")
    assert (text.sentences, text.words) == (2, 5)
    counted = count_ngrams(text, 3)
    names = text.vocabulary
    found = {}
    for k, grams in enumerate(counted, 1):
        for row in range(len(grams)):
            gram, order, at = (), k, row
            while order:
                gram, at, order = (
                    (names[counted[order - 1].words[at]], *gram),
                    counted[order - 1].prefixes[at],
                    order - 1,
                )
            found[gram] = int(grams.counts[row])
            if k > 1:  # the suffix is the gram without its first word
                below = counted[k - 2]
                assert names[below.words[grams.suffixes[row]]] == gram[-1]
    assert found[("a", "b")] == 2
    assert found[("<s>", "a", "b")] == found[("b", "a", "b")] == found[("a", "b", "</s>")] == 1
    assert found[("<s>", "b")] == found[("<s>", "b", "</s>")] == 1
    assert found[("b", "</s>")] == 2
    assert ("</s>", "<s>") not in found
    assert sum(count for gram, count in found.items() if len(gram) == 2) == 5 + 2


def test_words_outside_the_vocabulary_are_one_word() -> None:
    """Cutting the vocabulary is the same as writing <unk> in the text."""
    texts = sentences(3)
    common = [word for word, _ in Counter(word for row in texts for word in row).most_common(6)]
    cut = number_words(texts, max_words=6)
    written = number_words([[word if word in common else "<unk>" for word in row] for row in texts])
    assert set(cut.vocabulary) == set(written.vocabulary) == {*MARKS, *common}
    listed = number_words(texts, known=[*common, "never"])
    assert set(listed.vocabulary) == {*cut.vocabulary, "never"}
    models = []
    for text in (cut, written):
        result = estimate(text.vocabulary, count_ngrams(text, 3))
        models.append(NgramModel.from_tables(result.tables))
    for row in texts[:20]:
        assert models[0].score(row) == pytest.approx(models[1].score(row), abs=1e-5)
    # The text's share of such words, and not a mere rest, is their probability.
    assert math.exp(models[0].step((), 0)[0]) > 0.02


def test_degenerate_counts_fall_back_and_say_so() -> None:
    text = number_words([["a", "b"]] * 4)
    result = estimate(text.vocabulary, count_ngrams(text, 2))
    assert result.discounts == (FALLBACK_DISCOUNTS, FALLBACK_DISCOUNTS)
    assert len(result.complaints) == 2
    assert "2-grams" in result.complaints[1]
    assert "repetitive" in result.complaints[1]
    model = NgramModel.from_tables(result.tables)
    assert sum(math.exp(model.step(model.start(), w)[0]) for w in (0, 2, 3, 4)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("prune", [(1,), (0, 2, 1), (0, 0, 0, 0)])
def test_impossible_pruning_is_refused(prune: tuple[int, ...]) -> None:
    text = number_words([["a"]])
    with pytest.raises(ConfigError, match="expected at most 3 numbers"):
        estimate(text.vocabulary, count_ngrams(text, 3), prune)


def test_texts_that_teach_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="no words"):
        number_words([[], []])
    with pytest.raises(DataError, match="no word of the vocabulary"):
        number_words([["A", "B"]], known=["a", "b"])
    for own in (["a", "<s>", "b"], ["a", "</s>", "b"], ["<s>", "a", "</s>"]):
        with pytest.raises(DataError, match="take them out"):
            number_words([["x"], own])


def full_distribution(tables: NgramTables, context: list[int]) -> np.ndarray:
    """P of every word but <s> after a context; (V,) with 0 for <s>."""
    rows = [[*context, word] for word in range(len(tables.vocabulary))]
    probs = np.exp(tables.log_prob(np.array(rows)))
    probs[BOS] = 0.0
    return probs


def without(tables: NgramTables, order: int, row: int) -> np.ndarray:
    """The distribution after a context when one continuation of it backs off and the context is weighed anew."""
    gram = tables.spell(order, np.array([row]))[0].tolist()
    table = tables.tables[order - 1]
    explicit = table.words[table.prefixes == table.prefixes[row]]
    explicit = explicit[explicit != gram[-1]]
    probs, lower = full_distribution(tables, gram[:-1]), full_distribution(tables, gram[1:-1])
    backoff = (1.0 - probs[explicit].sum()) / (1.0 - lower[explicit].sum())
    changed = backoff * lower
    changed[explicit] = probs[explicit]
    return changed


def test_entropy_pruning_takes_what_costs_least() -> None:
    text, result = trained(sentences(5, count=60, vocabulary=6), 3)
    tables = result.tables
    total = text.words + text.sentences
    costs = {}
    for order in (2, 3):
        for row in range(tables.counts[order - 1]):
            if order < 3 and (tables.tables[order].prefixes == row).any():
                continue  # something hangs on it
            gram = tables.spell(order, np.array([row]))[0].tolist()
            probs, changed = full_distribution(tables, gram[:-1]), without(tables, order, row)
            assert changed.sum() == pytest.approx(1.0, abs=1e-9)
            share = result.counts[order - 2][tables.tables[order - 1].prefixes[row]] / total
            inside = probs > 0.0
            costs[order, row] = share * float((probs[inside] * np.log(probs[inside] / changed[inside])).sum())
    (order, row), least = min(costs.items(), key=lambda item: item[1])
    smaller = prune_by_entropy(tables, max_ngrams=sum(tables.counts) - 1, counts=result.counts)
    lost = [a - b for a, b in zip(tables.counts, smaller.counts, strict=True)]
    assert lost == [0, int(order == 2), int(order == 3)]
    gram = tables.spell(order, np.array([row]))[0]
    assert smaller.rows(gram[None])[0] == -1
    np.testing.assert_allclose(full_distribution(smaller, gram[:-1].tolist()), without(tables, order, row), atol=1e-9)
    # The same by a threshold; all losses below it go, and only those.
    middle = float(np.median(list(costs.values())))
    by_threshold = prune_by_entropy(tables, threshold=middle, counts=result.counts)
    gone = {key for key in costs if by_threshold.rows(tables.spell(key[0], np.array([key[1]])))[0] == -1}
    assert gone == {key for key, cost in costs.items() if cost <= middle}
    assert least <= middle


@pytest.mark.parametrize("with_counts", [True, False])
def test_pruned_models_are_distributions(with_counts: bool) -> None:
    _, result = trained(sentences(6), 4)
    counts = result.counts if with_counts else None
    sizes = []
    for size in (400, 150, 80):
        tables = prune_by_entropy(result.tables, max_ngrams=size, counts=counts)
        sizes.append(sum(tables.counts))
        rng = np.random.default_rng(size)
        for _ in range(15):
            context = rng.integers(3, len(tables.vocabulary), rng.integers(0, 5)).tolist()
            assert full_distribution(tables, [BOS, *context]).sum() == pytest.approx(1.0, abs=1e-9)
    # Equal losses go together, so some fewer may stay.
    assert all(wished - 5 <= size <= wished for size, wished in zip(sizes, (400, 150, 80), strict=True))


def test_more_ngrams_foresee_more() -> None:
    texts = sentences(7, count=400)
    _, result = trained(texts[:300], 3)
    whole = NgramModel.from_tables(result.tables).perplexity(texts[300:]).perplexity
    small, tiny = (
        NgramModel.from_tables(prune_by_entropy(result.tables, size, counts=result.counts))
        .perplexity(texts[300:])
        .perplexity
        for size in (200, 70)
    )
    assert whole * 0.98 < small < tiny


def test_impossible_sizes_are_refused() -> None:
    _, result = trained(sentences(8), 2)
    with pytest.raises(ConfigError, match="limit the vocabulary first"):
        prune_by_entropy(result.tables, max_ngrams=5)
    with pytest.raises(ConfigError, match="a number of n-grams or a threshold"):
        prune_by_entropy(result.tables)
    assert prune_by_entropy(result.tables, max_ngrams=10**6).counts == result.tables.counts
