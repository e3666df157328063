"""A trained acoustic model and a trained vocoder -> a voice's bundle, measured before it is done.

Each graph is held to torch where it is written (`export.acoustic`, `export.vocoder`). Here they are put together with
the lexicon, the whole is run by the code that users run, and how loud it speaks is measured and written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.voice_lexicon import usual_entries, write_voice_lexicon
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.loudness import LoudnessMeter
from vivavoce.errors import ConfigError
from vivavoce.export.acoustic import write_acoustic
from vivavoce.export.bundle_folder import heading
from vivavoce.export.from_run import newest_checkpoint
from vivavoce.export.vocoder import export_vocoder
from vivavoce.models.fastpitch import FastPitch
from vivavoce.models.vocos import Vocos
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.runtime.speech_plan import Style
from vivavoce.runtime.synthesizer import Synthesizer
from vivavoce.runtime.voice_bundle import KIND, VoiceBundle, load_voice_bundle
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.text.voice_tokens import TOKENS
from vivavoce.training.run_folder import load_checkpoint

SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "Four hours of steady work faced us, and nobody complained.",
    "Where did the old man put the keys to the garden gate?",
    "Rice is often served in round bowls!",
)
"""What loudness is measured on where nothing else is given: the first of the Harvard sentences, and some like them."""


@dataclass(frozen=True)
class VoiceSettings:
    """What a voice's bundle says of itself, and how its graphs are stored.

    `loudness_lufs` is what it speaks at: -19 is what podcasts of one channel go out at.
    """

    name: str = "tts-en-kathleen"
    licence: str = "CC0-1.0"
    int8: bool = True
    loudness_lufs: float = -19.0


def write_voice(
    acoustic: FastPitch,
    vocoder: Vocos,
    dictionary: str | Path,
    guesser: str | Path,
    folder: str | Path,
    settings: VoiceSettings | None = None,
    training: dict[str, Any] | None = None,
    sentences: Sequence[str] = SENTENCES,
) -> VoiceBundle:
    """Write the bundle of a voice.

    Args:
        acoustic, vocoder: trained networks; see `export.acoustic.load_fastpitch` and `export.vocoder.load_vocos`.
        dictionary: a pronouncing dictionary with stress, all words of which the bundle will know.
        guesser: a model of `viva train g2p` with units of one letter, for the words that it will not.
        folder: to be written; what stood there under the same names is replaced.
        settings: see there.
        training: what is to be known of the training, JSON values.
        sentences: that the loudness is measured on.

    Raises:
        ModelError: a graph differs from torch.
        ConfigError: no sentence.
    """
    if not sentences:
        raise ConfigError("no sentences were given; a voice's loudness is measured on some.")
    settings, folder = settings or VoiceSettings(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    precision = "int8" if settings.int8 else "fp32"
    parity = {
        "acoustic": write_acoustic(acoustic, folder / "acoustic.onnx", int8=settings.int8),
        "vocoder": {**asdict(export_vocoder(vocoder, folder / "vocoder.onnx", precision)), "precision": precision},
    }
    entries = usual_entries(PronouncingDictionary.load(dictionary, stress=True))
    write_voice_lexicon(folder / "words.lexicon", entries, G2p.load(guesser))
    files = {"acoustic": "acoustic.onnx", "vocoder": "vocoder.onnx", "lexicon": "words.lexicon"}
    facts: dict[str, Any] = {
        **heading(KIND, settings.name, settings.licence, FeatureConfig.voice()),
        "language": "en",
        "tokens": list(TOKENS),
        **{part: {"file": file, "sha256": digest(folder / file)} for part, file in files.items()},
        "loudness": {"lufs": settings.loudness_lufs, "measured_lufs": settings.loudness_lufs},
        "parity": parity,
        "training": training or {},
    }
    write_facts(folder, facts)
    facts["loudness"]["measured_lufs"] = round(_measured(Synthesizer(folder), sentences), 2)
    write_facts(folder, facts)
    return load_voice_bundle(folder)


def training_of(run: str | Path, recipe: str) -> dict[str, Any]:
    """What a bundle says of one of its networks' training, out of the folder of `viva train RECIPE`.

    Raises:
        ModelError: there is no checkpoint, or no configuration.
    """
    checkpoint, config = newest_checkpoint(run, recipe)
    _, facts = load_checkpoint(checkpoint)
    corpora = [Path(manifest).stem.removesuffix("-train") for manifest in config.get("manifests", ())]
    return {"updates": int(facts["step"]), "corpora": corpora, "seed": config.get("seed"), "dims": config["dims"]}


def _measured(synthesizer: Synthesizer, sentences: Sequence[str]) -> float:
    """How loud the networks themselves speak: with the loudness stated as asked for, the gain is 1."""
    meter = LoudnessMeter(synthesizer.sample_rate)
    for sentence in sentences:
        for piece in synthesizer.stream(sentence, Style()):
            meter.accept(piece)
    return meter.loudness_lufs()
