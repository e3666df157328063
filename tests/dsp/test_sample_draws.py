"""Samples by number: which level, which component, which of the even levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.dsp.sample_draws import (
    LOGISTICS,
    MU_LAW,
    Rings,
    draw_levels,
    draw_logistics,
    draw_samples,
    dropout_factors,
)


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


def test_levels_are_drawn_as_often_as_they_are_likely() -> None:
    probs = np.array([0.1, 0.0, 0.6, 0.3])
    logits = np.log(np.maximum(probs, 1e-300))[None].repeat(20000, axis=0)
    drawn = draw_levels(logits, np.random.default_rng(0).random(20000))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20000, probs, atol=0.012)


def test_a_row_is_drawn_alike_whatever_is_beside_it() -> None:
    rng = np.random.default_rng(0)
    for output, answers in ((MU_LAW, rng.normal(size=(4, 16))), (LOGISTICS, rng.normal(size=(4, 6)))):
        together = draw_samples(answers, [np.random.default_rng(seed) for seed in range(4)], output, 16)
        alone = [draw_samples(answers[n : n + 1], [np.random.default_rng(n)], output, 16)[0] for n in range(4)]
        assert together.tolist() == alone


def test_dropout_factors() -> None:
    factors = dropout_factors(np.random.default_rng(0), (2, 4000), 0.2)
    assert factors.shape == (2, 4000)
    assert set(np.unique(factors)) == {0.0, np.float32(1.25)}
    assert factors.mean() == pytest.approx(1.0, abs=0.03)
    assert dropout_factors(np.random.default_rng(0), (9,), 0.0).tolist() == [1.0] * 9


def test_rings_keep_each_layers_past() -> None:
    rings, dilations = Rings((1, 2, 4), 1, 1), (1, 2, 4)
    for number in range(20):
        past = rings.past(number)[0, :, 0]
        assert past.tolist() == [max(0, number - dilation + 1) for dilation in dilations]
        rings.remember(number, np.full((1, 3, 1), number + 1, np.float32))
