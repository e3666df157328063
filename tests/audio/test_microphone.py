"""The microphone against a real PortAudio whose sound card is a file: ALSA's own plugin for that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import ConfigError

SYSTEM = Path("/usr/share/alsa/alsa.conf")
SETTINGS = """</usr/share/alsa/alsa.conf>
pcm.!default {{
  type file
  slave.pcm "null"
  file "/dev/null"
  infile "{recording}"
  format "raw"
}}
"""
RECORD = """
import sys
import numpy as np
from vivavoce.audio.microphone import Microphone, list_microphones
assert list_microphones(), "no device"
rate, seconds = int(sys.argv[1]), float(sys.argv[2])
blocks = []
with Microphone(rate, 0.05) as microphone:
    for block in microphone:
        blocks.append(block)
        if sum(map(len, blocks)) >= seconds * rate:
            break
np.save(sys.argv[3], np.concatenate(blocks))
"""


def has_portaudio() -> bool:
    done = subprocess.run([sys.executable, "-c", "import sounddevice"], capture_output=True)
    return done.returncode == 0 and SYSTEM.is_file()


@pytest.mark.skipif(not has_portaudio(), reason="no PortAudio with ALSA: apt install libportaudio2 libasound2-data")
@pytest.mark.parametrize("rate", [16000, 22050])
def test_a_tone_is_heard(tmp_path: Path, rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate)
    tone.astype("<f4").tofile(tmp_path / "tone.raw")
    (tmp_path / "asound.conf").write_text(SETTINGS.format(recording=tmp_path / "tone.raw"))
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(rate), "1.0", str(tmp_path / "heard.npy")],
        env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    heard = np.load(tmp_path / "heard.npy")
    assert heard.dtype == np.float32
    assert len(heard) >= rate
    np.testing.assert_array_equal(heard[: rate // 2], tone[: rate // 2].astype(np.float32))


def test_settings_are_checked() -> None:
    from vivavoce.audio.microphone import Microphone

    for rate, seconds in ((0, 0.1), (16000, 0.0), (16000, float("nan"))):
        with pytest.raises(ConfigError, match="expected positive"):
            Microphone(rate, seconds)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("listen", "--device", "no such thing"), "there is no microphone 'no such thing'"),
        (("listen", "--devices"), None),
    ],
)
def test_a_missing_device_is_told_plainly(arguments: tuple[str, ...], said: str | None, tiny_bundle: Path) -> None:
    extra = () if said is None else ("--bundle", str(tiny_bundle))
    done = subprocess.run(
        [sys.executable, "-m", "vivavoce", *arguments, *extra], capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    if not has_portaudio():
        assert done.returncode == 2
        assert "pip install 'vivavoce[listen]'" in done.stderr
    elif said:
        assert done.returncode == 2
        assert said in done.stderr
    else:
        assert done.returncode == 0, done.stderr
