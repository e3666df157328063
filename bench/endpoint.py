"""Who speaks when, frame by frame, in noise: ours beside webrtcvad and silero-vad, on the same sounds, in one run.

    python bench/endpoint.py manifests/librispeech-test.jsonl manifests/common_voice-test.jsonl

Test recordings with quiet backgrounds are joined with pauses to scenes of half a minute, which are heard without noise
and with each noise of the test half (`augment.noise.is_test_noise`) at several ratios; every scene is the same at all
ratios. What is speech is told by a rule over the levels of the clean recordings (`data.speech_frames`); 10 ms frames
of which the rule is not sure do not count, nor does anyone's answer to them. `--all-frames` counts them too.

Ours and silero-vad answer with a probability, taken at 0.5 for precision, recall and F1; "best F1" is that of the best
threshold. webrtcvad answers yes or no in four modes: the mode with the best F1 of each table is shown, and the number
of modes that say yes stands for a probability in the average precision. Answers for pieces of 30 or 32 ms count for the
10 ms frames whose middle they hold. "False alarms" is the share of frames of noise alone that is called speech.

webrtcvad runs in a virtual environment of its own, made for the run (or --peer-python). silero-vad's graph is read out
of its wheel (or --silero FILE.onnx) and run by onnxruntime as its own wrapper does, without PyTorch: 512 samples a
call, with the 64 before them. Times are CPU seconds for a second of audio, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import timing

RATE, HOP, WIN = 16000, 160, 400
SCENE_SECONDS = 30
WEBRTC, SILERO = "webrtcvad-wheels==2.0.14.post1", "silero-vad==6.2.3"
GRAPH = "silero_vad/data/silero_vad.onnx"
BEGIN = """
import json, sys, time
import numpy as np
listing, out, *more = sys.argv[1:]
paths, cpu, seconds = json.load(open(listing)), {}, 0.0
"""
END = """
np.savez(out, **{str(i): a for i, a in enumerate(answers)})
print(json.dumps({name: value / seconds for name, value in cpu.items()}))
"""
OURS = """
from vivavoce.runtime.endpoint import VoiceActivity
stream, answers = VoiceActivity(more[0] or None), []
stream.probabilities(np.zeros(16000, np.float32))
cpu = {"whole files": 0.0, "live, 30 ms at a time": 0.0}
for number, path in enumerate(paths):
    samples = np.fromfile(path, dtype="<i2").astype(np.float32) / 32768
    seconds += len(samples) / 16000
    start = time.process_time()
    answers.append(stream.probabilities(samples))
    cpu["whole files"] += time.process_time() - start
    if number < 3:
        start = time.process_time()
        live = [stream.accept(samples[i : i + 480]) for i in range(0, len(samples), 480)] + [stream.finish()]
        cpu["live, 30 ms at a time"] += (time.process_time() - start) * len(paths) / min(3, len(paths))
        assert np.array_equal(np.concatenate(live), answers[-1])
"""
WEBRTC_PROGRAM = """
import webrtcvad
answers, cpu = [], {"30 ms at a time": 0.0}
for path in paths:
    samples = open(path, "rb").read()
    seconds += len(samples) / 32000
    pieces = [samples[i : i + 960] for i in range(0, len(samples) - 959, 960)]
    modes = []
    for mode in range(4):
        vad = webrtcvad.Vad(mode)
        start = time.process_time()
        modes.append([vad.is_speech(piece, 16000) for piece in pieces])
        cpu["30 ms at a time"] += (time.process_time() - start) / 4
    answers.append(np.array(modes, dtype=np.float32))
"""
SILERO_PROGRAM = """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 4
session = onnxruntime.InferenceSession(more[0], options, providers=["CPUExecutionProvider"])
rate, answers, cpu = np.array(16000, np.int64), [], {"32 ms at a time": 0.0}
for path in paths:
    samples = np.fromfile(path, dtype="<i2").astype(np.float32) / 32768
    seconds += len(samples) / 16000
    start = time.process_time()
    state, context, told = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32), []
    for i in range(0, len(samples) - 511, 512):
        piece = np.concatenate([context, samples[None, i : i + 512]], axis=1)
        probability, state = session.run(None, {"input": piece, "state": state, "sr": rate})
        context = piece[:, -64:]
        told.append(probability[0, 0])
    cpu["32 ms at a time"] += time.process_time() - start
    answers.append(np.array(told, dtype=np.float32))
"""


@dataclass
class Scene:
    """clean (N,) speech and pauses; noise (N,) at the level of the speech; speech and counts (T,) by 10 ms frames."""

    clean: NDArray[np.float32]
    noise: NDArray[np.float32]
    speech: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    gain: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="test recordings, made by `viva prepare`")
    parser.add_argument("--noise", type=Path, default=Path("../shared/data/noise"), help="folder of noises")
    parser.add_argument("--minutes", type=float, default=15.0, help="audio at every ratio (default 15)")
    parser.add_argument("--snr", type=float, nargs="+", default=[0.0, 5.0, 10.0, 15.0, 20.0], help="ratios in dB")
    parser.add_argument("--bundle", default="", help="bundle to measure; the package's own if not given")
    parser.add_argument("--all-frames", action="store_true", help="count frames too of which the rule is not sure")
    parser.add_argument("--peer-python", help=f"Python of an environment that has {WEBRTC} and numpy")
    parser.add_argument("--silero", help=f"{GRAPH} out of the wheel of {SILERO}")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(timing.THREAD_VARIABLES, "1"))
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    scenes = make_scenes(options.manifests, options.noise, round(options.minutes * 60 / SCENE_SECONDS))
    counts = [scene.counts | options.all_frames for scene in scenes]
    share = np.mean([c.mean() for c in counts])
    print(f"{len(scenes)} scenes of {SCENE_SECONDS} s at each ratio; {share:.1%} of the frames count")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        peer = options.peer_python or make_environment(Path(folder) / "peer")
        graph = options.silero or fetch_graph(Path(folder))
        candidates = {
            "vivavoce": [sys.executable, "-c", BEGIN + OURS + END, options.bundle],
            "silero-vad": [sys.executable, "-c", BEGIN + SILERO_PROGRAM + END, graph],
            "webrtcvad": [peer, "-c", BEGIN + WEBRTC_PROGRAM + END],
        }
        heard = [("noise alone", None), *((f"{snr:g} dB", snr) for snr in options.snr), ("no noise", np.inf)]
        cpu: dict[str, dict[str, list[float]]] = {name: {} for name in candidates}
        alone: dict[str, NDArray[np.float32]] = {}
        for title, snr in heard:
            listing = write_audio(scenes, snr, Path(folder))
            rows = []
            for name, command in candidates.items():
                scores, times = answers(command, listing, Path(folder), [len(scene.speech) for scene in scenes])
                for what, value in times.items():
                    cpu[name].setdefault(what, []).append(value)
                if snr is None:
                    alone[name] = scores
                else:
                    truth = np.concatenate([s.speech[c] for s, c in zip(scenes, counts, strict=True)])
                    rows.append(score(name, truth, scores[:, np.concatenate(counts)], alone[name]))
            if rows:
                print(f"\n{title}")
                timing.print_table([shown(row) for row in rows])
                results[title] = rows
    print()
    times = [
        {"detector": name, "how": how, "CPU seconds a second": f"{np.median(values):.5f}"}
        for name, found in cpu.items()
        for how, values in found.items()
    ]
    timing.print_table(times)
    if options.json:
        options.json.write_text(json.dumps({"frames": results, "times": times}, indent=1) + "\n", encoding="utf-8")


def make_scenes(manifests: Sequence[Path], noise_folder: Path, count: int) -> list[Scene]:
    """Scenes of utterances that can be labelled, taken from the manifests in turns; noises in turns too."""
    from vivavoce.augment.level import active_power
    from vivavoce.augment.noise import NoiseLibrary
    from vivavoce.augment.waveform import mean_power

    rng = np.random.default_rng(7)
    noises = NoiseLibrary.from_folder(noise_folder, RATE, part="test")
    order = rng.permutation(len(noises))
    speech = Utterances(manifests, rng)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = conversation(speech, rng)
        name = noises.names[order[len(scenes) % len(order)]]
        noise = noises.excerpt(name, int(rng.integers(noises.num_samples(name))), len(scene.clean))
        level = np.sqrt(active_power(scene.clean, RATE) / max(mean_power(noise), 1e-12))
        scene.noise = noise * np.float32(level)
        scenes.append(scene)
    print(f"{len(noises)} test noises; utterances clean enough to be labelled: {speech.told()}")
    return scenes


class Utterances:
    """Labelled test utterances, from one manifest after the other."""

    def __init__(self, manifests: Sequence[Path], rng: np.random.Generator) -> None:
        from vivavoce.data.manifest import read_manifest

        self.lists = {}
        for path in manifests:
            rows = [row for row in read_manifest(path) if row.duration_seconds <= 15.0]
            if any(row.extra.get("part") != "test" for row in rows):
                sys.exit(f"{path} holds utterances that are not of a test part; expected test recordings.")
            self.lists[path.stem] = [rows[i] for i in rng.permutation(len(rows))]
        self.tried, self.kept = dict.fromkeys(self.lists, 0), dict.fromkeys(self.lists, 0)
        self.turn = 0

    def next(self) -> tuple[NDArray[np.float32], Any]:
        """The next clean utterance, at an active level of 0.05, and its labels."""
        from vivavoce.audio import read_waveform
        from vivavoce.augment.level import active_power
        from vivavoce.data.speech_frames import speech_frames

        while True:
            name = list(self.lists)[self.turn % len(self.lists)]
            self.turn += 1
            rows = self.lists[name]
            row = rows[self.tried[name] % len(rows)]
            self.tried[name] += 1
            waveform = read_waveform(row.audio, RATE)
            labels = speech_frames(waveform, RATE)
            if labels is not None:
                self.kept[name] += 1
                return waveform * np.float32(0.05 / np.sqrt(active_power(waveform, RATE))), labels

    def told(self) -> str:
        """How many were usable, by manifest."""
        return ", ".join(f"{name} {self.kept[name]} of {self.tried[name]}" for name in self.lists)


def conversation(speech: Utterances, rng: np.random.Generator) -> Scene:
    """Utterances with pauses of up to three seconds, each up to 4 dB louder or softer."""
    samples = SCENE_SECONDS * RATE
    frames = 1 + (samples - WIN) // HOP
    scene = Scene(
        np.zeros(samples, np.float32), np.zeros(0, np.float32), np.zeros(frames, bool), np.ones(frames, bool), 0.0
    )
    place = int(rng.integers(0, 200))
    while place < frames - 100:
        waveform, labels = speech.next()
        piece = waveform[: samples - place * HOP] * np.float32(10.0 ** (rng.uniform(-4.0, 4.0) / 20.0))
        scene.clean[place * HOP : place * HOP + len(piece)] = piece
        count = min(len(labels.speech), frames - place)
        scene.speech[place : place + count] = labels.speech[:count]
        scene.counts[place : place + count] = labels.sure[:count]
        # Frames half inside of the recording have no label.
        scene.counts[max(0, place - 2) : place] = scene.counts[place + count : place + count + 2] = False
        place += len(labels.speech) + 3 + int(rng.integers(0, 300))
    scene.gain = float(10.0 ** (rng.uniform(-20.0, 6.0) / 20.0))
    return scene


def write_audio(scenes: Sequence[Scene], snr_db: float | None, folder: Path) -> Path:
    """Scenes at a ratio as 16-bit samples, and their listing; None: the noise alone, as loud as at 10 dB."""
    paths = []
    for number, scene in enumerate(scenes):
        noise = scene.noise * np.float32(10.0 ** (-(10.0 if snr_db is None else snr_db) / 20.0))
        mixed = scene.gain * (noise if snr_db is None else scene.clean + noise)
        mixed = mixed * min(1.0, 0.99 / max(float(np.abs(mixed).max()), 1e-9))
        paths.append(str(folder / f"{number}.s16"))
        np.rint(mixed * 32767).astype("<i2").tofile(paths[-1])
    listing = folder / "files.json"
    listing.write_text(json.dumps(paths))
    return listing


def answers(
    command: Sequence[str], listing: Path, folder: Path, frames: Sequence[int]
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Run one detector: (M, all frames) scores, M being its modes, and CPU seconds a second of audio."""
    out = folder / "answers.npz"
    program, *more = command[2:]
    done = subprocess.run([*command[:2], program, str(listing), str(out), *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    with np.load(out) as stored:
        told = [np.atleast_2d(stored[str(number)]) for number in range(len(frames))]
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return np.concatenate([by_frame(row, count) for row, count in zip(told, frames, strict=True)], axis=1), times


def by_frame(told: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """(M, K) answers -> (M, frames): each frame gets the answer for the piece that holds its middle."""
    if told.shape[1] == frames:
        return told
    piece = 480 if told.shape[0] == 4 else 512
    middles = np.arange(frames) * HOP + WIN // 2
    return told[:, np.minimum(middles // piece, told.shape[1] - 1)]


def score(
    name: str, truth: NDArray[np.bool_], scores: NDArray[np.float32], alone: NDArray[np.float32]
) -> dict[str, Any]:
    """One line: (M, K) scores of the frames that count, and (M, L) of noise alone."""
    from vivavoce.metrics.detection import average_precision, best_f1, detection

    counted = [detection(truth, row >= 0.5) for row in scores]
    best = max(range(len(counted)), key=lambda mode: counted[mode].f1)
    total = scores.sum(axis=0)
    return {
        "detector": name if len(counted) == 1 else f"{name}, mode {best}",
        "precision": counted[best].precision,
        "recall": counted[best].recall,
        "F1": counted[best].f1,
        "best F1": best_f1(truth, total)[0],
        "average precision": average_precision(truth, total),
        "false alarms": float((alone[best] >= 0.5).mean()),
    }


def shown(row: dict[str, Any]) -> dict[str, str]:
    """For reading."""
    return {key: value if isinstance(value, str) else f"{value:.4f}" for key, value in row.items()}


def make_environment(folder: Path) -> str:
    """A virtual environment with webrtcvad alone; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", WEBRTC, "numpy"], check=True)
    return python


def fetch_graph(folder: Path) -> str:
    """silero-vad's graph out of its wheel, which is not installed: importing it needs PyTorch."""
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), SILERO], check=True)
    with zipfile.ZipFile(next(folder.glob("silero_vad*.whl"))) as wheel:
        return wheel.extract(GRAPH, folder)


if __name__ == "__main__":
    main()
