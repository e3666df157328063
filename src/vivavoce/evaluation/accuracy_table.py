"""The table of a bundle's measured word errors, for its card and for the README: made of bundle.json, never by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vivavoce.runtime.decoders import DECODERS

BLOCK = re.compile(r"(<!-- numbers.*?-->\n).*?(<!-- end of numbers -->)", re.DOTALL)


def accuracy_table(accuracy: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """`accuracy` of a bundle's facts -> Markdown: a row for each test set, two columns for each decoder."""
    decoders = [name for name in DECODERS if accuracy.get(name)]
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for decoder in decoders:
        for row in accuracy[decoder]:
            rows.setdefault(row["test_set"], {})[decoder] = row
    head = ["test set", "utterances", *(part for name in decoders for part in (f"{name}, WER %", "95% interval"))]
    lines = [head, ["---", "---:", *(["---:", "---"] * len(decoders))]]
    for name, by_decoder in rows.items():
        cells = [name, str(next(iter(by_decoder.values()))["utterances"])]
        for decoder in decoders:
            if decoder not in by_decoder:
                cells += ["", ""]
                continue
            row = by_decoder[decoder]
            rate, (low, high) = 100 * row["word_error_rate"], row["interval_95"]
            cells += [
                f"**{rate:.1f}**" if decoder == decoders[-1] else f"{rate:.1f}",
                f"{100 * low:.1f} to {100 * high:.1f}",
            ]
        lines.append(cells)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def put_numbers(path: str | Path, accuracy: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Renew the table between `<!-- numbers ... -->` and `<!-- end of numbers -->`; whether the file has such marks."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not BLOCK.search(text):
        return False
    table = accuracy_table(accuracy)
    path.write_text(BLOCK.sub(lambda found: found[1] + table + found[2], text), encoding="utf-8")
    return True
