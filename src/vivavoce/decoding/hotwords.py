"""Phrases that a user expects, and how far a hypothesis has come in one of them.

Each time a phrase is said, as whole words, it earns its weight; occurrences may overlap and hold one another, and each
counts. So that the search does not lose a rare name before it is spelled, every letter of a phrase earns its share in
advance, which is paid back when the phrase breaks off.

All phrases are followed at once by the automaton of Aho and Corasick, "Efficient string matching: an aid to
bibliographic search", 1975, over letters. A space before and a space behind belong to each phrase, so that none is
found inside another word. The automaton knows nothing of tokens, vocabularies and models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vivavoce.decoding.g2p import LONGEST_WORD
from vivavoce.errors import TextError
from vivavoce.text.normalize import normalize_for_training

BOUNDARY = " "
DEFAULT_WEIGHT = 4.0
HIGHEST_WEIGHT = 100.0  # e to this power is still a number, and nothing acoustic stands against it


class HotState:
    """A place in the automaton: the longest end of the text that a phrase begins with.

    Attributes:
        earned: the weights of all phrases that are whole here.
        promise: what the letters of phrases under way have earned in advance.
    """

    __slots__ = ("_next", "children", "earned", "fallback", "promise")

    def __init__(self, fallback: HotState | None) -> None:
        self.children: dict[str, HotState] = {}
        self.fallback = fallback
        self.earned = self.promise = 0.0
        self._next: dict[str, HotState] = {}

    def after(self, letter: str) -> HotState:
        """Where a letter leads."""
        state = self._next.get(letter)
        if state is None:
            if letter in self.children:
                state = self.children[letter]
            else:
                state = self if self.fallback is None else self.fallback.after(letter)
            self._next[letter] = state
        return state


class Hotwords:
    """Phrases with weights, natural logarithms of how much likelier each becomes where it is said.

    Attributes:
        phrases: the weights by normalised phrase.
        words: all words of the phrases.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Normalise the phrases as transcripts are; of two that become equal, the greater weight counts.

        Raises:
            TextError: a phrase without letters, with letters beyond a-z or with an endless word, or a weight not above
                0 and at most 100.
        """
        self.phrases: dict[str, float] = {}
        for phrase, weight in weights.items():
            text = normalize_for_training(phrase)
            if not text:
                raise TextError(
                    f"hotword {phrase!r} cannot be written with a-z and apostrophes; spell it as it sounds."
                )
            if max(map(len, text.split(BOUNDARY))) > LONGEST_WORD:
                raise TextError(
                    f"hotword {text[:20]!r}... has a word of over {LONGEST_WORD} letters; write it as several."
                )
            if not 0 < weight <= HIGHEST_WEIGHT:
                raise TextError(
                    f"hotword {phrase!r} has weight {weight}; expected a number above 0, {HIGHEST_WEIGHT:.0f} at most."
                )
            self.phrases[text] = max(float(weight), self.phrases.get(text, 0.0))
        self.words = frozenset(word for text in self.phrases for word in text.split(BOUNDARY))
        self._root = _automaton(self.phrases)

    @classmethod
    def load(cls, path: str | Path) -> Hotwords:
        """Read a UTF-8 file with one phrase a line, optionally a tab and its weight, else 4; empty lines and those that
        begin with # are left out.

        Raises:
            TextError: the file cannot be read, a line of it is not such (it is named by its number), or there is none.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(f"{path} cannot be read as hotwords: {error}.") from None
        weights: dict[str, float] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            phrase, tab, written = line.partition("\t")
            try:
                weight = float(written) if tab else DEFAULT_WEIGHT
            except ValueError:
                raise TextError(f"{path}, line {number}: weight {written!r} is not a number.") from None
            try:
                known = cls({phrase: weight}).phrases
            except TextError as error:
                raise TextError(f"{path}, line {number}: {error}") from None
            weights.update((text, max(weight, weights.get(text, 0.0))) for text in known)
        if not weights:
            raise TextError(f"{path} holds no hotword; expected one phrase a line, optionally a tab and its weight.")
        return cls(weights)

    @property
    def highest_step(self) -> float:
        """The most that one letter inside a word can earn in advance."""
        return max((weight / len(text) for text, weight in self.phrases.items()), default=0.0)

    def begin(self) -> HotState:
        """Where a text begins, which is where a word begins."""
        return self._root.after(BOUNDARY)

    def step(self, state: HotState, letter: str) -> tuple[float, HotState]:
        """What a letter or a space earns (or, below 0, pays back), and the place after it."""
        after = state.after(letter)
        return after.earned + after.promise - state.promise, after

    def end(self, state: HotState) -> float:
        """What the end of the text settles: its last word is whole, and no phrase goes on."""
        return state.after(BOUNDARY).earned - state.promise


def _automaton(phrases: Mapping[str, float]) -> HotState:
    """The states of all beginnings of phrases, breadth first, so that fallbacks, which are shorter, come first."""
    root = HotState(None)
    rows = [(root, f"{BOUNDARY}{text}{BOUNDARY}", weight) for text, weight in phrases.items()]
    depth = 0
    while rows:
        created = []
        for parent, text, weight in rows:
            letter = text[depth]
            child = parent.children.get(letter)
            if child is None:
                fallback = root if parent.fallback is None else parent.fallback.after(letter)
                child = parent.children[letter] = HotState(fallback)
                child.earned, child.promise = fallback.earned, fallback.promise
            created.append((child, text, weight))
        depth += 1
        for child, text, weight in created:
            if depth == len(text):
                child.earned += weight
            else:
                # Of several phrases under way, only the greatest promise counts: most will break off.
                child.promise = max(child.promise, weight * (depth - 1) / (len(text) - 2))
        rows = [row for row in created if depth < len(row[1])]
    return root
