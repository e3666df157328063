"""A voice judged without people: recordings, copies of them, synthesis and baselines, measured alike, in one table.

Every system says the same texts. Each result is held against a recording of the text (spectrum, melody, voicing,
duration, `metrics.spectral`) and played to recognisers, who also hear the recordings themselves: what they do not
understand of a person is no fault of the voice. All are brought to one loudness first. How a system makes its waveform
is its own business; here it is a function of the recording and its text. What the numbers say, and what they do not,
stands in docs/voice/judging.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import read_waveform
from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import read_utterance
from vivavoce.data.synthesis import Voice, require_programs, speak
from vivavoce.decoding.alignment_words import align_text
from vivavoce.dsp.feature_config import FeatureConfig
from vivavoce.dsp.features import features
from vivavoce.dsp.loudness import normalize_loudness
from vivavoce.errors import AudioError, ConfigError, DataError, TextError, VivaError
from vivavoce.evaluation.listeners import Listener
from vivavoce.metrics.edits import count_edits
from vivavoce.metrics.spectral import SpeechDistance, SpeechFrames, compare_speech, speech_frames
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.text.normalize import normalize_for_scoring

Array = NDArray[np.float32]

RECORDING, ANOTHER_TAKE, COPY, SYNTHESIS = "recording", "another take", "copy-synthesis", "synthesis"
LISTENING_LUFS = -23.0
BASELINES = {
    "espeak-ng": Voice("espeak-ng", "en-us", 1.0, (175, 175), (50, 50)),
    "flite": Voice("flite", "slt", 1.0, (1.0, 1.0), (170, 170)),
}


class SpeakingVoice(Protocol):
    """What is judged: text to speech, and its vocoder alone."""

    @property
    def sample_rate(self) -> int: ...

    def speak(self, text: str) -> Array:
        """(N,) waveform of a text."""
        ...

    def vocode(self, log_mel: Array) -> Array:
        """(T, 80) log-mel of `FeatureConfig.voice()` to a (N,) waveform."""
        ...


@dataclass(frozen=True)
class Take:
    """A recording of a text, and a second one by the same speaker where there is one; (N,) waveforms at one rate."""

    utterance: Utterance
    waveform: Array
    another: Array | None


System = Callable[[Take], Array | None]
"""A waveform for a take's text, or None where the system has none."""

Made = Callable[[str, Utterance, Array], None]


@dataclass(frozen=True)
class Heard:
    """One text by one system.

    Attributes:
        system, id, text: the row of the table; the recording's id; the text, as written.
        words: of the normalised text.
        fault: why the system gave nothing that could be measured, or "". Every word then counts as deleted.
        distance: from the recording; None for the recording itself, and with a fault.
        hypotheses, errors: what each listener heard, normalised, and its word errors.
        word_seconds: by how much each word is longer (above 0) or shorter than in the recording; None where the words
            could not be aligned.
    """

    system: str
    id: str
    text: str
    words: int
    fault: str
    distance: SpeechDistance | None
    hypotheses: Mapping[str, str]
    errors: Mapping[str, int]
    word_seconds: tuple[float, ...] | None


def systems_of(voice: SpeakingVoice, baselines: Sequence[str] = ()) -> dict[str, System]:
    """The rows of the table: recordings, second takes, copy-synthesis, synthesis, and programs to compare with.

    Raises:
        ConfigError: an unknown baseline, or a voice that does not speak at the rate of the common mel.
        DataError: a baseline's program is not installed.
    """
    config = FeatureConfig.voice()
    if voice.sample_rate != config.sample_rate:
        raise ConfigError(f"the voice speaks at {voice.sample_rate} Hz; expected {config.sample_rate} Hz.")
    unknown = sorted(set(baselines) - set(BASELINES))
    if unknown:
        raise ConfigError(f"no baseline is called {unknown[0]}; expected some of {', '.join(BASELINES)}.")
    require_programs([BASELINES[name] for name in baselines])
    systems: dict[str, System] = {
        RECORDING: lambda take: take.waveform,
        ANOTHER_TAKE: lambda take: take.another,
        COPY: lambda take: voice.vocode(features(take.waveform, config)),
        SYNTHESIS: lambda take: voice.speak(take.utterance.text),
    }
    for name in baselines:
        systems[f"{name} ({BASELINES[name].name})"] = _program(BASELINES[name], config.sample_rate)
    return systems


def choose_takes(
    utterances: Sequence[Utterance], wanted: Callable[[str], bool] | None = None, limit: int = 0
) -> list[tuple[Utterance, Utterance | None]]:
    """One recording of each text and speaker, and a second one where there is one.

    Args:
        utterances: in any order; the first of a text is the one that others are held against.
        wanted: which texts; None for all.
        limit: only so many texts, evenly spread; 0 for all.

    Raises:
        DataError: none is left.
    """
    groups: dict[tuple[str, str], list[Utterance]] = {}
    for utterance in utterances:
        words = normalize_for_scoring(utterance.text)
        if words and (wanted is None or wanted(utterance.text)):
            groups.setdefault((utterance.speaker, words), []).append(utterance)
    if not groups:
        raise DataError(
            f"none of {len(utterances)} utterances has a text to judge a voice on; expected texts that it was not "
            "trained on."
        )
    takes = [(group[0], group[1] if len(group) > 1 else None) for group in groups.values()]
    count = min(limit or len(takes), len(takes))
    return [takes[number * len(takes) // count] for number in range(count)]


def judge(
    takes: Sequence[tuple[Utterance, Utterance | None]],
    systems: Mapping[str, System],
    listeners: Sequence[Listener],
    aligner: Recognizer | None = None,
    made: Made | None = None,
) -> Iterator[list[Heard]]:
    """Let every system say every text, and measure what comes of it; one list for each text, in the systems' order.

    Args:
        takes: recordings, as `choose_takes` gives them.
        systems: by name, see `systems_of`; one of them is `RECORDING`.
        listeners: who writes down what is heard.
        aligner: finds when each word is spoken; None: word durations are left out.
        made: is given each system's name, the utterance and the waveform as the listeners hear it.

    Raises:
        AudioError: a recording cannot be read, or is silent.
    """
    assert RECORDING in systems
    rate = FeatureConfig.voice().sample_rate
    for utterance, second in takes:
        another = read_utterance(second, rate) if second is not None else None
        take = Take(utterance, read_utterance(utterance, rate), another)
        try:
            reference = speech_frames(take.waveform, rate)
        except AudioError as error:
            raise AudioError(f"{utterance.id}: {error}") from None
        durations = None if aligner is None else word_seconds(take.waveform, rate, utterance.text, aligner)
        heard = []
        for name, system in systems.items():
            result = _measure(name, system, take, reference, listeners, aligner, durations, made)
            if result is not None:
                heard.append(result)
        yield heard


def word_seconds(waveform: Array, sample_rate: int, text: str, aligner: Recognizer) -> NDArray[np.float64] | None:
    """(W,) length of each written word as a recogniser aligns it; None where the text does not fit the waveform.

    The recogniser marks sounds by peaks 40 ms apart, so a single word is told to some 40 ms; its means are better.
    """
    bundle = aligner.bundle
    try:
        log_probs = aligner.log_probs(waveform, sample_rate)
        aligned = align_text(log_probs, text, bundle.tokens, bundle.frame_seconds, len(waveform) / sample_rate)
    except TextError:
        return None
    return np.array([word.end_seconds - word.start_seconds for word in aligned.words])


def _measure(
    name: str,
    system: System,
    take: Take,
    reference: SpeechFrames,
    listeners: Sequence[Listener],
    aligner: Recognizer | None,
    durations: NDArray[np.float64] | None,
    made: Made | None,
) -> Heard | None:
    """One system's reading of a text; None where it has none."""
    rate, text = FeatureConfig.voice().sample_rate, take.utterance.text
    words = normalize_for_scoring(text).split()
    fault, distance, differences = "", None, None
    hypotheses = {listener.name: "" for listener in listeners}
    try:
        waveform = system(take)
        if waveform is None:
            return None
        frames = speech_frames(waveform, rate)  # refuses silence, and what is not finite
        waveform = normalize_loudness(waveform, rate, LISTENING_LUFS)
        if name != RECORDING:
            distance = compare_speech(reference, frames)
            if aligner is not None and durations is not None:
                others = word_seconds(waveform, rate, text, aligner)
                differences = None if others is None else tuple((others - durations).tolist())
        for listener in listeners:
            hypotheses[listener.name] = normalize_for_scoring(listener.hear(waveform, rate))
        if made is not None:
            made(name, take.utterance, waveform)
    except VivaError as error:
        if name == RECORDING:
            raise
        fault, distance, differences = str(error), None, None
    errors = {who: count_edits(words, hypothesis.split()).errors for who, hypothesis in hypotheses.items()}
    return Heard(name, take.utterance.id, text, len(words), fault, distance, hypotheses, errors, differences)


def _program(voice: Voice, sample_rate: int) -> System:
    rate, pitch = voice.rate[0], voice.pitch[0] if voice.pitch else 0.0
    return lambda take: read_waveform(io.BytesIO(speak(take.utterance.text, voice, rate, pitch)), sample_rate)
