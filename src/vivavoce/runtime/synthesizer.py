"""Text becomes speech: sentence by sentence, as numbers that can be played at once. Never torch.

A sentence is planned (`runtime.speech_plan`: words to tokens, with rate, pitch and volume of each), its mel is made in
one call, and the vocoder turns that into samples in chunks: the first come while the rest of the sentence is still
being computed, and of a book no more than a sentence is ever held. What makes mel and samples is the bundle's to say
(`runtime.voice_parts`). Chance, where a network needs it, comes from one seed for each sentence: the same text and
settings give the same samples, and `stream` the same as `speak`.

FastPitch says every word. The attention of Tacotron 2 may fail; then the sentence is spoken as it came, and the fault
is reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.decoding.attention_check import AttentionReport
from vivavoce.dsp.loudness import apply_gain, gain_to
from vivavoce.errors import ModelError
from vivavoce.runtime.fastpitch import FastPitchModel
from vivavoce.runtime.griffin_lim import GriffinLimVocoder
from vivavoce.runtime.speech_plan import Planner, Sentence, Style
from vivavoce.runtime.tacotron2 import TacotronModel
from vivavoce.runtime.vocoder import Vocoder
from vivavoce.runtime.voice_bundle import GRIFFIN_LIM, TACOTRON2, WAVENET, VoiceBundle, load_voice_bundle
from vivavoce.runtime.voice_parts import AcousticModel, MelVocoder
from vivavoce.runtime.wavenet import WaveNetVocoder

Array = NDArray[np.float32]
OnFault = Callable[[Sentence, AttentionReport], None]

FIRST_FRAMES = 48  # of a sentence's first chunk, half a second: what follows is computed while it is played
CHUNK_FRAMES = 192
FADE_SECONDS = 0.005


class Synthesizer:
    """A voice, opened. It holds no text's state, so threads may share it."""

    def __init__(
        self,
        bundle: VoiceBundle | str | Path | None = None,
        threads: int = 1,
        lexicon: str | Path | None = None,
        provider: str = "cpu",
        on_fault: OnFault | None = None,
    ) -> None:
        """Open a voice's bundle, or the folder of one; the package's own when none is named.

        Args:
            bundle: see above.
            threads: processor threads for one call.
            lexicon: a file of one's own pronunciations, `word  PH1 ON0 E` a line, which go before all others.
            provider: what runs the networks, one of `session.PROVIDERS`.
            on_fault: is told of each sentence whose attention failed, before it is heard; None: a warning is given.

        Raises:
            ModelError: the bundle is missing or damaged, or of another version.
            DataError: the lexicon cannot be read.
            ConfigError: a setting that cannot be.
        """
        self.bundle = bundle if isinstance(bundle, VoiceBundle) else load_voice_bundle(bundle)
        self.planner = Planner(self.bundle.path("lexicon"), lexicon)
        self.acoustic = _open_acoustic(self.bundle, threads, provider)
        self.vocoder = _open_vocoder(self.bundle, threads, provider)
        self.on_fault = on_fault or _warn

    @property
    def sample_rate(self) -> int:
        """Of all waveforms, in Hz."""
        return self.bundle.sample_rate

    def speak(self, text: str, style: Style | None = None) -> Array:
        """(N,) float32 in [-1, 1]: all of a text. See `stream` for arguments and errors."""
        pieces = list(self.stream(text, style))
        return np.concatenate(pieces)

    def stream(self, text: str | Iterable[str], style: Style | None = None) -> Iterator[Array]:
        """The waveform of a text, piece by piece as it is computed.

        Args:
            text: a string, or its pieces in order, cut anywhere, as an open file gives them. SSML, where the style says
                so, must be whole.
            style: how all of it is said.

        Returns:
            (n,) float32 pieces that make up the waveform, between sentences the pauses.

        Raises:
            TextError: there is nothing to say, or SSML is not valid.
            ConfigError: a rate or pitch of a voice that has only its own.
        """
        style = style or Style()
        for sentence in self.planner.plan(text, style):
            yield from self.say(sentence, style)

    def say(self, sentence: Sentence, style: Style | None = None) -> Iterator[Array]:
        """The waveform of one planned sentence and of the pause behind it, piece by piece."""
        style = style or Style()
        if sentence.pause_before_seconds:
            yield self._silence(sentence.pause_before_seconds)
        if len(sentence.tokens):
            drawn = self.acoustic.mel_of(sentence)
            if drawn.report is not None and not drawn.report.ok:
                self.on_fault(sentence, drawn.report)
            gain = gain_to(self.bundle.measured_lufs, style.loudness_lufs or self.bundle.loudness_lufs)
            shape = self._shape(sentence, drawn.durations)
            first = 0
            for piece in self.vocoder.stream(_chunks(drawn.mel)):
                yield apply_gain(piece * shape[first : first + len(piece)], gain)
                first += len(piece)
        if sentence.pause_seconds:
            yield self._silence(sentence.pause_seconds)

    def mel(self, sentence: Sentence) -> tuple[Array, NDArray[np.int64]]:
        """(T, 80) log-mel of a sentence, and the (U,) frames of each of its tokens, which sum to T.

        `acoustic.mel_of` also gives the report on the attention, of which nobody is told here.
        """
        drawn = self.acoustic.mel_of(sentence)
        return drawn.mel, drawn.durations

    def vocode(self, log_mel: Array) -> Array:
        """(T, 80) log-mel of `FeatureConfig.voice()` -> (256 T,) samples by the vocoder, as loud as the mel is."""
        return self.vocoder(log_mel)

    def _shape(self, sentence: Sentence, durations: NDArray[np.int64]) -> Array:
        """(256 T,) the volume that is asked for, without steps, and short fades at both ends."""
        hop = self.bundle.features.hop_length
        total = hop * int(durations.sum())
        factors = 10.0 ** (sentence.volume_db / 20.0)
        if (factors == factors[0]).all():
            shape = np.full(total, factors[0], np.float32)
        else:  # from the middle of each token to that of the next
            ends = hop * durations.cumsum()
            # Tokens that were skipped share a place with the one before; a step would be heard there.
            middles, first = np.unique(ends - hop * durations / 2, return_index=True)
            shape = np.interp(np.arange(total), middles, factors[first]).astype(np.float32)
        count = min(round(FADE_SECONDS * self.sample_rate), total // 2)
        ramp = np.linspace(0.0, 1.0, count, endpoint=False, dtype=np.float32)
        shape[:count] *= ramp
        shape[total - count :] *= ramp[::-1]
        return shape

    def _silence(self, seconds: float) -> Array:
        return np.zeros(round(seconds * self.sample_rate), np.float32)


def _open_acoustic(bundle: VoiceBundle, threads: int, provider: str) -> AcousticModel:
    path = bundle.path("acoustic")
    if bundle.kinds["acoustic"] != TACOTRON2:
        return FastPitchModel(path, threads, provider)
    model = TacotronModel(path, threads, provider)
    _check_mel(bundle, path, model)
    return model


def _open_vocoder(bundle: VoiceBundle, threads: int, provider: str) -> MelVocoder:
    path, kind = bundle.path("vocoder"), bundle.kinds["vocoder"]
    if kind not in (WAVENET, GRIFFIN_LIM):
        return Vocoder(path, threads, provider)
    vocoder = WaveNetVocoder(path, threads, provider) if kind == WAVENET else GriffinLimVocoder(path)
    _check_mel(bundle, path, vocoder)
    return vocoder


def _check_mel(bundle: VoiceBundle, path: Path, part: TacotronModel | WaveNetVocoder | GriffinLimVocoder) -> None:
    """Whether a bundle inside the voice's means the same by a mel."""
    if part.features != bundle.features:
        raise ModelError(f"{path} has another mel definition than its voice; export the voice again.")


def _warn(sentence: Sentence, report: AttentionReport) -> None:
    faults = "; ".join(report.lines(sentence.spelled))
    warnings.warn(f"attention failed in {sentence.text.strip()!r}: {faults}", stacklevel=3)


def _chunks(mel: Array) -> Iterator[Array]:
    """A short chunk, and longer ones."""
    yield mel[:FIRST_FRAMES]
    for start in range(FIRST_FRAMES, len(mel), CHUNK_FRAMES):
        yield mel[start : start + CHUNK_FRAMES]
