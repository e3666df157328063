"""The recogniser against PyTorch, against itself in other portions, in batches and side by side; its refusals."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.audio import read_waveform
from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.words import token_words
from vivavoce.dsp.features import features
from vivavoce.errors import AudioError, ConfigError, ModelError, VivaError
from vivavoce.runtime import recognizer as module
from vivavoce.runtime.bundle import load_bundle
from vivavoce.runtime.recognizer import Recognizer, Segment
from vivavoce.runtime.transcript import Transcript

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def recognizer(tiny_bundle: Path) -> Recognizer:
    return Recognizer(tiny_bundle)


def torch_log_probs(tiny_bundle: Path, waveform: np.ndarray, chunk_frames: int) -> np.ndarray:
    """The whole waveform in one call of the PyTorch model, padded by hand: a tail of 8 frames of silence."""
    import torch

    from vivavoce.models.conformer_ctc import ConformerCTC

    dims, weights = torch.load(tiny_bundle.parent / "tiny.pt", weights_only=False)
    model = ConformerCTC(dims).eval()
    model.load_state_dict(weights)
    log_mel = features(waveform)
    silence = np.full((8 + -len(log_mel) % 8, 80), np.log(1e-6), np.float32)
    padded = torch.from_numpy(np.concatenate([log_mel, silence]))[None]
    with torch.inference_mode():
        return model(padded, torch.tensor([padded.shape[1] // 8]), chunk_frames).log_probs[0].numpy()


def same(one: Transcript, other: Transcript) -> None:
    """Equal text, times and durations; confidences to the last digits of the arithmetic."""
    assert one.text == other.text
    assert one.duration_seconds == pytest.approx(other.duration_seconds)
    assert [(w.word, w.start_seconds, w.end_seconds) for w in one.words] == [
        (w.word, w.start_seconds, w.end_seconds) for w in other.words
    ]
    np.testing.assert_allclose([w.confidence for w in one.words], [w.confidence for w in other.words], atol=1e-3)


@pytest.mark.parametrize("chunk_frames", [None, 3, 16])
def test_a_long_waveform_is_one_call_of_torch(
    recognizer: Recognizer, tiny_bundle: Path, babble: Babble, chunk_frames: int | None
) -> None:
    """47 s: several stretches, each longer than the attention's memory, and an end within a chunk."""
    waveform = babble(47.123, seed=1)
    ours = Recognizer(recognizer.bundle, chunk_frames=chunk_frames)
    expected = torch_log_probs(tiny_bundle, waveform, chunk_frames or 4)
    np.testing.assert_allclose(ours.log_probs(waveform), expected, atol=2e-3, rtol=0)
    transcript = ours.transcribe(waveform)
    words = token_words(ctc_greedy(expected), ours.bundle.tokens, 0.04)
    assert transcript.text == " ".join(word.word for word in words)
    assert len(words) > 50
    assert transcript.duration_seconds == pytest.approx(47.123)
    for word, truth in zip(transcript.words, words, strict=True):
        assert word.start_seconds == pytest.approx(min(truth.start_seconds, 47.123), abs=1e-3)
        assert word.end_seconds == pytest.approx(min(truth.end_seconds, 47.123), abs=1e-3)
        assert word.confidence == pytest.approx(truth.confidence, abs=2e-3)


def test_stretches_leave_no_trace(recognizer: Recognizer, babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = babble(25.0, seed=2)
    expected = recognizer.transcribe(waveform)
    for frames in (4, 40, 1000):
        monkeypatch.setattr(module, "STRETCH_FRAMES", frames)
        same(Recognizer(recognizer.bundle).transcribe(waveform), expected)


def test_files_are_their_waveforms(recognizer: Recognizer, babble: Babble, tmp_path: Path) -> None:
    """Stereo at 44.1 kHz, by path, as a Path, and as a stream of bytes."""
    path = tmp_path / "stereo.flac"
    soundfile.write(path, np.stack([babble(12.0, seed=3), babble(12.0, seed=4)], axis=1), 44100)
    expected = recognizer.transcribe(read_waveform(path))
    assert expected.words
    same(recognizer.transcribe(str(path)), expected)
    same(recognizer.transcribe(path), expected)
    same(recognizer.transcribe(io.BytesIO(path.read_bytes())), expected)


def test_waveforms_at_another_rate(recognizer: Recognizer, babble: Babble, tmp_path: Path) -> None:
    waveform = babble(5.0, seed=5)
    soundfile.write(tmp_path / "a.wav", waveform, 22050, subtype="FLOAT")
    same(recognizer.transcribe(waveform, sample_rate=22050), recognizer.transcribe(tmp_path / "a.wav"))
    same(recognizer.transcribe(waveform, sample_rate=16000), recognizer.transcribe(waveform))
    same(recognizer.transcribe(waveform.astype(np.float64)), recognizer.transcribe(waveform))


def test_a_result_does_not_depend_on_its_batch(recognizer: Recognizer, babble: Babble) -> None:
    rng = np.random.default_rng(0)
    seconds = [0.0, 0.01, 0.3, 3.0, 3.0, 7.7, 21.0, 43.0]
    waveforms = [babble(duration, seed=10 + number) for number, duration in enumerate(seconds)]
    waveforms[4] = 3.0 * waveforms[4]  # a loud neighbour
    alone = [recognizer.transcribe(waveform) for waveform in waveforms]
    for _ in range(4):
        chosen = rng.permutation(len(waveforms))[: rng.integers(1, len(waveforms) + 1)]
        together = recognizer.transcribe_batch([waveforms[number] for number in chosen])
        for number, transcript in zip(chosen, together, strict=True):
            same(transcript, alone[number])
    assert recognizer.transcribe_batch([]) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_files_side_by_side_in_order(recognizer: Recognizer, babble: Babble, tmp_path: Path, jobs: int) -> None:
    paths = []
    for number in range(9):
        path = tmp_path / f"{number}.wav"
        if number % 4 == 2:
            path.write_bytes(b"not audio, really not")
        else:
            soundfile.write(path, babble(1.0 + 3.0 * (number == 0), seed=number), 16000, subtype="FLOAT")
        paths.append(path)
    heard: list[float] = []
    results = list(recognizer.transcribe_files(paths, jobs=jobs, heard=heard.append))
    assert len(results) == 9
    for number, (path, result) in enumerate(zip(paths, results, strict=True)):
        if number % 4 == 2:
            assert isinstance(result, VivaError)
            assert path.name in str(result)
        else:
            assert isinstance(result, Transcript)
            same(result, recognizer.transcribe(path))
    assert sum(heard) == pytest.approx(6 * 1.0 + 4.0)


def test_side_by_side_can_be_left_early(recognizer: Recognizer, babble: Babble) -> None:
    taken: list[int] = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield babble(0.5)

    results = recognizer.transcribe_files(endless(), jobs=2)  # type: ignore[arg-type]
    assert isinstance(next(results), Transcript)
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 6


def test_segments_are_parts_of_a_file(recognizer: Recognizer, babble: Babble, tmp_path: Path) -> None:
    waveform = babble(24.0, seed=6)
    path = tmp_path / "long.wav"
    soundfile.write(path, waveform, 16000, subtype="FLOAT")
    for start, duration in ((0.0, 2.5), (8.25, 4.0), (9.999, 0.5), (21.0, 99.0)):
        expected = recognizer.transcribe(waveform[round(16000 * start) : round(16000 * (start + duration))])
        same(recognizer.transcribe(Segment(path, start, duration)), expected)
    with pytest.raises(AudioError, match=r"24\.00 s long"):
        recognizer.transcribe(Segment(path, 24.0, 1.0))


def test_next_to_no_audio_is_no_text(recognizer: Recognizer) -> None:
    for samples in (0, 1, 399):  # not even one window
        transcript = recognizer.transcribe(np.ones(samples, np.float32))
        assert (transcript.text, transcript.words) == ("", ())
        assert transcript.duration_seconds == samples / 16000


def test_times_stay_inside_the_audio(recognizer: Recognizer, babble: Babble) -> None:
    for seconds in (0.03, 0.31, 1.01, 1.99):
        transcript = recognizer.transcribe(babble(seconds, seed=7))
        times = [time for word in transcript.words for time in (word.start_seconds, word.end_seconds)]
        assert times == sorted(times)
        assert all(0.0 <= time <= seconds + 1e-3 for time in times)
        assert all(0.0 <= word.confidence <= 1.0 for word in transcript.words)


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros((2, 800), np.float32), r"shape \(2, 800\)"),
        (np.zeros(800, np.int16), "int16; expected float32"),
        (np.full(800, np.nan, np.float32), "nan at sample 0"),
    ],
)
def test_waveforms_that_are_none(recognizer: Recognizer, waveform: np.ndarray, reason: str) -> None:
    with pytest.raises(AudioError, match=reason):
        recognizer.transcribe(waveform)
    with pytest.raises(AudioError, match=reason):
        recognizer.transcribe_batch([np.zeros(800, np.float32), waveform])


def test_settings_that_cannot_be(recognizer: Recognizer) -> None:
    bundle = recognizer.bundle
    with pytest.raises(ConfigError, match="threads is 0"):
        Recognizer(bundle, threads=0)
    with pytest.raises(ConfigError, match="chunk_frames is 0"):
        Recognizer(bundle, chunk_frames=0)
    with pytest.raises(ConfigError, match="decoder is 'viterbi'; expected one of greedy, beam"):
        Recognizer(bundle, decoder="viterbi")
    with pytest.raises(ConfigError, match="jobs is 0"):
        list(recognizer.transcribe_files([], jobs=0))


def test_beam_search_is_the_likelier_text(recognizer: Recognizer, babble: Babble) -> None:
    """Over all its alignments the beam's text is at least as likely as the greedy one."""
    import torch

    waveform = babble(6.0, seed=8)
    log_probs = torch.from_numpy(recognizer.log_probs(waveform))[:, None]

    def log_probability(text: str) -> float:
        tokens = torch.tensor([recognizer.bundle.tokens.encode(text)])
        lengths = torch.tensor([log_probs.shape[0]]), torch.tensor([tokens.shape[1]])
        return -float(torch.nn.functional.ctc_loss(log_probs, tokens, *lengths, reduction="sum"))

    greedy = recognizer.transcribe(waveform)
    beam = Recognizer(recognizer.bundle, decoder="beam").transcribe(waveform)
    assert log_probability(beam.text) >= log_probability(greedy.text) - 1e-3
    assert beam.words[0].start_seconds == pytest.approx(greedy.words[0].start_seconds, abs=0.2)


DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def speech(count: int) -> Sequence[Path]:
    return sorted((DATA / "librispeech" / "test-dev-clean-4").rglob("*.mp3"))[:count]


@pytest.mark.skipif(not speech(1), reason="no recordings beside the project")
def test_the_default_bundle_hears_speech() -> None:
    """Not a measurement: two thirds of the words of some sentences are right, and words stand where speech is."""
    from vivavoce.metrics.error_rate import error_rate
    from vivavoce.runtime.bundle import default_bundle
    from vivavoce.text.normalize import normalize_for_scoring

    try:
        bundle = load_bundle(default_bundle())
    except ModelError as error:
        pytest.skip(str(error))
    paths = speech(8)
    texts = dict(
        line.split(" ", 1)
        for folder in {p.parent for p in paths}
        for file in folder.glob("*.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    )
    recognizer = Recognizer(bundle)
    transcripts = [recognizer.transcribe(path) for path in paths]
    references = [normalize_for_scoring(texts[path.stem]) for path in paths]
    assert error_rate(references, [normalize_for_scoring(t.text) for t in transcripts]).rate < 0.6
    assert recognizer.transcribe(np.zeros(32000, np.float32)).text == ""
