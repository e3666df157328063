"""Five hours of speech -> a measured recogniser: Kaldi's mini_librispeech, from the published archives to a bundle.

    viva train mini_librispeech --set text=books.txt.xz --set dictionary=cmudict.dict

Everything that five hours of one's own would need, in order, each step skipped where its result is there already:
fetch and list the corpus, guess how unknown words sound, train a language model without the held-out texts, train the
network (recipes/asr_small.py: phones by CTC and LF-MMI, two augmented views), export it, put lexicon and language model
into the bundle with weights tuned on held-out utterances, and measure it on the test part through the code that users
run.

Source: the data and the numbers to be compared with are those of Kaldi's egs/mini_librispeech; openslr.org/31.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vivavoce.data.corpora import librispeech
from vivavoce.data.manifest import Utterance, read_manifest, write_manifest
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.lexicon_file import gather_pronunciations, read_lexicon, wanted_words, write_lexicon
from vivavoce.decoding.lexicon_tree import LexiconTree
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_text import read_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, DataError
from vivavoce.evaluation.recordings import audio_of
from vivavoce.evaluation.reports import wer_report
from vivavoce.evaluation.word_weights import tune_lexicon_weights
from vivavoce.export.bundle_writer import BundleSettings, check_temperature, load_model, write_bundle
from vivavoce.recipes import asr_small, g2p
from vivavoce.runtime.bundle import PHONES, attach_language_model, attach_lexicon
from vivavoce.runtime.recognizer import Recognizer
from vivavoce.runtime.transcript import Transcript
from vivavoce.text.normalize import normalize_for_training
from vivavoce.text.phonemes import PronouncingDictionary
from vivavoce.training.run_folder import RunFolder

ARCHIVES = "https://www.openslr.org/resources/31"
DECIDED = {
    "manifests": "use corpus= and train_part=",
    "held_out": "use held_out_step=",
    "run": "use run=, under which it lies",
    "dictionary": "use dictionary=",
    "guesser": "it is made from dictionary=, and lies under run= in g2p",
}
"""The settings of the network's training that are the recipe's own to make, and what is set instead."""

_FAULTS = (OSError, EOFError, ValueError, zlib.error, tarfile.TarError, http.client.HTTPException)


def network() -> asr_small.Config:
    """The settings of `asr_small` for five hours: frames of 40 ms, much augmentation, two views where a GPU is."""
    on_gpu = torch.cuda.is_available()
    return asr_small.Config(
        dims=replace(asr_small.DIMS, dropout=0.2),
        updates=4000 if on_gpu else 8000,
        batch_seconds=400.0 if on_gpu else 100.0,
        consistency=0.2 if on_gpu else 0.0,
        peak_rate=2e-3 if on_gpu else 1e-3,
        matrix_rate=4e-3 if on_gpu else 2e-3,
        warmup=100 if on_gpu else 200,
        decay_share=0.6,
        mmi_after=500 if on_gpu else 700,
        chunk_frames=(8, 16, 32, 32, 32, 64, 512),
        time_masks=7,
        frequency_bins=20,
        vocal_tract=0.12,
        noisy_share=0.5,
    )


@dataclass(frozen=True)
class Config:
    """Where things are, and the settings of each step.

    `corpus` is the folder that holds the two parts in LibriSpeech's layout; parts that are not there are fetched into
    it from `archives` (about 1.6 GB in all). A corpus of one's own in that layout does as well. `text` is what the
    language model learns from, beside the training transcripts. One utterance in `held_out_step` is kept from all
    training, to tune by. Of each order n-grams that occur as often as `lm_prune` says or less are dropped, and of the
    rest `max_ngrams` stay. `temperature` divides the phones' logits in the bundle: a network of few hours is too sure.
    """

    corpus: str = "LibriSpeech"
    train_part: str = "train-clean-5"
    test_part: str = "dev-clean-2"
    archives: str = ARCHIVES
    text: tuple[str, ...] = ()
    dictionary: str = "../shared/data/cmudict/cmudict.dict"
    run: str = "runs/mini-librispeech"
    held_out_step: int = 25
    lm_order: int = 4
    lm_prune: tuple[int, ...] = (0, 0, 1)
    max_words: int = 60000
    max_ngrams: int = 6_000_000
    temperature: float = 1.2
    training: asr_small.Config = field(default_factory=network)


def main(config: Config) -> Path:
    """Do every step that is not done yet, print the table, and return the run folder.

    Where `training.stop_after_seconds` stops the network's training, what is behind it waits for another call.

    Raises:
        ConfigError: no text was given, or a setting cannot be.
        DataError: the corpus is not there and cannot be fetched, or a file is not there.
    """
    check(config)
    run = Path(config.run)
    run.mkdir(parents=True, exist_ok=True)
    listed = {part: run / f"{part}.jsonl" for part in (config.train_part, config.test_part)}
    for part, manifest in listed.items():
        _step(manifest, f"listing {part}", partial(_list, config, part, manifest))
    train, held_out = run / "without-held-out.jsonl", run / "held-out.jsonl"
    _step(train, "holding out utterances", lambda: _split(listed[config.train_part], train, held_out, config))
    guesser = run / "g2p" / "model.g2p"
    guessing = g2p.Config(dictionary=config.dictionary, run=str(guesser.parent), parts=0)
    _step(guesser, "learning how words sound", lambda: g2p.main(guessing))
    words = run / "words.lm"
    _step(words, "training the language model", lambda: _train_language_model(config, train, words))
    lexicon = run / "lexicon.txt.xz"
    _step(lexicon, "writing the lexicon", lambda: _write_lexicon(config, train, guesser, lexicon))
    training = replace(
        config.training, manifests=(str(listed[config.train_part]),), held_out=str(held_out), run=str(run / "network"),
        dictionary=config.dictionary, guesser=str(guesser),
    )  # fmt: skip
    bundle = run / "bundle"
    if not (bundle / "bundle.json").is_file():
        _say("training the network")
        asr_small.main(training)  # goes on where it was interrupted
        if not _has_ended(training):
            _say(
                f"training.stop_after_seconds={training.stop_after_seconds:g} is over before the training is; nothing "
                "was exported. The same command goes on from here, and without that setting to its end."
            )
            return run
        _say("exporting")
        _export(Path(training.run), read_manifest(held_out), bundle, config)
    report = run / "report.json"
    if not report.is_file():
        _say("attaching and tuning")
        _attach(bundle, words, lexicon, guesser, read_manifest(held_out))
        _say(f"measuring on {config.test_part}")
        _measure(bundle, read_manifest(listed[config.test_part]), run)
    print((run / "report.md").read_text(encoding="utf-8"))
    return run


def check(config: Config) -> None:
    """Refuse what would fail late, before anything is fetched or trained. Of files, those of steps that are yet to do.

    Raises:
        ConfigError: several processes, no text, or a setting that cannot be. DataError: a file is not there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("mini_librispeech trains in one process; start it without torchrun.")
    if not config.text:
        raise ConfigError("no text was given for the language model; use --set text=FILE, with one sentence a line.")
    if config.held_out_step < 2:
        raise ConfigError(f"held_out_step is {config.held_out_step}; expected 2 or more.")
    parts = {config.train_part, config.test_part}
    if len(parts) < 2 or parts & {"held-out", "without-held-out"}:
        raise ConfigError(
            f"train_part is {config.train_part!r} and test_part {config.test_part!r}; expected two folders, of other "
            "names than held-out and without-held-out, which the recipe's own manifests have."
        )
    for name, instead in DECIDED.items():
        value = getattr(config.training, name)
        if value != getattr(asr_small.Config, name):
            raise ConfigError(f"training.{name} is {value!r}, which the recipe decides by itself; {instead}.")
    check_temperature(config.temperature, config.training.dims)
    run, needed = Path(config.run), []
    if not (run / "lexicon.txt.xz").is_file():
        needed += [("text", path) for path in config.text]
    if not (run / "bundle" / "bundle.json").is_file():
        needed += [("dictionary", config.dictionary)]
        asr_small.check(config.training)
    for name, path in needed:
        if not Path(path).is_file():
            raise DataError(f"{name} names {path}, which is not a file; give one with --set {name}=FILE.")


def fetch(part: str, folder: Path, archives: str = ARCHIVES) -> None:
    """Download one part and unpack it into `folder`, where it stands whole or not at all.

    Raises:
        DataError: it cannot be downloaded, or is no such archive.
    """
    url, folder = f"{archives}/{part}.tar.gz", Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Beside the folder: inside, what a killed process leaves would be taken for the part.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as work:
            download, unpacked = Path(work) / "archive", Path(work) / "unpacked"
            with urllib.request.urlopen(url) as answer, download.open("wb") as out:
                shutil.copyfileobj(answer, out)
            with tarfile.open(download) as archive:
                unpack(archive, unpacked)
            _put_in_place(part, unpacked, folder)
    except _FAULTS as error:
        raise DataError(
            f"{url} cannot be fetched ({error}); download it another way and give the folder that holds {part} with "
            "--set corpus=FOLDER."
        ) from None


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write an archive's files below `folder`, and nothing elsewhere.

    By hand, since tarfile's own filters came with patch releases that not every Python 3.11 has.

    Raises:
        tarfile.TarError: a member would lie outside the folder, or is neither a file nor a folder.
    """
    for member in archive:
        path = folder / member.name
        if not path.resolve().is_relative_to(folder.resolve()) or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} in it is no file below its folder")
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None  # which it is of links and devices alone
        with content, path.open("wb") as out:
            shutil.copyfileobj(content, out)


def _put_in_place(part: str, unpacked: Path, folder: Path) -> None:
    """Rename a part, and what lies beside it in its archive, to the same place below `folder`."""
    found = next((path for path in unpacked.rglob(part) if path.is_dir()), None)
    if found is None:
        raise tarfile.TarError(f"there is no folder {part} in it")
    home = folder / found.parent.relative_to(unpacked)
    home.mkdir(parents=True, exist_ok=True)
    for path in sorted(found.parent.iterdir(), key=lambda path: path == found):  # the part last: where it is, all is
        if not (home / path.name).exists():
            path.rename(home / path.name)


def _list(config: Config, part: str, manifest: Path) -> None:
    folder = Path(config.corpus)
    if not any(folder.rglob(part)):
        _say(f"fetching {part} from {config.archives}")
        fetch(part, folder, config.archives)
    # What a folder is for say the settings, and not its name.
    purpose = "train" if part == config.train_part else "test"
    utterances = librispeech.prepare(folder, part)
    write_manifest(manifest, [replace(u, extra={**u.extra, "part": purpose}) for u in utterances])


def _split(listed: Path, train: Path, held_out: Path, config: Config) -> None:
    """One utterance in so many, of those that the network may hear, is kept apart; the model of words gets the rest.

    Raises:
        DataError: there are not two such utterances.
    """
    utterances, training = read_manifest(listed), config.training
    limit = max(training.bucket_seconds) * min(training.speeds)
    usable = [u for u in utterances if u.duration_seconds <= limit and normalize_for_training(u.text)]
    if len(usable) < 2:
        raise DataError(
            f"{listed} holds {len(usable)} utterances with text in a to z and of at most {limit:.1f} s; expected two "
            "or more, to train on and to tune by."
        )
    if not held_out.is_file():
        write_manifest(held_out, usable[:: config.held_out_step])
    ids = {utterance.id for utterance in read_manifest(held_out)}
    write_manifest(train, [utterance for utterance in utterances if utterance.id not in ids])


def _train_language_model(config: Config, train: Path, target: Path) -> None:
    text = number_words(read_words([*config.text, str(train)]), None, config.max_words)
    estimated = estimate(text.vocabulary, count_ngrams(text, config.lm_order), config.lm_prune)
    tables = prune_by_entropy(estimated.tables, config.max_ngrams, None, estimated.counts)
    NgramModel.from_tables(tables, 8).save(target, sentences=text.sentences, words=text.words)


def _write_lexicon(config: Config, train: Path, guesser: Path, target: Path) -> None:
    """Every word of the texts and the dictionary: what the language model takes for unknown is said all the same."""
    dictionary = PronouncingDictionary.load(config.dictionary)
    wanted = wanted_words([*config.text, train], [dictionary])
    found, _ = gather_pronunciations(wanted, [dictionary], G2p.load(guesser))
    write_lexicon(target, found)


def _has_ended(training: asr_small.Config) -> bool:
    """Whether a training that came back has done its updates or used up its `seconds`, and was not stopped before."""
    checkpoints = RunFolder(training.run, writes=False).checkpoints()
    updates = int(checkpoints[-1].stem.removeprefix("step-")) if checkpoints else 0
    return updates >= training.updates or (updates > 0 and training.seconds <= training.stop_after_seconds)


def _export(run: Path, held_out: Sequence[Utterance], bundle: Path, config: Config) -> None:
    settings: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))
    dims, features, tail_frames = asr_small.model_settings(settings)
    checkpoint = sorted((run / "checkpoints").glob("step-*.safetensors"))[-1]
    named = BundleSettings(name="mini-librispeech", tail_frames=tail_frames, max_wer_increase=3.0)
    facts = {**asr_small.facts_of_run(settings, checkpoint), "temperature": config.temperature}
    model = load_model(checkpoint, dims, temperature=config.temperature)
    write_bundle(model, features, bundle, named, held_out, facts)


def _attach(bundle: Path, words: Path, lexicon: Path, guesser: Path, held_out: Sequence[Utterance]) -> None:
    recognizer = Recognizer(bundle, decoder="greedy")
    phones = recognizer.bundle.alphabet(PHONES)
    tree = LexiconTree(read_lexicon(lexicon, phones), len(phones))
    weights = tune_lexicon_weights(recognizer, held_out, tree, NgramModel.load(words))[0].weights
    attach_language_model(bundle, words, Weights())
    attach_lexicon(bundle, lexicon, weights, guesser)


def _measure(bundle: Path, test: Sequence[Utterance], run: Path) -> None:
    recognizer = Recognizer(bundle)
    pairs = []
    for utterance, result in zip(test, recognizer.transcribe_files(map(audio_of, test)), strict=True):
        if not isinstance(result, Transcript):
            raise result
        pairs.append((utterance, result.text))
    judged = recognizer.bundle.lexicon
    assert judged is not None
    facts = {"bundle": recognizer.bundle.name, "decoder": recognizer.decoder, "weights": asdict(judged.weights)}
    wer_report(pairs, facts).write(run)


def _step(result: Path, what: str, do: Callable[[], object]) -> None:
    if not result.is_file():
        _say(what)
        do()


def _say(message: str) -> None:
    print(message, file=sys.stderr)
