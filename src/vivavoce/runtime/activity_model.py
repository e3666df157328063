"""A voice activity bundle: read, checked and run. Log-mel frames in, probabilities of speech out, state in your hands.

The graph has one fixed shape: a block of frames of one stream. A frame's probability is then the same to the last bit
however its samples arrived, for the rounding of a matrix product may depend on the shapes of its operands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureConfig
from vivavoce.errors import ModelError, VivaError
from vivavoce.runtime.bundle import FORMAT, FORMAT_VERSION, check_file, read_spec
from vivavoce.runtime.session import open_session

Array = NDArray[np.float32]

KIND = "voice_activity"
DEFAULT_ACTIVITY = "asr-en-small/activity"  # the one in front of the default recogniser
CACHES = ("feature_cache", "block_cache")
INPUTS = ("features", *CACHES)
OUTPUTS = ("probabilities", *(f"next_{name}" for name in CACHES))


@dataclass(frozen=True)
class ActivitySpec:
    """The graph of a voice activity bundle.

    Attributes:
        file, sha256: the graph and its digest.
        block_frames: the frames of one call.
        lookahead_frames: output number t speaks of frame t - lookahead_frames.
        feature_frames, past_frames, width: shapes of the two caches, (1, feature_frames, F), (1, past_frames, width).
    """

    file: str
    sha256: str
    block_frames: int
    lookahead_frames: int
    feature_frames: int
    past_frames: int
    width: int


@dataclass(frozen=True)
class ActivityBundle:
    """A voice activity bundle, checked. `facts` is the whole of bundle.json."""

    folder: Path
    name: str
    features: FeatureConfig
    model: ActivitySpec
    facts: Mapping[str, Any]

    @property
    def model_path(self) -> Path:
        """The graph."""
        return self.folder / self.model.file


@dataclass(frozen=True)
class ActivityState:
    """What one stream remembers between blocks: features (1, K, F), blocks (1, P, D)."""

    features: Array
    blocks: Array


class ActivityModel:
    """A session over a bundle's graph. It holds no stream's state, so threads may share it."""

    def __init__(self, bundle: ActivityBundle | str | Path | None = None, threads: int = 1) -> None:
        """Open the graph of a bundle, or of the folder of one; the package's own when none is named.

        Raises:
            ModelError: as `load_activity_bundle`, or the graph has other shapes than bundle.json says.
        """
        self.bundle = bundle if isinstance(bundle, ActivityBundle) else load_activity_bundle(bundle)
        self._session = open_session(self.bundle.model_path, threads)
        self._check()

    def initial_state(self) -> ActivityState:
        """The state of a stream before its first frame."""
        model = self.bundle.model
        return ActivityState(
            np.zeros((1, model.feature_frames, self.bundle.features.num_features), np.float32),
            np.zeros((1, model.past_frames, model.width), np.float32),
        )

    def run(self, block: Array, state: ActivityState) -> tuple[Array, ActivityState]:
        """(block_frames, F) log-mel -> (block_frames,) probabilities, and the state behind the block."""
        values = (block[None], state.features, state.blocks)
        probabilities, *following = self._session.run(list(OUTPUTS), dict(zip(INPUTS, values, strict=True)))
        return probabilities[0], ActivityState(*following)

    def _check(self) -> None:
        model, path = self.bundle.model, self.bundle.model_path
        inputs = {value.name: value.shape for value in self._session.get_inputs()}
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        missing = [name for name in INPUTS if name not in inputs] + [name for name in OUTPUTS if name not in outputs]
        if missing:
            raise ModelError(f"{path} has no {', '.join(missing)}; export the bundle again.")
        state = self.initial_state()
        stated = {
            "features": [1, model.block_frames, self.bundle.features.num_features],
            "feature_cache": list(state.features.shape),
            "block_cache": list(state.blocks.shape),
        }
        for name, shape in stated.items():
            if inputs[name] != shape:
                raise ModelError(
                    f"{path} takes {name} of shape {inputs[name]}, bundle.json says {shape}; export the bundle again."
                )


def default_activity_bundle() -> Path:
    """The folder of the voice activity bundle inside the package.

    Raises:
        ModelError: this installation came without it.
    """
    folder = Path(str(resources.files("vivavoce"))) / "assets" / DEFAULT_ACTIVITY
    if not (folder / "bundle.json").is_file():
        raise ModelError(f"the package has no voice activity bundle in {folder}; install it again, or name a folder.")
    return folder


def load_activity_bundle(folder: str | Path | None = None) -> ActivityBundle:
    """Read and check a voice activity bundle; the package's own when no folder is named.

    Raises:
        ModelError: missing or damaged files, or a format, kind or setting that this version does not know.
    """
    folder = Path(folder) if folder is not None else default_activity_bundle()
    facts = _read(folder)
    try:
        spec = read_spec(ActivitySpec, facts["model"], ("lookahead_frames",))
        bundle = ActivityBundle(folder, str(facts["name"]), FeatureConfig.from_dict(facts["features"]), spec, facts)
        _check_features(bundle.features)
    except KeyError as error:
        raise ModelError(f"{folder}/bundle.json has no {error}; export the bundle again.") from None
    except (VivaError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
    check_file(folder, spec.file, spec.sha256)
    return bundle


def _read(folder: Path) -> dict[str, Any]:
    """The facts, once format and kind are what they should be."""
    path = folder / "bundle.json"
    if not path.is_file():
        raise ModelError(f"{folder} holds no bundle.json; expected the folder of a voice activity bundle.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}. Copy or export the bundle again.") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else type(facts).__name__
        raise ModelError(f"{path} has format {found!r}; expected {FORMAT!r}.")
    if facts.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{folder} is of bundle format {facts.get('format_version')!r}; this version reads {FORMAT_VERSION}. "
            "Update vivavoce."
        )
    if facts.get("kind") != KIND:
        raise ModelError(f"{folder} is a {facts.get('kind')!r} bundle; expected one of kind {KIND!r}.")
    return facts


def _check_features(features: FeatureConfig) -> None:
    """What a stream of frames, and the times of frames, cannot do with."""
    if features.range_below_peak is not None or features.drop_last or features.deltas or features.padding != "none":
        raise ModelError(
            "voice activity is told frame by frame; expected features without range_below_peak, drop_last, deltas "
            "and padding."
        )
