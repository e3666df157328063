"""Alignments made by hand, each with one known failure; what is found, in which words, and what is passed over."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from vivavoce.decoding.attention_check import (
    NEVER_STOPPED,
    NOT_ALIGNED,
    REPEATED,
    SKIPPED,
    STOPPED_EARLY,
    STUCK,
    AttentionReport,
    AttentionRule,
    check_attention,
)
from vivavoce.errors import ModelError

TOKENS = ["<break>", "HH", "AH0", "L", "OW1", ",", " ", "DH", "EH1", "R", ".", "<break>"]
RATE = 80.0


def path(*places: Iterable[int]) -> list[int]:
    """Token places, each for eight frames."""
    return [place for part in places for place in part for _ in range(8)]


def alignment(places: list[int], blur: float = 0.2) -> np.ndarray:
    """Most of the weight on the path, the rest on its neighbours."""
    weights = np.zeros((len(places), len(TOKENS)))
    for step, place in enumerate(places):
        weights[step, place] += 1.0 - blur
        weights[step, max(0, place - 1)] += blur / 2
        weights[step, min(len(TOKENS) - 1, place + 1)] += blur / 2
    return weights


def check(places: list[int], stopped: bool = True, **rule: float) -> AttentionReport:
    return check_attention(alignment(places), TOKENS, stopped, RATE, 1, AttentionRule(**rule))  # type: ignore[arg-type]


def kinds(report: AttentionReport) -> list[str]:
    return [fault.kind for fault in report.faults]


def test_a_diagonal_is_no_failure() -> None:
    report = check(path(range(12)))
    assert report.ok
    assert report.lines(TOKENS) == []
    assert report.focus == pytest.approx(0.8, abs=0.02)
    assert (report.said, report.forward) == (1.0, 1.0)
    assert check(path([0, 1, 2, 3, 4, 7, 8, 9, 11])).ok  # marks and spaces need no time


def test_skipped_phones_are_named() -> None:
    report = check(path([0, 1, 2, 3, 4, 5, 6, 10, 11]))
    assert kinds(report) == [SKIPPED]
    fault = report.faults[0]
    assert TOKENS[fault.first_token : fault.last_token + 1] == ["DH", "EH1", "R"]
    assert fault.words == (1,)
    assert fault.start_seconds == pytest.approx(56 / RATE)
    assert report.said < 1.0


def test_one_missed_phone_is_forgiven_two_are_not() -> None:
    for missing, expected in (([2], []), ([2, 3], [SKIPPED]), ([3, 4, 5, 6, 7], [SKIPPED])):
        places = path([place for place in range(12) if place not in missing])
        report = check_attention(alignment(places, blur=0.0), TOKENS, True, RATE)
        assert kinds(report) == expected
        if missing == [3, 4, 5, 6, 7]:
            assert report.faults[0].words == (0, 1)
            assert report.lines(TOKENS) == ["skipped: L OW1 , | DH (word 1, 2, 0.30 to 0.31 s)"]


def test_a_repeat_is_named() -> None:
    report = check(path(range(10), range(1, 12)))
    assert kinds(report) == [REPEATED]
    fault = report.faults[0]
    assert (fault.first_token, fault.last_token, fault.words) == (1, 9, (0, 1))
    assert fault.start_seconds == pytest.approx(80 / RATE)
    assert fault.end_seconds == pytest.approx((80 + 6 * 8) / RATE)  # until three tokens are missing
    once = path(range(8)) + [2] * 3 + path(range(8, 12))
    assert check(once).ok  # too short to be heard
    assert not check(once, back_seconds=0.03).ok


def test_stuck_in_a_phone_or_a_pause() -> None:
    phone = path(range(4)) + [4] * 90 + path(range(5, 12))
    report = check(phone)
    assert kinds(report) == [STUCK]
    assert (report.faults[0].first_token, report.faults[0].words) == (4, (0,))
    assert check(path(range(5)) + [5] * 90 + path(range(6, 12))).ok  # a comma may take a second
    assert kinds(check(path(range(5)) + [5] * 200 + path(range(6, 12)))) == [STUCK]


def test_ends_that_came_wrong() -> None:
    early = check(path(range(7)))
    assert kinds(early) == [STOPPED_EARLY]
    assert (early.faults[0].first_token, early.faults[0].last_token, early.faults[0].words) == (7, 9, (1,))
    assert check(path(range(10))).ok  # all phones were said
    endless = check(path(range(12)) + [11] * 60, stopped=False)
    assert kinds(endless) == [NEVER_STOPPED]
    assert endless.faults[0].start_seconds == pytest.approx(88 / RATE)
    assert endless.faults[0].words == ()
    lost = check(path(range(5)), stopped=False)
    assert kinds(lost) == [NEVER_STOPPED]
    assert lost.faults[0].words == (0, 1)


def test_no_alignment_at_all() -> None:
    report = check_attention(np.full((50, 12), 1 / 12), TOKENS, False, RATE)
    assert kinds(report) == [NOT_ALIGNED]
    assert report.faults[0].words == (0, 1)
    assert report.lines(TOKENS)[0].startswith("not aligned: <break> HH AH0")


def test_steps_of_several_frames() -> None:
    """The same path told in steps of four frames gives the same findings at the same seconds."""
    skipping = path([0, 1, 2, 3, 4, 5, 6, 10, 11])
    each = check(skipping).faults[0]
    fourth = check_attention(alignment(skipping[::4]), TOKENS, True, RATE, reduction=4).faults[0]
    assert fourth.words == each.words
    assert fourth.start_seconds == pytest.approx(each.start_seconds)


def test_bad_input() -> None:
    with pytest.raises(ModelError, match=r"expected \(S, 12\)"):
        check_attention(np.ones((5, 11)), TOKENS, True, RATE)
    with pytest.raises(ModelError, match=r"expected \(S, 12\)"):
        check_attention(np.ones((0, 12)), TOKENS, True, RATE)
    with pytest.raises(ModelError, match="not finite"):
        check_attention(np.full((5, 12), np.nan), TOKENS, True, RATE)
