"""What words of one's own do: rare words taken from lexicon and language model, and given back as a user gives his.

    python bench/own_words.py manifests/*-train.jsonl --dictionary cmudict.dict
    python bench/own_words.py manifests/*-train.jsonl --dictionary cmudict.dict --others 1000 --guess

Of the manifests only utterances that the bundle's model did not learn from count (`held_out` in bundle.json): here the
likelihood of such words is chosen. --all takes all, for test sets. Taken away are words that the language model knows
as rarer than --rarer; with words that lexicon and model never had, they are the user's words. They get the dictionary's
pronunciations or, with --guess and where it has none, the guesses of a model that never saw them. --others adds words
of the dictionary that nobody says. Counted are: words that were heard, words that were heard where they were not said,
and the errors in all other words.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="made by `viva prepare`")
    parser.add_argument("--dictionary", type=Path, required=True, help="pronouncing dictionary such as cmudict.dict")
    parser.add_argument("--bundle", help="bundle with a lexicon and a language model; the package's own if not given")
    parser.add_argument("--likelihood", type=float, nargs="+", default=[1e-5, 3e-5, 1e-4, 3e-4, 1e-3])
    parser.add_argument("--rarer", type=float, default=1e-5, help="words of a lower probability are taken away")
    parser.add_argument("--others", type=int, default=0, help="so many words that are not said")
    parser.add_argument("--guess", action="store_true", help="guess all pronunciations")
    parser.add_argument("--all", action="store_true", help="all utterances of the manifests")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        pinned = {**os.environ, **dict.fromkeys(timing.THREAD_VARIABLES, "1")}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=pinned).returncode)
    from hotwords import count
    from vivavoce.data.manifest import read_manifest
    from vivavoce.decoding.lexicon_file import read_lexicon
    from vivavoce.decoding.lexicon_scorer import LexiconScorer
    from vivavoce.decoding.lexicon_search import lexicon_search
    from vivavoce.decoding.lexicon_tree import LexiconTree
    from vivavoce.evaluation.recordings import audio_of
    from vivavoce.runtime.bundle import load_bundle
    from vivavoce.runtime.recognizer import Recognizer, open_language_model
    from vivavoce.text.normalize import normalize_for_scoring

    bundle = load_bundle(options.bundle)
    model = open_language_model(bundle)
    if model is None or bundle.lexicon is None or bundle.phones is None:
        sys.exit(f"{bundle.folder} has no language model or no lexicon; attach them.")
    rows = {row.id: row for manifest in options.manifests for row in read_manifest(manifest)}
    held_out = rows.keys() if options.all else rows.keys() & set(bundle.facts["training"]["held_out"])
    utterances = [row for row in rows.values() if row.id in held_out]
    if not utterances:
        sys.exit("the manifests hold no utterance that the bundle's model did not learn from; see --all.")
    references = [normalize_for_scoring(row.text).split() for row in utterances]
    lexicon = read_lexicon(bundle.folder / bundle.lexicon.file, bundle.phones)
    known = {one.word for one in lexicon}

    def probability(word: str) -> float:
        return math.exp(model.step((), model.word_id(word))[0])

    said = {word for words in references for word in words}
    own = sorted(word for word in said if word not in known or probability(word) < options.rarer)
    sounds = Sounds(options.dictionary, own, options.guess)
    own = [word for word in own if sounds.possible(word)]
    others = random.Random(0).sample(sorted(sounds.words - known - said), options.others)
    for word in own:
        model.word_ids.pop(word, None)
    recognizer = Recognizer(bundle, decoder="greedy")
    frames = [recognizer.log_probs(audio_of(row), phones=True) for row in utterances]
    print(f"{timing.machine()}; {len(utterances)} utterances, {len(own)} words: {', '.join(own[:12])} ...\n")
    left = [one for one in lexicon if one.word not in own]
    given = [one for word in [*own, *others] for one in sounds.of(word, bundle.phones)]
    table = []
    for likelihood in (None, *options.likelihood):
        tree = LexiconTree(left if likelihood is None else left + given, len(bundle.phones))
        log_probs = dict.fromkeys([*own, *others], math.log(likelihood)) if likelihood else {}
        scorer = LexiconScorer(tree, model, bundle.lexicon.weights, None, log_probs)
        heard = [lexicon_search(one, scorer, bundle.phones.blank_id)[0].text for one in frames]
        names = ("words heard", "heard where not said", "errors in all other words")
        counted = count(references, heard, {*own, *others}).values()
        table.append(
            {"likelihood": f"{likelihood:.0e}" if likelihood else "none", **dict(zip(names, counted, strict=True))}
        )
    timing.print_table(table)


class Sounds:
    """Pronunciations of the dictionary, or of a guesser that learned from it without the words to guess."""

    def __init__(self, dictionary: Path, own: list[str], guess: bool) -> None:
        from vivavoce.recipes.g2p import Config, spelt_words, train_without
        from vivavoce.text.phonemes import PronouncingDictionary

        self._dictionary, self._guess = PronouncingDictionary.load(dictionary), guess
        self.words = {word for word in spelt_words(self._dictionary) if len(word) > 3}
        self._guesser = train_without(own, Config(dictionary=str(dictionary)))

    def possible(self, word: str) -> bool:
        """Whether a user could give the word."""
        return self._guesser.letters.issuperset(word)

    def of(self, word: str, phones: Any) -> list[Any]:
        """The pronunciations of a word, as a recogniser takes them from a user's list."""
        from vivavoce.decoding.own_words import OwnWords
        from vivavoce.runtime.recognizer import guessed_pronunciations

        variants = [] if self._guess else self._dictionary.pronounce(word)
        if variants:
            return OwnWords({word: [" ".join(variant) for variant in variants]}).pronunciations(phones)
        return guessed_pronunciations(word, self._guesser, phones)


if __name__ == "__main__":
    main()
