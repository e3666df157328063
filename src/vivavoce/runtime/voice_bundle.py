"""The bundle of a voice: a folder with both networks, how words are said, and bundle.json; read and checked.

Everything that decides how a text sounds stands in it: the tokens, the mel definition that both networks share, the
lexicon that also guesses what it lacks, and what brings the voice to its stated loudness. A network of one graph is a
file of it, `acoustic.onnx` or `vocoder.onnx`; one of several is a bundle of its own in the folder `acoustic` or
`vocoder`, whose files are checked by what opens it. Nothing is run here; `runtime.synthesizer` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError, VivaError
from vivavoce.runtime.bundle import check_file, check_kind, read_facts, read_spec
from vivavoce.text.voice_tokens import TOKENS

KIND = "voice"
DEFAULT_VOICE = "tts-en-kathleen"
PARTS = ("acoustic", "vocoder", "lexicon")
"""The files of a voice, by their names in bundle.json."""

FASTPITCH, TACOTRON2 = "fastpitch", "tacotron2"
VOCOS, WAVENET, GRIFFIN_LIM = "vocos", "wavenet", "griffin_lim"
KINDS = {"acoustic": (FASTPITCH, TACOTRON2), "vocoder": (VOCOS, WAVENET, GRIFFIN_LIM)}
"""What a part can be. The first of each is a single graph, the others are bundles of that kind."""


@dataclass(frozen=True)
class FileSpec:
    """A file of a bundle and its digest."""

    file: str
    sha256: str


@dataclass(frozen=True)
class VoiceBundle:
    """A voice's bundle, checked. `facts` is the whole of bundle.json.

    Attributes:
        features: the mel definition of both networks.
        files: of each of PARTS; of a part that is a bundle, its bundle.json.
        kinds: of the acoustic model and the vocoder, one of KINDS.
        loudness_lufs: what the voice speaks at when nothing else is asked for.
        measured_lufs: what the networks' own output measured when the bundle was written.
    """

    folder: Path
    name: str
    features: FeatureConfig
    files: Mapping[str, FileSpec]
    kinds: Mapping[str, str]
    loudness_lufs: float
    measured_lufs: float
    facts: Mapping[str, Any]

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.features.sample_rate

    def path(self, part: str) -> Path:
        """The file of one of PARTS, or the folder of one that is a bundle."""
        file = self.files[part].file
        return self.folder / (part if file == _inner(part) else file)


def default_voice() -> Path:
    """The folder of the voice inside the package.

    Raises:
        ModelError: this installation came without one.
    """
    folder = Path(str(resources.files("vivavoce"))) / "assets" / DEFAULT_VOICE
    if not (folder / "bundle.json").is_file():
        raise ModelError(f"the package has no voice in {folder}; install it again, or name a bundle: --bundle FOLDER.")
    return folder


def load_voice_bundle(folder: str | Path | None = None) -> VoiceBundle:
    """Read and check a voice's bundle; the package's own when no folder is named.

    Raises:
        ModelError: missing or damaged files, or a format, kind or setting that this version does not know.
    """
    folder = Path(folder) if folder is not None else default_voice()
    facts = read_facts(folder)
    check_kind(folder, facts, KIND)
    try:
        files = {part: _file_of(part, facts[part]) for part in PARTS}
        features = FeatureConfig.from_dict(facts["features"])
        lufs, measured = (float(facts["loudness"][key]) for key in ("lufs", "measured_lufs"))
        bundle = VoiceBundle(folder, str(facts["name"]), features, files, {}, lufs, measured, facts)
        tokens = tuple(facts["tokens"])
    except KeyError as error:
        raise ModelError(f"{folder}/bundle.json has no {error}; export the voice again.") from None
    except (VivaError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
    if tokens != TOKENS:
        raise ModelError(f"{folder} speaks other tokens than this version; update vivavoce, or export the voice again.")
    if features != FeatureConfig.voice():
        raise ModelError(f"{folder} has another mel definition than this version's voices; export the voice again.")
    if not (math.isfinite(bundle.loudness_lufs) and math.isfinite(bundle.measured_lufs)):
        raise ModelError(f"{folder}/bundle.json states no loudness; export the voice again.")
    for part in PARTS:
        check_file(folder, files[part].file, files[part].sha256)
    return replace(bundle, kinds={part: _kind_of(bundle, part) for part in KINDS})


def _inner(part: str) -> str:
    """The file of a part that is a bundle of its own."""
    return f"{part}/bundle.json"


def _file_of(part: str, stated: Mapping[str, Any]) -> FileSpec:
    """A file inside the folder, or the bundle.json of a bundle in the folder of the part's name.

    Raises:
        KeyError, ModelError: as `read_spec`.
    """
    if part in KINDS and stated["file"] == _inner(part):
        return replace(read_spec(FileSpec, {**stated, "file": "bundle.json"}, ()), file=_inner(part))
    return read_spec(FileSpec, stated, ())


def _kind_of(bundle: VoiceBundle, part: str) -> str:
    """What a part is, one of KINDS.

    Raises:
        ModelError: a bundle of another kind.
    """
    of_graph, *of_bundles = KINDS[part]
    if bundle.files[part].file != _inner(part):
        return of_graph
    path = bundle.path(part)
    kind = read_facts(path).get("kind")
    if kind not in of_bundles:
        raise ModelError(f"{path} is a {kind!r} bundle; expected {' or '.join(of_bundles)}. Export the voice again.")
    return str(kind)
