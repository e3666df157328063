"""`viva lm`: train, convert and judge n-gram language models."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from vivavoce.cli.progress import drawn
from vivavoce.cli.recognition import ChangedBundle, TuneLimit, TuneManifests, show_tried
from vivavoce.errors import ConfigError

T = TypeVar("T")

SUFFIXES = (".lm", ".arpa", ".arpa.gz")

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Out = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="PATH", help="Model to write: .lm, .arpa or .arpa.gz.", show_default=False),
]
AsIs = Annotated[bool, typer.Option("--as-is", help="Split lines at white space; normalise nothing, skip no comment.")]
Bits = Annotated[int, typer.Option(metavar="N", help="Bits for a logarithm in .lm files: 8, 16, or 32 for no loss.")]
MaxNgrams = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Keep so many n-grams of all orders, those that matter most.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--entropy-threshold", min=0.0, metavar="X", help="Drop n-grams whose loss costs at most so many nats a word."
    ),
]


@app.callback()
def lm() -> None:
    """Train, convert and judge n-gram language models, and networks that look again at what they found.

    \b
    viva lm train books.txt.xz train.jsonl -o model.lm --max-words 60000 --max-ngrams 3000000
    viva lm perplexity model.lm held-out.txt
    viva lm convert other-tool.arpa.gz model.lm
    viva lm attach model.lm my-bundle --tune runs/asr-small/held-out.jsonl
    viva train text_lm --set texts=books.txt.xz,train.jsonl
    viva lm export runs/text-lm/text-lm.safetensors -o words.onnx
    viva lm second-pass words.onnx my-bundle --tune runs/asr-small/held-out.jsonl
    """


@app.command()
def train(
    texts: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT...",
            help="Sentences, one a line: plain, .gz or .xz; manifests (.jsonl); - is standard input.",
            show_default=False,
        ),
    ],
    output: Out,
    order: Annotated[int, typer.Option(min=1, max=8, metavar="N", help="Words of the longest n-grams.")] = 4,
    prune: Annotated[
        str, typer.Option(metavar="N,N,...", help="Drop n-grams seen so often or less; one number an order.")
    ] = "0",
    max_words: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Keep so many of the most frequent words; others are <unk>.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The words to know: the first of each line.")
    ] = None,
    max_ngrams: MaxNgrams = None,
    entropy_threshold: Threshold = None,
    bits: Bits = 8,
    as_is: AsIs = False,
) -> None:
    """Train a model with modified Kneser-Ney smoothing, the same as KenLM's lmplz.

    Lines are normalised as for the recogniser's training (a-z, apostrophes, numbers spelled) unless --as-is is given;
    lines that begin with "# " are comments. --prune 0,0,1 drops n-grams of three words and more that occur once.
    """
    from vivavoce.decoding.ngram_counts import count_ngrams, number_words
    from vivavoce.decoding.ngram_pruning import prune_by_entropy
    from vivavoce.decoding.ngram_text import read_word_list, read_words
    from vivavoce.decoding.ngram_training import estimate, prune_thresholds

    _check(output, bits)
    thresholds = prune_thresholds(_numbers(prune), order)
    known = read_word_list(vocabulary) if vocabulary is not None else None
    text = number_words(_counting(read_words(texts, as_is)), known, max_words)
    _say(f"{text.sentences:,} sentences, {text.words:,} words; counting")
    counted = count_ngrams(text, order)
    _say("estimating")
    estimated = estimate(text.vocabulary, counted, thresholds)
    for complaint in estimated.complaints:
        _say(f"warning: {complaint}")
    tables = estimated.tables
    if max_ngrams is not None or entropy_threshold is not None:
        _say("pruning by entropy")
        tables = prune_by_entropy(tables, max_ngrams, entropy_threshold, estimated.counts)
    facts = {
        "sentences": text.sentences,
        "words": text.words,
        "discounts": estimated.discounts,
        "prune": thresholds,
    }
    _write(output, tables, bits, facts)
    for number, (count, kept, discounts) in enumerate(zip(counted, tables.counts, estimated.discounts, strict=True), 1):
        shown = " ".join(f"{discount:.4f}" for discount in discounts)
        print(f"{number}-grams: {kept:,} of {len(count):,}, discounts {shown}")


@app.command()
def perplexity(
    model: Annotated[Path, typer.Argument(help="Model: .lm, .arpa or .arpa.gz.", show_default=False)],
    texts: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help="Sentences, one a line, as for training.", show_default=False),
    ],
    show: Annotated[int, typer.Option(min=0, metavar="N", help="How many unknown words to list.")] = 20,
    network: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Judge a network (.onnx) by the model's side, too.")
    ] = None,
    share: Annotated[float, typer.Option(metavar="X", help="The network's share in both together, 0 to 1.")] = 0.7,
    as_is: AsIs = False,
) -> None:
    """Judge a model by a text that it was not trained on, and list the words that it does not know.

    Perplexities of models are comparable when both know the same words. With --network they are of words alone, the
    ends of sentences not counted, and of the words that the model knows.
    """
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.decoding.ngram_text import read_words

    if network is not None:
        _judge_both(network, NgramModel.load(model), _counting(read_words(texts, as_is)), share)
        return

    found = NgramModel.load(model).perplexity(_counting(read_words(texts, as_is)))
    print(f"perplexity: {found.perplexity:.4f}, without unknown words {found.perplexity_without_oovs:.4f}")
    print(f"text: {found.sentences:,} sentences, {found.words:,} words, {found.tokens:,} tokens with sentence ends")
    print(f"unknown: {found.oov_count:,} words ({100 * found.oov_rate:.2f}%), {len(found.oovs):,} different ones")
    for word, count in found.oovs[:show]:
        print(f"{count:8d} {word}")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Model of any tool, ARPA or .lm.", show_default=False)],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Model to write: .lm, .arpa or .arpa.gz.", show_default=False)
    ],
    bits: Bits = 8,
    max_ngrams: MaxNgrams = None,
    entropy_threshold: Threshold = None,
) -> None:
    """Turn a model into another format, and make it smaller if wished."""
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.decoding.ngram_pruning import prune_by_entropy

    _check(target, bits)
    model = NgramModel.load(source)
    tables = model.tables()
    if max_ngrams is not None or entropy_threshold is not None:
        _say("pruning by entropy")
        tables = prune_by_entropy(tables, max_ngrams, entropy_threshold)
    _write(target, tables, bits, model.info)


@app.command()
def attach(
    model: Annotated[Path, typer.Argument(help="Model: .lm, .arpa or .arpa.gz.", show_default=False)],
    bundle: ChangedBundle,
    tune: TuneManifests = None,
    limit: TuneLimit = 0,
    model_weight: Annotated[float, typer.Option(metavar="X", help="Factor of the model's logarithms.")] = 0.5,
    word_bonus: Annotated[float, typer.Option(metavar="X", help="Added for every word.")] = 1.0,
    unknown_penalty: Annotated[float, typer.Option(metavar="X", help="Added for a word it does not know.")] = -6.0,
) -> None:
    """Put a language model into a recogniser's bundle, so that it reads words and not only letters."""
    from vivavoce.cli.evaluate import choose
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.decoding.word_scorer import Weights
    from vivavoce.evaluation.word_weights import tune_weights
    from vivavoce.runtime.bundle import attach_language_model
    from vivavoce.runtime.recognizer import Recognizer

    weights = Weights(model=model_weight, word=word_bonus, unknown=unknown_penalty)
    if tune:
        recognizer = Recognizer(bundle, decoder="greedy")
        weights = tune_weights(recognizer, choose(tune, limit), NgramModel.load(model), said=show_tried)[0].weights
    attach_language_model(bundle, model, weights)
    print(f"{bundle} now reads with {model.name}, {weights}")


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="Weights of `viva train text_lm`.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Graph to write: .onnx.")],
    longest: Annotated[int, typer.Option(min=2, metavar="N", help="Units of the longest rows trained on.")] = 128,
    int8: Annotated[bool, typer.Option(help="Store the weights as int8: a quarter of the size.")] = True,
) -> None:
    """Turn a trained network of subword units into the graph that a second pass runs."""
    from vivavoce.cli.train import require_torch

    require_torch("lm export")
    from vivavoce.export.text_lm import export_text_lm, load_text_lm

    if output.suffix != ".onnx" or not output.parent.is_dir():
        raise ConfigError(f"{output}: a graph's name ends in .onnx, in a folder that is there.")
    model, subwords, training = load_text_lm(weights)
    error = export_text_lm(model, subwords, output, longest, training, int8)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, within {error:.2g} of PyTorch in any logarithm")


@app.command("second-pass")
def second_pass(
    network: Annotated[Path, typer.Argument(help="Graph of `viva lm export`.", show_default=False)],
    bundle: ChangedBundle,
    tune: TuneManifests = None,
    limit: TuneLimit = 0,
    share: Annotated[float, typer.Option(metavar="X", help="The network's share in a word's probability.")] = 0.7,
    model_weight: Annotated[float, typer.Option(metavar="X", help="Factor of the logarithms of both.")] = 1.0,
    word_bonus: Annotated[float, typer.Option(metavar="X", help="Added for every word.")] = 0.0,
    letters: Annotated[float, typer.Option(metavar="X", help="Factor of the letters' logarithm, as heard.")] = 0.0,
) -> None:
    """Put a network into a recogniser's bundle, which looks again at what the decoder "lexicon" found."""
    from vivavoce.cli.evaluate import choose
    from vivavoce.decoding.second_pass import SecondWeights
    from vivavoce.evaluation.second_pass import tune_second_pass
    from vivavoce.runtime.bundle import attach_second_pass
    from vivavoce.runtime.recognizer import Recognizer
    from vivavoce.runtime.unit_predictor import UnitPredictor

    weights = SecondWeights(share, model_weight, word_bonus, letters)
    opened = UnitPredictor.open(network)
    if tune:
        tried = tune_second_pass(Recognizer(bundle, decoder="lexicon"), choose(tune, limit), opened, said=show_tried)
        weights = tried[0].weights
    attach_second_pass(bundle, network, weights)
    print(f"{bundle} now looks again with {network.name}, {weights}")


def _judge_both(network: Path, model: Any, sentences: Iterable[list[str]], share: float) -> None:
    """Print the perplexities of a model and a network."""
    from vivavoce.decoding.second_pass import perplexities
    from vivavoce.runtime.unit_predictor import UnitPredictor

    found = perplexities(UnitPredictor.open(network), model, sentences, share)
    print(f"perplexity of {found.known:,} known words of {found.words:,}: n-grams {found.ngrams:.2f}, network ", end="")
    print(f"{found.units:.2f}, both {found.both:.2f} (share {share:g}); network, all words: {found.units_of_all:.2f}")


def _check(output: Path, bits: int) -> None:
    """Find fault with what was asked for before hours of work, not after.

    Raises:
        ConfigError: not a name for a model, no such folder, or a number of bits that there is no code for.
    """
    from vivavoce.decoding.ngram_trie import BITS

    if not output.name.endswith(SUFFIXES):
        raise ConfigError(f"{output}: a model's name ends in {', '.join(SUFFIXES)}.")
    if not output.parent.is_dir():
        raise ConfigError(f"{output.parent} is not a folder; make it first.")
    if bits not in BITS:
        raise ConfigError(f"--bits {bits}: expected one of {', '.join(map(str, BITS))}.")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--prune {text}: expected whole numbers with commas between them, 0,0,1 say.") from None


def _write(path: Path, tables: Any, bits: int, facts: dict[str, Any]) -> None:
    """Write a model and say what became of it.

    Raises:
        ConfigError: the place cannot be written.
    """
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.decoding.ngram_arpa import write_arpa

    loss = ""
    try:
        if path.suffix == ".lm":
            model = NgramModel.from_tables(tables, bits)
            model.save(path, **{**facts, **model.info})
            loss = f", logarithms within {model.info['largest_error']:.2g}"
        else:
            write_arpa(path, tables)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    size, count = path.stat().st_size, sum(tables.counts)
    print(f"{path}: order {tables.order}, {len(tables.vocabulary):,} words, {count:,} n-grams, ", end="")
    print(f"{size / 1e6:.2f} MB ({size / count:.2f} bytes an n-gram{loss})")


def _counting(sentences: Iterable[T]) -> Iterator[T]:
    """The same sentences, their number shown while a person watches."""
    from rich.progress import SpinnerColumn, TextColumn

    with drawn(SpinnerColumn(), TextColumn("{task.completed:,} sentences read")) as bar:
        task = bar.add_task("reading", total=None)
        for number, sentence in enumerate(sentences):
            if number % 1000 == 0:
                bar.update(task, completed=number)
            yield sentence


def _say(message: str) -> None:
    print(message, file=sys.stderr)
