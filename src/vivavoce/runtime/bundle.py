"""The bundle: a folder with a graph and `bundle.json`, the contract between training and running.

This module reads and checks it, and refuses with the reason what this version cannot honour. It opens no graph.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.lexicon_file import read_lexicon
from vivavoce.decoding.lexicon_scorer import share_of_unknown
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.second_pass import SecondWeights
from vivavoce.decoding.word_scorer import Weights
from vivavoce.decoding.words import BOUNDARY
from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import DataError, ModelError, VivaError
from vivavoce.text.alphabet import Alphabet

FORMAT = "vivavoce-bundle"
FORMAT_VERSION = 1
DEFAULT_RECOGNIZER = "asr-en-small"
CHARACTERS, PHONES = "log_probs", "phone_log_probs"  # outputs of a recogniser's graph

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class ModelSpec:
    """The shapes of a recogniser's graph; frames are encoder frames unless the name says otherwise.

    Attributes:
        file, sha256, precision: the graph, its digest, and "fp32" or "int8".
        subsampling: feature frames to an encoder frame.
        outputs_per_frame: output frames to an encoder frame.
        layers, width: of the encoder, for the shapes of its caches.
        left_frames, convolution_frames: what attention and convolution remember.
        chunk_frames: the attention's chunk that the accuracy was measured with.
        tail_frames: feature frames of silence that follow the last one.
    """

    file: str
    sha256: str
    precision: str
    subsampling: int
    outputs_per_frame: int
    layers: int
    width: int
    left_frames: int
    convolution_frames: int
    chunk_frames: int
    tail_frames: int


@dataclass(frozen=True)
class LanguageModelSpec:
    """A language model over words, for the decoders "words" and "lexicon".

    Attributes:
        file, sha256: the model (.lm, .arpa or .arpa.gz) and its digest.
        weights: what it and each word count for in the decoder "words", tuned on utterances that are in no test.
    """

    file: str
    sha256: str
    weights: Weights


@dataclass(frozen=True)
class LexiconSpec:
    """Pronunciations of words in the bundle's phones, for the decoder "lexicon".

    Attributes:
        file, sha256: the lexicon (decoding/lexicon_file.py) and its digest.
        weights: of the language model and of each word in this search.
        guesser, guesser_sha256: a model that guesses how other words sound (decoding/g2p.py); "" for none.
    """

    file: str
    sha256: str
    weights: Weights
    guesser: str = ""
    guesser_sha256: str = ""


@dataclass(frozen=True)
class SecondPassSpec:
    """A network of subword units, with which the decoder "lexicon" looks again at what it has found.

    Attributes:
        file, sha256: the network (runtime/unit_predictor.py) and its digest.
        weights: how much it, both models together and each word count in the second pass.
    """

    file: str
    sha256: str
    weights: SecondWeights


@dataclass(frozen=True)
class GateRules:
    """Where a voice activity detector lets the recogniser hear something (runtime/speech_gate.py).

    Attributes:
        threshold: a frame of this probability or more is speech ...
        minimum_speech_seconds: ... in stretches of at least this length, ...
        before_seconds, after_seconds: ... and so much around them may be.
    """

    threshold: float = 0.7
    minimum_speech_seconds: float = 0.1
    before_seconds: float = 0.8
    after_seconds: float = 0.8

    def __post_init__(self) -> None:
        times = list(asdict(self).values())[1:]
        if not 0.0 < self.threshold < 1.0 or not all(0.0 <= time < math.inf for time in times):
            raise ModelError(f"{self}: expected a threshold between 0 and 1, no negative times and no endless ones.")


@dataclass(frozen=True)
class Bundle:
    """A recogniser's bundle, checked. `facts` is the whole of bundle.json."""

    folder: Path
    name: str
    language: str
    sample_rate: int
    features: FeatureConfig
    tokens: Alphabet
    model: ModelSpec
    phones: Alphabet | None
    language_model: LanguageModelSpec | None
    lexicon: LexiconSpec | None
    gate: GateRules | None
    facts: Mapping[str, Any]
    second_pass: SecondPassSpec | None = None

    @property
    def model_path(self) -> Path:
        """The graph."""
        return self.folder / self.model.file

    def width(self, outputs: Sequence[str]) -> int:
        """How many numbers a frame of these outputs of the graph has, side by side."""
        return sum(len(self.alphabet(output)) for output in outputs)

    def alphabet(self, output: str) -> Alphabet:
        """What an output of the graph, CHARACTERS or PHONES, speaks of."""
        if output == CHARACTERS:
            return self.tokens
        if self.phones is None:
            raise ModelError(f"{self.folder} has no phones; it was trained without them.")
        return self.phones

    @property
    def encoder_frame_seconds(self) -> float:
        """Time from one encoder frame to the next: the unit of chunks."""
        return self.features.hop_length / self.sample_rate * self.model.subsampling

    @property
    def frame_seconds(self) -> float:
        """Time from one output frame to the next."""
        return self.encoder_frame_seconds / self.model.outputs_per_frame


def default_bundle() -> Path:
    """The folder of the recogniser inside the package.

    Raises:
        ModelError: this installation came without it.
    """
    folder = Path(str(resources.files("vivavoce"))) / "assets" / DEFAULT_RECOGNIZER
    if not (folder / "bundle.json").is_file():
        raise ModelError(
            f"the package has no default recogniser in {folder}; install it again, or name one: --bundle DIR"
        )
    return folder


def load_bundle(folder: str | Path | None = None) -> Bundle:
    """Read and check a bundle; the default one when no folder is named.

    Raises:
        ModelError: missing or damaged files, or a format, kind or setting that this version does not know.
    """
    folder = Path(folder) if folder is not None else default_bundle()
    facts = read_facts(folder)
    check_kind(folder, facts, "recognizer")
    try:
        model = read_spec(ModelSpec, facts["model"], ("tail_frames", "left_frames", "convolution_frames"))
        features = FeatureConfig.from_dict(facts["features"])
        tokens = Alphabet.from_dict(facts["tokens"])
        phones = Alphabet.from_dict(facts["phones"]) if facts.get("phones") else None
        language_model = _file_spec(LanguageModelSpec, "language_model", facts)
        lexicon = _file_spec(LexiconSpec, "lexicon", facts)
        if lexicon is not None and facts["lexicon"].get("guesser"):
            guesser = facts["lexicon"]["guesser"]
            lexicon = replace(
                lexicon, guesser=_plain_name("lexicon.guesser", guesser["file"]), guesser_sha256=str(guesser["sha256"])
            )
        if lexicon is not None and phones is None:
            raise ModelError("there is a lexicon, and no phones to read it in.")
        second_pass = _file_spec(SecondPassSpec, "second_pass", facts, SecondWeights)
        if second_pass is not None and lexicon is None:
            raise ModelError("there is a second pass, and no lexicon for the first.")
        bundle = Bundle(
            folder, facts["name"], facts["language"], facts["sample_rate"],
            features, tokens, model, phones, language_model, lexicon, _gate_rules(facts.get("speech_gate")), facts,
            second_pass,
        )  # fmt: skip
        _check_features(bundle)
    except KeyError as error:
        raise ModelError(f"{folder}/bundle.json has no {error}; export the bundle again.") from None
    except (VivaError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
    check_file(folder, model.file, model.sha256)
    for attached in (language_model, lexicon, second_pass):
        if attached is not None:
            check_file(folder, attached.file, attached.sha256)
    if lexicon is not None and lexicon.guesser:
        check_file(folder, lexicon.guesser, lexicon.guesser_sha256)
    if bundle.gate is not None:
        check_file(folder, "activity/bundle.json", facts["speech_gate"]["sha256"])
    return bundle


def attach_language_model(folder: str | Path, model: str | Path, weights: Weights) -> None:
    """Copy a language model into a bundle, in place of one that it may have.

    Of a lexicon that is there already, the words that the model does not know share its `<unk>` from now on.

    Raises:
        ModelError: the folder is no bundle.
        DataError, ModelError: the file is no language model.
    """
    folder, model = Path(folder), Path(model)
    bundle, opened = load_bundle(folder), NgramModel.load(model)
    facts = read_facts(folder)
    if bundle.lexicon is not None:
        words = read_lexicon(folder / bundle.lexicon.file, bundle.alphabet(PHONES)).words
        facts["lexicon"]["weights"]["unknown"] = share_of_unknown(words, opened)
    target = folder / f"words{''.join(model.suffixes[-2:] if model.suffix == '.gz' else model.suffixes[-1:])}"
    facts["language_model"] = {**_put(model, target), "weights": asdict(weights)}
    write_facts(folder, facts)


def attach_lexicon(
    folder: str | Path, lexicon: str | Path, weights: Weights, guesser: str | Path | None = None
) -> None:
    """Copy a lexicon into a bundle, in place of one that it may have, and a model that guesses other words' sounds.

    Without one, the bundle keeps the guesser that it may have.

    Raises:
        ModelError: the folder is no bundle, or its model hears no phones.
        DataError: the file is no lexicon in its phones, or has words that it cannot write.
        DataError, ModelError: the other file is no guesser, or of other phones.
    """
    folder, lexicon = Path(folder), Path(lexicon)
    bundle = load_bundle(folder)
    if bundle.phones is None:
        raise ModelError(f"{folder} has no phones; a lexicon serves recognisers that were trained with them.")
    check_words(lexicon, read_lexicon(lexicon, bundle.phones).words, bundle)
    if guesser is not None:
        check_guesser(guesser, bundle.phones)
    facts = read_facts(folder)
    former = facts.get("lexicon", {})
    target = folder / f"lexicon.txt{lexicon.suffix if lexicon.suffix in ('.gz', '.xz') else ''}"
    facts["lexicon"] = {**_put(lexicon, target), "weights": asdict(weights)}
    if guesser is not None:
        facts["lexicon"]["guesser"] = _put(Path(guesser), folder / "lexicon.g2p")
    elif "guesser" in former:
        facts["lexicon"]["guesser"] = former["guesser"]
    write_facts(folder, facts)


def check_words(lexicon: Path, words: Iterable[str], bundle: Bundle) -> None:
    """Refuse a lexicon with words that a recogniser cannot write.

    Raises:
        DataError: there are some.
    """
    letters = set(bundle.tokens.tokens)
    strange = sorted({word for word in words if not letters.issuperset(word)})
    if strange:
        raise DataError(
            f"{lexicon}: {len(strange):,} words, such as {strange[0]!r}, have characters that {bundle.folder} does not "
            "write; leave them out, or write them in its letters."
        )


def check_guesser(guesser: str | Path, phones: Alphabet) -> None:
    """Refuse a model that guesses sounds in other phones.

    Raises:
        DataError, ModelError: the file is no such model.
        ModelError: of other phones.
    """
    if other := sorted(G2p.load(guesser).phones - set(phones.tokens)):
        raise ModelError(
            f"{guesser} guesses {', '.join(other)}, which the recogniser has no phones for; train another."
        )


def attach_second_pass(folder: str | Path, network: str | Path, weights: SecondWeights) -> None:
    """Copy a network of subword units into a bundle, in place of one that it may have.

    The file must be one that `unit_predictor.UnitPredictor.open` opens; that is not tried here, where no graph is
    opened.

    Raises:
        ModelError: the folder is no bundle, or has no lexicon.
    """
    folder = Path(folder)
    if load_bundle(folder).lexicon is None:
        raise ModelError(f"{folder} has no lexicon, whose decoder has the second pass; attach a lexicon first.")
    facts = read_facts(folder)
    facts["second_pass"] = {**_put(Path(network), folder / "words.onnx"), "weights": asdict(weights)}
    write_facts(folder, facts)


def _put(source: Path, target: Path) -> dict[str, str]:
    """Copy a file into a bundle, unless it stands there already; how bundle.json names it."""
    if source.resolve() != target.resolve():
        # In one step: a recogniser that is running has the file of before mapped into its memory.
        partial = target.with_name(f"{target.name}.part")
        shutil.copyfile(source, partial)
        partial.replace(target)
    return {"file": target.name, "sha256": digest(target)}


def record_accuracy(bundle: Bundle, decoder: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put measured word errors into a bundle's own bundle.json, in place of those that the decoder had before.

    Returns:
        What bundle.json says now.
    """
    facts = read_facts(bundle.folder)
    facts.setdefault("accuracy", {})[decoder] = list(rows)
    write_facts(bundle.folder, facts)
    return facts


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write a bundle's bundle.json, of any kind."""
    partial = folder / "bundle.json.part"
    partial.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / "bundle.json")


def read_facts(folder: Path) -> dict[str, Any]:
    """The whole of a bundle's bundle.json.

    Raises:
        ModelError: it is missing or unreadable.
    """
    path = folder / "bundle.json"
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {what}; expected a bundle's folder (made by `viva export`).")
    if not path.is_file():
        raise ModelError(f"{folder} holds no bundle.json; expected a bundle (made by `viva export`).")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}. Copy or export the bundle again.") from None
    if not isinstance(facts, dict):
        raise ModelError(f"{path} holds a JSON {type(facts).__name__}; expected an object.")
    return facts


def check_kind(folder: Path, facts: Mapping[str, Any], kind: str) -> None:
    """Whether a bundle is of this kind, in the format that this version reads.

    Raises:
        ModelError: another format, version of it, or kind.
    """
    if facts.get("format") != FORMAT:
        raise ModelError(f"{folder}/bundle.json has format {facts.get('format')!r}; expected {FORMAT!r}.")
    version = facts.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{folder} is of bundle format {version!r}; this version reads {FORMAT_VERSION}. Update vivavoce."
        )
    if facts.get("kind") != kind:
        raise ModelError(f"{folder} is a {facts.get('kind')!r} bundle; expected a {kind}.")


def read_spec(spec_class: type[Spec], stated: Mapping[str, Any], may_be_zero: Collection[str]) -> Spec:
    """The settings of `model`, every one there and of its own type; what else is stated is for people.

    Args:
        spec_class: a dataclass of texts and integers, with `file` among them.
        may_be_zero: the integers that need not be 1 or more.

    Raises:
        KeyError: a setting is missing.
        ModelError: a setting is of another type or too small, or `file` is no file's name.
    """
    spec = spec_class(**{field.name: stated[field.name] for field in fields(spec_class)})  # type: ignore[arg-type]
    for field in fields(spec_class):  # type: ignore[arg-type]
        value = getattr(spec, field.name)
        if field.type == "str" and not isinstance(value, str):
            raise ModelError(f"model.{field.name} is {value!r}; expected a text.")
        least = 0 if field.name in may_be_zero else 1
        if field.type == "int" and (type(value) is not int or value < least):
            raise ModelError(f"model.{field.name} is {value!r}; expected an integer, {least} or more.")
    file = vars(spec)["file"]
    if file != Path(file).name:
        raise ModelError(f"model.file is {file!r}; expected the name of a file inside the bundle.")
    return spec


def _check_features(bundle: Bundle) -> None:
    """What FeatureConfig can describe and a recogniser cannot use."""
    features = bundle.features
    if features.sample_rate != bundle.sample_rate:
        raise ModelError(
            f"features are at {features.sample_rate} Hz and sample_rate is {bundle.sample_rate}; they must agree."
        )
    if features.range_below_peak is not None:
        raise ModelError(
            "features limited below the utterance's peak cannot be streamed; set range_below_peak to null."
        )
    if (features.kind, features.log, features.log_offset, features.log_gain) != ("log_mel", "ln", 0.0, 1.0):
        # The silence after the end is frames of log(floor), which is silence in these features alone.
        raise ModelError("this version recognises from plain log_mel features with natural logarithms only.")
    if BOUNDARY not in bundle.tokens.tokens:
        raise ModelError("the tokens hold no space between words; this version recognises characters.")


def _file_spec(
    spec_class: type[Spec], name: str, facts: Mapping[str, Any], weights_class: type[Weights | SecondWeights] = Weights
) -> Spec | None:
    """The settings of an attached file, where there is one."""
    stated = facts.get(name)
    if stated is None:
        return None
    given = dict(stated["weights"])
    if weights_class is SecondWeights:
        given.setdefault("letters", 0.0)  # bundles of before letters were heard
    weights = weights_class(**{field.name: float(given[field.name]) for field in fields(weights_class)})
    file = _plain_name(name, stated["file"])
    return spec_class(file, str(stated["sha256"]), weights)  # type: ignore[call-arg]


def _plain_name(what: str, file: str) -> str:
    if file != Path(str(file)).name:
        raise ModelError(f"{what}.file is {file!r}; expected the name of a file inside the bundle.")
    return file


def _gate_rules(stated: Mapping[str, Any] | None) -> GateRules | None:
    """The rules of `speech_gate`, where there is one."""
    if stated is None:
        return None
    str(stated["sha256"])
    return GateRules(**{field.name: float(stated["rules"][field.name]) for field in fields(GateRules)})


def check_file(folder: Path, name: str, sha256: str) -> None:
    """Whether a file of a bundle, of any kind, is the one that bundle.json describes.

    Raises:
        ModelError: it is missing, or another one.
    """
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{folder} has no {name}; copy or export the bundle again.")
    found = digest(path)
    if found != sha256:
        raise ModelError(
            f"{path} is not the file that bundle.json describes (sha256 {found[:12]}..., expected {sha256[:12]}...); "
            "copy or export the bundle again."
        )


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
