"""Subwords: units against a plain byte-pair encoder, words back from their units, and what is refused."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.subwords import SINGLE, Subwords


def words_of(seed: int, count: int = 300) -> Counter[str]:
    rng = random.Random(seed)
    stems = ["".join(rng.choices("abcde'", k=rng.randint(1, 3))) for _ in range(12)]
    return Counter("".join(rng.choices(stems, k=rng.randint(1, 3))) for _ in range(count))


def plain_pieces(counts: Counter[str], size: int) -> list[tuple[str, str]]:
    """Merges by counting all pairs anew each time; of equally frequent ones that whose parts came up first."""
    spelled = {word: [*word[:-1], word[-1] + " "] for word in counts}
    known = list(SINGLE)
    merges: list[tuple[str, str]] = []
    while len(known) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], known.index(pair[0]), known.index(pair[1])))
        merges.append(best)
        known.append("".join(best))
        for parts in spelled.values():
            place = 0
            while place + 1 < len(parts):
                if (parts[place], parts[place + 1]) == best:
                    parts[place : place + 2] = ["".join(best)]
                place += 1
    return merges


@pytest.mark.parametrize("seed", range(3))
def test_merges_are_those_of_counting_anew(seed: int) -> None:
    counts = words_of(seed)
    subwords = Subwords.train(counts, len(SINGLE) + 25)
    found = [(subwords.units[left], subwords.units[right]) for left, right in subwords.merges]
    assert found == plain_pieces(counts, len(SINGLE) + 25)
    assert len(subwords) == len(SINGLE) + 25


def test_words_come_back_and_end_with_their_last_unit() -> None:
    subwords = Subwords.train(words_of(4), len(SINGLE) + 40)
    for word in [*words_of(5), "zyzzyva", "i'll", "a"]:
        units = subwords.encode_word(word)
        assert subwords.decode(units) == word + " "
        assert [subwords.units[unit].endswith(" ") for unit in units] == [False] * (len(units) - 1) + [True]
    assert subwords.decode(subwords.encode(["to", "be"])) == "to be "
    assert Subwords(subwords.merges).encode(["abracadabra", "bed"]) == subwords.encode(["abracadabra", "bed"])
    assert len(subwords.encode(words_of(4))) < sum(map(len, words_of(4)))


def test_the_most_urgent_merge_comes_first() -> None:
    """a b c: of the pairs (b, c) and (a, b) the first merge wins, wherever it stands."""
    a, b, c = (SINGLE.index(letter) for letter in ("a", "b", "c "))
    assert Subwords([(b, c), (a, b)]).encode_word("abc") == (a, len(SINGLE))
    assert Subwords([(a, b), (b, c)]).encode_word("abc") == (len(SINGLE), c)


@pytest.mark.parametrize("word", ["", "naïve", "two words", "A"])
def test_no_words(word: str) -> None:
    with pytest.raises(TextError, match="is no word"):
        Subwords([]).encode_word(word)


@pytest.mark.parametrize("merges", [[(0, 54)], [(-1, 0)], [(27, 0)], [(1, 2), (1, 2)]])
def test_merges_that_cannot_be(merges: list[tuple[int, int]]) -> None:
    with pytest.raises(ConfigError, match=r"cannot be|twice"):
        Subwords(merges)


def test_too_few_units() -> None:
    with pytest.raises(ConfigError, match="size is 53"):
        Subwords.train({"a": 1}, 53)
    assert len(Subwords.train({"ab": 3}, 100)) == 55  # there is nothing more to merge
