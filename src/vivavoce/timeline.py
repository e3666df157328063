"""Seconds, samples, frames and tokens: the only place for that arithmetic.

A frame is a window of `win_length` samples that begins every `hop_length` samples; frame t covers the samples
[t * hop_length, t * hop_length + win_length), without centring. Lengths are integers and durations float seconds; no
function here returns a fraction of the longest. This module knows no audio and no model.
"""

from __future__ import annotations

from vivavoce.errors import ConfigError


def seconds_to_samples(seconds: float, sample_rate: int) -> int:
    """The number of samples nearest to a duration; half a sample goes up."""
    _require_positive("sample_rate", sample_rate)
    return int(seconds * sample_rate + 0.5) if seconds >= 0 else -int(-seconds * sample_rate + 0.5)


def samples_to_seconds(num_samples: int, sample_rate: int) -> float:
    """The duration of a number of samples."""
    _require_positive("sample_rate", sample_rate)
    return num_samples / sample_rate


def count_frames(num_samples: int, win_length: int, hop_length: int) -> int:
    """How many whole windows fit into `num_samples`, without centring or padding; 0 where not even one does."""
    _require_positive("win_length", win_length)
    _require_positive("hop_length", hop_length)
    if num_samples < win_length:
        return 0
    return 1 + (num_samples - win_length) // hop_length


def count_centred_frames(num_samples: int, hop_length: int) -> int:
    """How many frames have their centre at a multiple of the hop within the signal, its end included."""
    _require_positive("hop_length", hop_length)
    return 1 + num_samples // hop_length if num_samples > 0 else 0


def frames_to_samples(num_frames: int, win_length: int, hop_length: int) -> int:
    """The fewest samples that hold `num_frames` whole windows: the inverse of `count_frames`."""
    _require_positive("win_length", win_length)
    _require_positive("hop_length", hop_length)
    return 0 if num_frames <= 0 else (num_frames - 1) * hop_length + win_length


def frame_start_seconds(index: int, hop_length: int, sample_rate: int) -> float:
    """When frame `index` begins."""
    return samples_to_seconds(index * hop_length, sample_rate)


def frame_end_seconds(index: int, win_length: int, hop_length: int, sample_rate: int) -> float:
    """When the last sample of frame `index` has passed."""
    return samples_to_seconds(index * hop_length + win_length, sample_rate)


def frame_centre_seconds(index: int, win_length: int, hop_length: int, sample_rate: int) -> float:
    """The middle of frame `index`."""
    _require_positive("sample_rate", sample_rate)
    return (index * hop_length + win_length / 2) / sample_rate


def seconds_to_frame(seconds: float, hop_length: int, sample_rate: int) -> int:
    """The last frame that has begun at a moment; 0 before the beginning."""
    _require_positive("hop_length", hop_length)
    return max(0, seconds_to_samples(seconds, sample_rate) // hop_length)


def token_start_seconds(index: int, hop_length: int, subsampling: int, sample_rate: int) -> float:
    """When output step `index` of a model begins that makes one step of every `subsampling` feature frames."""
    _require_positive("subsampling", subsampling)
    return frame_start_seconds(index * subsampling, hop_length, sample_rate)


def steps_per_second(hop_length: int, subsampling: int, sample_rate: int) -> float:
    """How many output steps a model makes for one second of audio."""
    _require_positive("hop_length", hop_length)
    _require_positive("subsampling", subsampling)
    return sample_rate / (hop_length * subsampling)


def _require_positive(name: str, value: int) -> None:
    if value <= 0:
        raise ConfigError(f"{name} is {value}; expected a positive number.")
