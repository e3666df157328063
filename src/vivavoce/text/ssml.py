"""SSML, and phones in plain text, as the segments that a synthesizer says one after another.

A subset of the Speech Synthesis Markup Language 1.1 (W3C, 2010), strictly: an element, attribute or value that is not
honoured is an error that names its line and column and what is allowed: a voice must not pass over a wish in silence.
Document types are refused, and with them every entity but XML's own five. What words sound like is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from xml.parsers import expat

from vivavoce.errors import TextError
from vivavoce.text import ssml_values
from vivavoce.text.phone_strings import read_phones
from vivavoce.text.phonemes import CONSONANTS, VOWELS
from vivavoce.text.say_as import say_as

EMPHASIS = {
    "strong": (0.9, 2.0, 3.0),
    "moderate": (0.95, 1.0, 1.5),
    "none": (1.0, 0.0, 0.0),
    "reduced": (1.1, -1.0, -3.0),
}
"""What a level of emphasis does: factor on the rate, semitones, decibels."""
PARAGRAPH_SECONDS = 0.6
"""Silence behind a paragraph, beside what the voice itself leaves between sentences."""

_STYLED = ("break", "emphasis", "phoneme", "prosody", "say-as", "sub")
ELEMENTS = {
    "speak": ("p", "s", *_STYLED),
    "p": ("s", *_STYLED),
    "s": _STYLED,
    "prosody": ("p", "s", *_STYLED),
    "emphasis": _STYLED,
    "break": (),
    "say-as": (),
    "sub": (),
    "phoneme": (),
}
"""The elements, and those that each may hold."""
ATTRIBUTES = {
    "speak": ("version", "xml:lang", "xmlns", "xmlns:xsi", "xsi:schemaLocation", "xml:base"),
    "p": ("xml:lang",),
    "s": ("xml:lang",),
    "prosody": ("rate", "pitch", "volume"),
    "emphasis": ("level",),
    "break": ("time", "strength"),
    "say-as": ("interpret-as", "format"),
    "sub": ("alias",),
    "phoneme": ("ph", "alphabet"),
}
_NEEDED = {"say-as": "interpret-as", "sub": "alias", "phoneme": "ph"}
_MARKS = {",": ",", ".": ".", "?": "?", "!": "!", ";": ",", ":": ",", "…": "."}
_LEADING_MARKS = re.compile(r"[,.?!;:…]+(?!\d)")
_BRACES = re.compile(r"\{([^{}\n]{1,400})\}")
_SYMBOLS = re.compile(r"\s*(?:[A-Z]{1,2}[0-9]?\s+)*[A-Z]{1,2}[0-9]?\s*")


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with one way to say it.

    Attributes:
        text: what is written; "" for a pause alone, and what the phones stand for where there are some.
        spoken: whether the text is already what a reader says, so that `spoken_form` has nothing to do.
        phones: how it sounds, as `voice_tokens` writes it, in place of the text; a mark may end them.
        rate: factor on the speed.
        pitch_semitones, volume_db: against the voice's own; a volume of minus infinity is silence.
        emphasis: the level asked for; its effect is part of rate, pitch and volume already.
        break_before_seconds, break_after_seconds: silence that was asked for.
        ends_sentence: whether the sentence is over behind it, even without a mark.
    """

    text: str = ""
    spoken: bool = False
    phones: tuple[str, ...] = ()
    rate: float = 1.0
    pitch_semitones: float = 0.0
    volume_db: float = 0.0
    emphasis: str = "none"
    break_before_seconds: float = 0.0
    break_after_seconds: float = 0.0
    ends_sentence: bool = False


def parse_ssml(text: str) -> list[Segment]:
    """The segments of an SSML document, in their order.

    Raises:
        TextError: no well-formed XML, or elements, attributes or values that are not honoured; with line and column,
            both from 1.
    """
    return _Reader().read(text)


def split_phones(text: str) -> list[Segment]:
    """The segments of plain text in which phones may stand in curly brackets: "Say {HH AH0 L OW1} to her."

    Brackets around anything else are text. Phones are told by a stress digit on a vowel, or by all being phones.

    Raises:
        TextError: brackets with a stressed vowel and an unknown symbol.
    """
    segments: list[Segment] = []
    position = 0
    for braces in _BRACES.finditer(text):
        phones = _inline_phones(braces[1])
        if phones:
            _append(segments, Segment(text=text[position : braces.start()]))
            segments.append(Segment(text=braces[0], phones=phones))
            position = braces.end()
    _append(segments, Segment(text=text[position:]))
    return segments


def _inline_phones(inside: str) -> tuple[str, ...]:
    if not _SYMBOLS.fullmatch(inside):
        return ()
    symbols = inside.split()
    stressed = any(symbol[:-1] in VOWELS and symbol[-1] in "012" for symbol in symbols)
    known = all(symbol.rstrip("012") in VOWELS + CONSONANTS for symbol in symbols)
    if not stressed and not (known and len(symbols) > 1):
        return ()
    return read_phones(inside, "x-cmu")


def _append(segments: list[Segment], segment: Segment) -> None:
    """Add a segment of text, its leading marks to the one before, as they belong right behind a word."""
    text = " ".join(segment.text.split())
    if segments and (marks := _LEADING_MARKS.match(text)):
        last = segments[-1]
        if last.phones:
            segments[-1] = replace(last, phones=(*last.phones, _MARKS[marks[0][-1]]))
        elif last.text:
            segments[-1] = replace(last, text=last.text + marks[0])
        text = text[marks.end() :].lstrip()
    if text:
        segments.append(replace(segment, text=text))


@dataclass(frozen=True)
class _Style:
    rate: float = 1.0
    pitch: float = 0.0
    volume: float = 0.0
    emphasis: str = "none"


@dataclass
class _Open:
    """An element that is not closed yet."""

    name: str
    attributes: Mapping[str, str]
    style: _Style
    place: str
    first: int  # number of its first segment


class _Reader:
    """Expat's events to segments."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._stack: list[_Open] = []
        self._text: list[str] = []
        self._pause = 0.0  # before the first segment
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.ProcessingInstructionHandler = self._instruction

    def read(self, text: str) -> list[Segment]:
        try:
            self._parser.Parse(text.encode("utf-8"), True)
        except expat.ExpatError as error:
            raise TextError(
                f"SSML line {error.lineno}, column {error.offset + 1}: {expat.errors.messages[error.code]}; "
                "expected XML such as <speak>Hello <break time='500ms'/> there.</speak>, with &amp; for & and &lt; for "
                "<."
            ) from None
        except UnicodeEncodeError as error:
            raise TextError(f"SSML: character {error.start} is no text ({error.reason}); expected Unicode.") from None
        if self._pause:
            self._segments.append(Segment(break_after_seconds=self._pause))
        return self._segments

    def _place(self) -> str:
        return f"SSML line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"

    def _doctype(self, *_: object) -> None:
        raise TextError(f"{self._place()}: a document type is not allowed; leave out <!DOCTYPE ...>.")

    def _instruction(self, target: str, _: str) -> None:
        raise TextError(f"{self._place()}: <?{target} ...?> is not allowed; leave it out.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._flush()
        place = self._place()
        allowed = ELEMENTS[self._stack[-1].name] if self._stack else ("speak",)
        if name not in allowed:
            where = f"in <{self._stack[-1].name}>" if self._stack else "at the root"
            known = "" if name in ELEMENTS else "unknown element "
            listed = ", ".join(f"<{one}>" for one in allowed) or "text alone"
            raise TextError(f"{place}: {known}<{name}> is not allowed {where}; allowed: {listed}.")
        above = {element.name for element in self._stack} if name in ("p", "s") else set()
        if (name in ("p", "s") and "s" in above) or (name == "p" and "p" in above):
            raise TextError(
                f"{place}: <{name}> is not allowed within <{'s' if 's' in above else 'p'}>; close that first."
            )
        for attribute in attributes:
            if attribute not in ATTRIBUTES[name]:
                listed = ", ".join(ATTRIBUTES[name])
                raise TextError(f"{place}: <{name}> has no attribute {attribute!r}; allowed: {listed}.")
        if name in _NEEDED and _NEEDED[name] not in attributes:
            raise TextError(f"{place}: <{name}> needs the attribute {_NEEDED[name]!r}.")
        language = attributes.get("xml:lang", "en")
        if language.lower().split("-")[0] != "en":
            raise TextError(
                f"{place}: xml:lang={language!r} is not spoken here; allowed: en and its regions, as en-US."
            )
        style = self._stack[-1].style if self._stack else _Style()
        try:
            style = self._styled(style, name, attributes)
            if name == "break":
                self._break(attributes)
        except TextError as error:
            raise TextError(f"{place}: <{name}>: {error}") from None
        if name in ("p", "s"):
            self._end_sentence(0)
        self._stack.append(_Open(name, attributes, style, place, len(self._segments)))

    def _styled(self, style: _Style, name: str, attributes: Mapping[str, str]) -> _Style:
        if name == "emphasis":
            level = attributes.get("level", "moderate")
            if level not in EMPHASIS:
                raise TextError(f"level={level!r} is unknown; allowed: {', '.join(EMPHASIS)}.")
            return replace(style, emphasis=level)
        if name != "prosody":
            return style
        if not attributes:
            raise TextError(f"needs one attribute at least; allowed: {', '.join(ATTRIBUTES['prosody'])}.")
        rate = style.rate * ssml_values.rate(attributes.get("rate", "medium"))
        pitch = style.pitch + ssml_values.pitch(attributes.get("pitch", "medium"))
        volume = style.volume + ssml_values.volume(attributes.get("volume", "medium"))
        _check("rate", rate, ssml_values.SLOWEST, ssml_values.FASTEST, "times")
        _check("pitch", pitch, -ssml_values.FARTHEST_SEMITONES, ssml_values.FARTHEST_SEMITONES, "semitones")
        if volume != ssml_values.VOLUMES["silent"]:
            _check("volume", volume, ssml_values.SOFTEST_DB, ssml_values.LOUDEST_DB, "dB")
        return replace(style, rate=rate, pitch=pitch, volume=volume)

    def _break(self, attributes: Mapping[str, str]) -> None:
        if "time" in attributes:
            length = ssml_values.seconds(attributes["time"])
            ssml_values.strength(attributes.get("strength", "medium"))
        else:
            length = ssml_values.strength(attributes.get("strength", "medium"))
        self._add_pause(length)

    def _add_pause(self, length: float) -> None:
        if self._segments:
            last = self._segments[-1]
            self._segments[-1] = replace(last, break_after_seconds=last.break_after_seconds + length)
        else:
            self._pause += length

    def _end(self, name: str) -> None:
        element = self._stack[-1]
        if name in ("say-as", "sub", "phoneme"):
            written = " ".join("".join(self._text).split())
            self._text.clear()
            try:
                self._add(self._replaced(element, written), element.style)
            except TextError as error:
                raise TextError(f"{element.place}: <{name}>: {error}") from None
        else:
            self._flush()
        self._stack.pop()
        if name in ("p", "s", "speak"):
            self._end_sentence(element.first)
        if name == "p" and len(self._segments) > element.first:
            self._add_pause(PARAGRAPH_SECONDS)

    def _replaced(self, element: _Open, written: str) -> Segment:
        """What an element says in place of its text."""
        attributes = element.attributes
        if element.name == "sub":
            return Segment(text=attributes["alias"])
        if element.name == "phoneme":
            return Segment(text=written, phones=read_phones(attributes["ph"], attributes.get("alphabet", "ipa")))
        said = say_as(written, attributes["interpret-as"], attributes.get("format", ""))
        return Segment(text=said, spoken=True)

    def _flush(self) -> None:
        written = "".join(self._text)
        self._text.clear()
        if written.strip():
            self._add(Segment(text=written), self._stack[-1].style)

    def _add(self, segment: Segment, style: _Style) -> None:
        faster, higher, louder = EMPHASIS[style.emphasis]
        segment = replace(
            segment,
            rate=style.rate * faster,
            pitch_semitones=style.pitch + higher,
            volume_db=style.volume + louder,
            emphasis=style.emphasis,
        )
        count = len(self._segments)
        if segment.phones:
            self._segments.append(segment)
        else:
            _append(self._segments, segment)
        if self._pause and len(self._segments) > count:
            self._segments[-1] = replace(self._segments[-1], break_before_seconds=self._pause)
            self._pause = 0.0

    def _end_sentence(self, first: int) -> None:
        if len(self._segments) > first:
            self._segments[-1] = replace(self._segments[-1], ends_sentence=True)


def _check(name: str, value: float, lowest: float, highest: float, unit: str) -> None:
    if not lowest <= value <= highest:
        raise TextError(f"{name} comes to {value:g} {unit}; allowed: {lowest:g} to {highest:g}, nesting counted.")
