"""One recording, looked at: its numbers, and a picture of waveform, spectrogram, log-mel, MFCC and F0.

The numbers are of the whole file at its own rate and, but for the SNR, before its channels are mixed: a channel that
clips shows. The picture is of what a recogniser hears, 16 kHz mono, with the package's own features.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import AudioInfo, probe, read_channels, stream_blocks, to_mono
from vivavoce.dsp.features import FeatureConfig, log_mel, mfcc
from vivavoce.dsp.level import find_clipping, peak_db, rms_db, snr_estimate_db
from vivavoce.dsp.pitch import track_pitch
from vivavoce.dsp.stft import StftConfig, stft
from vivavoce.errors import AudioError, ConfigError

SAMPLE_RATE = 16000
DYNAMIC_RANGE_DB = 80.0


@dataclass(frozen=True)
class Inspection:
    """What is known of a recording.

    Levels are in dB of full scale, over all channels; clipped samples and runs are those of all channels together;
    `snr_db` is an estimate for their mean, None for silence.
    """

    info: AudioInfo
    rms_dbfs: float
    peak_dbfs: float
    clipped_samples: int
    clipped_runs: int
    snr_db: float | None

    def lines(self) -> list[tuple[str, str]]:
        """Names and values to print."""
        info, clipped = self.info, f"{self.clipped_samples} samples in {self.clipped_runs} runs"
        return [
            ("file", info.path),
            ("format", f"{info.format}, {info.subtype}"),
            ("rate", f"{info.sample_rate} Hz"),
            ("channels", str(info.channels)),
            ("length", f"{info.duration_seconds:.3f} s ({info.num_samples} samples)"),
            ("level", f"{self.rms_dbfs:.1f} dBFS RMS, {self.peak_dbfs:.1f} dBFS peak"),
            ("clipping", clipped if self.clipped_samples else "none"),
            ("SNR", f"about {self.snr_db:.0f} dB" if self.snr_db is not None else "no speech to compare with"),
        ]


def inspect_recording(path: str | Path) -> Inspection:
    """Measure a file.

    Raises:
        AudioError: it cannot be read.
    """
    info = probe(path)
    if Path(path).is_fifo():
        raise AudioError(f"{path} is a pipe, and what is looked at is read more than once. Save it to a file first.")
    samples = read_channels(path)
    clipping = [find_clipping(channel) for channel in samples.T]
    rms, peak = rms_db(samples.ravel()), peak_db(samples.ravel())
    waveform = to_mono(samples)
    snr: float | None = None
    if np.isfinite(rms_db(waveform)):
        try:
            snr = float(snr_estimate_db(waveform, info.sample_rate))
        except AudioError:  # too short to tell speech from its pauses
            snr = None
    clipped = sum(one.num_samples for one in clipping)
    return Inspection(info, rms, peak, clipped, sum(one.num_runs for one in clipping), snr)


def draw(path: str | Path, picture: str | Path, start_seconds: float = 0.0, seconds: float = 30.0) -> None:
    """Write a PNG of a stretch of a file: waveform, spectrogram, log-mel, MFCC, F0, over one time axis.

    Args:
        start_seconds, seconds: which stretch; the file's end shortens it.

    Raises:
        AudioError: the file cannot be read, or nothing of it lies in the stretch.
        ConfigError: matplotlib is not installed, or the picture cannot be written, or would take the file's place.
    """
    if os.path.exists(picture) and os.path.samefile(path, picture):
        raise ConfigError(f"{picture} is the recording itself; name another file for the picture.")
    try:
        import matplotlib
    except ImportError:
        raise ConfigError(
            "pictures need matplotlib, which is not installed. Run: pip install 'vivavoce[plot]'"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    waveform = _read_stretch(path, start_seconds, seconds)
    if len(waveform) < 400:
        raise AudioError(f"{path} has less than 25 ms from {start_seconds:g} s on; nothing can be drawn.")
    style: Any = {"font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left", "axes.spines.top": False}
    with pyplot.rc_context(style), warnings.catch_warnings():
        figure, axes = pyplot.subplots(
            5, 1, figsize=(11, 11), sharex=True, height_ratios=[1, 1.5, 1.5, 1, 1], layout="constrained"
        )
        end = start_seconds + len(waveform) / SAMPLE_RATE
        name = os.fsencode(Path(path).name).decode("utf-8", "replace")
        # A name may hold dollars, which are no formula, and letters that the font lacks, which are drawn as boxes.
        figure.suptitle(f"{name}, {start_seconds:.2f} to {end:.2f} s", fontsize=11, parse_math=False)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _draw_waveform(axes[0], waveform, start_seconds)
        _draw_spectrogram(axes[1], figure, waveform, start_seconds)
        _draw_features(axes[2], axes[3], figure, waveform, start_seconds)
        _draw_pitch(axes[4], waveform, start_seconds)
        axes[4].set_xlabel("time in s")
        axes[4].set_xlim(start_seconds, end)
        try:
            figure.savefig(picture, dpi=110, format="png")
        except OSError as error:
            raise ConfigError(f"{picture} cannot be written: {error.strerror or error}.") from None
        finally:
            pyplot.close(figure)


def _read_stretch(path: str | Path, start_seconds: float, seconds: float) -> NDArray[np.float32]:
    """The samples of a stretch, maybe none. Nothing else is kept, and nothing behind it decoded."""
    first, last = np.rint(start_seconds * SAMPLE_RATE), np.rint((start_seconds + seconds) * SAMPLE_RATE)
    pieces, place = [], 0
    for block in stream_blocks(path, SAMPLE_RATE):
        begin, end = (int(np.clip(edge - place, 0, len(block))) for edge in (first, last))
        pieces.append(block[begin:end])
        place += len(block)
        if place >= last:
            break
    return np.concatenate(pieces)


def _draw_waveform(axis: Any, waveform: NDArray[np.float32], start: float) -> None:
    axis.plot(start + np.arange(len(waveform)) / SAMPLE_RATE, waveform, linewidth=0.5, color="#1f4e79")
    limit = max(0.05, 1.05 * float(np.abs(waveform).max()))
    axis.set(title="waveform", ylabel="amplitude", ylim=(-limit, limit))


def _draw_spectrogram(axis: Any, figure: Any, waveform: NDArray[np.float32], start: float) -> None:
    config = StftConfig(n_fft=512, win_length=400, hop_length=160)
    power_db = 20.0 * np.log10(np.maximum(np.abs(stft(waveform, config)), 1e-7))  # (T, bins)
    top = float(power_db.max())
    image = axis.imshow(
        power_db.T,
        origin="lower",
        aspect="auto",
        extent=(start, start + len(power_db) * 0.01, 0, SAMPLE_RATE / 2000),
        vmin=top - DYNAMIC_RANGE_DB,
        vmax=top,
        cmap="magma",
    )
    axis.set(title="spectrogram", ylabel="frequency in kHz")
    figure.colorbar(image, ax=axis, label="dB", pad=0.01)


def _draw_features(mel_axis: Any, mfcc_axis: Any, figure: Any, waveform: NDArray[np.float32], start: float) -> None:
    mel = log_mel(waveform, FeatureConfig())
    extent = (start, start + len(mel) * 0.01)
    image = mel_axis.imshow(mel.T, origin="lower", aspect="auto", extent=(*extent, 0, mel.shape[1]), cmap="magma")
    mel_axis.set(title="log-mel, 80 bands: what the recogniser hears", ylabel="band")
    figure.colorbar(image, ax=mel_axis, label="ln power", pad=0.01)
    cepstra = mfcc(waveform, FeatureConfig(kind="mfcc"))[:, 1:]  # the first is the level, and would hide the others
    limit = float(np.quantile(np.abs(cepstra), 0.98)) or 1.0  # the first coefficients would bleach the others
    image = mfcc_axis.imshow(
        cepstra.T,
        origin="lower",
        aspect="auto",
        extent=(*extent, 0.5, cepstra.shape[1] + 0.5),
        vmin=-limit,
        vmax=limit,
        cmap="RdBu_r",
    )
    mfcc_axis.set(title="MFCC 1 to 12 (0, the level, left out)", ylabel="coefficient", yticks=[1, 4, 8, 12])
    figure.colorbar(image, ax=mfcc_axis, pad=0.01)


def _draw_pitch(axis: Any, waveform: NDArray[np.float32], start: float) -> None:
    track = track_pitch(waveform, SAMPLE_RATE)
    times = start + np.arange(len(track.f0_hz)) * track.hop_seconds
    axis.plot(times, np.where(track.voiced, track.f0_hz, np.nan), ".-", markersize=2.5, linewidth=0.8, color="#a02020")
    voiced = track.f0_hz[track.voiced]
    middle = f", median {np.median(voiced):.0f} Hz" if len(voiced) else ": no voiced frame"
    axis.set(title=f"F0 where voiced{middle}", ylabel="Hz")
    axis.set_ylim((0.8 * voiced.min(), 1.15 * voiced.max()) if len(voiced) else (50, 400))
    axis.grid(alpha=0.3)
