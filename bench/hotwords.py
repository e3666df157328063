"""What hotwords do: rare words of test sentences given as hotwords, all at once, and everything else left as it was.

    python bench/hotwords.py manifests/librispeech-test.jsonl manifests/voxforge-test.jsonl
    python bench/hotwords.py --weight 12 --bundle my-bundle manifests/librispeech-test.jsonl

Rare are words of four letters and more that the bundle's language model does not know, or knows as one word in a
million or less: names, mostly. Of the sentences that hold one, at most --sentences are taken, evenly spread, and the
rare words of all of them are given together. Counted are: rare words that were heard (recall), hotwords that were
heard where they were not said, and the errors in all other words.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timing

FEWEST_LETTERS = 4
RARE = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="test sets, made by `viva prepare`")
    parser.add_argument("--bundle", help="bundle with a language model; the package's own if not given")
    parser.add_argument("--weight", type=float, nargs="+", default=[4.0, 8.0, 12.0], help="of every hotword")
    parser.add_argument("--sentences", type=int, default=100)
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        pinned = {**os.environ, **dict.fromkeys(timing.THREAD_VARIABLES, "1")}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=pinned).returncode)
    from vivavoce.data.manifest import read_manifest
    from vivavoce.decoding.hotwords import Hotwords
    from vivavoce.decoding.ngram import NgramModel
    from vivavoce.evaluation.recordings import audio_of
    from vivavoce.runtime.bundle import load_bundle
    from vivavoce.runtime.recognizer import Recognizer
    from vivavoce.text.normalize import normalize_for_scoring

    bundle = load_bundle(options.bundle)
    if bundle.language_model is None:
        sys.exit(f"{bundle.folder} has no language model; attach one: viva lm attach MODEL {bundle.folder}")
    model = NgramModel.load(bundle.folder / bundle.language_model.file)
    utterances = [utterance for manifest in options.manifests for utterance in read_manifest(manifest)]
    references = [normalize_for_scoring(utterance.text).split() for utterance in utterances]
    rare = {word for words in references for word in words if is_rare(word, model)}
    chosen = [number for number, words in enumerate(references) if rare & set(words)]
    chosen = chosen[:: max(1, len(chosen) // options.sentences)][: options.sentences]
    said = [references[number] for number in chosen]
    hot = sorted(rare & {word for words in said for word in words})
    print(f"{timing.machine()}; {len(chosen)} sentences, {len(hot)} hotwords: {', '.join(hot[:12])} ...\n")
    rows = []
    for weight in (None, *options.weight):
        recognizer = Recognizer(bundle, hotwords=Hotwords(dict.fromkeys(hot, weight)) if weight else None)
        heard = [recognizer.transcribe(audio_of(utterances[number])).text for number in chosen]
        rows.append({"weight": weight or "none", **count(said, heard, set(hot))})
    timing.print_table(rows)


def is_rare(word: str, model: Any) -> bool:
    """Letters enough, and unknown to the model or nearly so."""
    if len(word) < FEWEST_LETTERS or not word.isascii() or not word.replace("'", "").isalpha():
        return False
    return word not in model or model.step((), model.word_id(word))[0] < math.log(RARE)


def count(said: Sequence[Sequence[str]], heard: Sequence[str], hot: set[str]) -> dict[str, str]:
    """Recall of the hotwords, false ones, and errors in everything else."""
    from vivavoce.metrics.error_rate import error_rate
    from vivavoce.text.normalize import normalize_for_scoring

    result = error_rate([" ".join(words) for words in said], [normalize_for_scoring(text) for text in heard])
    found = wanted = false = others = errors = 0
    for number, words in enumerate(said):
        read = result.hypotheses[number].split()
        meant, got = (Counter(word for word in row if word in hot) for row in (words, read))
        wanted, found = wanted + meant.total(), found + (meant & got).total()
        false += (got - meant).total()
        others += sum(word not in hot for word in words)
        for span in result.alignment(number):
            if span.kind != "equal":
                left = [word for word in words[span.reference_start : span.reference_end] if word not in hot]
                added = span.hypothesis_end - span.hypothesis_start if span.kind == "insert" else 0
                errors += len(left) + added
    return {
        "hotwords heard": f"{found} of {wanted} ({found / wanted:.0%})",
        "heard where not said": str(false),
        "errors in all other words": f"{errors / others:.1%} of {others:,}",
    }


if __name__ == "__main__":
    main()
