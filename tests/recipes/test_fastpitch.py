"""The recipe from recordings to a checkpoint, at the smallest size: what it keeps, resumes and refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.audio.files import write_waveform
from vivavoce.data.manifest import Utterance, read_manifest, write_manifest
from vivavoce.data.voice_split import is_held_out
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.voice_lexicon import write_voice_lexicon
from vivavoce.errors import ConfigError, DataError, ModelError
from vivavoce.models.aligner import AlignerDims
from vivavoce.models.fastpitch import SPACE_ID, FastPitchDims
from vivavoce.recipes.fastpitch import AlignerConfig, Config, alignment_key, load_texts, main, window_prior
from vivavoce.runtime.bundle import load_bundle
from vivavoce.training.run_folder import load_checkpoint, unpack
from vivavoce.training.voice_batches import TrimRule, VoiceSounds

WORDS = {"tea": "T IY1", "time": "T AY1 M", "met": "M EH1 T", "team": "T IY1 M", "my": "M AY1", "a": "AH0", "i": "AY1"}


def held_out_text() -> str:
    texts = [f"{a} {b} {c}." for a in WORDS for b in WORDS for c in WORDS]
    return next(text for text in texts if is_held_out(text))


def voice(seconds: float, seed: int) -> np.ndarray:
    """(N,) a buzz of some pitch at 22,050 Hz that comes and goes."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * 22050)) / 22050
    hertz = np.interp(time, np.linspace(0, seconds, 6), rng.uniform(110, 220, 6))
    buzz = 2.0 * ((np.cumsum(hertz) / 22050) % 1.0) - 1.0
    loudness = np.interp(time, np.linspace(0, seconds, 12), rng.uniform(0.02, 0.4, 12))
    return (loudness * buzz + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def config(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("fastpitch")
    entries = [(word, phones.split()) for word, phones in WORDS.items()]
    write_voice_lexicon(folder / "voice.lexicon", entries, G2p.train(entries, letters=1, iterations=2, min_count=1))
    utterances = []
    texts = [
        "Tea time.",
        "My team, my time.",
        "A team met.",
        "Time met tea!",
        "My tea.",
        "Met a team.",
        held_out_text(),
    ]
    for number, text in enumerate(texts):
        waveform = voice(1.4 + 0.1 * number, number)
        write_waveform(folder / f"{number}.wav", waveform, 22050)
        utterances.append(Utterance(f"u{number}", str(folder / f"{number}.wav"), text, len(waveform) / 22050))
    write_manifest(folder / "voice.jsonl", utterances)
    return Config(
        manifests=(str(folder / "voice.jsonl"),),
        run=str(folder / "run"),
        cache=str(folder / "cache"),
        lexicon=str(folder / "voice.lexicon"),
        recognizer=str(tiny_bundle),
        dims=FastPitchDims(
            width=16, encoder_blocks=2, decoder_blocks=1, heads=2, fine_width=8, fine_blocks=1, predictor_width=8
        ),
        aligner=AlignerConfig(AlignerDims(width=8, n_common=8), updates=4, warmup=1, sharpen_after=2, refine_rounds=1),
        updates=5,
        warmup=1,
        batch_frames=400,
    )


def test_from_recordings_to_a_checkpoint(config: Config) -> None:
    folder = main(config)
    (checkpoint,) = (folder / "checkpoints").iterdir()
    tensors, facts = load_checkpoint(checkpoint)
    assert facts["step"] == 5
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert {"watch_mel", "watch_duration", "watch_pitch", "watch_energy"} <= lines[-1].keys()
    # Every sound lasts, spaces last not, and together they are as long as the recording.
    _, tokens = load_texts(config.manifests, config.lexicon)
    with np.load(folder / "durations.npz") as stored:
        durations = np.split(stored["durations"], np.cumsum([len(row) for row in tokens])[:-1])
    for row, lasts in zip(tokens, durations, strict=True):
        assert ((lasts > 0) == (np.asarray(row) != SPACE_ID)).all()
        assert 60 < lasts.sum() < 200
    # The second half of a run, begun anew from its checkpoint, aligns nothing again.
    written = (folder / "durations.npz").stat().st_mtime_ns
    main(replace(config, updates=7))
    assert (folder / "durations.npz").stat().st_mtime_ns == written
    assert load_checkpoint(sorted((folder / "checkpoints").iterdir())[-1])[1]["step"] == 7


def test_others_teach_the_voice_too(config: Config, tmp_path: Path) -> None:
    own = read_manifest(config.manifests[0])
    others = [replace(utterance, id=f"{utterance.id}b", speaker="other") for utterance in own[:4]]
    write_manifest(tmp_path / "others.jsonl", others)
    manifests = (*config.manifests, str(tmp_path / "others.jsonl"))
    folder = main(replace(config, manifests=manifests, run=str(tmp_path / "run"), own_times=3))
    saved = json.loads((folder / "config.json").read_text())
    assert saved["dims"]["speakers"] == 2
    tensors, _ = load_checkpoint(*(folder / "checkpoints").iterdir())
    alone, _ = load_checkpoint(*sorted((Path(config.run) / "checkpoints").iterdir())[-1:])
    assert unpack("average", tensors)["speaker.weight"].shape == (2, 16)
    # What the voice is measured by is its own, whoever stands beside it.
    for name in ("feature_mean", "feature_deviation"):
        torch.testing.assert_close(unpack("average", tensors)[name], unpack("average", alone)[name])


def test_tokens_are_those_that_the_voice_is_given(config: Config) -> None:
    from vivavoce.text.voice_tokens import TOKENS

    utterances, tokens = load_texts(config.manifests, config.lexicon)
    said = ["".join(f"{TOKENS[token]} " for token in row) for row in tokens]
    assert utterances[1].text == "My team, my time."
    assert said[1].startswith("<break> M AY")
    assert " T IY1 M ,   M AY" in said[1]
    assert said[1].endswith("T AY1 M . <break> ")


def test_window_prior_is_flat_inside_and_falls_outside() -> None:
    prior = window_prior(np.array([2.0, 10.0], np.float32), np.array([3.0, 12.0], np.float32), 20, free=2.0, slope=1.5)
    assert prior.shape == (20, 2)
    assert not prior[:6, 0].any()
    np.testing.assert_allclose(prior[6:9, 0], [-0.5 / 2.25, -2 / 2.25, -4.5 / 2.25], rtol=1e-6)
    assert np.flatnonzero(prior[:, 1] == 0).tolist() == [8, 9, 10, 11, 12, 13, 14]


def test_faults_name_their_remedy(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no manifests were given"):
        main(replace(config, manifests=(), run=str(tmp_path)))
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError):
        load_texts((str(tmp_path / "empty.jsonl"),), config.lexicon)
    write_manifest(tmp_path / "dumb.jsonl", [Utterance("u", str(tmp_path / "u.wav"), "...", 1.0)])
    with pytest.raises(DataError, match="1 utterances have no words"):
        load_texts((str(tmp_path / "dumb.jsonl"),), config.lexicon)


def test_a_recogniser_without_phones_is_refused_before_anything_is_analysed(
    config: Config, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "characters")
    facts = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**facts, "phones": None}))
    with pytest.raises(ModelError, match="characters has no phones"):
        main(replace(config, recognizer=str(folder), run=str(tmp_path / "run"), cache=str(tmp_path / "cache")))
    assert not (tmp_path / "cache").exists()


def test_durations_are_found_anew_where_they_would_be_others(config: Config, tmp_path: Path) -> None:
    def aligned(config: Config) -> tuple[str, np.ndarray]:
        with np.load(main(config) / "durations.npz") as stored:
            return str(stored["key"]), stored["durations"]

    config = replace(config, run=str(tmp_path / "run"))
    changed = replace(config, aligner=replace(config.aligner, peak_rate=0.1))
    first, again, other = (aligned(each) for each in (config, config, changed))
    assert first[0] == again[0] != other[0]
    np.testing.assert_array_equal(first[1], again[1])
    # The aligner that had finished its learning did not hand over what it had learned otherwise.
    fresh = aligned(replace(changed, run=str(tmp_path / "fresh")))
    assert fresh[0] == other[0]
    np.testing.assert_array_equal(fresh[1], other[1])
    assert len(list((tmp_path / "run" / "aligner").iterdir())) == 2


def test_what_durations_depend_on(config: Config, tiny_bundle: Path) -> None:
    bundle, (utterances, tokens) = load_bundle(tiny_bundle), load_texts(config.manifests, config.lexicon)
    sounds = VoiceSounds(utterances, config.features, config.trim, config.cache)
    trimmed = VoiceSounds(utterances, config.features, TrimRule(keep_seconds=0.0), config.cache)
    kept, another = [0, 1, 2], replace(bundle, model=replace(bundle.model, sha256="0"))
    others = [replace(utterances[0], speaker="other"), *utterances[1:]]
    key = alignment_key(config, bundle, utterances, sounds, tokens, kept)
    changed = [
        alignment_key(replace(config, seed=2), bundle, utterances, sounds, tokens, kept),
        alignment_key(replace(config, aligner=AlignerConfig(updates=5)), bundle, utterances, sounds, tokens, kept),
        alignment_key(config, another, utterances, sounds, tokens, kept),
        alignment_key(config, bundle, others, sounds, tokens, kept),
        alignment_key(config, bundle, utterances, trimmed, tokens, kept),
        alignment_key(config, bundle, utterances, sounds, tokens[::-1], kept),
        alignment_key(config, bundle, utterances, sounds, tokens, [0, 1]),
    ]
    assert len({key, *changed}) == 8
    assert alignment_key(replace(config, updates=9), bundle, utterances, sounds, tokens, kept) == key
