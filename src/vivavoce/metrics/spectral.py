"""How far one utterance lies from another of the same words: spectrum, melody, voicing, duration.

What is compared, exactly. Both waveforms are brought to the voices' log-mel (`FeatureConfig.voice()`: 80 bands of
22,050 Hz speech, a frame each 11.6 ms), in which whatever lies more than 60 dB below the utterance's loudest band is
raised to that: nobody hears it beside the rest, and a codec's zeros would count as much as a vowel. The frames before
the first and behind the last sounding one are dropped; a frame sounds if its loudest band comes within 40 dB of the
utterance's loudest. The cepstra are c_1 to c_24 of ln |X_k| = c_0 + sum of c_m cos(pi m (k + 1/2) / 80) over the mel
bands k; c_0, the level, is left out, so that loudness does not count. Time warping (`metrics.time_warp`) pairs the
frames by their Euclidean distance, and

    mel-cepstral distortion = mean over pairs of 10 sqrt(2) / ln 10 * sqrt(sum over m of (c_m - c'_m)^2)  dB,

the mean over the pairs in which either frame sounds. In words: how many dB apart the two smoothed spectra are, as a
root mean square over the mel bands. 24 coefficients leave out the harmonics of voices up to some 270 Hz.

The constant is Kubichek's. Published figures take other cepstra (mostly 24 of a vocoder's envelope, warped by an
all-pass, or 13 MFCC), other frames and other silences: compare them only with figures of the same program.

Source: Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", IEEE Pacific Rim Conference
on Communications (1993); gross pitch errors after Rabiner et al., "A comparative performance study of several pitch
detection algorithms" (1976), and voicing decision errors after Nakatani et al. (2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.features import features
from vivavoce.dsp.mfcc import dct_matrix
from vivavoce.dsp.pitch import track_pitch
from vivavoce.dsp.resample import resample
from vivavoce.errors import AudioError, DataError
from vivavoce.metrics.time_warp import warp

COEFFICIENTS = 24
RANGE_DB = 60.0
SOUNDING_DB = 40.0
GROSS = 0.2  # an F0 this share off is another pitch, not an inexact one

_DB_PER_NEPER = 20.0 / math.log(10.0)
_CONFIG = FeatureConfig.voice(range_below_peak=RANGE_DB / _DB_PER_NEPER)
_WHOLE_CELLS = 4_000_000  # up to about 23 s against 23 s the path may go anywhere
_BAND_SHARE = 0.2


@dataclass(frozen=True)
class SpeechFrames:
    """An utterance as it is compared, from its first sounding frame to its last.

    Attributes:
        cepstra: (T, 24) float64, c_1 to c_24.
        sounding: (T,) bool.
        f0_hz: (T,) float32, 0 where there is no voice.
    """

    cepstra: NDArray[np.float64]
    sounding: NDArray[np.bool_]
    f0_hz: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.cepstra) / _CONFIG.frames_per_second


@dataclass(frozen=True)
class SpeechDistance:
    """One utterance against another, as counts and sums, so that many can be put together.

    Attributes:
        mcd_db: mel-cepstral distortion.
        pairs: of the path in which either frame sounds; the counts below are of these.
        voicing_errors: pairs of which one has a voice and the other not.
        voiced_pairs: pairs in which both have one.
        gross_errors: of these, those whose F0 differs by more than 20% of the reference's.
        squared_cents, squared_hz: sums over the voiced pairs of the squared difference in F0.
        reference_seconds, other_seconds: from the first sounding frame to the last.
    """

    mcd_db: float
    pairs: int
    voicing_errors: int
    voiced_pairs: int
    gross_errors: int
    squared_cents: float
    squared_hz: float
    reference_seconds: float
    other_seconds: float

    @property
    def f0_rmse_cents(self) -> float:
        """Root mean square difference in F0, in hundredths of a semitone; NaN where nothing is voiced in both."""
        return math.sqrt(self.squared_cents / self.voiced_pairs) if self.voiced_pairs else math.nan

    @property
    def f0_rmse_hz(self) -> float:
        return math.sqrt(self.squared_hz / self.voiced_pairs) if self.voiced_pairs else math.nan

    @property
    def voicing_error(self) -> float:
        """Share of the pairs whose voicing differs."""
        return self.voicing_errors / self.pairs

    @property
    def gross_pitch_error(self) -> float:
        """Share of the pairs voiced in both; NaN where there are none."""
        return self.gross_errors / self.voiced_pairs if self.voiced_pairs else math.nan

    @property
    def duration_error(self) -> float:
        """Longer (above 0) or shorter than the reference, as a share of it."""
        return self.other_seconds / self.reference_seconds - 1.0


def speech_frames(waveform: NDArray[Any], sample_rate: int) -> SpeechFrames:
    """Prepare an utterance for comparison; see the module for what is kept of it.

    Args:
        waveform: (N,) float in [-1, 1], of one speaker.
        sample_rate: in Hz; resampled to 22,050 where it is another.

    Raises:
        AudioError: not one-dimensional, empty, not finite, or silent throughout.
    """
    samples = resample(np.asarray(waveform), sample_rate, _CONFIG.sample_rate)
    mel = features(samples, _CONFIG).astype(np.float64)  # (T, 80)
    level = mel.max(axis=1)
    if level.max() <= math.log(_CONFIG.log_floor) + 1e-6:
        raise AudioError(f"waveform of {len(samples)} samples is silent; expected speech. Check what made it.")
    sounding = level > level.max() - SOUNDING_DB / _DB_PER_NEPER
    first, last = np.flatnonzero(sounding)[[0, -1]]
    track = track_pitch(samples, _CONFIG.sample_rate, hop_seconds=_CONFIG.hop_length / _CONFIG.sample_rate)
    part = slice(int(first), int(last) + 1)
    return SpeechFrames(cepstra(mel[part]), sounding[part], track.f0_hz[part])


def cepstra(log_mel: NDArray[Any], coefficients: int = COEFFICIENTS) -> NDArray[np.float64]:
    """c_1 to c_n of the natural logarithm of mel magnitudes, (T, F) to (T, n); see the module for their scale.

    Raises:
        ConfigError: as many coefficients as there are bands, or more.
    """
    bands = log_mel.shape[1]
    matrix = dct_matrix(coefficients + 1, bands)[1:] * math.sqrt(2.0 / bands)
    result: NDArray[np.float64] = log_mel @ matrix.T
    return result


def cepstral_distance_db(reference: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Distortion of each of (T, n) cepstra against (T, n) others that stand for the same moments: (T,) in dB.

    Raises:
        DataError: other shapes.
    """
    if reference.shape != other.shape or reference.ndim != 2:
        raise DataError(
            f"cepstra have shapes {reference.shape} and {other.shape}; expected the same, (T, n). Use warp."
        )
    return _DB_PER_NEPER / math.sqrt(2.0) * np.linalg.norm(reference - other, axis=1)


def compare_speech(reference: SpeechFrames, other: SpeechFrames) -> SpeechDistance:
    """Measure an utterance against a reference of the same words."""
    rows, columns = len(reference.cepstra), len(other.cepstra)
    band = None
    if rows * columns > _WHOLE_CELLS:
        band = math.ceil(max(_BAND_SHARE * columns, columns / rows))
    path = warp(reference.cepstra, other.cepstra, band)
    left, right = path.reference_frames, path.other_frames
    counted = reference.sounding[left] | other.sounding[right]
    left, right = left[counted], right[counted]
    distortion = cepstral_distance_db(reference.cepstra[left], other.cepstra[right])
    f0, other_f0 = reference.f0_hz[left].astype(np.float64), other.f0_hz[right].astype(np.float64)
    both = (f0 > 0) & (other_f0 > 0)
    wanted, got = f0[both], other_f0[both]
    return SpeechDistance(
        mcd_db=float(distortion.mean()),
        pairs=len(left),
        voicing_errors=int(np.count_nonzero((f0 > 0) != (other_f0 > 0))),
        voiced_pairs=len(wanted),
        gross_errors=int(np.count_nonzero(np.abs(got - wanted) > GROSS * wanted)),
        squared_cents=float(np.square(1200.0 * np.log2(got / wanted)).sum()),
        squared_hz=float(np.square(got - wanted).sum()),
        reference_seconds=reference.seconds,
        other_seconds=other.seconds,
    )
