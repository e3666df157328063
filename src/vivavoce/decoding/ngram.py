"""An n-gram language model in use: the probability of a word after others, one at a time or many at once.

All logarithms are natural. Unknown words are `<unk>`; what a search should think of them beyond that is the search's
affair. Models come from `viva lm train` or, as ARPA files, from any other tool; perplexities equal KenLM's
(tests/parity/test_ngram_kenlm.py).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.decoding.ngram_arpa import read_arpa
from vivavoce.decoding.ngram_binary import is_trie, read_trie, write_trie
from vivavoce.decoding.ngram_tables import BOS, EOS, UNK, NgramTables
from vivavoce.decoding.ngram_trie import Layer, Trie, Values, pack, unpack
from vivavoce.errors import DataError

Array = np.ndarray

State = tuple[int, ...]
"""What the model remembers of the words so far: entry i is the context of the last i + 1 words, -1 where the model has
no such context. Equal states are continued alike; a state means nothing to another model."""

_CACHE_SIZE = 1 << 15  # about 8 MB when full
_OPENED_SIZE = 1 << 12  # about 3 MB
_SMALL_BATCH = 24  # so many single steps take as long as one step of a batch


@dataclass(frozen=True)
class Perplexity:
    """How well a model foresees a text. Each sentence's end is a token, too.

    Attributes:
        sentences, words: their numbers, ends not counted.
        log_prob: of all tokens, natural; unknown words have the probability of `<unk>`.
        oov_log_prob: the unknown words' part of it.
        oovs: the unknown words, each with its number, most frequent first.
    """

    sentences: int
    words: int
    log_prob: float
    oov_log_prob: float
    oovs: tuple[tuple[str, int], ...] = field(repr=False)

    @property
    def tokens(self) -> int:
        return self.words + self.sentences

    @property
    def oov_count(self) -> int:
        """Unknown words, repetitions counted."""
        return sum(count for _, count in self.oovs)

    @property
    def oov_rate(self) -> float:
        """The share of the words that is unknown."""
        return self.oov_count / self.words if self.words else 0.0

    @property
    def perplexity(self) -> float:
        """Over all tokens; comparable only between models of one vocabulary."""
        return math.exp(-self.log_prob / self.tokens)

    @property
    def perplexity_without_oovs(self) -> float:
        """Over the known tokens."""
        known = self.tokens - self.oov_count
        return math.exp(-(self.log_prob - self.oov_log_prob) / known)


class NgramModel:
    """A model ready for lookups. Reading is safe from several threads; the cache is only ever an aid."""

    def __init__(self, trie: Trie, info: Mapping[str, Any] | None = None) -> None:
        """`info` is what a model's maker wished to say about it."""
        self.trie = trie
        self.info = dict(info or {})
        self.order = trie.order
        self._unigrams = trie.log_probs.data
        self._layers = [_fast(layer) for layer in trie.layers]
        self._cache: dict[tuple[State, int], tuple[float, State]] = {}
        self._opened: dict[State, _Opened] = {}

    @classmethod
    def load(cls, path: str | Path) -> NgramModel:
        """Open a model: our own file, which is mapped and not read, or an ARPA file, plain or gzip.

        Raises:
            DataError: there is no such file, or it is a malformed ARPA file.
            ModelError: it is a damaged file of ours.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path} is not a file; expected a language model (.lm, .arpa or .arpa.gz).")
        if is_trie(path):
            return cls(*read_trie(path))
        return cls.from_tables(read_arpa(path))

    @classmethod
    def from_tables(cls, tables: NgramTables, bits: int = 32) -> NgramModel:
        """Pack tables, with 8 or 16 bits a logarithm if wished; `info["largest_error"]` says what that costs."""
        trie, largest = pack(tables, bits)
        return cls(trie, {"bits": bits, "largest_error": largest})

    def save(self, path: str | Path, **info: Any) -> None:
        """Write the model as our own file, with `info` added to what is known of it."""
        write_trie(path, self.trie, {**self.info, **info})

    def tables(self) -> NgramTables:
        """The model as sorted arrays, for writing ARPA or for pruning."""
        return unpack(self.trie)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words by number; `<unk>`, `<s>` and `</s>` are the first three."""
        return self.trie.vocabulary

    @cached_property
    def word_ids(self) -> dict[str, int]:
        """The number of every word."""
        return dict(zip(self.vocabulary, range(len(self.vocabulary)), strict=True))

    def word_id(self, word: str) -> int:
        """A word's number, that of `<unk>` if it is not in the vocabulary."""
        return self.word_ids.get(word, UNK)

    def __contains__(self, word: object) -> bool:
        return word in self.word_ids

    def start(self) -> State:
        """The state before a sentence's first word."""
        return (BOS,) if self.order > 1 else ()

    def step(self, state: State, word_id: int) -> tuple[float, State]:
        """log P(word | state), and the state after the word."""
        key = (state, word_id)
        known = self._cache.get(key)
        if known is None:
            known = self._look_up(state, word_id)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = known
        return known

    def end(self, state: State) -> float:
        """log P(the sentence ends here | state)."""
        return self.step(state, EOS)[0]

    def score(self, words: Sequence[str] | str, begin: bool = True, end: bool = True) -> float:
        """log P of words, given as a list or as one text with spaces.

        Args:
            begin: whether they begin a sentence.
            end: whether they end it.
        """
        total, state = 0.0, self.start() if begin else ()
        for word in words.split() if isinstance(words, str) else words:
            log_prob, state = self.step(state, self.word_id(word))
            total += log_prob
        return total + self.end(state) if end else total

    def scores(self, states: Sequence[State], owners: Array, word_ids: Array) -> tuple[Array, Array]:
        """log P of words behind states that are asked for many: twice as quick as `step`, and quicker than `step_batch`
        where the words are less than hundreds.

        Args:
            states: S of them.
            owners: (B,) int64, which of them each word stands behind.
            word_ids: (B,) int64.

        Returns:
            (B,) float64, equal to those of `step` but for rounding; and (B,) bool, False where a word is in no n-gram
            with what stands before it, so that nothing but the word is remembered behind it.
        """
        opened = [self._opened.get(state) or self._open(state) for state in states]
        log_probs, held = [], []
        for owner, word_id in zip(owners.tolist(), word_ids.tolist(), strict=True):
            layers, backoff = opened[owner]
            low = word_id & 0xFFFF
            for left, right, above, (lows, highs, probs, prob_table, _, _) in layers:
                if highs:
                    high = word_id >> 16
                    left = bisect_left(highs, high, left, right)
                    right = bisect_right(highs, high, left, right)
                row = bisect_left(lows, low, left, right)
                if row < right and lows[row] == low:
                    code = probs[row]
                    log_probs.append(above + (prob_table[code] if prob_table else code))
                    held.append(True)
                    break
            else:
                log_probs.append(backoff + self._unigrams[word_id])
                held.append(False)
        return np.array(log_probs), np.array(held, np.bool_)

    def step_batch(self, states: Array, word_ids: Array) -> tuple[Array, Array]:
        """`step` for many at once.

        Args:
            states: (B, order - 1) int64, rows of `pack_states` or of an earlier call.
            word_ids: (B,) int.

        Returns:
            (B,) float64 natural logarithms, and the states after the words.
        """
        words = np.asarray(word_ids, np.int64)
        log_probs = self.trie.log_probs[words].astype(np.float64)
        following = np.full(states.shape, -1, np.int64)
        if self.order > 1:
            following[:, 0] = words
        for number, layer in enumerate(self.trie.layers):
            contexts = states[:, number]
            there = np.flatnonzero(contexts >= 0)
            contexts = contexts[there]
            rows = layer.find(contexts, words[there])
            found = rows >= 0
            log_probs[there] += layer.backoffs.decode(contexts)
            log_probs[there[found]] = layer.log_probs.decode(rows[found])
            if number + 2 < self.order:
                following[there[found], number + 1] = layer.contexts(rows[found])
        return log_probs, following

    def pack_states(self, states: Sequence[State]) -> Array:
        """States as (B, order - 1) int64 for `step_batch`."""
        packed = np.full((len(states), self.order - 1), -1, np.int64)
        for row, state in zip(packed, states, strict=True):
            row[: len(state)] = state
        return packed

    def perplexity(self, sentences: Iterable[Sequence[str] | str]) -> Perplexity:
        """Judge a text: sentences as lists of words, or as texts with spaces. It must be normalised as the model's was.

        Raises:
            DataError: there is no sentence.
        """
        oovs: Counter[str] = Counter()
        count = words = 0
        log_prob = oov_log_prob = 0.0
        rows = iter(sentences)
        while block := list(islice(rows, 1024)):
            spelled = [row.split() if isinstance(row, str) else row for row in block]
            numbers = [[*map(self.word_id, row), EOS] for row in spelled]
            scores = self._score_block(numbers)
            for row, ids, logs in zip(spelled, numbers, scores, strict=True):
                log_prob += sum(logs)
                if UNK in ids:
                    unknown = [place for place, word_id in enumerate(ids) if word_id == UNK]
                    oovs.update(row[place] for place in unknown)
                    oov_log_prob += sum(logs[place] for place in unknown)
            count += len(block)
            words += sum(map(len, spelled))
        if not count:
            raise DataError("the text has no sentence; a perplexity needs some, one a line.")
        return Perplexity(count, words, log_prob, oov_log_prob, tuple(oovs.most_common()))

    def _score_block(self, sentences: Sequence[list[int]]) -> list[list[float]]:
        """Each token's log P, all sentences in step; the few longest are finished one by one."""
        order = sorted(range(len(sentences)), key=lambda index: -len(sentences[index]))
        scores: list[list[float]] = [[] for _ in sentences]
        states = self.pack_states([self.start()] * len(order))
        place, alive = 0, len(order)
        while alive >= _SMALL_BATCH:
            word_ids = np.array([sentences[index][place] for index in order[:alive]])
            log_probs, states = self.step_batch(states[:alive], word_ids)
            for index, log_prob in zip(order, log_probs.tolist(), strict=False):
                scores[index].append(log_prob)
            place += 1
            while alive and len(sentences[order[alive - 1]]) <= place:
                alive -= 1
        for index, row in zip(order[:alive], states.tolist(), strict=False):
            state = _trim(row)
            for word_id in sentences[index][place:]:
                log_prob, state = self.step(state, word_id)
                scores[index].append(log_prob)
        return scores

    def _look_up(self, state: State, word_id: int) -> tuple[float, State]:
        """`step` without the cache: from the shortest context to the longest, each overruling the one before."""
        log_prob = self._unigrams[word_id]
        following = [word_id]
        high, low = word_id >> 16, word_id & 0xFFFF
        for context, layer in zip(state, self._layers, strict=False):
            bases, offsets, shift, backoffs, backoff_table, words = layer
            lows, highs, probs, prob_table, bits, ranks = words
            row = -1
            if context >= 0:
                after = context + 1
                left = bases[context >> shift] + offsets[context]
                right = bases[after >> shift] + offsets[after]
                if highs:
                    left = bisect_left(highs, high, left, right)
                    right = bisect_right(highs, high, left, right)
                place = bisect_left(lows, low, left, right)
                if place < right and lows[place] == low:
                    row = place
                    code = probs[row]
                    log_prob = prob_table[code] if prob_table else code
                else:
                    code = backoffs[context]
                    log_prob += backoff_table[code] if backoff_table else code
            if bits:
                word, bit = bits[row >> 6] if row >= 0 else 0, row & 63
                # The contexts before this one are counted by the set bits below its own.
                following.append(ranks[row >> 6] + (word & (1 << bit) - 1).bit_count() if word >> bit & 1 else -1)
        return log_prob, _trim(following) if self.order > 1 else ()

    def _open(self, state: State) -> _Opened:
        """What `scores` asks of a state for any word."""
        layers: list[tuple[int, int, float, _Fast]] = []
        above = 0.0
        for context, layer in reversed(list(zip(state, self._layers, strict=False))):
            if context < 0:
                continue
            bases, offsets, shift, backoffs, backoff_table, words = layer
            left = bases[context >> shift] + offsets[context]
            right = bases[context + 1 >> shift] + offsets[context + 1]
            if left < right:
                layers.append((left, right, above, words))
            code = backoffs[context]
            above += backoff_table[code] if backoff_table else code
        if len(self._opened) >= _OPENED_SIZE:
            self._opened.clear()
        self._opened[state] = layers, above
        return layers, above


_Fast = tuple[Any, ...]
_Opened = tuple[list[tuple[int, int, float, _Fast]], float]
"""A state: for each of its contexts that is continued, the longest first, where its continuations begin and end, the
sum of the longer ones' backoffs, and what is asked of each word; and the sum of all backoffs."""


def _fast(layer: Layer) -> _Fast:
    """A layer as memory views and lists, whose single entries Python reads faster than an array's: what is asked of a
    context, and, last, what is asked of each word."""

    def values(part: Values) -> tuple[memoryview, list[float]]:
        return part.codes.data, part.table.tolist()

    return (
        layer.starts.bases.data,
        layer.starts.offsets.data,
        layer.starts.shift,
        *values(layer.backoffs),
        (
            layer.low_words.data,
            layer.high_words.data,
            *values(layer.log_probs),
            layer.context_bits.data,
            layer.context_ranks.data,
        ),
    )


def _trim(contexts: list[int]) -> State:
    """Without what is missing at the end, so that equal states are equal tuples."""
    while contexts and contexts[-1] < 0:
        contexts.pop()
    return tuple(contexts)
