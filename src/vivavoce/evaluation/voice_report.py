"""The table of a judged voice: one row for each system, one column for each measure, with what can be doubted.

Plain data out of what `evaluation.voice.judge` yields: `to_dict` for machines, `markdown` for people. Every interval is
a percentile bootstrap over the texts. Rates are shares here, and percent on the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import DataError
from vivavoce.evaluation.voice import ANOTHER_TAKE, COPY, RECORDING, SYNTHESIS, Heard
from vivavoce.metrics.confidence import Interval, bootstrap_interval

WORST = 10


@dataclass(frozen=True)
class VoiceRow:
    """One system. None: not measured, or, for the recordings against themselves, not to be measured.

    Attributes:
        name: of the system.
        utterances: texts that it said, or failed to say.
        faults: texts of which it gave nothing that could be measured; each of their words counts as deleted.
        mcd_db: mean over the texts of the mel-cepstral distortion.
        f0_rmse_cents, f0_rmse_hz: root of the mean square over all pairs of frames voiced in both.
        voicing_error, gross_pitch_error: shares of pairs of frames.
        duration_error: mean over the texts of the absolute difference in length, as a share of the recording's.
        duration_bias: length of all texts over that of all recordings, less one.
        word_duration_error_ms: mean absolute difference in length of a word.
        wer: by listener.
        wer_ratio: by listener, over its rate on the recordings of the same texts.
    """

    name: str
    utterances: int
    faults: int
    mcd_db: Interval | None
    f0_rmse_cents: Interval | None
    f0_rmse_hz: Interval | None
    voicing_error: Interval | None
    gross_pitch_error: Interval | None
    duration_error: Interval | None
    duration_bias: float | None
    word_duration_error_ms: Interval | None
    wer: Mapping[str, Interval]
    wer_ratio: Mapping[str, Interval]


@dataclass(frozen=True)
class VoiceReport:
    """The rows, every text by every system, and whatever the caller wants to be read beside them."""

    rows: tuple[VoiceRow, ...]
    heard: tuple[Heard, ...] = field(repr=False)
    facts: Mapping[str, Any]

    def row(self, name: str) -> VoiceRow:
        """The row of a name.

        Raises:
            DataError: there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise DataError(f"the report has no row {name!r}; it has {[row.name for row in self.rows]}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON values: everything but the single texts, which `write` puts into a file of their own."""
        return {"facts": dict(self.facts), "rows": [asdict(row) for row in self.rows]}

    def markdown(self) -> str:
        """The report as a page."""
        return "\n".join([*_head(self), *_table(self), *_notes(self), *_worst(self)]) + "\n"

    def write(self, folder: str | Path) -> None:
        """Write voice.md, voice.json and voice.jsonl (the single texts) into a folder, made where it is missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "voice.md").write_text(self.markdown(), encoding="utf-8")
        content = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "voice.json").write_text(content + "\n", encoding="utf-8")
        lines = [json.dumps(asdict(heard), ensure_ascii=False, allow_nan=False) + "\n" for heard in self.heard]
        (folder / "voice.jsonl").write_text("".join(lines), encoding="utf-8")


def voice_report(
    heard: Sequence[Heard],
    facts: Mapping[str, Any] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> VoiceReport:
    """Put single texts together into a table.

    Args:
        heard: in any order; the rows are those of recordings, second takes, copies and synthesis, and then all others
            in the order of their first texts.
        facts: JSON values to print above the table.
        level, resamples, seed: of the intervals.

    Raises:
        DataError: there is none, or a text that has no recording among them.
    """
    systems: dict[str, list[Heard]] = {name: [] for name in (RECORDING, ANOTHER_TAKE, COPY, SYNTHESIS)}
    for one in heard:
        systems.setdefault(one.system, []).append(one)
    recordings = {one.id: one for one in systems[RECORDING]}
    lacking = [one.id for one in heard if one.id not in recordings]
    if not heard or lacking:
        raise DataError(f"no recording of {lacking[0] if lacking else 'any text'} was judged; expected one of each.")
    draw = _Draw(level, resamples, seed)
    rows = [_row(name, ones, [recordings[one.id] for one in ones], draw) for name, ones in systems.items() if ones]
    return VoiceReport(tuple(rows), tuple(heard), facts or {})


@dataclass(frozen=True)
class _Draw:
    """Intervals of one kind."""

    level: float
    resamples: int
    seed: int

    def rate(self, sums: Sequence[float], counts: Sequence[float]) -> Interval | None:
        """Of sum(sums) / sum(counts); None where there is nothing to count."""
        if not sum(counts):
            return None
        return bootstrap_interval(np.array(sums), np.array(counts), None, self.level, self.resamples, self.seed)

    def mean(self, values: Sequence[float]) -> Interval | None:
        return self.rate(values, [1.0] * len(values))

    def root(self, squares: Sequence[float], counts: Sequence[float]) -> Interval | None:
        found = self.rate(squares, counts)
        if found is None:
            return None
        return replace(found, value=found.value**0.5, low=found.low**0.5, high=found.high**0.5)

    def ratio(self, errors: Sequence[int], of_recordings: Sequence[int]) -> Interval | None:
        """Of sum(errors) / sum(of_recordings), the texts being drawn for both together; None if the latter is 0."""
        table = np.array([errors, of_recordings], np.float64).T
        if not table[:, 1].sum():
            return None
        rng = np.random.default_rng(self.seed)
        drawn = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=self.resamples) @ table
        ratios = drawn[:, 0] / np.maximum(drawn[:, 1], 0.5)  # a draw of recordings without an error: half of one
        low, high = np.quantile(ratios, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(float(table[:, 0].sum() / table[:, 1].sum()), float(low), float(high), self.level, len(table))


def _row(name: str, ones: Sequence[Heard], recordings: Sequence[Heard], draw: _Draw) -> VoiceRow:
    distances = [one.distance for one in ones if one.distance is not None]
    words = [one.word_seconds for one in ones if one.word_seconds is not None]
    wer, ratio = {}, {}
    for listener in ones[0].errors:
        errors = [one.errors[listener] for one in ones]
        rate = draw.rate(errors, [one.words for one in ones])
        if rate is not None:
            wer[listener] = rate
        times = None if name == RECORDING else draw.ratio(errors, [one.errors[listener] for one in recordings])
        if times is not None:
            ratio[listener] = times
    voiced = [d.voiced_pairs for d in distances]
    pairs = [d.pairs for d in distances]
    lengths = sum(d.reference_seconds for d in distances)
    return VoiceRow(
        name=name,
        utterances=len(ones),
        faults=sum(bool(one.fault) for one in ones),
        mcd_db=draw.mean([d.mcd_db for d in distances]),
        f0_rmse_cents=draw.root([d.squared_cents for d in distances], voiced),
        f0_rmse_hz=draw.root([d.squared_hz for d in distances], voiced),
        voicing_error=draw.rate([d.voicing_errors for d in distances], pairs),
        gross_pitch_error=draw.rate([d.gross_errors for d in distances], voiced),
        duration_error=draw.mean([abs(d.duration_error) for d in distances]),
        duration_bias=sum(d.other_seconds for d in distances) / lengths - 1.0 if lengths else None,
        word_duration_error_ms=draw.rate([1000 * sum(map(abs, ones)) for ones in words], [len(ones) for ones in words]),
        wer=wer,
        wer_ratio=ratio,
    )


def _head(report: VoiceReport) -> list[str]:
    facts = [f"- {name}: {value}" for name, value in report.facts.items()]
    return ["# A voice against recordings", "", *facts, *([""] if facts else [])]


def _table(report: VoiceReport) -> list[str]:
    rows = report.rows
    columns: list[tuple[str, str, float, list[Interval | None]]] = [
        ("MCD dB", ".2f", 1, [row.mcd_db for row in rows]),
        ("F0 RMSE cents", ".0f", 1, [row.f0_rmse_cents for row in rows]),
        ("F0 RMSE Hz", ".1f", 1, [row.f0_rmse_hz for row in rows]),
        ("voicing errors %", ".1f", 100, [row.voicing_error for row in rows]),
        ("gross F0 errors %", ".1f", 100, [row.gross_pitch_error for row in rows]),
        ("duration error %", ".1f", 100, [row.duration_error for row in rows]),
        ("word duration error ms", ".0f", 1, [row.word_duration_error_ms for row in rows]),
    ]
    for listener in dict.fromkeys(listener for row in rows for listener in row.wer):
        columns.append((f"WER % {listener}", ".1f", 100, [row.wer.get(listener) for row in rows]))
        columns.append((f"over the recordings', {listener}", ".2f", 1, [row.wer_ratio.get(listener) for row in rows]))
    columns = [column for column in columns if any(column[3])]
    lines = ["| " + " | ".join(["system", "texts", "length %", *(title for title, *_ in columns)]) + " |"]
    lines.append("|---" + "|---:" * (len(columns) + 2) + "|")
    for number, row in enumerate(rows):
        length = "-" if row.duration_bias is None else f"{100 * row.duration_bias:+.1f}"
        cells = [_cell(found[number], form, factor) for _, form, factor, found in columns]
        lines.append(f"| {' | '.join([row.name, str(row.utterances), length, *cells])} |")
    return lines


def _cell(found: Interval | None, form: str, factor: float) -> str:
    if found is None:
        return "-"
    value, low, high = (format(factor * number, form) for number in (found.value, found.low, found.high))
    return f"**{value}** ({low} to {high})"


def _notes(report: VoiceReport) -> list[str]:
    level = next((found.level for row in report.rows for found in row.wer.values()), 0.95)
    lines = [
        "",
        f"In brackets: {level:.0%} intervals over the texts. Everything but the recordings is held against them.",
    ]
    for listener, rate in report.row(RECORDING).wer.items():
        if not rate.value:
            lines.append(f"{listener} made no error in the recordings, so nothing can be a multiple of it.")
    for row in report.rows:
        if row.faults:
            fault = next(one for one in report.heard if one.system == row.name and one.fault)
            lines.append(f"{row.name} failed on {row.faults} texts; on {fault.id}: {fault.fault}")
    return lines


def _worst(report: VoiceReport) -> list[str]:
    """The texts of the synthesis that its listeners misheard most, beside what they heard of the recordings."""
    said = [one for one in report.heard if one.system == SYNTHESIS]
    spoken = {one.id: one for one in report.heard if one.system == RECORDING}
    ranked = sorted(said, key=lambda one: -sum(one.errors.values()) / max(1, one.words))
    ranked = [one for one in ranked if sum(one.errors.values())][:WORST]
    if not ranked:
        return []
    lines = ["", "## Synthesis that was misheard most"]
    for one in ranked:
        lines += ["", f"{one.id}: {one.text}", ""]
        for listener, hypothesis in one.hypotheses.items():
            lines.append(f"- {listener}: {hypothesis or '(nothing)'}")
            lines.append(f"  - of the recording: {spoken[one.id].hypotheses[listener] or '(nothing)'}")
    return lines
