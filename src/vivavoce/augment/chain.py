"""Transforms in order, each with a probability. What is drawn can be written as JSON and applied again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.augment.band_limit import BandLimit
from vivavoce.augment.level import Level
from vivavoce.augment.noise import Noise, NoiseLibrary
from vivavoce.augment.reverb import Reverb, RoomPool
from vivavoce.augment.speed import Speed
from vivavoce.augment.waveform import Array, as_waveform
from vivavoce.errors import ConfigError, DataError


class Transform(Protocol):
    """Anything that draws apart from applying."""

    Params: Any

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> Any: ...

    def apply(self, waveform: NDArray[Any], params: Any) -> Array: ...


@dataclass(frozen=True)
class Step:
    """A transform, its name in the JSON, and how often it is applied."""

    name: str
    transform: Transform
    probability: float = 1.0


@dataclass(frozen=True)
class ChainParams:
    """(name of the step, its params) of the steps that are applied, in order."""

    steps: tuple[tuple[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and names."""
        return {"steps": [{"name": name, "params": asdict(params)} for name, params in self.steps]}


class Chain:
    """An order of transforms. Holds no state: the same params give the same waveform, in any thread or process."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        self._transforms = {step.name: step.transform for step in self.steps}
        if len(self._transforms) != len(self.steps):
            raise ConfigError(f"steps are named {[step.name for step in self.steps]}; expected each name once.")
        for step in self.steps:
            if not 0.0 <= step.probability <= 1.0:
                raise ConfigError(f"step {step.name} has probability {step.probability}; expected 0 to 1.")

    def draw(self, rng: np.random.Generator, num_samples: int, sample_rate: int) -> ChainParams:
        """Which steps, and how. `num_samples` is the length before the first step."""
        drawn = [
            (step.name, step.transform.draw(rng, num_samples, sample_rate))
            for step in self.steps
            if rng.random() < step.probability
        ]
        return ChainParams(tuple(drawn))

    def apply(self, waveform: NDArray[Any], params: ChainParams) -> Array:
        """(N,) -> (N',) float32; N' differs from N only through speed or tempo. The input is never changed."""
        out = as_waveform(waveform)
        for name, drawn in params.steps:
            out = self._transform(name).apply(out, drawn)
        return out.copy() if out is waveform else out

    def params_from_dict(self, values: dict[str, Any]) -> ChainParams:
        """The params that `ChainParams.to_dict` wrote."""
        try:
            steps = [(step["name"], step["params"]) for step in values["steps"]]
            return ChainParams(tuple((name, self._transform(name).Params(**params)) for name, params in steps))
        except (KeyError, TypeError) as error:
            raise DataError(f"{values!r} are not params of this chain ({error}); write them with to_dict.") from None

    def _transform(self, name: str) -> Transform:
        if name not in self._transforms:
            raise DataError(f"params name a step {name!r}; this chain has {', '.join(self._transforms)}.")
        return self._transforms[name]


def default_recognition_chain(
    noise_library: NoiseLibrary | None,
    sample_rate: int = 16000,
    speeds: Sequence[float] = (),
    rooms: RoomPool | None = None,
    share: float = 1.0,
    narrow_share: float = 0.1,
) -> Chain:
    """What the recognisers here train with: room, noise, narrow band, level.

    `share` scales how often room, noise and band are applied: a run too short to learn clean speech wants few of them.
    `narrow_share` is how often the band is, before that: more of it for a recogniser that will listen to telephones.
    `speeds` such as (0.9, 1.0, 1.1) adds speed perturbation first. It is off by default, because training batches are
    made of utterances of known length at each speed (training/batches.py changes the speed itself).
    """
    steps = [
        Step("reverb", Reverb(rooms or RoomPool(sample_rate)), 0.25 * share),
        Step("noise", Noise(noise_library), 0.4 * share),
        Step("band_limit", BandLimit(), narrow_share * share),
        Step("level", Level(clip_probability=0.03)),
    ]
    if speeds:
        steps.insert(0, Step("speed", Speed(tuple(speeds))))
    return Chain(steps)
