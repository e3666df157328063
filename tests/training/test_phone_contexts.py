"""Classes of phones in context: which pairs get their own, and what sequences become."""

from __future__ import annotations

import pytest
import torch

from vivavoce.errors import ConfigError, DataError
from vivavoce.training.phone_contexts import PhoneContexts


def test_the_most_frequent_pairs_have_classes_of_their_own() -> None:
    contexts = PhoneContexts.from_sequences([(1, 2, 1, 2), (1, 2, 3), ()], 3, 5)
    assert (contexts.phones, contexts.classes) == (3, 5)
    # 2 behind 1 three times, 1 at the beginning twice; all else is shared.
    assert contexts.table.tolist() == [[1, 4, 3], [1, 2, 3], [1, 2, 3], [5, 2, 3]]
    assert contexts.phone_of.tolist() == [0, 1, 2, 3, 2, 1]
    tokens = torch.tensor([[1, 2, 1, 2], [2, 1, 0, 0], [0, 0, 0, 0]])
    expected = [[5, 4, 1, 4], [2, 1, 0, 0], [0, 0, 0, 0]]
    assert contexts.encode(tokens, torch.tensor([4, 2, 0])).tolist() == expected


@pytest.mark.parametrize("classes", [3, 7, 15])
def test_every_class_is_one_of_a_phone(classes: int) -> None:
    """As many as there are phones, some pairs, and all pairs, those that were never seen among them."""
    contexts = PhoneContexts.from_sequences([(3, 3, 1, 2, 1)], 3, classes)
    assert torch.equal(contexts.phone_of[contexts.table], torch.arange(1, 4).expand(4, 3))
    assert set(contexts.table.flatten().tolist()) >= set(range(4, classes + 1))


def test_what_cannot_be_counted_is_refused() -> None:
    for wrong in ([(0, 1)], [(4,)], [()], []):
        with pytest.raises(DataError):
            PhoneContexts.from_sequences(wrong, 3, 5)
    for classes in (2, 16):
        with pytest.raises(ConfigError, match="expected 3 to 15"):
            PhoneContexts.from_sequences([(1, 2)], 3, classes)
