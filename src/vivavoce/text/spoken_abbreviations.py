# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Abbreviations with and without their dots, as the words a reader says, by what stands before and behind them.

`abbreviations` serves scoring and asks for little context; this serves a voice, which must neither say "saint" on a
street nor lose the end of a sentence with an abbreviation's dot. Which abbreviations never end a sentence
(`NEVER_LAST`) is told here to `sentences`, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vivavoce.text.abbreviations import MONTHS
from vivavoce.text.initialisms import LETTER, LETTER_CONTEXTS
from vivavoce.text.numbers import digits
from vivavoce.text.rewriting import Match, apply, rewrite
from vivavoce.text.sentence_ends import STARTERS, ends_sentence, stop

TITLES = {
    "mr": "Mister", "mrs": "Missus", "ms": "Ms", "mx": "Mix", "messrs": "Messieurs", "mme": "Madame",
    "mlle": "Mademoiselle", "prof": "Professor", "gen": "General", "col": "Colonel", "capt": "Captain",
    "cpt": "Captain", "lt": "Lieutenant", "sgt": "Sergeant", "maj": "Major", "cmdr": "Commander", "adm": "Admiral",
    "cpl": "Corporal", "brig": "Brigadier", "pvt": "Private", "rev": "Reverend", "hon": "Honorable",
    "gov": "Governor", "sen": "Senator",
    "rep": "Representative", "pres": "President", "supt": "Superintendent", "msgr": "Monsignor", "fr": "Father",
    "amb": "Ambassador", "insp": "Inspector", "det": "Detective", "mt": "Mount", "ft": "Fort", "atty": "Attorney",
}  # fmt: skip
"""Before a name."""
_DOTLESS_TITLES = {"Mr", "Mrs", "Ms", "Dr", "Prof", "Mt", "Messrs", "Mme"}
AFTER_NAMES = {
    "jr": "Junior", "sr": "Senior", "esq": "Esquire", "co": "Company", "inc": "Incorporated", "corp": "Corporation",
    "ltd": "Limited", "bros": "Brothers", "assn": "Association", "univ": "University", "dept": "Department",
    "ave": "Avenue", "av": "Avenue", "blvd": "Boulevard", "rd": "Road", "ln": "Lane", "ct": "Court", "pl": "Place",
    "sq": "Square", "hwy": "Highway", "pkwy": "Parkway", "rte": "Route", "expy": "Expressway", "ter": "Terrace",
    "bldg": "Building", "ctr": "Center",
}  # fmt: skip
"""Behind a name; their dot may be a sentence's last."""
_DOTLESS_AFTER = {"Jr", "Sr", "Inc", "Ltd", "Corp", "Ave", "Blvd", "Rd", "Ln", "Hwy", "Pkwy", "Bros"}
ANYWHERE = {
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department", "viz": "namely",
    "cf": "compare", "est": "established", "avg": "average", "misc": "miscellaneous", "incl": "including",
    "excl": "excluding", "govt": "government", "tel": "telephone", "intl": "international", "natl": "national",
    "max": "maximum", "min": "minimum", "temp": "temperature", "apt": "apartment", "ext": "extension",
    "acct": "account", "assoc": "associated", "asst": "assistant", "attn": "attention", "bldg": "building",
    "ed": "edition", "eds": "editors", "hwy": "highway", "mfg": "manufacturing", "mgr": "manager", "pkg": "package",
    "qty": "quantity", "ref": "reference", "reg": "regulation", "tech": "technology", "trans": "translated",
    "wt": "weight", "yr": "year", "yrs": "years", "mo": "month", "wk": "week", "hr": "hour", "hrs": "hours",
    "mins": "minutes", "sec": "second", "secs": "seconds",
}  # fmt: skip
BEFORE_NUMBERS = {
    "no": "number", "nos": "numbers", "nr": "number", "vol": "volume", "vols": "volumes", "ch": "chapter",
    "chap": "chapter", "fig": "figure", "figs": "figures", "p": "page", "pp": "pages", "pg": "page", "sec": "section",
    "art": "article", "eq": "equation", "par": "paragraph", "eqs": "equations", "lat": "latitude",
    "long": "longitude", "pt": "part", "bk": "book", "op": "opus", "l": "line",
    "ll": "lines", "ca": "circa", "c": "circa", "apt": "apartment", "ste": "suite", "rm": "room", "ext": "extension",
    "tab": "table", "rte": "route",
}  # fmt: skip
WEEKDAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "weds": "Wednesday", "thu": "Thursday",
    "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
STATES = dict(
    item.split("=")
    for item in (
        "AL=Alabama,AK=Alaska,AZ=Arizona,AR=Arkansas,CA=California,CO=Colorado,CT=Connecticut,DE=Delaware,FL=Florida,"
        "GA=Georgia,HI=Hawaii,ID=Idaho,IL=Illinois,IN=Indiana,IA=Iowa,KS=Kansas,KY=Kentucky,LA=Louisiana,ME=Maine,"
        "MD=Maryland,MA=Massachusetts,MI=Michigan,MN=Minnesota,MS=Mississippi,MO=Missouri,MT=Montana,NE=Nebraska,"
        "NV=Nevada,NH=New Hampshire,NJ=New Jersey,NM=New Mexico,NY=New York,NC=North Carolina,ND=North Dakota,OH=Ohio,"
        "OK=Oklahoma,OR=Oregon,PA=Pennsylvania,RI=Rhode Island,SC=South Carolina,SD=South Dakota,TN=Tennessee,TX=Texas,"
        "UT=Utah,VT=Vermont,VA=Virginia,WA=Washington,WV=West Virginia,WI=Wisconsin,WY=Wyoming,DC=D C,"
        "Ala=Alabama,Ariz=Arizona,Ark=Arkansas,Calif=California,Colo=Colorado,Conn=Connecticut,Del=Delaware,"
        "Fla=Florida,Ga=Georgia,Ill=Illinois,Ind=Indiana,Kan=Kansas,Ky=Kentucky,La=Louisiana,Mass=Massachusetts,"
        "Mich=Michigan,Minn=Minnesota,Miss=Mississippi,Mo=Missouri,Mont=Montana,Neb=Nebraska,Nev=Nevada,Okla=Oklahoma,"
        "Ore=Oregon,Pa=Pennsylvania,Penn=Pennsylvania,Tenn=Tennessee,Tex=Texas,Va=Virginia,Vt=Vermont,Wash=Washington,"
        "Wis=Wisconsin,Wyo=Wyoming"
    ).split(",")
)
_SAINTS = (
    "Andrew Andrews Anne Ann Anthony Augustine Barts Bernard Catherine Charles Christopher Clair Cloud David Elizabeth "
    "Elmo Francis George Helena Helens Ives James Joan John Johns Joseph Jude Kitts Laurent Lawrence Louis Lucia Luke "
    "Margaret Mark Martin Mary Matthew Michael Moritz Nicholas Nick Patrick Paul Peter Peters Petersburg Pierre "
    "Stephen Teresa Theresa Thomas Tropez Valentine Vincent Vitus"
).split()
NEVER_LAST = frozenset(TITLES) | {"dr", "st", "e.g", "i.e", "cf", "vs", "viz", "approx", "ca", "al"}
"""Their dot ends no sentence, whatever follows (of "St." and "Dr." those before names)."""
MAY_BE_LAST = (
    frozenset(AFTER_NAMES) | frozenset(ANYWHERE) | {month for month in MONTHS if month != "mar"}
) - NEVER_LAST - {"sec", "ed", "art", "min", "max", "temp", "ref", "mo"} | {
    name.lower() for name in STATES if len(name) > 2 and name not in ("Wash", "Miss", "Ark", "Ill", "Mass")
}
"""Their dot ends a sentence only where `ends_sentence` says so."""


def _names(names: object, capital: bool = False) -> str:
    ordered = sorted(map(str, names), key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(name.capitalize() for name in ordered) if capital else "|".join(ordered)


def _before(match: Match) -> tuple[str, str]:
    """The two words before a match, the nearer one last; "" for none."""
    words = re.findall(r"[\w.'-]+,?", match.string[max(0, match.start() - 50) : match.start()])
    return (words[-2] if len(words) > 1 else ""), (words[-1] if words else "")


def _like(written: str, words: str) -> str:
    """The words with a capital where the abbreviation has one."""
    return words[0].upper() + words[1:] if written[0].isupper() else words


def _capital_after(match: Match) -> str:
    """The word with a capital right behind a match, "" if it has none."""
    following = re.match(r"\s+([A-Z][\w']*)", match.string[match.end() : match.end() + 40])
    return following[1] if following else ""


def _on_street(match: Match) -> bool:
    """Whether a capital word that is no sentence's first, or has a house number before it, stands before the match."""
    first, second = _before(match)
    if re.fullmatch(r"\d+(?:st|nd|rd|th)", second):
        return True
    if not second[:1].isupper() or second[-1:] in ".," or second.lower() in STARTERS:
        return False
    return not _capital_after(match) or bool(re.match(r"\d", first)) or _capital_after(match).lower() in STARTERS


def _stop(match: Match) -> str:
    """The dot that stays behind the words for a match: none if it has none, or ends no sentence."""
    return stop(match.string, match.end()) if match[0].endswith(".") else ""


def _dotted(words: str) -> Callable[[Match], str]:
    return lambda match: words + _stop(match)


def _doctor(match: Match) -> str | None:
    dot = match[0].endswith(".")
    if _on_street(match):
        return "Drive" + _stop(match)
    if _capital_after(match):
        return "Doctor"
    return "Doctor" + _stop(match) if dot else None


def _saint(match: Match) -> str | None:
    dot, following = match[0].endswith("."), _capital_after(match)
    if _on_street(match):
        return "Street" + _stop(match)
    if following in _SAINTS:
        return "Saint"
    _, before = _before(match)
    if before[:1].isupper() and before.isalpha() and before.lower() not in STARTERS:
        return "Street" + _stop(match)
    return "Saint" if following and dot else None


def _before_name(match: Match) -> str | None:
    if not _capital_after(match):
        return None if match[1] in ("Ft", "Fr", "Gen", "Rep", "Det", "Pres") else TITLES[match[1].lower()]
    if match[0][-1] != "." and match[1] not in _DOTLESS_TITLES:
        return None
    return TITLES[match[1].lower()]


def _after_name(match: Match) -> str | None:
    if not match[0].endswith(".") and match[1] not in _DOTLESS_AFTER:
        return None
    return AFTER_NAMES[match[1].lower()] + _stop(match)


def _anywhere(match: Match) -> str | None:
    words = ANYWHERE[match[1].lower()]
    if match[1].lower() in ("min", "sec", "ed", "max", "mo", "reg", "ref", "tech", "temp", "trans", "est", "hr"):
        following = re.match(r"\s+[a-z0-9(]", match.string[match.end() : match.end() + 3])
        if not following:  # a name, a short form that is a word itself, or a unit
            return None
    return _like(match[1], words) + _stop(match)


def _number_follows(match: Match) -> str:
    return _like(match[1], BEFORE_NUMBERS[match[1].lower()]) + " "


def _month(match: Match) -> str | None:
    if match[1] in ("Jan", "Mar") and not re.match(r" ?\d", match.string[match.end() : match.end() + 2]):
        before = _before(match)[1].lower()  # "in Mar." is a month, "I met Jan." a woman
        if not (before.isdecimal() or before in ("in", "since", "of", "by", "until", "till", "last", "next", "this")):
            return None
    return MONTHS[match[1].lower()].capitalize() + _stop(match)


def _weekday(match: Match) -> str | None:
    if not match.string[: match.start()].strip() and match.end() == len(match.string):
        return None  # "Sat." may be all that is said
    return WEEKDAYS[match[1].lower()] + _stop(match)


def _span(match: Match) -> str:
    """`Mon-Fri` -> "Monday to Friday"."""
    first, last = (_SPANNED.get(match[group].lower(), match[group]) for group in (1, 2))
    return f"{first} to {last}" + _stop(match)


def _state(match: Match) -> str | None:
    words = STATES[match["state"]]
    city = _before(match)[1].rstrip(",")
    if not city[:1].isupper() or (not match["zip"] and (city.lower() in _NO_CITIES or city.lower() in STARTERS)):
        return None
    if len(match["state"]) > 2 and "." not in match[0]:
        return None
    if match["zip"]:
        return f"{words} {digits(match['zip'])}" + (f", {digits(match['more'])}" if match["more"] else "")
    return words + _stop(match)


def _letters(match: Match) -> str | None:
    letters = match[0].replace(".", "").upper()
    if letters in ("AM", "PM") and match.string[max(0, match.start() - 2) : match.start()].strip()[-1:].isdecimal():
        return None  # a time's
    return " ".join(letters) + _stop(match)


def _one_letter(letter: str) -> str:
    return LETTER + letter if letter == "A" else letter  # else it were taken for the article


def _initial(match: Match) -> str | None:
    """`J. Smith` loses its dot, "Plan B. Eat", "So did I. The" and a file's "dot P D F. John" keep it."""
    if ends_sentence(match.string, match.end()) or _before(match)[1].lower() in LETTER_CONTEXTS:
        return None
    if _OF_ADDRESS.search(match.string, max(0, match.start() - 16), match.start()):
        return None
    return _one_letter(match[1])


_OF_ADDRESS = re.compile(r" dot (?:[A-Z] ){0,4}\Z")
_MONTH = _names(MONTHS, True) + "|" + _names(MONTHS).upper()
_HALF_DAY = "mornings?|afternoons?|evenings?|nights?"
_WHOLE_MONTH = _names({*MONTHS.values(), "may"}, True)
_DAY = _names(WEEKDAYS, True) + "|" + _names(WEEKDAYS).upper()
_BEHIND = r"(?:(?<=[\w&).] )|(?<=[\w)], ))"
_NO_CITIES = {"well", "fine", "right", "oh", "hey", "sure", "good", "great", "sorry", "okay", "alright", "hello", "hi"}
_SPANNED = WEEKDAYS | {short: name.capitalize() for short, name in MONTHS.items()}
_SPAN = "|".join([_names(_SPANNED, True), *WEEKDAYS.values(), *map(str.capitalize, MONTHS.values()), "May"])
_COMPASS = {"N": "North", "S": "South", "E": "East", "W": "West"}
_WINDS = {"NE": "Northeast", "NW": "Northwest", "SE": "Southeast", "SW": "Southwest"}

_STREET = "St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Ln|Lane|Ct|Court|Pl|Place|Way|Hwy|Highway|Pkwy|Parkway"
_NUMBERED = "Vol|Chap|Ch|Fig|Pt|Bk|Art|Sec"
_FIGURES = "0123456789"
RULES = (
    rewrite(r"(?<![\w.])[eE]\.\s?g\.(?!\w)", lambda m: _like(m[0], "for example"), ("e.g", "E.g", "e. g", "E. g")),
    rewrite(r"(?<![\w.])[iI]\.\s?e\.(?!\w)", lambda m: _like(m[0], "that is"), ("i.e", "I.e", "i. e", "I. e")),
    rewrite(r"(?<![\w.])eg\.(?=,? [a-z])", "for example", ("eg.",)),
    rewrite(r"(?<![\w.])ie\.(?=,? [a-z])", "that is", ("ie.",)),
    rewrite(r"(?<![\w.])et al\.?(?!\w)", _dotted("et al"), ("et al",)),
    rewrite(r"(?<![\w.])Ph\.\s?D(?:\.|\b)", _dotted("P H D"), ("Ph.",)),
    rewrite(r"(?<![\w.])(?:N\.?\s?B\.|NB:)(?!\w)", "note well,", ("N.", "NB")),
    rewrite(
        rf"(?<=[a-z], )(?P<state>{_names(STATES)})(?![\w'-])\.?(?: (?P<zip>\d{{5}})(?:-(?P<more>\d{{4}}))?(?![\w-]))?",
        _state,
        (", ",),
    ),
    rewrite(
        rf"(?<=\d )(N|S|E|W)\.?(?= (?:[A-Z0-9][\w']{{0,20}} ){{1,3}}(?:{_STREET})\b)", lambda m: _COMPASS[m[1]], "NSEW"
    ),
    rewrite(
        r"(?:(?<=[a-z.] )|(?<=\d )(?=.. \d))(NE|NW|SE|SW|N\.E\.|N\.W\.|S\.E\.|S\.W\.)(?=[,.]|\Z| [A-Z]| \d)",
        lambda m: _WINDS[m[1].replace(".", "")] + _stop(m),
        "NS",
    ),
    rewrite(rf"(?<![\w.])({_MONTH})(?:\.|(?= \d))", _month, (*map(str.capitalize, MONTHS), *map(str.upper, MONTHS))),
    rewrite(rf"(?<=\d )({_MONTH})(?:\.|(?!\w))", _month, _FIGURES),
    rewrite(rf"(?<![\w.-])({_SPAN})\.? ?- ?({_SPAN})(?![\w-])\.?", _span, "-"),
    rewrite(
        rf"(?<![\w.])({_DAY})(?:\.(?=,| ?\d|-| (?:{_MONTH}|to|at|and|through|{_HALF_DAY})\b| (?:{_WHOLE_MONTH}) \d|"
        rf"\Z)|(?=, ?(?:{_MONTH}|\d)))",
        _weekday,
        (*map(str.capitalize, WEEKDAYS), *map(str.upper, WEEKDAYS)),
    ),
    rewrite(
        rf"(?<![\w.])({_names(BEFORE_NUMBERS.keys() - set('pcl'))}|(?-i:[pcl]))\. ?(?=\d|(?-i:[A-Z]{{1,2}}-?\d))",
        _number_follows,
        ".",
        re.IGNORECASE,
    ),
    rewrite(
        rf"(?<![\w.])({_NUMBERED}|{_NUMBERED.lower()}|pp|p)\. ?(?=(?:[IVXLC]{{1,9}}|[ivxlc]{{1,9}})\b)",
        _number_follows,
        ".",
    ),
    rewrite(r"(?<![\w.])([Nn])o\. of\b", lambda m: f"{m[1]}umber of", ("o. of",)),
    rewrite(r"(?<![\w.])(pp?)(?=\d)", lambda m: BEFORE_NUMBERS[m[1]] + " ", _FIGURES),
    rewrite(r"(?<![\w.])Dr(?:\.|\b)", _doctor, ("Dr",)),
    rewrite(r"(?<![\w.])St(?:\.|\b)(?!')", _saint, ("St",)),
    rewrite(r"(?<![\w.])Sts\.(?= [A-Z])", "Saints", ("Sts",)),
    rewrite(r"(?<![\w.])Ste\.(?= [A-Z])", "Saint", ("Ste.",)),
    rewrite(r"(?<![\w.])b\. ?(?=\d{4}(?!\w))", "born ", ("b.",)),
    rewrite(r"(?<![\w.])d\. ?(?=\d{4}(?!\w))", "died ", ("d.",)),
    rewrite(r"(?<=\d )est\.(?!\w)", _dotted("estimated"), ("est.",)),
    rewrite(r"(?<=\d )pp\.(?!\w)", _dotted("pages"), ("pp.",)),
    rewrite(r"(?<![\w.])Lt\. Col\.", "Lieutenant Colonel", ("Lt. Col",)),
    rewrite(rf"(?<![\w.])({_names(TITLES, True)})(?:\.|(?= [A-Z]))", _before_name, tuple(map(str.capitalize, TITLES))),
    rewrite(
        rf"{_BEHIND}({_names(AFTER_NAMES, True)})(?:\.|(?![\w'-]))",
        _after_name,
        tuple(map(str.capitalize, AFTER_NAMES)),
    ),
    rewrite(rf"(?<![\w.])({_names(ANYWHERE)})\.(?![\w.])", _anywhere, ".", re.IGNORECASE),
    rewrite(r"(?<![\w.])vs(?= )|(?<=[a-z] )v\.?(?= [A-Z])", "versus", ("vs", " v")),
    rewrite(r"(?<![\w.])(?:[A-Za-z]\.){2,12}(?:[A-Za-z](?!\w))?(?!\w)", _letters, "."),
    rewrite(r"(?<![\w.'])([A-Z])\.(?=[ -]?[A-Z])", _initial, "."),
    rewrite(r"(?<![\w.'])([A-Z])\.(?= [a-z(]|,)", lambda m: _one_letter(m[1]), "."),
)


def say_abbreviations(text: str) -> str:
    """Abbreviations of folded text, as words; a dot that also ends the sentence stays."""
    return apply(RULES, text)
