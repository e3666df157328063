"""Batches of utterances of like length, every utterance once an epoch, the same after a resume, a few shapes only.

Each utterance belongs to one bucket for good: the shortest that holds it. Batches of a bucket are padded to its
length, and hold as many utterances as the budget of padded seconds allows. What does not fill a batch moves, longest
first, into the next bucket, so that there is one batch shape a bucket, plus one in the last bucket for the rest. A
bucket too small for even one full batch makes a single smaller one. All ranks follow one plan and take equal shares of
every step; where the utterances left for the very last step cannot be shared out equally, at most world_size - 1 of
them are given to two ranks (none with one process).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vivavoce.errors import ConfigError, DataError

Array = np.ndarray
ROUNDING_SECONDS = 0.01  # what resampling and speed perturbation may add to a stated duration


class BucketSampler:
    """Yields lists of utterance indices, epoch after epoch.

    Iterating yields this rank's batches of the current epoch, from where it stands, then moves on to the next epoch.
    A share `short_first` of the first epoch's batches comes first and goes from short to long, as CTC learns to align
    sooner so; everything else is mixed.
    """

    def __init__(
        self,
        durations_seconds: Sequence[float] | Array,
        bucket_seconds: Sequence[float],
        batch_seconds: float,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        short_first: float = 0.0,
    ) -> None:
        """Sort utterances into buckets.

        Args:
            durations_seconds: one for each utterance; frame counts do as well when the buckets are in frames too.
            bucket_seconds: padded lengths, ascending.
            batch_seconds: padded seconds a batch may hold on one rank; at least one utterance is taken.
            seed: together with the epoch decides the order.
            rank, world_size: this process among those that share every step.
            short_first: share of the first epoch, 0 to 1, that is ordered by length.

        Raises:
            ConfigError: buckets not ascending, no budget, a share or rank out of range.
            DataError: no utterances, or some longer than the last bucket.
        """
        self.durations = np.asarray(durations_seconds, dtype=np.float64)
        self.buckets = tuple(float(seconds) for seconds in bucket_seconds)
        if not self.buckets or self.buckets[0] <= 0 or list(self.buckets) != sorted(set(self.buckets)):
            raise ConfigError(f"bucket_seconds is {self.buckets}; expected positive lengths in ascending order.")
        if not 0.0 <= short_first <= 1.0:
            raise ConfigError(f"short_first is {short_first}; expected a share from 0 to 1.")
        if not batch_seconds > 0 or world_size < 1 or not 0 <= rank < world_size:
            raise ConfigError(
                f"batch_seconds {batch_seconds}, rank {rank} of {world_size} cannot be; mend the settings."
            )
        _check_durations(self.durations, self.buckets[-1])
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.short_first = short_first
        self.sizes = tuple(max(1, int(batch_seconds / seconds + 1e-9)) for seconds in self.buckets)
        self._assigned = self._assign()
        self._members = [np.flatnonzero(self._assigned == bucket) for bucket in range(len(self.buckets))]
        self.epoch, self.cursor = 0, 0

    def __len__(self) -> int:
        """Batches in an epoch; the same on every rank and in every epoch."""
        return sum(
            -(-len(members) // (size * self.world_size))
            for members, size in zip(self._members, self.sizes, strict=True)
        )

    def __iter__(self) -> Iterator[list[int]]:
        self._settle()
        plan = self._plan(self.epoch)
        while self.cursor < len(plan):
            self.cursor += 1  # before the yield: the state taken while a batch is worked on is the one behind it
            yield self._share(plan[self.cursor - 1])
        self._settle()

    def bucket_of(self, batch: Sequence[int]) -> float:
        """The seconds a batch is padded to."""
        return self.buckets[self._assigned[batch[0]]]

    def shapes(self) -> list[tuple[int, float]]:
        """All (utterances, padded seconds) that batches of a rank have, the full ones and the rest."""
        found = set()
        for members, size, seconds in zip(self._members, self.sizes, self.buckets, strict=True):
            full, rest = divmod(len(members), size * self.world_size)
            found |= {(size, seconds)} if full else set()
            found |= {(-(-rest // self.world_size), seconds)} if rest else set()
        return sorted(found, key=lambda shape: (shape[1], shape[0]))

    def state_dict(self) -> dict[str, Any]:
        """Where the sampler stands: JSON values."""
        return {"epoch": self.epoch, "cursor": self.cursor, "plan": self.fingerprint()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was taken.

        Raises:
            ConfigError: the state belongs to other utterances, buckets, budget, seed or number of processes.
        """
        if state.get("plan") != self.fingerprint():
            raise ConfigError(
                "the saved position belongs to other utterances, buckets, batch_seconds, seed or number of processes; "
                "resume with the settings of the run, or start a new run."
            )
        self.epoch, self.cursor = int(state["epoch"]), int(state["cursor"])

    def fingerprint(self) -> str:
        """What the order of batches depends on, in 16 hexadecimal digits."""
        settings = (self.buckets, self.sizes, self.seed, self.world_size, self.short_first)
        return hashlib.sha256(self.durations.tobytes() + repr(settings).encode()).hexdigest()[:16]

    def _settle(self) -> None:
        """Behind the last batch of an epoch is the beginning of the next."""
        if self.cursor >= len(self):
            self.epoch, self.cursor = self.epoch + 1, 0

    def _assign(self) -> Array:
        """(count,) bucket of each utterance, the rests moved on."""
        last = len(self.buckets) - 1
        assigned = np.minimum(np.searchsorted(self.buckets, self.durations), last)
        for bucket in range(last):
            members = np.flatnonzero(assigned == bucket)
            step = self.sizes[bucket] * self.world_size
            # Too few for one full step: a smaller step of their own, rather than much padding further up.
            rest = len(members) % (step if len(members) >= step else self.world_size)
            if rest:
                longest = members[np.argsort(self.durations[members], kind="stable")[len(members) - rest :]]
                assigned[longest] = bucket + 1
        return assigned

    def _plan(self, epoch: int) -> list[Array]:
        """The steps of an epoch, each the utterances of all ranks."""
        rng = np.random.default_rng((self.seed, epoch))
        short_first = self.short_first if epoch == 0 else 0.0
        steps: list[Array] = []
        for members, size in zip(self._members, self.sizes, strict=True):
            order = rng.permutation(members)
            if short_first:
                order = order[np.argsort(self.durations[order], kind="stable")]
            step = size * self.world_size
            steps += [order[start : start + step] for start in range(0, len(order), step)]
        first = np.unique(np.linspace(0, len(steps) - 1, round(short_first * len(steps))).astype(int))
        others = rng.permutation(np.setdiff1d(np.arange(len(steps)), first))
        return [steps[number] for number in (*first, *others)]

    def _share(self, step: Array) -> list[int]:
        """This rank's part of a step, as many utterances as every other rank's."""
        whole = np.resize(step, -(-len(step) // self.world_size) * self.world_size)  # repeats from the beginning
        return [int(index) for index in whole[self.rank :: self.world_size]]


def _check_durations(durations: Array, longest: float) -> None:
    if durations.ndim != 1 or not len(durations):
        raise DataError("there are no utterances to make batches of; check the manifests and the length limits.")
    if not np.isfinite(durations).all() or (durations < 0).any():
        raise DataError("a duration is negative or not a number; run `viva prepare` again.")
    beyond = int((durations > longest + ROUNDING_SECONDS).sum())
    if beyond:
        raise DataError(
            f"{beyond} of {len(durations)} utterances are longer than the last bucket, {longest} s (the longest is "
            f"{durations.max():.2f} s). Add a longer bucket, or leave them out."
        )
