"""Phrases that a user expects, and how far a hypothesis has come in one of them.

Each letter that continues a phrase earns its share of the phrase's weight, so that the search does not lose a rare name
before it is spelled; a phrase that breaks off pays back what it has earned, and one that is followed by more letters
was another word. Phrases begin where words begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vivavoce.errors import TextError
from vivavoce.text.normalize import normalize_for_training

BOUNDARY = " "
DEFAULT_WEIGHT = 8.0


@dataclass
class _Node:
    earned: float = 0.0  # from the beginning of the phrase to here
    whole: float | None = None  # the weight of the phrase that ends here
    children: dict[str, _Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A place in a phrase; `settled` was earned for good by a shorter phrase on the way here."""

    node: _Node
    settled: float = 0.0

    @property
    def promise(self) -> float:
        """What was earned and must be paid back if the phrase breaks off."""
        return max(0.0, self.node.earned - self.settled)


class Hotwords:
    """Phrases with weights, natural logarithms of how much likelier each becomes."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Normalise the phrases as transcripts are.

        Raises:
            TextError: a phrase without letters, or a weight that is not positive.
        """
        self._root = _Node()
        self.phrases: dict[str, float] = {}
        for phrase, weight in weights.items():
            text = normalize_for_training(phrase)
            if not text or not weight > 0:
                raise TextError(f"hotword {phrase!r} with weight {weight}: expected letters and a weight above 0.")
            self.phrases[text] = weight
        for text, weight in self.phrases.items():
            node = self._root
            for place, letter in enumerate(text, 1):
                node = node.children.setdefault(letter, _Node())
                # Phrases that begin alike: the greater promise counts.
                node.earned = max(node.earned, weight * place / len(text))
            node.whole = weight

    @classmethod
    def load(cls, path: str | Path) -> Hotwords:
        """Read a file with one phrase a line, optionally a tab and its weight; lines that begin with # are left out.

        Raises:
            TextError: the file cannot be read, or a line of it is not such.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(f"{path} cannot be read as hotwords: {error}.") from None
        weights: dict[str, float] = {}
        for number, line in enumerate(lines, 1):
            phrase, tab, weight = line.partition("\t")
            if not phrase.strip() or phrase.startswith("#"):
                continue
            try:
                weights[phrase.strip()] = float(weight) if tab else DEFAULT_WEIGHT
            except ValueError:
                raise TextError(f"{path}, line {number}: weight {weight!r} is not a number.") from None
        return cls(weights)

    def begin(self) -> Match:
        """Where a word begins."""
        return Match(self._root)

    def step(self, match: Match | None, letter: str) -> tuple[float, Match | None]:
        """What a letter earns (or pays back), and the place after it; None until the next word begins."""
        if match is None:
            return (0.0, self.begin()) if letter == BOUNDARY else (0.0, None)
        settled = match.settled
        if letter == BOUNDARY and match.node.whole is not None:
            settled = max(settled, match.node.whole)
        node = match.node.children.get(letter)
        if node is not None:
            after: Match | None = Match(node, settled)
        else:
            after = self.begin() if letter == BOUNDARY else None
        promise = after.promise if after is not None and node is not None else 0.0
        return settled - match.settled + promise - match.promise, after

    def end(self, match: Match | None) -> float:
        """What the end of the text settles."""
        if match is None:
            return 0.0
        return max(match.settled, match.node.whole or 0.0) - match.settled - match.promise
