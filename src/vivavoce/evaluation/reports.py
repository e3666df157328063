"""The word error report: recognised texts against references, per test set, with what can be doubted said beside it.

Takes pairs of utterance and recognised text; who recognised them, and how, is the caller's business. Both sides go
through `normalize_for_scoring` here, so that every number in a report was made in the same way. Children (under 18
years, where the corpus gives years) stand apart from adults. The result is plain data: `to_dict` for machines,
`markdown` for people.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.data.manifest import Utterance
from vivavoce.errors import ConfigError, DataError
from vivavoce.metrics.confidence import Comparison, Interval, bootstrap_interval, compare_systems
from vivavoce.metrics.error_rate import ErrorRate, error_rate
from vivavoce.text.normalize import normalize_for_scoring

ADULT_YEARS = 18
SPEAKERS_TO_RESAMPLE = 10  # with fewer, speakers are too few to draw from and utterances are drawn instead


@dataclass(frozen=True)
class Row:
    """One line of the table. Rates are shares, not percent; `resampled` is what the interval was drawn over."""

    name: str
    utterances: int
    speakers: int
    seconds: float
    words: int
    wer: Interval
    substitutions: int
    deletions: int
    insertions: int
    cer: float
    wrong_utterances: int
    resampled: str


@dataclass(frozen=True)
class Scored:
    """One utterance: normalised texts and word errors."""

    id: str
    row: str
    speaker: str
    reference: str
    hypothesis: str
    words: int
    errors: int


@dataclass(frozen=True)
class Report:
    """The rows, every utterance, the worst ones aligned, and the words most often confused.

    Attributes:
        rows: a row for each test set, adults and children after their set, and "all" where there are several sets.
        utterances: every scored utterance, in the order given.
        worst: alignments as text, most errors first.
        confusions: (reference word, recognised word, how often); "" stands for a word left out or put in.
        without_text: test sets whose references are all empty, with their number of utterances: nothing to score.
        facts: whatever the caller wants to be read beside the numbers (bundle, machine, real-time factor).
    """

    rows: tuple[Row, ...]
    utterances: tuple[Scored, ...] = field(repr=False)
    worst: tuple[str, ...] = field(repr=False)
    confusions: tuple[tuple[str, str, int], ...] = field(repr=False)
    without_text: Mapping[str, int]
    facts: Mapping[str, Any]

    def row(self, name: str) -> Row:
        """The row of a name.

        Raises:
            DataError: there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise DataError(f"the report has no row {name!r}; it has {[row.name for row in self.rows]}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON values: everything but the utterances, which `write` puts into a file of their own."""
        return {
            "facts": dict(self.facts),
            "rows": [asdict(row) for row in self.rows],
            "without_text": dict(self.without_text),
            "confusions": [list(confusion) for confusion in self.confusions],
            "worst": list(self.worst),
        }

    def markdown(self) -> str:
        """The report as a page."""
        return "\n".join([*_head(self), *_table(self), *_details(self)]) + "\n"

    def write(self, folder: str | Path) -> None:
        """Write report.md, report.json and utterances.jsonl into a folder, which is made where it is missing.

        Raises:
            ConfigError: one of them cannot be written.
        """
        folder = Path(folder)
        lines = [json.dumps(asdict(utterance), ensure_ascii=False) + "\n" for utterance in self.utterances]
        files = {
            "report.md": self.markdown(),
            "report.json": json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n",
            "utterances.jsonl": "".join(lines),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_text(content, encoding="utf-8")
        except OSError as error:
            place = error.filename or folder
            raise ConfigError(f"{place} cannot be written: {error.strerror or error}; name another folder.") from None


def wer_report(
    pairs: Sequence[tuple[Utterance, str]],
    facts: Mapping[str, Any] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    worst: int = 20,
    confusions: int = 20,
) -> Report:
    """Score recognised texts.

    Args:
        pairs: utterances with their recognised texts, neither of them normalised.
        facts: JSON values to print above the table.
        level: of the intervals.
        resamples: draws for each interval.
        seed: of the draws.
        worst: how many of the worst utterances to align.
        confusions: how many confused words to list.

    Raises:
        DataError: there is no pair, or no reference has a word.
    """
    sets: dict[str, list[int]] = {}
    for number, (utterance, _) in enumerate(pairs):
        sets.setdefault(set_name(utterance), []).append(number)
    texts = [(normalize_for_scoring(utterance.text), normalize_for_scoring(text)) for utterance, text in pairs]
    # no reference at all: the corpus gives no text; a few empty ones are silences, in which every word is an error
    without_text = {name: len(numbers) for name, numbers in sets.items() if not any(texts[n][0] for n in numbers)}
    sets = {name: numbers for name, numbers in sets.items() if name not in without_text}
    if not sets:
        raise DataError("no reference text to compare with; expected utterances whose text is not empty.")

    def make_row(name: str, numbers: Sequence[int]) -> Row:
        return _row(name, [pairs[n][0] for n in numbers], [texts[n] for n in numbers], level, resamples, seed)

    rows: list[Row] = []
    for name, numbers in sets.items():
        rows.append(make_row(name, numbers))
        parts = _by_age(numbers, [u for u, _ in pairs])
        if all(any(texts[n][0] for n in part) for part in parts.values()):  # silences alone have no rate
            rows += [make_row(f"{name}, {who}", part) for who, part in parts.items()]
    scored_numbers = sorted(n for numbers in sets.values() for n in numbers)
    if len(sets) > 1:
        rows.append(make_row("all", scored_numbers))
    result = error_rate([texts[n][0] for n in scored_numbers], [texts[n][1] for n in scored_numbers])
    scored = tuple(
        Scored(pairs[n][0].id, set_name(pairs[n][0]), pairs[n][0].speaker, *texts[n], int(length), int(errors))
        for n, length, errors in zip(scored_numbers, result.utterance_lengths, result.utterance_errors, strict=True)
    )
    return Report(
        tuple(rows), scored, _worst(scored, result, worst), _confusions(result, confusions), without_text, facts or {}
    )


def compare_reports(before: Report, after: Report, resamples: int = 2000, seed: int = 0) -> dict[str, Comparison]:
    """Whether `after` differs from `before`, for each test set that both scored on the same utterances.

    Raises:
        DataError: the reports share no test set, or a shared one has other utterances or references.
    """
    old, new = _by_set(before), _by_set(after)
    shared = [name for name in old if name in new]
    if not shared:
        raise DataError(f"the reports share no test set: {sorted(old)} and {sorted(new)}.")
    comparisons = {}
    for name in shared:
        if [(u.id, u.reference) for u in old[name]] != [(u.id, u.reference) for u in new[name]]:
            raise DataError(f"the reports scored other utterances or references in {name!r}; score both on the same.")
        comparisons[name] = compare_systems(
            [u.errors for u in old[name]],
            [u.errors for u in new[name]],
            [u.words for u in old[name]],
            groups=_groups([u.speaker for u in old[name]]),
            resamples=resamples,
            seed=seed,
        )
    return comparisons


def set_name(utterance: Utterance) -> str:
    """The test set of an utterance: its corpus and subset, or else its part."""
    corpus = str(utterance.extra.get("corpus", "unnamed"))
    part = utterance.extra.get("subset") or utterance.extra.get("part")
    return f"{corpus}/{part}" if part else corpus


def is_child(utterance: Utterance) -> bool | None:
    """Whether the speaker is under 18; None where the corpus gives no age in years."""
    age = utterance.extra.get("age")
    try:
        return None if age is None else float(age) < ADULT_YEARS
    except (TypeError, ValueError):
        return None  # "twenties", "fifties": adults and teenagers together, no years


def _by_age(numbers: Sequence[int], utterances: Sequence[Utterance]) -> dict[str, list[int]]:
    children = [n for n in numbers if is_child(utterances[n])]
    adults = [n for n in numbers if is_child(utterances[n]) is False]
    return {"adults": adults, "children": children} if children and adults else {}


def _row(
    name: str,
    utterances: Sequence[Utterance],
    texts: Sequence[tuple[str, str]],
    level: float,
    resamples: int,
    seed: int,
) -> Row:
    references, hypotheses = [reference for reference, _ in texts], [hypothesis for _, hypothesis in texts]
    words = error_rate(references, hypotheses)
    groups = _groups([utterance.speaker for utterance in utterances])
    errors, lengths = words.utterance_errors, words.utterance_lengths
    return Row(
        name,
        len(utterances),
        len({utterance.speaker for utterance in utterances if utterance.speaker}),
        round(sum(utterance.duration_seconds for utterance in utterances), 3),
        words.length,
        bootstrap_interval(errors, lengths, groups, level, resamples, seed),
        words.substitutions,
        words.deletions,
        words.insertions,
        error_rate(references, hypotheses, unit="character").rate,
        int((errors > 0).sum()),
        "speakers" if groups else "utterances",
    )


def _groups(speakers: Sequence[str]) -> Sequence[str] | None:
    return speakers if all(speakers) and len(set(speakers)) >= SPEAKERS_TO_RESAMPLE else None


def _by_set(report: Report) -> dict[str, list[Scored]]:
    sets: dict[str, list[Scored]] = {}
    for utterance in sorted(report.utterances, key=lambda scored: scored.id):
        sets.setdefault(utterance.row, []).append(utterance)
    return sets


def _worst(scored: Sequence[Scored], result: ErrorRate, count: int) -> tuple[str, ...]:
    order = sorted(
        range(len(scored)), key=lambda n: (-scored[n].errors, -scored[n].errors / max(scored[n].words, 1), n)
    )
    return tuple(
        f"{scored[n].row}  {scored[n].id}  {scored[n].errors} errors in {scored[n].words} words\n{result.show(n)}"
        for n in order[:count]
        if scored[n].errors
    )


def _confusions(result: ErrorRate, count: int) -> tuple[tuple[str, str, int], ...]:
    tally: Counter[tuple[str, str]] = Counter()
    for number in (result.utterance_errors > 0).nonzero()[0].tolist():
        reference, hypothesis = result.references[number].split(), result.hypotheses[number].split()
        for span in result.alignment(number):
            left = reference[span.reference_start : span.reference_end]
            right = hypothesis[span.hypothesis_start : span.hypothesis_end]
            if span.kind != "equal":
                tally.update(zip(left or [""] * len(right), right or [""] * len(left), strict=True))
    return tuple((*pair, times) for pair, times in sorted(tally.items(), key=lambda item: (-item[1], item[0]))[:count])


def _head(report: Report) -> list[str]:
    facts = [f"- {name}: {value}" for name, value in report.facts.items()]
    return ["# Word error report", "", *facts, *([""] if facts else [])]


def _table(report: Report) -> list[str]:
    level = report.rows[0].wer.level
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("test set", lambda row: row.name),
        ("utterances", lambda row: f"{row.utterances:,}"),
        ("speakers", lambda row: f"{row.speakers:,}" if row.speakers else "-"),
        ("minutes", lambda row: f"{row.seconds / 60:.1f}"),
        ("words", lambda row: f"{row.words:,}"),
        ("WER %", lambda row: f"**{100 * row.wer.value:.2f}**"),
        (f"{level:.0%} interval", lambda row: f"{100 * row.wer.low:.2f} to {100 * row.wer.high:.2f}"),
        ("sub %", lambda row: f"{100 * row.substitutions / row.words:.2f}"),
        ("del %", lambda row: f"{100 * row.deletions / row.words:.2f}"),
        ("ins %", lambda row: f"{100 * row.insertions / row.words:.2f}"),
        ("CER %", lambda row: f"{100 * row.cer:.2f}"),
        ("utterances with an error %", lambda row: f"{100 * row.wrong_utterances / row.utterances:.1f}"),
        ("resampled", lambda row: row.resampled),
    ]
    lines = ["| " + " | ".join(title for title, _ in columns) + " |"]
    lines.append("|---" + "|---:" * (len(columns) - 2) + "|---|")
    lines += ["| " + " | ".join(show(row) for _, show in columns) + " |" for row in report.rows]
    return lines


def _details(report: Report) -> list[str]:
    lines: list[str] = []
    if report.without_text:
        skipped = ", ".join(f"{name} ({count} utterances)" for name, count in report.without_text.items())
        lines += ["", f"Without reference text, not scored: {skipped}."]
    if report.confusions:
        lines += ["", "## Words most often confused", "", "| said | recognised | times |", "|---|---|---:|"]
        lines += [f"| {said or '-'} | {heard or '-'} | {times} |" for said, heard, times in report.confusions]
    if report.worst:
        lines += ["", "## Worst utterances", "", "```", "\n\n".join(report.worst), "```"]
    return lines
