"""Boundaries between sounds, made exact: a Gaussian for each third of each sound, fitted and searched in turns.

An aligner that is trained to tell tokens apart finds the right word and the right neighbourhood, but gives a clear
consonant frames of the vowel beside it, for nothing in its loss says what a vowel is like. A generative model does:
here every sound is three states in a row, each a Gaussian with a diagonal covariance over cepstra and their slopes.
From the first durations the Gaussians are estimated, with them the best path is searched, and so on: Viterbi training
(Juang and Rabiner, The segmental k-means algorithm, 1990). It knows neither texts nor networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vivavoce.models.aligner import best_durations

Array = NDArray[np.float32]
_CEPSTRA = 14
_LEAST_DEVIATION = 0.25  # of a feature's own deviation over all frames
_LEAST_FRAMES = 30  # a state seen less often than this is drawn towards the mean of all frames


def cepstra(mel: Array) -> Array:
    """(T, F) log-mel -> (T, 28): a cosine transform's first coefficients and their slopes over five frames."""
    bins = np.arange(mel.shape[1])
    basis = np.cos(np.pi * np.arange(_CEPSTRA)[:, None] * (2 * bins + 1) / (2 * mel.shape[1])) / mel.shape[1]
    static = mel @ basis.T.astype(np.float32)
    padded = np.pad(static, ((2, 2), (0, 0)), mode="edge")
    slopes = (2.0 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10.0
    return np.concatenate([static, slopes], axis=1).astype(np.float32)


def refine_durations(
    mels: Sequence[Array],
    sounds: Sequence[NDArray[np.int64]],
    durations: Sequence[NDArray[np.int64]],
    single: frozenset[int] = frozenset(),
    rounds: int = 6,
    reach: int = 15,
) -> list[NDArray[np.int64]]:
    """Move the boundaries of an alignment to where the sound changes.

    Args:
        mels: (T, F) log-mel of each recording.
        sounds: (U,) numbers of its sounds from 0 on; whatever has one number is taken for the same sound.
        durations: (U,) frames of each, 1 or more, to begin with; they sum to T.
        single: sounds of one state, such as silences; others have three, and three frames or more.
        rounds: of estimating and searching.
        reach: how many frames a sound may lie outside of where it was at first.

    Returns:
        (U,) of each. A recording too short for its states keeps what it had.
    """
    everything = np.concatenate([cepstra(mel) for mel in mels])
    everything -= everything.mean(axis=0)
    everything /= everything.std(axis=0) + 1e-6
    cuts = np.cumsum([len(mel) for mel in mels])[:-1]
    frames = np.split(everything, cuts)
    states = [_states(row, single) for row in sounds]
    fits = [len(s) <= len(f) for s, f in zip(states, frames, strict=True)]
    lasts = [_spread(row, s) for row, s in zip(durations, states, strict=True)]
    windows = [(np.cumsum(row) - row - reach, np.cumsum(row) + reach) for row in durations]
    total = 1 + max(int(s.max()) for s in states)
    order = [n for n in np.argsort([len(f) for f in frames]) if fits[n]]
    for _ in range(rounds):
        owners = np.concatenate([np.repeat(states[n], lasts[n]) for n in order])
        weights = _gaussians(np.concatenate([frames[n] for n in order]), owners, total)
        for start in range(0, len(order), 32):
            group = order[start : start + 32]
            scores = [_scores(frames[n], states[n], windows[n], weights) for n in group]
            for n, row in zip(group, _search(scores), strict=True):
                lasts[n] = row
    return [
        np.bincount(_owner_of_states(states[n]), weights=lasts[n], minlength=len(sounds[n])).astype(np.int64)
        if fits[n]
        else np.asarray(durations[n], np.int64)
        for n in range(len(mels))
    ]


def _states(sounds: NDArray[np.int64], single: frozenset[int]) -> NDArray[np.int64]:
    """(S,) state numbers of a sequence: three a sound, or the middle one alone."""
    return np.array([3 * s + part for s in sounds.tolist() for part in ((1,) if s in single else (0, 1, 2))])


def _owner_of_states(states: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) which token of the sequence each state belongs to: a new one begins wherever the part is no later one."""
    part = states % 3
    begins = np.ones(len(states), np.bool_)
    begins[1:] = (part[1:] == 0) | ((part[1:] == 1) & (part[:-1] != 0))
    return np.cumsum(begins) - 1


def _spread(durations: NDArray[np.int64], states: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) frames of each state: a token's own, shared out evenly; short tokens leave some states without any."""
    owner = _owner_of_states(states)
    count = np.bincount(owner)
    place = np.arange(len(states)) - (np.cumsum(count) - count)[owner]
    length = durations[owner]
    spread: NDArray[np.int64] = (place + 1) * length // count[owner] - place * length // count[owner]
    return spread


def _gaussians(frames: Array, owners: NDArray[np.int64], total: int) -> tuple[Array, Array, Array]:
    """Of each state: precisions, precisions times means, (S, C) each, and the constant (S,) of its log-density."""
    count = np.bincount(owners, minlength=total).astype(np.float64)[:, None]
    first, second = np.zeros((total, frames.shape[1])), np.zeros((total, frames.shape[1]))
    for column in range(frames.shape[1]):
        first[:, column] = np.bincount(owners, frames[:, column], total)
        second[:, column] = np.bincount(owners, frames[:, column].astype(np.float64) ** 2, total)
    mean = first / (count + _LEAST_FRAMES)
    variance = (second + _LEAST_FRAMES) / (count + _LEAST_FRAMES) - mean**2
    variance = np.maximum(variance, _LEAST_DEVIATION**2)
    constant = -0.5 * (np.log(variance) + mean**2 / variance).sum(axis=1)
    return (1.0 / variance).astype(np.float32), (mean / variance).astype(np.float32), constant.astype(np.float32)


def _scores(
    frames: Array,
    states: NDArray[np.int64],
    window: tuple[NDArray[np.int64], NDArray[np.int64]],
    weights: tuple[Array, Array, Array],
) -> Array:
    """(T, S) log-density of each frame in each state of a sequence; far lower outside of the window."""
    precision, scaled, constant = (part[states] for part in weights)
    scores = frames @ scaled.T - 0.5 * frames**2 @ precision.T + constant
    owner, frame = _owner_of_states(states), np.arange(len(frames))[:, None]
    outside = (frame < window[0][owner]) | (frame >= window[1][owner])
    masked: Array = (scores - 1e4 * outside).astype(np.float32)
    return masked


def _search(scores: Sequence[Array]) -> list[NDArray[np.int64]]:
    lengths = np.array([row.shape[1] for row in scores])
    frames = np.array([len(row) for row in scores])
    batch = np.full((len(scores), frames.max(), lengths.max()), -1e6, np.float32)
    for place, row in zip(batch, scores, strict=True):
        place[: row.shape[0], : row.shape[1]] = row
    found = best_durations(batch, lengths, frames)
    return [row[:length] for row, length in zip(found, lengths, strict=True)]
