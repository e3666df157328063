"""The small recogniser's recipe: what it reads, what it holds out, and two processes on an empty cache."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from vivavoce.augment.noise import is_test_noise
from vivavoce.cli.settings import apply_settings
from vivavoce.data.bucketing import BucketSampler
from vivavoce.data.manifest import Utterance, path_and_times, write_manifest
from vivavoce.data.selection import hold_out, hold_out_named
from vivavoce.decoding.g2p import G2p
from vivavoce.errors import ConfigError, DataError
from vivavoce.models.conformer_ctc import ConformerCTC, ConformerDims, ctc_loss
from vivavoce.recipes.asr_small import (
    DIMS,
    Config,
    Sounds,
    batches_here,
    batches_there,
    check,
    held_out_before,
    load_examples,
    main,
    noises,
    split,
    step_function,
)
from vivavoce.runtime.bundle import default_bundle
from vivavoce.text.alphabet import Alphabet
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.training import distributed
from vivavoce.training.batches import Example, Padding, SpeechBatch, pad_targets
from vivavoce.training.consistency import disagreement
from vivavoce.training.flat_start import alignment_loss, even_alignment, viterbi_alignment
from vivavoce.training.phone_contexts import PhoneContexts
from vivavoce.training.waveforms import WaveformStore


def test_manifests_may_count_more_than_once() -> None:
    assert path_and_times("a/b.jsonl") == ("a/b.jsonl", 1)
    assert path_and_times("a/b.jsonl*3") == ("a/b.jsonl", 3)
    for wrong in ("a.jsonl*", "a.jsonl*0", "a.jsonl*x", "a.jsonl*2.5", "a*b*2"):
        with pytest.raises(ConfigError, match="expected PATH or"):
            path_and_times(wrong)


@pytest.mark.parametrize(("total", "count"), [(100, 10), (101, 10), (7, 3), (5, 9), (6, 0), (150, 100), (2, 1)])
def test_what_is_watched_is_not_trained_on(total: int, count: int) -> None:
    utterances = [Utterance(str(number), f"{number}.wav", "x", 1.0) for number in range(total)]
    watched, kept = hold_out(utterances, count)
    assert sorted([*(int(utterance.id) for utterance in watched), *kept]) == list(range(total))
    assert min(count, 1) <= len(watched) <= 1.4 * count
    assert len(kept) >= total // 2  # a small corpus is trained on, not only watched


def test_named_utterances_are_held_out() -> None:
    utterances = [Utterance(name, f"{name}.wav", "x", 1.0) for name in "abcd"]
    watched, kept = hold_out_named(utterances, ["c", "a"])
    assert [utterance.id for utterance in watched] == ["a", "c"]
    assert kept == [1, 3]
    with pytest.raises(DataError, match="1 utterances that the manifests do not hold, such as 'x'"):
        hold_out_named(utterances, ["a", "x"])


def test_a_bundle_tells_what_it_never_heard(tmp_path: Path) -> None:
    assert held_out_before("") == held_out_before(str(tmp_path)) == set()
    (tmp_path / "bundle.json").write_text(json.dumps({"training": {"held_out": ["a", "b"]}}))
    assert held_out_before(str(tmp_path)) == {"a", "b"}
    named = held_out_before(str(default_bundle()))
    assert len(named) == 74
    assert sum(name.count("-") == 2 for name in named) >= 6  # LibriSpeech's among them


def test_settings_that_cannot_be_are_named() -> None:
    check(Config(noise=""))
    check(Config(noise="", dims=ConformerDims(width=16, time_delay=(1, 8), bottleneck=8), flat_start=2000))
    for settings, fault in {
        "speeds=": r"speeds is \(\); expected",
        "bucket_seconds=": "bucket_seconds is",
        "chunk_frames=4,0": r"chunk_frames is \(4, 0\)",
        "accumulate=0": "accumulate is 0",
        "dims.heads=3": "dims.heads is 3",
        "surround=-0.1": "surround is -0.1; expected seconds, 0 or more",
        "dims.contexts=38": "dims.contexts is 38; expected 0, or 39 to 1599 with dims.final_phones=true",
        "dims.phone_layer=8": "dims.phone_layer is 8; expected 1 to dims.layers=7",
        "dims.time_delay=1,17": r"dims.time_delay is \(1, 17\); expected at most dims.layers=7 strides of 1 to",
        "dims.time_delay=0": r"dims.time_delay is \(0,\); expected at most",
        "dims.time_delay=1,1,1,1,1,1,1,1": r"dims.time_delay is \(1, .*expected at most dims.layers=7",
        "dims.bottleneck=600": "dims.bottleneck is 600; expected 1 to 512",
        "flat_start=-1": "flat_start is -1; expected 0 to mmi_after=1000",
        "flat_start=1001": "flat_start is 1001; expected 0 to mmi_after=1000",
        "features.n_mels=64": "dims.n_features is 80; expected 64",
        "features.kind=mfcc": r"features is \('mfcc', .*; expected log_mel, ln, 0, 1 and none as kind, log,",
        "features.log=db": r"features is \('log_mel', 'db', .*which a bundle can have",
        "features.range_below_peak=80": "features is .*which a bundle can have",
        "precision=fp16": "precision is 'fp16'; expected auto, fp32 or bf16",
        "device=tpu": "device is tpu; expected auto or cpu",
        "warmup=15000": "warm-up of 15000 and a fall of 8000 updates do not fit into 20000",
        "decay_share=0": "decay_share is 0.0; expected a share above 0",
        "vocal_tract=0.7": "vtlp factors are",
        "noisy_share=3": "step noise has probability",
        "frequency_bins=-1": "expected counts and widths from 0 on",
    }.items():
        with pytest.raises(ConfigError, match=fault):
            check(apply_settings(Config(noise="", dims=replace(DIMS, time_delay=(1,))), [settings]))


def test_noises_are_looked_for_where_they_are_wanted(tmp_path: Path) -> None:
    """Recordings kept for tests are none to train with."""
    (tmp_path / "readme.txt").write_text("noises")
    config = Config(noise=str(tmp_path))
    taken = next(name for name in map(str, range(99)) if is_test_noise(name))
    free = next(name for name in map(str, range(99)) if not is_test_noise(name))
    soundfile.write(tmp_path / f"{taken}.wav", 0.1 * np.random.default_rng(0).standard_normal(8000), 16000)
    for missing in (config, replace(config, noise=str(tmp_path / "nowhere"))):
        with pytest.raises(ConfigError, match=r"noise is .*; expected a folder of sound files to train with"):
            check(missing)
        check(replace(missing, augment=False))
        check(replace(missing, noisy_share=0.0))
        check(replace(missing, noise=""))
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / f"{free}.WAV", 0.1 * np.random.default_rng(0).standard_normal(8000), 16000)
    check(config)
    assert noises(config).names == (f"deep/{free}.WAV",)


def test_without_a_folder_noise_is_generated(tmp_path: Path) -> None:
    """On the CPU, and as the device makes it, which is tried here on the CPU."""
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(16000) / 3.0), 16000)
    utterances = [Utterance("a", str(tmp_path / "a.wav"), "a", 1.0)]
    config = Config(noise="", speeds=(1.0,), vocal_tract=0.0, time_masks=0, frequency_bins=0, cache=str(tmp_path / "c"))
    store, examples = WaveformStore(utterances, 16000, config.cache), [Example((1,), (1,))]

    def sampler() -> BucketSampler:
        return BucketSampler([1.0], (2.0,), 4.0)

    padding = Padding(4, 8, math.log(config.features.log_floor))
    here = batches_here(config, store, examples, sampler(), padding)
    assert here.chain is not None
    drawn = [here.chain.draw(np.random.default_rng(seed), 16000, 16000).steps for seed in range(60)]
    assert {params.source for steps in drawn for name, params in steps if name == "noise"} == {"white", "pink", "brown"}
    there = batches_there(config, store, examples, sampler(), padding, torch.device("cpu"))
    assert there._noise is not None
    assert float(there._noise.square().mean()) == pytest.approx(1.0, rel=0.01)


def test_manifests_with_nothing_to_learn_from(tmp_path: Path) -> None:
    (tmp_path / "words.dict").write_text("cat K AE1 T\n")
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", "a.wav", "", 1.0), Utterance("b", "b.wav", "long", 99.0)])
    with pytest.raises(DataError, match="no utterance of the manifests can be trained on"):
        load_examples(Config(manifests=(str(tmp_path / "m.jsonl"),), dictionary=str(tmp_path / "words.dict")))


def test_what_is_held_out_need_not_be_of_use(tmp_path: Path) -> None:
    """It must be in the manifests, but may have no text, or be too long; and nothing of its sound is trained on."""
    (tmp_path / "words.dict").write_text("cat K AE1 T\n")
    rows = [
        Utterance("a", "a.wav", "cat", 1.0),
        Utterance("silent", "b.wav", "...", 1.0),
        Utterance("long", "c.wav", "cat cat", 99.0),
        Utterance("d", "d.wav", "cat", 1.0),
        Utterance("of-long", "c.wav", "cat", 1.0, 3.0, extra={"of": "long"}),
    ]
    write_manifest(tmp_path / "m.jsonl", rows)
    config = Config(
        manifests=(str(tmp_path / "m.jsonl"),), dictionary=str(tmp_path / "words.dict"),
        held_out=str(tmp_path / "held-out.jsonl"),
    )  # fmt: skip

    def halves(*held_out: Utterance) -> tuple[list[str], list[str]]:
        write_manifest(tmp_path / "held-out.jsonl", held_out)
        utterances, _, _, read = load_examples(config)
        watched, kept = split(config, utterances, read)
        return [utterance.id for utterance in watched], [utterances[number].id for number in kept]

    assert halves(rows[0], rows[1]) == (["a"], ["d", "of-long"])
    assert halves(rows[0], rows[2]) == (["a"], ["d"])
    assert halves(rows[2]) == ([], ["a", "d"])
    with pytest.raises(DataError, match="1 utterances that the manifests do not hold, such as 'other'"):
        halves(rows[0], Utterance("other", "x.wav", "cat", 1.0))
    with pytest.raises(DataError, match="nothing is left to train on"):
        halves(rows[0], rows[3], rows[4])


def test_all_held_out_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", "a.wav", "a", 1.0)])
    (tmp_path / "words.dict").write_text("a AH0\n")
    config = Config(
        manifests=(str(tmp_path / "m.jsonl"),), run=str(tmp_path / "run"), dictionary=str(tmp_path / "words.dict"),
        dims=SMALL, cache=str(tmp_path / "cache"), noise="", device="cpu", watch=1,
    )  # fmt: skip
    with pytest.raises(DataError, match="nothing is left to train on"):
        main(config)


def test_unknown_words_leave_no_phones(tmp_path: Path) -> None:
    (tmp_path / "words.dict").write_text("cat K AE1 T\ncat(2) K AE0 T\n")
    dictionary = PronouncingDictionary.load(tmp_path / "words.dict")
    phones = Alphabet.phones()
    assert [phones.tokens[phone] for phone in Sounds(dictionary, phones).of("cat")] == ["K", "AE", "T"]
    assert Sounds(dictionary, phones).of("cat zyzzy") == ()
    entries = [("cat", ["K", "AE1", "T"]), ("tack", ["T", "AE1", "K"]), ("act", ["AE1", "K", "T"])]
    guesser = G2p.train(entries * 3, order=2)
    assert Sounds(dictionary, phones, guesser).of("cat tac")[:3] == Sounds(dictionary, phones).of("cat")
    assert len(Sounds(dictionary, phones, guesser).of("cat tac")) > 3


SMALL = ConformerDims(width=16, layers=2, heads=2, feed_forward=32, phone_layer=1, final_phones=True)


def noise() -> tuple[list[Example], SpeechBatch]:
    """A batch of noise: two utterances, of which one has no phones."""
    examples = [Example((3, 4, 1, 5), (1, 2, 3)), Example((7, 8), ())]
    tokens, token_lengths = pad_targets([example.tokens for example in examples])
    phones, phone_lengths = pad_targets([example.phones for example in examples])
    lengths = (torch.tensor([12, 9]), token_lengths, phone_lengths)
    batch = SpeechBatch(
        torch.randn(2, 96, 80), lengths[0], tokens, token_lengths, phones, phone_lengths, 2.0, {}, lengths
    )  # fmt: skip
    return examples, batch


def in_context(model: ConformerCTC, examples: list[Example]) -> None:
    """Give a network that wants them its classes."""
    if model.dims.contexts:
        phones = [example.phones for example in examples]
        contexts = PhoneContexts.from_sequences(phones, model.dims.phones - 1, model.dims.contexts)
        model.set_contexts(contexts.phone_of, contexts.table)


@pytest.mark.parametrize("classes", [0, 60], ids=["", "phones in context"])
def test_mmi_comes_when_it_is_time(classes: int) -> None:
    """One batch of noise: the losses by name, before and after, and a gradient for every weight."""
    dims = replace(SMALL, contexts=classes)
    config = Config(dims=dims, mmi_after=5, compile=False, precision="fp32", chunk_frames=(4,))
    torch.manual_seed(0)
    model, trainee = ConformerCTC(dims), SimpleNamespace(updates=4)
    examples, batch = noise()
    in_context(model, examples)
    with distributed.join("cpu") as process:
        step = step_function(model, config, process, trainee, examples)  # type: ignore[arg-type]
        before = step(batch)
        trainee.updates = 5
        after = step(batch)
    assert set(before) == {"loss", "characters", "phones", "final_phones"}
    assert set(after) == {*before, "mmi"}
    assert 0 < float(after["mmi"]) < float(after["final_phones"])  # the phones themselves are likely in the trigram
    after["loss"].backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_buckets_must_hold_the_surround(tmp_path: Path) -> None:
    """Words of 0.9 s, played at 0.9, with 0.8 s of quiet on either side: 2.6 s."""
    utterances = []
    for number, seconds in enumerate((0.9, 0.9, 2.0)):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, 0.1 * np.ones(int(seconds * 16000)), 16000)
        utterances.append(Utterance(str(number), str(path), "a", seconds, extra={"part": "train"}))
    write_manifest(tmp_path / "m.jsonl", utterances)
    (tmp_path / "words.dict").write_text("a AH0\n")
    small = ConformerDims(width=16, layers=2, heads=2, feed_forward=32, phone_layer=1, final_phones=True)
    config = Config(
        manifests=(str(tmp_path / "m.jsonl"),), run=str(tmp_path / "run"), dictionary=str(tmp_path / "words.dict"),
        cache=str(tmp_path / "cache"), dims=small, bucket_seconds=(2.5,), surround=0.8, device="cpu", watch=0, noise="",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"2 of 9 utterances are longer than the last bucket.*the longest is 2\.60 s"):
        main(config)


@pytest.mark.parametrize("final", [False, True])
def test_a_flat_start_aligns_evenly_then_by_itself_and_ends(final: bool) -> None:
    dims = replace(SMALL, final_phones=final, dropout=0.0, time_delay=(2,), bottleneck=8)
    config = Config(dims=dims, flat_start=4, mmi_after=6, compile=False, precision="fp32", chunk_frames=(4,))
    check(config)
    torch.manual_seed(0)
    model, trainee = ConformerCTC(dims), SimpleNamespace(updates=1)
    examples, batch = noise()
    values = {}
    with distributed.join("cpu") as process:
        step = step_function(model, config, process, trainee, examples)  # type: ignore[arg-type]
        for trainee.updates in (1, 2, 3, 5, 6):
            values[trainee.updates] = step(batch)
            model.zero_grad()
            values[trainee.updates]["loss"].backward()
            assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    output = model(batch.features, batch.frames, 4)
    frames = 2 * batch.frames
    even = even_alignment(frames, batch.phones, batch.phone_lengths, 24)
    best = viterbi_alignment(output.phone_log_probs, frames, batch.phones, batch.phone_lengths)
    for updates, expected in ((1, even), (2, best), (3, best)):
        torch.testing.assert_close(
            values[updates]["phones"], alignment_loss(output.middle_phone_log_probs, expected).sum().detach() / 3
        )
        if final:
            torch.testing.assert_close(
                values[updates]["final_phones"], alignment_loss(output.phone_log_probs, expected).sum().detach() / 3
            )
    assert ("mmi" in values[6]) == final
    assert "mmi" not in values[5]
    said = ctc_loss(output.middle_phone_log_probs, frames, batch.phones, batch.phone_lengths).sum() / 3
    torch.testing.assert_close(values[5]["phones"], said.detach())


def test_two_processes_begin_with_an_empty_cache(tmp_path: Path) -> None:
    """The waveforms are decoded once and not by both into one file; both end with one checkpoint."""
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(12):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(16000), 16000)
        utterances.append(Utterance(str(number), str(path), "a cat", 1.0, extra={"part": "train"}))
    write_manifest(tmp_path / "m.jsonl", utterances)
    (tmp_path / "words.dict").write_text("a AH0\ncat K AE1 T\n")
    settings = {
        "manifests": "m.jsonl*2",
        "run": "run",
        "dictionary": "words.dict",
        "dims.width": 16,
        "dims.layers": 2,
        "dims.heads": 2,
        "dims.feed_forward": 32,
        "dims.phone_layer": 1,
        "dims.final_phones": "true",
        "dims.contexts": 45,
        "mmi_after": 1,
        "updates": 3,
        "warmup": 1,
        "batch_seconds": 6,
        "bucket_seconds": "2.5",
        "augment": "false",
        "surround": 0.3,
        "compile": "false",
        "precision": "fp32",
        "device": "cpu",
        "watch": 2,
    }
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        "-m",
        "vivavoce",
    ]
    done = subprocess.run(
        [*command, "train", "asr_small", *(word for k, v in settings.items() for word in ("--set", f"{k}={v}"))],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000003.safetensors"]
    watched = [
        row for row in map(json.loads, (tmp_path / "run" / "log.jsonl").read_text().splitlines()) if "watch_wer" in row
    ]
    assert len(watched) == 1
    held_out = [json.loads(row)["id"] for row in (tmp_path / "run" / "held-out.jsonl").read_text().splitlines()]
    assert held_out == ["0", "6"]
    left = sorted(path.suffix for path in (tmp_path / ".cache").iterdir())
    assert left == [".i16", ".i16", ".json", ".json"]  # what is trained on and what is watched; no half-written files


def test_views_that_agree_have_no_disagreement_and_others_learn_from_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 3, 5, 4, generator=generator).log_softmax(dim=-1)
    frames = torch.tensor([5, 3, 1, 5, 3, 1])
    assert float(disagreement(torch.cat([one, one]), frames)) == pytest.approx(0.0, abs=1e-7)
    both = torch.cat([one, other]).requires_grad_()
    value = disagreement(both, frames)
    expected = 0.0
    for row, count in enumerate((5, 3, 1)):
        for p, q in ((one, other), (other, one)):
            expected += float((p[row, :count].exp() * (p[row, :count] - q[row, :count])).sum())
    assert float(value.detach()) == pytest.approx(expected / (2 * 9), rel=1e-5)
    value.backward()
    assert both.grad is not None
    assert (both.grad[:, :1] != 0).any()
    assert (both.grad[2, 1:] == 0).all()  # behind its end
