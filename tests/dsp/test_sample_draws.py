"""Samples by number: which level, which component, which of the even levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.sample_draws import draw_levels, draw_logistics


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=9), st.floats(0, 1, exclude_max=True))
def test_a_level_is_where_the_sum_passes_the_number(logits: list[float], number: float) -> None:
    probs = np.exp(np.array(logits) - max(logits))
    probs /= probs.sum()
    level = int(draw_levels(np.array([logits]), np.array([number]))[0])
    assert probs[:level].sum() <= number + 1e-9
    assert probs[: level + 1].sum() >= number - 1e-9


def test_levels_without_probability_are_never_drawn() -> None:
    logits = np.array([[-np.inf, 0.0, -np.inf, 0.0, -np.inf]])
    drawn = {int(draw_levels(logits, np.array([u]))[0]) for u in np.linspace(0, 1 - 1e-12, 99)}
    assert drawn == {1, 3}


def test_a_logistic_sample_is_the_inverse_of_its_distribution() -> None:
    parameters = np.array([[-50.0, 50.0, 9.0, 0.25, 0.0, math.log(0.1)]])
    for place in (0.01, 0.3, 0.5, 0.9):
        sample = float(draw_logistics(parameters, np.array([[0.5, place]]), 65536)[0])
        assert 1 / (1 + math.exp(-(sample - 0.25) / 0.1)) == pytest.approx(place, abs=1e-4)


def test_samples_lie_on_levels_within_full_scale() -> None:
    rng = np.random.default_rng(0)
    parameters = np.tile([0.0, 0.0, -0.9, 0.9, -1.0, 0.0], (500, 1))
    drawn = draw_logistics(parameters, rng.random((500, 2)), 9)
    np.testing.assert_allclose(drawn * 4, np.rint(drawn * 4), atol=1e-6)
    assert (drawn.min(), drawn.max()) == (-1.0, 1.0)
    assert drawn.dtype == np.float32
    edges = draw_logistics(parameters[:2], np.array([[0.1, 0.0], [0.9, 1.0]]), 65536)
    assert edges.tolist() == [-1.0, 1.0]
