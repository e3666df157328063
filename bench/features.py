"""Features: audio seconds a CPU second and peak memory, beside librosa, kaldi-native-fbank and torch.stft.

    python bench/features.py

64 utterances of 2 to 15 seconds and one recording of 60 minutes; 80-band log-mel and 13 MFCCs, frames of 25 ms every
10 ms at 16 kHz, one thread. The sound is synthetic, harmonics that glide and noise: speed does not depend on it.
Every candidate gives logarithms; each computes the features that it is made for, so the numbers differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import timing

SAMPLE_RATE = 16000


def speech_like(num_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Voiced and unvoiced stretches, so that frames differ."""
    time = np.arange(num_samples) / SAMPLE_RATE
    phase = 2 * np.pi * (140 * time + 8 * np.sin(2 * np.pi * 0.7 * time))
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * (np.sin(2 * np.pi * 2.3 * time) > -0.3)
    return (0.05 * voice + 0.01 * rng.standard_normal(num_samples)).astype(np.float32)


def build() -> list[timing.Case]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2 * SAMPLE_RATE, 15 * SAMPLE_RATE, 64)
    utterances = [speech_like(int(length), rng) for length in lengths]
    minute = speech_like(60 * SAMPLE_RATE, rng)
    hour = np.tile(minute, 60)
    seconds = float(lengths.sum()) / SAMPLE_RATE
    cases = []
    for name, candidates in (("80-band log-mel", log_mel_candidates()), ("13 MFCCs", mfcc_candidates())):
        on_files = {key: lambda call=call: [call(x) for x in utterances] for key, call in candidates.items()}
        on_hour: dict[str, Callable[[], object]] = {
            key: lambda call=call: call(hour) for key, call in candidates.items()
        }
        if name == "80-band log-mel":
            on_hour["vivavoce, iterated"] = lambda: iterated(hour)
        cases.append(timing.Case(f"{name}, 64 files", seconds, "audio seconds", on_files))
        cases.append(timing.Case(f"{name}, one hour", 3600.0, "audio seconds", on_hour, memory=True, rounds=5))
    return cases


def iterated(waveform: NDArray[np.float32]) -> int:
    """Frames used as they come, as a recogniser of long files does: nothing is kept."""
    from vivavoce.dsp.features import iterate_features

    pieces = (waveform[start : start + 160_000] for start in range(0, len(waveform), 160_000))
    return sum(len(rows) for rows in iterate_features(pieces))


def log_mel_candidates() -> dict[str, Callable[[NDArray[np.float32]], Any]]:
    import kaldi_native_fbank as knf
    import torch

    from vivavoce.dsp.features import log_mel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import librosa

    torch.set_num_threads(1)
    filters = torch.from_numpy(librosa.filters.mel(sr=SAMPLE_RATE, n_fft=400, n_mels=80).astype(np.float32))
    taper = torch.hann_window(400)

    def with_librosa(x: NDArray[np.float32]) -> Any:
        power = librosa.feature.melspectrogram(y=x, sr=SAMPLE_RATE, n_fft=400, hop_length=160, n_mels=80)
        return np.log(np.maximum(power, 1e-10))

    def with_torch(x: NDArray[np.float32]) -> Any:
        with torch.inference_mode():
            spectrum = torch.stft(torch.from_numpy(x), 400, 160, window=taper, return_complex=True)
            power = spectrum.real**2 + spectrum.imag**2
            return torch.log((filters @ power).clamp_min(1e-10)).numpy()

    options = knf.FbankOptions()
    options.mel_opts.num_bins = 80
    options.frame_opts.dither = 0

    def with_kaldi(x: NDArray[np.float32]) -> Any:
        return drain(knf.OnlineFbank(options), x)

    return {"vivavoce": log_mel, "librosa": with_librosa, "kaldi-native-fbank": with_kaldi, "torch.stft": with_torch}


def mfcc_candidates() -> dict[str, Callable[[NDArray[np.float32]], Any]]:
    import kaldi_native_fbank as knf

    from vivavoce.dsp.features import FeatureConfig, mfcc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import librosa

    config = FeatureConfig(kind="mfcc")
    options = knf.MfccOptions()
    options.num_ceps = 13
    options.mel_opts.num_bins = 80
    options.frame_opts.dither = 0

    def with_librosa(x: NDArray[np.float32]) -> Any:
        return librosa.feature.mfcc(y=x, sr=SAMPLE_RATE, n_mfcc=13, n_fft=400, hop_length=160, n_mels=80)

    def with_kaldi(x: NDArray[np.float32]) -> Any:
        return drain(knf.OnlineMfcc(options), x)

    return {"vivavoce": lambda x: mfcc(x, config), "librosa": with_librosa, "kaldi-native-fbank": with_kaldi}


def drain(computer: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """All frames of a kaldi-native-fbank object."""
    computer.accept_waveform(SAMPLE_RATE, x)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


if __name__ == "__main__":
    timing.run(build, __doc__ or "")
