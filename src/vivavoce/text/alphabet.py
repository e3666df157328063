"""The symbols that a recogniser emits: characters or phones, with the CTC blank among them.

The default recogniser writes characters. CTC needs at least one frame for every token and one more between equal
neighbours; at 25 output frames a second, characters (about 14 a second in read speech) still fit, need no lexicon, and
spell words that the training never held. The module knows nothing of CTC's collapsing rule, which is
`decoding.ctc_greedy`, nor of normalising.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.phonemes import PHONES

BLANK = "<blank>"
CHARACTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Alphabet:
    """An ordered set of tokens, one of which is the CTC blank.

    `separator` stands between tokens in text: nothing for characters, a space for phones.

    Raises:
        ConfigError: fewer than two tokens, a token twice, an empty token, or no token at `blank_id`.
    """

    tokens: tuple[str, ...]
    blank_id: int = 0
    separator: str = ""
    _ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(self.tokens))
        ids = {token: number for number, token in enumerate(self.tokens)}
        if len(self.tokens) < 2 or "" in ids or not all(isinstance(token, str) for token in ids):
            raise ConfigError(
                f"an alphabet needs at least two tokens, all of them non-empty text; found {self.tokens!r}."
            )
        if len(ids) != len(self.tokens):
            twice = sorted({token for token in self.tokens if self.tokens.count(token) > 1})
            raise ConfigError(f"the alphabet holds {twice!r} more than once; every token needs an id of its own.")
        if not 0 <= self.blank_id < len(self.tokens):
            raise ConfigError(
                f"blank_id is {self.blank_id}; expected 0 to {len(self.tokens) - 1}, the ids of the tokens."
            )
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def characters(cls) -> Alphabet:
        """Blank, space, apostrophe and a to z: 29 tokens, what `normalize_for_training` leaves in a text."""
        return cls((BLANK, *CHARACTERS))

    @classmethod
    def phones(cls) -> Alphabet:
        """Blank and the 39 phones of `phonemes.PHONES`, separated by spaces in text."""
        return cls((BLANK, *PHONES), separator=" ")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Alphabet:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: a name is unknown, `tokens` is missing, or the tokens make no alphabet.
        """
        unknown = set(settings) - {"tokens", "blank_id", "separator"}
        if unknown or not isinstance(settings.get("tokens"), list | tuple):
            raise ConfigError(f"an alphabet is tokens (a list), blank_id and separator; found {sorted(settings)}.")
        return cls(tuple(settings["tokens"]), int(settings.get("blank_id", 0)), str(settings.get("separator", "")))

    def to_dict(self) -> dict[str, Any]:
        """JSON values only, as `bundle.json` stores them."""
        return {"tokens": list(self.tokens), "blank_id": self.blank_id, "separator": self.separator}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text: one for each character, or for each item between separators.

        Raises:
            TextError: a character or item is not in the alphabet, or is the blank.
        """
        items = [item for item in text.split(self.separator) if item] if self.separator else text
        try:
            ids = [self._ids[item] for item in items]
        except KeyError:
            ids = [self.blank_id]
        if self.blank_id in ids:
            wrong = sorted({item for item in items if self._ids.get(item, self.blank_id) == self.blank_id})
            raise TextError(f"{text!r} holds {wrong!r}, which the alphabet lacks. Use normalize_for_training first.")
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token ids, every one of them: repeats stay, and only the blank writes nothing.

        Raises:
            TextError: an id is outside the alphabet.
        """
        tokens, blank_id = self.tokens, self.blank_id
        numbers = [int(number) for number in ids]
        if numbers and not 0 <= min(numbers) <= max(numbers) < len(tokens):
            raise TextError(
                f"token ids run from {min(numbers)} to {max(numbers)}; the alphabet has 0 to {len(tokens) - 1}."
            )
        return self.separator.join([tokens[number] for number in numbers if number != blank_id])
