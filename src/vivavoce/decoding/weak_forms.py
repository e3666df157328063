"""How a reader says the small words: "the apple" and "the pear", "to go" and "where to?".

Inside a sentence most small words lose their stress, and some their vowel; before a pause they keep both. The careful
forms of a reader are here, not those of talk ("gonna", "'em"); how short they are a voice learns from its recordings.
Nothing here knows a lexicon.
"""

from __future__ import annotations

from vivavoce.decoding.word_context import MARKS, PREPOSITIONS, Neighbours, is_plural, listed

Phones = tuple[str, ...]

_TABLE = """
am      AE0 M       AE1 M
an      AH0 N       AE1 N
are     AA0 R       AA1 R
as      AE0 Z       AE1 Z
at      AE0 T       AE1 T
be      B IY0       B IY1
been    B IH0 N     B IH1 N
but     B AH0 T     B AH1 T
can     K AE0 N     K AE1 N
for     F AO0 R     F AO1 R
from    F R AH0 M   F R AH1 M
had     HH AE0 D    HH AE1 D
has     HH AE0 Z    HH AE1 Z
have    HH AE0 V    HH AE1 V
he      HH IY0      HH IY1
her     HH ER0      HH ER1
him     HH IH0 M    HH IH1 M
his     HH IH0 Z    HH IH1 Z
if      IH0 F       IH1 F
in      IH0 N       IH1 N
into    IH0 N T UW0 IH1 N T UW0
is      IH0 Z       IH1 Z
it      IH0 T       IH1 T
its     IH0 T S     IH1 T S
me      M IY0       M IY1
my      M AY0       M AY1
of      AH0 V       AH1 V
on      AA0 N       AA1 N
or      AO0 R       AO1 R
our     AW0 ER0     AW1 ER0
she     SH IY0      SH IY1
than    DH AH0 N    DH AE1 N
them    DH AH0 M    DH EH1 M
us      AH0 S       AH1 S
was     W AH0 Z     W AA1 Z
we      W IY0       W IY1
were    W ER0       W ER1
will    W IH0 L     W IH1 L
with    W IH0 DH    W IH1 DH
would   W UH0 D     W UH1 D
you     Y UW0       Y UW1
your    Y AO0 R     Y AO1 R
"""
"""A word, inside a sentence, before a pause."""

_FORMS = {
    word: (tuple(weak.split()), tuple(strong.split()))
    for word, weak, strong in (
        (line[:8].strip(), line[8:20].strip(), line[20:].strip()) for line in _TABLE.strip().splitlines()
    )
}
_STRONG_AT_START = listed("am are can had has have is was were will would be been")  # questions, commands
_CONJUNCTION_NEXT = listed(
    "the a an i he she it we they you his her its my our their your this these those there all no some any every what "
    "if when in on at by for with nobody everyone nothing everything"
)
_NOT_BEFORE_CLAUSE = listed("is was of after before at for in on to like and all but or with by from do does did know")

WEAK_WORDS = frozenset(_FORMS) | {"a", "the", "to", "and", "that"}


def weak_form(place: Neighbours, next_phones: Phones) -> Phones | None:
    """How a small word is said at its place; None for words that are always said alike.

    Args:
        place: the word in its sentence.
        next_phones: of the next word; none where a mark or nothing follows.
    """
    before_vowel = next_phones[:1] != () and next_phones[0][-1].isdigit()
    pause = not next_phones
    word = place.word
    if word == "the":
        return ("DH", "IY0") if before_vowel else ("DH", "AH0")
    if word == "a":
        return ("EY1",) if pause else ("AH0",)
    if word == "to":
        return ("T", "UW1") if pause else ("T", "UW0") if before_vowel else ("T", "AH0")
    if word == "and":
        return ("AE1", "N", "D") if pause or place.before() in {"", *MARKS} else ("AH0", "N", "D")
    if word == "that":
        return ("DH", "AH0", "T") if _joins_clauses(place) else ("DH", "AE1", "T")
    forms = _FORMS.get(word)
    if forms is None:
        return None
    opens = word in _STRONG_AT_START and place.before() in {"", *MARKS}
    return forms[1] if pause or opens or _stands_alone(place) else forms[0]


def _joins_clauses(place: Neighbours) -> bool:
    """Whether "that" is "he said that the ...", and not "that one"."""
    before, after = place.before(), place.after()
    behind_word = before not in {"", *MARKS} and before not in _NOT_BEFORE_CLAUSE and before not in PREPOSITIONS
    subject = after.partition("'")[0]  # he's, they'd
    return behind_word and (subject in _CONJUNCTION_NEXT or is_plural(after))


def _stands_alone(place: Neighbours) -> bool:
    """Whether a sentence has no other word."""
    return all(word in MARKS for index, word in enumerate(place.words) if index != place.index)
