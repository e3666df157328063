"""More training speech from text, through the speech synthesisers that Debian packages: espeak-ng, flite, festival.

They are outside programs, called when data is made and never by the package's users. Voice, rate and pitch of each
sentence depend on the seed and its number alone, and its file is named after all of them and the sentence, so that a
run goes on where it stopped, can be made again, and never takes the recording of one sentence for another.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vivavoce.audio import probe, read_waveform, write_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.errors import DataError

SAMPLE_RATE = 16000
TIMEOUT_SECONDS = 60
PACKAGES = {"espeak-ng": "espeak-ng", "flite": "flite", "text2wave": "festival"}


@dataclass(frozen=True)
class Voice:
    """One voice of one program, and how often it is drawn.

    `rate` and `pitch` are ranges of the program's own setting: words a minute and 0-100 for espeak-ng, stretch of
    durations and mean F0 in Hz for flite, stretch alone for festival (whose HTS voice has one rate only).
    """

    program: str
    name: str
    weight: float
    rate: tuple[float, float]
    pitch: tuple[float, float] | None = None

    @property
    def id(self) -> str:
        """For manifests, as their speaker."""
        return f"{self.program}-{self.name}"


def _espeak_voices() -> Iterator[Voice]:
    for accent in ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbcwmd"):
        for variant in ("m1", "m3", "m7", "f1", "f2", "f4"):
            yield Voice("espeak-ng", f"{accent}+{variant}", 0.20 / 36, (130, 195), (25, 75))


VOICES: tuple[Voice, ...] = (
    Voice("flite", "slt", 0.15, (0.85, 1.15), (140, 210)),
    Voice("flite", "rms", 0.15, (0.85, 1.15), (85, 130)),
    Voice("flite", "awb", 0.15, (0.85, 1.15), (100, 160)),
    Voice("flite", "kal16", 0.05, (0.85, 1.15), (90, 140)),
    Voice("text2wave", "voice_cmu_us_slt_arctic_hts", 0.16, (1.0, 1.0)),
    Voice("text2wave", "voice_ked_diphone", 0.08, (0.85, 1.2)),
    Voice("text2wave", "voice_kal_diphone", 0.06, (0.85, 1.2)),
    *_espeak_voices(),
)


def require_programs(voices: Sequence[Voice]) -> None:
    """Check that every voice's program is installed.

    Raises:
        DataError: one is not; the Debian package is named.
    """
    for program in sorted({voice.program for voice in voices}):
        if shutil.which(program) is None:
            raise DataError(
                f"{program} is not installed; it makes synthetic speech. Run: apt install {PACKAGES[program]}"
            )


def synthesize(
    sentences: Sequence[str],
    folder: str | Path,
    voices: Sequence[Voice] = VOICES,
    seed: int = 0,
    workers: int = 1,
    made: Callable[[int], None] | None = None,
) -> list[Utterance]:
    """Speak sentences into FLAC files at 16 kHz, one voice each.

    Files of the same sentences that are there already are kept. `made` is called with the number of finished sentences.

    Raises:
        DataError: a program is missing or fails.
    """
    require_programs(voices)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = np.array([voice.weight for voice in voices])

    def one(number: int) -> Utterance:
        rng = np.random.default_rng((seed, number))
        voice = voices[int(rng.choice(len(voices), p=weights / weights.sum()))]
        rate = float(rng.uniform(*voice.rate))
        pitch = float(rng.uniform(*voice.pitch)) if voice.pitch else 0.0
        content = hashlib.sha256(repr((sentences[number], voice.id, rate, pitch)).encode()).hexdigest()[:8]
        target = folder / f"{seed}-{number:06d}-{content}.flac"
        if not target.is_file():
            wave = io.BytesIO(speak(sentences[number], voice, rate, pitch))
            write_waveform(target, np.clip(read_waveform(wave, SAMPLE_RATE), -1.0, 1.0), SAMPLE_RATE)
        extra = {"corpus": "synthetic", "part": "train", "licence": "made here", "rate": round(rate, 3)}
        return Utterance(
            target.stem, str(target), sentences[number], probe(target).duration_seconds, speaker=voice.id, extra=extra
        )

    utterances = []
    with ThreadPoolExecutor(workers) as pool:
        for utterance in pool.map(one, range(len(sentences))):
            utterances.append(utterance)
            if made is not None:
                made(len(utterances))
    return utterances


def speak(text: str, voice: Voice, rate: float, pitch: float = 0.0) -> bytes:
    """One sentence as the bytes of a WAV file.

    Raises:
        DataError: the program fails or says nothing.
    """
    with tempfile.TemporaryDirectory() as work:
        wave, words = Path(work) / "speech.wav", Path(work) / "words.txt"
        words.write_text(text + "\n", encoding="utf-8")
        command = _command(voice, rate, pitch, words, wave)
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise DataError(f"{voice.id} took more than {TIMEOUT_SECONDS} s for {text!r}.") from None
        if done.returncode or not wave.is_file() or wave.stat().st_size <= 44:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise DataError(f"{voice.id} failed on {text!r}: {reason[0]}. Is the voice's package installed?")
        return wave.read_bytes()


def _command(voice: Voice, rate: float, pitch: float, words: Path, wave: Path) -> list[str]:
    if voice.program == "espeak-ng":
        settings = ["-v", voice.name, "-s", f"{rate:.0f}", "-p", f"{pitch:.0f}"]
        return ["espeak-ng", *settings, "-f", str(words), "-w", str(wave)]
    if voice.program == "flite":
        settings = ["--setf", f"duration_stretch={rate:.3f}", "--setf", f"int_f0_target_mean={pitch:.1f}"]
        return ["flite", "-voice", voice.name, *settings, "-f", str(words), "-o", str(wave)]
    assert voice.program == "text2wave", voice.program
    evals = ["-eval", f"({voice.name})", "-eval", f"(Parameter.set 'Duration_Stretch {rate:.3f})"]
    return ["text2wave", *evals, "-o", str(wave), str(words)]
