"""Sentences become tokens: who says a word, in which order they are asked, odd input, the user's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.own_words import OwnWords
from vivavoce.decoding.pronouncer import LONGEST_WORD, GivenWord, Pronouncer
from vivavoce.decoding.voice_lexicon import VoiceLexicon, usual_entries, write_voice_lexicon
from vivavoce.decoding.word_forms import with_s
from vivavoce.errors import DataError, ModelError, TextError
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.text.voice_tokens import BREAK, token_ids

WORDS = """
the DH AH0
a AH0
to T UW1
and AH0 N D
i AY1
apple AE1 P AH0 L
hello HH AH0 L OW1
there DH EH1 R
record R AH0 K AO1 R D
record R EH1 K ER0 D
bat B AE1 T
tab T AE1 B
table T EY1 B AH0 L
cab K AE1 B
label L EY1 B AH0 L
route R UW1 T
route R AW1 T
nasa N AE1 S AH0
us AH1 S
'twas T W AH1 Z
snow S N OW1
board B AO1 R D
boss B AO1 S
s EH1 S
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = [(line.split()[0], line.split()[1:]) for line in WORDS.strip().splitlines()]
    path = tmp_path_factory.mktemp("lexicon") / "voice.lexicon"
    write_voice_lexicon(path, said, G2p.train(said, order=3, min_count=1))
    return path


@pytest.fixture(scope="module")
def pronouncer(path: Path) -> Pronouncer:
    return Pronouncer.open(path)


def said(pronouncer: Pronouncer, sentence: str) -> list[tuple[str, str, str]]:
    return [(word.word, " ".join(word.phones), word.source) for word in pronouncer.say(sentence)]


def test_a_sentence_of_tokens(pronouncer: Pronouncer) -> None:
    expected = [BREAK, "HH", "AH0", "L", "OW1", ",", " ", "DH", "EH1", "R", ".", BREAK]
    assert pronouncer.tokens("Hello, there.") == expected
    assert pronouncer.tokens("Hello ,there .") == expected
    assert pronouncer.tokens("hello there")[-3:] == ["EH1", "R", BREAK]
    token_ids(pronouncer.tokens("The bat and a table, to the apple?"))


def test_the_article_hears_the_next_word(pronouncer: Pronouncer) -> None:
    assert [phones for _, phones, _ in said(pronouncer, "the apple and the bat")] == [
        "DH IY0",
        "AE1 P AH0 L",
        "AH0 N D",
        "DH AH0",
        "B AE1 T",
    ]


@pytest.mark.parametrize(
    ("sentence", "word", "phones", "source"),
    [
        ("a record", "record", "R EH1 K ER0 D", "context"),
        ("to record", "record", "R AH0 K AO1 R D", "context"),
        ("the records", "records", "R EH1 K ER0 D Z", "context"),
        ("tables", "tables", "T EY1 B AH0 L Z", "rule"),
        ("boss's", "boss's", "B AO1 S IH0 Z", "rule"),
        ("'twas", "'twas", "T W AH1 Z", "lexicon"),
        ("'bat'", "'bat'", "B AE1 T", "lexicon"),
        ("hmm", "hmm", "HH AH1 M", "rule"),
        ("a xml bat", "xml", "EH2 K S EH2 M EH1 L", "letters"),
        ("the XUV bat", "XUV", "EH2 K S Y UW2 V IY1", "letters"),
        ("the NASA bat", "NASA", "N AE1 S AH0", "lexicon"),
        ("THE BAT", "BAT", "B AE1 T", "lexicon"),
    ],
)
def test_who_says_a_word(pronouncer: Pronouncer, sentence: str, word: str, phones: str, source: str) -> None:
    assert (word, phones, source) in said(pronouncer, sentence)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("the F B I's bat", [("FBI's", "EH2 F B IY2 AY1 Z")]),
        ("the U S record", [("US", "Y UW2 EH1 S")]),
        ("grade A, bat", [("A", "EY1")]),
        ("A is there", [("A", "EY1")]),
        ("A bat", [("A", "AH0")]),
        ("I record", [("I", "AY1")]),
        ("the C D's there", [("CD's", "S IY2 D IY1 Z")]),
        ("bat A B, C D", [("AB", "EY2 B IY1"), ("CD", "S IY2 D IY1")]),
    ],
)
def test_letters(pronouncer: Pronouncer, sentence: str, words: list[tuple[str, str]]) -> None:
    found = [(word, phones) for word, phones, _ in said(pronouncer, sentence)]
    assert [pair for pair in found if pair[0] in {word for word, _ in words}] == words


def test_what_nobody_knows_is_guessed(pronouncer: Pronouncer) -> None:
    guess, _ = pronouncer.lexicon.guesser().pronounce("blat", stress=True)[0]
    assert said(pronouncer, "the blat")[1] == ("blat", " ".join(guess), "guess")


def test_guesses_of_words_with_an_ending_keep_the_word(pronouncer: Pronouncer) -> None:
    stem = pronouncer.phones_of_word("blabet")
    assert pronouncer.phones_of_word("blabet's") == with_s(stem)
    assert pronouncer.phones_of_word("blabetn't") == (*stem, "AH0", "N", "T")
    assert pronouncer.phones_of_word("blabet") == stem  # from memory, the same


def test_the_guesser_is_only_made_when_it_is_needed(path: Path) -> None:
    fresh = Pronouncer.open(path)
    fresh.tokens("The bat's tables, hello.")
    assert fresh.lexicon._guesser is None
    fresh.tokens("blat")
    assert fresh.lexicon._guesser is not None


def test_marks(pronouncer: Pronouncer) -> None:
    assert [word.mark for word in pronouncer.say("bat,, bat?! bat... bat. , bat")] == [",", "!", ".", ".", ""]
    assert pronouncer.tokens(", . bat") == [BREAK, "B", "AE1", "T", BREAK]


@pytest.mark.parametrize("nothing", ["", " ", "...", "?!", "'", "- , '", []])
def test_nothing_to_say(pronouncer: Pronouncer, nothing: str) -> None:
    assert pronouncer.tokens(nothing) == []


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("hello чудо there", r"'чудо' has 'д', .*; .*a to z"),
        ("你好", r"'你好' has '你', '好'"),
        ("b2b", r"'b2b' has '2'"),
        ("a😀", "has '😀'"),
        ("a" * 10_000, r"'a{40}\.\.\.' has 10,000 letters; .* up to 60"),
    ],
)
def test_what_cannot_be_said_is_named(pronouncer: Pronouncer, sentence: str, fault: str) -> None:
    with pytest.raises(TextError, match=fault):
        pronouncer.tokens(sentence)


def test_the_longest_words_and_long_sentences(pronouncer: Pronouncer) -> None:
    assert len(pronouncer.phones_of_word("bat" * (LONGEST_WORD // 3))) >= 20
    assert len(pronouncer.say("hello there " * 2000)) == 4000


def test_accents_and_curly_marks_are_folded(pronouncer: Pronouncer) -> None:
    assert said(pronouncer, "b\u00e1t\u2019s")[0][:2] == ("bat's", "B AE1 T S")
    assert [word.word for word in pronouncer.say("snow-board")] == ["snow", "board"]


def test_one_word_is_one(pronouncer: Pronouncer) -> None:
    assert pronouncer.phones_of_word("table") == ("T", "EY1", "B", "AH0", "L")
    for text, count in (("", 0), ("bat table", 2)):
        with pytest.raises(TextError, match=f"holds {count} words"):
            pronouncer.phones_of_word(text)


def test_given_phones_are_said_as_they_are(pronouncer: Pronouncer) -> None:
    sentence = ["the ", GivenWord("Aoife", ("IY1", "F", "AH0")), ", and ", GivenWord("bat", ("b", "ao", "t"))]
    found = pronouncer.say(sentence)
    assert [(word.word, " ".join(word.phones), word.source, word.mark) for word in found] == [
        ("the", "DH IY0", "context", ""),
        ("Aoife", "IY1 F AH0", "given", ","),
        ("and", "AE1 N D", "context", ""),
        ("bat", "B AO1 T", "given", ""),
    ]
    for phones, fault in ((("XX",), "'XX'"), ((), "no phones"), ((" ",), "' '"), (("<BREAK>",), "BREAK")):
        with pytest.raises(TextError, match=fault):
            pronouncer.tokens([GivenWord("Aoife", phones)])


def test_own_words_come_before_all_others(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(
        "# how we say it\ntable T AA1 B AH0 L\nrecord R IY1 K\nRoute r aw t\ngrafana 0.001 G R AA F AA N AH\n"
        "nginx EH1 N JH IH N EH K S  # half of the stress\nblat\nthe DH IY1\nXUV Z UW1 V\n"
    )
    pronouncer = Pronouncer.open(path, own)
    found = {word: (phones, source) for word, phones, source in said(pronouncer, "the table to record blat XUV")}
    assert found["table"] == ("T AA1 B AH0 L", "own")
    assert found["record"] == ("R IY1 K", "own")
    assert found["the"] == ("DH IY1", "own")
    assert found["XUV"] == ("Z UW1 V", "own")
    assert found["blat"][1] == "guess"  # a word without phones is to be guessed
    assert " ".join(pronouncer.phones_of_word("tables")) == "T AA1 B AH0 L Z"
    assert " ".join(pronouncer.phones_of_word("nginx's")) == "EH1 N JH IH0 N EH0 K S IH0 Z"
    assert " ".join(pronouncer.phones_of_word("route")) == "R AW1 T"  # the lexicon knows where its stress lies
    assert " ".join(pronouncer.phones_of_word("grafana")) == "G R AA1 F AA0 N AH0"
    assert pronouncer.tokens("table") == Pronouncer(pronouncer.lexicon, OwnWords.load(own)).tokens("table")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("bat B AE9 T", r"own\.txt, line 2: bat is said with 'AE9'"),
        ("bat B , T", r"own\.txt, line 2: bat is said with ','"),
        ("b2b B IY1", r"own\.txt, line 2: 'b2b' is no word"),
    ],
)
def test_a_wrong_line_is_named(path: Path, tmp_path: Path, line: str, fault: str) -> None:
    own = tmp_path / "own.txt"
    own.write_text(f"# mine\n{line}\n")
    with pytest.raises(TextError, match=fault):
        Pronouncer.open(path, own)


def test_missing_files_are_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        Pronouncer.open(tmp_path / "absent")
    with pytest.raises(TextError, match="absent"):
        Pronouncer.open(path, tmp_path / "absent")
    (tmp_path / "other").write_text("no lexicon")
    with pytest.raises(ModelError, match="other"):
        Pronouncer.open(tmp_path / "other")


@pytest.fixture(scope="module")
def english(data_root: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> VoiceLexicon:
    source = data_root / "cmudict" / "cmudict.dict"
    model = repository / "src" / "vivavoce" / "assets" / "asr-en-small" / "lexicon.g2p"
    if not source.is_file() or not model.is_file():
        pytest.skip(f"{source} or {model} is absent")
    entries = usual_entries(PronouncingDictionary.load(source, stress=True))
    known = (entry for entry in entries if entry[0] != "fitzgerald")
    return write_voice_lexicon(tmp_path_factory.mktemp("lexicon") / "voice.lexicon", known, G2p.load(model))


def test_english_sentences(english: VoiceLexicon) -> None:
    pronouncer = Pronouncer(english)
    for sentence, phones in {
        "I read it yesterday, and they will read it tomorrow.": "R EH1 D|R IY1 D",
        "They refuse to collect the refuse.": "R AH0 F Y UW1 Z|R EH1 F Y UW2 Z",
        "The wind was too strong to wind the sail.": "W IH1 N D|W AY1 N D",
        "He could lead if he would get the lead out.": "L IY1 D",
        "She vlogged about the unfriended snowboarders' hashtags.": "HH AE1 SH T AE2 G Z",
    }.items():
        tokens = " ".join(pronouncer.tokens(sentence))
        token_ids(pronouncer.tokens(sentence))
        place = -1
        for part in phones.split("|"):
            place = tokens.find(part, place + 1)
            assert place >= 0, (part, tokens)
    unseen = {word.word: (" ".join(word.phones), word.source) for word in pronouncer.say("vlogs retweeted googleable")}
    assert unseen["retweeted"] == ("R IY0 T W IY1 T IH0 D", "rule")
    assert unseen["vlogs"][0].endswith("Z")
    # The guesser knows better than to make it of two words.
    assert said(pronouncer, "Fitzgerald") == [("Fitzgerald", "F IH0 T S JH EH1 R AH0 L D", "guess")]


def test_words_of_the_dictionary_are_said_as_it_says(english: VoiceLexicon, data_root: Path) -> None:
    dictionary = PronouncingDictionary.load(data_root / "cmudict" / "cmudict.dict", stress=True)
    pronouncer = Pronouncer(english)
    words = [word for word in dictionary if word.isalpha() and word != "fitzgerald"][::97]
    sources = set()
    for word in words:
        (found,) = pronouncer.say(word)
        sources.add(found.source)
        if found.source == "lexicon":
            assert list(found.phones) in [*dictionary.pronounce(word), list(english.pronounce(word)[0])]
    assert sources <= {"lexicon", "context"}
