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

import json
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
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
from vivavoce.text.phonemes import PronouncingDictionary

ARCHIVES = "https://www.openslr.org/resources/31"


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

    Raises:
        ConfigError: no text was given, or a setting cannot be.
        DataError: the corpus is not there and cannot be fetched.
    """
    if not config.text:
        raise ConfigError("no text was given for the language model; use --set text=FILE, with one sentence a line.")
    if config.held_out_step < 2:
        raise ConfigError(f"held_out_step is {config.held_out_step}; expected 2 or more.")
    check_temperature(config.temperature, config.training.dims)
    run = Path(config.run)
    run.mkdir(parents=True, exist_ok=True)
    listed = {part: run / f"{part}.jsonl" for part in (config.train_part, config.test_part)}
    for part, manifest in listed.items():
        _step(manifest, f"listing {part}", partial(_list, config, part, manifest))
    train, held_out = run / "train.jsonl", run / "held-out.jsonl"
    _step(held_out, "holding out utterances", lambda: _split(listed[config.train_part], train, held_out, config))
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


def fetch(part: str, folder: Path, archives: str = ARCHIVES) -> None:
    """Download one part and unpack it into `folder`.

    Raises:
        DataError: it cannot be downloaded, or is no such archive.
    """
    url, folder = f"{archives}/{part}.tar.gz", Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    download = folder / f".{part}.tar.gz.part"
    try:
        with urllib.request.urlopen(url) as answer, download.open("wb") as out:
            shutil.copyfileobj(answer, out)
        with tarfile.open(download) as archive:
            unpack(archive, folder)
    except (urllib.error.URLError, OSError, tarfile.TarError) as error:
        raise DataError(
            f"{url} cannot be fetched ({error}); download it another way and give the folder that holds {part} with "
            "--set corpus=FOLDER."
        ) from None
    finally:
        download.unlink(missing_ok=True)


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


def _list(config: Config, part: str, manifest: Path) -> None:
    folder = Path(config.corpus)
    if not any(folder.rglob(part)):
        _say(f"fetching {part} from {config.archives}")
        fetch(part, folder, config.archives)
    write_manifest(manifest, librispeech.prepare(folder, part))


def _split(listed: Path, train: Path, held_out: Path, config: Config) -> None:
    """One utterance in so many, of those that the network may hear, is kept apart; the model of words gets the rest."""
    utterances, training = read_manifest(listed), config.training
    limit = max(training.bucket_seconds) * min(training.speeds)
    apart = [u for u in utterances if u.duration_seconds <= limit][:: config.held_out_step]
    ids = {utterance.id for utterance in apart}
    write_manifest(train, [utterance for utterance in utterances if utterance.id not in ids])
    write_manifest(held_out, apart)


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
