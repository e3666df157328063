"""Sessions: every setting is honoured or refused, none passed over in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from vivavoce.errors import ConfigError
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.session import OPTIMIZATIONS, PROVIDERS, open_session


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_there_or_refused(tiny_bundle: Path, provider: str) -> None:
    name, package = PROVIDERS[provider]
    if name in onnxruntime.get_available_providers():
        assert open_session(tiny_bundle / "model.onnx", provider=provider).get_providers()[0] == name
    else:
        with pytest.raises(ConfigError, match=rf"provider {provider} is not in .* which has cpu.*{package}"):
            open_session(tiny_bundle / "model.onnx", provider=provider)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"provider": "abacus"}, "provider is 'abacus'; expected one of cpu, cuda"),
        ({"optimization": "much"}, "optimization is 'much'; expected one of none, basic"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_settings_that_cannot_be(tiny_bundle: Path, settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Recognizer(tiny_bundle, **settings)


def test_optimization_changes_the_work_and_not_the_text(tiny_bundle: Path, babble: Callable[..., np.ndarray]) -> None:
    waveform = babble(3.0, seed=41)
    results = {name: Recognizer(tiny_bundle, optimization=name) for name in OPTIMIZATIONS}
    expected = results["all"].log_probs(waveform)
    for recognizer in results.values():
        np.testing.assert_allclose(recognizer.log_probs(waveform), expected, atol=1e-4)
