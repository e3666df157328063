"""The letters of texts against PyTorch's CTC, and against all paths of small cases."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from vivavoce.decoding.letter_scores import LEAST, text_log_probs

BLANK, SPACE = 0, 1


def frames(count: int, tokens: int, seed: int, sharp: float = 2.0) -> np.ndarray:
    logits = sharp * np.random.default_rng(seed).standard_normal((count, tokens))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


def spelled(path: tuple[int, ...]) -> list[int]:
    return [token for place, token in enumerate(path) if token != BLANK and (not place or path[place - 1] != token)]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_sum_over_all_paths(seed: int) -> None:
    log_probs = frames(5, 4, seed)
    texts = [[2], [2, 3], [2, 2], [3, 1, 2], [2, 3, 2, 3, 2, 3]]
    sums = np.zeros(len(texts))
    for path in product(range(4), repeat=len(log_probs)):
        prob = np.exp(sum(float(row[token]) for row, token in zip(log_probs, path, strict=True)))
        word = spelled(path)
        for number, text in enumerate(texts):
            edges = [[*before, *text, *behind] for before in ([], [SPACE]) for behind in ([], [SPACE])]
            sums[number] += prob * (word in edges)
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(sums), LEAST)
    np.testing.assert_allclose(text_log_probs(log_probs, texts, BLANK, SPACE), expected, rtol=1e-5)


def test_long_texts_equal_torch() -> None:
    torch = pytest.importorskip("torch")
    log_probs = frames(300, 29, 1, 4.0)
    rng = np.random.default_rng(2)
    texts = [rng.integers(1, 29, size).tolist() for size in (1, 20, 80, 119)]
    texts = [[2 if place in (0, len(text) - 1) else token for place, token in enumerate(text)] for text in texts]
    expected = []
    for text in texts:
        edges = [[*before, *text, *behind] for before in ([], [SPACE]) for behind in ([], [SPACE])]
        losses = [
            torch.nn.functional.ctc_loss(
                torch.from_numpy(log_probs).double()[:, None], torch.tensor([edge]), (300,), (len(edge),),
                reduction="sum",
            )
            for edge in edges
        ]  # fmt: skip
        expected.append(float(torch.stack(losses).neg().logsumexp(0)))
    np.testing.assert_allclose(text_log_probs(log_probs, texts, BLANK, SPACE), np.maximum(expected, LEAST), rtol=1e-6)


def test_silence_has_no_letters() -> None:
    silence = np.full((10, 5), -100.0, np.float32)
    silence[:, BLANK] = 0.0
    found = text_log_probs(silence, [[], [2], [2, 3]], BLANK, SPACE)
    np.testing.assert_allclose(found, [0.0, np.log(10) - 100.0, np.log(45) - 200.0], atol=1e-3)
    assert (text_log_probs(silence, [[2] * 30], BLANK, SPACE) == LEAST).all()
    assert (text_log_probs(silence[:0], [[2], []], BLANK, SPACE) == 0.0).all()
    assert len(text_log_probs(silence, [], BLANK, SPACE)) == 0
