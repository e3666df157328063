"""Which reading a word has that is spelled like another: a rule for each that has its own, from a place to a name.

The words that tell which one is meant stand beside it ("lead pipe"), or anywhere in the sentence ("violin ... bow").
Where nothing tells, a rule names the reading that is more usual. `decoding.homographs` has the readings.
"""

from __future__ import annotations

from collections.abc import Callable

from vivavoce.decoding.word_context import (
    BE,
    BEHIND_NOUNS,
    BEHIND_VERBS,
    DETERMINERS,
    HAVE,
    MARKS,
    MODALS,
    NUMBERS,
    POSSESSIVES,
    PREPOSITIONS,
    Neighbours,
    is_plural,
    is_possessive,
    listed,
    stands_as_verb,
)

Rule = Callable[[Neighbours], str]

_ARROWS = listed("arrow arrows archer archers quiver string ribbon ribbons violin fiddle cello tie ties tied hair")
_SHIPS = listed("ship boat stern vessel deck wave waves anchor canoe sail yacht port starboard")
_FISHING = listed(
    "fish fishing fished caught catch lake river sea striped largemouth smallmouth pond angler trout perch fried "
    "rod hook lure grilled bait"
)
_LEADEN_NEXT = listed(
    "pipe pipes paint paints poisoning pencil pencils shot weight weights acid oxide ore mine mines bullet "
    "bullets ball balls roof roofs coffin coffins plate plates sheet sheets crystal battery batteries solder"
)
_LEADEN_BEFORE = listed("molten melted liquid like contain contains contained containing leaden poured pour")
_METALS = listed("zinc tin silver copper iron steel gold brass mercury")
_LIVE_NEXT = listed(
    "music concert concerts show shows broadcast broadcasts performance performances wire wires ammunition "
    "audience coverage rounds birth births animals stream streams streaming tv television radio recording "
    "recordings album band bands theatre theater bait coals feed footage update updates event events sport sports "
    "oak virus"
)
_LIVE_BEFORE = listed("broadcast broadcasts go goes going went shown recorded performed performing play played sing")
_PLACES_TO_LIVE = listed("in at with alone on near by here there next under up among together across within for")
_SMALL_NEXT = listed(
    "trace traces detail details particle particles amount amounts quantity quantities fragment fragments "
    "creature creatures insect insects scale description attention examination inspection observation account "
    "difference differences point points grain grains animals organisms dose doses portion portions care crystals "
    "variations"
)
_WAYS = listed("up down through around round along across its his her their back into about towards toward over")
_DIVES = listed(
    "into in off under for down headfirst through after at from behind beneath toward towards back across below "
    "over overboard out again"
)
_RIPS_NEXT = listed("up down apart off out away into open through loose at along")
_QUARRELS = listed("terrible furious blazing awful fearful dreadful heated bitter frightful tremendous family")
_BENDS = listed("low slight deep polite profound little formal stiff courtly graceful took take takes sweeping")
_RECORD_HEIGHTS = listed("high highs low lows levels level profits numbers number temperatures sales heights")
_FORMER_DAYS = listed("yesterday ago last once when then twice had was were said did came went took told")
_MONTHS_BEFORE = listed("in last next this early late mid since until till by of every through during from on")
_LEARNED_NEXT = listed("man men professor judge friend doctor society counsel gentleman colleague scholar woman")
_OLD_NEXT = listed(
    "man men woman women people person persons parents father mother relative relatives couple lady gentleman "
    "servant king queen face hands head"
)
_STAYS = listed("very so too as how stay stays stayed stood stand keep keeps kept get got came come sit sat drew held")
_NEAR_NEXT = listed("to by together at behind beside upon beneath against above friends friend enough relatives")
_TO_GO = listed("from house went came go goes come going")


def noun_or_verb(place: Neighbours, usually: str = "noun") -> str:
    """For words that are a noun or an adjective, or else a verb."""
    verb = stands_as_verb(place)
    return usually if verb is None else "verb" if verb else "noun"


def verb_or_noun(place: Neighbours) -> str:
    """The same, where nothing tells a verb."""
    return noun_or_verb(place, "verb")


def always_verb(place: Neighbours) -> str:
    """For the third person of verbs whose noun has no plural: produces."""
    return "verb"


def aged(place: Neighbours) -> str:
    if place.before() == "middle":
        return "past"
    behind_article = place.before() in POSSESSIVES or place.before() == "the"
    return "years" if place.after() in _OLD_NEXT or behind_article else "past"


def august(place: Neighbours) -> str:
    if place.capital or place.after() in NUMBERS or place.before() in _MONTHS_BEFORE:
        return "month"
    if place.written[:1].isupper() and place.mixed_case:
        return "month"
    return "noble" if place.after() not in {"", *MARKS} else "month"


def axes(place: Neighbours) -> str:
    lines = {"both", "x", "y", "vertical", "horizontal", "two", "three", "coordinate", "major", "minor"}
    return "lines" if place.before() in lines or place.after() in {"of"} else "tools"


def bass(place: Neighbours) -> str:
    return "fish" if place.near(_FISHING) else "music"


def blessed(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    behind_article = before in POSSESSIVES or before in {"the", "this", "that", "every", "a"}
    return "holy" if (behind_article and after not in {"by", "with"}) or after in {"are", "is", "be"} else "past"


def bow(place: Neighbours) -> str:
    if place.after() in {"tie", "ties", "window", "windows", "string", "legs"} or place.before() == "long":
        return "weapon"
    if place.before() in _BENDS or place.near(_SHIPS) or stands_as_verb(place):
        return "bend"
    return "weapon" if place.near(_ARROWS) else "bend"


def close(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in {"a", "the"} and (after in {"", "of", *MARKS}):
        return "shut"
    if before == "to" or before in MODALS:
        return "shut"
    if before in _STAYS or before in BE or before in DETERMINERS or is_possessive(before) or after in _NEAR_NEXT:
        return "near"
    return "shut" if stands_as_verb(place) else "near"


def content(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if place.word == "contents":
        return "noun"
    if after in {"with", "to", "themselves", "himself", "herself", "yourself", "myself", "ourselves", "itself"}:
        return "adj"
    if before == "a" and after not in {"", *MARKS} | PREPOSITIONS | BEHIND_NOUNS:
        return "adj"
    nouns = before in DETERMINERS | PREPOSITIONS or is_possessive(before)
    if nouns or after == "of" or (stands_as_verb(place) is False and before not in BE | {"", "and", *MARKS}):
        return "adj" if before == "happy" or before in BE else "noun"
    return "adj"


def does(place: Neighbours) -> str:
    female = {"several", "two", "three", "four", "many", "these", "those", "few", "young"}
    return "female" if place.before() in female or place.near(listed("stag stags bucks fawns")) else "verb"


def dove(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in DETERMINERS or before in PREPOSITIONS:
        return "bird"
    if before in {"i", "you", "we", "they", "he", "she", "it", "who", "and", "then"} and after in _DIVES:
        return "jump"
    articles = {"a", "an", "the"} & {place.before(2), place.before(3)}
    return "jump" if after in _DIVES and (is_plural(before) or not articles) else "bird"


def invalid(place: Neighbours) -> str:
    if place.word == "invalids" or place.before() in {"old", "poor", "helpless", "chronic", "confirmed", "permanent"}:
        return "noun"
    ends = place.after() in {"", *MARKS} | BEHIND_NOUNS | PREPOSITIONS | {"and"}
    return "noun" if place.before() in DETERMINERS and ends else "adj"


def lead(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if after in _LEADEN_NEXT or before in _LEADEN_BEFORE:
        return "metal"
    if (after == "and" and place.after(2) in _METALS) or (before == "and" and place.before(2) in _METALS):
        return "metal"
    ends = after in {"", "and", "or", "in", "on", "from", "is", "was", *MARKS}
    return "metal" if before in {"of", "as", "than", "with", "into"} and ends and place.word == "lead" else "guide"


def learned(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    return "adj" if after in _LEARNED_NEXT or before in {"the", "a", "most", "very", "so", "my", "our"} else "past"


def live(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if after in _LIVE_NEXT or before in _LIVE_BEFORE:
        return "adj"
    if before in {"a", "the", "an", "his", "her", "their", "our", "my", "no", "any"}:
        return "adj"
    return "adj" if before in BE and after in {"on", "from", "at", "", *MARKS} else "verb"


def lives(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in {"he", "she", "it", "who", "that", "which", "one", "everyone", "nobody", "and", "still"}:
        return "verb" if before != "and" or after in _PLACES_TO_LIVE else "noun"
    verb = stands_as_verb(place)
    if verb is not None and (before in DETERMINERS or before in PREPOSITIONS or is_possessive(before)):
        return "verb" if verb else "noun"
    return "verb" if verb or (after in _PLACES_TO_LIVE and not is_plural(before) and before not in NUMBERS) else "noun"


def minute(place: Neighbours) -> str:
    if place.word == "minutes":
        return "time"
    graded = place.before() in {"very", "so", "most", "too", "more", "extremely", "how"}
    of_things = place.before() in BE | {"in"} and is_plural(place.after())
    return "small" if graded or of_things or place.after() in _SMALL_NEXT else "time"


def nice(place: Neighbours) -> str:
    return "place" if place.capital and place.before() in {"in", "to", "from", "near", "at", "of"} else "good"


def polish(place: Neighbours) -> str:
    if place.capital:
        return "nation"
    if place.written[:1].isupper() and place.mixed_case:
        return "shine" if place.after() in BEHIND_VERBS else "nation"
    return "shine"


def read(place: Neighbours) -> str:
    skipped = 1
    while place.before(skipped) in {
        "not",
        "never",
        "ever",
        "just",
        "already",
        "also",
        "often",
        "always",
        "only",
        "then",
    }:
        skipped += 1
    before = place.before(skipped)
    if before in HAVE | BE or (before.endswith(("'ve", "n't")) and before[:2] in ("ha", "wa", "we", "is")):
        return "past"
    if before in {"to", "will"} | MODALS or before.endswith("'ll"):
        return "present"
    if before in {"widely", "well"} or before.endswith("ly"):
        return "past"
    if before in {"he", "she", "it", "who"} and not _asked(place, skipped):
        return "past"
    subject = place.before(skipped + 1)
    if (
        _asked(place, skipped)
        or subject in {"have", "has", "had"}
        or place.before(skipped + 2) in {"have", "has", "had"}
    ):
        return "past" if {subject, place.before(skipped + 2)} & HAVE else "present"
    if before in {"a", "good", "", *MARKS}:
        return "past" if before in MARKS and _in_the_past(place) else "present"
    if _in_the_past(place):
        return "past"
    if before in {"i", "you", "we", "they", "people"} or is_plural(before):
        return "present"
    return "past" if before not in {"and", "or"} else "present"


def _asked(place: Neighbours, skipped: int) -> bool:
    """Whether a helping verb stands before the subject: did he read."""
    return place.before(skipped + 1) in MODALS or place.before(skipped + 2) in MODALS


def _in_the_past(place: Neighbours) -> bool:
    others = [word for index, word in enumerate(place.words) if index != place.index]
    return any(word in _FORMER_DAYS or (word.endswith("ed") and len(word) > 4) for word in others)


def reading(place: Neighbours) -> str:
    return "place" if place.capital and place.before() in {"in", "to", "from", "near", "at"} else "present"


def row(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    loud = before in _QUARRELS or (after in {"about", "over", "between"} and before in {"a", "the", "this", "that"})
    made = before in {"a", "such"} and {place.before(2), place.before(3)} & {"made", "make", "making", "kick", "kicked"}
    begun = before == "a" and place.before(2) in {"having", "have", "had"} and after not in {"of", "in"}
    return "quarrel" if place.word in {"row", "rows"} and (loud or made or begun) else "line"


def sewer(place: Neighbours) -> str:
    return "person" if place.near(listed("needle thread cloth seam seams")) else "hole"


def sow(place: Neighbours) -> str:
    if place.near(listed("pig pigs piglets boar boars litter sty")):
        return "pig"
    return "pig" if place.before() in {"a", "the", "old", "fat"} and place.after() not in {"seed", "seeds"} else "seed"


def tear(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in {"a", "the"} and after in {"in", "along", "at"}:
        eyes = {place.after(2), place.after(3), place.after(4)} & {"eye", "eyes", "corner"}
        return "drop" if eyes else "rip"
    if before in {"muscle", "ligament", "cartilage"} or (before == "and" and place.before(2) == "wear"):
        return "rip"
    verb = stands_as_verb(place)
    if before not in DETERMINERS and after in _RIPS_NEXT | {"the"} and before not in {"in", "of"}:
        return "rip"
    return "rip" if verb else "drop"


def upset(place: Neighbours) -> str:
    ends = place.after() in {"", "in", "for", *MARKS}
    return "noun" if place.before() in {"a", "the", "big", "major", "stomach", "an"} and ends else "verb"


def used(place: Neighbours) -> str:
    if place.after() != "to":
        return "past"
    skipped = 2 if place.before() in {"not", "never", "quite", "long", "so", "more", "well"} else 1
    before, after = place.before(skipped), place.after(2)
    if before in BE or before.endswith(("'m", "'re", "n't")):
        thing = after in DETERMINERS or after in {"it", "him", "them", "me", "us", "you"} or after.endswith("ing")
        return "habit" if thing else "past"
    return "habit"


def wind(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in DETERMINERS or before in PREPOSITIONS:
        return "air"
    if place.word == "winds" and after in _WAYS and not is_plural(before):
        return "turn" if stands_as_verb(place) is not False or place.before(2) in {"the", "a"} else "air"
    causing = before in {"me", "us", "him", "them"} and place.before(2) in {"let", "help", "make"}
    return "turn" if causing or stands_as_verb(place) or (after in _WAYS and is_plural(before)) else "air"


def wound(place: Neighbours) -> str:
    before, after = place.before(), place.after()
    if before in {"he", "she", "it", "they", "we", "i", "and", "who", "which"} and after not in MARKS:
        return "turned"
    if before in HAVE | BE and after not in {"", *MARKS}:
        return "turned"
    if before in DETERMINERS or before in PREPOSITIONS or before == "to":
        return "injury"
    return "turned" if after in _WAYS | {"tight", "tightly"} and place.before(2) not in {"a", "an"} else "injury"


def record(place: Neighbours) -> str:
    return "noun" if place.after() in _RECORD_HEIGHTS else noun_or_verb(place)


def house(place: Neighbours) -> str:
    return "noun" if place.before() == "to" and place.before(2) in _TO_GO else noun_or_verb(place)
