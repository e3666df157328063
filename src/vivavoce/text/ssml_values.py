"""The values of SSML's attributes, as numbers that a synthesizer takes: rate, pitch, volume, pauses."""

from __future__ import annotations

import math
import re

from vivavoce.errors import TextError

RATES = {"x-slow": 0.5, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
VOLUMES = {
    "silent": -math.inf,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 6.0,
    "x-loud": 10.0,
}
STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
"""Seconds of silence."""

SLOWEST, FASTEST = 0.25, 4.0
FARTHEST_SEMITONES = 12.0
SOFTEST_DB, LOUDEST_DB = -60.0, 20.0
LONGEST_BREAK_SECONDS = 60.0

_NUMBER = r"\d{1,6}(?:\.\d{1,6})?|\.\d{1,6}"


def rate(text: str) -> float:
    """`"fast"`, `"120%"`, `"+20%"` or `"1.2"` as a factor on the speed of speech.

    Raises:
        TextError: none of these.
    """
    if text in RATES:
        return RATES[text]
    if written := re.fullmatch(rf"([+-]?)({_NUMBER})(%?)", text):
        amount = float(written[2]) / (100.0 if written[3] else 1.0)
        if written[1] and written[3]:
            return 1.0 + amount if written[1] == "+" else 1.0 - amount
        if not written[1]:
            return amount
    raise TextError(f"rate={text!r} is unknown; allowed: {', '.join(RATES)}, 120%, +20%, -20% or a factor such as 1.2.")


def pitch(text: str) -> float:
    """`"high"`, `"+2st"` or `"-10%"` in semitones.

    Raises:
        TextError: none of these.
    """
    if text in PITCHES:
        return PITCHES[text]
    if written := re.fullmatch(rf"([+-])({_NUMBER})(st|%)", text):
        amount = float(written[1] + written[2])
        if written[3] == "st":
            return amount
        if amount > -100.0:
            return 12.0 * math.log2(1.0 + amount / 100.0)
    raise TextError(f"pitch={text!r} is unknown; allowed: {', '.join(PITCHES)}, +2st, -2st, +10% or -10%.")


def volume(text: str) -> float:
    """`"loud"` or `"+6dB"` in decibels; "silent" is minus infinity.

    Raises:
        TextError: none of these.
    """
    if text in VOLUMES:
        return VOLUMES[text]
    if written := re.fullmatch(rf"([+-]{_NUMBER.replace('|', '|[+-]')})dB", text):
        return float(written[1])
    raise TextError(f"volume={text!r} is unknown; allowed: {', '.join(VOLUMES)}, +6dB or -6dB.")


def seconds(text: str) -> float:
    """`"500ms"` or `"1.5s"`.

    Raises:
        TextError: neither, or longer than `LONGEST_BREAK_SECONDS`.
    """
    if written := re.fullmatch(rf"\+?({_NUMBER})(ms|s)", text):
        value = float(written[1]) / (1000.0 if written[2] == "ms" else 1.0)
        if value <= LONGEST_BREAK_SECONDS:
            return value
    raise TextError(f"time={text!r} is no pause; allowed: 500ms or 1.5s, up to {LONGEST_BREAK_SECONDS:g} seconds.")


def strength(text: str) -> float:
    """`"medium"` in seconds.

    Raises:
        TextError: no strength of SSML.
    """
    if text not in STRENGTHS:
        raise TextError(f"strength={text!r} is unknown; allowed: {', '.join(STRENGTHS)}.")
    return STRENGTHS[text]
