"""Error rates with counts: words a CPU second beside jiwer, which uses the same search.

    python bench/error_rate.py

5,000 pairs of 5 to 40 words and one pair of 20,000 words, one word in ten wrong, and the characters of 1,000 pairs. The
words follow Zipf's law over 20,000 made-up ones. Both give the same counts, which is checked before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable

import jiwer
import numpy as np

import timing
from vivavoce.metrics.error_rate import error_rate

Counts = tuple[int, int, int, int]


def words(rng: np.random.Generator, count: int) -> list[str]:
    """Words whose frequencies fall as 1 / rank, and whose letters spell their rank."""
    ranks = np.exp(rng.random(count) * np.log(20_000)).astype(int)
    letters = str.maketrans("0123456789", "etaoinshrd")
    return [str(rank * 37).translate(letters) for rank in ranks]


def misheard(rng: np.random.Generator, reference: list[str]) -> list[str]:
    """6% of the words replaced, 2% left out, 2% followed by another; never empty."""
    others = words(rng, len(reference))
    hypothesis: list[str] = []
    for word, other, chance in zip(reference, others, rng.random(len(reference)), strict=True):
        if chance < 0.06:
            hypothesis.append(other)
        elif chance < 0.08:
            continue
        else:
            hypothesis += [word, other] if chance < 0.10 else [word]
    return hypothesis or others[:1]


def ours(references: list[str], hypotheses: list[str], unit: str = "word") -> Counts:
    result = error_rate(references, hypotheses, unit)  # type: ignore[arg-type]
    return result.hits, result.substitutions, result.deletions, result.insertions


def theirs(references: list[str], hypotheses: list[str], unit: str = "word") -> Counts:
    count = jiwer.process_words if unit == "word" else jiwer.process_characters
    result = count(references, hypotheses)
    return result.hits, result.substitutions, result.deletions, result.insertions


def build() -> list[timing.Case]:
    rng = np.random.default_rng(1)
    spoken = [words(rng, int(length)) for length in rng.integers(5, 41, 5000)]
    heard = [misheard(rng, reference) for reference in spoken]
    references, hypotheses = [" ".join(w) for w in spoken], [" ".join(w) for w in heard]
    book = words(rng, 20_000)
    long_pair = ([" ".join(book)], [" ".join(misheard(rng, book))])
    cases = [
        ("words of 5,000 pairs", sum(map(len, spoken)), "words", (references, hypotheses), "word", None),
        ("words of one pair of 20,000", 20_000, "words", long_pair, "word", None),
        ("characters of 1,000 pairs", sum(map(len, references[:1000])), "characters",
         (references[:1000], hypotheses[:1000]), "character", 5),
    ]  # fmt: skip
    made = []
    for name, work, what, pairs, unit, rounds in cases:
        assert ours(*pairs, unit) == theirs(*pairs, unit), f"{name}: the counts differ"
        candidates: dict[str, Callable[[], object]] = {
            "vivavoce": lambda pairs=pairs, unit=unit: ours(*pairs, unit),
            "jiwer": lambda pairs=pairs, unit=unit: theirs(*pairs, unit),
        }
        made.append(timing.Case(name, work, what, candidates, memory="20,000" in name, rounds=rounds))
    return made


if __name__ == "__main__":
    timing.run(build, __doc__)
