"""A user's words: files and their faults, pronunciations, and what the words are worth to a search."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_scorer import LexiconScorer
from vivavoce.decoding.lexicon_search import LexiconHypothesis, lexicon_search
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.own_words import LIKELIHOOD, OwnWord, OwnWords
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import TextError
from vivavoce.text.alphabet import Alphabet

PHONES = Alphabet.phones()
WEIGHTS = Weights(model=0.8, word=0.3, unknown=-3.0)
WIDE = {"beam_size": 10_000, "token_floor": 0.0, "beam_floor": 0.0, "blank_ceiling": 1.0}
SAID = [Pronunciation("a", (1,)), Pronunciation("b", (2,)), Pronunciation("rare", (1, 2)), Pronunciation("new", (2, 1))]


def spelled(words: OwnWords) -> list[tuple[str, str]]:
    """The given pronunciations as text."""
    said = words.pronunciations(PHONES)
    return [(one.word, " ".join(PHONES.tokens[token] for token in one.token_ids)) for one in said]


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(
        "\ufeff# names\n"
        "kubernetes\n"
        "\n"
        "Nginx  EH1 N JH IH0 N EH1 K S   # as its makers say it\n"
        "nginx(2) en JH ih n eh k s\n".replace("en", "eh n")
        + "nginx\tEH N JH IH N EH K S\n"
        "zyzzyva 0.01 Z IH Z IH V AH\n"
        "zyzzyva 1e-3\t\n"
        "o'grady 0.002\n",
        encoding="utf-8",
    )
    words = OwnWords.load(tmp_path / "words.txt")
    assert spelled(words) == [("nginx", "EH N JH IH N EH K S")] * 3 + [("zyzzyva", "Z IH Z IH V AH")]
    assert {one.log_prob for one in words.pronunciations(PHONES)} == {0.0}
    assert {word: round(math.exp(log_prob), 9) for word, log_prob in words.log_probs.items()} == {
        "kubernetes": LIKELIHOOD, "nginx": LIKELIHOOD, "zyzzyva": 0.01, "o'grady": 0.002,
    }  # fmt: skip
    (tmp_path / "words.txt").write_text("zyzzyva 0.00001 Z IH Z IH V AH\nzyzzyva Z AY Z IH V AH\n")
    lowered = OwnWords.load(tmp_path / "words.txt").log_probs
    assert lowered == {"zyzzyva": math.log(1e-5)}  # a line that says nothing of it does not raise it
    assert words.where("zyzzyva") == f"{tmp_path / 'words.txt'}, line 7: "


def test_the_same_without_a_file() -> None:
    words = OwnWords({"nginx": ["EH N JH IH N EH K S", "N JH IH N K S"], "Kubernetes": []})
    assert spelled(words) == [("nginx", "EH N JH IH N EH K S"), ("nginx", "N JH IH N K S")]
    assert list(words.log_probs) == ["nginx", "kubernetes"]
    assert OwnWords([OwnWord("nginx", likelihood=0.5)]).log_probs == {"nginx": math.log(0.5)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("naïve N AY IY V", r"line 2: 'naïve' is no word of a-z and apostrophes; write 'naive'"),
        ("b2b B IY", r"line 2: 'b2b' is no word of a-z and apostrophes"),
        ("день", r"line 2: 'день' is no word of a-z and apostrophes; spell it as it sounds"),
        ("''", r"line 2: \"''\" is no word"),
        ("ab(2)", r"line 2: ab\(2\) has no phones"),
        ("ab 0 AH B", "line 2: ab has the likelihood 0; expected a number between 0 and 1"),
        ("ab 1.5", "line 2: ab has the likelihood 1.5"),
        ("ab nan", "line 2: ab has the likelihood nan"),
        ("a" * 61, r"line 2: 'a{20}'\.\.\. has 61 letters and 0 phones; a word has up to 60"),
        ("ab" + " AH" * 61, r"line 2: 'ab'\.\.\. has 2 letters and 61 phones"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "words.txt").write_text(f"# a list\n{line}\n", encoding="utf-8")
    with pytest.raises(TextError, match=said):
        OwnWords.load(tmp_path / "words.txt")


def test_lists_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "wrong.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "phones.txt").write_text("ab AH B\nac AH QQ B2 Q1\n")
    with pytest.raises(TextError, match=r"empty\.txt holds no word; expected lines such as"):
        OwnWords.load(tmp_path / "empty.txt")
    for name in ("wrong.txt", "none.txt", "."):
        with pytest.raises(TextError, match="cannot be read as a list of words"):
            OwnWords.load(tmp_path / name)
    with pytest.raises(TextError, match=r"phones\.txt, line 2: ac is written with 'Q1', 'QQ'; .* phones are AA AE"):
        OwnWords.load(tmp_path / "phones.txt").pronunciations(PHONES)
    with pytest.raises(TextError, match="'ab' has an empty pronunciation"):
        OwnWords({"ab": ["AH B", " "]})
    with pytest.raises(TextError, match="holds none"):
        OwnWords({})
    with pytest.raises(TextError, match=r"^ab is written with '<blank>'"):
        OwnWords({"ab": ["<blank>"]}).pronunciations(PHONES)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,6}('[a-z])?", fullmatch=True),
        st.lists(st.lists(st.sampled_from(PHONES.tokens[1:]), min_size=1, max_size=4).map(" ".join), max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_files_say_what_is_said_without_them(tmp_path_factory: pytest.TempPathFactory, said: dict) -> None:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("".join(f"{word} {one}\n" for word, ways in said.items() for one in ways or [""]))
    read, given_here = OwnWords.load(path), OwnWords(said)
    assert spelled(read) == spelled(given_here) == [(word, one) for word, ways in said.items() for one in ways]
    assert read.log_probs == given_here.log_probs


@pytest.fixture(scope="module")
def model() -> NgramModel:
    """Knows a and b, of rare as much as one in 900, and that some word is unknown now and then."""
    rng = np.random.default_rng(0)
    sentences = [[str(word) for word in rng.choice(["a", "b"], 5)] for _ in range(180)] + [["rare", "a"]]
    text = number_words([*sentences, ["a", "other"]], ["a", "b", "rare"])
    return NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables)


def found(
    model: NgramModel | None, own: dict[str, float] | None, hotwords: Hotwords | None = None, seed: int = 3
) -> dict[str, LexiconHypothesis]:
    """Texts of some frames, with every path summed."""
    values = 1.5 * np.random.default_rng(seed).standard_normal((5, 3))
    log_probs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    scorer = LexiconScorer(LexiconTree(SAID, 3), model, WEIGHTS, hotwords, own)
    return {one.text: one for one in lexicon_search(log_probs, scorer, **WIDE)}


def test_what_words_are_worth(model: NgramModel) -> None:
    """A text's score changes by the model's factor times the logarithm of the share of <unk> that its word is."""
    unknown = model.step((), 0)[0]
    log_prob = math.log(0.02)
    before, after = found(model, None), found(model, {"new": log_prob})
    assert before["a"].log_score == pytest.approx(after["a"].log_score, abs=1e-9)
    gained = WEIGHTS.model * (log_prob - unknown) - WEIGHTS.unknown
    assert after["new"].log_score - before["new"].log_score == pytest.approx(gained, abs=1e-6)


def test_words_that_the_model_knows(model: NgramModel) -> None:
    """They count as unknown ones where that is more, and never for less than before."""
    state, likelier = model.start(), math.log(0.9)
    rare, unknown = (model.step(state, model.word_id(word))[0] for word in ("rare", "<unk>"))
    expected = unknown - model.step((), 0)[0] + likelier
    assert expected > rare
    before = found(model, None)
    gained = found(model, {"rare": likelier})["rare"].log_score - before["rare"].log_score
    assert gained == pytest.approx(WEIGHTS.model * (expected - rare), abs=1e-6)
    assert found(model, {"rare": -30.0, "a": -2.0}) == before
    little = found(model, {"b": model.step((), model.word_id("b"))[0] + 1e-6})
    for text, one in before.items():
        assert little[text].log_score > one.log_score - 1e-9, text


def test_words_are_allowed_where_unknown_ones_are_not(model: NgramModel) -> None:
    scorer = LexiconScorer(LexiconTree(SAID, 3), model, Weights(unknown=-math.inf), None, {"new": -1.0})
    log_probs = np.log(np.full((2, 3), 0.01) + 0.97 * np.eye(3)[[2, 1]])
    assert lexicon_search(log_probs, scorer)[0].text in ("new", "b a")
    assert "new" in {one.text for one in lexicon_search(log_probs, scorer, **WIDE)}


def test_hotwords_that_the_model_does_not_know_are_such_words(model: NgramModel) -> None:
    hotwords = Hotwords({"new": 2.0, "a": 1.0})
    with_own = found(model, {"new": math.log(LIKELIHOOD)}, hotwords)
    assert found(model, None, hotwords) == with_own
    likelier = found(model, {"new": math.log(0.3)}, hotwords)
    gained = WEIGHTS.model * (math.log(0.3) - math.log(LIKELIHOOD))
    assert likelier["new"].log_score - with_own["new"].log_score == pytest.approx(gained, abs=1e-6)


def test_without_a_model_all_words_are_alike() -> None:
    assert found(None, {"new": -1.0}) == found(None, None)
