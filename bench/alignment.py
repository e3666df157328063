"""Forced alignment: speed and memory beside ctc_segmentation and ctc_forced_aligner, and how right word times are.

    python bench/alignment.py                                    speed and memory
    FRAMES=3000 python bench/alignment.py                        the same in small
    python bench/alignment.py boundaries --bundle DIR            word boundaries against true ones
    python bench/alignment.py boundaries --bundle DIR --tune     and the rule's numbers that suit this bundle

Speed is measured on made posteriors, peaked as a trained recogniser's, a tenth of the characters confused: ten minutes
at 50 frames a second, and an hour at 25 with 50,000 characters; also an hour whose text is not what was said, the worst
case. The first is checked to be the same path as ctc_forced_aligner's before anything is timed. A peer that is not
installed is left out, and said to be.

Boundaries are those of speech made by festival, which knows when it begins and ends each word. Every voice that is
installed speaks every sentence; of `--tune`, the numbers are chosen on every other sentence and reported on the rest.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import timing
from vivavoce.decoding.alignment import align_tokens
from vivavoce.decoding.alignment_words import WordTiming, character_times
from vivavoce.decoding.words import BOUNDARY
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.normalize import normalize_for_training

VOCABULARY = 32
VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
# Words that festival and the normaliser read alike; short, long, with pauses at the commas.
SENTENCES = (
    "The children ran down to the river before breakfast.",
    "She put the kettle on, sat by the window, and waited.",
    "Nobody had told him that the last train was gone.",
    "Bring me a glass of water and a clean towel, please.",
    "Under the old bridge, a boat was tied to a rusty ring.",
    "We measured the room twice and still bought the wrong carpet.",
    "After dinner, my uncle played the piano until midnight.",
    "The letter came on Monday, but nobody opened it.",
    "A narrow road leads over the mountain to the sea.",
    "If it rains again tomorrow, the game will be cancelled.",
    "He counted the sheep, locked the gate, and went home.",
    "The doctor asked her to stay in bed for a week.",
    "Everyone in the village knew the sound of that bell.",
    "Please turn off the lights when you leave the office.",
    "Strange noises came from the attic, night after night.",
    "Their garden is full of roses, beans, and yellow butterflies.",
    "I would rather walk than sit in traffic for an hour.",
    "The museum opens at noon and closes early on Sunday.",
    "Some birds fly thousands of miles to find a warm place.",
    "Without a word, the captain handed him the map.",
    "The baker was already awake when the first lamps went out.",
    "You can borrow my bicycle, if you bring it back clean.",
    "Three of the windows were broken during the storm.",
    "Long ago, a king lived here with his seven daughters.",
    "The machine stopped, hummed for a moment, and started again.",
    "My brother keeps his money in a box under the floor.",
    "They painted the kitchen green and the hallway white.",
    "Most people forget what they have dreamed by morning.",
    "On the other side of the street, a dog began to bark.",
    "The answer was simple, although it took us days to find.",
)


def posteriors(rng: np.random.Generator, tokens: np.ndarray, frames: int) -> np.ndarray:
    """(T, V) log_probs: sure blanks, a peak for each token at a random frame, some lasting for two, some in doubt."""
    logits = rng.standard_normal((frames, VOCABULARY), dtype=np.float32)
    logits[:, 0] += 9.0
    places = np.sort(rng.choice(np.arange(2, frames - 2), len(tokens), replace=False))
    logits[places, 0] -= 9.0
    logits[places, tokens] += 9.0
    confused, doubtful = places[rng.random(len(places)) < 0.10], places[rng.random(len(places)) < 0.15]
    logits[confused, rng.integers(1, VOCABULARY, len(confused))] += 8.5
    logits[doubtful, 0] += 8.3
    held = (np.diff(places, append=frames) > 1) & (rng.random(len(places)) < 0.25)
    logits[places[held] + 1, tokens[held]] += 9.0
    logits[places[held] + 1, 0] -= 9.0
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logits


def text_like(rng: np.random.Generator, length: int) -> np.ndarray:
    """Token ids without the blank, one in fifty the same as its neighbour."""
    steps = np.where(rng.random(length) < 0.02, 0, rng.integers(1, VOCABULARY - 2, length))
    return 1 + np.cumsum(steps) % (VOCABULARY - 1)


def peers(log_probs: np.ndarray, tokens: np.ndarray) -> dict[str, Callable[[], object]]:
    """Those that are installed, on the same input; the others are named."""
    found: dict[str, Callable[[], object]] = {}
    for name in ("ctc_segmentation", "ctc_forced_aligner"):
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, left out (pip install {name.replace('_', '-')})", file=sys.stderr)
    if importlib.util.find_spec("ctc_segmentation"):
        import ctc_segmentation

        settings = ctc_segmentation.CtcSegmentationParameters(char_list=[chr(64 + i) for i in range(VOCABULARY)])
        settings.index_duration, settings.blank = 0.02, 0
        stretches = [tokens[start : start + 100] for start in range(0, len(tokens), 100)]
        truth, _ = ctc_segmentation.prepare_token_list(settings, stretches)
        found["ctc_segmentation"] = lambda: ctc_segmentation.ctc_segmentation(settings, log_probs, truth)
    if importlib.util.find_spec("ctc_forced_aligner"):
        from ctc_forced_aligner import forced_align

        def theirs() -> np.ndarray:
            return np.asarray(forced_align(log_probs[None], tokens[None].astype(np.int64), blank=0)[0]).reshape(-1)

        found["ctc_forced_aligner"] = theirs
        _check_score(log_probs, tokens, theirs())
    return found


def _check_score(log_probs: np.ndarray, tokens: np.ndarray, path: np.ndarray) -> None:
    """Their path may differ where two are equally likely; its probability may not."""
    theirs = float(log_probs[np.arange(len(path)), path].sum(dtype=np.float64))
    ours = align_tokens(log_probs, tokens).log_prob
    assert abs(ours - theirs) < 1e-5 * abs(ours), f"ours is {ours}, theirs {theirs}"


def build() -> list[timing.Case]:
    rng = np.random.default_rng(1)
    frames = int(os.environ.get("FRAMES", "30000"))
    characters = frames * 17 // 60
    tokens = text_like(rng, characters)
    log_probs = posteriors(rng, tokens, frames)
    book, other = text_like(rng, characters * 6), text_like(rng, characters * 6)
    hour = posteriors(rng, book, 3 * frames)
    name = f"{frames:,} frames, {characters:,} characters"
    long = f"{3 * frames:,} frames, {6 * characters:,} characters"
    return [
        timing.Case(
            name,
            frames,
            "frames",
            {"vivavoce": lambda: align_tokens(log_probs, tokens), **peers(log_probs, tokens)},
            memory=True,
        ),
        timing.Case(f"hour: {long}", 3 * frames, "frames", {"vivavoce": lambda: align_tokens(hour, book)}, True, 3),
        timing.Case(
            f"hour of another text: {long}",
            3 * frames,
            "frames",
            {"vivavoce": lambda: align_tokens(hour, other)},
            True,
            1,
        ),
    ]


@dataclass(frozen=True)
class Spoken:
    """A sentence as a voice spoke it, where its words truly are, and the peaks that the recogniser gave it, seconds."""

    voice: str
    true_starts: np.ndarray
    true_ends: np.ndarray
    peak_starts: np.ndarray
    peak_ends: np.ndarray
    begins: np.ndarray
    duration_seconds: float

    def errors(self, rule: WordTiming) -> tuple[np.ndarray, np.ndarray]:
        """Found minus true, of the words' starts and of their ends."""
        starts, ends = character_times(self.peak_starts, self.peak_ends, self.begins, self.duration_seconds, rule)
        lasts = np.append(self.begins[1:], len(starts)) - 1
        return starts[self.begins] - self.true_starts, ends[lasts] - self.true_ends


def speak(voice: str, sentences: Sequence[str], folder: Path) -> list[tuple[Path, list[tuple[str, float, float]]]]:
    """The recordings, and of each word its name, start and end; nothing where festival lacks the voice."""
    lines = [f"(voice_{voice})"]
    for number, sentence in enumerate(sentences):
        lines += [
            f'(set! spoken (utt.synth (Utterance Text "{sentence}")))',
            f'(utt.save.wave spoken "{folder / f"{voice}-{number}.wav"}" \'riff)',
            '(mapcar (lambda (word) (format t "%d %s %s %s\\n" '
            f'{number} (item.name word) (item.feat word "word_start") (item.feat word "word_end")))'
            " (utt.relation.items spoken 'Word))",
        ]
    script = folder / f"{voice}.scm"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(["festival", "-b", str(script)], capture_output=True, text=True, check=False)
    words: dict[int, list[tuple[str, float, float]]] = {}
    for line in done.stdout.splitlines():
        number, name, start, end = line.split()
        words.setdefault(int(number), []).append((name.lower(), float(start), float(end)))
    return [(folder / f"{voice}-{number}.wav", words[number]) for number in sorted(words)]


def listen(recognizer: Recognizer, voice: str, file: Path, words: list[tuple[str, float, float]]) -> Spoken:
    """Align what was spoken."""
    from vivavoce.audio import probe

    bundle = recognizer.bundle
    names = [normalize_for_training(name) for name, _, _ in words]
    alignment = align_tokens(
        recognizer.log_probs(str(file)), bundle.tokens.encode(BOUNDARY.join(names)), bundle.tokens.blank_id
    )
    letters = alignment.token_ids != bundle.tokens.tokens.index(BOUNDARY)
    lengths = np.array([len(name) for name in names])
    return Spoken(
        voice,
        np.array([start for _, start, _ in words]),
        np.array([end for _, _, end in words]),
        alignment.start_frames[letters] * bundle.frame_seconds,
        alignment.end_frames[letters] * bundle.frame_seconds,
        np.cumsum(lengths) - lengths,
        probe(str(file)).duration_seconds,
    )


def summary(name: str, recordings: Sequence[Spoken], rule: WordTiming) -> dict[str, object]:
    starts = np.concatenate([spoken.errors(rule)[0] for spoken in recordings])
    ends = np.concatenate([spoken.errors(rule)[1] for spoken in recordings])
    both = np.abs(np.concatenate([starts, ends])) * 1000
    return {
        "voice": name,
        "words": len(starts),
        "median error, ms": float(np.median(both)),
        "of starts": float(np.median(np.abs(starts))) * 1000,
        "of ends": float(np.median(np.abs(ends))) * 1000,
        "90% below": float(np.quantile(both, 0.9)),
        "starts late by": float(np.median(starts)) * 1000,
        "ends late by": float(np.median(ends)) * 1000,
    }


def tune(recordings: Sequence[Spoken]) -> WordTiming:
    """One number after the other, until none can be bettered. What counts is the mean error, 0.2 s at most each."""

    def loss(rule: WordTiming) -> float:
        errors = np.concatenate([np.concatenate(spoken.errors(rule)) for spoken in recordings])
        return float(np.minimum(np.abs(errors), 0.2).mean())

    grids = {
        "lag_seconds": np.arange(0.0, 0.241, 0.01),
        "trail_seconds": np.arange(0.0, 0.241, 0.01),
        "pause_seconds": np.arange(0.0, 0.401, 0.04),
        "share": np.arange(0.0, 1.01, 0.1),
    }
    best = WordTiming()
    while True:
        before = best
        for name, values in grids.items():
            best = min((replace(best, **{name: round(float(value), 3)}) for value in values), key=loss)
        if loss(best) >= loss(before):
            return before


def boundaries(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="alignment.py boundaries")
    parser.add_argument("--bundle", type=Path, help="the package's own if not given")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="how many")
    parser.add_argument("--tune", action="store_true", help="look for the rule's best numbers")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.bundle)
    recordings: dict[str, list[Spoken]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for voice in VOICES:
            made = speak(voice, SENTENCES[: options.sentences], Path(folder))
            if made:
                recordings[voice] = [listen(recognizer, voice, file, words) for file, words in made]
            else:
                print(f"{voice}: not installed, left out")
    if not recordings:
        sys.exit("festival has none of these voices; run: apt install festival festvox-kallpc16k")
    rules = {"as it is": WordTiming()}
    if options.tune:
        rules["tuned"] = tune([spoken for made in recordings.values() for spoken in made[::2]])
        recordings = {voice: made[1::2] for voice, made in recordings.items()}
    for name, rule in rules.items():
        print(f"\n{name}: {asdict(rule)}")
        rows = [summary(voice, made, rule) for voice, made in recordings.items()]
        timing.print_table([*rows, summary("all", [s for made in recordings.values() for s in made], rule)])


if __name__ == "__main__":
    if sys.argv[1:2] == ["boundaries"]:
        boundaries(sys.argv[2:])
    else:
        timing.run(build, __doc__ or "")
