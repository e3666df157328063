"""A network of subword units as a graph: which unit comes next, for a tree of texts in one call.

The graph carries all that is needed to use it in its metadata: the merges of its units, and how far it learnt to look
back. It was written by `export.text_lm`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vivavoce.decoding.second_pass import UnitTree
from vivavoce.errors import ConfigError, ModelError
from vivavoce.runtime.session import open_session
from vivavoce.text.subwords import Subwords

if TYPE_CHECKING:
    import onnxruntime

Array = np.ndarray

KIND, VERSION = "vivavoce-text-lm", "1"
INPUTS = ("units", "places", "mask", "rows", "row_of", "wanted")


@dataclass(frozen=True)
class UnitPredictor:
    """A graph, its units, the number of the unit before a text, and so many units it has learnt to look back."""

    session: onnxruntime.InferenceSession
    subwords: Subwords
    mark: int
    longest: int
    facts: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path, threads: int = 1) -> UnitPredictor:
        """Open a graph of `viva lm export`.

        Raises:
            ModelError: it is none, or of another version.
        """
        session = open_session(path, threads)
        facts = session.get_modelmeta().custom_metadata_map
        if facts.get("kind") != KIND or tuple(node.name for node in session.get_inputs()) != INPUTS:
            raise ModelError(f"{path} is no network of subword units; make one with `viva lm export`.")
        if facts.get("version") != VERSION:
            raise ModelError(f"{path} is of version {facts.get('version')}; expected {VERSION}. Update vivavoce.")
        try:
            subwords = Subwords(json.loads(facts["merges"]))
            training = json.loads(facts.get("training", "{}"))
            return cls(session, subwords, int(facts["mark"]), int(facts["longest"]), training)
        except (KeyError, ValueError, TypeError, ConfigError) as error:
            raise ModelError(f"{path} does not say what its units are ({error}); export it again.") from None

    def __call__(self, tree: UnitTree) -> Array:
        """(N,) float32 natural log-probability of each asked unit of a tree behind its ancestors; 0 for others."""
        log_probs = np.zeros(len(tree.units), np.float32)
        if len(tree.units) > tree.asked:
            (log_probs[tree.asked :],) = self.session.run(None, graph_inputs(tree, self.longest))
        return log_probs


def graph_inputs(tree: UnitTree, longest: int) -> dict[str, Array]:
    """What a graph is asked about a tree, of which it has learnt to look back so far."""
    rows, row_of = np.unique(tree.parents[tree.asked :], return_inverse=True)  # units that asked ones follow
    values = (tree.units, tree.places, tree.ancestors(longest), rows, row_of, tree.units[tree.asked :])
    return dict(zip(INPUTS, values, strict=True))
