"""Augmentation: seconds of audio per CPU second, ours and audiomentations' in turns, one thread.

    OMP_NUM_THREADS=1 python bench/augment.py [--data ../shared/data] [--utterances 24] [--runs 7]

Without audiomentations (`pip install audiomentations pyroomacoustics`, in an environment of its own) only ours is
measured. Both get the same utterances, noises and impulse responses, and draw anew for each utterance from ranges that
are as near as the two libraries allow. Where ours does less work a call, it keeps something: a pool of rooms (what its
making costs is printed apart) and half a minute of each colour of noise. Theirs keeps its sound files in memory as well
(its own cache, warmed before the timing). In one place ours does more: its gain looks at the peak, so as not to clip.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf

from vivavoce.audio import read_waveform
from vivavoce.augment.band_limit import BandLimit, telephone_filter
from vivavoce.augment.chain import Transform, default_recognition_chain
from vivavoce.augment.level import Level
from vivavoce.augment.noise import Noise, NoiseLibrary
from vivavoce.augment.pitch import Pitch
from vivavoce.augment.reverb import RecordedRooms, Reverb, RoomPool
from vivavoce.augment.spec_augment import SpecAugment
from vivavoce.augment.speed import Speed
from vivavoce.augment.tempo import Tempo
from vivavoce.augment.vtlp import Vtlp

RATE = 16000
Candidate = Callable[[], object]


def utterances(data: Path, count: int) -> list[np.ndarray]:
    """Real utterances where the data folder is at hand, else noise with the rhythm of speech."""
    files = sorted((data / "librispeech" / "train-dev-clean-12").rglob("*.mp3"))
    if files:
        return [read_waveform(path, RATE) for path in files[:: max(1, len(files) // count)][:count]]
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        num_samples = int(rng.uniform(3, 12) * RATE)
        rhythm = np.maximum(0, np.sin(2 * np.pi * 3 * np.arange(num_samples) / RATE))
        made.append((rng.standard_normal(num_samples) * rhythm * 0.1).astype(np.float32))
    return made


def write_sounds(folder: Path) -> None:
    """Four noises of 20 s and four responses of 0.4 s, as files for both libraries."""
    rng = np.random.default_rng(1)
    seconds = np.arange(int(0.4 * RATE)) / RATE
    for name in ("noise", "response"):
        (folder / name).mkdir()
    for number in range(4):
        sf.write(folder / "noise" / f"hum{number}.wav", rng.standard_normal(20 * RATE) * 0.05, RATE)
        response = rng.standard_normal(len(seconds)) * np.exp(-seconds * 12) * 0.1
        response[0] = 0.9
        sf.write(folder / "response" / f"room{number}.wav", response, RATE)


def over_all(transform: Transform, waveforms: list[np.ndarray]) -> Candidate:
    """Draw and apply for each utterance."""
    rng = np.random.default_rng(2)

    def run() -> None:
        for waveform in waveforms:
            transform.apply(waveform, transform.draw(rng, len(waveform), RATE))

    return run


def ours(folder: Path, waveforms: list[np.ndarray]) -> dict[str, Candidate]:
    library = NoiseLibrary.from_folder(folder / "noise", RATE, part="all")
    rooms = RoomPool(RATE)
    for index in range(len(rooms)):
        rooms.filter(index)
    transforms: dict[str, Transform] = {
        "gain": Level(),
        "clipping": Level(0.0, 0.0, clip_probability=1.0),
        "white noise": Noise(None, colours=("white",)),
        "pink noise": Noise(None, colours=("pink",)),
        "recorded noise": Noise(library, colour_probability=0.0),
        "recorded room": Reverb(RecordedRooms(sorted((folder / "response").glob("*.wav")), RATE)),
        "simulated room": Reverb(rooms),
        "speed": Speed((0.9, 1.1)),
        "tempo": Tempo(0.8, 1.25),
        "pitch": Pitch(-4.0, 4.0),
        "8 kHz and codec": BandLimit((8000,)),
        "default chain": default_recognition_chain(library, RATE, (0.9, 1.0, 1.1), rooms),
    }
    candidates = {name: over_all(transform, waveforms) for name, transform in transforms.items()}
    band = telephone_filter(RATE)
    candidates["band pass"] = lambda: [band.apply(waveform) for waveform in waveforms]
    rng = np.random.default_rng(3)
    features = [np.zeros((len(waveform) // 160, 80), np.float32) for waveform in waveforms]
    for name, transform in (("masks on features", SpecAugment()), ("vocal tract on features", Vtlp())):
        candidates[name] = lambda t=transform: [t.apply(f, t.draw(rng, *f.shape)) for f in features]
    return candidates


def theirs(folder: Path, waveforms: list[np.ndarray]) -> dict[str, Candidate]:
    """audiomentations' nearest transforms; empty where it is not installed."""
    try:
        import audiomentations as am
    except ImportError:
        return {}
    noise, response = str(folder / "noise"), str(folder / "response")

    def chain() -> object:
        return am.Compose(
            [
                am.Resample(14400, 17600, p=2 / 3),
                am.ApplyImpulseResponse(response, p=0.25),
                am.AddBackgroundNoise(noise, 5, 25, p=0.4),
                am.BandPassFilter(p=0.1),
                am.Gain(-20, 6, p=1),
            ]
        )

    transforms = {
        "gain": lambda: am.Gain(-20, 6, p=1),
        "clipping": lambda: am.ClippingDistortion(p=1),
        "white noise": lambda: am.AddGaussianSNR(5, 25, p=1),
        "pink noise": lambda: am.AddColorNoise(5, 25, -3.01, -3.01, p=1),
        "recorded noise": lambda: am.AddBackgroundNoise(noise, 5, 25, p=1),
        "recorded room": lambda: am.ApplyImpulseResponse(response, p=1),
        "simulated room": lambda: am.RoomSimulator(p=1),
        "speed": lambda: am.Resample(14400, 17600, p=1),
        "tempo": lambda: am.TimeStretch(0.8, 1.25, p=1),
        "pitch": lambda: am.PitchShift(-4, 4, p=1),
        "band pass": lambda: am.BandPassFilter(p=1),
        "default chain": chain,
    }
    candidates: dict[str, Candidate] = {}
    for name, make in transforms.items():
        try:
            transform = make()
        except ImportError as error:
            print(f"audiomentations, {name}: {error}")
            continue
        candidates[name] = lambda t=transform: [t(samples=w, sample_rate=RATE) for w in waveforms]  # type: ignore[operator]
    return candidates


def in_turns(candidates: dict[str, Candidate], runs: int) -> dict[str, float]:
    """Median CPU seconds of each, A B C A B C, so that a busy machine hits all alike."""
    spent: dict[str, list[float]] = {name: [] for name in candidates}
    for run in range(runs + 1):
        for name, candidate in candidates.items():
            gc.collect()
            begin = time.process_time()
            candidate()
            if run:  # the first round warms caches
                spent[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("VIVAVOCE_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--utterances", type=int, default=24)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    waveforms = utterances(arguments.data, arguments.utterances)
    seconds = sum(map(len, waveforms)) / RATE
    with tempfile.TemporaryDirectory() as name:
        write_sounds(Path(name))
        mine, peers = ours(Path(name), waveforms), theirs(Path(name), waveforms)
        spent = in_turns(
            {f"ours {k}": v for k, v in mine.items()} | {f"theirs {k}": v for k, v in peers.items()}, arguments.runs
        )
    begin = time.process_time()
    pool = RoomPool(RATE, seed=1)
    for index in range(len(pool)):
        pool.filter(index)
    pool_seconds = time.process_time() - begin
    if not peers:
        print("audiomentations is not installed here: ours only.")
    print(f"{len(waveforms)} utterances, {seconds:.0f} s; audio seconds per CPU second, median of {arguments.runs}")
    print(f"{'':24}{'ours':>10}{'ms per s':>10}{'audiomentations':>17}{'ratio':>8}")
    rows = []
    for kind in mine:
        cost, peer = spent[f"ours {kind}"], spent.get(f"theirs {kind}")
        rows.append({"work": kind, "ours": seconds / cost, "audiomentations": seconds / peer if peer else None})
        compared = f"{seconds / peer:17,.0f}{peer / cost:8.1f}" if peer else f"{'-':>17}{'-':>8}"
        print(f"{kind:24}{seconds / cost:10,.0f}{1000 * cost / seconds:10.3f}{compared}")
    print(f"a pool of {len(pool)} rooms: {pool_seconds:.2f} s, once")
    print(json.dumps({"bench": "augment", "seconds": seconds, "rows": rows, "pool_seconds": pool_seconds}))


if __name__ == "__main__":
    main()
