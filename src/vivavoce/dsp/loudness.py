"""How loud people hear a waveform to be, in LUFS, and gains that bring it to a stated loudness.

Integrated loudness of one channel: the K-weighting (a shelf for the head, a high-pass for what the ear hardly hears),
the mean power of blocks of 0.4 s that begin every 0.1 s, and two gates, so that pauses do not count. A full-scale sine
of 997 Hz in one channel reads -3.01 LUFS. Speech at -23 LUFS, the level of European broadcasting, peaks at some -5 dB
of full scale; podcasts go out at -16 to -19.

A stream that speaks sentence by sentence cannot know the loudness of the whole, and must not turn each sentence to the
same level, for then every whisper is as loud as every shout and a gain jumps at every join. It reaches a stated
loudness with one fixed gain: measure the voice beforehand on a few sentences (`loudness_lufs` of their concatenation,
or a `LoudnessMeter` fed with them), keep the figure beside the voice, and give every piece `apply_gain(piece,
gain_to(measured_lufs, target_lufs))`. The gates make long speech as loud as its sounding parts, so the stream's own
loudness differs from the target by no more than the few sentences differed from the whole. `apply_gain` has no memory:
pieces joined are, bit for bit, the whole.

Source: ITU-R BS.1770-4 (2015), tables 1 and 2 and equations 1 to 7; target after EBU R 128.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import AudioError, ConfigError

TARGET_LUFS = -23.0
LOWEST_RATE = 4000  # below, the shelf would lie above half the sample rate

# Numerator and denominator of the two filters at 48 kHz, as the recommendation gives them.
_TABLE_RATE = 48000
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_MEMORY_SECONDS = 0.1  # after this the filters' answer to an impulse is down by 180 dB

_OFFSET_DB = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_DB = -10.0
_PARTS = 4  # a block is so many steps of a tenth of a second
_N_FFT = 1 << 15

Biquad = tuple[tuple[float, float, float], tuple[float, float, float]]


class LoudnessMeter:
    """Integrated loudness of audio that arrives in pieces; it keeps ten numbers for each second."""

    def __init__(self, sample_rate: int) -> None:
        """
        Raises:
            ConfigError: a sample rate below 4000 Hz.
        """
        self.sample_rate = sample_rate
        self._memory = len(k_weighting(sample_rate)) - 1
        self.reset()

    def reset(self) -> None:
        """Forget all audio."""
        self._tail = np.zeros(self._memory)
        self._place = 0
        self._steps: list[float] = []  # sum of squares of each whole step
        self._open = 0.0  # and of the one that is not whole yet

    def accept(self, samples: NDArray[Any]) -> None:
        """Take (n,) float samples in [-1, 1].

        Raises:
            AudioError: not one-dimensional, not floating-point, or not finite.
        """
        samples = _mono(samples)
        step = max(_N_FFT // 2, _N_FFT - self._memory)
        for start in range(0, len(samples), step):
            self._add(self._weighted(samples[start : start + step]))

    def loudness_lufs(self) -> float:
        """The loudness of all samples so far; -inf where nothing passes the gate of -70 LUFS, as in silence.

        Less than one block of 0.4 s counts as one block, and of longer audio the last steps that fill no block do not
        count, as in the recommendation.
        """
        if len(self._steps) < _PARTS:
            return _lufs(np.array([(sum(self._steps) + self._open) / max(1, self._place)]))
        lengths = np.diff([self._edge(number) for number in range(len(self._steps) + 1)])
        block = np.ones(_PARTS)
        return _lufs(np.convolve(self._steps, block, "valid") / np.convolve(lengths, block, "valid"))

    def _weighted(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """The next samples behind both filters, with what earlier samples left."""
        count = len(samples)
        n_fft = 1 << (count + self._memory - 1).bit_length()
        total = np.fft.irfft(
            np.fft.rfft(samples.astype(np.float64), n_fft) * _k_spectrum(self.sample_rate, n_fft), n_fft
        )
        total[: self._memory] += self._tail
        self._tail = total[count : count + self._memory].copy()
        return total[:count]

    def _add(self, weighted: NDArray[np.float64]) -> None:
        squares = np.square(weighted)
        begin = 0
        while (end := self._edge(len(self._steps) + 1) - self._place) <= len(squares):
            self._steps.append(self._open + float(squares[begin:end].sum()))
            self._open, begin = 0.0, end
        self._open += float(squares[begin:].sum())
        self._place += len(squares)

    def _edge(self, number: int) -> int:
        return (number * self.sample_rate + 5) // 10


def loudness_lufs(waveform: NDArray[Any], sample_rate: int) -> float:
    """Integrated loudness of a mono waveform.

    Args:
        waveform: (N,) float in [-1, 1].
        sample_rate: in Hz, 4000 or more; the filters keep their shape at every rate.

    Returns:
        LUFS; -inf for silence. See `LoudnessMeter.loudness_lufs` for what is shorter than 0.4 s.

    Raises:
        AudioError: not one-dimensional, empty, not floating-point, or not finite.
        ConfigError: a sample rate below 4000 Hz.

    Source: ITU-R BS.1770-4; tests/parity/test_loudness.py holds it to pyloudnorm.
    """
    if not np.size(waveform):
        raise AudioError("waveform has no samples; expected (N,) mono, N at least 1.")
    meter = LoudnessMeter(sample_rate)
    meter.accept(waveform)
    return meter.loudness_lufs()


def normalize_loudness(
    waveform: NDArray[Any], sample_rate: int, target_lufs: float = TARGET_LUFS, peak_limit_db: float = -1.0
) -> NDArray[Any]:
    """Scale to a loudness, or to less where the largest sample would pass `peak_limit_db`. Silence stays as it is.

    Nothing is bent, so a waveform of high peaks stays quieter than asked for. Errors as for `loudness_lufs`.
    """
    measured = loudness_lufs(waveform, sample_rate)
    if not math.isfinite(measured):
        return waveform.copy()
    peak = float(np.abs(waveform).max())
    gain = min(gain_to(measured, target_lufs), 10.0 ** (peak_limit_db / 20.0) / peak)
    return waveform * waveform.dtype.type(gain)


def gain_to(measured_lufs: float, target_lufs: float = TARGET_LUFS) -> float:
    """The factor that brings audio of a measured loudness to a target; see the module on streams.

    Raises:
        ConfigError: a loudness that is not finite; silence has none, and no gain makes it louder.
    """
    if not (math.isfinite(measured_lufs) and math.isfinite(target_lufs)):
        raise ConfigError(
            f"measured loudness is {measured_lufs} and target {target_lufs} LUFS; expected finite numbers. "
            "Measure the loudness on speech, not on silence."
        )
    return 10.0 ** ((target_lufs - measured_lufs) / 20.0)


def apply_gain(waveform: NDArray[Any], gain: float, peak_limit_db: float = -1.0) -> NDArray[Any]:
    """Scale by a fixed gain; what then comes within 3 dB of `peak_limit_db` is bent smoothly, and stays below it.

    Each sample is mapped by itself, so pieces of a stream give the same samples as the whole. The limit is one of
    samples; between them a converter may overshoot by some tenths of a dB.

    Args:
        waveform: (N,) float.
        gain: as a factor, see `gain_to`.
        peak_limit_db: of full scale.

    Returns:
        (N,) of the same type.

    Raises:
        ConfigError: a gain below 0, or not finite.
    """
    if not (math.isfinite(gain) and gain >= 0):
        raise ConfigError(f"gain is {gain}; expected a finite factor of 0 or more.")
    samples = np.asarray(waveform)
    scaled = samples * samples.dtype.type(gain)
    limit = 10.0 ** (peak_limit_db / 20.0)
    knee = limit * 10.0 ** (-3.0 / 20.0)
    loud = np.flatnonzero(np.abs(scaled) > knee)
    beyond = (np.abs(scaled[loud]) - knee) / (limit - knee)
    scaled[loud] = np.copysign(knee + (limit - knee) * np.tanh(beyond), scaled[loud])
    return scaled


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The impulse response of both filters, (0.1 s,) float64; read-only.

    At 48 kHz they are the recommendation's. At other rates the usual re-design by the bilinear transform bends the
    shelf, and the same tone reads 0.2 dB lower at 8 kHz. Here the shelf has the tabled magnitude at every frequency, by
    the causal filter that a magnitude determines, and the high-pass, whose corner lies low, keeps its poles.

    Raises:
        ConfigError: a sample rate below 4000 Hz.
    """
    if sample_rate < LOWEST_RATE:
        raise ConfigError(f"sample rate is {sample_rate} Hz; expected at least {LOWEST_RATE}. Resample first.")
    return _k_weighting(sample_rate)


@lru_cache(maxsize=16)
def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    taps = math.ceil(_MEMORY_SECONDS * sample_rate)
    n_fft = 1 << (4 * taps).bit_length()
    frequencies = np.arange(n_fft // 2 + 1) / n_fft * sample_rate
    shelf = np.abs(_response(_SHELF, np.minimum(frequencies, _TABLE_RATE / 2) / _TABLE_RATE))
    response = _causal(shelf, n_fft) * _response(_high_pass(sample_rate), frequencies / sample_rate)
    answer: NDArray[np.float64] = np.fft.irfft(response, n_fft)[:taps]
    answer.flags.writeable = False
    return answer


@lru_cache(maxsize=16)
def _k_spectrum(sample_rate: int, n_fft: int) -> NDArray[np.complex128]:
    return np.fft.rfft(_k_weighting(sample_rate), n_fft)


def _high_pass(sample_rate: int) -> Biquad:
    """The high-pass at a rate, with the poles' decay and ringing in seconds, and the gain in its pass band."""
    numerator, denominator = _HIGH_PASS
    pole = complex(np.roots(denominator)[0]) ** (_TABLE_RATE / sample_rate)
    moved = (1.0, -2.0 * pole.real, abs(pole) ** 2)
    gain = (moved[0] - moved[1] + moved[2]) / (denominator[0] - denominator[1] + denominator[2])
    return (numerator[0] * gain, numerator[1] * gain, numerator[2] * gain), moved


def _response(biquad: Biquad, cycles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Of a biquad at frequencies in cycles a sample."""
    delay = np.exp(-2j * np.pi * cycles)
    (b0, b1, b2), (a0, a1, a2) = biquad
    return (b0 + delay * (b1 + delay * b2)) / (a0 + delay * (a1 + delay * a2))


def _causal(magnitude: NDArray[np.float64], n_fft: int) -> NDArray[np.complex128]:
    """The spectrum of the minimum-phase filter of a magnitude: its cepstrum, folded onto positive times."""
    cepstrum = np.fft.irfft(np.log(magnitude), n_fft)
    cepstrum[1 : n_fft // 2] *= 2.0
    cepstrum[n_fft // 2 + 1 :] = 0.0
    return np.exp(np.fft.rfft(cepstrum, n_fft))


def _lufs(power: NDArray[np.float64]) -> float:
    """Gated loudness of blocks of the given mean powers."""
    gate = 10.0 ** ((_ABSOLUTE_GATE_LUFS - _OFFSET_DB) / 10.0)
    power = power[power > gate]
    if not len(power):
        return float("-inf")
    power = power[power > power.mean() * 10.0 ** (_RELATIVE_GATE_DB / 10.0)]
    return _OFFSET_DB + 10.0 * math.log10(float(power.mean()))


def _mono(waveform: NDArray[Any]) -> NDArray[Any]:
    samples = np.asarray(waveform)
    if samples.ndim != 1:
        raise AudioError(f"waveform has shape {samples.shape}; expected (N,) mono. Use audio.to_mono.")
    if samples.dtype.kind != "f":
        raise AudioError(f"waveform holds {samples.dtype}; expected float in [-1, 1]. Divide 16-bit numbers by 32768.")
    if not np.isfinite(samples).all():
        raise AudioError("waveform holds NaN or infinite samples; expected finite numbers. Check its source.")
    return samples
