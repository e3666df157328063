"""How a word is said that is made of known ones: inflections, contractions, derivations, compounds, letters.

The lexicon has some 126,000 words, yet language makes more of them every day, by rules that it keeps better than any
guesser: "vlogged" is said like "vlog" with D behind it. The rules are here, each with the endings that it takes off;
which of them hold was measured on words of the dictionary that were held out (docs/pronunciation.md). What is known is
asked of a function, so nothing here knows a lexicon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

from vivavoce.text.phonemes import without_stress

Phones = tuple[str, ...]
Known = Callable[[str], Sequence[Phones]]
"""The pronunciations of a word, with stress; none when it is unknown."""

VOWEL_LETTERS = frozenset("aeiouy")
HISSES = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
VOICELESS = frozenset(("P", "T", "K", "F", "TH"))

_DEEPEST = 2  # endings that may be taken off a word before the one that is looked at
_SHORTEST_STEM = 3
_SHORTEST_PART = 4  # of a compound: shorter ones are found in words that are none

_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip

_ENDINGS = {
    "ing": "IH0 NG", "er": "ER0", "est": "AH0 S T", "able": "AH0 B AH0 L", "ish": "IH0 SH", "ness": "N AH0 S",
    "less": "L AH0 S", "ful": "F AH0 L", "ment": "M AH0 N T", "ism": "IH2 Z AH0 M", "ist": "IH0 S T",
    "man": "M AH0 N", "hood": "HH UH2 D", "ship": "SH IH2 P", "wise": "W AY2 Z", "like": "L AY2 K",
    "ward": "W ER0 D", "wards": "W ER0 D Z",
}  # fmt: skip

_BEGINNINGS = {
    "un": "AH0 N", "re": "R IY0", "non": "N AA2 N", "over": "OW2 V ER0", "under": "AH2 N D ER0", "pre": "P R IY0",
    "dis": "D IH0 S", "mis": "M IH0 S", "anti": "AE2 N T IY0", "inter": "IH2 N T ER0", "super": "S UW2 P ER0",
    "semi": "S EH2 M IY0", "counter": "K AW2 N T ER0", "micro": "M AY2 K R OW0", "multi": "M AH2 L T IY0",
    "mega": "M EH2 G AH0", "ultra": "AH2 L T R AH0", "hyper": "HH AY2 P ER0", "out": "AW2 T", "bio": "B AY2 OW0",
}  # fmt: skip

_CONTRACTIONS = {"n't": "AH0 N T", "'ll": "AH0 L", "'ve": "AH0 V", "'re": "ER0", "'d": "AH0 D", "'m": "AH0 M"}
_BEHIND_VOWEL = {"'ll": "L", "'ve": "V", "'re": "R", "'d": "D", "'m": "M"}


def surely_built(word: str, known: Known) -> Phones | None:
    """The phones of a word that a rule without exceptions makes of a known one: plurals, contractions, adverbs.

    Args:
        word: of a-z and apostrophes.
        known: the pronunciations of words.
    """
    stem = _stem_of(known, _DEEPEST)
    found = _contracted(word, _stem_of(known, _DEEPEST, 1)) or _plural(word, stem) or _adverb(word, stem)
    return found[0] if found else None


def perhaps_built(word: str, known: Known) -> list[Phones]:
    """What a word may sound like that looks as if it were made of known ones; each once, the likeliest first.

    Most words that look so are: "vlogged", "unfollow", "snowboard". Some are not: "discover", "tower", "Fitzgerald". A
    guesser that knows how words sound tells them apart.
    """
    found: dict[Phones, None] = {}
    for rule in (_past, _ended, _begun):
        found.update(dict.fromkeys(rule(word, _stem_of(known, _DEEPEST - 1))))
    found.update(dict.fromkeys(_compounds(word, known)))
    return list(found)


def _stem_of(known: Known, depth: int, shortest: int = _SHORTEST_STEM) -> Known:
    """Pronunciations of what is left of a word when something was taken off, if it has so many letters."""

    def stem(word: str) -> Sequence[Phones]:
        if len(word) < shortest:
            return ()
        if found := known(word):
            return found
        rules = (_contracted, _plural, _adverb, _past, _ended) if depth else ()
        return next((found for rule in rules if (found := rule(word, _stem_of(known, depth - 1, shortest)))), ())

    return stem


def with_s(phones: Phones) -> Phones:
    """Phones and the S of a plural, of a verb or of a possessive: S, Z, or Z in a syllable of its own."""
    last = phones[-1]
    return (*phones, "IH0", "Z") if last in HISSES else (*phones, "S") if last in VOICELESS else (*phones, "Z")


def with_ed(phones: Phones) -> Phones:
    """Phones and the ending of the past: T, D, or D in a syllable of its own."""
    last = phones[-1]
    if last in ("T", "D"):
        return (*phones, "IH0", "D")
    return (*phones, "T") if last in VOICELESS | {"S", "SH", "CH"} else (*phones, "D")


def with_contraction(phones: Phones, ending: str) -> Phones:
    """Phones and a weak verb or "not" behind an apostrophe: 'll, n't."""
    said = _BEHIND_VOWEL.get(ending, _CONTRACTIONS[ending]) if _ends_open(phones) else _CONTRACTIONS[ending]
    return phones + tuple(said.split())


def spelled(letters: str) -> Phones:
    """The names of letters as one word, the last one with the main stress: U.S. -> Y UW2 EH1 S."""
    names = [_LETTERS[letter] for letter in letters]
    phones: list[str] = []
    for place, name in enumerate(names):
        stress = "1" if place == len(names) - 1 else "2"
        for symbol in name.split():
            vowel = symbol[0] in "AEIOU"
            phones.append(symbol + stress if vowel else symbol)
            stress = "0" if vowel else stress  # of "double u" the first vowel has it
    return tuple(phones)


def _contracted(word: str, stem: Known) -> list[Phones]:
    """What has an apostrophe: it's, boys', wouldn't've."""
    left, apostrophe, right = word.rpartition("'")
    if not apostrophe or not left:
        return []
    if right in ("", "s"):
        return [with_s(phones) if right else phones for phones in stem(left)]
    return [
        with_contraction(phones, ending)
        for ending in _CONTRACTIONS
        if word.endswith(ending)
        for phones in stem(word.removesuffix(ending))
    ]


def _plural(word: str, stem: Known) -> list[Phones]:
    if not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")):
        return []
    stems = (stem(word[:-3] + "y") if word.endswith("ies") else ()) or stem(word[:-1])
    if not stems and word.endswith("es"):
        stems = [phones for phones in stem(word[:-2]) if phones[-1] in HISSES or word[-3] == "o"]
    return list(map(with_s, stems))


def _past(word: str, stem: Known) -> list[Phones]:
    if not word.endswith("ed") or len(word) < 5 or word.endswith("eed"):
        return []
    bases = (word[:-3] + "y",) if word.endswith("ied") else _bases(word[:-2])
    return next((list(map(with_ed, found)) for base in bases if (found := stem(base))), [])


def _adverb(word: str, stem: Known) -> list[Phones]:
    """quickly, fully, basically, happily, possibly."""
    if not word.endswith("ly") or len(word) < 5:
        return []
    if word.endswith("ically") and (found := stem(word[:-4])):
        return [(*phones, "L", "IY0") for phones in found]
    if word.endswith("ily") and (found := [said for said in stem(word[:-3] + "y") if said[-1] == "IY0"]):
        return [(*phones[:-1], "AH0", "L", "IY0") for phones in found]
    if word.endswith("bly") and (found := [said for said in stem(word[:-1] + "e") if said[-2:] == ("AH0", "L")]):
        return [(*phones[:-2], "L", "IY0") for phones in found]
    found = stem(word[:-2]) or (stem(word[:-1]) if word.endswith("lly") else ())
    return [(*phones, "IY0") if phones[-1] == "L" else (*phones, "L", "IY0") for phones in found]


def _ended(word: str, stem: Known) -> list[Phones]:
    """Endings that always sound alike, behind what they leave of the stem: planning, larger, happiness."""
    for ending, said in _ENDINGS.items():
        if not word.endswith(ending) or len(word) < len(ending) + 3:
            continue
        left = word.removesuffix(ending)
        bases: Iterable[str] = _bases(left) if ending[0] in VOWEL_LETTERS else (left,)
        if left.endswith("i"):
            bases = (left[:-1] + "y",)
        if found := next(filter(None, map(stem, bases)), ()):
            return [phones + tuple(said.split()) for phones in found]
    return []


def _begun(word: str, stem: Known) -> list[Phones]:
    """Beginnings before a known word, which keeps its stress: unfollow."""
    return [
        tuple(said.split()) + phones
        for beginning, said in _BEGINNINGS.items()
        if word.startswith(beginning) and len(word) >= len(beginning) + _SHORTEST_PART
        for phones in stem(word.removeprefix(beginning))
    ]


def _compounds(word: str, known: Known) -> Iterator[Phones]:
    """Two known words as one, the first with the main stress: snow + board."""
    for place in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        for first, second in product(known(word[:place]), known(word[place:])):
            yield first + tuple([phone.replace("1", "2") for phone in second])


def _bases(left: str) -> Iterator[str]:
    """What may have stood before an ending that begins with a vowel, the likeliest first: hop(e), call, plan(n)."""
    if len(left) > 2 and left[-1] == left[-2]:
        yield left
        yield left[:-1]
        return
    closed = len(left) > 2 and left[-1] not in VOWEL_LETTERS | set("wx") and left[-2] in VOWEL_LETTERS
    if closed and left[-3] not in VOWEL_LETTERS:
        yield left + "e"
        yield left
    else:
        yield left
        yield left + "e"


def _ends_open(phones: Phones) -> bool:
    """Whether a vowel is last."""
    return without_stress(phones[-1:]) != phones[-1:]
