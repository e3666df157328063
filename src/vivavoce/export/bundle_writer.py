"""A trained run becomes a bundle: export, quantise, measure both, refuse or write.

Everything is measured through `runtime.Recognizer`, the code that users run, so that the numbers in `bundle.json`
are those of the product and not of the training script.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vivavoce.data.manifest import Utterance
from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ConfigError, ModelError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.export.bundle_folder import by_people, check_place, heading, put_in_place
from vivavoce.export.parity import Parity, compare
from vivavoce.export.quantize import quantize_weights
from vivavoce.export.to_onnx import export_onnx
from vivavoce.metrics.error_rate import error_rate
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims
from vivavoce.runtime.bundle import digest, write_facts
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.normalize import normalize_for_scoring
from vivavoce.training.run_folder import load_checkpoint, unpack

LOOK_AHEAD = 128  # feature frames, 1.28 s: behind that, a longer chunk gains little (the package's card)


@dataclass(frozen=True)
class BundleSettings:
    """What a bundle says of itself, and the bounds that it must keep.

    `max_wer_increase` is in percentage points, int8 against float32, on the test utterances; `max_error` bounds the
    largest difference of any log-probability, of characters or phones, between torch and the float32 graph, and between
    each graph in chunks and whole. `chunk_frames` is in encoder frames; None stands for LOOK_AHEAD.
    """

    name: str = "asr-en-small"
    language: str = "en"
    licence: str = "Apache-2.0"
    precision: str = "int8"
    chunk_frames: int | None = None
    tail_frames: int = 8
    max_error: float = 1e-3
    max_wer_increase: float = 0.3

    def __post_init__(self) -> None:
        if self.precision not in ("int8", "fp32"):
            raise ConfigError(f"precision is {self.precision!r}; expected int8 or fp32.")
        if self.chunk_frames is not None and self.chunk_frames < 1:
            raise ConfigError(f"chunk_frames is {self.chunk_frames}; expected 1 or more.")


def load_model(
    checkpoint: str | Path, dims: ConformerDims, averaged: bool = True, temperature: float = 1.0
) -> ConformerCTC:
    """The model of a checkpoint, with its averaged weights unless told otherwise.

    Args:
        checkpoint, dims: the file, and what its weights are of.
        averaged: whether its averaged weights are wanted, or the last ones.
        temperature: divides the logits of the last block's phones. Above 1 a network that knows its training speech by
            heart is less sure of itself where it hears other (temperature scaling, Guo et al. 2017).

    Raises:
        ModelError: the weights do not fit the dims.
        ConfigError: a temperature that is none, or has no phones of the last block to act on.
    """
    check_temperature(temperature, dims)
    tensors, _ = load_checkpoint(checkpoint)
    model = ConformerCTC(dims).eval()
    try:
        model.load_state_dict(unpack("average" if averaged else "model", tensors))
    except RuntimeError as error:
        raise ModelError(f"{checkpoint} does not fit {dims}: {str(error).splitlines()[-1].strip()}") from None
    if dims.final_phones:
        with torch.no_grad():
            model.final_phone_out.weight.div_(temperature)
            model.final_phone_out.bias.div_(temperature)
    return model


def check_temperature(temperature: float, dims: ConformerDims) -> None:
    """Refuse what `load_model` would.

    Raises:
        ConfigError: a temperature that is none, or has no phones of the last block to act on.
    """
    if not 0.0 < temperature < math.inf or (temperature != 1.0 and not dims.final_phones):
        raise ConfigError(f"temperature is {temperature}; expected a number above 0, and 1 without dims.final_phones.")


def write_bundle(
    model: ConformerCTC,
    features: FeatureConfig,
    folder: str | Path,
    settings: BundleSettings,
    tests: Sequence[Utterance],
    training: Mapping[str, Any],
) -> dict[str, Any]:
    """Export a model into a bundle folder and return what `bundle.json` says.

    The folder appears only when every check has passed; an older bundle in its place is then replaced, but for its
    card and licences, its language model, lexicon and second pass, and its speech gate where the features are the same.

    Raises:
        ModelError: the graph differs from torch, or in chunks from itself, or int8 raised the word error rate, by more
            than the stated bound; no test utterance has text; something else than a bundle is in the folder's place.
    """
    folder = Path(folder)
    if not any(utterance.text.strip() for utterance in tests):
        raise ModelError(
            "no test utterances with text were given; a bundle states the word error rate that it was measured at."
        )
    check_place(folder)
    folder = Path(os.path.abspath(folder))  # "." has no name to rename
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as work:
        plain, small = Path(work) / "fp32", Path(work) / "int8"
        plain.mkdir()
        export_onnx(model, plain / "model.onnx")
        parity = compare(model, plain / "model.onnx")
        for what, error in (("from torch", parity.max_error), ("in chunks from itself", parity.stream_max_error)):
            if not error <= settings.max_error:  # NaN is no parity either
                raise ModelError(
                    f"the exported graph differs {what} by {error:.2e} in a log-probability (bound "
                    f"{settings.max_error:.0e}); the export is wrong, nothing was written."
                )
        facts = _facts(model, features, settings, parity, training)
        _seal(plain, facts, "fp32")
        chosen, results = plain, {"fp32": measure(plain, tests)}
        if settings.precision == "int8":
            small.mkdir()
            quantize_weights(plain / "model.onnx", small / "model.onnx")
            rounded = compare(model, small / "model.onnx")
            if not (math.isfinite(rounded.max_error) and rounded.stream_max_error <= settings.max_error):
                raise ModelError(
                    f"the int8 graph differs from torch by {rounded.max_error:.2e} in a log-probability, and in chunks "
                    f"from itself by {rounded.stream_max_error:.2e} (bound {settings.max_error:.0e}); nothing was "
                    "written. Export in fp32."
                )
            facts["parity"]["int8_max_error"] = rounded.max_error
            _seal(small, facts, "int8")
            chosen, results["int8"] = small, measure(small, tests)
            moved = 100.0 * (results["int8"] - results["fp32"])
            if moved > settings.max_wer_increase:
                raise ModelError(
                    f"int8 raises the word error rate from {results['fp32']:.2%} to {results['int8']:.2%}, more than "
                    f"the {settings.max_wer_increase} points allowed; nothing was written. Export in fp32."
                )
        facts["parity"]["word_error_rate"] = {name: round(value, 5) for name, value in results.items()}
        facts["parity"]["test_utterances"] = len(tests)
        if folder.exists():
            _take_over(folder, chosen, facts)
        _seal(chosen, facts, settings.precision)
        put_in_place(chosen, folder)
    return facts


def _take_over(old: Path, new: Path, facts: dict[str, Any]) -> None:
    """What an export does not make: the card, which people write, what is attached: models of text, lexicon, gate."""
    kept = [path.name for path in by_people(old)]
    if (old / "bundle.json").is_file():
        before = json.loads((old / "bundle.json").read_text(encoding="utf-8"))
        for name in ("language_model", "lexicon", "second_pass"):
            if attached := before.get(name):
                facts[name] = attached
                kept.append(attached["file"])
                kept += [attached["guesser"]["file"]] if attached.get("guesser") else []
        if (gate := before.get("speech_gate")) and before.get("features") == facts["features"]:
            facts["speech_gate"] = gate
            shutil.copytree(old / "activity", new / "activity")
    for name in kept:
        if (old / name).is_file():
            shutil.copy2(old / name, new / name)


def measure(bundle: Path, tests: Sequence[Utterance]) -> float:
    """Greedy word error rate of a bundle through the runtime."""
    recognizer = Recognizer(bundle, decoder="greedy")
    hypotheses = [recognizer.transcribe(audio_of(utterance)).text for utterance in tests]
    references = [normalize_for_scoring(utterance.text) for utterance in tests]
    return error_rate(references, [normalize_for_scoring(text) for text in hypotheses]).rate


def _facts(
    model: ConformerCTC,
    features: FeatureConfig,
    settings: BundleSettings,
    parity: Parity,
    training: Mapping[str, Any],
) -> dict[str, Any]:
    d = model.dims
    return {
        **heading("recognizer", settings.name, settings.licence, features),
        "language": settings.language,
        "tokens": Alphabet.characters().to_dict(),
        "phones": Alphabet.phones().to_dict(),
        "model": {
            "file": "model.onnx",
            "subsampling": d.subsampling,
            "outputs_per_frame": d.outputs_per_frame,
            "layers": d.layers,
            "width": d.width,
            "left_frames": d.left_frames,
            "convolution_frames": d.convolution_frames,
            "chunk_frames": settings.chunk_frames or max(1, LOOK_AHEAD // d.subsampling),
            "tail_frames": settings.tail_frames,
            "parameters": sum(p.numel() for p in model.parameters()),
        },
        "training": dict(training),
        "parity": {"torch_max_error": parity.max_error, "stream_max_error": parity.stream_max_error},
        "accuracy": {},
    }


def _seal(folder: Path, facts: dict[str, Any], precision: str) -> None:
    facts["model"]["precision"] = precision
    facts["model"]["sha256"] = digest(folder / "model.onnx")
    write_facts(folder, facts)
