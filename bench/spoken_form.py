"""How text is read beside a publisher's own reading of it, and how fast.

    python bench/spoken_form.py metadata.csv

The file is LJSpeech's: a line has an utterance's name, the text as it was printed, and the text with numbers and some
abbreviations written out, set apart by bars. Words are compared without marks, capitals and "and". Printed are how many
sentences agree, how many differ, and how many differ by more than what that publisher leaves as it is: titles and other
abbreviations (Mr., FBI), and the day of a month as an ordinal.
"""

from __future__ import annotations

import argparse
import difflib
import re
import time
from pathlib import Path

from vivavoce.text.folding import fold
from vivavoce.text.numbers import cardinal, ordinal
from vivavoce.text.sentences import split_sentences
from vivavoce.text.spoken import spoken_form

DAYS = {(cardinal(day).split()[-1], ordinal(day).split()[-1]) for day in range(1, 32)}


def words(text: str) -> list[str]:
    """Small letters only, without "and"."""
    plain = re.sub(r"[^a-z' ]", " ", fold(text).lower().replace("-", " "))
    return [word for part in plain.split() if (word := part.strip("'")) not in ("and", "")]


def differences(reference: list[str], said: list[str]) -> list[tuple[str, str]]:
    """What stands against what, where the two differ."""
    matcher = difflib.SequenceMatcher(None, reference, said, autojunk=False)
    return [
        (" ".join(reference[a:b]), " ".join(said[c:d])) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]


def is_left(printed: str, difference: tuple[str, str]) -> bool:
    """Whether the publisher left an abbreviation as it was printed, or said a day as a cardinal."""
    here, said = difference
    if not here:
        return said in ("of", "the")  # the fourteenth of June
    spaced = re.escape(here).replace("\\ ", "[. ]+")
    if re.search(rf"\b{spaced}\b", printed, re.IGNORECASE) and not re.search(r"\d", here):
        return True
    return bool(said) and (here.split()[-1], said.split()[-1]) in DAYS


def main() -> None:
    """Print the agreement and the speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metadata", type=Path)
    parser.add_argument("--show", type=int, default=0, help="so many sentences that differ")
    arguments = parser.parse_args()
    rows = [line.split("|") for line in arguments.metadata.read_text(encoding="utf-8").splitlines()]
    begin = time.process_time()
    said = [spoken_form(printed) for _, printed, _ in rows]
    seconds = time.process_time() - begin
    differing = beyond = 0
    for (_, printed, written_out), form in zip(rows, said, strict=True):
        found = differences(words(written_out), words(form))
        differing += bool(found)
        if rest := [one for one in found if not is_left(printed, one)]:
            beyond += 1
            if beyond <= arguments.show:
                print(printed, rest, sep="\n    ")
    characters = sum(len(printed) for _, printed, _ in rows)
    print(f"{len(rows):,} sentences; {differing:,} differ, {beyond:,} by more than abbreviations left and days")
    print(f"spoken_form: {characters / seconds / 1000:,.0f} kB a second on one core")
    begin = time.process_time()
    count = sum(1 for _ in split_sentences(" ".join(printed for _, printed, _ in rows)))
    print(f"split_sentences: {characters / (time.process_time() - begin) / 1000:,.0f} kB a second, {count:,} sentences")


if __name__ == "__main__":
    main()
