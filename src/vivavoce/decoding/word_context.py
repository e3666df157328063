"""What the neighbours of a word say about it: whether it stands where verbs stand.

No tagger: lists of the small words that English sentences hang on, and a few looks to the left and to the right.
"the record" and "to record", "farmers produce" and "fresh produce" are told apart so; what only meaning tells apart is
not (docs/pronunciation.md counts how often). What words sound like is unknown here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def listed(words: str) -> frozenset[str]:
    """Words with spaces between as a set."""
    return frozenset(words.split())


MARKS = frozenset(",.?!")
POSSESSIVES = listed("my your his her its our their whose")
NUMBERS = listed(
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand "
    "million first second third fourth fifth last next"
)
DETERMINERS = POSSESSIVES | listed(
    "the a an this these those some any no every each either neither another such which what several many few "
    "much more most enough both other certain various own same"
)
PREPOSITIONS = listed(
    "of in on at by for from with without into onto upon over under between among through during before after "
    "against about like as than per via within behind beside besides beyond towards toward despite except since "
    "until"
)
BE = listed("be is are was were been being am isn't aren't wasn't weren't it's that's i'm you're we're they're")
HAVE = listed("have has had having haven't hasn't hadn't i've you've we've they've")
DO = listed("do does did don't doesn't didn't")
MODALS = DO | listed(
    "will would can could shall should may might must cannot can't couldn't won't wouldn't shouldn't mustn't "
    "needn't let's please help gonna dare dared"
)
SUBJECTS = listed("i you we they he she it who")
SINGULAR_SUBJECTS = listed("he she it who that which")
OBJECTS = listed(
    "him them me us it himself herself itself themselves myself yourself ourselves everyone everything anyone "
    "anything nothing nobody"
)
BEHIND_VERBS = OBJECTS | DETERMINERS - {"such", "which", "more", "most", "own", "same", "enough", "other"} | {"that"}
"""What seldom stands behind a noun that is no subject of a relative clause."""
BEHIND_NOUNS = (
    BE - {"being", "be"} | HAVE - {"having"} | (MODALS - {"please", "let's", "help"}) | {"of", "which", "who"}
)
CAUSING = listed("let make made makes making help helped helps see saw seen hear heard watch watched have had")
NOT_PLURAL = listed(
    "sports sales news arms goods savings politics physics mathematics economics always perhaps this its his us "
    "thus yes less business process access success progress press class glass cross was is has does as james "
    "series"
)
PLURALS = listed("people men women children police feet teeth both most some many others cattle")
ADVERBS = listed(
    "not never very always often also then just still really even ever again hardly soon once now sometimes seldom "
    "rarely only all already"
)
NOT_ADVERBS = listed("family supply reply only early daily july italy fly ally friendly lovely likely monthly")
FRAMES_OF_NOUNS_AFTER_TO = listed(
    "due according thanks subject next close access addition contrast respect relation regard prior led leads "
    "lead from belong belongs belonged"
)


@dataclass(frozen=True)
class Neighbours:
    """A word among the words and marks of its sentence.

    Attributes:
        words: in small letters, marks among them.
        index: of the word.
        written: the word as it was written.
        mixed_case: whether capitals mean something in this sentence: it has small letters, too, and not only these.
    """

    words: Sequence[str]
    index: int
    written: str = ""
    mixed_case: bool = True

    @property
    def word(self) -> str:
        return self.words[self.index]

    def before(self, distance: int = 1) -> str:
        """The word or mark so far to the left; "" before the sentence."""
        place = self.index - distance
        return self.words[place] if place >= 0 else ""

    def after(self, distance: int = 1) -> str:
        """The word or mark so far to the right; "" behind the sentence."""
        place = self.index + distance
        return self.words[place] if place < len(self.words) else ""

    def near(self, words: frozenset[str], distance: int = 100) -> bool:
        """Whether one of some words stands within a distance on either side."""
        here = self.words[max(0, self.index - distance) : self.index + distance + 1]
        return any(word in words for word in here)

    def at(self, index: int) -> Neighbours:
        """The same sentence seen from another of its words."""
        return Neighbours(self.words, index, "", self.mixed_case)

    @property
    def capital(self) -> bool:
        """Whether the word has a capital that its place does not explain."""
        return (
            self.mixed_case and self.written[:1].isupper() and self.index > 0 and self.before() not in {".", "?", "!"}
        )


def is_adverb(word: str) -> bool:
    """Whether a word may stand between a subject and its verb."""
    return word in ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in NOT_ADVERBS)


def is_plural(word: str) -> bool:
    """Whether a word looks like a noun in the plural."""
    return word in PLURALS or (
        word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and word not in NOT_PLURAL and len(word) > 3
    )


def is_possessive(word: str) -> bool:
    """Whether a noun follows: whose, John's, the boys'."""
    if word in POSSESSIVES:
        return True
    short = ("it's", "that's", "he's", "she's", "what's", "there's", "here's", "let's", "who's", "where's", "how's")
    return word.endswith(("'s", "s'")) and word not in short


def stands_as_verb(place: Neighbours) -> bool | None:
    """Whether a word that may be a noun or an adjective, too, is a verb here; None where nothing says so.

    The word's ending counts: "records" is a verb behind "he", "record" behind "they".
    """
    skipped = 1
    while is_adverb(place.before(skipped)):
        skipped += 1
    left = place.before(skipped)
    third_person = place.word.endswith("s") and not place.word.endswith("ss")
    verdict = _directly_behind(place, left, skipped, third_person)
    if verdict is not None:
        return verdict
    right = place.after()
    if left in {"", *MARKS}:
        return _opening(place, right, third_person)
    if left in {"and", "or", "but", "nor", "then"}:
        return _beside(place, skipped, right)
    return _behind_content(place, left, skipped, right, third_person)


def _directly_behind(place: Neighbours, left: str, skipped: int, third_person: bool) -> bool | None:
    """What a small word just before it says; adverbs between are passed over."""
    if left == "to":
        return not (third_person or place.before(skipped + 1) in FRAMES_OF_NOUNS_AFTER_TO)
    if left in MODALS or left.endswith(("'ll", "'d")):
        return None if third_person and left in DO else not third_person
    if left == "than" and place.before(skipped + 1) == "rather":
        return any(word == "to" or word in MODALS for word in place.words[max(0, place.index - 8) : place.index])
    if left == "that":
        if is_plural(place.before(skipped + 1)):
            return not third_person
        return third_person and not is_plural(place.after())
    if left in {"her", "you", "it", "him", "them", "us", "me"} and place.before(skipped + 1) in CAUSING:
        return not third_person
    if left in {"i", "you", "we", "they"}:
        return not third_person
    if left in SINGULAR_SUBJECTS:
        return True if third_person or left == "who" else None
    if left in BE | HAVE or left in PREPOSITIONS:
        return False
    if left in DETERMINERS or left in NUMBERS or is_possessive(left):
        # "some object", "many present": these may be subjects themselves.
        subjects = {"many", "some", "few", "several", "most", "both", "others"}
        return None if left in subjects and not third_person and place.after() in BEHIND_VERBS | {"to"} else False
    return None


def _opening(place: Neighbours, right: str, third_person: bool) -> bool | None:
    """At the beginning of a sentence or behind a mark: commands, and bare nouns."""
    if right in BEHIND_NOUNS or right in {"", *MARKS}:
        return False
    if right in BEHIND_VERBS and (not third_person or place.index):  # behind a comma a verb of the third person, too
        return True
    return None


def _beside(place: Neighbours, skipped: int, right: str) -> bool | None:
    """Behind "and": as the word before it, which is looked at the same way."""
    other = place.index - skipped - 1
    if right in BEHIND_NOUNS:
        return False
    if other >= 0 and place.words[other] not in MARKS:
        sentence = place.at(other)
        before = 1
        while before <= 4:
            word = sentence.before(before)
            if word == "to" or word in MODALS or word in {"i", "you", "we", "they"}:
                return True
            if word in DETERMINERS or word in PREPOSITIONS or word in {"", *MARKS} or is_possessive(word):
                break
            before += 1
        if before == 1:
            return True if right in BEHIND_VERBS else False if sentence.before() in DETERMINERS | PREPOSITIONS else None
    return True if right in BEHIND_VERBS else None


def _behind_content(place: Neighbours, left: str, skipped: int, right: str, third_person: bool) -> bool | None:
    """Behind a noun, a name, an adjective or another verb."""
    if right in BEHIND_NOUNS:
        return False
    if third_person:
        if is_plural(left):
            return False
        opened = right in BEHIND_VERBS or right in {"to", "that", "how", "what", "why"} or is_adverb(right)
        return True if opened else None
    if is_plural(left):
        return True
    if right in BEHIND_VERBS and skipped == 1 and not left.endswith("ing"):
        return True if right in OBJECTS | POSSESSIVES | {"the", "a", "an", "this", "these", "those", "each"} else None
    for distance in range(skipped + 1, skipped + 3):
        word = place.before(distance)
        if word in DETERMINERS or word in PREPOSITIONS or word in NUMBERS or is_possessive(word) or word in BE | HAVE:
            return False
        if word == "to" or word in MODALS or word in SUBJECTS:
            return False  # between them stands the verb: "to make use"
        if word in {"", *MARKS}:
            break
    return None
