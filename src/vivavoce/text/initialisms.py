# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Capitals: letters that are read by name ("FBI"), as a word ("NASA"), or that only shout ("STOP").

Out of this module comes text in which a single capital letter is always a letter's name; the article "A" is written
small. That tells a voice "plan A" from "A dog" without asking again. Digits are words by now.
"""

from __future__ import annotations

import re

from vivavoce.text.rewriting import Match

LETTER = "\x02"
"""Stands before an "A" that is a letter for sure, as in "A320"; no text has it, and it is not said."""

LETTER_CONTEXTS = frozenset(
    "plan vitamin grade group team type class section exhibit hepatitis level option part point side list letter unit "
    "block gate appendix phase series division schedule player person company category variant model building terminal "
    "zone figure table item room ward influenza serie column row step product version channel".split()
)
"""Words behind which a letter stands for itself."""

SPELLED = frozenset(
    """
    abc aarp acl adhd aka api apr asap atm atv bbc bbq bmi bmw bst byob cbc cbs ccd cctv cd cdc ceo cfo cia cio cmo cms
    cnn coo cpi cpr cpu crm css csv cta cto dc dept dhs dj dna doa dob doe doj dui dvd eba ecg edm eec eeg ekg eod epa
    epub erp esl esp espn est eta etf eu faa faq fbi fcc fda fdr fms fps ftp fyi gcse gdp gmo gmt gnp gop gpa gps gpt
    gpu gui hbo hd hdmi hdtv hiv hoa hp hpv hq hr html http https ibm icbm icu icbn idk iot ip ipa ipo iq ira irc irs
    isbn iso isp iss itv iud ivf jfk jpg kfc kgb kia kkk la lbj lcd led lgbt lgbtq llc llm lmao lms lng lol lpg lsd lte
    mba mbe mc md mdma mfa mi mia mip mit mlb mlk mls mp mpg mph mri ms msg msnbc mtv mvp nba nbc ncaa nda nfl nft ngo
    nhl nhs nih nlp nlr nme npc npr nra nsa nsfw nsw nyc nypd obe oecd oem omg os osx pa pbs pc pcr pda pdf pe pga php
    pi pm pms pow ppe pr ps psa ptsd pvc qa qb qed qr raf rca rem rfc rfid rgb rip rn rna rom rpg rpm rss rsvp rv sat
    sdk seo sms sos spf sql ssd ssh ssl ssn std stem suv tba tbd tcp tdk tgif tls tnt tv tvs uae ucl ucla udp ufc ufo uk
    uhf un unhcr uri url us usa usaf usb usc usda usmc usps ussr utc vcr vhf vhs vip vpn vr wma wmd wmo wnba wto ww www
    xml ymca yolo ywca zip aa ac ad ai aids bc bce ce cv db ee er fm gb gm id ii io iv kb km lg lp mb mg mm mo nb np ny
    od oj ok op pd ph pin ppm ppt pt qc rc rd sf sm tb tnt td ui ux vc vp wc ww xl xp yo xr nz ap hk dm gi ge gp io ia
    """.split()
) - {"aids", "pin", "zip", "rom", "rip", "ok", "yolo", "rem", "stem", "dept", "sat", "est", "la", "pi", "yo", "id"}
"""Initialisms whose letters are read by name, even beside shouted words."""
_SPELLED_SMALL = SPELLED - frozenset(
    "us un abc as aa ad ai ap apr ce coo doe doa eta er ge gee id ii io ia is ira lol mi mit mo od oj op os pa pe pi "
    "pow sat uri ms mc md dc la led hp mm km mb kb gb mg lp nb ac bc lg rd st pt np ee fm aka pm am ps pr ww esp "
    "api".split()
) | {"api", "tv", "pc", "dj", "hr", "ps", "pm", "fm"}
WORDS = {
    "ok": "okay", "aids": "aids", "covid": "covid", "jpeg": "jay peg", "mpeg": "em peg", "gmat": "gee mat",
    "lsat": "el sat", "mcat": "em cat", "ascii": "askey", "naacp": "N double A C P", "ncaa": "N C double A",
    "aaa": "triple A", "ieee": "I triple E", "uefa": "you efa", "wifi": "wifi", "phd": "P H D", "ios": "I O S",
    "noaa": "noah", "ww": "World War", "wwi": "World War one", "wwii": "World War two",
    "saas": "sass", "oauth": "oh auth", "nyse": "N Y S E", "esq": "esquire",
    "html": "H T M L", "ipad": "I pad", "iphone": "I phone", "ctrl": "control", "ebay": "E bay",
}  # fmt: skip
"""Said as these words, whatever their letters suggest."""
_ACRONYMS = frozenset(
    """
    aids asean basic bios cad captcha cat cern cobol covid darpa dos epcot fema fifa fortran gif hipaa ikea imax laser
    lego mensa mers midi moma nafta nasa nascar nasdaq nato nimby opec osha peta pin potus radar raid ram rem rom sars
    scotus scuba sim snafu sonar spam swat taser ted unesco unicef voip wan wasp wysiwyg yolo zip nerf sap ahold tesla
    gnu lan vin dare mash oasis bafta soho
    """.split()
)
_COMMON = frozenset(
    """
    am an as at be by do go he hi if in is it me my no of oh on or so to up us we ah eh ha ho hm hmm um uh ow ox
    act add ado age ago aid aim air all and any are arm art ask ate bad bag ban bar bat bed bee bet big bit bow box boy
    bug bus but buy bye can cap car cat cop cow cry cup cut dad day did die dig dog dot dry due ear eat egg end eye far
    fat few fit fix fly for fox fun fur gas get god got gun guy had has hat hay her hey hid him hip his hit hot how hug
    huh ice ill ink its jar jaw job joy key kid lap law lay leg let lie lip lot low mad man map may men met mix mom mud
    new nod nor not now nut odd off oil old one our out owe own pal pan pay pen pet pie pig pit pop pot put ran rat raw
    red rid row rub rug run sad saw say sea see set sex she shy sin sir sit six sky son spy sum sun tax tea ten the tie
    tin tip toe too top toy try two use van via war was way web wet who why win wow yea yes yet you zoo nah yep aww
    able also area away baby back ball band bank base bath bear beat been beer best bill bird blue boat body book born
    both busy call calm came camp card care case cash chat city club cold come cook cool cost date dead deal dear deep
    done door down draw duty each earn east easy else even ever face fact fail fair fall fast fear feel file fill film
    find fine fire fish five food foot form four free from full game gave girl give glad goes gold good gone grew half
    hand hard hate have head hear heat held hell help here high hold home hope hour huge idea into iron jail join july
    june jump just keep kept kill kind king kiss knew know lady lake land last late lead left less life like line list
    live long look lord lose loss lost love luck made mail main make male many mark mass meal mean meet mile milk mind
    mine miss moon more most move much must name near neck need news next nice nine none note okay once only onto open
    over page paid pain part pass past path pick plan play plus poor post pull push race rain read real rest rich ride
    ring rise risk road rock role roof room rose rule safe said sale same save seat seem seen self sell send sent ship
    shop shot show shut sick side sign sing site size skin slow snow soft sold some song soon sort stay step stop such
    sure take talk tall team tell term test text than that them then they thin this thus till time tiny told took town
    tree trip true turn unit upon used very view vote wait walk wall want warm wash week well went were west what when
    whom wide wife wild will wind wine wish with wood word work yard yeah year your zero dont cant wont isnt
    """.split()
) - {"us", "it", "who"}
_ONSETS = frozenset(
    "b bl br c ch chr cl cr d dr dw f fl fr g gh gl gn gr h j k kh kl kn kr l m n p ph phr pl pr ps q qu r rh s sc sch "
    "scr sh shr sk sl sm sn sp sph spl spr sq squ st str sw t th thr tr ts tw v w wh wr x y z".split()
) | {""}
_CODAS = frozenset(
    "b bs c ck cks ct cts d ds f ff ft fts g gh ght gs gg k ks l ll lls ld lds lf lk lks lm lp lps lt lts m mb mp mps "
    "ms n nd nds ng ngs nk nks nn ns nt nts nth p ps pt pts r rb rc rch rd rds rg rk rks rl rm rms rn rns rp rs rt "
    "rts rth s sh sk sks ss st sts t ch tch th ths ts tt v w wl wn ws x xt y z zz cs mbs hn".split()
) | {""}
_VOWELS = "aeiouy"
_TITLED = frozenset(
    "mr mrs ms dr st prof gen col capt lt sgt maj rev gov sen rep pres mt king queen pope chapter".split()
)
_CAPITAL = frozenset(
    "mr mrs ms dr st prof capt sgt maj rev gov sen jr inc ltd corp ave blvd rd bros chapter part act scene vol jan "
    "feb mar apr jun jul aug sep sept oct nov dec january february march april june july august september october "
    "november december mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday "
    "sunday".split())  # fmt: skip
_NUMERAL = re.compile(r"(?=[IVX]{2,})X{0,3}(?:IX|IV|V?I{0,3})")

_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*'?")
_CAPITALS = r"[A-Z][A-Z']{0,40}"
_SHOUT = re.compile(rf"(?<![A-Za-z'.]){_CAPITALS}(?:(?:[.,]? |-){_CAPITALS}){{1,60}}(?![A-Za-z']|\.[A-Za-z])")
_SHOUTED_ENDING = re.compile(r"(?<=\d)(?:ST|ND|RD|TH)\b|(?<=\d0)S\b")
_HUMPS = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_PLURAL = re.compile(r"([A-Z]{2,12}|[A-Z]{1,6}[a-z]?[A-Z]{1,6})s")
_UNSPLIT = ("Mc", "Mac", "De", "Di", "La", "Le", "Du", "Fitz", "Van", "Von", "O", "Da", "El", "St", "D")
_INTERJECTIONS = {"hmm", "shh", "psst", "brr", "brrr", "pfft", "tsk", "grr", "grrr", "hm", "mmm", "mm", "zzz", "nth",
                  "mr", "mrs", "ms", "dr", "st", "th", "nd", "rd", "mhm"}  # fmt: skip
_AFTER_LETTER = "is was and or equals plus to minus through dot dash underscore slash at".split()


def read_capitals(text: str) -> str:
    """Initialisms as single capital letters, acronyms and shouted words in small ones; other words keep their case."""
    return _WORD.sub(_say, text)


def calm_shouting(text: str) -> str:
    """Runs of words in capitals, in small letters, as later rules expect them: titles, months and what a title stands
    before keep their first capital, initialisms all of theirs. Call before anything is expanded."""
    return _SHOUTED_ENDING.sub(lambda match: match[0].lower(), _SHOUT.sub(_calm, text))


def _calm(match: Match) -> str:
    """A run of words in capitals: small letters, but for initialisms, if one of them is a word for sure."""
    words = _WORD.findall(match[0])
    if not any(_is_word(word.lower()) for word in words if len(word) > 1):
        return match[0]
    return _WORD.sub(lambda word: _calm_word(word, len(words)), match[0])


def _calm_word(match: Match, count: int) -> str:
    word = match[0]
    stem = word.lower().split("'")[0]
    if word == "A":
        before = match.string[: match.start()].split()
        return word if not before or before[-1].lower() in LETTER_CONTEXTS else "a"
    if len(word) == 1 or (stem in SPELLED and stem not in ("us", "it", "who")):
        return word
    if stem in WORDS or _NUMERAL.fullmatch(word):
        return word
    before = _WORD.findall(match.string[max(0, match.start() - 12) : match.start()])[-1:]
    if stem in _CAPITAL or (before and before[0].lower() in _TITLED):
        return word.capitalize()
    return word.lower()


def _is_word(word: str) -> bool:
    word = word.split("'")[0]
    return (
        word in _CAPITAL
        or word in _COMMON
        or (len(word) > 4 and word not in SPELLED and word not in WORDS and _pronounceable(word))
    )


def _say(match: Match) -> str:
    word = match[0]
    if len(word) == 1:
        return _letter(match)
    stem, apostrophe, ending = word.partition("'")
    if stem.lower() in WORDS:
        return WORDS[stem.lower()] + apostrophe + ending
    if ending[:1].isupper() and not word.isupper():  # O'Brien
        return word
    if stem.islower():
        return _small(stem) + apostrophe + ending
    if word.istitle() or (stem.istitle() and ending.islower()):
        return word
    if plural := _PLURAL.fullmatch(stem):
        letters = _capitals(plural[1])
        return letters + ("'s" if letters[-1:].isupper() else "s") if not ending else letters + "'s"
    if stem.isupper():
        return _capitals(stem) + apostrophe + (ending if len(stem) > 1 and ending.islower() else ending.lower())
    return _humps(word)


def _small(word: str) -> str:
    """Small letters: known initialisms, and those that no one can say, are spelled."""
    if word in _SPELLED_SMALL:
        return " ".join(word.upper())
    if len(word) <= 5 and word not in _INTERJECTIONS and not any(vowel in word for vowel in _VOWELS):
        return " ".join(word.upper())
    return word


def _capitals(word: str) -> str:
    """Capitals alone: as letters or as a word in small letters."""
    small = word.lower()
    if len(word) == 1 or (small in SPELLED and small not in _COMMON - {"us"}):
        return " ".join(word.upper())
    if small in WORDS:
        return WORDS[small]
    if small in _ACRONYMS or small in _COMMON or small in _INTERJECTIONS:
        return small
    if len(word) >= 4 and _pronounceable(small):
        return small
    return " ".join(word.upper()) if len(word) <= 6 else small


def _pronounceable(word: str) -> bool:
    """Whether English could have the word: vowels, and no clusters of consonants that it lacks."""
    parts = re.split(f"([{_VOWELS}]+)", word)
    vowels, between = parts[1::2], parts[2:-1:2]
    if not vowels or any(len(run) > 2 for run in vowels) or word[:2] in ("aa", "ii", "uu"):
        return False
    if parts[0] not in _ONSETS or parts[-1] not in _CODAS:
        return False
    return all(_crossable(cluster) for cluster in between)


def _crossable(cluster: str) -> bool:
    """Whether a cluster can be cut into the end of a syllable and the beginning of the next."""
    return any(cluster[:cut] in _CODAS and cluster[cut:] in _ONSETS for cut in range(len(cluster) + 1))


def _humps(word: str) -> str:
    """`OpenAI` -> "Open A I", `iPhone` -> "I Phone"; `McDonald` stays."""
    if word.startswith(_UNSPLIT) and re.fullmatch(r"(?:[A-Z][a-z]+|O|D)'?[A-Z][a-z]+(?:'s|s')?", word):
        prefix = re.match(r"(?:[A-Z][a-z]+|O|D)(?='?[A-Z])", word)
        if prefix and prefix[0] in _UNSPLIT:
            return word
    said = []
    body, apostrophe, ending = word.partition("'")
    if apostrophe and not ending.islower():
        body, apostrophe, ending = word.replace("'", ""), "", ""
    for part in _HUMPS.findall(body):
        said.append(_capitals(part) if part.isupper() else part.upper() if len(part) == 1 else _small_part(part))
    return " ".join(said) + apostrophe + ending


def _small_part(part: str) -> str:
    return _small(part) if part.islower() else part


def _letter(match: Match) -> str:
    """A letter by itself: its name in capitals, unless it is the article."""
    letter, text = match[0], match.string
    if letter not in "aA":
        return letter.upper()
    if text[match.start() - 1 : match.start()] == LETTER:
        return "A"
    before = re.search(r"([A-Za-z']+) \Z", text[max(0, match.start() - 24) : match.start()])
    following = re.match(r" ([A-Za-z']+)", text[match.end() : match.end() + 24])
    named = before and before[1].lower() in LETTER_CONTEXTS
    if letter == "a":
        listed = text[match.end() : match.end() + 1] == ")"
        return "A" if listed or (named and not following) else "a"
    if not following or named:
        return "A"
    next_word = following[1]
    if (len(next_word) == 1 and next_word.isupper()) or (before and len(before[1]) == 1 and before[1] not in "Ia"):
        return "A"
    if before:
        return "a" if next_word[0].isupper() else "A"
    starts = not text[: match.start()].strip() or text[: match.start()].rstrip(" \"'([*_-")[-1:] in ".?!:,;"
    opens = text[max(0, match.start() - 1) : match.start()] in ('"', "'", "(", "[", "*")
    return "a" if (starts or opens) and next_word not in _AFTER_LETTER else "A"
