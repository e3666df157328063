# ruff: noqa: RUF001 - characters that are easily taken for others are read here, too
"""SSML and inline phones: segments, nesting, pauses, and refusals with their place."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import TextError
from vivavoce.text.ssml import ATTRIBUTES, ELEMENTS, PARAGRAPH_SECONDS, Segment, parse_ssml, split_phones
from vivavoce.text.voice_tokens import token_ids


def only(inside: str) -> Segment:
    """The one segment of a document."""
    (segment,) = parse_ssml(f"<speak>{inside}</speak>")
    return segment


def test_text_alone() -> None:
    assert parse_ssml("<speak> Hello,\n world. </speak>") == [Segment(text="Hello, world.", ends_sentence=True)]


@pytest.mark.parametrize("text", ["<speak/>", "<speak>  \n </speak>", "<speak><p> <s/></p></speak>"])
def test_nothing_to_say(text: str) -> None:
    assert parse_ssml(text) == []


def test_the_preamble_is_allowed() -> None:
    text = """<?xml version="1.0" encoding="UTF-16"?>
    <!-- a comment -->
    <speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US"
           xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">
    Hi &amp; <![CDATA[<bye>]]></speak>"""
    assert [segment.text for segment in parse_ssml(text.strip())] == ["Hi & <bye>"]


def test_sentences_and_paragraphs() -> None:
    segments = parse_ssml("<speak>Before<p><s>One</s><s>Two.</s></p><p>Three</p> after</speak>")
    assert [segment.text for segment in segments] == ["Before", "One", "Two.", "Three", "after"]
    assert all(segment.ends_sentence for segment in segments)
    assert [segment.break_after_seconds for segment in segments] == [0, 0, PARAGRAPH_SECONDS, PARAGRAPH_SECONDS, 0]


def test_a_sentence_of_several_segments_ends_once() -> None:
    segments = parse_ssml("<speak><s>I <emphasis>do</emphasis> care</s></speak>")
    assert [(segment.text, segment.ends_sentence) for segment in segments] == [
        ("I", False),
        ("do", False),
        ("care", True),
    ]


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('time="500ms"', 0.5),
        ('time="1.5s"', 1.5),
        ('time="+1s"', 1.0),
        ('strength="none"', 0.0),
        ('strength="x-strong"', 1.2),
        ("", 0.4),
        ('time="250ms" strength="weak"', 0.25),
    ],
)
def test_breaks(tag: str, seconds: float) -> None:
    before, after = parse_ssml(f"<speak>One<break {tag}/>two</speak>")
    assert before.break_after_seconds == pytest.approx(seconds)
    assert after.break_before_seconds == 0


def test_breaks_add_up_also_at_the_edges() -> None:
    segments = parse_ssml('<speak><break time="1s"/><break time="2s"/>Hi<break time="3s"/></speak>')
    assert segments == [Segment(text="Hi", break_before_seconds=3, break_after_seconds=3, ends_sentence=True)]
    assert parse_ssml('<speak><break time="2s"/></speak>') == [Segment(break_after_seconds=2)]


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ('rate="x-slow"', "rate", 0.5),
        ('rate="slow"', "rate", 0.8),
        ('rate="fast"', "rate", 1.25),
        ('rate="120%"', "rate", 1.2),
        ('rate="+20%"', "rate", 1.2),
        ('rate="-20%"', "rate", 0.8),
        ('rate="1.5"', "rate", 1.5),
        ('rate=".5"', "rate", 0.5),
        ('pitch="+2st"', "pitch_semitones", 2),
        ('pitch="-1.5st"', "pitch_semitones", -1.5),
        ('pitch="x-high"', "pitch_semitones", 6),
        ('pitch="+100%"', "pitch_semitones", 12),
        ('pitch="-50%"', "pitch_semitones", -12),
        ('volume="+6dB"', "volume_db", 6),
        ('volume="-.5dB"', "volume_db", -0.5),
        ('volume="soft"', "volume_db", -6),
        ('volume="silent"', "volume_db", -math.inf),
    ],
)
def test_prosody(attributes: str, field: str, value: float) -> None:
    assert getattr(only(f"<prosody {attributes}>Hi</prosody>"), field) == pytest.approx(value)


def test_nesting_combines() -> None:
    text = """<speak><prosody rate="fast" pitch="+2st" volume="-3dB">a
    <prosody rate="120%" pitch="+1st" volume="-3dB">b <emphasis level="strong">c</emphasis></prosody>
    d</prosody> e</speak>"""
    a, b, c, d, e = parse_ssml(text)
    assert (a.rate, a.pitch_semitones, a.volume_db) == (1.25, 2, -3)
    assert (b.rate, b.pitch_semitones, b.volume_db) == pytest.approx((1.5, 3, -6))
    assert c.emphasis == "strong"
    assert c.rate < b.rate
    assert c.pitch_semitones > b.pitch_semitones
    assert c.volume_db > b.volume_db
    assert (d.rate, d.emphasis) == (1.25, "none")
    assert e == Segment(text="e", ends_sentence=True)


def test_inner_emphasis_replaces_outer() -> None:
    _, inner, _ = parse_ssml('<speak><emphasis>a <emphasis level="none">b</emphasis> c</emphasis></speak>')
    assert inner == Segment(text="b")


def test_replacements() -> None:
    assert only('<sub alias="World Wide Web Consortium">W3C</sub>').text == "World Wide Web Consortium"
    said = only('<say-as interpret-as="date" format="dmy">5/7/2021</say-as>')
    assert (said.text, said.spoken) == ("July fifth, twenty twenty one", True)
    spoken = only('<phoneme alphabet="ipa" ph="təˈmɑːtoʊ">tomato</phoneme>')
    assert (spoken.text, spoken.phones) == ("tomato", ("T", "AH0", "M", "AA1", "T", "OW0"))
    assert only('<phoneme ph="kæt"/>').phones == ("K", "AE1", "T")
    assert only('<phoneme alphabet="x-cmu" ph="K AE1 T">cat</phoneme>').phones == ("K", "AE1", "T")


def test_marks_move_to_the_word_they_follow() -> None:
    text = """<speak><emphasis>Hi</emphasis>, <phoneme ph="kæt">cat</phoneme>! <sub alias="you">u</sub>: .5 km
    <phoneme ph="kæt">cat</phoneme>...</speak>"""
    segments = parse_ssml(text)
    assert [segment.text for segment in segments] == ["Hi,", "cat", "you:", ".5 km", "cat"]
    assert [segment.phones for segment in segments if segment.phones] == [
        ("K", "AE1", "T", "!"),
        ("K", "AE1", "T", "."),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: no element found"),
        ("hello", "line 1, column 1: syntax error; expected XML such as <speak>"),
        ("<speak>a & b</speak>", "line 1, column 11: not well-formed.*&amp;"),
        ("<speak>\n<s>a</p></speak>", "line 2, column 7: mismatched tag"),
        ("<speak>", "line 1, column 8: no element found"),
        ("<speak>\x00</speak>", "line 1, column 8: not well-formed"),
        ("<speak>\ud800</speak>", "character 7 is no text"),
        ("<ssml>a</ssml>", "line 1, column 1: unknown element <ssml> is not allowed at the root; allowed: <speak>"),
        (
            "<speak>\n  <voice/></speak>",
            "line 2, column 3: unknown element <voice> is not allowed in <speak>; allowed: <p>, <s>",
        ),
        ("<speak>é😀<speak/></speak>", "line 1, column 10: <speak> is not allowed in <speak>"),
        ("<speak><s><p>a</p></s></speak>", "column 11: <p> is not allowed in <s>; allowed: <break>, <emphasis>"),
        ("<speak><p><prosody rate='1'><p/></prosody></p></speak>", "<p> is not allowed within <p>"),
        ("<speak><s><prosody rate='1'><s/></prosody></s></speak>", "<s> is not allowed within <s>"),
        ("<speak><sub alias='b'><s/></sub></speak>", "<s> is not allowed in <sub>; allowed: text alone"),
        (
            "<speak><prosody speed='2'>a</prosody></speak>",
            "<prosody> has no attribute 'speed'; allowed: rate, pitch, volume",
        ),
        ("<speak><prosody>a</prosody></speak>", "needs one attribute at least; allowed: rate, pitch, volume"),
        ("<speak><say-as>a</say-as></speak>", "<say-as> needs the attribute 'interpret-as'"),
        ("<speak><phoneme>a</phoneme></speak>", "<phoneme> needs the attribute 'ph'"),
        ("<speak><sub>a</sub></speak>", "<sub> needs the attribute 'alias'"),
        ("<speak><break time='5'/></speak>", "time='5' is no pause; allowed: 500ms or 1.5s, up to 60 seconds"),
        ("<speak><break time='3600s'/></speak>", "up to 60 seconds"),
        ("<speak><break strength='huge'/></speak>", "strength='huge' is unknown; allowed: none, x-weak"),
        ("<speak><prosody rate='quick'>a</prosody></speak>", "rate='quick' is unknown; allowed: x-slow, slow"),
        ("<speak><prosody rate='9'>a</prosody></speak>", "rate comes to 9 times; allowed: 0.25 to 4, nesting counted"),
        ("<speak><prosody rate='-100%'>a</prosody></speak>", "rate comes to 0 times"),
        ("<speak><prosody pitch='120%'>a</prosody></speak>", "pitch='120%' is unknown; allowed: x-low"),
        ("<speak><prosody pitch='-100%'>a</prosody></speak>", "pitch='-100%' is unknown"),
        ("<speak><prosody pitch='+20st'>a</prosody></speak>", "pitch comes to 20 semitones; allowed: -12 to 12"),
        ("<speak><prosody volume='11'>a</prosody></speak>", "volume='11' is unknown; allowed: silent, x-soft"),
        ("<speak><prosody volume='+90dB'>a</prosody></speak>", "volume comes to 90 dB; allowed: -60 to 20"),
        (
            "<speak><emphasis level='big'>a</emphasis></speak>",
            "level='big' is unknown; allowed: strong, moderate, none, reduced",
        ),
        ("<speak><phoneme ph='ʀ'>a</phoneme></speak>", "line 1, column 8: <phoneme>: 'ʀ' in 'ʀ' is no symbol"),
        ("<speak><phoneme ph='a' alphabet='x'>a</phoneme></speak>", "'x' is no phonetic alphabet here; allowed: ipa"),
        (
            "<speak>\n <say-as interpret-as='cardinal'>a</say-as></speak>",
            "line 2, column 2: <say-as>: 'a' cannot be read",
        ),
        ("<speak xml:lang='de-DE'>a</speak>", "xml:lang='de-DE' is not spoken here; allowed: en"),
        ("<speak>&nbsp;</speak>", "undefined entity"),
        ("<?php x?><speak/>", "<\\?php ...\\?> is not allowed"),
    ],
)
def test_refusals_name_place_fault_and_remedy(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        parse_ssml(text)


def test_document_types_are_refused_before_their_entities_grow() -> None:
    bomb = '<!DOCTYPE speak [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
    ) + "]><speak>&m;</speak>"  # fmt: skip
    with pytest.raises(TextError, match="a document type is not allowed"):
        parse_ssml(bomb)


def test_deep_nesting_is_no_trouble() -> None:
    depth = 5000
    segment = only('<prosody rate="1">' * depth + "Hi" + "</prosody>" * depth)
    assert segment.text == "Hi"


@given(
    st.lists(
        st.sampled_from(
            [f"<{name}>" for name in ELEMENTS]
            + [f"</{name}>" for name in ELEMENTS]
            + [f'<{name} {attribute}="+1%">' for name in ELEMENTS for attribute in ATTRIBUTES[name]]
            + ["text", ", ", "&amp;", "<break/>", "é", "<", "5 km"]
        ),
        max_size=12,
    )
)
def test_any_document_gives_segments_or_a_place(parts: list[str]) -> None:
    with suppress(TextError):
        for segment in parse_ssml("<speak>" + "".join(parts) + "</speak>"):
            assert segment.text or segment.phones or segment.break_after_seconds > 0


def test_inline_phones() -> None:
    segments = split_phones("Say {HH AH0 L OW1}, friend {W ER L D}.")
    assert [segment.text for segment in segments] == ["Say", "{HH AH0 L OW1}", "friend", "{W ER L D}"]
    assert segments[1].phones == ("HH", "AH0", "L", "OW1", ",")
    assert segments[3].phones == ("W", "ER1", "L", "D", ".")
    assert all(token_ids(segment.phones) for segment in segments if segment.phones)


@pytest.mark.parametrize(
    "text", ["no braces", "a set {1, 2}", "{}", "{hello there}", "{A}", "{US}", "{IF X}", "{ {", "}{"]
)
def test_other_braces_are_text(text: str) -> None:
    assert split_phones(text) == [Segment(text=text)]


def test_wrong_inline_phones_are_refused() -> None:
    with pytest.raises(TextError, match="'OX1' is no phone; allowed: the vowels AA"):
        split_phones("{HH AH0 L OX1}")


@given(st.text(alphabet="{} AH01HO,.x\n", max_size=60))
def test_split_phones_loses_no_letter(text: str) -> None:
    with suppress(TextError):
        said = "".join(segment.text for segment in split_phones(text))
        assert [c for c in said if c.isalnum()] == [c for c in text if c.isalnum()]
