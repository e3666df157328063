"""`viva lexicon`: how words are spoken, for recognisers that hear phones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.recognition import BundleFolder, ChangedBundle, TuneLimit, TuneManifests, show_tried

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def lexicon() -> None:
    """Make lexicons, put them into recognisers, and ask how words sound.

    \b
    viva lexicon pronounce kubernetes nginx > words.txt
    viva train g2p --set dictionary=cmudict.dict --set parts=0
    viva lexicon make cmudict.dict -o lexicon.txt.xz --words model.lm --all --guesser runs/g2p/model.g2p
    viva lexicon attach lexicon.txt.xz my-bundle --tune runs/asr-small/held-out.jsonl
    """


@app.command()
def make(
    dictionary: Annotated[
        Path, typer.Argument(help="Pronouncing dictionary such as cmudict.dict.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Lexicon to write: .txt, .txt.gz or .txt.xz.")
    ],
    words: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Language model or text whose words are wanted; the dictionaries' if not given."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The dictionaries' words besides those of --words.")
    ] = False,
    more: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="Dictionaries for words that the first lacks.")
    ] = None,
    guesser: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Model of `viva train g2p`, for words that all lack.")
    ] = None,
) -> None:
    """Write the pronunciations of words.

    \b
    viva lexicon make cmudict.dict -o lexicon.txt.xz --words words.lm --words books.txt.xz --all --guesser model.g2p

    A lexicon may have more words than a language model: the model takes them all for `<unk>`, and each of them gets an
    equal share of that. They cost little, and a word that no lexicon has is never read.
    """
    from vivavoce.decoding.g2p import G2p
    from vivavoce.decoding.lexicon_file import gather_pronunciations, wanted_words, write_lexicon
    from vivavoce.errors import ConfigError
    from vivavoce.text.phonemes import PronouncingDictionary

    if not output.name.endswith((".txt", ".txt.gz", ".txt.xz")):
        raise ConfigError(f"{output}: a lexicon's name ends in .txt, .txt.gz or .txt.xz.")
    sources = [PronouncingDictionary.load(path) for path in [dictionary, *(more or ())]]
    wanted = wanted_words(words or (), sources if everything or not words else ())
    found, guessed = gather_pronunciations(wanted, sources, G2p.load(guesser) if guesser is not None else None)
    lacking = sum(not said for said in found.values())
    lines = write_lexicon(output, found)
    print(
        f"{output}: {len(found) - lacking:,} words, {lines:,} pronunciations; {guessed:,} words guessed, "
        f"{lacking:,} have none"
    )


@app.command()
def pronounce(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="Of a-z and apostrophes.", show_default=False)],
    bundle: BundleFolder = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="Guesses of a word that the lexicon lacks.")
    ] = 2,
) -> None:
    """Show how a recogniser takes words to sound: lines for a file of --words, to be mended there.

    \b
    viva lexicon pronounce kubernetes nginx > words.txt
    viva transcribe --words words.txt talk.mp3

    What the lexicon has is not guessed. Two guesses are what a word without phones gets in a file of --words.
    """
    from vivavoce.runtime.bundle import load_bundle
    from vivavoce.runtime.pronouncing import sounds_of

    for sound in sounds_of(load_bundle(bundle), words, count):
        source = "in the lexicon" if sound.guessed is None else f"guessed, {sound.guessed:.0%} sure"
        print(f"{sound.word} {' '.join(sound.phones)}  # {source}")


@app.command()
def attach(
    lexicon: Annotated[Path, typer.Argument(help="Lexicon: .txt, .txt.gz or .txt.xz.", show_default=False)],
    bundle: ChangedBundle,
    tune: TuneManifests = None,
    limit: TuneLimit = 0,
    model_weight: Annotated[float, typer.Option(metavar="X", help="Factor of the language model's logarithms.")] = 0.8,
    word_bonus: Annotated[float, typer.Option(metavar="X", help="Added for every word.")] = 0.0,
    guesser: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Model of `viva train g2p`, for hotwords that it lacks.")
    ] = None,
) -> None:
    """Put a lexicon into a recogniser's bundle, so that it finds words by their sounds."""
    from vivavoce.cli.evaluate import choose
    from vivavoce.decoding.lexicon_file import read_lexicon
    from vivavoce.decoding.lexicon_scorer import share_of_unknown
    from vivavoce.decoding.lexicon_tree import LexiconTree
    from vivavoce.decoding.word_scorer import Weights
    from vivavoce.evaluation.word_weights import tune_lexicon_weights
    from vivavoce.runtime.bundle import PHONES, attach_lexicon, check_guesser, check_words, load_bundle
    from vivavoce.runtime.recognizer import Recognizer, open_language_model

    opened = load_bundle(bundle)
    phones = opened.alphabet(PHONES)
    said = read_lexicon(lexicon, phones)
    check_words(lexicon, said.words, opened)
    if tune and guesser is not None:
        check_guesser(guesser, phones)  # as attaching does, but before the tuning
    model = open_language_model(opened)
    weights = Weights(model=model_weight, word=word_bonus, unknown=share_of_unknown(said.words, model))
    if tune:
        recognizer = Recognizer(bundle, decoder="greedy")
        tree = LexiconTree(said, len(phones))
        weights = tune_lexicon_weights(recognizer, choose(tune, limit), tree, model, said=show_tried)[0].weights
    attach_lexicon(bundle, lexicon, weights, guesser)
    print(f"{bundle} now reads with {lexicon.name}, {weights}")
