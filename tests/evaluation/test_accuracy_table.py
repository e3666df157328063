"""The table of word errors: what it says, and that README and card show that of the default bundle."""

from __future__ import annotations

import json
from pathlib import Path

from vivavoce.evaluation.accuracy_table import accuracy_table, put_numbers
from vivavoce.runtime.bundle import default_bundle

ACCURACY = {
    "words": [
        {"test_set": "a", "utterances": 9, "word_error_rate": 0.2, "interval_95": [0.1, 0.345]},
        {"test_set": "b", "utterances": 3, "word_error_rate": 0.5, "interval_95": [0.4, 0.6]},
    ],
    "greedy": [{"test_set": "a", "utterances": 9, "word_error_rate": 0.31249, "interval_95": [0.3, 0.4]}],
}


def test_table() -> None:
    assert accuracy_table(ACCURACY) == (
        "| test set | utterances | greedy, WER % | 95% interval | words, WER % | 95% interval |\n"
        "| --- | ---: | ---: | --- | ---: | --- |\n"
        "| a | 9 | 31.2 | 30.0 to 40.0 | **20.0** | 10.0 to 34.5 |\n"
        "| b | 3 |  |  | **50.0** | 40.0 to 60.0 |\n"
    )


def test_only_what_is_marked_is_renewed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert not put_numbers(page, ACCURACY)
    page.write_text("before\n<!-- numbers: how -->\nold\n<!-- end of numbers -->\nbehind \\1\n")
    assert put_numbers(page, ACCURACY)
    text = page.read_text()
    assert text == f"before\n<!-- numbers: how -->\n{accuracy_table(ACCURACY)}<!-- end of numbers -->\nbehind \\1\n"
    assert put_numbers(page, ACCURACY)
    assert page.read_text() == text


def test_readme_and_card_show_what_was_measured() -> None:
    folder = default_bundle()
    table = accuracy_table(json.loads((folder / "bundle.json").read_text())["accuracy"])
    for page in (Path(__file__).parents[2] / "README.md", folder / "MODEL_CARD.md"):
        assert table in page.read_text(encoding="utf-8"), f"{page} shows other numbers; renew them with put_numbers"
