"""Audio in and out: files, blocks of files, raw PCM. It knows samples and rates, nothing of features or speech."""

from vivavoce.audio.files import (
    AudioInfo,
    probe,
    read_channels,
    read_waveform,
    stream_blocks,
    to_mono,
    write_waveform,
    writing,
)

__all__ = [
    "AudioInfo", "probe", "read_channels", "read_waveform", "stream_blocks", "to_mono", "write_waveform", "writing",
]  # fmt: skip
