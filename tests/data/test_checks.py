from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.data.checks import ctc_frames_needed, find_suspicious
from vivavoce.data.manifest import Utterance


def spoken(corpus, pace, pause, count=200, seed=0):
    """Utterances of random words, at `pace` characters a second around a pause, 15% scatter."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        text = " ".join("abcdefg"[: rng.integers(2, 7)] for _ in range(rng.integers(1, 20)))
        seconds = (pause + len(text) / pace) * rng.lognormal(0.0, 0.15)
        rows.append(Utterance(f"{corpus}-{number}", "x.wav", text, seconds, extra={"corpus": corpus}))
    return rows


@pytest.mark.parametrize(("pace", "pause"), [(15.0, 0.3), (5.0, 1.5), (12.0, 0.0)])
def test_ordinary_speech_is_not_suspect(pace, pause):
    assert len(find_suspicious(spoken("a", pace, pause))) <= 1


def test_each_corpus_is_held_against_itself():
    children, actors = spoken("children", 5.0, 1.5), spoken("actors", 16.0, 0.3, seed=1)
    hurried = replace(children[0], id="hurried", text="abcdefghi " * 10, duration_seconds=7.0)
    dragging = replace(actors[0], id="dragging", text="x" * 20, duration_seconds=9.0)
    found = find_suspicious([*children, *actors, hurried, dragging])
    reasons = {suspicion.utterance.id: suspicion.reason for suspicion in found}
    assert "text too long for its 7.00 s" in reasons["hurried"]
    assert "text too short for its 9.00 s" in reasons["dragging"]
    assert len(found) <= 4
    assert "hurried" not in {s.utterance.id for s in find_suspicious([*actors, hurried])}  # too few to judge


def test_ten_percent_of_wrong_texts_do_not_hide_themselves():
    rows = spoken("a", 15.0, 0.3, 300)
    wrong = [
        replace(row, id=f"wrong-{n}", duration_seconds=row.duration_seconds * 6) for n, row in enumerate(rows[:30])
    ]
    found = {suspicion.utterance.id for suspicion in find_suspicious([*rows, *wrong])}
    assert len(found & {row.id for row in wrong}) >= 28


def test_impossible_for_ctc_and_for_the_alphabet():
    rows = [
        Utterance("fast", "x", "a" * 10, 0.7),
        Utterance("just", "x", "abcdefghij", 0.4),
        Utterance("foreign", "x", "где", 3.0),
        Utterance("no text", "x", "", 3.0),
    ]
    assert [(s.utterance.id, s.reason) for s in find_suspicious(rows)] == [
        ("fast", "needs 19 CTC frames, has 17"),
        ("foreign", "nothing of the text can be written in the alphabet"),
    ]


@given(st.text("ab ", max_size=30))
def test_ctc_frames_needed(text):
    path = []
    for character in text:  # the shortest path: a blank only where the same character follows
        path += ["_", character] if path and path[-1] == character else [character]
    assert ctc_frames_needed(text) == len(path)
