"""What a voice can be put together of: trained runs, parts of other voices, a vocoder without training, a lexicon.

Each is found out here from what a user names; nothing is exported yet, so a wrong name is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from vivavoce.errors import ConfigError, ModelError
from vivavoce.export.from_run import read_config, read_run, recipe_of
from vivavoce.models.fastpitch import FastPitch, FastPitchDims
from vivavoce.models.tacotron2 import Tacotron2, TacotronDims
from vivavoce.models.vocos import Vocos, VocosDims
from vivavoce.models.wavenet import WaveNet, WaveNetDims
from vivavoce.runtime.voice_bundle import (
    FASTPITCH,
    KINDS,
    TACOTRON2,
    VOCOS,
    WAVENET,
    VoiceBundle,
    load_voice_bundle,
)

NO_TRAINING = "griffin-lim"
"""What is named in a run's place for a vocoder without a network."""

_NETWORKS: Mapping[str, tuple[type, Callable[[Any], nn.Module], str]] = {
    FASTPITCH: (FastPitchDims, FastPitch, ""),
    TACOTRON2: (TacotronDims, Tacotron2, ""),
    VOCOS: (VocosDims, Vocos, "vocoder"),
    WAVENET: (WaveNetDims, WaveNet, ""),
}
"""Of each recipe: its sizes, its network, and that network's name among those that are trained together."""


@dataclass(frozen=True)
class Trained:
    """A network, one of FastPitch, Tacotron2, Vocos and WaveNet, and what is to be known of its training as JSON."""

    net: nn.Module
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GriffinLim:
    """The vocoder without a network."""

    iterations: int = 32


@dataclass(frozen=True)
class WordSources:
    """What a lexicon is made of.

    `dictionary`: a pronouncing dictionary with stress, all words of which the voice will know; `guesser`: a model of
    `viva train g2p` with units of one letter, for the words that it will not.
    """

    dictionary: Path
    guesser: Path


Acoustic = Trained | VoiceBundle
Vocoder = Trained | VoiceBundle | GriffinLim
Words = WordSources | Path
"""A Path is a lexicon that is there already."""


def find_acoustic(path: str | Path) -> Acoustic:
    """The acoustic model of a run folder of `viva train fastpitch` or `tacotron2`, or of a voice's bundle.

    Raises:
        ModelError: the folder is neither, has no checkpoint, or its weights do not fit its configuration.
    """
    return _find(Path(path), "acoustic")


def find_vocoder(path: str | Path) -> Vocoder:
    """The vocoder of a run folder of `viva train vocos` or `wavenet`, or of a voice's bundle; or NO_TRAINING.

    Raises:
        ModelError: as `find_acoustic`.
    """
    return GriffinLim() if str(path) == NO_TRAINING else _find(Path(path), "vocoder")


def choose_words(acoustic: Acoustic, dictionary: Path | None, guesser: Path | None, lexicon: Path | None) -> Words:
    """What was named, by one way exactly: both parts of a lexicon, or a whole one; else that of the acoustic's voice.

    Raises:
        ConfigError: too much was named, or too little.
    """
    if lexicon is not None and (dictionary or guesser):
        raise ConfigError("words are given twice; name --lexicon, or --dictionary and --guesser, which make one.")
    if dictionary is not None and guesser is not None:
        return WordSources(dictionary, guesser)
    if dictionary or guesser:
        missing = "--guesser, a model of `viva train g2p`" if dictionary else "--dictionary, such as cmudict.dict"
        raise ConfigError(f"a lexicon is made of a dictionary and a guesser; name {missing}, too.")
    if lexicon is not None:
        return lexicon
    if isinstance(acoustic, VoiceBundle):
        return acoustic.path("lexicon")
    raise ConfigError(
        "nothing says how words are said; name --lexicon, as it stands in a voice or `viva train g2p` makes it, or "
        "--dictionary and --guesser."
    )


def _find(folder: Path, part: str) -> Trained | VoiceBundle:
    recipes = [name for name in KINDS[part] if name in _NETWORKS]
    wanted = " or ".join(f"`viva train {name}`" for name in recipes)
    if (folder / "bundle.json").is_file():
        return load_voice_bundle(folder)
    if not (folder / "config.json").is_file():
        other = f", nor {NO_TRAINING}" if part == "vocoder" else ""
        raise ModelError(f"{folder} is no run folder of {wanted}, and no voice's bundle{other}.")
    recipe = recipe_of(read_config(folder), {name: sizes for name, (sizes, _, _) in _NETWORKS.items()})
    if recipe not in recipes:
        found = f"a run of `viva train {recipe}`" if recipe else "a run of another recipe"
        what = "acoustic model comes first" if part == "acoustic" else "vocoder comes second"
        raise ModelError(f"{folder} is {found}; the {what}, from {wanted} or a voice's bundle.")
    sizes, network, name = _NETWORKS[recipe]
    return Trained(*read_run(folder, recipe, lambda dims: network(sizes(**dims)), part=name))
