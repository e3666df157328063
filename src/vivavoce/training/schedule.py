"""Learning-rate schedules: functions from the number of finished updates to a multiplier of the peak rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from vivavoce.errors import ConfigError

Schedule = Callable[[int], float]


def warmup_cosine(warmup: int, total: int, floor: float = 0.01) -> Schedule:
    """Linear rise over `warmup` updates, then half a cosine down to `floor` at `total`, and flat behind it.

    Raises:
        ConfigError: the warm-up does not fit into the total.
    """
    if not 0 <= warmup < total:
        raise ConfigError(f"warm-up of {warmup} updates does not fit into {total}; lower it or train longer.")

    def multiplier(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        share = min(1.0, (step - warmup) / (total - warmup))
        return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * share))

    return multiplier


def warmup_hold_decay(warmup: int, total: int, decay_share: float = 0.4, floor: float = 0.01) -> Schedule:
    """Linear rise, a plateau, and a linear fall over the last `decay_share` of `total` updates.

    The plateau makes the total a late decision: a run can be resumed with more updates and only its fall is repeated
    (Hu et al. 2024, arXiv:2404.06395).

    Raises:
        ConfigError: the parts do not fit into the total, or decay_share is none.
    """
    _check_share(decay_share)
    fall = round(total * decay_share)
    if not 0 <= warmup <= total - fall or fall < 1:
        raise ConfigError(f"warm-up of {warmup} and a fall of {fall} updates do not fit into {total}; lower one.")

    def multiplier(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if step < total - fall:
            return 1.0
        return floor + (1.0 - floor) * max(0.0, (total - step) / fall)

    return multiplier


class ClockSchedule:
    """A rise over some updates, a plateau, and a linear fall to 0 by the clock, which starts now."""

    def __init__(
        self, seconds: float, warmup: int, decay_share: float, mean: Callable[[float], float] = lambda value: value
    ) -> None:
        """`mean` is over all processes: by clocks of their own their networks would drift apart.

        Raises:
            ConfigError: decay_share is none.
        """
        _check_share(decay_share)
        self.seconds, self.warmup, self.decay_share, self.mean = seconds, warmup, decay_share, mean
        self.started = time.monotonic()

    def __call__(self, updates: int) -> float:
        """Multiplier of the peak rate."""
        left = 1.0 - self.mean(time.monotonic() - self.started) / self.seconds
        return min(1.0, (updates + 1) / max(1, self.warmup), max(0.0, left / self.decay_share))


def by_updates_or_clock(
    warmup: int, updates: int, seconds: float, decay_share: float, mean: Callable[[float], float]
) -> Schedule:
    """`warmup_hold_decay` over so many updates; where `seconds` is finite a `ClockSchedule`, which starts now.

    Raises:
        ConfigError: there are no seconds, and the parts do not fit into the updates; or decay_share is none.
    """
    if math.isfinite(seconds):
        return ClockSchedule(seconds, warmup, decay_share, mean)
    return warmup_hold_decay(warmup, updates, decay_share)


def _check_share(decay_share: float) -> None:
    if not 0.0 < decay_share <= 1.0:
        raise ConfigError(f"decay_share is {decay_share}; expected a share above 0 and of at most 1.")
