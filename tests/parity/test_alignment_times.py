"""Word times against a synthesiser's own: festival knows when it begins and ends each word that it says.

Skipped where festival or the default bundle is not installed. All voices and more sentences: bench/alignment.py.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio import probe
from vivavoce.decoding.alignment_words import align_text
from vivavoce.errors import ModelError
from vivavoce.runtime.bundle import default_bundle
from vivavoce.runtime.recognizer import Recognizer

SENTENCES = (
    "Nobody had told him that the last train was gone.",
    "She put the kettle on, sat by the window, and waited.",
    "We measured the room twice and still bought the wrong carpet.",
    "The doctor asked her to stay in bed for a week.",
    "A narrow road leads over the mountain to the sea.",
    "Under the old bridge, a boat was tied to a rusty ring.",
    "Most people forget what they have dreamed by morning.",
    "My brother keeps his money in a box under the floor.",
)
SCRIPT = """
(voice_kal_diphone)
(set! spoken (utt.synth (Utterance Text "{sentence}")))
(utt.save.wave spoken "{wave}" 'riff)
(mapcar (lambda (word) (format t "%s %s\\n" (item.feat word "word_start") (item.feat word "word_end")))
        (utt.relation.items spoken 'Word))
"""


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    if shutil.which("festival") is None or not Path("/usr/share/festival/voices/english/kal_diphone").is_dir():
        pytest.skip("festival or its voice kal_diphone is not installed")
    try:
        return Recognizer(default_bundle())
    except ModelError as error:
        pytest.skip(str(error))


def boundary_errors(recognizer: Recognizer, sentence: str, folder: Path) -> np.ndarray:
    """Seconds that each word's start and end is found too late."""
    wave, script = folder / "spoken.wav", folder / "speak.scm"
    script.write_text(SCRIPT.format(sentence=sentence, wave=wave), encoding="utf-8")
    done = subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True, text=True)
    true = np.array([[float(value) for value in line.split()] for line in done.stdout.splitlines()])
    bundle = recognizer.bundle
    aligned = align_text(
        recognizer.log_probs(wave), sentence, bundle.tokens, bundle.frame_seconds, probe(wave).duration_seconds
    )
    return np.array([[word.start_seconds, word.end_seconds] for word in aligned.words]) - true


def test_half_of_the_boundaries_are_right_to_40_ms(recognizer: Recognizer, tmp_path: Path) -> None:
    errors = np.concatenate([boundary_errors(recognizer, sentence, tmp_path) for sentence in SENTENCES])
    assert len(errors) == sum(len(sentence.split()) for sentence in SENTENCES)
    assert np.median(np.abs(errors)) <= 0.04
    assert np.quantile(np.abs(errors), 0.9) <= 0.15
