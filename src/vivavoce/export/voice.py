"""An acoustic model, a vocoder and a lexicon -> a voice's bundle, measured before it is done.

Each graph is held to torch where it is written (`export.acoustic`, `tacotron2`, `vocoder`, `wavenet`). Here they are
put together with how words are said, the whole is run by the code that users run, and how loud it speaks is measured
and written down. The bundle appears only when all went well.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.voice_lexicon import read_voice_lexicon, usual_entries, write_voice_lexicon
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.loudness import LoudnessMeter
from vivavoce.errors import ConfigError, ModelError
from vivavoce.export.acoustic import write_acoustic
from vivavoce.export.bundle_folder import heading, licences, replacing
from vivavoce.export.tacotron2 import write_tacotron_bundle
from vivavoce.export.vocoder import export_vocoder
from vivavoce.export.voice_sources import Acoustic, GriffinLim, Vocoder, Words, WordSources
from vivavoce.export.wavenet import write_wavenet_bundle
from vivavoce.models.fastpitch import FastPitch
from vivavoce.models.tacotron2 import Tacotron2
from vivavoce.models.vocos import Vocos
from vivavoce.models.wavenet import WaveNet
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.runtime.griffin_lim import GriffinLimVocoder
from vivavoce.runtime.speech_plan import Style
from vivavoce.runtime.synthesizer import Synthesizer
from vivavoce.runtime.voice_bundle import GRIFFIN_LIM, KIND, TACOTRON2, WAVENET, VoiceBundle, load_voice_bundle
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.text.voice_tokens import TOKENS

SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "Four hours of steady work faced us, and nobody complained.",
    "Where did the old man put the keys to the garden gate?",
    "Rice is often served in round bowls!",
)
"""What loudness is measured on where nothing else is given: the first of the Harvard sentences, and some like them."""

LEXICON = "words.lexicon"


@dataclass(frozen=True)
class VoiceSettings:
    """What a voice's bundle says of itself, and how its graphs are stored.

    `int8` is for FastPitch and Vocos; the graphs of the classics stay float32. `loudness_lufs` is what it speaks at:
    -19 is what podcasts of one channel go out at.
    """

    name: str = "tts-en-kathleen"
    licence: str = "CC0-1.0"
    int8: bool = True
    loudness_lufs: float = -19.0


@dataclass(frozen=True)
class _Part:
    """A network in its place: its file in the bundle, and what is to be known of it."""

    file: str
    parity: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def write_voice(
    acoustic: Acoustic,
    vocoder: Vocoder,
    words: Words,
    folder: str | Path,
    settings: VoiceSettings | None = None,
    sentences: Sequence[str] = SENTENCES,
) -> VoiceBundle:
    """Write the bundle of a voice.

    Args:
        acoustic, vocoder: trained networks, or voices whose part is copied with what is known of it; see
            `export.voice_sources`.
        words: a lexicon, or what one is made of.
        folder: to be written; an older bundle there is replaced, but for its card and licences.
        settings: see there.
        sentences: that the loudness is measured on; of a WaveNet, which needs some ten seconds for one of speech, the
            first alone.

    Raises:
        ModelError: a graph differs from torch, the voice is silent, or something else than a bundle is in the folder's
            place.
        ConfigError: no sentence.
        DataError: the lexicon, or what it is made of, cannot be read.
    """
    if not sentences:
        raise ConfigError("no sentences were given; a voice's loudness is measured on some.")
    settings = settings or VoiceSettings()
    with replacing(folder) as made:
        _put_words(words, made)  # first, since it fails soonest
        networks = {
            "acoustic": _put_acoustic(acoustic, made, settings),
            "vocoder": _put_vocoder(vocoder, made, settings),
        }
        for source in (acoustic, vocoder, words):
            _copy_licences(source, made)
        files = {**{name: part.file for name, part in networks.items()}, "lexicon": LEXICON}
        facts: dict[str, Any] = {
            **heading(KIND, settings.name, settings.licence, FeatureConfig.voice()),
            "language": "en",
            "tokens": list(TOKENS),
            **{name: {"file": file, "sha256": digest(made / file)} for name, file in files.items()},
            "loudness": {"lufs": settings.loudness_lufs, "measured_lufs": settings.loudness_lufs},
            "parity": {name: dict(part.parity) for name, part in networks.items()},
            "training": {name: dict(part.training) for name, part in networks.items()},
        }
        write_facts(made, facts)
        _measure(made, facts, sentences)
        write_facts(made, facts)
    return load_voice_bundle(folder)


def _put_acoustic(source: Acoustic, made: Path, settings: VoiceSettings) -> _Part:
    if isinstance(source, VoiceBundle):
        return _copy(source, "acoustic", made)
    net = source.net
    if isinstance(net, Tacotron2):
        facts = write_tacotron_bundle(net, made / "acoustic", settings.name, settings.licence, source.training)
        return _Part("acoustic/bundle.json", facts["parity"], source.training)
    assert isinstance(net, FastPitch)
    parity = write_acoustic(net, made / "acoustic.onnx", int8=settings.int8)
    return _Part("acoustic.onnx", parity, source.training)


def _put_vocoder(source: Vocoder, made: Path, settings: VoiceSettings) -> _Part:
    if isinstance(source, VoiceBundle):
        return _copy(source, "vocoder", made)
    if isinstance(source, GriffinLim):
        (made / "vocoder").mkdir()
        stated = heading(GRIFFIN_LIM, settings.name, settings.licence, FeatureConfig.voice())
        write_facts(made / "vocoder", {**stated, "iterations": source.iterations})
        GriffinLimVocoder(made / "vocoder")  # what cannot be opened is not kept
        return _Part("vocoder/bundle.json")
    net = source.net
    if isinstance(net, WaveNet):
        facts = write_wavenet_bundle(net, made / "vocoder", settings.name, settings.licence, source.training)
        return _Part("vocoder/bundle.json", facts["parity"], source.training)
    assert isinstance(net, Vocos)
    precision = "int8" if settings.int8 else "fp32"
    parity = export_vocoder(net, made / "vocoder.onnx", precision)
    measured = {name: error for name, error in asdict(parity).items() if error is not None}
    return _Part("vocoder.onnx", {**measured, "precision": precision}, source.training)


def _copy(source: VoiceBundle, part: str, made: Path) -> _Part:
    """A part of another voice, with what is known of it."""
    path = source.path(part)
    if path.is_dir():
        shutil.copytree(path, made / part)
        file = f"{part}/bundle.json"
    else:
        file = f"{part}.onnx"
        shutil.copyfile(path, made / file)
    parity, training = (source.facts.get(name, {}).get(part, {}) for name in ("parity", "training"))
    return _Part(file, parity, training)


def _put_words(words: Words, made: Path) -> None:
    if isinstance(words, WordSources):
        entries = usual_entries(PronouncingDictionary.load(words.dictionary, stress=True))
        write_voice_lexicon(made / LEXICON, entries, G2p.load(words.guesser))
    else:
        read_voice_lexicon(words)
        shutil.copyfile(words, made / LEXICON)


def _copy_licences(source: Acoustic | Vocoder | Words, made: Path) -> None:
    """What people must be told of parts that come out of another bundle."""
    folder = source.folder if isinstance(source, VoiceBundle) else source.parent if isinstance(source, Path) else None
    if folder is not None and (folder / "bundle.json").is_file():
        for path in licences(folder):
            shutil.copyfile(path, made / path.name)


def _measure(made: Path, facts: dict[str, Any], sentences: Sequence[str]) -> None:
    """Speak, and add to the facts how loud the networks are, and how often their attention failed, where they have any.

    With the loudness stated as asked for, the gain is 1.
    """
    faulty: set[str] = set()
    synthesizer = Synthesizer(made, on_fault=lambda sentence, _report: faulty.add(sentence.text))
    kinds = synthesizer.bundle.kinds
    chosen = sentences[:1] if kinds["vocoder"] == WAVENET else sentences
    meter = LoudnessMeter(synthesizer.sample_rate)
    for sentence in chosen:
        for piece in synthesizer.stream(sentence, Style()):
            meter.accept(piece)
    measured = meter.loudness_lufs()
    if not math.isfinite(measured):
        raise ModelError("the voice is silent where its loudness is measured; train its networks for longer.")
    facts["loudness"]["measured_lufs"] = round(measured, 2)
    if kinds["acoustic"] == TACOTRON2:
        facts["attention"] = {"sentences": len(chosen), "with_faults": len(faulty)}
