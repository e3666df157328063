"""Fair timing for every bench: pinned threads, interleaved candidates, medians, CPU seconds, peak memory.

A bench makes a list of `Case`s and calls `run(build)`. The script is started again with one thread for every numeric
library, because those read their settings when they are imported. Candidates take turns, A B C A B C, so a machine that
slows down slows them all; what counts is the median of CPU seconds, and the ratio is taken within each round before its
median. Peak memory is measured in a fresh process for each candidate, over what it held before the call.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
_PINNED = "VIVAVOCE_BENCH_THREADS"


@dataclass(frozen=True)
class Case:
    """One piece of work, done by several candidates.

    Attributes:
        name: says what the work is.
        work: how much of `unit` one call does, for example 543.2 audio seconds.
        candidates: calls by name. The first is ours; every ratio is ours over the other's.
        memory: whether to measure peak memory.
        rounds: how often each candidate takes its turn; None: what the command line says.
    """

    name: str
    work: float
    unit: str
    candidates: dict[str, Callable[[], object]]
    memory: bool = False
    rounds: int | None = None


def run(build: Callable[[], Sequence[Case]], description: str) -> None:
    """Read the command line, pin the threads, measure every case and print one table each."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each candidate (default 7)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every numeric library (default 1)")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--peak-of", nargs=2, metavar=("CASE", "CANDIDATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.environ.get(_PINNED) != str(options.threads):
        pinned = {name: str(options.threads) for name in THREAD_VARIABLES}
        sys.exit(
            subprocess.run(
                [sys.executable, *sys.argv], env={**os.environ, **pinned, _PINNED: pinned[THREAD_VARIABLES[0]]}
            ).returncode
        )
    cases = [case for case in build() if options.only in case.name]
    if options.peak_of:
        name, candidate = options.peak_of
        print(_peak_mb(next(case for case in cases if case.name == name).candidates[candidate]))
        return
    results: dict[str, Any] = {"machine": machine(), "threads": options.threads, "cases": []}
    print(f"{results['machine']}, {options.threads} thread(s), load {os.getloadavg()[0]:.2f}")
    for case in cases:
        rows = measure(case, options.rounds)
        print(f"\n{case.name} ({case.work:,.6g} {case.unit})")
        print_table(rows)
        results["cases"].append({"name": case.name, "work": case.work, "unit": case.unit, "rows": rows})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(case: Case, rounds: int = 7) -> list[dict[str, Any]]:
    """One row for each candidate: median seconds, work a CPU second, ours over it, and peak memory."""
    cpu: dict[str, list[float]] = {name: [] for name in case.candidates}
    wall: dict[str, list[float]] = {name: [] for name in case.candidates}
    for call in case.candidates.values():
        call()  # Caches, lazy imports and tables are not what is measured.
    for _ in range(case.rounds or rounds):
        for name, call in case.candidates.items():
            gc.collect()
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            result = call()
            cpu[name].append(time.process_time() - cpu_start)
            wall[name].append(time.perf_counter() - wall_start)
            del result
    ours = next(iter(case.candidates))
    rows = []
    for name in case.candidates:
        ratios = [other / own for other, own in zip(cpu[name], cpu[ours], strict=True)]
        row: dict[str, Any] = {
            "candidate": name,
            "cpu_seconds": median(cpu[name]),
            "wall_seconds": median(wall[name]),
            f"{case.unit} per CPU second": case.work / median(cpu[name]),
            f"{ours} is faster by": median(ratios),
        }
        if case.memory:
            row["peak_mb"] = peak_memory_mb(case.name, name)
        rows.append(row)
    return rows


def peak_memory_mb(case: str, candidate: str) -> float:
    """Megabytes (10^6 bytes) that one call holds at its peak beyond what was held before, in a process of its own."""
    command = [sys.executable, *sys.argv, "--peak-of", case, candidate]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(answer.strip().splitlines()[-1])


def _peak_mb(call: Callable[[], object]) -> float:
    gc.collect()
    before = _status_kb("VmRSS")
    # Writing 5 makes the kernel forget the highest mark so far.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    result = call()
    peak = _status_kb("VmHWM")
    del result
    return (peak - before) * 1024 / 1e6


def _status_kb(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return float(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}; peak memory can be measured on Linux only.")


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Rows with the same keys, as a Markdown table."""
    header = list(rows[0])
    lines = [header, *[[_cell(row[key]) for key in header] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sys.stdout.flush()


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """The processor's name and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {cores} core(s), Python {platform.python_version()}"
