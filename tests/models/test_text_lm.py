"""TextLm: the past alone counts, a tree is as its texts one by one, and a small text is learnt."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vivavoce.decoding.second_pass import UnitTree
from vivavoce.errors import ConfigError
from vivavoce.models.text_lm import TextLm, TextLmDims, text_loss

DIMS = TextLmDims(units=30, width=16, layers=2, heads=2, feed_forward=32)


@pytest.fixture
def model() -> TextLm:
    torch.manual_seed(0)
    model = TextLm(DIMS).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # blocks that do something
            parameter.normal_(std=0.4)
    return model


def test_the_future_does_not_count(model: TextLm) -> None:
    rows = torch.randint(0, 29, (2, 9))
    other = rows.clone()
    other[:, 6:] = torch.randint(0, 29, (2, 3))
    first, second = model(rows), model(other)
    torch.testing.assert_close(first[:, :6], second[:, :6])
    assert not torch.allclose(first[:, 7:], second[:, 7:])
    changed = rows.clone()
    changed[:, 0] = (changed[:, 0] + 1) % 29
    assert not torch.allclose(first[:, 8], model(changed)[:, 8])


def test_only_distances_count(model: TextLm) -> None:
    rows = torch.randint(0, 29, (1, 7))
    places = torch.arange(7)[None]
    torch.testing.assert_close(model(rows), model(rows, places + 40), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(model(rows), model(rows, 2 * places), atol=1e-3)


def test_a_tree_is_its_texts_one_by_one(model: TextLm) -> None:
    rng = np.random.default_rng(2)
    parents = np.array([-1, *(int(rng.integers(max(0, n - 4), n)) for n in range(1, 40))])
    tree = UnitTree(np.concatenate([[29], rng.integers(0, 29, 39)]), parents)
    hidden = model(*(torch.from_numpy(part)[None] for part in (tree.units, tree.places, tree.ancestors(100))))[0]
    for node in range(40):
        path = [node]
        while parents[path[0]] >= 0:
            path.insert(0, int(parents[path[0]]))
        alone = model(torch.from_numpy(tree.units[path])[None])[0, -1]
        torch.testing.assert_close(hidden[node], alone, atol=1e-5, rtol=1e-4)


def test_a_small_text_is_learnt() -> None:
    torch.manual_seed(1)
    model = TextLm(DIMS)
    text = torch.tensor([29, *([1, 2, 3, 4, 1, 2, 5, 6] * 4)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    assert text_loss(model, text[None]).item() == pytest.approx(math.log(30), abs=0.5)
    for _ in range(60):
        loss = text_loss(model, text[None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert text_loss(model, text[None]).item() < 0.2


def test_types_may_differ_from_the_weights(model: TextLm) -> None:
    rows = torch.randint(0, 29, (3, 9))
    low = text_loss(model, rows, torch.bfloat16)
    assert low.item() == pytest.approx(text_loss(model, rows).item(), rel=0.02)
    assert model(rows, dtype=torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize("wrong", [{"units": 1}, {"width": 18}, {"heads": 0}, {"dropout": 1.0}, {"layers": 0}])
def test_sizes_that_cannot_be(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TextLmDims"):
        TextLmDims(**{"width": 16, "heads": 4, **wrong})
