"""Reports: rows, ages, silences, sets without text, comparison, and that nothing here needs torch."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.manifest import Utterance
from vivavoce.errors import ConfigError, DataError
from vivavoce.evaluation.reports import compare_reports, is_child, set_name, wer_report
from vivavoce.metrics.confidence import bootstrap_interval
from vivavoce.metrics.error_rate import error_rate

WORDS = ["one", "two", "three", "four", "five", "six"]


def utterance(number: int, text: str, corpus: str = "an4", **extra: object) -> Utterance:
    extra = {"corpus": corpus, "part": "test", **extra}
    return Utterance(f"{corpus}-{number}", f"{number}.wav", text, 2.0, speaker=f"s{number % 12}", extra=extra)


def random_pairs(
    seed: int, count: int = 60, corpus: str = "an4", error: float = 0.3, **extra: object
) -> list[tuple[Utterance, str]]:
    texts, noise = np.random.default_rng(0), np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        words = list(texts.choice(WORDS, texts.integers(1, 9)))
        heard = [str(noise.choice(WORDS)) if noise.random() < error else word for word in words]
        pairs.append((utterance(number, " ".join(words).upper(), corpus, **extra), " ".join(heard)))
    return pairs


def test_a_row_has_the_numbers_of_the_metrics() -> None:
    pairs = random_pairs(1)
    report = wer_report(pairs, seed=3)
    [row] = report.rows
    expected = error_rate([u.text.lower() for u, _ in pairs], [text for _, text in pairs])
    assert row.name == "an4/test"
    assert (row.utterances, row.speakers, row.seconds, row.words) == (60, 12, 120.0, expected.length)
    assert (row.substitutions, row.deletions, row.insertions) == (
        expected.substitutions,
        expected.deletions,
        expected.insertions,
    )
    assert row.resampled == "speakers"
    assert row.wer == bootstrap_interval(
        expected.utterance_errors, expected.utterance_lengths, [u.speaker for u, _ in pairs], seed=3
    )
    assert row.cer == error_rate([u.text.lower() for u, _ in pairs], [text for _, text in pairs], "character").rate
    assert row.wrong_utterances == (expected.utterance_errors > 0).sum()
    assert report.row("an4/test") == row
    with pytest.raises(DataError, match="no row"):
        report.row("an4")


def test_both_sides_are_normalised() -> None:
    pairs = [(utterance(1, "Mr. Smith paid $5 in 1999!"), "mister smith paid five dollars in nineteen ninety nine")]
    report = wer_report(pairs)
    assert report.rows[0].wer.value == 0.0
    assert report.rows[0].resampled == "utterances"
    assert report.worst == ()


def test_sets_are_apart_and_together() -> None:
    report = wer_report([*random_pairs(1), *random_pairs(2, 30, "fsdd", error=0.0)])
    assert [row.name for row in report.rows] == ["an4/test", "fsdd/test", "all"]
    assert report.row("fsdd/test").wer.value == 0.0
    assert report.row("all").utterances == 90
    assert report.row("all").words == sum(row.words for row in report.rows[:2])


def test_children_stand_apart_where_years_are_known() -> None:
    adults = random_pairs(1, 40, "oral", age=30)
    children = [
        (Utterance("c" + u.id, u.audio, u.text, 2.0, speaker="c" + u.speaker, extra={**u.extra, "age": 9}), "")
        for u, _ in adults[:20]
    ]
    report = wer_report([*adults, *children])
    assert [row.name for row in report.rows] == ["oral/test", "oral/test, adults", "oral/test, children"]
    assert report.row("oral/test, children").wer.value == 1.0
    alone = wer_report(adults).rows[0]
    assert report.row("oral/test, adults") == dataclasses.replace(alone, name="oral/test, adults")
    assert is_child(utterance(1, "a", age="12")) is True
    assert is_child(utterance(1, "a", age=18)) is False
    assert is_child(utterance(1, "a", age="twenties")) is None
    assert is_child(utterance(1, "a")) is None


def test_silence_counts_insertions_and_sets_without_text_are_named() -> None:
    pairs = [
        (utterance(1, "yes", "commands"), "yes"),
        (utterance(2, "", "commands"), "no no"),
        (utterance(3, "", "intents"), "make me a coffee"),
    ]
    report = wer_report(pairs)
    assert [row.name for row in report.rows] == ["commands/test"]
    assert report.rows[0].insertions == 2
    assert report.rows[0].wer.value == 2.0
    assert dict(report.without_text) == {"intents/test": 1}
    assert "intents/test (1 utterances)" in report.markdown()


def test_an_age_of_silences_alone_has_no_row() -> None:
    pairs = [(utterance(1, "yes", age=30), "yes"), (utterance(2, "", age=9), "no")]
    assert [row.name for row in wer_report(pairs).rows] == ["an4/test"]


def test_the_subset_names_the_set() -> None:
    assert set_name(utterance(1, "a", "librispeech", subset="test-dev-clean-4")) == "librispeech/test-dev-clean-4"
    assert set_name(Utterance("1", "1.wav", "a", 1.0)) == "unnamed"


def test_worst_and_confusions() -> None:
    pairs = [
        (utterance(1, "one two three"), "one two three"),
        (utterance(2, "one two three"), "four two"),
        (utterance(3, "one"), "four"),
        (utterance(4, "six"), "six six"),
    ]
    report = wer_report(pairs, worst=2)
    assert len(report.worst) == 2
    assert report.worst[0].startswith("an4/test  an4-2  2 errors in 3 words\nREF: one  two three")
    assert report.confusions[0] == ("one", "four", 2)
    assert set(report.confusions[1:]) == {("three", "", 1), ("", "six", 1)}


def test_written_files_hold_the_report(tmp_path: Path) -> None:
    report = wer_report(random_pairs(1), facts={"bundle": "asr-en-small", "real_time_factor": 0.01})
    report.write(tmp_path / "new" / "folder")
    with pytest.raises(ConfigError, match=r"report\.md cannot be written: .*; name another folder"):
        report.write(tmp_path / "new" / "folder" / "report.md")
    folder = tmp_path / "new" / "folder"
    stored = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert stored["rows"][0]["wer"]["value"] == report.rows[0].wer.value
    assert stored["facts"]["bundle"] == "asr-en-small"
    lines = [json.loads(line) for line in (folder / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(line["errors"] for line in lines) == sum(u.errors for u in report.utterances)
    page = (folder / "report.md").read_text(encoding="utf-8").splitlines()
    header = next(line for line in page if line.startswith("| test set"))
    row = next(line for line in page if line.startswith("| an4/test"))
    assert header.count("|") == row.count("|")
    assert f"**{100 * report.rows[0].wer.value:.2f}**" in row
    assert "- bundle: asr-en-small" in page


def test_a_better_run_is_found_better_whatever_the_order() -> None:
    before, better = random_pairs(1, 200, error=0.5), random_pairs(2, 200, error=0.1)
    found = compare_reports(wer_report(before), wer_report(better[::-1]))["an4/test"]
    assert found.interval.high < 0.0
    assert found.permutation_p < 0.01
    assert found.units == 12
    with pytest.raises(DataError, match="other utterances"):
        compare_reports(wer_report(before), wer_report(before[:-1]))
    with pytest.raises(DataError, match="share no test set"):
        compare_reports(wer_report(before), wer_report(random_pairs(1, corpus="fsdd")))


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="no reference text"):
        wer_report([])
    with pytest.raises(DataError, match="no reference text"):
        wer_report([(utterance(1, "..."), "word")])


def test_no_torch_is_needed() -> None:
    program = "import sys; sys.modules['torch'] = None; import vivavoce.evaluation.reports, vivavoce.decoding.ctc_beam"
    subprocess.run([sys.executable, "-c", program], check=True)
