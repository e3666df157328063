"""Word errors and speed of whole recognisers on the same recordings, one after the other, in one run.

    python bench/recognisers.py manifests/librispeech-test.jsonl --limit 60

pocketsphinx 5.1.1 runs with the acoustic and language model that its wheel brings, in a virtual environment of its own
that is made for the run (or given by --peer-python). Ours runs the bundle inside the package: greedily, and with its
language model by spelling and by sound. Everyone's text passes the same scoring normaliser; the real-time factor is
CPU seconds on one thread over seconds of audio. Files are decoded to 16-bit samples beforehand, for all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import timing

PEER = "pocketsphinx==5.1.1"
# Not getrusage for the peak: its maximum begins with what the starting process held.
REPORT = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"texts": texts, "cpu": cpu, "peak_mb": int(peak.split()[1]) * 1024 / 1e6}))
"""
SPHINX = """
import json, sys, time
import pocketsphinx
decoder = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL")
texts, cpu = [], 0.0
for path in json.load(open(sys.argv[1])):
    samples = open(path, "rb").read()
    start = time.process_time()
    decoder.reinit_feat()  # else what it heard before decides what it hears now
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    texts.append(hypothesis.hypstr if hypothesis else "")
    cpu += time.process_time() - start
"""
OURS = """
import json, sys, time
import numpy as np
from vivavoce.runtime.recognizer import Recognizer
recognizer = Recognizer(sys.argv[2] or None, decoder=sys.argv[3])
texts, cpu = [], 0.0
for path in json.load(open(sys.argv[1])):
    samples = np.fromfile(path, dtype="<i2")
    start = time.process_time()
    texts.append(recognizer.transcribe(samples.astype(np.float32) / 32768).text)
    cpu += time.process_time() - start
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="made by `viva prepare`")
    parser.add_argument("--bundle", default="", help="bundle to measure; the package's own if not given")
    parser.add_argument("--limit", type=int, default=0, help="only this many utterances of each, evenly spread")
    parser.add_argument("--peer-python", help=f"Python of an environment that has {PEER}")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(timing.THREAD_VARIABLES, "1"))
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        peer = options.peer_python or make_environment(Path(folder) / "peer")
        for manifest in options.manifests:
            compare(manifest, options, peer, Path(folder))


def compare(manifest: Path, options: argparse.Namespace, peer: str, folder: Path) -> None:
    """One table: every recogniser on one manifest."""
    from vivavoce.audio import read_waveform
    from vivavoce.data.manifest import read_manifest

    utterances = read_manifest(manifest)
    if options.limit:
        utterances = utterances[:: max(1, len(utterances) // options.limit)][: options.limit]
    paths = []
    for number, utterance in enumerate(utterances):
        waveform = read_waveform(utterance.audio)
        first = round(utterance.offset_seconds * 16000)
        if utterance.offset_seconds:
            waveform = waveform[first : first + round(utterance.duration_seconds * 16000)]
        paths.append(str(folder / f"{number}.s16"))
        np.clip(np.rint(waveform * 32768), -32768, 32767).astype("<i2").tofile(paths[-1])
    listing = folder / "files.json"
    listing.write_text(json.dumps(paths))
    seconds = sum(Path(path).stat().st_size for path in paths) / 32000
    print(f"\n{manifest.stem}: {len(utterances)} utterances, {seconds:,.0f} s")
    arguments = [str(listing), options.bundle]
    timing.print_table(
        [
            *(
                score(f"vivavoce, {name}", [sys.executable, "-c", OURS + REPORT, *arguments, name], utterances, seconds)
                for name in ("greedy", "words", "lexicon")
            ),
            score(PEER.replace("==", " "), [peer, "-c", SPHINX + REPORT, str(listing)], utterances, seconds),
        ]
    )


def score(name: str, command: Sequence[str], utterances: Sequence[Any], seconds: float) -> dict[str, str]:
    """Run one recogniser and score its texts."""
    from vivavoce.evaluation.reports import wer_report

    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    result = json.loads(done.stdout.splitlines()[-1])
    total = wer_report(list(zip(utterances, result["texts"], strict=True))).rows[0]
    return {
        "recogniser": name,
        "word errors": f"{total.wer.value:.1%} ({total.wer.low:.1%} to {total.wer.high:.1%})",
        "real-time factor": f"{result['cpu'] / seconds:.4f}",
        "peak MB": f"{result['peak_mb']:.0f}",
    }


def make_environment(folder: Path) -> str:
    """A virtual environment with the peer alone; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True)
    return python


if __name__ == "__main__":
    main()
