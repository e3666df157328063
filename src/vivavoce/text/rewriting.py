"""Rules that put words in the place of writing: a pattern, and what to say for its match.

A rule may decline a match by saying nothing; the text then stays for the rules that follow. Patterns must keep their
work linear: each begins where a token begins (a lookbehind says so), and repeats within stated bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Match = re.Match[str]


@dataclass(frozen=True)
class Rewrite:
    """One rule.

    Attributes:
        pattern: what is written.
        say: the words for a match, or None when it is something else after all.
        needs: characters or strings one of which a match holds; a text without all of them is not searched, which
            costs far less than a search. Empty, every text is searched.
    """

    pattern: re.Pattern[str]
    say: Callable[[Match], str | None]
    needs: str | tuple[str, ...] = ""


def rewrite(
    pattern: str, say: Callable[[Match], str | None] | str, needs: str | tuple[str, ...] = "", flags: int = 0
) -> Rewrite:
    """A rule; a text in place of the function is said for every match."""
    if isinstance(say, str):
        words = say
        return Rewrite(re.compile(pattern, flags), lambda match: words, needs)
    return Rewrite(re.compile(pattern, flags), say, needs)


def apply(rules: Iterable[Rewrite], text: str) -> str:
    """The text after each rule in turn; words that a rule says are set apart from letters and digits beside
    them. Digits that it leaves keep what is written at them, for the rules that follow ("13-14th": "13 to 14th")."""
    for rule in rules:
        if not rule.needs or any(needed in text for needed in rule.needs):
            text = rule.pattern.sub(lambda match, say=rule.say: _set_apart(match, say(match)), text)  # type: ignore[misc]
    return text


def _set_apart(match: Match, words: str | None) -> str:
    if words is None:
        return match[0]
    text, start, end = match.string, match.start(), match.end()
    before = " " if text[start - 1 : start].isalnum() and words[:1].isalpha() else ""
    after = " " if text[end : end + 1].isalnum() and words[-1:].isalpha() else ""
    return f"{before}{words}{after}"
