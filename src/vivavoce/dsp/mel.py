"""Mel scales and filterbanks.

Three conventions are in use. HTK's scale is 2595 log10(1 + f/700); Slaney's is linear below 1 kHz and logarithmic
above; Kaldi uses HTK's scale but draws its triangles straight in mel, where the other two draw them straight in hertz.
A filterbank here is a dense matrix; `feature_blocks` finds the bands of non-zeros in it by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vivavoce.errors import ConfigError

MEL_SCALES = ("htk", "slaney", "kaldi")
MEL_NORMS = ("none", "slaney")

_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: ArrayLike, scale: str = "htk") -> NDArray[np.float64]:
    """Hertz to mel on the `htk` (also Kaldi's) or `slaney` scale."""
    _require_scale(scale)
    frequencies = np.asarray(hz, dtype=np.float64)
    if scale != "slaney":
        return (
            1127.0 * np.log1p(frequencies / 700.0) if scale == "kaldi" else 2595.0 * np.log10(1 + frequencies / 700.0)
        )
    above = np.log(np.maximum(frequencies, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(frequencies < _SLANEY_BREAK_HZ, frequencies / _SLANEY_HZ_PER_MEL, _SLANEY_BREAK_MEL + above)


def mel_to_hz(mel: ArrayLike, scale: str = "htk") -> NDArray[np.float64]:
    """Mel to hertz: the inverse of `hz_to_mel`."""
    _require_scale(scale)
    mels = np.asarray(mel, dtype=np.float64)
    if scale != "slaney":
        return 700.0 * np.expm1(mels / 1127.0) if scale == "kaldi" else 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mels, _SLANEY_BREAK_MEL) - _SLANEY_BREAK_MEL))
    return np.where(mels < _SLANEY_BREAK_MEL, mels * _SLANEY_HZ_PER_MEL, above)


def mel_filterbank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min_hz: float = 0.0,
    f_max_hz: float | None = None,
    scale: str = "htk",
    norm: str = "none",
) -> NDArray[np.float64]:
    """Triangular filters, equally spaced in mel, over the bins of a real FFT.

    Args:
        sample_rate: of the waveform.
        n_fft: FFT length; the filters cover n_fft // 2 + 1 bins.
        n_mels: number of filters.
        f_min_hz, f_max_hz: lower edge of the first filter and upper edge of the last (None: half the sample rate).
        scale: "htk" or "slaney" (straight sides in hertz), or "kaldi" (HTK's scale, straight sides in mel).
        norm: "none" (peak 1) or "slaney" (area 1 in hertz: divided by half the filter's width).

    Returns:
        (n_mels, n_fft // 2 + 1) float64, never negative. A filter narrower than a bin may be all zeros.

    Raises:
        ConfigError: edges out of order or above half the sample rate, or an unknown scale or norm.

    Source: HTK book, 5.4; Slaney, Auditory Toolbox (1998); Kaldi's mel-computations. tests/parity/test_mel.py.
    """
    _require_scale(scale)
    if norm not in MEL_NORMS:
        raise ConfigError(f"mel norm is {norm!r}; expected one of {', '.join(MEL_NORMS)}.")
    top_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
    if not 0 <= f_min_hz < top_hz <= sample_rate / 2 + 1e-6:
        raise ConfigError(
            f"mel range is {f_min_hz}-{top_hz} Hz; expected 0 <= f_min_hz < f_max_hz <= {sample_rate / 2} Hz, "
            "half the sample rate."
        )
    if n_mels < 1 or n_fft < 2:
        raise ConfigError(f"n_mels is {n_mels} and n_fft {n_fft}; expected at least 1 and 2.")
    edges_mel = np.linspace(hz_to_mel(f_min_hz, scale), hz_to_mel(top_hz, scale), n_mels + 2)
    edges_hz = mel_to_hz(edges_mel, scale)
    bins_hz = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    edges, bins = (edges_mel, hz_to_mel(bins_hz, scale)) if scale == "kaldi" else (edges_hz, bins_hz)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))  # (n_mels, bins)
    if norm == "slaney":
        filters *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return filters


def _require_scale(scale: str) -> None:
    if scale not in MEL_SCALES:
        raise ConfigError(f"mel scale is {scale!r}; expected one of {', '.join(MEL_SCALES)}.")
