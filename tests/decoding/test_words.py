"""Words, their times and confidences from decoded characters."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.decoding.ctc_greedy import GreedyResult, ctc_greedy
from vivavoce.decoding.words import Word, token_words
from vivavoce.errors import TextError
from vivavoce.text.alphabet import Alphabet


def decode(path: str, probability: float = 0.9) -> GreedyResult:
    """The result of a path of characters, `-` for the blank, every frame equally sure."""
    alphabet = Alphabet.characters()
    ids = [0 if character == "-" else alphabet.tokens.index(character) for character in path]
    log_probs = np.full((len(ids), len(alphabet)), np.log((1 - probability) / (len(alphabet) - 1)), np.float32)
    log_probs[np.arange(len(ids)), ids] = np.log(probability)
    return ctc_greedy(log_probs)


def test_words_have_times_and_confidence() -> None:
    words = token_words(decode("--hh-i- -tt-hee-re--"), Alphabet.characters(), 0.04, offset_seconds=10.0)
    assert [word.word for word in words] == ["hi", "there"]
    assert words[0].start_seconds == pytest.approx(10.08)
    assert words[0].end_seconds == pytest.approx(10.24)
    assert words[1].start_seconds == pytest.approx(10.36)
    assert words[1].end_seconds == pytest.approx(10.72)
    assert [word.confidence for word in words] == pytest.approx([0.9, 0.9], rel=1e-5)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", []), ("----", []), ("- - -", []), (" a", ["a"]), ("a - b ", ["a", "b"]), ("it's", ["it's"]), ("l-l", ["ll"])],
)
def test_spaces_separate_wherever_they_stand(path: str, expected: list[str]) -> None:
    words = token_words(decode(path), Alphabet.characters(), 0.04)
    assert [word.word for word in words] == expected


def test_confidence_is_the_geometric_mean_of_the_characters() -> None:
    result = GreedyResult(np.array([3, 4]), np.array([0, 1]), np.array([1, 2]), np.log([0.5, 0.125]))
    assert token_words(result, Alphabet.characters(), 0.04) == [Word("ab", 0.0, 0.08, pytest.approx(0.25))]


def test_random_paths_give_the_words_of_the_text_in_order() -> None:
    rng = np.random.default_rng(0)
    alphabet = Alphabet.characters()
    for _ in range(20):
        log_probs = np.log(rng.dirichlet(np.full(len(alphabet), 0.05), size=300) + 1e-9)
        result = ctc_greedy(log_probs)
        words = token_words(result, alphabet, 0.04)
        assert " ".join(word.word for word in words) == " ".join(alphabet.decode(result.token_ids).split())
        edges = [edge for word in words for edge in (word.start_seconds, word.end_seconds)]
        assert edges == sorted(edges)
        assert all(0.0 <= word.confidence <= 1.0 for word in words)


def test_an_alphabet_without_a_space_is_refused() -> None:
    with pytest.raises(TextError, match="no space"):
        token_words(decode("a"), Alphabet.phones(), 0.04)
