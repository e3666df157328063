"""Lexicon search against every path of every word sequence; the tree against a dictionary of prefixes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_scorer import LexiconScorer, members
from vivavoce.decoding.lexicon_search import LexiconSearch, lexicon_search, likeliest
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation, Pronunciations
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, TextError

SAID = (
    Pronunciation("a", (1,)),
    Pronunciation("ab", (1, 2)),
    Pronunciation("abba", (1, 2, 2, 1)),
    Pronunciation("hey", (1,), -0.7),  # sounds like "a"
    Pronunciation("b", (2,)),
    Pronunciation("b", (3, 2), -1.0),  # another way of saying it
    Pronunciation("cab", (3, 1, 2)),
)
WEIGHTS = Weights(model=0.8, end=0.5, word=0.3, unknown=0.0)


def trained(order: int) -> NgramModel:
    rng = np.random.default_rng(0)
    sentences = [[str(word) for word in rng.choice(["a", "ab", "abba", "b", "cab", "x"], 5)] for _ in range(60)]
    text = number_words(sentences)
    return NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, order), [0] * order).tables)


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return trained(4)


def posteriors(frames: int, seed: int) -> np.ndarray:
    values = 1.5 * np.random.default_rng(seed).standard_normal((frames, 4))
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))


def every_text(
    log_probs: np.ndarray,
    model: NgramModel | None,
    weights: Weights,
    said: Sequence[Pronunciation] = SAID,
    hot: dict[str, float] | None = None,
) -> dict[tuple[str, ...], float]:
    """Words -> the sum over all pronunciations and paths, by trying them all."""
    by_tokens: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token)
        probability = math.exp(sum(log_probs[t, token] for t, token in enumerate(path)))
        by_tokens[tokens] = by_tokens.get(tokens, 0.0) + probability
    found: dict[tuple[str, ...], float] = {}

    def read(tokens: tuple[int, ...], words: tuple[str, ...], log_cost: float, probability: float) -> None:
        if not tokens:
            score = log_cost + weights.word * len(words)
            if model is not None:
                state = model.start()
                for word in words:
                    log_prob, state = model.step(state, model.word_id(word))
                    score += weights.model * max(log_prob, -16.0) + (weights.unknown if word not in model else 0.0)
                score += weights.end * model.end(state)
            text = f" {'  '.join(words)} "
            score += sum(worth * text.count(f" {phrase.replace(' ', '  ')} ") for phrase, worth in (hot or {}).items())
            found[words] = found.get(words, 0.0) + probability * math.exp(score)
        for one in said:
            if tokens[: len(one.token_ids)] == one.token_ids:
                read(tokens[len(one.token_ids) :], (*words, one.word), log_cost + one.log_prob, probability)

    for tokens, probability in by_tokens.items():
        read(tokens, (), 0.0, probability)
    return found


WIDE = {"beam_size": 10_000, "token_floor": 0.0, "beam_floor": 0.0, "blank_ceiling": 1.0}


@pytest.mark.parametrize("with_model", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_every_path_is_summed(model: NgramModel, with_model: bool, seed: int) -> None:
    log_probs = posteriors(6, seed)
    used = model if with_model else None
    expected = every_text(log_probs, used, WEIGHTS)
    scorer = LexiconScorer(LexiconTree(SAID, 4), used, WEIGHTS)
    found = lexicon_search(log_probs, scorer, **WIDE)
    # Texts behind which the model is in one state are one hypothesis; nothing is lost and nothing counted twice.
    total = math.log(sum(expected.values()))
    assert np.logaddexp.reduce([one.log_score for one in found]) == pytest.approx(total, abs=1e-9)
    assert len({one.text for one in found}) == len(found)
    best = max(expected, key=expected.__getitem__)
    if with_model:
        assert found[0].text == " ".join(best)
    assert found[0].log_score >= math.log(expected[tuple(found[0].text.split())]) - 1e-9


@pytest.mark.parametrize("hot", [None, {"cab": 2.0, "a b": 1.5, "b": 0.5}])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_every_path_is_summed_behind_all_that_may_be_remembered(order: int, hot: dict[str, float] | None) -> None:
    """Contexts that are equal are one, whether they hold words, hotwords under way, or nothing."""
    used = trained(order) if order else None
    log_probs = posteriors(6, 20 + order)
    scorer = LexiconScorer(LexiconTree(SAID, 4), used, WEIGHTS, Hotwords(hot) if hot else None)
    found = lexicon_search(log_probs, scorer, **WIDE)
    total = math.log(sum(every_text(log_probs, used, WEIGHTS, hot=hot).values()))
    assert np.logaddexp.reduce([one.log_score for one in found]) == pytest.approx(total, abs=1e-9)
    search = LexiconSearch(scorer, **WIDE)
    search.accept(log_probs)
    contexts = [search._ends.context(number) for number in set(search._state.tolist())]
    assert len(set(contexts)) == len(contexts)
    assert [search._ends.number(context) for context in contexts] == list(set(search._state.tolist()))


def test_histories_that_matter_are_kept_apart(model: NgramModel) -> None:
    """Two words at most: the model remembers both, so that every text has a score of its own."""
    said = [one for one in SAID if len(one.token_ids) > 1]
    log_probs = posteriors(6, 9)
    expected = every_text(log_probs, model, WEIGHTS, said)
    found = lexicon_search(log_probs, LexiconScorer(LexiconTree(said, 4), model, WEIGHTS), **WIDE)
    scores = {tuple(one.text.split()): one.log_score for one in found}
    assert max(len(words) for words in expected) == 3
    for words, value in expected.items():
        if len(words) <= 2:
            assert scores[words] == pytest.approx(math.log(value), abs=1e-9)


@pytest.mark.parametrize("weight", [4.0, 16.0, 24.0, 60.0])
@pytest.mark.parametrize("said", [True, False])
def test_heavy_hotwords_leave_the_others_their_words(weight: float, said: bool) -> None:
    """From its first phone on a hotword stands before all else, though not alone: the words beside it are found."""
    kit = (1, 2, 3, 4, 5, 4, 2, 3, 4, 5)
    words = [Pronunciation("kit", kit), Pronunciation("cat", (1, 6, 3)), Pronunciation("at", (6, 3))]
    scorer = LexiconScorer(LexiconTree(words, 7), None, hotwords=Hotwords({"kit": weight}))
    path = [6, 3, 0, *(kit if said else (1, 6, 3)), 0, 1, 6, 3, 0, 6, 3]
    log_probs = np.log(np.full((len(path), 7), 1e-3) + (1 - 7e-3) * np.eye(7)[path])
    found = lexicon_search(log_probs, scorer)[0]
    assert found.text == f"at {'kit' if said else 'cat'} cat at"
    if weight < 60:  # of more, every ten sounds are as good as the hotword
        assert found.log_score == pytest.approx(lexicon_search(log_probs, scorer, **WIDE)[0].log_score, abs=0.01)


def test_cuts_leave_no_trace(model: NgramModel) -> None:
    scorer, rng = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS), np.random.default_rng(1)
    log_probs = np.concatenate([posteriors(20, 3), np.log([[0.9997, 1e-4, 1e-4, 1e-4]] * 5), posteriors(20, 4)])
    whole = lexicon_search(log_probs, scorer, beam_size=20)
    for _ in range(5):
        search = LexiconSearch(scorer, beam_size=20)
        for piece in np.split(log_probs, np.sort(rng.integers(0, 45, 6))):
            search.accept(piece)
            search.hypotheses()
        assert search.hypotheses() == whole


def test_forks_go_on_by_themselves(model: NgramModel) -> None:
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    begin, one, other = posteriors(10, 6), posteriors(10, 7), posteriors(10, 8)
    search = LexiconSearch(scorer)
    search.accept(begin)
    fork = search.fork()
    fork.accept(one)
    fork.hypotheses()
    search.accept(other)
    assert search.hypotheses() == lexicon_search(np.concatenate([begin, other]), scorer)
    assert fork.hypotheses() == lexicon_search(np.concatenate([begin, one]), scorer)


def test_few_readings_are_the_likeliest(model: NgramModel) -> None:
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    search = LexiconSearch(scorer)
    search.accept(posteriors(20, 11))
    for ends in (True, False):
        every, few = search.hypotheses(ends), search.hypotheses(ends, 5)
        assert few[0].words == every[0].words
        assert {one.text for one in few} <= {one.text for one in every}
        assert 1 <= len(few) <= 5
    assert search.hypotheses(True)[0].log_score != search.hypotheses(False)[0].log_score


@pytest.mark.parametrize("size", [1, 2, 7])
def test_no_more_hypotheses_than_the_beam_holds(size: int) -> None:
    """Without a model, words of one sound and as many tokens are equally likely."""
    said = [Pronunciation(name, (token, 3)) for token in (1, 2) for name in "abcdef"]
    search = LexiconSearch(LexiconScorer(LexiconTree(said, 4)), beam_size=size)
    for row in np.log(np.full((12, 1, 4), 0.25)):
        search.accept(row)
        assert len(search._key) <= size
        assert (np.diff(search._key) > 0).all()


def test_words_stand_where_they_were_said(model: NgramModel) -> None:
    """c a b, twice blank, a b b a with a blank between the two b."""
    path = [0, 3, 3, 1, 2, 2, 0, 0, 1, 2, 0, 2, 1, 1, 0]
    log_probs = np.log(np.full((len(path), 4), 0.01) + 0.96 * np.eye(4)[path])
    (best, *_) = lexicon_search(log_probs, LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS))
    assert best.text == "cab abba"
    assert [(word.start_frame, word.end_frame) for word in best.words] == [(1, 4), (8, 12)]


def test_a_narrow_beam_is_no_better(model: NgramModel) -> None:
    scorer = LexiconScorer(LexiconTree(SAID, 4), model, WEIGHTS)
    log_probs = posteriors(30, 5)
    scores = [lexicon_search(log_probs, scorer, beam_size=size)[0].log_score for size in (1, 5, 20, 200)]
    assert scores == sorted(scores)


def test_the_middle_of_a_word_is_no_word() -> None:
    scorer = LexiconScorer(LexiconTree([Pronunciation("cab", (3, 1, 2))], 4))
    said = np.log(np.full((3, 4), 0.01) + 0.96 * np.eye(4)[[3, 0, 1]])
    assert [one.text for one in lexicon_search(said, scorer, token_floor=0.05)] == [""]
    assert lexicon_search(np.zeros((0, 4)), scorer)[0].text == ""


def test_unknown_words_cost_what_the_weights_say(model: NgramModel) -> None:
    said = [*SAID, Pronunciation("zo", (3,))]
    path = np.log(np.full((2, 4), 0.01) + 0.96 * np.eye(4)[[3, 0]])
    plain, dear = (
        lexicon_search(path, LexiconScorer(LexiconTree(said, 4), model, Weights(unknown=x)), **WIDE)
        for x in (0.0, -5.0)
    )
    of = [next(one.log_score for one in found if one.text == "zo") for found in (plain, dear)]
    assert of[0] - of[1] == pytest.approx(5.0)
    none = LexiconScorer(LexiconTree(said, 4), model, Weights(unknown=-math.inf))
    assert all("zo" not in one.text and "hey" not in one.text for one in lexicon_search(path, none, **WIDE))


def test_tree_holds_every_prefix() -> None:
    rng = np.random.default_rng(2)
    said = [Pronunciation(f"w{n % 70}", tuple(rng.integers(0, 5, rng.integers(1, 6)).tolist())) for n in range(100)]
    tree = LexiconTree(said, 5)
    prefixes = {one.token_ids[:n] for one in said for n in range(len(one.token_ids) + 1)}
    assert len(tree) == len(prefixes)
    scores = rng.standard_normal(len(tree.entry_words))
    ahead = tree.best_ahead(scores)

    def walk(node: int, prefix: tuple[int, ...]) -> float:
        """Check a node, and all below; the best score at or below."""
        first = tree.first_entry[node]
        last = first + tree.entry_counts[node]
        words = {tree.words[number] for number in tree.entry_words[first:last]}
        assert words == {one.word for one in said if one.token_ids == prefix}
        children = range(tree.first_child[node], tree.first_child[node] + tree.child_counts[node])
        assert {(*prefix, int(tree.tokens[child])) for child in children} == {
            longer for longer in prefixes if len(longer) == len(prefix) + 1 and longer[:-1] == prefix
        }
        assert all(tree.parents[child] == node for child in children)
        best = max([*scores[first:last], *(walk(c, (*prefix, int(tree.tokens[c]))) for c in children)])
        assert ahead[node] == (best if node else 0.0)
        return best

    walk(0, ())
    assert [int(tree.root_children[token]) for token in range(5)] == list(range(1, 6))


def test_pronunciations_in_columns_are_the_same() -> None:
    said = [*SAID, Pronunciation("b", (2,), -0.5), Pronunciation("b", (2,), -0.1), Pronunciation("cab", (2,), -0.2)]
    columns = Pronunciations.of(said)
    assert list(columns) == said
    assert len(columns) == len(said)
    assert [columns[n] for n in (0, 2, -1)] == [said[n] for n in (0, 2, -1)]
    assert columns[1:5:2] == said[1:5:2]
    assert list(columns + SAID) == [*said, *SAID]
    with pytest.raises(IndexError):
        columns[len(said)]
    trees = [LexiconTree(one, 4) for one in (said, columns)]
    for name in ("tokens", "parents", "first_entry", "entry_counts", "entry_words", "entry_log_probs"):
        np.testing.assert_array_equal(*[getattr(tree, name) for tree in trees])
    # A word that is given three times at one node is one entry, at its best; others come behind it in their order.
    tree = trees[0]
    node = int(tree.root_children[2])
    entries = range(tree.first_entry[node], tree.first_entry[node] + tree.entry_counts[node])
    assert [(tree.words[tree.entry_words[e]], tree.entry_log_probs[e]) for e in entries] == [("b", 0.0), ("cab", -0.2)]


@pytest.mark.parametrize(
    "said", [[], [Pronunciation("x", ())], [Pronunciation("x", (4,))], [Pronunciation("x", (-1,))]]
)
def test_lexicons_that_cannot_be(said: list[Pronunciation]) -> None:
    with pytest.raises(TextError):
        LexiconTree(said, 4)


def test_searches_that_cannot_be() -> None:
    scorer = LexiconScorer(LexiconTree(SAID, 4))
    with pytest.raises(ConfigError, match="beam_size is 0"):
        LexiconSearch(scorer, beam_size=0)
    with pytest.raises(ValueError, match="expected a distribution"):
        LexiconSearch(scorer).accept(np.full((1, 4), -np.inf))


def test_the_likeliest_of_equal_ones_are_the_first() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        values = rng.integers(0, 4, 20).astype(float)
        for most in (1, 5, 20):
            expected = np.sort(np.argsort(-values, kind="stable")[:most])
            np.testing.assert_array_equal(likeliest(values, most), expected)


def test_members_of_ranges() -> None:
    owner, member = members(np.array([5, 2, 9, 0]), np.array([2, 0, 3, 1]))
    assert owner.tolist() == [0, 0, 2, 2, 2, 3]
    assert member.tolist() == [5, 6, 9, 10, 11, 0]
    assert [len(part) for part in members(np.zeros(0, np.int64), np.zeros(0, np.int64))] == [0, 0]


def test_where_words_may_end() -> None:
    """Of a word of three sounds, behind the last."""
    said = np.log(np.full((4, 4), 0.01) + 0.96 * np.eye(4)[[3, 1, 0, 2]])
    search = LexiconSearch(LexiconScorer(LexiconTree([Pronunciation("cab", (3, 1, 2))], 4)))
    between = []
    for frame in said:
        search.accept(frame[None])
        between.append(search.between_words())
    assert between == [False, False, False, True]
