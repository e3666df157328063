from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.data.bucketing import BucketSampler
from vivavoce.errors import ConfigError, DataError

BUCKETS = (2.0, 3.5, 6.0, 10.0)
durations_lists = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=300)
budgets = st.floats(1.0, 80.0)


def samplers(durations: list[float], budget: float, world_size: int = 1, **options: float) -> list[BucketSampler]:
    return [
        BucketSampler(durations, BUCKETS, budget, rank=r, world_size=world_size, **options) for r in range(world_size)
    ]


@settings(max_examples=150, deadline=None)
@given(durations_lists, budgets, st.integers(1, 5), st.sampled_from([0.0, 0.4, 1.0]))
def test_every_utterance_once_and_ranks_in_step(durations, budget, world_size, short_first):
    ranks = samplers(durations, budget, world_size, seed=3, short_first=short_first)
    for _ in range(3):
        epochs = [list(sampler) for sampler in ranks]
        assert {len(batches) for batches in epochs} == {len(ranks[0])}
        seen: Counter[int] = Counter()
        for step in zip(*epochs, strict=True):
            assert len({(len(batch), ranks[0].bucket_of(batch)) for batch in step}) == 1
            padded = ranks[0].bucket_of(step[0])
            assert len(step[0]) == 1 or len(step[0]) * padded <= budget + 1e-6
            for batch in step:
                assert all(durations[index] <= padded and ranks[0].bucket_of([index]) == padded for index in batch)
                assert len(set(batch)) == len(batch) or len(durations) < world_size
                seen.update(batch)
        assert set(seen) == set(range(len(durations)))
        assert seen.total() - len(durations) <= world_size - 1


@settings(max_examples=100, deadline=None)
@given(durations_lists, budgets, st.integers(0, 60), st.integers(1, 3))
def test_resume_in_the_middle_of_an_epoch(durations, budget, stop, world_size):
    def endless(sampler):
        while True:
            yield from sampler

    first = BucketSampler(durations, BUCKETS, budget, seed=5, rank=world_size - 1, world_size=world_size)
    stream = endless(first)
    for _ in range(stop):
        next(stream)
    state = first.state_dict()
    expected = [next(stream) for _ in range(30)]
    second = BucketSampler(durations, BUCKETS, budget, seed=5, rank=world_size - 1, world_size=world_size)
    second.load_state_dict(state)
    resumed = endless(second)
    assert [next(resumed) for _ in range(30)] == expected


@settings(max_examples=60, deadline=None)
@given(durations_lists, budgets, st.integers(1, 4))
def test_shapes_are_few_and_foretold(durations, budget, world_size):
    sampler = BucketSampler(durations, BUCKETS, budget, world_size=world_size)
    seen = {(len(batch), sampler.bucket_of(batch)) for _ in range(2) for batch in sampler}
    assert seen == set(sampler.shapes())
    assert len(seen) <= len(BUCKETS) + 1


def test_epochs_differ_and_seeds_differ():
    durations = np.random.default_rng(0).uniform(0.5, 10.0, 200)
    sampler = BucketSampler(durations, BUCKETS, 30.0, seed=1)
    first, second = list(sampler), list(sampler)
    assert sampler.epoch == 2
    assert first != second
    assert first == list(BucketSampler(durations, BUCKETS, 30.0, seed=1))
    assert first != list(BucketSampler(durations, BUCKETS, 30.0, seed=2))
    assert [len(batch) for batch in first] != sorted(len(batch) for batch in first)


def test_short_first_goes_from_short_to_long_then_shuffles():
    durations = np.random.default_rng(0).uniform(0.5, 10.0, 300)
    sampler = BucketSampler(durations, BUCKETS, 30.0, short_first=1.0)
    padded = [sampler.bucket_of(batch) for batch in sampler]
    assert padded == sorted(padded)
    shuffled = [sampler.bucket_of(batch) for batch in sampler]
    assert shuffled != sorted(shuffled)
    sampler = BucketSampler(durations, (10.0,), 30.0, short_first=1.0)
    longest = [durations[batch].max() for batch in sampler]
    assert longest == sorted(longest)


def test_a_share_goes_from_short_to_long_and_the_rest_is_mixed():
    durations = np.random.default_rng(0).uniform(0.5, 10.0, 600)
    sampler = BucketSampler(durations, BUCKETS, 30.0, short_first=0.3)
    padded = [sampler.bucket_of(batch) for batch in sampler]
    ordered = round(0.3 * len(padded))
    assert padded[:ordered] == sorted(padded[:ordered])
    assert set(padded[:ordered]) == set(BUCKETS)
    assert padded[ordered:] != sorted(padded[ordered:])


def test_padding_stays_small_on_speech_like_lengths():
    durations = np.random.default_rng(0).gamma(4.0, 1.2, 5000).clip(0.5, 18.0)
    buckets = (2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
    sampler = BucketSampler(durations, buckets, 200.0)
    padded = sum(len(batch) * sampler.bucket_of(batch) for batch in sampler)
    assert padded < 1.2 * durations.sum()


def test_a_state_of_another_plan_is_refused():
    state = BucketSampler([1.0, 2.0, 3.0], BUCKETS, 10.0).state_dict()
    for other in (
        BucketSampler([1.0, 2.0, 3.1], BUCKETS, 10.0),
        BucketSampler([1.0, 2.0, 3.0], BUCKETS, 20.0),
        BucketSampler([1.0, 2.0, 3.0], BUCKETS, 10.0, seed=1),
        BucketSampler([1.0, 2.0, 3.0], BUCKETS, 10.0, world_size=2),
    ):
        with pytest.raises(ConfigError, match="saved position"):
            other.load_state_dict(state)


@pytest.mark.parametrize("buckets", [(), (0.0, 1.0), (2.0, 1.0), (1.0, 1.0)])
def test_bad_buckets(buckets):
    with pytest.raises(ConfigError, match="ascending"):
        BucketSampler([0.5], buckets, 10.0)


def test_bad_settings_and_durations():
    with pytest.raises(ConfigError, match="rank 2 of 2"):
        BucketSampler([1.0], BUCKETS, 10.0, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="batch_seconds 0"):
        BucketSampler([1.0], BUCKETS, 0.0)
    with pytest.raises(ConfigError, match=r"short_first is 1\.5"):
        BucketSampler([1.0], BUCKETS, 10.0, short_first=1.5)
    with pytest.raises(DataError, match="no utterances"):
        BucketSampler([], BUCKETS, 10.0)
    with pytest.raises(DataError, match=r"1 of 2 utterances are longer.*11\.00 s"):
        BucketSampler([1.0, 11.0], BUCKETS, 10.0)
    with pytest.raises(DataError, match="not a number"):
        BucketSampler([1.0, float("nan")], BUCKETS, 10.0)
