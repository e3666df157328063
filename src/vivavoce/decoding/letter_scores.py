"""How likely the letters of texts are, by a character CTC's frames: a second ear for what a search by phones has found.

A network that gives out phones and characters hears the same sound twice, and errs differently: phones tell "two" from
"do", letters "two" from "too". A search follows the phones; of the few texts that it brings, the letters are looked up
here, by the sum over all paths that spell them.

Probabilities are scaled every few frames and never leave float64. It knows no language.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.words import BOUNDARY
from vivavoce.text.alphabet import Alphabet

LEAST = -1000.0  # of a text that the frames cannot spell: finite, so that others may still outweigh it
SCALED_EVERY = 6  # frames, in which a closed speech gate can take at most e to the -600


def spelling_log_probs(
    log_probs: NDArray[np.float32], texts: Sequence[Sequence[str]], letters: Alphabet
) -> NDArray[np.float64]:
    """(R,) `text_log_probs` of the words of each text, (T, V) frames being of these letters."""
    spelled = [letters.encode(" ".join(words)) for words in texts]
    return text_log_probs(log_probs, spelled, letters.blank_id, letters.tokens.index(BOUNDARY))


def text_log_probs(
    log_probs: NDArray[np.float32], texts: Sequence[Sequence[int]], blank_id: int, boundary_id: int
) -> NDArray[np.float64]:
    """(R,) natural log of the probability that frames spell each text, LEAST at least.

    Args:
        log_probs: (T, V), T >= 0.
        texts: tokens of each, without blanks, and without a boundary at its ends: there, one may be heard or not, as
            the piece of speech is cut out of a longer one.

    Source: the forward pass of CTC (Graves et al. 2006), over states that may be skipped at both ends.
    """
    longest = max(map(len, texts), default=0)
    if not len(log_probs) or not texts:
        return np.zeros(len(texts))
    lengths = np.array([len(text) for text in texts])
    labels = np.full((len(texts), longest + 2), blank_id)
    labels[:, 0] = boundary_id
    for row, text in zip(labels, texts, strict=True):
        row[1 : len(text) + 1] = text
        row[len(text) + 1] = boundary_id
    states = np.full((len(texts), 2 * longest + 5), blank_id)  # a blank before, between and behind
    states[:, 1::2] = labels
    skips = np.zeros(states.shape)  # a token may follow another directly unless they are equal
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    frames = np.exp(log_probs.astype(np.float64))
    # Two columns in front that stay 0, so that shifted views need no copies.
    paths = np.zeros((len(texts), states.shape[1] + 2))
    paths[:, 2:6] = frames[0][states[:, :4]]
    paths[lengths == 0, 5] = 0.0  # without letters that state is the boundary behind
    totals = np.zeros(len(texts))
    for number, frame in enumerate(frames):
        if number:
            paths[:, 2:] = (paths[:, 2:] + paths[:, 1:-1] + skips * paths[:, :-2]) * frame[states]
        if number % SCALED_EVERY == 0 or number == len(frames) - 1:
            scale = paths.sum(axis=1)
            alive = scale > 0.0
            totals = np.where(alive, totals + np.log(np.where(alive, scale, 1.0)), -np.inf)
            paths[alive] /= scale[alive, None]
    # Behind the last letter or its blank, the boundary or its blank.
    ends = 2 * lengths[:, None] + np.arange(1, 5) + 2
    ended = np.take_along_axis(paths, ends, axis=1).sum(axis=1)
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = np.maximum(totals + np.log(ended), LEAST)
    return found
