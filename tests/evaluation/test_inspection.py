"""Numbers of a recording whose level, clipping and noise are known, and a picture that is one."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.errors import AudioError, ConfigError
from vivavoce.evaluation.inspection import _read_stretch, draw, inspect_recording

RATE = 22050


def recording(path: Path, clip: float = 1.0, noise: float = 1e-3) -> Path:
    """Two bursts of a 200 Hz buzz between pauses, on a floor of white noise."""
    time = np.arange(3 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 12))
    gate = ((time % 1.5) > 0.5) & ((time % 1.5) < 1.2)
    waveform = 0.3 * buzz * gate + noise * np.random.default_rng(0).standard_normal(len(time))
    soundfile.write(path, np.stack([np.clip(waveform, -clip, clip)] * 2, axis=1), RATE)
    return path


def test_the_numbers(tmp_path: Path) -> None:
    inspection = inspect_recording(recording(tmp_path / "a.wav"))
    shown = dict(inspection.lines())
    assert (shown["rate"], shown["channels"]) == ("22050 Hz", "2")
    assert shown["length"] == "3.000 s (66150 samples)"
    assert shown["clipping"] == "none"
    samples = soundfile.read(tmp_path / "a.wav")[0][:, 0]
    assert inspection.rms_dbfs == pytest.approx(10 * np.log10(np.mean(samples**2)), abs=0.05)
    assert inspection.snr_db is not None
    louder = inspect_recording(recording(tmp_path / "noisy.wav", noise=3e-2))
    assert louder.snr_db is not None
    assert inspection.snr_db > louder.snr_db + 15


def test_clipping_is_counted(tmp_path: Path) -> None:
    inspection = inspect_recording(recording(tmp_path / "a.wav", clip=0.2))
    assert inspection.clipped_samples > 1000
    assert inspection.peak_dbfs == pytest.approx(20 * np.log10(0.2), abs=0.1)


def test_channels_are_measured_apart(tmp_path: Path) -> None:
    """One of two channels clips, and they cancel in the mean: neither may hide."""
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "a.wav", np.stack([np.clip(tone, -0.5, 0.5), 0.1 * tone], axis=1), RATE)
    inspection = inspect_recording(tmp_path / "a.wav")
    assert inspection.clipped_samples > 1000
    assert inspection.peak_dbfs == pytest.approx(20 * np.log10(0.5), abs=0.01)
    soundfile.write(tmp_path / "b.wav", np.stack([tone, -tone], axis=1) * 0.9, RATE)
    inspection = inspect_recording(tmp_path / "b.wav")
    assert inspection.rms_dbfs == pytest.approx(20 * np.log10(0.9) - 3.01, abs=0.05)


def test_silence_has_no_snr(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    inspection = inspect_recording(tmp_path / "a.wav")
    assert inspection.snr_db is None
    assert dict(inspection.lines())["level"] == "-inf dBFS RMS, -inf dBFS peak"


def test_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = recording(tmp_path / "a.wav")
    draw(source, tmp_path / "a.png", 0.5, 1.5)
    from matplotlib import image

    pixels = image.imread(tmp_path / "a.png")
    assert pixels.shape[0] > 800
    assert pixels.shape[1] > 800
    assert pixels[..., :3].std() > 0.1
    with pytest.raises(AudioError, match="less than 25 ms from 9 s on"):
        draw(source, tmp_path / "b.png", 9.0)
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(source, tmp_path / "none" / "b.png")


def test_the_picture_never_takes_the_recordings_place(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav")
    content = source.read_bytes()
    (tmp_path / "link.png").symlink_to(source)
    for picture in (source, tmp_path / "." / "a.wav", tmp_path / "link.png"):
        with pytest.raises(ConfigError, match="is the recording itself; name another file"):
            draw(source, picture)
    assert source.read_bytes() == content


@pytest.mark.parametrize("name", [b"costs $5^$ or $6_$.wav", "声音.wav".encode(), b"latin \xe9.wav", b"two\nlines.wav"])
def test_any_name_makes_a_title(tmp_path: Path, name: bytes) -> None:
    """Dollars are no formula, the font may lack letters, and bytes need not be UTF-8."""
    pytest.importorskip("matplotlib")
    try:
        source = recording(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(name))
    except OSError:
        pytest.skip("the file system refuses such names")
    draw(source, tmp_path / "a.png", 0.0, 0.5)
    assert (tmp_path / "a.png").stat().st_size > 10000


def test_the_stretch_is_the_one_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.arange(25 * 16000, dtype=np.float32) / 2**20, 16000, subtype="FLOAT")
    for start, seconds, first, last in [
        (0.0, float("inf"), 0, 400000),
        (9.9, 10.3, 158400, 323200),
        (12.0, 0.1, 192000, 193600),
        (24.5, 30.0, 392000, 400000),
        (30.0, 30.0, 0, 0),
        (float("inf"), 1.0, 0, 0),
    ]:
        np.testing.assert_array_equal(
            _read_stretch(tmp_path / "a.wav", start, seconds), np.arange(first, last, dtype=np.float32) / 2**20
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    source, pipe = recording(tmp_path / "a.wav"), tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()), daemon=True).start()
    with pytest.raises(AudioError, match=r"is a pipe.*Save it to a file first"):
        inspect_recording(pipe)


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'vivavoce\[plot\]'"):
        draw(recording(tmp_path / "a.wav"), tmp_path / "a.png")
