"""A WaveNet bundle: log-mel -> waveform, sample by sample over a graph of one step. Never torch.

Of the three graphs, `upsample` is run once for all frames, `condition` now and then for what the layers make of a
stretch of it, and `step` for every sample. What each layer must remember is kept here in rings (`dsp.sample_draws`),
and chance comes from a seed: the samples are those that PyTorch's cached generation draws from the same one.

It is slow, as WaveNets are: two hundred small operations a sample. For products there is Vocos (`runtime.vocoder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.features import FeatureConfig, checked_log_mel
from vivavoce.dsp.mu_law import mu_law_decode
from vivavoce.dsp.sample_draws import LOGISTICS, MU_LAW, Rings, draw_samples
from vivavoce.errors import ModelError, VivaError
from vivavoce.runtime.bundle import check_file, check_kind, read_facts, read_spec
from vivavoce.runtime.session import open_session
from vivavoce.runtime.voice_bundle import WAVENET, FileSpec

Array = NDArray[np.float32]

KIND = WAVENET
UPSAMPLE_INPUTS, UPSAMPLE_OUTPUTS = ("log_mel",), ("upsampled",)
CONDITION_INPUTS, CONDITION_OUTPUTS = ("upsampled",), ("conditions",)
STEP_INPUTS, STEP_OUTPUTS = ("previous", "conditions", "past"), ("answer", "present")
PIECE_FRAMES = 8  # of a piece of `stream`, a tenth of a second, which takes a second to draw
_AT_ONCE = 64  # conditions that are computed together; those of all layers together are large


@dataclass(frozen=True)
class StepSpec:
    """The graph of a step: its file and digest, output and its levels, stacks of so many layers, channels, hold."""

    file: str
    sha256: str
    output: str
    levels: int
    stacks: int
    layers: int
    channels: int
    hold: int

    @property
    def dilations(self) -> tuple[int, ...]:
        """One number a layer."""
        return tuple(2**layer for _ in range(self.stacks) for layer in range(self.layers))


class WaveNetVocoder:
    """Sessions over a bundle's graphs. It holds no waveform's state, so threads may share it."""

    def __init__(self, folder: str | Path, threads: int = 1, provider: str = "cpu") -> None:
        """Open the bundle in a folder that `export.wavenet` wrote.

        Raises:
            ModelError: missing or damaged files, another kind or version, or graphs of other inputs.
        """
        folder = Path(folder)
        self.facts, upsample, condition, self.spec, self.features = _read(folder)
        expected = {upsample.file: UPSAMPLE_INPUTS, condition.file: CONDITION_INPUTS, self.spec.file: STEP_INPUTS}
        sessions = {file: open_session(folder / file, threads, provider) for file in expected}
        for file, names in expected.items():
            found = tuple(value.name for value in sessions[file].get_inputs())
            if found != names:
                raise ModelError(
                    f"{folder}/{file} takes {', '.join(found)}; expected {', '.join(names)}. Export the bundle again."
                )
        self._upsample, self._condition, self._step = (sessions[s.file] for s in (upsample, condition, self.spec))

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.features.sample_rate

    def __call__(self, log_mel: Array, seed: int = 0) -> Array:
        """(T, F) log-mel of `features` -> (T hop,) float32 samples; number t times the hop is frame t's centre.

        Raises:
            AudioError: another shape, or values that are not finite.
        """
        return np.concatenate(list(self._pieces(self._checked(log_mel), seed)))

    def stream(self, log_mels: Iterable[Array], seed: int = 0) -> Iterator[Array]:
        """Chunks of (t, F) frames -> pieces of the waveform that `__call__` gives of all frames, as they are drawn.

        The first comes when all frames are there: it is the drawing that takes time.
        """
        frames = [self._checked(chunk) for chunk in log_mels if len(chunk)]
        if frames:
            yield from self._pieces(np.concatenate(frames), seed)

    def _pieces(self, frames: Array, seed: int) -> Iterator[Array]:
        s = self.spec
        upsampled = self._upsample.run(None, {"log_mel": frames[None]})[0]  # (1, T hop / hold, K)
        rings, draws = Rings(s.dilations, 1, s.channels), [np.random.default_rng(seed)]
        discrete = s.output == MU_LAW
        previous: NDArray[Any] = np.array([s.levels // 2]) if discrete else np.zeros(1, np.float32)
        samples: list[Any] = []
        end = len(frames) * self.features.hop_length
        for number in range(end):
            place = number // s.hold
            if number % s.hold == 0:
                if place % _AT_ONCE == 0:
                    piece = upsampled[:, place : place + _AT_ONCE]
                    conditions = self._condition.run(None, {"upsampled": piece})[0]  # (1, n, L, 2 C)
                here = np.ascontiguousarray(conditions[:, place % _AT_ONCE])
            values = {"previous": previous, "conditions": here, "past": rings.past(number)}
            answer, present = self._step.run(None, values)
            rings.remember(number, present)
            previous = draw_samples(answer, draws, s.output, s.levels)
            samples.append(previous[0])
            if len(samples) == PIECE_FRAMES * self.features.hop_length or number + 1 == end:
                piece = np.array(samples, previous.dtype)
                yield mu_law_decode(piece, s.levels) if discrete else piece
                samples.clear()

    def _checked(self, log_mel: Array) -> Array:
        return checked_log_mel(log_mel, self.features.num_features)


def _read(folder: Path) -> tuple[Mapping[str, Any], FileSpec, FileSpec, StepSpec, FeatureConfig]:
    facts = read_facts(folder)
    check_kind(folder, facts, KIND)
    try:
        upsample, condition = (read_spec(FileSpec, facts[name], ()) for name in ("upsample", "condition"))
        step, features = read_spec(StepSpec, facts["step"], ()), FeatureConfig.from_dict(facts["features"])
        if step.output not in (MU_LAW, LOGISTICS) or features.hop_length % step.hold:
            raise ModelError(f"output {step.output!r} with a hold of {step.hold} is unknown.")
    except KeyError as error:
        raise ModelError(f"{folder}/bundle.json has no {error}; export the bundle again.") from None
    except (VivaError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder}/bundle.json cannot be honoured: {error}") from None
    for spec in (upsample, condition, step):
        check_file(folder, spec.file, spec.sha256)
    return facts, upsample, condition, step, features
