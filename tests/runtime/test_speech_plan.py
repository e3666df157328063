"""What is said, and how: sentences of tokens with rate, pitch and volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import ConfigError, TextError
from vivavoce.runtime.speech_plan import Planner, Sentence, Style
from vivavoce.runtime.voice_bundle import load_voice_bundle
from vivavoce.text.voice_tokens import BREAK, TOKENS


@pytest.fixture(scope="module")
def planner(tiny_voice: Path) -> Planner:
    return Planner(load_voice_bundle(tiny_voice).path("lexicon"))


def said(sentences: Iterator[Sentence]) -> list[str]:
    return [" ".join(token for token in sentence.spelled if token != " ") for sentence in sentences]


def test_sentences_are_planned_one_by_one(planner: Planner) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "The dog is there. Open the door, cat! "

    plan = planner.plan(endless(), Style())
    assert said(next(plan) for _ in range(3)) == [
        "<break> DH AH0 D AO1 G IH0 Z DH EH1 R . <break>",
        "<break> OW1 P AH0 N DH AH0 D AO1 R , K AE1 T ! <break>",
        "<break> DH AH0 D AO1 G IH0 Z DH EH1 R . <break>",
    ]


def test_every_array_has_a_value_for_each_token(planner: Planner) -> None:
    style = Style(rate=2.0, pitch_semitones=-3.0)
    for sentence in planner.plan("Hello there. Two {D AO1 G Z}, one cat.", style):
        assert [TOKENS[number] for number in sentence.tokens] == list(sentence.spelled)
        assert (sentence.duration_scale == 0.5).all()
        assert (sentence.pitch_shift == -3.0).all()
        assert (sentence.volume_db == 0.0).all()
        assert len(sentence.duration_scale) == len(sentence.pitch_shift) == len(sentence.volume_db)
        assert sentence.spelled[0] == sentence.spelled[-1] == BREAK


def test_written_forms_and_given_phones_are_said(planner: Planner) -> None:
    assert said(planner.plan("$2 {K AE1 T S}!", Style())) == ["<break> T UW1 D AA1 L ER0 Z K AE1 T S ! <break>"]


def test_ssml_says_each_part_its_own_way(planner: Planner) -> None:
    document = (
        '<speak>The <prosody rate="50%" pitch="+2st" volume="+6dB">dog</prosody> is there.'
        '<break time="700ms"/> Open <phoneme alphabet="x-cmu" ph="K AE1 T">the cat</phoneme> <s>yes</s></speak>'
    )
    first, second, third = planner.plan(document, Style(rate=2.0, ssml=True))
    dog = [place for place, token in enumerate(first.spelled) if token in ("D", "AO1", "G")]
    others = [place for place in range(len(first.spelled)) if place not in dog and first.spelled[place] != " "]
    assert np.allclose(first.duration_scale[dog], 1.0)
    assert np.allclose(first.duration_scale[others], 0.5)
    assert np.allclose(first.pitch_shift[dog], 2.0)
    assert np.allclose(first.pitch_shift[others], 0.0)
    assert np.allclose(first.volume_db[dog], 6.0)
    assert first.pause_seconds == pytest.approx(0.7)
    assert said(iter([second])) == ["<break> OW1 P AH0 N K AE1 T <break>"]
    assert said(iter([third])) == ["<break> Y EH1 S <break>"]


@pytest.mark.parametrize("text", ["", " \n ", "...", "\U0001f600", "\u65e5\u672c\u8a9e"])
def test_nothing_to_say_is_an_error(planner: Planner, text: str) -> None:
    with pytest.raises(TextError, match="nothing to say"):
        list(planner.plan(text, Style()))


def test_what_cannot_be_read_is_named_and_the_rest_said(planner: Planner) -> None:
    (sentence,) = planner.plan(f"The \u65e5\u672c {'x' * 200} dog.", Style())
    assert said(iter([sentence])) == ["<break> DH AH0 D AO1 G . <break>"]
    assert sentence.unread[0] == "\u65e5\u672c"
    assert "200 letters" in sentence.unread[1]


def test_invalid_ssml_names_its_place(planner: Planner) -> None:
    with pytest.raises(TextError, match="line 2, column 1"):
        list(planner.plan("<speak>\n<blink>hello</blink></speak>", Style(ssml=True)))


@pytest.mark.parametrize(
    "wrong", [{"rate": 0.0}, {"rate": float("nan")}, {"pitch_semitones": 40.0}, {"loudness_lufs": 3.0}]
)
def test_impossible_styles_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Style(**wrong)


def test_own_words_go_first(tiny_voice: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("cat K IH1 T\n", encoding="utf-8")
    planner = Planner(load_voice_bundle(tiny_voice).path("lexicon"), own)
    assert said(planner.plan("cat", Style())) == ["<break> K IH1 T <break>"]
