"""Which form of a bundle is fastest here within a bound of word errors: measured on this machine, not guessed.

Forms differ in how the weights are stored and multiplied, which a bundle decides; and in the attention's chunk, in how
much onnxruntime rewrites the graph and in threads, which a caller may decide and which are measured for the winner.
Forms are timed in turn, round after round, so that a machine that slows down slows them all.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from statistics import median

import numpy as np

from vivavoce.data.manifest import Utterance
from vivavoce.errors import ConfigError, ModelError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.export.quantize import quantize_weights, unpack_weights
from vivavoce.metrics.error_rate import error_rate
from vivavoce.runtime.bundle import digest, load_bundle, write_facts
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.session import OPTIMIZATIONS
from vivavoce.text.normalize import normalize_for_scoring

ROUNDS = 3
LIVE_UTTERANCES = 20
# Activations rounded by one scale for the whole tensor: a frame's result then depends on what stands beside it.
DYNAMIC = {
    "int8 dynamic, by tensor": {"op_types_to_quantize": ["MatMul"], "per_channel": False},
    "int8 dynamic, by channel": {"op_types_to_quantize": ["MatMul"], "per_channel": True},
    "int8 dynamic, convolutions too": {"op_types_to_quantize": ["MatMul", "Conv"], "per_channel": True},
}


@dataclass(frozen=True)
class Form:
    """One way to run a bundle. `precision` names a row of `write_precisions`."""

    precision: str
    chunk_frames: int
    threads: int = 1
    optimization: str = "all"


@dataclass(frozen=True)
class Measured:
    """What a form costs and gives.

    Attributes:
        wer: share of word errors on the test utterances.
        real_time_factor: wall-clock time over the length of the audio, whole files.
        chunk_seconds: median time that a live stream computes when a chunk is whole.
        megabytes: of the graph.
        unlike_file: live streams, of those tried, that read otherwise than the file.
        allowed: within the bound of word errors, and of results that do not depend on their neighbours.
        on_front: no other form beats it in word errors, speed, look-ahead and threads together.
    """

    form: Form
    wer: float
    real_time_factor: float
    chunk_seconds: float
    megabytes: float
    unlike_file: int
    allowed: bool = False
    on_front: bool = False


@dataclass(frozen=True)
class Tuning:
    """Every form that was measured, the bundle's own first, and the winner among them."""

    rows: tuple[Measured, ...]
    winner: Measured
    bundles: Mapping[str, Path]
    tried_live: int


def tune(
    bundle: str | Path,
    tests: Sequence[Utterance],
    folder: str | Path,
    max_wer_increase: float = 0.2,
    threads: int = 1,
    allow_dynamic: bool = False,
    said: Callable[[str], None] = lambda line: None,
) -> Tuning:
    """Measure the forms of a bundle and choose the fastest that is allowed.

    Args:
        bundle: its folder.
        tests: utterances with texts, for word errors and speed.
        folder: where the bundle is written in every precision, for `write_winner` to choose from.
        max_wer_increase: in percentage points over the bundle as it is.
        threads: processor threads that the product will have for one recording.
        allow_dynamic: whether a form may win whose results depend on what is computed beside them.
        said: told what is going on.

    Raises:
        ConfigError: a negative bound, or no test utterance.
        ModelError: the bundle cannot be used.
    """
    if not max_wer_increase >= 0 or not tests:
        raise ConfigError(
            f"max_wer_increase is {max_wer_increase} for {len(tests)} utterances; expected 0 or more, and some."
        )
    bundles = write_precisions(bundle, folder)
    chunk = load_bundle(bundle).model.chunk_frames
    meter = _Meter(bundles, tests, said)
    rows = meter.measure([Form(precision, chunk, threads) for precision in bundles])
    bound = rows[0].wer + max_wer_increase / 100.0
    # The bundle itself is always allowed, so there is a fastest.
    winner = min(
        (row for row in _judged(rows, bound, allow_dynamic) if row.allowed), key=attrgetter("real_time_factor")
    )
    # What is left to the winner's caller: a shorter chunk answers sooner, and is a choice of latency, not of speed.
    forms = [replace(winner.form, chunk_frames=n) for n in (2 * chunk, chunk // 2, chunk // 4) if n >= 1]
    forms += [replace(winner.form, optimization=name) for name in OPTIMIZATIONS if name != winner.form.optimization]
    forms += [replace(winner.form, threads=n) for n in (1, 2) if n != threads]
    rows += meter.measure(forms)
    judged = _judged(rows, bound, allow_dynamic)
    winner = next(row for row in judged if row.form == winner.form)
    return Tuning(tuple(judged), winner, bundles, meter.tried_live)


def write_precisions(bundle: str | Path, folder: str | Path) -> dict[str, Path]:
    """The bundle in all precisions, a folder each, by name; the first is as the bundle itself.

    Raises:
        ModelError: the bundle's graph rounds activations already.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    given, folder = load_bundle(bundle), Path(folder)
    if given.model.precision not in ("fp32", "int8"):
        raise ModelError(f"{bundle} is of precision {given.model.precision}; tune the bundle that it was made from.")
    own = "int8 weights" if given.model.precision == "int8" else "fp32"
    made = {}
    for name in dict.fromkeys((own, "fp32", "int8 weights", *DYNAMIC)):
        made[name] = folder / name.replace(",", "").replace(" ", "-")
        shutil.copytree(given.folder, made[name])
        graph = made[name] / given.model.file
        if name == own:
            continue
        if name == "fp32":
            unpack_weights(given.model_path, graph)
        elif name == "int8 weights":
            quantize_weights(given.model_path, graph)
        else:
            plain = made["fp32"] / given.model.file
            quantize_dynamic(plain, graph, weight_type=QuantType.QInt8, **DYNAMIC[name])
        facts = json.loads((made[name] / "bundle.json").read_text(encoding="utf-8"))
        facts["model"]["precision"] = {"fp32": "fp32", "int8 weights": "int8"}.get(name, "int8-dynamic")
        facts["model"]["sha256"] = digest(graph)
        write_facts(made[name], facts)
    return made


def write_winner(tuning: Tuning, folder: str | Path) -> None:
    """Write the bundle in its winning form, with the measurements in its bundle.json.

    Raises:
        ConfigError: the folder is there already.
    """
    folder = Path(folder)
    if folder.exists():
        raise ConfigError(f"{folder} is there already; name a new folder for the tuned bundle.")
    shutil.copytree(tuning.bundles[tuning.winner.form.precision], folder)
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    facts["tuning"] = {"winner": asdict(tuning.winner), "rows": [asdict(row) for row in tuning.rows]}
    write_facts(folder, facts)


class _Meter:
    """Runs forms over the same recordings."""

    def __init__(self, bundles: Mapping[str, Path], tests: Sequence[Utterance], said: Callable[[str], None]) -> None:
        self.bundles, self.said = bundles, said
        self.recordings = [audio_of(utterance) for utterance in tests]
        self.references = [normalize_for_scoring(utterance.text) for utterance in tests]
        self.seconds = sum(utterance.duration_seconds for utterance in tests)
        self.tried_live = min(LIVE_UTTERANCES, len(tests))

    def measure(self, forms: Sequence[Form]) -> list[Measured]:
        """One row for each form; their rounds take turns."""
        recognizers = [
            Recognizer(self.bundles[form.precision], form.threads, form.chunk_frames, optimization=form.optimization)
            for form in forms
        ]
        times: list[list[float]] = [[] for _ in forms]
        texts: list[list[str]] = [[] for _ in forms]
        for turn in range(ROUNDS):
            for number, recognizer in enumerate(recognizers):
                self.said(f"round {turn + 1} of {ROUNDS}: {forms[number]}")
                start = time.perf_counter()
                texts[number] = [recognizer.transcribe(recording).text for recording in self.recordings]
                times[number].append(time.perf_counter() - start)
        return [
            self._row(form, recognizer, read, median(spent) / self.seconds)
            for form, recognizer, read, spent in zip(forms, recognizers, texts, times, strict=True)
        ]

    def _row(self, form: Form, recognizer: Recognizer, texts: Sequence[str], factor: float) -> Measured:
        wer = error_rate(self.references, [normalize_for_scoring(text) for text in texts]).rate
        unlike, costs = 0, []
        for recording, text in zip(self.recordings[: self.tried_live], texts, strict=False):
            stream = recognizer.create_stream()
            samples = np.concatenate(list(recognizer.blocks(recording)))
            # A piece as long as a chunk, so that each but the first computes one.
            piece = round(form.chunk_frames * recognizer.bundle.encoder_frame_seconds * recognizer.bundle.sample_rate)
            for start in range(0, len(samples), piece):
                began = time.perf_counter()
                stream.accept(samples[start : start + piece])
                costs.append(time.perf_counter() - began)
            unlike += stream.finish().text != text
        size = recognizer.bundle.model_path.stat().st_size / 1e6
        return Measured(form, wer, factor, median(costs), size, unlike)


def _judged(rows: Sequence[Measured], bound: float, allow_dynamic: bool) -> list[Measured]:
    """The rows with `allowed` and `on_front` filled in."""

    def costs(row: Measured) -> tuple[float, ...]:
        return row.wer, row.real_time_factor, row.form.chunk_frames, row.form.threads

    def beaten(row: Measured) -> bool:
        """Whether another is at least as good in everything, and better in something."""
        return any(
            costs(other) != costs(row) and all(a <= b for a, b in zip(costs(other), costs(row), strict=True))
            for other in rows
        )

    return [
        replace(
            row,
            allowed=row.wer <= bound and (allow_dynamic or row.form.precision not in DYNAMIC),
            on_front=not beaten(row),
        )
        for row in rows
    ]
