"""Recorded speech -> text: files of any length, batches, several files at once.

A long file is not cut into overlapping windows whose texts must be joined afterwards. The encoder looks only at the
past, besides the rest of its own chunk, and hands its whole memory of the past (the caches) from one stretch to the
next; the decoder does the same. So the frames are those of one call over the whole file, no word stands on a joint that
could lose or double it, and memory does not grow with the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import stream_blocks
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_file import read_lexicon
from vivavoce.decoding.lexicon_search import LexiconScorer
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.own_words import OwnWords
from vivavoce.decoding.second_pass import SecondPass
from vivavoce.decoding.word_scorer import Weights, WordScorer
from vivavoce.dsp.features import FeatureStream
from vivavoce.dsp.resample import resample
from vivavoce.errors import AudioError, ConfigError, ModelError, TextError, VivaError
from vivavoce.runtime.activity_model import ActivityModel
from vivavoce.runtime.bundle import CHARACTERS, PHONES, Bundle, load_bundle
from vivavoce.runtime.decoders import LexiconPasses, Scorer, outputs_for
from vivavoce.runtime.encoder import Encoder
from vivavoce.runtime.speech_gate import open_gate_model
from vivavoce.runtime.stream import FrameStream, RecognizerStream, make_gate, through_gate, with_tail
from vivavoce.runtime.transcript import Transcript, WordReader
from vivavoce.runtime.unit_predictor import UnitPredictor
from vivavoce.text.alphabet import Alphabet
from vivavoce.timeline import seconds_to_samples

Array = NDArray[np.float32]
File = str | os.PathLike[str] | BinaryIO
Heard = Callable[[float], None]
STRETCH_FRAMES = 256  # encoder frames computed in one call for files, 10 s of the default model
BLOCK_SECONDS = 10.0
GUESSES = 2  # pronunciations of a word that the lexicon lacks


@dataclass(frozen=True)
class Segment:
    """A part of a file, as manifests of long recordings name them."""

    file: File
    start_seconds: float
    duration_seconds: float


Audio = File | Segment | NDArray[Any]


class Recognizer:
    """A bundle, ready to recognise. Threads may share one."""

    def __init__(
        self,
        bundle: Bundle | str | Path | None = None,
        threads: int = 1,
        chunk_frames: int | None = None,
        decoder: str = "auto",
        hotwords: Hotwords | None = None,
        weights: Weights | None = None,
        provider: str = "cpu",
        optimization: str = "all",
        gate: bool = True,
        words: OwnWords | None = None,
    ) -> None:
        """Open a bundle.

        Args:
            bundle: a loaded bundle, its folder, or None for the one inside the package.
            threads: processor threads for one call of the graph.
            chunk_frames: look-ahead in encoder frames (40 ms in the default model); None for the bundle's own, at which
                its accuracy was measured.
            decoder: "greedy"; "beam", a slower search over all spellings; "words", a search over spellings with the
                bundle's language model and the hotwords; "lexicon", the same over the pronunciations in the bundle's
                lexicon; or "auto": "lexicon" where the bundle has one that holds the hotwords or can guess how they
                sound, "words" where it has a language model or there are hotwords, else "greedy".
            hotwords: phrases that are likely to be said; for the decoders "words" and "lexicon".
            weights: of the language model and of each word; None for the bundle's own.
            gate: whether the bundle's voice activity detector, if it has one, keeps what is no speech from the decoder.
            words: words that join the bundle's lexicon; for the decoder "lexicon", which "auto" then is.
            provider, optimization: where and how onnxruntime runs the graph, see `runtime.session`.

        Raises:
            ModelError: the bundle cannot be used.
            ConfigError: threads or chunk_frames below 1, an unknown decoder, provider or optimization, or hotwords or
                words for a decoder that has no use for them.
            TextError: one of the words has a phone that the bundle's model lacks, or nobody knows how it sounds.
        """
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        self.chunk_frames = self.bundle.model.chunk_frames if chunk_frames is None else chunk_frames
        if words is not None:
            if decoder not in ("auto", "lexicon"):
                raise ConfigError(f"words were given, which the decoder {decoder!r} has no use for; use 'lexicon'.")
            decoder = "lexicon"
        tree = None
        if self.bundle.lexicon is not None and decoder in ("auto", "lexicon"):
            tree = open_lexicon(self.bundle, hotwords.words if hotwords is not None else (), words)
        if decoder == "auto":
            if tree is not None and (hotwords is None or hotwords.words.issubset(tree.words)):
                decoder = "lexicon"
            else:
                decoder = "words" if hotwords is not None or self.bundle.language_model is not None else "greedy"
        self.decoder = decoder
        if hotwords is not None and decoder not in ("words", "lexicon"):
            raise ConfigError(f"hotwords were given, which the decoder {decoder!r} has no use for; use 'words'.")
        self._scorer: Scorer | None = None
        if decoder == "words":
            self._scorer = _make_scorer(self.bundle, hotwords, weights)
        elif decoder == "lexicon":
            if tree is None:
                remedy = "attach one, or use another decoder" if words is None else "words need one that they can join"
                raise ConfigError(f"{self.bundle.folder} has no lexicon; {remedy}.")
            self._scorer = make_lexicon_passes(self.bundle, tree, hotwords, weights, threads, words)
        self._stretch_chunks = max(1, STRETCH_FRAMES // max(1, self.chunk_frames))
        self._encoder = Encoder(self.bundle, threads, provider, optimization)
        self._detector: ActivityModel | None = None
        if gate and self.bundle.gate is not None:
            self._detector = open_gate_model(self.bundle.folder, self.bundle.features)
        self._file_stream()  # refuses settings that cannot be, now and not with the first file

    def transcribe(self, audio: Audio, sample_rate: int | None = None, heard: Heard | None = None) -> Transcript:
        """Recognise a file, a binary stream of one, a segment, or a waveform.

        Args:
            audio: a path, a binary stream, a `Segment` of either, or (N,) float samples in [-1, 1].
            sample_rate: of a waveform, in Hz; None when it has the bundle's rate. Files know their own.
            heard: called with the seconds of each further piece of audio, for progress bars.

        Returns:
            The transcript; its text is "" where nothing was said.

        Raises:
            AudioError: the audio cannot be read.
        """
        stream = self._file_stream()
        for block in self.blocks(audio, sample_rate):
            stream.accept(block)
            if heard is not None:
                heard(len(block) / self.bundle.sample_rate)
        return stream.finish()

    def transcribe_batch(self, waveforms: Sequence[NDArray[Any]]) -> list[Transcript]:
        """Recognise several (N,) waveforms at the bundle's rate together; each result is as if it were alone.

        One call of the graph takes a stretch of all of them, which pays on machines with many cores.

        Raises:
            AudioError: one of them is not one-dimensional, not floating-point, or not finite.
        """
        rows = [self._padded_features(waveform) for waveform in waveforms]
        reader = WordReader(self.bundle, self.decoder, self._scorer)
        transcripts = []
        for waveform, pieces in zip(waveforms, self._run_together(rows), strict=True):
            for log_probs in pieces:
                reader.accept(log_probs)
            transcripts.append(reader.finish(len(waveform) / self.bundle.sample_rate))
        return transcripts

    def transcribe_files(
        self, files: Iterable[Audio], jobs: int = 1, heard: Heard | None = None
    ) -> Iterator[Transcript | VivaError]:
        """Recognise files, `jobs` at a time, in their order; a file's error takes the place of its transcript."""
        if jobs < 1:
            raise ConfigError(f"jobs is {jobs}; expected 1 or more.")

        given_up = Event()

        def listened(seconds: float) -> None:
            if given_up.is_set():
                raise CancelledError
            if heard is not None:
                heard(seconds)

        def one(audio: Audio) -> Transcript | VivaError:
            try:
                return self.transcribe(audio, heard=listened)
            except VivaError as error:
                return error

        if jobs == 1:
            yield from map(one, files)
            return
        waiting = iter(files)
        pool = ThreadPoolExecutor(jobs)
        try:
            # No more than a few files ahead of the one that is asked for: results wait in memory.
            running = [pool.submit(one, audio) for audio in islice(waiting, 2 * jobs)]
            while running:
                yield running.pop(0).result()
                running += [pool.submit(one, audio) for audio in islice(waiting, 1)]
        finally:
            given_up.set()  # whoever waits for no more results waits for no more than a block
            pool.shutdown(cancel_futures=True)

    def log_probs(self, audio: Audio, sample_rate: int | None = None, phones: bool = False) -> Array:
        """(T, V) natural log-probabilities of a recording, for other decoders; as they are, behind no gate."""
        return self.outputs(audio, (PHONES if phones else CHARACTERS,), sample_rate)

    def outputs(self, audio: Audio, names: Sequence[str], sample_rate: int | None = None) -> Array:
        """(T, W) the same of several outputs of the graph, CHARACTERS and PHONES, side by side and computed once."""
        features = FeatureStream(self.bundle.features)
        frames = FrameStream(self._encoder, self.chunk_frames, self._stretch_chunks, outputs=names)
        pieces = [frames.accept(features.accept(block)) for block in self.blocks(audio, sample_rate)]
        return np.concatenate([*pieces, frames.finish(features.finish())])

    def create_stream(self, chunk_frames: int | None = None, live_chunk_frames: int | None = None) -> RecognizerStream:
        """A live stream.

        Args:
            chunk_frames: another look-ahead than the recogniser's.
            live_chunk_frames: a shorter one, whose reading is shown until the longer one comes by; it costs the work of
                a second stream and leaves the final text as it is. None shows nothing early.

        Raises:
            ConfigError: chunk_frames below 1, or live_chunk_frames not a divisor of it.
        """
        chunk_frames = self.chunk_frames if chunk_frames is None else chunk_frames
        return RecognizerStream(
            self._encoder, chunk_frames, 1, self.decoder, live_chunk_frames, self._scorer, self._detector
        )

    def _file_stream(self) -> RecognizerStream:
        return RecognizerStream(
            self._encoder, self.chunk_frames, self._stretch_chunks, self.decoder, None, self._scorer, self._detector
        )

    def blocks(self, audio: Audio, sample_rate: int | None = None) -> Iterator[Array]:
        """Audio as `transcribe` takes it, in (n,) blocks at the bundle's rate: what to feed to a stream.

        Raises:
            AudioError: the audio cannot be read.
        """
        rate = self.bundle.sample_rate
        if isinstance(audio, Segment):
            return _cut(stream_blocks(audio.file, rate, BLOCK_SECONDS), audio, rate)
        if not isinstance(audio, np.ndarray):
            return stream_blocks(audio, rate, BLOCK_SECONDS)
        _check_waveform(audio)
        waveform = audio if sample_rate in (None, rate) else resample(audio, int(sample_rate or rate), rate)
        step = round(BLOCK_SECONDS * rate)
        return (waveform[start : start + step] for start in range(0, len(waveform), step))

    def _padded_features(self, waveform: NDArray[Any]) -> Array:
        stream = FeatureStream(self.bundle.features)
        features = np.concatenate([stream.accept(waveform), stream.finish()])
        return with_tail(features, self.bundle) if len(features) else features

    def _run_together(self, rows: Sequence[Array]) -> list[list[Array]]:
        """(T, F) features of each row -> the log-probabilities of each, stretch by stretch with carried state."""
        model, outputs = self.bundle.model, outputs_for(self.decoder, self._scorer)
        order = sorted(range(len(rows)), key=lambda number: -len(rows[number]))  # those at an end drop out last first
        stretch = self.chunk_frames * self._stretch_chunks * model.subsampling
        state = self._encoder.initial_state(len(rows))
        gates = [make_gate(self.bundle, self._detector) for _ in rows]
        pieces: list[list[Array]] = [[] for _ in rows]
        for start in range(0, max(map(len, rows), default=0), stretch):
            order = [number for number in order if len(rows[number]) > start]
            parts = [rows[number][start : start + stretch] for number in order]
            batch = np.zeros((len(parts), len(parts[0]), self.bundle.features.num_features), np.float32)
            for target, part in zip(batch, parts, strict=True):
                target[: len(part)] = part
            lengths = np.array([len(part) // model.subsampling for part in parts], np.int64)
            log_probs, state = self._encoder.run(batch, lengths, self.chunk_frames, state.first(len(parts)), outputs)
            for number, part, values, length in zip(order, parts, log_probs, lengths, strict=True):
                values = values[: length * model.outputs_per_frame]
                closed = through_gate(gates[number], part, values, self.bundle, self.chunk_frames, outputs)
                pieces[number].append(closed)
        return pieces


def _make_scorer(bundle: Bundle, hotwords: Hotwords | None, weights: Weights | None) -> WordScorer:
    """What scores words: the bundle's language model, if it has one, and the hotwords."""
    spec = bundle.language_model
    weights = weights or (spec.weights if spec is not None else None)
    return WordScorer(bundle.tokens, open_language_model(bundle), weights, hotwords)


def open_language_model(bundle: Bundle) -> NgramModel | None:
    """The bundle's language model, if it has one."""
    spec = bundle.language_model
    return NgramModel.load(bundle.folder / spec.file) if spec is not None else None


def open_lexicon(bundle: Bundle, words: Collection[str] = (), own: OwnWords | None = None) -> LexiconTree:
    """The pronunciations of a bundle's lexicon.

    Args:
        words: others that are wanted, too: the likeliest two guesses for each, where the bundle can guess.
        own: a user's, with the pronunciations that they were given, besides the lexicon's; guesses where there are
            neither.

    Raises:
        ModelError: the bundle has no lexicon.
        TextError: one of `own` is written with other phones than the bundle's, or nobody knows how it sounds.
    """
    if bundle.lexicon is None or bundle.phones is None:
        raise ModelError(f"{bundle.folder} has no lexicon; put one into it with `viva lexicon attach`.")
    said = read_lexicon(bundle.folder / bundle.lexicon.file, bundle.phones)
    wanted = set(words)
    if own is not None:
        said += own.pronunciations(bundle.phones)
        wanted |= own.log_probs.keys()
    lacking = sorted(wanted - set(said.words)) if wanted else []
    if lacking and bundle.lexicon.guesser:
        guesser = G2p.load(bundle.folder / bundle.lexicon.guesser)
        guesses: list[Pronunciation] = []
        for word in lacking:
            try:
                guesses += guessed_pronunciations(word, guesser, bundle.phones)
            except TextError as error:
                raise TextError(f"{own.where(word) if own else ''}{error}") from None
        said += guesses
    elif own is not None and (silent := [word for word in lacking if word in own.log_probs]):
        raise TextError(
            f"{own.where(silent[0])}{silent[0]} has no phones, and {bundle.folder} has no model that guesses them; "
            "write them behind the word."
        )
    return LexiconTree(said, len(bundle.phones))


def guessed_pronunciations(word: str, guesser: G2p, phones: Alphabet) -> list[Pronunciation]:
    """The likeliest guesses at a word, each at the cost of its doubt; errors as of `G2p.pronounce`."""
    number = {phone: token for token, phone in enumerate(phones.tokens)}
    return [
        Pronunciation(word, tuple([number[phone] for phone in guess]), math.log(prob))
        for guess, prob in guesser.pronounce(word, GUESSES)
    ]


def make_lexicon_scorer(
    bundle: Bundle,
    tree: LexiconTree,
    hotwords: Hotwords | None = None,
    weights: Weights | None = None,
    own: OwnWords | None = None,
) -> LexiconScorer:
    """What scores the words of a lexicon: the bundle's language model, if it has one, the hotwords, a user's words."""
    weights = weights or (bundle.lexicon.weights if bundle.lexicon else None)
    return LexiconScorer(tree, open_language_model(bundle), weights, hotwords, own.log_probs if own else None)


def make_lexicon_passes(
    bundle: Bundle,
    tree: LexiconTree,
    hotwords: Hotwords | None = None,
    weights: Weights | None = None,
    threads: int = 1,
    own: OwnWords | None = None,
) -> LexiconPasses:
    """The same, and a second pass, if the bundle has one.

    Its weights go with those of the first, and other weights for this one switch it off.
    """
    scorer, spec = make_lexicon_scorer(bundle, tree, hotwords, weights, own), bundle.second_pass
    if spec is None or weights is not None:
        return LexiconPasses(scorer)
    network = UnitPredictor.open(bundle.folder / spec.file, threads)
    return LexiconPasses(scorer, SecondPass(network, scorer.model, scorer.weights, spec.weights, scorer.own_shares))


def _cut(blocks: Iterator[Array], segment: Segment, sample_rate: int) -> Iterator[Array]:
    """Of the blocks of a file, the samples of a segment."""
    start = seconds_to_samples(segment.start_seconds, sample_rate)
    end = seconds_to_samples(segment.start_seconds + segment.duration_seconds, sample_rate)
    place = 0
    for block in blocks:
        if place + len(block) > start:
            yield block[max(0, start - place) : end - place]
        place += len(block)
        if place >= end:
            return
    if place <= start:
        raise AudioError(f"{segment.file} is {place / sample_rate:.2f} s long; {segment} lies behind its end.")


def _check_waveform(waveform: NDArray[Any]) -> None:
    if waveform.ndim != 1:
        raise AudioError(f"waveform has shape {waveform.shape}; expected (N,) mono. Use audio.to_mono.")
    if waveform.dtype.kind != "f":
        raise AudioError(
            f"waveform holds {waveform.dtype}; expected float32 in [-1, 1]. Divide 16-bit numbers by 32768."
        )
