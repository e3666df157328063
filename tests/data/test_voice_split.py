"""Held-out texts of a voice."""

from __future__ import annotations

from vivavoce.data.voice_split import is_held_out


def test_writing_does_not_decide() -> None:
    texts = [f"Sentence number {number}, is it held out?" for number in range(400)]
    kept = [is_held_out(text) for text in texts]
    assert kept == [is_held_out(text.upper().replace(",", " --").replace("?", ".")) for text in texts]
    assert 8 <= sum(kept) <= 34  # a twentieth of 400, four deviations either way
