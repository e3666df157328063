"""Word search with a language model: speed and word errors beside pyctcdecode and flashlight-text, same posteriors.

    python bench/decoding.py --synthetic 40                          made posteriors, a model of the rest of the text
    python bench/decoding.py MANIFEST --bundle DIR --model MODEL     a recogniser's, of a manifest's recordings
    python bench/decoding.py ... --beams 16,50,100 --limit 200
    python bench/decoding.py MANIFEST --lexicon --beams 50,150,500   the same recogniser's phones, with its lexicon

MODEL is an ARPA file. Peers that are not installed are left out, and said to be: `pip install kenlm flashlight-text
pygtrie hypothesis` and `pip install --no-deps pyctcdecode`, which asks for an old NumPy but runs on new ones. All read
the same ARPA file with the same factor of the model and the same bonus for a word, know the same vocabulary, and use
one thread. Pruning is each one's default, but for flashlight-text's: it takes 10 tokens a frame and a beam threshold of
25. Speed is given in utterances of 5.5 seconds a CPU second.

Without a model, vivavoce and pyctcdecode spell freely, and flashlight-text, whose decoder must have a vocabulary, does
not; so "vocabulary" says what vivavoce does with one.

`--lexicon` compares the search over pronunciations: the bundle's phones, all pronunciations that its lexicon has of its
model's words, the model (for flashlight-text as an ARPA file with the same numbers) and its factor. Speed is then in
seconds of sound a CPU second, and all is in one table.

`--synthetic` makes what a CTC recogniser might see of sentences it never read: spikes of letters among sure blanks,
some of them lasting, some doubted in favour of letters that sound alike, of nothing, or of an additional letter.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import math
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

import timing
from vivavoce.decoding.ctc_beam import ctc_beam
from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.lexicon_scorer import LexiconScorer
from vivavoce.decoding.lexicon_search import LexiconSearch
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_arpa import write_arpa
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_text import read_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.word_beam import BEAM_FLOOR, TOKEN_FLOOR, WordSearch
from vivavoce.decoding.word_scorer import Weights, WordScorer
from vivavoce.decoding.words import token_words
from vivavoce.metrics.error_rate import error_rate
from vivavoce.text.alphabet import Alphabet

UTTERANCE_SECONDS = 5.5
FRAME_SECONDS = 0.04
QUICK = (3e-3, 1e-5, 0.9)  # the lexicon search's floors of tokens and beam, and its blank's ceiling
SPELLINGS = {"either": (False, True), "blank": (True,)}  # flashlight-text's: whether a blank stands behind a word
ALIKE = ("aeiou", "bpdtgk", "fvszc", "mnl", "rlw", "jgy", "hx", "qk")

Read = Callable[[np.ndarray], str]


@dataclass(frozen=True)
class Task:
    """Posteriors of utterances, what was said, and the model that all decoders share."""

    alphabet: Alphabet
    log_probs: list[np.ndarray]
    references: list[str]
    seconds: float
    arpa: Path | None
    weights: Weights
    frame_seconds: float
    floors: tuple[float, float]

    def vocabulary(self) -> list[str]:
        assert self.arpa is not None
        spelled = set(self.alphabet.tokens)
        return [word for word in load(self.arpa).vocabulary[3:] if spelled.issuperset(word)]


@cache
def load(arpa: Path) -> NgramModel:
    return NgramModel.load(arpa)


def synthesize(rng: np.random.Generator, text: str, alphabet: Alphabet) -> np.ndarray:
    """(T, V) log_probs of a text at 25 frames a second, about 14 letters each."""
    tokens = alphabet.encode(text)
    frames = round(len(tokens) * 25 / 14) + 10
    logits = rng.standard_normal((frames, len(alphabet)))
    logits[:, alphabet.blank_id] += 12.0
    places = np.sort(rng.choice(np.arange(3, frames - 3), len(tokens), replace=False))
    for place, token in zip(places.tolist(), tokens, strict=True):
        sound, letter = logits[place], alphabet.tokens[token]
        sound[alphabet.blank_id] -= 12.0
        sound[token] += 9.0
        chance = rng.random() * (4.0 if letter == " " else 1.0)  # words are seldom run together
        if chance < 0.12:  # a letter that sounds alike, which may well win
            others = [other for group in ALIKE if letter in group for other in group]
            if others:
                sound[alphabet.encode(rng.choice(others))[0]] += rng.uniform(6.0, 10.5)
        elif chance < 0.17:  # nothing
            sound[alphabet.blank_id] += rng.uniform(8.0, 12.5)
        elif chance < 0.19:  # anything
            sound[rng.integers(1, len(alphabet))] += rng.uniform(6.0, 10.5)
        if place + 1 < frames and place + 1 not in places:
            chance = rng.random()
            if chance < 0.25:  # it lasts
                logits[place + 1, token] += 9.0
                logits[place + 1, alphabet.blank_id] -= 12.0
            elif chance < 0.27:  # one letter more
                logits[place + 1, rng.integers(1, len(alphabet))] += rng.uniform(8.0, 13.0)
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def synthetic(options: argparse.Namespace, folder: Path) -> Task:
    """Sentences of the books for posteriors, and a model of 100,000 others where none is given."""
    data = Path(os.environ.get("VIVAVOCE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    rows = read_words([data / "lm_text" / "books.txt.xz"])
    sentences = list(islice(rows, options.sentences + 20 * options.synthetic))
    spoken = [" ".join(words) for words in sentences[options.sentences :] if 40 <= len(" ".join(words)) <= 120]
    spoken = spoken[: options.synthetic]
    arpa = options.model
    if arpa is None:
        arpa = folder / "model.arpa"
        numbered = number_words(sentences[: options.sentences], max_words=40_000)
        estimated = estimate(numbered.vocabulary, count_ngrams(numbered, 3))
        write_arpa(arpa, prune_by_entropy(estimated.tables, 500_000, counts=estimated.counts))
    alphabet = Alphabet.characters()
    rng = np.random.default_rng(1)
    log_probs = [synthesize(rng, text, alphabet) for text in spoken]
    seconds = FRAME_SECONDS * sum(map(len, log_probs))
    return Task(alphabet, log_probs, spoken, seconds, arpa, _weights(options), FRAME_SECONDS, options.floors)


def listen(options: argparse.Namespace) -> Task:
    """A recogniser's posteriors, of letters or phones, of a manifest's recordings: every n-th of them, so that all of
    it is touched, or the first ones."""
    from vivavoce.data.manifest import read_manifest
    from vivavoce.runtime.recognizer import Recognizer, Segment
    from vivavoce.text.normalize import normalize_for_scoring

    recognizer = Recognizer(options.bundle)
    utterances = [utterance for path in options.manifests for utterance in read_manifest(path)]
    step = 1 if options.first else max(1, len(utterances) // options.limit)
    utterances = utterances[::step][: options.limit]
    log_probs, seconds = [], 0.0
    for utterance in utterances:
        segment = Segment(utterance.audio, utterance.offset_seconds, utterance.duration_seconds)
        found = recognizer.log_probs(segment, phones=options.lexicon)
        log_probs.append(np.ascontiguousarray(found, np.float32))
        seconds += utterance.duration_seconds
    references = [normalize_for_scoring(utterance.text) for utterance in utterances]
    bundle = recognizer.bundle
    return Task(
        bundle.alphabet("phone_log_probs") if options.lexicon else bundle.tokens,
        log_probs,
        references,
        seconds,
        options.model,
        _weights(options),
        bundle.frame_seconds,
        options.floors,
    )


def _weights(options: argparse.Namespace) -> Weights:
    return Weights(options.model_weight, options.model_weight, options.word_bonus, options.unknown)


def ours(task: Task, beam: int, scorer: WordScorer, times: bool = True) -> Read:
    """Text, and besides, as pyctcdecode does, the words' times and confidences."""

    def read(log_probs: np.ndarray) -> str:
        search = WordSearch(scorer, beam, *task.floors)
        search.accept(log_probs)
        readings = search.hypotheses()
        if not times:
            return task.alphabet.decode(readings[0].token_ids)
        words = token_words(search.timed(readings), task.alphabet, task.frame_seconds)
        return " ".join(word.word for word in words)

    return read


def plain(task: Task, beam: int) -> Read:
    return lambda log_probs: task.alphabet.decode(ctc_beam(log_probs, task.alphabet.blank_id, beam)[0].token_ids)


def pyctcdecode(task: Task, beam: int, arpa: Path | None) -> Read:
    from pyctcdecode import build_ctcdecoder

    labels = ["" if number == task.alphabet.blank_id else token for number, token in enumerate(task.alphabet.tokens)]
    if arpa is None:
        decoder = build_ctcdecoder(labels)
    else:
        decoder = build_ctcdecoder(
            labels,
            str(arpa),
            unigrams=task.vocabulary(),
            alpha=task.weights.model,
            beta=task.weights.word,
            unk_score_offset=task.weights.unknown,
        )
    return lambda log_probs: decoder.decode_beams(log_probs, beam_width=beam)[0][0]


def flashlight(task: Task, beam: int, arpa: Path | None, tokens: int = 10) -> Read:
    """The lexicon decoder; the tree spells each word with a space behind it, as their recipes do."""
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text.dictionary import Dictionary

    alphabet, weights, words = task.alphabet, task.weights, task.vocabulary()
    space, blank = alphabet.encode(" ")[0], alphabet.blank_id
    if arpa is None:
        model, unknown, logs = fl.ZeroLM(), len(words), [0.0] * len(words)
        keep: object = None
    else:
        from flashlight.lib.text.decoder.kenlm import KenLM

        names = Dictionary()
        for word in [*words, "<unk>"]:
            names.add_entry(word)
        model, unknown, keep = KenLM(str(arpa), names), names.get_index("<unk>"), names
        state = model.start(False)
        logs = [model.score(state, number)[1] for number in range(len(words))]
    tree = fl.Trie(len(alphabet), space)
    for number, word in enumerate(words):
        tree.insert([*alphabet.encode(word), space], number, logs[number])
    tree.smear(fl.SmearingMode.MAX)
    factor = weights.model * math.log(10.0) if arpa is not None else 0.0  # KenLM speaks in powers of 10
    options = fl.LexiconDecoderOptions(
        beam, tokens, 25.0, factor, weights.word, -math.inf, 0.0, False, fl.CriterionType.CTC
    )
    decoder = fl.LexiconDecoder(options, tree, model, space, blank, unknown, [], False)

    def read(log_probs: np.ndarray, held: object = (keep, tree, model)) -> str:
        found = decoder.decode(log_probs.ctypes.data, *log_probs.shape)
        return " ".join(words[number] for number in found[0].words if 0 <= number < len(words)) if found else ""

    return read


def candidates(task: Task, beam: int, with_model: bool) -> dict[str, Read]:
    """Ours first; then the peers that are installed."""
    arpa = task.arpa if with_model else None
    found: dict[str, Read] = {}
    if with_model:
        assert task.arpa is not None
        scorer = WordScorer(task.alphabet, load(task.arpa), task.weights)
        found["vivavoce"] = ours(task, beam, scorer)
        found["vivavoce, text only"] = ours(task, beam, scorer, times=False)
    else:
        found["vivavoce"] = plain(task, beam)
        found["vivavoce, words"] = ours(task, beam, WordScorer(task.alphabet, weights=Weights(word=0.0)))
        if task.arpa is not None:
            scorer = WordScorer(task.alphabet, None, task.weights, vocabulary=task.vocabulary())
            found["vivavoce, vocabulary"] = ours(task, beam, scorer)
    if importlib.util.find_spec("pyctcdecode"):
        found["pyctcdecode"] = pyctcdecode(task, beam, arpa)
    if importlib.util.find_spec("flashlight") and task.arpa is not None:
        found["flashlight-text"] = flashlight(task, beam, arpa)
    return found


def lexicon_case(task: Task, options: argparse.Namespace, folder: Path) -> timing.Case:
    """Both decoders at several beams, ours also with quicker floors, flashlight-text with two ways of spelling."""
    from vivavoce.decoding.lexicon_file import read_lexicon
    from vivavoce.runtime.bundle import load_bundle
    from vivavoce.runtime.recognizer import open_language_model

    bundle = load_bundle(options.bundle)
    model = open_language_model(bundle)
    if bundle.lexicon is None or model is None:
        sys.exit(f"{bundle.folder} has no lexicon, or no language model")
    weights, said = bundle.lexicon.weights, read_lexicon(bundle.folder / bundle.lexicon.file, task.alphabet)
    # Of a word that the model lacks flashlight-text makes all of `<unk>`, where ours has one share of many.
    said = tuple([one for one in said if one.word in model])
    scorer = LexiconScorer(LexiconTree(said, len(task.alphabet)), model, weights)
    beams = [int(beam) for beam in options.beams.split(",")]
    reads: dict[str, Read] = {}
    for beam in beams:
        reads[f"vivavoce, beam {beam}"] = our_lexicon(scorer, task.alphabet.blank_id, beam)
        reads[f"vivavoce, beam {beam}, quick floors"] = our_lexicon(scorer, task.alphabet.blank_id, beam, QUICK)
    if importlib.util.find_spec("flashlight"):
        write_arpa(folder / "model.arpa", model.tables())
        for name, spellings in SPELLINGS.items():
            made = flashlight_lexicon(said, folder / "model.arpa", weights, task.alphabet, spellings)
            reads.update({f"flashlight-text, beam {beam}, {name}": made(beam) for beam in beams})
    calls = {name: partial(_read_all, read, task.log_probs) for name, read in reads.items()}
    return timing.Case("lexicon", task.seconds, "audio seconds", calls)


def our_lexicon(scorer: LexiconScorer, blank_id: int, beam: int, settings: Sequence[float] = ()) -> Read:
    """Text, and besides the words' times and what the confidences are made of: the fifty best ways to end."""

    def read(log_probs: np.ndarray) -> str:
        search = LexiconSearch(scorer, blank_id, beam, *settings)
        search.accept(log_probs)
        return search.hypotheses(most=50)[0].text

    return read


def flashlight_lexicon(
    said: Sequence[Pronunciation], arpa: Path, weights: Weights, alphabet: Alphabet, spellings: Sequence[bool]
) -> Callable[[int], Read]:
    """Its lexicon decoder for phones: readers by beam.

    It expects a separator token behind each word, which phones have not. Without one, a word's last token must be a
    single frame: the decoder is then at the root again, where only silence may last. Silence is the blank here, and
    pronunciations are also, or only, spelled with a blank behind them, so that their last phone may last if a blank
    follows. On the recogniser's held-out utterances (beam 500, threshold 14) either spelling made 15.4% word errors,
    the second alone 15.8% (in a third of the time), the first alone 16.3%, and a further token for a last phone that
    goes on 20.6%. Chosen there, too: not to add up alignments (else 17.1%); a word score of 1 below ours (14.9%); a
    threshold of 10 (14.5%, in half the time); and 10 tokens a frame. Nothing can tell it what a further pronunciation
    costs, and of words that sound alike it knows six.
    """
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    numbers = {word: number for number, word in enumerate(dict.fromkeys(one.word for one in said))}
    words, blank = list(numbers), alphabet.blank_id
    names = Dictionary()
    for word in [*words, "<unk>"]:
        names.add_entry(word)
    model = KenLM(str(arpa), names)
    state = model.start(False)
    logs = [model.score(state, number)[1] for number in range(len(words))]
    tree = fl.Trie(len(alphabet), blank)
    for one in said:
        for followed in spellings:
            tree.insert([*one.token_ids, *[blank] * followed], numbers[one.word], logs[numbers[one.word]])
    tree.smear(fl.SmearingMode.MAX)
    factor = weights.model * math.log(10.0)  # KenLM speaks in powers of 10

    def make(beam: int) -> Read:
        settings = fl.LexiconDecoderOptions(
            beam, 10, 10.0, factor, weights.word - 1.0, -math.inf, 0.0, False, fl.CriterionType.CTC
        )
        decoder = fl.LexiconDecoder(settings, tree, model, blank, blank, names.get_index("<unk>"), [], False)

        def read(log_probs: np.ndarray, held: object = names) -> str:
            found = decoder.decode(log_probs.ctypes.data, *log_probs.shape)
            return " ".join(words[number] for number in found[0].words if 0 <= number < len(words)) if found else ""

        return read

    return make


def build(task: Task, beams: Sequence[int]) -> list[timing.Case]:
    utterances = task.seconds / UTTERANCE_SECONDS
    cases = []
    for with_model in (False, True) if task.arpa is not None else (False,):
        for beam in beams:
            calls: dict[str, Callable[[], object]] = {}
            for name, read in candidates(task, beam, with_model).items():
                calls[name] = partial(_read_all, read, task.log_probs)
            title = f"beam {beam}, {'with a' if with_model else 'no'} model"
            cases.append(timing.Case(title, utterances, "utterances", calls))
    return cases


def _read_all(read: Read, log_probs: Sequence[np.ndarray]) -> list[str]:
    return [read(heard) for heard in log_probs]


def with_errors(case: timing.Case, rows: Sequence[dict[str, Any]], references: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a case, each with the word error rate in per cent."""
    table = []
    for row in rows:
        texts = case.candidates[row["candidate"]]()
        table.append({**row, "word errors, %": 100.0 * error_rate(references, cast(list[str], texts)).rate})
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="*", type=Path, help="made by `viva prepare`")
    parser.add_argument("--bundle", type=Path, help="the package's own if not given")
    parser.add_argument("--model", type=Path, help="a language model as ARPA file")
    parser.add_argument("--limit", type=int, default=200, help="recordings to read, evenly spread over the manifests")
    parser.add_argument("--first", action="store_true", help="read the first recordings instead")
    parser.add_argument("--lexicon", action="store_true", help="compare the search over pronunciations, of phones")
    parser.add_argument("--synthetic", type=int, default=0, help="make posteriors of so many sentences instead")
    parser.add_argument("--sentences", type=int, default=100_000, help="that a model is made of if none is given")
    parser.add_argument("--beams", default="16,50,100", help="prefixes kept (default 16,50,100)")
    parser.add_argument("--model-weight", type=float, default=Weights.model, help="factor of the model's logarithms")
    parser.add_argument("--word-bonus", type=float, default=Weights.word, help="added for every word")
    parser.add_argument("--unknown", type=float, default=Weights.unknown, help="added for every unknown word")
    parser.add_argument(
        "--floors", nargs=2, type=float, default=(TOKEN_FLOOR, BEAM_FLOOR), help="of tokens and of the beam, ours alone"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each candidate")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    options = parser.parse_args()
    if bool(options.manifests) == bool(options.synthetic):
        parser.error("give manifests or --synthetic")
    if options.lexicon and options.synthetic:
        parser.error("--lexicon needs manifests")
    if any(os.environ.get(name) != "1" for name in timing.THREAD_VARIABLES):
        # The numeric libraries read these when they are imported, and some are already.
        pinned = {**os.environ, **dict.fromkeys(timing.THREAD_VARIABLES, "1")}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=pinned).returncode)
    for name in ("kenlm", "pyctcdecode", "flashlight"):
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, left out", file=sys.stderr)
    # Of the vocabulary, which they think too small, and of NumPy.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    print(f"{timing.machine()}, 1 thread, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        task = synthetic(options, Path(folder)) if options.synthetic else listen(options)
        print(f"{len(task.log_probs)} recordings, {task.seconds:.0f} s")
        if options.lexicon:
            case = lexicon_case(task, options, Path(folder))
            timing.print_table(with_errors(case, timing.measure(case, options.rounds), task.references))
            return
        blank = task.alphabet.blank_id
        texts = [task.alphabet.decode(ctc_greedy(heard, blank).token_ids) for heard in task.log_probs]
        print(f"greedy: {error_rate(task.references, texts)}")
        for case in build(task, [int(beam) for beam in options.beams.split(",")]):
            if options.only in case.name:
                print(f"\n{case.name} ({case.work:.1f} {case.unit} of {UTTERANCE_SECONDS} s)")
                timing.print_table(with_errors(case, timing.measure(case, options.rounds), task.references))


if __name__ == "__main__":
    main()
