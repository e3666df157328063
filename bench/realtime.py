"""The default recogniser on one thread: real-time factor, start-up and peak memory, on short files and on an hour,
greedily and with its lexicon and language model.

    python bench/realtime.py                     the bundle inside the package
    python bench/realtime.py --bundle my-bundle

The audio is the repository's own examples, with pauses, repeated: speed hardly depends on what is said. Every figure is
of `viva transcribe`'s code: reading the file, features, encoder, decoding. The real-time factor is CPU seconds over
seconds of audio; memory is the peak of a whole process that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

import timing

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SAMPLE_RATE = 16000
# What one fresh process does: import, open, first result, then all the files, and say what it cost.
PROCESS = """
import json, sys, time
began, began_cpu = time.perf_counter(), time.process_time()
from vivavoce.runtime.recognizer import Recognizer
bundle, decoder, chunk, *files = json.loads(sys.argv[1])
recognizer = Recognizer(bundle, decoder=decoder)
opened = time.perf_counter() - began
recognizer.transcribe(files[0])
first = time.perf_counter() - began
cpu, wall = time.process_time(), time.perf_counter()
seconds = sum(recognizer.transcribe(file).duration_seconds for file in files)
# Not getrusage: its maximum begins with what the starting process held.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "opened": opened, "first": first, "seconds": seconds, "cpu": time.process_time() - cpu,
    "wall": time.perf_counter() - wall, "peak_mb": int(peak.split()[1]) * 1024 / 1e6,
}))
if chunk:
    import numpy as np
    from vivavoce.audio import read_waveform
    waveform = read_waveform(files[-1])[: 120 * 16000]
    stream, cost = recognizer.create_stream(), []
    for start in range(0, len(waveform), chunk):
        began = time.process_time()
        stream.accept(waveform[start : start + chunk])
        stream.result()
        cost.append(time.process_time() - began)
    print(json.dumps({"median_ms": 1000 * float(np.median(cost)), "p99_ms": 1000 * float(np.quantile(cost, 0.99)),
                      "total": sum(cost) / len(waveform) * 16000}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", help="bundle to measure; the package's own if not given")
    parser.add_argument("--decoder", nargs="+", default=["greedy", "lexicon"], help="default: greedy lexicon")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes for each row (default 5)")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(timing.THREAD_VARIABLES, "1"))
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        short, hour = write_audio(Path(folder))
        audio = (("64 files of 2 to 6 s", short), ("one file of 60 minutes", [hour]))
        timing.print_table([row(decoder, *what, options) for decoder in options.decoder for what in audio])
        for decoder in options.decoder:
            stream = process(options.bundle, decoder, SAMPLE_RATE // 10, [hour])[1]
            print(
                f"\nlive, {decoder}, fed 100 ms at a time, the text read each time: {stream['median_ms']:.2f} ms a "
                f"piece (median), {stream['p99_ms']:.1f} ms (99th percentile, a chunk is computed), real-time factor "
                f"{stream['total']:.4f}"
            )


def row(decoder: str, name: str, files: list[str], options: argparse.Namespace) -> dict[str, object]:
    """Medians over fresh processes."""
    runs = [process(options.bundle, decoder, 0, files)[0] for _ in range(options.rounds)]
    return {
        "decoder": decoder,
        "audio": f"{name} ({runs[0]['seconds']:,.0f} s)",
        "real-time factor (CPU)": f"{median(run['cpu'] / run['seconds'] for run in runs):.5f}",
        "(wall clock)": f"{median(run['wall'] / run['seconds'] for run in runs):.5f}",
        "import and open, s": f"{median(run['opened'] for run in runs):.2f}",
        "peak MB": f"{max(run['peak_mb'] for run in runs):.0f}",
    }


def process(bundle: str | None, decoder: str, chunk: int, files: list[str]) -> list[dict[str, float]]:
    """What a fresh process reports."""
    command = [sys.executable, "-c", PROCESS, json.dumps([bundle, decoder, chunk, *files])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def write_audio(folder: Path) -> tuple[list[str], str]:
    """64 short FLAC files and one of an hour, out of the examples."""
    from vivavoce.audio import read_waveform, write_waveform

    examples = [read_waveform(path, SAMPLE_RATE) for path in sorted(EXAMPLES.glob("*.flac"))]
    rng = np.random.default_rng(0)
    long = np.concatenate([np.append(x, np.zeros(SAMPLE_RATE // 2, np.float32)) for x in examples * 20])
    short = []
    for number in range(64):
        start = int(rng.integers(0, len(long) - 6 * SAMPLE_RATE))
        short.append(str(folder / f"{number}.flac"))
        write_waveform(
            short[-1], long[start : start + int(rng.integers(2 * SAMPLE_RATE, 6 * SAMPLE_RATE))], SAMPLE_RATE
        )
    hour = folder / "hour.flac"
    write_waveform(hour, np.resize(long, 3600 * SAMPLE_RATE), SAMPLE_RATE)
    return short, str(hour)


if __name__ == "__main__":
    main()
