"""Live streams on one thread: how late the text is, how steady, and whether an hour of it holds its memory and times.

    python bench/streaming.py                        16 streams at once for a minute, then an hour in one stream
    python bench/streaming.py --bundle my-bundle --streams 32 --decoder beam
    python bench/streaming.py --spread               the streams begin one after another, spread over a chunk
    python bench/streaming.py --alone                as if the processor did nothing else

Every stream is fed blocks of 100 ms at the moment when they would have been spoken, each stream at another phase, and
its text is read after every block, as captions do. All run in one thread, first come first served. The delay is the
time from a block's last sample to the text that holds it: waiting for the other streams and computing. The look-ahead,
sound that must be heard before a frame is final, comes on top and is a setting: it is shown beside.

Streams that all begin within 100 ms complete their chunks together, again and again, and wait for one another. That is
the worst that can happen. With `--spread` they begin at even distances over the time of one chunk, as callers who know
nothing of one another do on average.

With `--alone` the clock is the process's own: it stands still while others have the processor, and leaps to the next
block when nothing is left to do. So numbers of a busy machine can be compared; they lack what other work costs.

The hour is the repository's examples with pauses, over and over, as fast as the machine can. Its period is a whole
number of chunks, so that from the second time on each word must come again one period later: drift would show.
"""

from __future__ import annotations

import argparse
import heapq
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import timing

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
RATE = 16000
BLOCK = RATE // 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", help="bundle to measure; the package's own if not given")
    parser.add_argument("--decoder", default="auto")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--spread", action="store_true", help="begin spread over a chunk, not all within 100 ms")
    parser.add_argument("--alone", action="store_true", help="count only the time that this process computes")
    parser.add_argument("--rows", type=int, default=4, help="how many of the look-aheads (default 4, all)")
    parser.add_argument("--seconds", type=int, default=60, help="how long the streams run (default 60)")
    parser.add_argument("--minutes", type=int, default=60, help="of the long stream (default 60; 0 for none)")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        pinned = {**os.environ, **dict.fromkeys(timing.THREAD_VARIABLES, "1")}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=pinned).returncode)
    from vivavoce.runtime.recognizer import Recognizer

    recognizer = Recognizer(options.bundle, decoder=options.decoder)
    frame_ms = 1000 * recognizer.bundle.encoder_frame_seconds
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    begin = "spread over a chunk" if options.spread else "all within 100 ms"
    print(
        f"{recognizer.bundle.name}, {options.decoder}: {options.streams} streams of {options.seconds} s, begun {begin}"
    )
    print()
    chunk = recognizer.chunk_frames
    choices = [(chunk, None), (chunk, chunk // 4 or None), (max(1, chunk // 2), None), (max(1, chunk // 4), None)]
    timing.print_table(
        [row(recognizer, options, *choice, frame_ms) for choice in list(dict.fromkeys(choices))[: options.rows]]
    )
    if options.minutes:
        print()
        timing.print_table([long_stream(recognizer, options.minutes)])


class Clock:
    """The time of day, in seconds."""

    def now(self) -> float:
        return time.perf_counter()

    def wait(self, when: float) -> None:
        time.sleep(max(0.0, when - self.now()))


class Alone(Clock):
    """What this process has computed, and what it has waited for."""

    def __init__(self) -> None:
        self.waited = 0.0

    def now(self) -> float:
        return time.process_time() + self.waited

    def wait(self, when: float) -> None:
        self.waited += max(0.0, when - self.now())


def row(recognizer: Any, options: argparse.Namespace, chunk: int, live: int | None, frame_ms: float) -> dict[str, Any]:
    """Many streams at the pace of speech."""
    from vivavoce.metrics.latency import Steadiness, latency

    audio, _ = endless(recognizer)
    within = chunk * frame_ms / 1000 if options.spread else BLOCK / RATE
    phases = [number * within / options.streams for number in range(options.streams)]
    offsets = [number * len(audio) // options.streams for number in range(options.streams)]
    streams = [recognizer.create_stream(chunk, live) for _ in phases]
    steadiness = [Steadiness() for _ in phases]
    count = options.seconds * RATE // BLOCK
    clock = Alone() if options.alone else Clock()
    start, cpu = clock.now() + 0.05, time.process_time()
    due = [(start + phase + 0.1, number, 0) for number, phase in enumerate(phases)]
    heapq.heapify(due)
    delays = []
    while due:
        when, number, block = heapq.heappop(due)
        clock.wait(when)
        first = (offsets[number] + block * BLOCK) % (len(audio) - BLOCK)
        streams[number].accept(audio[first : first + BLOCK])
        words = [word.word for word in streams[number].result().words]
        delays.append(clock.now() - when)
        steadiness[number].add(words)
        if block + 1 < count:
            heapq.heappush(due, (when + 0.1, number, block + 1))
    cpu = time.process_time() - cpu
    found = latency(delays)
    shown, gone = (sum(getattr(one, name) for one in steadiness) for name in ("shown", "taken_back"))
    return {
        "final after, ms": f"{chunk * frame_ms:.0f}",
        "shown after, ms": f"{(live or chunk) * frame_ms:.0f}",
        "delay p50, ms": f"{1000 * found.median_seconds:.1f}",
        "p95": f"{1000 * found.p95_seconds:.1f}",
        "p99": f"{1000 * found.p99_seconds:.1f}",
        "most": f"{1000 * max(delays):.1f}",
        "words taken back": f"{gone / max(1, shown):.1%}",
        "real-time factor of a stream": f"{cpu / (options.seconds * options.streams):.4f}",
    }


def long_stream(recognizer: Any, minutes: int) -> dict[str, Any]:
    """One long stream: growth of memory behind its second minute, and drift of word times."""
    audio, period = endless(recognizer)
    stream = recognizer.create_stream()
    blocks = minutes * 60 * RATE // BLOCK
    around = np.append(audio, audio[:BLOCK])
    memory = []
    cpu = time.process_time()
    for block in range(blocks):
        first = block * BLOCK % len(audio)
        stream.accept(around[first : first + BLOCK])
        if block % 10 == 0:
            stream.result()
        if block % 600 == 599:
            memory.append(resident_mb())
    words = stream.finish().words
    cpu = time.process_time() - cpu
    return {
        "stream": f"{minutes} minutes, {len(words):,} words",
        "real-time factor": f"{cpu / (minutes * 60):.4f}",
        "memory after 2 minutes, MB": f"{memory[1]:.0f}",
        "growth since, MB": f"{memory[-1] - memory[1]:.1f}",
        "largest drift of a word, s": f"{drift(words, period, minutes * 60):.3f}",
    }


def drift(words: Sequence[Any], period: float, total: float) -> float:
    """How far words of the last whole period stand from those of the second, one period or many later."""
    last = int(total // period) - 1

    def of(number: int) -> list[tuple[str, float]]:
        start = number * period
        inside = [word for word in words if start + 2.0 <= word.start_seconds < start + period - 2.0]
        return [(word.word, word.start_seconds - start) for word in inside]

    early, late = of(1), of(last)
    if [word for word, _ in early] != [word for word, _ in late]:
        sys.exit(f"the texts of two periods differ:\n{early}\n{late}")
    return max(abs(a - b) for (_, a), (_, b) in zip(early, late, strict=True))


def endless(recognizer: Any) -> tuple[np.ndarray, float]:
    """The examples with pauses, padded to a whole number of chunks; and its length in seconds."""
    from vivavoce.audio import read_waveform

    examples = [read_waveform(path, RATE) for path in sorted(EXAMPLES.glob("*.flac"))]
    audio = np.concatenate([np.append(x, np.zeros(RATE // 2, np.float32)) for x in examples])
    bundle = recognizer.bundle
    chunk = recognizer.chunk_frames * bundle.model.subsampling * bundle.features.hop_length
    audio = np.append(audio, np.zeros(-len(audio) % chunk, np.float32))
    return audio, len(audio) / RATE


def resident_mb() -> float:
    """Megabytes (10^6 bytes) that this process holds now."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status has no VmRSS; memory can be measured on Linux only.")


if __name__ == "__main__":
    main()
