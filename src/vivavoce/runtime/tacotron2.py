"""A Tacotron 2 bundle: token ids -> log-mel, step by step over three graphs, and a report on how the attention went.

The encoder is run once, the step until it says that it was the last, the post-net once over all frames. Between the
steps the state is in our hands, and so is the pre-net's dropout, which is never off: it comes from a seed, so that a
sentence is the same each time, and the same as from PyTorch. A failed alignment is reported, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.attention_check import AttentionReport, check_attention
from vivavoce.dsp.features import FeatureConfig
from vivavoce.dsp.sample_draws import dropout_factors
from vivavoce.errors import ConfigError, ModelError, TextError, VivaError
from vivavoce.runtime.bundle import check_file, check_kind, read_facts, read_spec
from vivavoce.runtime.session import open_session
from vivavoce.runtime.speech_plan import Sentence
from vivavoce.runtime.voice_bundle import TACOTRON2, FileSpec
from vivavoce.runtime.voice_parts import SentenceMel
from vivavoce.text.voice_tokens import TOKENS

Array = NDArray[np.float32]

KIND = TACOTRON2
GRAPHS: tuple[Literal["encoder"], Literal["step"], Literal["postnet"]] = ("encoder", "step", "postnet")
STATE = ("frame", "attention_hidden", "attention_cell", "context", "weights", "cumulative", "hidden", "cell")
ENCODER_INPUTS, ENCODER_OUTPUTS = ("tokens",), ("values", "keys")
STEP_INPUTS = ("values", "keys", "keep", *STATE)
STEP_OUTPUTS = ("frames", "stop", *(f"next_{name}" for name in STATE))
POSTNET_INPUTS, POSTNET_OUTPUTS = ("frames",), ("mel",)


@dataclass(frozen=True)
class StepSpec:
    """The graph of a step: its file and digest, frames of a step, widths, and the pre-net's dropout in thousandths."""

    file: str
    sha256: str
    reduction: int
    width: int
    decoder_width: int
    prenet_width: int
    prenet_dropout_per_mille: int


@dataclass(frozen=True)
class SpokenMel:
    """A sentence: mel (T, F) natural log, alignment (S, U), and what is wrong with it, if anything."""

    mel: Array
    alignment: Array
    report: AttentionReport


class TacotronModel:
    """Sessions over a bundle's graphs. It holds no sentence's state, so threads may share it."""

    def __init__(self, folder: str | Path, threads: int = 1, provider: str = "cpu") -> None:
        """Open the bundle in a folder that `export.tacotron2` wrote.

        Raises:
            ModelError: missing or damaged files, another kind or version, or graphs of other inputs.
        """
        self.folder = Path(folder)
        self.facts, files, self.features = _read(self.folder)
        self.spec = files["step"]
        self._sessions = {name: open_session(self.folder / files[name].file, threads, provider) for name in GRAPHS}
        expected = {"encoder": ENCODER_INPUTS, "step": STEP_INPUTS, "postnet": POSTNET_INPUTS}
        for name, session in self._sessions.items():
            found = tuple(value.name for value in session.get_inputs())
            if found != expected[name]:
                raise ModelError(
                    f"{self.folder}/{files[name].file} takes {', '.join(found)}; expected "
                    f"{', '.join(expected[name])}. Export the bundle again."
                )

    def speak(
        self,
        token_ids: Sequence[int] | NDArray[np.int64],
        seed: int | None = 0,
        max_frames: int | None = None,
        stop_threshold: float = 0.5,
    ) -> SpokenMel:
        """One sentence.

        Args:
            token_ids: (U,) of `text.voice_tokens`, BREAK first and last.
            seed: of the pre-net's dropout; None: without it, which sounds duller.
            max_frames: where a sentence that does not end is cut; None: `frame_limit`.
            stop_threshold: probability of the last step above which a sentence has ended.

        Raises:
            TextError: no token, or an id that is none.
        """
        ids = np.asarray(token_ids, dtype=np.int64)
        if ids.ndim != 1 or not len(ids) or ids.min() < 1 or ids.max() >= len(TOKENS):
            raise TextError(f"token ids {ids.tolist()[:20]}; expected one or more, from 1 to {len(TOKENS) - 1}.")
        rng = None if seed is None else np.random.default_rng(seed)
        values, keys = self._run("encoder", ids[None])
        state, frames, weights, stopped = self._initial_state(len(ids)), [], [], False
        limit = frame_limit(len(ids), self.features) if max_frames is None else max_frames
        for _ in range(-(-limit // self.spec.reduction)):
            emitted, stop, *state = self._run("step", values, keys, self._dropout(rng), *state)
            frames.append(emitted)
            weights.append(state[STATE.index("weights")][0])
            stopped = float(stop[0]) > stop_threshold
            if stopped:
                break
        coarse = np.concatenate(frames, axis=1)[:, :limit]
        alignment = np.stack(weights)
        report = check_attention(
            alignment, [TOKENS[i] for i in ids], stopped, self.features.frames_per_second, self.spec.reduction
        )
        return SpokenMel(self._run("postnet", coarse)[0][0], alignment, report)

    def mel_of(self, sentence: Sentence, seed: int | None = 0) -> SentenceMel:
        """A planned sentence, with the frames of each token by what each step looked at most.

        Args:
            sentence: at the rate and the pitch that were learned.
            seed: see `speak`.

        Raises:
            ConfigError: the sentence asks for another rate or pitch.
        """
        if (sentence.duration_scale != 1.0).any() or (sentence.pitch_shift != 0.0).any():
            raise ConfigError(
                f"{self.folder} is a Tacotron 2, which has the one rate and pitch that it learned. Leave out --rate "
                "and --pitch, and in SSML rate, pitch and emphasis; or speak with a voice that has a FastPitch."
            )
        spoken = self.speak(sentence.tokens, seed)
        return SentenceMel(
            spoken.mel, token_frames(spoken.alignment, len(spoken.mel), self.spec.reduction), spoken.report
        )

    def _initial_state(self, tokens: int) -> list[Array]:
        """Before the first frame: silence on all sides, no attention anywhere."""
        s = self.spec
        hidden, weights = (1, s.decoder_width), (1, tokens)
        shapes = ((1, self.features.num_features), hidden, hidden, (1, s.width), weights, weights, hidden, hidden)
        return [np.zeros(shape, np.float32) for shape in shapes]

    def _dropout(self, rng: np.random.Generator | None) -> Array:
        shape = (2, self.spec.prenet_width)
        if rng is None:
            return np.ones((1, *shape), np.float32)
        return dropout_factors(rng, shape, self.spec.prenet_dropout_per_mille / 1000)[None]

    def _run(self, graph: Literal["encoder", "step", "postnet"], *values: NDArray[Any]) -> list[Array]:
        names = {"encoder": ENCODER_INPUTS, "step": STEP_INPUTS, "postnet": POSTNET_INPUTS}[graph]
        outputs = {"encoder": ENCODER_OUTPUTS, "step": STEP_OUTPUTS, "postnet": POSTNET_OUTPUTS}[graph]
        found: list[Array] = self._sessions[graph].run(list(outputs), dict(zip(names, values, strict=True)))
        return found


def frame_limit(tokens: int, features: FeatureConfig) -> int:
    """Frames after which a sentence of so many tokens is cut: two seconds, and a fifth of one a token."""
    return round((2.0 + 0.2 * tokens) * features.frames_per_second)


def token_frames(alignment: Array, frames: int, reduction: int) -> NDArray[np.int64]:
    """How long each token was said: the frames of the steps that looked at it most.

    Args:
        alignment: (S, U), each step's attention over the tokens.
        frames: T, how many of the S reduction frames there are.
        reduction: frames of a step.

    Returns:
        (U,) that sum to T; 0 for tokens that were never looked at most. They are in the order of the text, whatever the
        attention did.
    """
    path = np.repeat(alignment.argmax(axis=1), reduction)[:frames]
    return np.bincount(path, minlength=alignment.shape[1]).astype(np.int64)


class _Files(TypedDict):
    encoder: FileSpec
    step: StepSpec
    postnet: FileSpec


def _read(folder: Path) -> tuple[Mapping[str, Any], _Files, FeatureConfig]:
    facts = read_facts(folder)
    check_kind(folder, facts, KIND)
    try:
        files = _Files(
            encoder=read_spec(FileSpec, facts["encoder"], ()),
            step=read_spec(StepSpec, facts["step"], ("prenet_dropout_per_mille",)),
            postnet=read_spec(FileSpec, facts["postnet"], ()),
        )
        features, tokens = FeatureConfig.from_dict(facts["features"]), tuple(facts["tokens"])
    except KeyError as error:
        raise ModelError(f"{folder}/bundle.json has no {error}; export the bundle again.") from None
    except (VivaError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
    if tokens != TOKENS:
        raise ModelError(f"{folder} speaks other tokens than this version; update vivavoce, or export it again.")
    for name in GRAPHS:
        check_file(folder, files[name].file, files[name].sha256)
    return facts, files, features
