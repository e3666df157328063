# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Whether an abbreviation's dot also ends its sentence: asked where sentences are cut, and where dots are read."""

from __future__ import annotations

import re

STARTERS = frozenset(
    """
    a about above according after again all almost already also although always am among an and another any anyone
    anything are as at because been before behind being below beside besides between both but by can could did do does
    during each either even eventually ever every everybody everyone everything few finally first for from further had
    has have he hence her here hers herself him himself his how however i if in indeed inside instead is it its itself
    just last later least let many may maybe me meanwhile might more moreover most much must my myself neither never
    nevertheless next no nobody none nor not nothing now of off often on once one only or other others otherwise our
    ours out outside over people perhaps please rather same several shall she should since so some somebody someone
    something sometimes soon still such suddenly than thank thanks that the their theirs them then there therefore these
    they this those though through throughout thus to today together tomorrow tonight too toward two under unlike until
    up upon us usually very was we well were what whatever when whenever where wherever whether which while who whom
    whose why will with within without would yes yesterday yet you your yours
    i'm i've i'll i'd he's she's it's we're they're you're that's there's what's who's let's don't didn't isn't wasn't
    """.split()
)
"""Words that begin sentences, and seldom follow an abbreviation inside of one with a capital."""

_NEXT = re.compile(r"[\"')\]}]*(?:\Z|\s+[\"'(\[{]*([A-Z][A-Za-z']*)?)")
_LOOK = 60
_UNNAMED = {"may", "will", "us"}  # a month, names, a country


def ends_sentence(text: str, position: int) -> bool:
    """Whether the sentence is over behind an abbreviation whose dot stands right before `position`.

    True at the end of the text, and before a capital word that begins sentences ("Apple Inc. The"), not before another
    ("Apple Inc. Chairman") and not before small letters, digits or marks. Folded text is expected: straight quotes.
    """
    following = _NEXT.match(text[position : position + _LOOK])
    if not following:
        return False
    if following.end() == len(text) - position:
        return following[1] is None or following[1].lower() in STARTERS
    word = following[1]
    return word is not None and word.lower() in STARTERS - _UNNAMED


def stop(text: str, position: int) -> str:
    """The dot that stays behind the words for an abbreviation: "." where the sentence ends, otherwise nothing."""
    return "." if ends_sentence(text, position) else ""
