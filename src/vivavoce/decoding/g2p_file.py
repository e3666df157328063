"""The file of a grapheme-to-phoneme model: joint n-gram models, compressed, because they are read whole.

`ngram_binary` holds a language model so that it can be mapped and searched without reading it; these models are small,
and half the size matters more than the half second that unpacking takes. A ZIP of NumPy arrays, never pickles: what
follows a context lies side by side, so of an n-gram's prefix only the number of continuations is stored, of its word
the difference from the one before, and logarithms are codes.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_tables import MARKS, NgramTable, NgramTables
from vivavoce.decoding.ngram_trie import Values, quantise
from vivavoce.errors import DataError, ModelError

Array = np.ndarray

VERSION = 1
_BITS = 8
_REMEDY = "Train it again (`viva train g2p`) or copy it anew."


def write_models(path: str | Path, models: Sequence[tuple[NgramModel, bool]], info: Mapping[str, Any]) -> None:
    """Write models, each with whether it reads backwards, and what their maker wishes to say."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "format": "vivavoce g2p",
        "version": VERSION,
        "info": dict(info),
        "models": [{"backwards": backwards, "order": model.order} for model, backwards in models],
    }
    arrays = {"header": _letters(json.dumps(header))}
    for number, (model, _) in enumerate(models):
        arrays |= {f"{number}.{name}": array for name, array in _pack(model.tables()).items()}
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as out:
        np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    partial.replace(path)  # a reader never sees half a model


def read_models(path: str | Path) -> tuple[list[tuple[NgramModel, bool]], dict[str, Any]]:
    """What `write_models` wrote.

    Raises:
        DataError: there is no such file.
        ModelError: not our format, of a later version, cut off or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file; expected a grapheme-to-phoneme model.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(arrays["header"].tobytes())
        version = header["version"]
        if header["format"] == "vivavoce g2p" and version > VERSION:
            raise ModelError(f"{path} has format version {version}; this vivavoce reads up to {VERSION}. Update it.")
        models = []
        for number, facts in enumerate(header["models"]):
            part = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{number}.")}
            models.append((NgramModel.from_tables(_unpack(part, facts["order"]), _BITS), bool(facts["backwards"])))
        return models, header["info"]
    except (AttributeError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is no grapheme-to-phoneme model, or a damaged one ({error}). {_REMEDY}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ModelError(f"{path} is damaged ({error}). {_REMEDY}") from None


def _pack(tables: NgramTables) -> dict[str, Array]:
    """A model's arrays, a few for each order."""
    first = tables.tables[0]
    arrays = {
        "units": _letters("\n".join(tables.vocabulary[len(MARKS) :])),
        "1.log_probs": first.log_probs.astype(np.float32),
        "1.log_backoffs": first.log_backoffs.astype(np.float32),
    }
    for order, (below, table) in enumerate(zip(tables.tables, tables.tables[1:], strict=False), 2):
        assert len(tables.vocabulary) < 1 << 16
        continuations = np.bincount(table.prefixes, minlength=len(below)).astype(np.uint16)
        arrays[f"{order}.continuations"] = _bytes(continuations)
        # Differences wrap around where a new context begins; so do the sums that undo them.
        arrays[f"{order}.words"] = _bytes(np.diff(table.words.astype(np.uint16), prepend=np.uint16(0)))
        names = ["log_probs"] + ["log_backoffs"] * (order < tables.order)
        for name in names:
            coded, _ = quantise(getattr(table, name), _BITS)
            arrays[f"{order}.{name}"], arrays[f"{order}.{name}.table"] = coded.codes, coded.table
    return arrays


def _unpack(arrays: Mapping[str, Array], order: int) -> NgramTables:
    """The model of some arrays."""
    names = arrays["units"].tobytes().decode().split("\n")
    vocabulary = (*MARKS, *names)
    zeros = np.zeros(len(vocabulary), np.int32)
    log_probs, log_backoffs = (arrays[f"1.{name}"].astype(np.float64) for name in ("log_probs", "log_backoffs"))
    if not len(vocabulary) == len(log_probs) == len(log_backoffs):
        raise ValueError(f"{len(vocabulary)} units have {len(log_probs)} probabilities")
    tables = [NgramTable(zeros, np.arange(len(vocabulary), dtype=np.int32), log_probs, log_backoffs)]
    for k in range(2, order + 1):
        continuations = _numbers(arrays[f"{k}.continuations"])
        prefixes = np.repeat(np.arange(len(continuations), dtype=np.int32), continuations)
        words = np.cumsum(_numbers(arrays[f"{k}.words"]), dtype=np.uint16).astype(np.int32)
        values = [_values(arrays, f"{k}.log_probs"), np.zeros(len(words))]
        if k < order:
            values[1] = _values(arrays, f"{k}.log_backoffs")
        lengths = {len(prefixes), *map(len, values)}
        if len(continuations) != len(tables[-1]) or lengths != {len(words)} or words.max(initial=0) >= len(vocabulary):
            raise ValueError(f"its {k}-grams do not fit together")
        tables.append(NgramTable(prefixes, words, *values))
    return NgramTables(vocabulary, tuple(tables))


def _values(arrays: Mapping[str, Array], name: str) -> Array:
    """Coded numbers, float64."""
    return Values(arrays[name], arrays[f"{name}.table"]).decode()


def _bytes(numbers: Array) -> Array:
    """(n,) uint16 as (2, n) bytes, the low ones first: alike beside alike compresses better."""
    return np.stack([numbers & 0xFF, numbers >> 8]).astype(np.uint8)


def _numbers(halves: Array) -> Array:
    """What `_bytes` took apart."""
    low, high = halves.astype(np.uint16)
    return low | high << 8


def _letters(text: str) -> Array:
    return np.frombuffer(text.encode(), np.uint8)
