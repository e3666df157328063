"""Which features: one frozen record, JSON-able, with presets that reproduce other toolkits' features.

The default is what the recogniser hears. A configuration says everything that changes a number in the features, so a
bundle that stores it can be honoured exactly; it knows nothing of how the features are computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vivavoce import timeline
from vivavoce.dsp.mel import MEL_NORMS, MEL_SCALES
from vivavoce.dsp.windows import WINDOWS
from vivavoce.errors import ConfigError

_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("log_mel", "mfcc"),
    "window": WINDOWS,
    "padding": ("none", "reflect", "zero"),
    "mel_scale": MEL_SCALES,
    "mel_norm": MEL_NORMS,
    "log": ("ln", "log10", "db"),
    "precision": ("single", "double"),
}


@dataclass(frozen=True)
class FeatureConfig:
    """What the features are.

    A frame passes, in this order: dither, scale, removal of its mean, pre-emphasis, window, power spectrum, mel
    filters, floor and logarithm, limit below the peak, offset and gain, and for MFCC the cosine transform, lifter and
    deltas.

    Attributes:
        kind: "log_mel" or "mfcc".
        sample_rate, win_length, hop_length, n_fft: in Hz and samples; n_fft is a multiple of 4, at least win_length.
        window: a name that `dsp.windows.window` knows.
        padding: "none": frame t covers the samples [t * hop_length, t * hop_length + win_length). "reflect" and "zero":
            frame t is centred on sample t * hop_length, the signal being mirrored or silent beyond its ends.
        drop_last: leave the last frame out, as Whisper does.
        scale: factor on the waveform; 32768 where a model was trained on 16-bit numbers.
        dither, dither_seed: standard deviation of white noise added to the waveform in [-1, 1], and its seed.
        remove_mean: subtract each frame's mean.
        pre_emphasis: coefficient of the first difference taken within each frame.
        spectrum_power: 2 for power, 1 for magnitude.
        n_mels, f_min_hz, f_max_hz, mel_scale, mel_norm: the filterbank; see `dsp.mel.mel_filterbank`.
        log: "ln", "log10" or "db" (ten times log10).
        log_floor: the mel energies below are raised to this.
        range_below_peak: after the logarithm, values further than this below the utterance's highest are raised; None:
            not. It needs the whole utterance, so a stream gives every frame at its end.
        log_offset, log_gain: after the logarithm, (value + offset) * gain.
        n_mfcc: cepstral coefficients kept.
        lifter: Kaldi's and HTK's cepstral lifter; 0: none.
        energy_first: put the frame's log energy, before window and pre-emphasis, in the place of the first coefficient.
        deltas: 0, 1 (appends first derivatives) or 2 (second ones too).
        delta_width: frames that a derivative looks at, odd.
        precision: "single" computes in float32, about 1e-6 of a frame's peak power from the exact result; "double" in
            float64, at half the speed. The features are float32 in both.
    """

    kind: str = "log_mel"
    sample_rate: int = 16000
    win_length: int = 400
    hop_length: int = 160
    n_fft: int = 512
    window: str = "hann"
    padding: str = "none"
    drop_last: bool = False
    scale: float = 1.0
    dither: float = 0.0
    dither_seed: int = 0
    remove_mean: bool = False
    pre_emphasis: float = 0.0
    spectrum_power: int = 2
    n_mels: int = 80
    f_min_hz: float = 20.0
    f_max_hz: float = 7600.0
    mel_scale: str = "htk"
    mel_norm: str = "none"
    log: str = "ln"
    log_floor: float = 1e-6
    range_below_peak: float | None = None
    log_offset: float = 0.0
    log_gain: float = 1.0
    n_mfcc: int = 13
    lifter: float = 0.0
    energy_first: bool = False
    deltas: int = 0
    delta_width: int = 9
    precision: str = "single"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}.")
        for name in ("sample_rate", "win_length", "hop_length", "n_fft", "n_mels", "n_mfcc"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} is {value!r}; expected a positive integer.")
        if self.n_fft % 4 or self.n_fft < self.win_length:
            raise ConfigError(
                f"n_fft is {self.n_fft}; expected a multiple of 4 of at least win_length, {self.win_length}. "
                "The next power of two is a good choice."
            )
        if self.spectrum_power not in (1, 2) or self.deltas not in (0, 1, 2):
            raise ConfigError(
                f"spectrum_power is {self.spectrum_power} and deltas {self.deltas}; expected 1 or 2, and 0, 1 or 2."
            )
        if self.delta_width < 3 or self.delta_width % 2 == 0:
            raise ConfigError(f"delta_width is {self.delta_width}; expected an odd number of frames, 3 or more.")
        if self.n_mfcc > self.n_mels:
            raise ConfigError(f"n_mfcc is {self.n_mfcc}; expected at most n_mels, {self.n_mels}.")
        if not self.log_floor > 0 or self.dither < 0:
            raise ConfigError(
                f"log_floor is {self.log_floor} and dither {self.dither}; expected more than 0, and 0 or more."
            )

    def to_dict(self) -> dict[str, Any]:
        """Every setting as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureConfig:
        """The inverse of `to_dict`; settings left out have their defaults.

        Raises:
            ConfigError: a setting that this version does not know, or an impossible value.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(
                f"the features have unknown settings: {', '.join(unknown)}. "
                "A newer version of vivavoce wrote them, or they are misspelt; install that version, or leave them out."
            )
        return cls(**values)

    @property
    def num_features(self) -> int:
        """F, the width of a feature frame."""
        return self.n_mels if self.kind == "log_mel" else self.n_mfcc * (1 + self.deltas)

    @property
    def frames_per_second(self) -> float:
        return self.sample_rate / self.hop_length

    def count_frames(self, num_samples: int) -> int:
        """T, the frames that `features` gives for so many samples; 0 where it would refuse them as too short."""
        if self.padding == "none":
            frames = timeline.count_frames(num_samples, self.win_length, self.hop_length)
        else:
            frames = timeline.count_centred_frames(num_samples, self.hop_length)
        return max(0, frames - self.drop_last)

    @classmethod
    def librosa(cls, **changes: Any) -> FeatureConfig:
        """librosa's melspectrogram and power_to_db with their defaults, at 22,050 Hz, (T, F) instead of (F, T)."""
        preset = cls(
            sample_rate=22050,
            win_length=2048,
            hop_length=512,
            n_fft=2048,
            padding="zero",
            n_mels=128,
            f_min_hz=0.0,
            f_max_hz=11025.0,
            mel_scale="slaney",
            mel_norm="slaney",
            log="db",
            log_floor=1e-10,
            range_below_peak=80.0,
            precision="double",
        )
        return replace(preset, **_follow_rate(preset, changes))

    @classmethod
    def librosa_mfcc(cls, **changes: Any) -> FeatureConfig:
        """librosa's mfcc with its defaults: 20 coefficients, orthonormal cosine transform."""
        return cls.librosa(**{"kind": "mfcc", "n_mfcc": 20, **changes})

    @classmethod
    def kaldi(cls, **changes: Any) -> FeatureConfig:
        """Kaldi's fbank with its defaults but 80 filters and no dither; frames only where they fit (snip-edges)."""
        preset = cls(
            window="povey",
            scale=32768.0,
            remove_mean=True,
            pre_emphasis=0.97,
            f_max_hz=8000.0,
            mel_scale="kaldi",
            log_floor=1.1920928955078125e-07,
        )
        return replace(preset, **_follow_rate(preset, changes))

    @classmethod
    def kaldi_mfcc(cls, **changes: Any) -> FeatureConfig:
        """Kaldi's mfcc with its defaults but no dither: 13 coefficients of 23 filters, lifter 22, energy first."""
        return cls.kaldi(**{"kind": "mfcc", "n_mels": 23, "lifter": 22.0, "energy_first": True, **changes})

    @classmethod
    def whisper(cls, **changes: Any) -> FeatureConfig:
        """Whisper's log-mel of a waveform as it is; Whisper itself first pads it to 30 s with zeros."""
        preset = cls(
            n_fft=400,
            padding="reflect",
            drop_last=True,
            f_min_hz=0.0,
            f_max_hz=8000.0,
            mel_scale="slaney",
            mel_norm="slaney",
            log="log10",
            log_floor=1e-10,
            range_below_peak=8.0,
            log_offset=4.0,
            log_gain=0.25,
            precision="double",
        )
        return replace(preset, **changes)

    @classmethod
    def voice(cls, **changes: Any) -> FeatureConfig:
        """What the voices here are made of: 80 mel magnitudes of 22,050 Hz speech, 86 frames a second.

        Acoustic models and vocoders share this one definition. Frames are centred, so N samples make 1 + N // 256 of
        them and T frames stand for 256 T samples. The filters reach half the sample rate, so that a vocoder has no band
        to invent; window, hop and filters are otherwise those of Tacotron 2's published code.
        """
        preset = cls(
            sample_rate=22050,
            win_length=1024,
            hop_length=256,
            n_fft=1024,
            padding="reflect",
            spectrum_power=1,
            f_min_hz=0.0,
            f_max_hz=11025.0,
            mel_scale="slaney",
            mel_norm="slaney",
            log_floor=1e-5,
        )
        return replace(preset, **_follow_rate(preset, changes))


def _follow_rate(preset: FeatureConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """Keep the filters' upper edge at half of a changed sample rate, as librosa and Kaldi do."""
    if "sample_rate" in changes and "f_max_hz" not in changes and preset.f_max_hz == preset.sample_rate / 2:
        return {**changes, "f_max_hz": changes["sample_rate"] / 2}
    return changes
