"""Boundaries of synthetic sounds, of which the truth is known, found from even durations."""

from __future__ import annotations

import numpy as np

from vivavoce.training.duration_refinement import cepstra, refine_durations


def sentences(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Mels, sounds and true durations: every sound a spectrum of its own, sound 0 a silence at both ends."""
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(1).normal(-4.0, 2.0, (8, 80))
    shapes = np.stack([np.convolve(shape, np.ones(9) / 9, mode="same") for shape in shapes])
    shapes[0] = -9.0
    mels, sounds, durations = [], [], []
    for _ in range(count):
        sounds.append(np.array([0, *rng.permutation(np.arange(1, 8))[:5], 0]))
        durations.append(rng.integers(4, 13, 7))
        mel = np.repeat(shapes[sounds[-1]], durations[-1], axis=0)
        mels.append((mel + 0.3 * rng.standard_normal(mel.shape)).astype(np.float32))
    return mels, sounds, durations


def test_boundaries_are_found_from_even_durations() -> None:
    mels, sounds, truth = sentences(40)
    even = [np.diff(np.linspace(0, len(mel), 8).astype(np.int64)) for mel in mels]
    found = refine_durations(mels, sounds, even, frozenset({0}))
    true = np.stack(truth).cumsum(1)
    edges, before = np.abs(np.stack(found).cumsum(1) - true), np.abs(np.stack(even).cumsum(1) - true)
    assert before.mean() > 1.5
    assert edges[:, 1:-2].mean() < 0.1
    # Slopes reach over five frames, so a silence's edges may go to the sound beside it.
    assert edges.max() <= 2
    for row, mel in zip(found, mels, strict=True):
        assert row.sum() == len(mel)
        assert (row[1:-1] >= 3).all()
        assert row.min() >= 1


def test_nothing_moves_further_than_its_reach() -> None:
    mels, sounds, _ = sentences(12)
    even = [np.diff(np.linspace(0, len(mel), 8).astype(np.int64)) for mel in mels]
    for row, first in zip(refine_durations(mels, sounds, even, frozenset({0}), reach=2), even, strict=True):
        assert np.abs(row.cumsum() - first.cumsum()).max() <= 2


def test_what_is_too_short_for_its_states_stays() -> None:
    mels, sounds, truth = sentences(12)
    mels[3], truth[3] = mels[3][:9], np.array([1, 1, 2, 1, 2, 1, 1])  # 17 states
    assert refine_durations(mels, sounds, truth, frozenset({0}))[3].tolist() == truth[3].tolist()


def test_cepstra_are_levels_and_slopes() -> None:
    mel = np.outer(np.arange(20.0), np.ones(80)).astype(np.float32)  # rises by 1 a frame in every band
    found = cepstra(mel)
    assert found.shape == (20, 28)
    np.testing.assert_allclose(found[:, 0], np.arange(20.0), atol=1e-4)
    np.testing.assert_allclose(found[:, 1:14], 0.0, atol=1e-4)
    np.testing.assert_allclose(found[2:-2, 14], 1.0, atol=1e-4)
