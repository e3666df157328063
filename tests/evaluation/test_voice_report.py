"""The table of a judged voice: its numbers are those of the metrics, and can be counted by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import DataError
from vivavoce.evaluation.voice import Heard
from vivavoce.evaluation.voice_report import VoiceReport, voice_report
from vivavoce.metrics.confidence import bootstrap_interval
from vivavoce.metrics.spectral import SpeechDistance


def distance(number: int, scale: float = 1.0) -> SpeechDistance:
    pairs, voiced = 100 + number, 60 + number
    return SpeechDistance(
        mcd_db=scale * (5.0 + 0.1 * number),
        pairs=pairs,
        voicing_errors=number,
        voiced_pairs=voiced,
        gross_errors=number // 2,
        squared_cents=voiced * (100.0 * scale) ** 2,
        squared_hz=voiced * (12.0 * scale) ** 2,
        reference_seconds=2.0,
        other_seconds=2.0 + 0.1 * (-1) ** number + 0.02,
    )


def heard(system: str, number: int, errors: int, scale: float = 1.0, fault: str = "") -> Heard:
    return Heard(
        system,
        f"t{number}",
        "one two three four five six seven eight nine ten",
        10,
        fault,
        None if system == "recording" or fault else distance(number, scale),
        {"ours": "one two", "theirs": ""},
        {"ours": errors, "theirs": errors + 1},
        None if system == "recording" or fault else (0.02, -0.04),
    )


@pytest.fixture
def report() -> VoiceReport:
    rows = []
    for number in range(20):
        rows.append(heard("recording", number, number % 2))
        rows.append(heard("synthesis", number, 1 + number % 2))
        rows.append(heard("other", number, 5, 2.0, "it broke" if number == 3 else ""))
        if number == 4:
            rows.append(heard("another take", number, 0))
    return voice_report(rows, {"voice": "tiny"})


def test_rows_stand_in_their_order(report: VoiceReport) -> None:
    assert [row.name for row in report.rows] == ["recording", "another take", "synthesis", "other"]
    assert [row.utterances for row in report.rows] == [20, 1, 20, 20]
    with pytest.raises(DataError, match="no row 'copy'"):
        report.row("copy")


def test_numbers_are_those_of_the_texts(report: VoiceReport) -> None:
    row = report.row("synthesis")
    distances = [distance(number) for number in range(20)]
    assert row.mcd_db == bootstrap_interval(np.array([d.mcd_db for d in distances]), np.ones(20))
    assert row.mcd_db is not None
    assert row.mcd_db.value == pytest.approx(5.95)
    assert row.mcd_db.low < row.mcd_db.value < row.mcd_db.high
    assert row.f0_rmse_cents is not None
    assert row.f0_rmse_cents.value == pytest.approx(100.0)
    assert row.f0_rmse_hz is not None
    assert row.f0_rmse_hz.value == pytest.approx(12.0)
    assert row.voicing_error is not None
    assert row.voicing_error.value == pytest.approx(sum(range(20)) / sum(range(100, 120)))
    assert row.gross_pitch_error is not None
    assert row.gross_pitch_error.value == pytest.approx(sum(n // 2 for n in range(20)) / sum(range(60, 80)))
    assert row.duration_error is not None
    assert row.duration_error.value == pytest.approx((0.06 + 0.04) / 2)
    assert row.duration_bias == pytest.approx(0.01)
    assert row.word_duration_error_ms is not None
    assert row.word_duration_error_ms.value == pytest.approx(30.0)
    assert row.wer["ours"] == bootstrap_interval([1 + n % 2 for n in range(20)], [10] * 20)
    assert row.wer["ours"].value == pytest.approx(0.15)


def test_a_rate_is_set_against_the_recordings(report: VoiceReport) -> None:
    row = report.row("synthesis")
    assert row.wer_ratio["ours"].value == pytest.approx(3.0)  # 30 errors, and 10 in the recordings
    assert row.wer_ratio["theirs"].value == pytest.approx(50 / 30)
    for ratio in row.wer_ratio.values():
        assert ratio.low < ratio.value < ratio.high
    assert report.row("recording").wer_ratio == {}
    # the second take is compared with the recordings of its own texts: one error of ours was made there at most
    assert report.row("another take").wer_ratio.keys() == {"theirs"}


def test_the_ratios_interval_is_that_of_pairs() -> None:
    """Errors that are always twice the recording's have no spread, however the texts differ."""
    rows = [heard("recording", n, n % 7) for n in range(40)] + [heard("synthesis", n, 2 * (n % 7)) for n in range(40)]
    ratio = voice_report(rows).row("synthesis").wer_ratio["ours"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_recordings_without_an_error_have_no_multiple() -> None:
    rows = [heard("recording", n, 0) for n in range(5)] + [heard("synthesis", n, 1) for n in range(5)]
    report = voice_report(rows)
    assert "ours" not in report.row("synthesis").wer_ratio
    assert "ours made no error in the recordings" in report.markdown()


def test_faults_are_told(report: VoiceReport) -> None:
    row = report.row("other")
    assert (row.utterances, row.faults) == (20, 1)
    assert row.mcd_db is not None
    assert row.mcd_db.units == 19
    assert row.wer["ours"].units == 20
    assert "other failed on 1 texts; on t3: it broke" in report.markdown()


def test_nothing_measured_is_no_number() -> None:
    silent = SpeechDistance(4.0, 50, 3, 0, 0, 0.0, 0.0, 1.0, 1.0)
    rows = [
        heard("recording", 0, 1),
        Heard("synthesis", "t0", "one", 1, "", silent, {"ours": ""}, {"ours": 1}, None),
    ]
    row = voice_report(rows).row("synthesis")
    assert row.f0_rmse_cents is None
    assert row.gross_pitch_error is None
    assert row.word_duration_error_ms is None
    assert row.mcd_db is not None
    with pytest.raises(DataError, match="no recording of t0"):
        voice_report(rows[1:])
    with pytest.raises(DataError, match="any text"):
        voice_report([])


def test_the_page_and_the_files(report: VoiceReport, tmp_path: Path) -> None:
    page = report.markdown()
    assert page.startswith("# A voice against recordings\n\n- voice: tiny\n")
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 4
    assert len({line.count("|") for line in table}) == 1
    cells = dict(zip(table[0].split(" | "), table[4].split(" | "), strict=True))
    assert cells["| system"] == "| synthesis"
    assert cells["MCD dB"].startswith("**5.95** (")
    assert cells["length %"] == "+1.0"
    assert cells["WER % ours"].startswith("**15.0** (")
    assert cells["over the recordings', ours"].startswith("**3.00** (")
    assert "of the recording: one two" in page
    report.write(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"voice.md", "voice.json", "voice.jsonl"}
    stored = json.loads((tmp_path / "out" / "voice.json").read_text())
    assert stored["facts"] == {"voice": "tiny"}
    assert stored["rows"][2]["mcd_db"]["value"] == pytest.approx(5.95)
    assert stored["rows"][0]["mcd_db"] is None
    texts = [json.loads(line) for line in (tmp_path / "out" / "voice.jsonl").read_text().splitlines()]
    assert len(texts) == 61
    assert math.isclose(texts[1]["distance"]["mcd_db"], 5.0)
