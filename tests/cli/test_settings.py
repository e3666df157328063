"""`--set` onto dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from vivavoce.cli.settings import apply_settings
from vivavoce.errors import ConfigError


@dataclass(frozen=True)
class Dims:
    width: int = 8
    dropout: float = 0.1


@dataclass(frozen=True)
class Config:
    dims: Dims = field(default_factory=Dims)
    manifests: tuple[str, ...] = ()
    speeds: tuple[float, ...] = (0.9, 1.0)
    run: str = "runs/x"
    rate: float = 1e-3
    compile: bool = True
    below: float | None = None
    above: int | None = 5
    strides: tuple[int, ...] = ()


def test_values_take_the_type_of_their_default() -> None:
    config = apply_settings(
        Config(), ["dims.width=16", "rate=2e-4", "manifests=a.jsonl, b.jsonl", "speeds=1", "compile=no", "run=a=b"]
    )
    assert config == Config(Dims(16), ("a.jsonl", "b.jsonl"), (1.0,), "a=b", 2e-4, False)
    assert apply_settings(Config(), ["strides=1,2"]).strides == (1, 2)  # the default is empty: its annotation tells
    assert apply_settings(Config(strides=(3,)), ["strides="]).strides == ()


def test_what_may_be_none_takes_a_value_and_none() -> None:
    config = apply_settings(Config(), ["below=80", "above=none"])
    assert (config.below, config.above) == (80.0, None)
    assert apply_settings(config, ["below=None", "above=3"]) == Config(above=3)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("rate", "expected name=value"),
        ("rat=1", "no setting 'rat'; known: rate"),
        ("dims=3", r"dims has parts; set one of dims\.width, dims\.dropout"),
        ("dims.widht=3", "known: width"),
        ("rate.x=3", "rate has no parts"),
        ("dims.width=2.5", "expected a int, as in 8"),
        ("strides=1,x", "expected a int, as in 0"),
        ("compile=maybe", "expected true or false"),
        ("below=low", "expected a float or none"),
        ("rate=none", "expected a float, as in 0.001"),
    ],
)
def test_faults_are_named(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_settings(Config(), [assignment])
