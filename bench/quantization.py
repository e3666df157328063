"""What int8 costs and buys: float32, int8 weights (ours), and dynamic int8, on the same model and recordings.

    python bench/quantization.py runs/asr-small manifests/librispeech-test.jsonl

For each: size of the graph, word errors (greedy, the bundle's own code), CPU real-time factor of the whole recogniser
on one thread, and two probes of whether a result depends on what stands beside it: the largest change of any
log-probability when a ten times louder neighbour joins the batch, and how many utterances read otherwise live than
from a file. Dynamic int8 is onnxruntime's `quantize_dynamic`, MatMul only, by channel.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of `viva train`, or one checkpoint in it")
    parser.add_argument("manifest", type=Path, help="test utterances, made by `viva prepare`")
    parser.add_argument("--limit", type=int, default=0, help="only this many utterances, evenly spread")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        # Numeric libraries read these when they are imported, so the script starts again with them.
        os.execve(
            sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(timing.THREAD_VARIABLES, "1")}
        )

    from vivavoce.audio import read_waveform
    from vivavoce.data.manifest import read_manifest

    utterances = read_manifest(options.manifest)
    if options.limit:
        utterances = utterances[:: max(1, len(utterances) // options.limit)][: options.limit]
    waveforms = [read_waveform(utterance.audio) for utterance in utterances]
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}; {len(utterances)} utterances")
    with tempfile.TemporaryDirectory() as folder:
        variants = write_variants(options.run, options.manifest, Path(folder))
        timing.print_table(
            [row(name, path, [u.text for u in utterances], waveforms) for name, path in variants.items()]
        )


def write_variants(run: Path, manifest: Path, folder: Path) -> dict[str, Path]:
    """Bundles of the same model: float32 by `viva export`, the others by quantising its graph."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from vivavoce.cli.export import export
    from vivavoce.export.quantize import quantize_weights

    plain, weights, dynamic = folder / "fp32", folder / "weights", folder / "dynamic"
    stdout, sys.stdout = sys.stdout, sys.stderr  # the export's own report is not this bench's
    try:
        export(run, plain, [manifest], precision="fp32", limit=2)
    finally:
        sys.stdout = stdout
    for path in (weights, dynamic):
        shutil.copytree(plain, path)
    quantize_weights(plain / "model.onnx", weights / "model.onnx")
    quantize_dynamic(
        plain / "model.onnx",
        dynamic / "model.onnx",
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )
    for path in (weights, dynamic):
        facts = json.loads((path / "bundle.json").read_text())
        facts["model"]["sha256"] = hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest()
        (path / "bundle.json").write_text(json.dumps(facts))
    return {"float32": plain, "int8 weights": weights, "dynamic int8": dynamic}


def row(name: str, bundle: Path, references: Sequence[str], waveforms: Sequence[NDArray[np.float32]]) -> dict[str, str]:
    """One line of the table."""
    from vivavoce.metrics.error_rate import error_rate
    from vivavoce.runtime.recognizer import Recognizer
    from vivavoce.text.normalize import normalize_for_scoring

    recognizer = Recognizer(bundle)
    recognizer.transcribe(waveforms[0])
    start = time.process_time()
    texts = [recognizer.transcribe(waveform).text for waveform in waveforms]
    used = time.process_time() - start
    changed = sum(live(recognizer, waveform) != text for waveform, text in zip(waveforms[:50], texts, strict=False))
    wer = error_rate([normalize_for_scoring(text) for text in references], [normalize_for_scoring(t) for t in texts])
    return {
        "weights": name,
        "MB": f"{(bundle / 'model.onnx').stat().st_size / 1e6:.2f}",
        "word errors": f"{wer.rate:.2%}",
        "real-time factor": f"{used / sum(map(len, waveforms)) * 16000:.5f}",
        "change by a louder neighbour": f"{neighbour(recognizer, waveforms[0], waveforms[1]):.2g}",
        "live unlike file": f"{changed} of {min(50, len(waveforms))}",
    }


def live(recognizer, waveform: NDArray[np.float32]) -> str:  # type: ignore[no-untyped-def]
    """The text of a waveform that comes in pieces of 100 ms."""
    stream = recognizer.create_stream()
    for start in range(0, len(waveform), 1600):
        stream.accept(waveform[start : start + 1600])
    return str(stream.finish().text)


def neighbour(recognizer, waveform: NDArray[np.float32], other: NDArray[np.float32]) -> float:  # type: ignore[no-untyped-def]
    """How far the log-probabilities of a waveform move when another, ten times louder, is computed with it."""
    from vivavoce.dsp.features import features
    from vivavoce.runtime.encoder import Encoder

    encoder = Encoder(recognizer.bundle)
    rows = [features(x, recognizer.bundle.features) for x in (waveform, np.clip(10 * other, -1, 1))]
    count = min(map(len, rows)) // 8
    batch = np.stack([row[: 8 * count] for row in rows])
    alone, beside = (
        encoder.run(batch[:size], np.full(size, count), recognizer.chunk_frames, encoder.initial_state(size))[0][0]
        for size in (1, 2)
    )
    return float(np.abs(alone - beside).max())


if __name__ == "__main__":
    main()
