"""The joint model's answers against those of the packed n-gram model."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.decoding.joint_ngram import JointNgram
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_tables import EOS
from vivavoce.decoding.ngram_training import estimate


@pytest.mark.parametrize("order", [1, 2, 5])
def test_answers_equal_those_of_the_packed_model(order: int) -> None:
    rng = np.random.default_rng(order)
    sentences = [[str(word) for word in rng.choice(list("abcdef"), rng.integers(1, 9))] for _ in range(150)]
    text = number_words(sentences)
    tables = estimate(text.vocabulary, count_ngrams(text, order)).tables
    packed, joint = NgramModel.from_tables(tables), JointNgram(tables)
    units = [*range(3, len(text.vocabulary)), EOS]
    longest = 0
    for _ in range(60):
        state, packed_state = joint.start(), packed.start()
        for unit in rng.integers(3, len(text.vocabulary), 7).tolist():
            steps = joint.following(state, units)
            expected = [packed.step(packed_state, other)[0] for other in units]
            assert [log_prob for log_prob, _ in steps] == pytest.approx(expected, abs=1e-5)
            state, packed_state = steps[units.index(unit)][1], packed.step(packed_state, unit)[1]
            longest = max(longest, len(state))
    assert longest == order - 1  # the longest contexts were met
