"""Words that are spelled alike and said in two ways: which way, by the words around them.

Two kinds. Nouns and verbs that differ in stress or in their last sound (record, use, estimate), some hundred, are told
apart by `word_context.stands_as_verb`, which no word's meaning enters. The others (lead, wind, bass) have rules of
their own (`homograph_rules`). How often the rules are right is measured (docs/pronunciation.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vivavoce.decoding import homograph_rules as rules
from vivavoce.decoding.homograph_rules import Rule
from vivavoce.decoding.word_context import Neighbours
from vivavoce.decoding.word_forms import with_s

Phones = tuple[str, ...]

_NOUN_OR_VERB = """
abstract | AE1 B S T R AE2 K T | AE0 B S T R AE1 K T
abuse | AH0 B Y UW1 S | AH0 B Y UW1 Z
addict | AE1 D IH2 K T | AH0 D IH1 K T
address | AE1 D R EH2 S | AH0 D R EH1 S
advocate | AE1 D V AH0 K AH0 T | AE1 D V AH0 K EY2 T
affiliate | AH0 F IH1 L IY0 AH0 T | AH0 F IH1 L IY0 EY2 T
aggregate | AE1 G R AH0 G AH0 T | AE1 G R AH0 G EY2 T
ally | AE1 L AY0 | AH0 L AY1
alternate | AO1 L T ER0 N AH0 T | AO1 L T ER0 N EY2 T
animate | AE1 N AH0 M AH0 T | AE1 N AH0 M EY2 T | verb
annex | AE1 N EH2 K S | AH0 N EH1 K S
appropriate | AH0 P R OW1 P R IY0 AH0 T | AH0 P R OW1 P R IY0 EY2 T
approximate | AH0 P R AA1 K S AH0 M AH0 T | AH0 P R AA1 K S AH0 M EY2 T
articulate | AA0 R T IH1 K Y AH0 L AH0 T | AA0 R T IH1 K Y AH0 L EY2 T
associate | AH0 S OW1 S IY0 AH0 T | AH0 S OW1 S IY0 EY2 T
attribute | AE1 T R AH0 B Y UW2 T | AH0 T R IH1 B Y UW0 T
buffet | B AH0 F EY1 | B AH1 F AH0 T
combat | K AA1 M B AE0 T | K AH0 M B AE1 T
combine | K AA1 M B AY0 N | K AH0 M B AY1 N | verb
commune | K AA1 M Y UW0 N | K AH0 M Y UW1 N
compound | K AA1 M P AW0 N D | K AH0 M P AW1 N D
compress | K AA1 M P R EH0 S | K AH0 M P R EH1 S | verb
conduct | K AA1 N D AH0 K T | K AH0 N D AH1 K T
confine | K AA1 N F AY2 N | K AH0 N F AY1 N | verb
conflict | K AA1 N F L IH0 K T | K AH0 N F L IH1 K T
conscript | K AA1 N S K R IH2 P T | K AH0 N S K R IH1 P T
console | K AA1 N S OW0 L | K AH0 N S OW1 L
construct | K AA1 N S T R AH0 K T | K AH0 N S T R AH1 K T | verb
contest | K AA1 N T EH0 S T | K AH0 N T EH1 S T
contract | K AA1 N T R AE2 K T | K AH0 N T R AE1 K T
contrast | K AA1 N T R AE0 S T | K AH0 N T R AE1 S T
converse | K AA1 N V ER0 S | K AH0 N V ER1 S | verb
convert | K AA1 N V ER0 T | K AH0 N V ER1 T | verb
convict | K AA1 N V IH0 K T | K AH0 N V IH1 K T
coordinate | K OW0 AO1 R D AH0 N AH0 T | K OW0 AO1 R D AH0 N EY2 T | verb
decrease | D IY1 K R IY2 S | D IH0 K R IY1 S
defect | D IY1 F EH0 K T | D IH0 F EH1 K T
degenerate | D IH0 JH EH1 N ER0 AH0 T | D IH0 JH EH1 N ER0 EY2 T
delegate | D EH1 L AH0 G AH0 T | D EH1 L AH0 G EY2 T
deliberate | D IH0 L IH1 B ER0 AH0 T | D IH0 L IH1 B ER0 EY2 T
desert | D EH1 Z ER0 T | D IH0 Z ER1 T
desolate | D EH1 S AH0 L AH0 T | D EH1 S AH0 L EY2 T
diffuse | D IH0 F Y UW1 S | D IH0 F Y UW1 Z
digest | D AY1 JH EH0 S T | D AY0 JH EH1 S T | verb
discharge | D IH1 S CH AA2 R JH | D IH0 S CH AA1 R JH
discount | D IH1 S K AW0 N T | D IH0 S K AW1 N T
duplicate | D UW1 P L AH0 K AH0 T | D UW1 P L AH0 K EY2 T
elaborate | IH0 L AE1 B R AH0 T | IH0 L AE1 B ER0 EY2 T
entrance | EH1 N T R AH0 N S | IH0 N T R AE1 N S
escort | EH1 S K AO0 R T | EH0 S K AO1 R T
estimate | EH1 S T AH0 M AH0 T | EH1 S T AH0 M EY2 T
excuse | IH0 K S K Y UW1 S | IH0 K S K Y UW1 Z
exploit | EH1 K S P L OY2 T | IH0 K S P L OY1 T
export | EH1 K S P AO0 R T | IH0 K S P AO1 R T
extract | EH1 K S T R AE2 K T | IH0 K S T R AE1 K T
frequent | F R IY1 K W AH0 N T | F R IY0 K W EH1 N T
graduate | G R AE1 JH AH0 W AH0 T | G R AE1 JH AH0 W EY2 T
house | HH AW1 S | HH AW1 Z
implant | IH1 M P L AE2 N T | IH2 M P L AE1 N T
import | IH1 M P AO2 R T | IH2 M P AO1 R T
imprint | IH1 M P R IH0 N T | IH2 M P R IH1 N T
incense | IH1 N S EH2 N S | IH2 N S EH1 N S
incline | IH1 N K L AY0 N | IH2 N K L AY1 N
increase | IH1 N K R IY2 S | IH2 N K R IY1 S
insert | IH1 N S ER2 T | IH2 N S ER1 T | verb
insult | IH1 N S AH2 L T | IH2 N S AH1 L T
intimate | IH1 N T AH0 M AH0 T | IH1 N T AH0 M EY2 T
laminate | L AE1 M AH0 N AH0 T | L AE1 M AH0 N EY2 T
misuse | M IH0 S Y UW1 S | M IH0 S Y UW1 Z
moderate | M AA1 D ER0 AH0 T | M AA1 D ER0 EY2 T
moped | M OW1 P EH0 D | M OW1 P T
object | AA1 B JH EH0 K T | AH0 B JH EH1 K T
overlap | OW1 V ER0 L AE2 P | OW2 V ER0 L AE1 P
overthrow | OW1 V ER0 TH R OW2 | OW2 V ER0 TH R OW1
perfect | P ER1 F IH2 K T | P ER0 F EH1 K T
permit | P ER1 M IH2 T | P ER0 M IH1 T | verb
pervert | P ER1 V ER0 T | P ER0 V ER1 T
predicate | P R EH1 D IH0 K AH0 T | P R EH1 D AH0 K EY2 T
present | P R EH1 Z AH0 N T | P R IY0 Z EH1 N T
proceed | P R OW1 S IY2 D | P R AH0 S IY1 D | verb
produce | P R OW1 D UW0 S | P R AH0 D UW1 S | verb
progress | P R AA1 G R EH2 S | P R AH0 G R EH1 S
project | P R AA1 JH EH0 K T | P R AH0 JH EH1 K T
protest | P R OW1 T EH2 S T | P R AH0 T EH1 S T
rebel | R EH1 B AH0 L | R IH0 B EH1 L
recall | R IY1 K AO2 L | R IH0 K AO1 L | verb
recap | R IY1 K AE2 P | R IY0 K AE1 P
recess | R IY1 S EH0 S | R IH0 S EH1 S
record | R EH1 K ER0 D | R AH0 K AO1 R D
recount | R IY1 K AW2 N T | R IH0 K AW1 N T
refill | R IY1 F IH2 L | R IY0 F IH1 L
refund | R IY1 F AH2 N D | R IH0 F AH1 N D
refuse | R EH1 F Y UW2 Z | R AH0 F Y UW1 Z | verb
reject | R IY1 JH EH0 K T | R IH0 JH EH1 K T | verb
relapse | R IY1 L AE2 P S | R IH0 L AE1 P S
research | R IY1 S ER0 CH | R IY0 S ER1 CH
resume | R EH1 Z AH0 M EY2 | R IH0 Z UW1 M | verb
retake | R IY1 T EY2 K | R IY0 T EY1 K
rewrite | R IY1 R AY2 T | R IY0 R AY1 T
segment | S EH1 G M AH0 N T | S EH0 G M EH1 N T
separate | S EH1 P R AH0 T | S EH1 P ER0 EY2 T
subject | S AH1 B JH IH0 K T | S AH0 B JH EH1 K T
subordinate | S AH0 B AO1 R D AH0 N AH0 T | S AH0 B AO1 R D AH0 N EY2 T
survey | S ER1 V EY2 | S ER0 V EY1
suspect | S AH1 S P EH2 K T | S AH0 S P EH1 K T
syndicate | S IH1 N D IH0 K AH0 T | S IH1 N D AH0 K EY2 T
torment | T AO1 R M EH2 N T | T AO0 R M EH1 N T
transfer | T R AE1 N S F ER0 | T R AE0 N S F ER1
transform | T R AE1 N S F AO0 R M | T R AE0 N S F AO1 R M | verb
transplant | T R AE1 N S P L AE2 N T | T R AE0 N S P L AE1 N T
transport | T R AE1 N S P AO0 R T | T R AE0 N S P AO1 R T
upgrade | AH1 P G R EY2 D | AH0 P G R EY1 D
uplift | AH1 P L IH0 F T | AH0 P L IH1 F T
use | Y UW1 S | Y UW1 Z | verb
"""
"""A word, as noun or adjective, as verb; the last column where it is a verb if nothing tells."""

_OTHERS = {
    "aged": (rules.aged, {"past": "EY1 JH D", "years": "EY1 JH IH0 D"}),
    "august": (rules.august, {"month": "AO1 G AH0 S T", "noble": "AO0 G AH1 S T"}),
    "axes": (rules.axes, {"tools": "AE1 K S IH0 Z", "lines": "AE1 K S IY2 Z"}),
    "bass": (rules.bass, {"music": "B EY1 S", "fish": "B AE1 S"}),
    "blessed": (rules.blessed, {"past": "B L EH1 S T", "holy": "B L EH1 S IH0 D"}),
    "bow": (rules.bow, {"bend": "B AW1", "weapon": "B OW1"}),
    "close": (rules.close, {"near": "K L OW1 S", "shut": "K L OW1 Z"}),
    "content": (rules.content, {"noun": "K AA1 N T EH0 N T", "adj": "K AH0 N T EH1 N T"}),
    "does": (rules.does, {"verb": "D AH1 Z", "female": "D OW1 Z"}),
    "dove": (rules.dove, {"bird": "D AH1 V", "jump": "D OW1 V"}),
    "invalid": (rules.invalid, {"adj": "IH2 N V AE1 L AH0 D", "noun": "IH1 N V AH0 L AH0 D"}),
    "lead": (rules.lead, {"guide": "L IY1 D", "metal": "L EH1 D"}),
    "learned": (rules.learned, {"past": "L ER1 N D", "adj": "L ER1 N IH0 D"}),
    "live": (rules.live, {"verb": "L IH1 V", "adj": "L AY1 V"}),
    "lives": (rules.lives, {"noun": "L AY1 V Z", "verb": "L IH1 V Z"}),
    "minute": (rules.minute, {"time": "M IH1 N AH0 T", "small": "M AY0 N UW1 T"}),
    "nice": (rules.nice, {"good": "N AY1 S", "place": "N IY1 S"}),
    "polish": (rules.polish, {"shine": "P AA1 L IH0 SH", "nation": "P OW1 L IH0 SH"}),
    "read": (rules.read, {"present": "R IY1 D", "past": "R EH1 D"}),
    "reading": (rules.reading, {"present": "R IY1 D IH0 NG", "place": "R EH1 D IH0 NG"}),
    "row": (rules.row, {"line": "R OW1", "quarrel": "R AW1"}),
    "sewer": (rules.sewer, {"hole": "S UW1 ER0", "person": "S OW1 ER0"}),
    "sow": (rules.sow, {"seed": "S OW1", "pig": "S AW1"}),
    "tear": (rules.tear, {"drop": "T IH1 R", "rip": "T EH1 R"}),
    "upset": (rules.upset, {"verb": "AH0 P S EH1 T", "noun": "AH1 P S EH2 T"}),
    "used": (rules.used, {"past": "Y UW1 Z D", "habit": "Y UW1 S T"}),
    "wind": (rules.wind, {"air": "W IH1 N D", "turn": "W AY1 N D"}),
    "wound": (rules.wound, {"injury": "W UW1 N D", "turned": "W AW1 N D"}),
}
_WITHOUT_PLURAL = ("produce", "refuse", "conduct", "incense", "misuse")
_WITH_S = ("bow", "dove", "lead", "row", "sow", "tear", "wind", "content", "invalid", "minute", "upset")


@dataclass(frozen=True)
class Homograph:
    """A word's readings by name, and the rule that gives the name of one for a place in a sentence."""

    readings: Mapping[str, Phones]
    rule: Rule


def reading_of(place: Neighbours) -> tuple[str, Phones] | None:
    """The name of a homograph's reading at its place, and the reading; None for other words."""
    homograph = HOMOGRAPHS.get(place.word)
    if homograph is None:
        return None
    name = homograph.rule(place)
    return name, homograph.readings[name]


def _table() -> dict[str, Homograph]:
    found: dict[str, Homograph] = {}
    own = {"record": rules.record, "house": rules.house}
    for line in _NOUN_OR_VERB.strip().splitlines():
        word, noun, verb, *usually = line.split(" | ")
        rule = own.get(word, rules.verb_or_noun if usually else rules.noun_or_verb)
        _add(found, word, {"noun": noun, "verb": verb}, rule, word != "house")
    for word, (rule, readings) in _OTHERS.items():
        _add(found, word, readings, rule, word in _WITH_S)
    return found


def _add(found: dict[str, Homograph], word: str, readings: Mapping[str, str], rule: Rule, plural: bool) -> None:
    said = {name: tuple(phones.split()) for name, phones in readings.items()}
    found[word] = Homograph(said, rule)
    if plural:
        ending = "es" if word.endswith(("s", "x", "h")) else "s"
        spelt = word[:-1] + "ies" if word.endswith("ly") else word + ending
        only_verb = rules.always_verb if word in _WITHOUT_PLURAL else rule
        found[spelt] = Homograph({name: with_s(phones) for name, phones in said.items()}, only_verb)


HOMOGRAPHS: Mapping[str, Homograph] = _table()
