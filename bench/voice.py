"""The voice on one thread: start-up, time to first audio and real-time factor, beside espeak-ng and flite, in one run.

    python bench/voice.py                      the voice inside the package
    python bench/voice.py --bundle my-voice --rounds 9

Everyone says the same text, each time in a fresh process; candidates take turns, and medians are printed. Ours is
`Synthesizer.stream`: first audio is its first piece that is not silent, counted from the call, since a product opens
its voice once; import and opening stand apart. "At once" is the first call of the process, the other figures are of
the second. espeak-ng (formants) writes sound as it makes it, so its first audio is its first samples; flite (slt,
clustergen, and kal, diphones) writes a file when all is done. Their start-up is in their figures. The real-time factor
is CPU seconds over seconds of audio, silences included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from statistics import median

import timing

PARAGRAPH = """\
On the first morning of spring, at a quarter past six, the ferry left the harbour with only 23 people on board. \
Nobody spoke. The captain, who had crossed this water more than 4,000 times, looked at the sky, and then at the \
old brass clock above the door. "We shall be late," he said, "but we shall be there." By noon the wind had \
turned, the rain had stopped, and somewhere behind the islands a bell was ringing. Would anyone be waiting for \
them? A girl in a yellow coat stood alone at the end of the pier, holding a letter that cost her $1.50 to send, \
and nine years to write."""
SENTENCE = "Good morning, your train leaves at seven from platform two."
HEADER_BYTES = 44

# What one fresh process does: import, open, all the texts, and say what it cost.
PROCESS = """
import json, sys, time
began = time.perf_counter()
from vivavoce.runtime.synthesizer import Synthesizer
bundle, *texts = json.loads(sys.argv[1])
synthesizer = Synthesizer(bundle)
opened = time.perf_counter() - began
results = []
for text in texts:
    cpu, wall, first, samples = time.process_time(), time.perf_counter(), None, 0
    for piece in synthesizer.stream(text):
        if first is None and piece.any():
            first, first_cpu = time.perf_counter() - wall, time.process_time() - cpu
        samples += len(piece)
    results.append({"first": first, "first_cpu": first_cpu, "cpu": time.process_time() - cpu,
                    "wall": time.perf_counter() - wall, "seconds": samples / synthesizer.sample_rate})
# Not getrusage: its maximum begins with what the starting process held.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"opened": opened, "peak_mb": int(peak.split()[1]) * 1024 / 1e6, "results": results}))
"""

Run = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", help="voice to measure; the package's own if not given")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes for each candidate (default 5)")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(timing.THREAD_VARIABLES, "1"))
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    candidates: dict[str, Callable[[str], Run]] = {"vivavoce": lambda text: ours(options.bundle, text)}
    if shutil.which("espeak-ng"):
        candidates["espeak-ng"] = espeak
    if shutil.which("flite"):
        candidates["flite slt"] = lambda text: flite("slt", text)
        candidates["flite kal"] = lambda text: flite("kal", text)
    for name, text in (("a sentence", SENTENCE), ("a paragraph", PARAGRAPH)):
        runs: dict[str, list[Run]] = {candidate: [] for candidate in candidates}
        for _ in range(options.rounds):
            for candidate, call in candidates.items():
                runs[candidate].append(call(text))
        print(f"\n{name}, {len(text.split())} words")
        timing.print_table([row(candidate, done) for candidate, done in runs.items()])


def row(name: str, runs: list[Run]) -> dict[str, object]:
    """Medians over fresh processes."""

    def shown(key: str, form: str) -> str:
        values = [run[key] for run in runs if key in run]
        return format(median(values), form) if values else "-"

    return {
        "voice": name,
        "speech, s": shown("seconds", ".1f"),
        "first audio, s": shown("first", ".3f"),
        "(CPU)": shown("first_cpu", ".3f"),
        "at once, s": shown("cold", ".3f"),
        "real-time factor (CPU)": f"{median(run['cpu'] / run['seconds'] for run in runs):.4f}",
        "(wall clock)": f"{median(run['wall'] / run['seconds'] for run in runs):.4f}",
        "import and open, s": shown("opened", ".2f"),
        "peak MB": shown("peak_mb", ".0f"),
    }


def ours(bundle: str | None, text: str) -> Run:
    """A fresh process that says the text twice."""
    arguments = json.dumps([bundle, text, text])
    done = subprocess.run([sys.executable, "-c", PROCESS, arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    report = json.loads(done.stdout)
    cold, warm = report["results"]
    return {**warm, "cold": cold["first"], "opened": report["opened"], "peak_mb": report["peak_mb"]}


def espeak(text: str) -> Run:
    """Its samples through a pipe, 16-bit at the rate that its header tells."""
    began, before = time.perf_counter(), children_cpu()
    with subprocess.Popen(["espeak-ng", "-v", "en-us", "--stdout", text], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        header = process.stdout.read(HEADER_BYTES)
        first = process.stdout.read(2)
        first_seconds = time.perf_counter() - began
        samples = (len(first) + len(process.stdout.read())) // 2
    wall = time.perf_counter() - began
    rate = int.from_bytes(header[24:28], "little")
    return {"first": first_seconds, "cpu": children_cpu() - before, "wall": wall, "seconds": samples / rate}


def flite(voice: str, text: str) -> Run:
    """The file is there when all of it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        began, before = time.perf_counter(), children_cpu()
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        wall, cpu = time.perf_counter() - began, children_cpu() - before
        with wave.open(str(path)) as file:
            seconds = file.getnframes() / file.getframerate()
    return {"first": wall, "cpu": cpu, "wall": wall, "seconds": seconds}


def children_cpu() -> float:
    """CPU seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
