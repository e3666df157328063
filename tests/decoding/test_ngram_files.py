"""ARPA files of all manners, our own file, and texts: read, written, packed, refused."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import math
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_arpa import read_arpa, write_arpa
from vivavoce.decoding.ngram_binary import read_trie
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_pruning import prune_by_entropy
from vivavoce.decoding.ngram_tables import MARKS, NgramTables, build_tables
from vivavoce.decoding.ngram_text import read_word_list, read_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.ngram_trie import pack, quantise, unpack
from vivavoce.errors import DataError, ModelError

LN10 = math.log(10.0)

GOOD = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.9\t</s>
-0.6\ta\t-0.25

\\2-grams:
-0.3\t<s> a
-0.4\ta </s>

\\end\\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """arpa(text): a file of it."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "model.arpa"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture(scope="module")
def trained() -> NgramTables:
    """A 4-gram of two thousand random sentences, pruned, so that backoffs are above 1 too."""
    rng = np.random.default_rng(0)
    ranks = np.exp(rng.random((2000, 12)) * math.log(500)).astype(int)
    ranks[:, 1::3] = ranks[:, 0::3] % 7 + 1
    text = number_words([[f"w{rank}" for rank in row] for row in ranks.tolist()])
    result = estimate(text.vocabulary, count_ngrams(text, 4))
    return prune_by_entropy(result.tables, 12_000, counts=result.counts)


@pytest.fixture(scope="module")
def texts() -> list[list[str]]:
    rng = np.random.default_rng(1)
    return [[f"w{rank}" for rank in np.exp(row * math.log(700)).astype(int)] for row in rng.random((200, 8))]


def test_a_plain_file(arpa: Callable[[str], Path]) -> None:
    tables = read_arpa(arpa(GOOD))
    assert tables.vocabulary == (*MARKS, "a")
    assert tables.counts == (4, 2)
    np.testing.assert_allclose(tables.tables[0].log_probs, np.array([-1.0, -99.0, -0.9, -0.6]) * LN10)
    np.testing.assert_allclose(tables.tables[0].log_backoffs, np.array([0.0, -0.5, 0.0, -0.25]) * LN10)
    np.testing.assert_array_equal(tables.spell(2, np.arange(2)), [[1, 3], [3, 2]])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\t", "  "),
        lambda text: text.replace("<unk>", "<UNK>"),
        lambda text: "\ufeff" + text,
        lambda text: "Made by a tool,\nwith remarks.\n\n" + text,
        lambda text: text.replace("ngram 1=4", "ngram 1 = 4"),
        lambda text: text.replace("-1.0\t<unk>", "-1\t<unk>\t0"),
        lambda text: text.replace("\n\\2-grams:", "\n\n\n\\2-grams:"),
        lambda text: text.replace("</s>\n\n\\end", "</s>\t0\n\n\\end"),
    ],
)
def test_manners_that_differ_mean_the_same(arpa: Callable[[str], Path], change: Callable[[str], str]) -> None:
    expected = read_arpa(arpa(GOOD))
    found = read_arpa(arpa(change(GOOD)))
    assert found.vocabulary == expected.vocabulary
    for ours, theirs in zip(found.tables, expected.tables, strict=True):
        for name in ("prefixes", "words", "log_probs", "log_backoffs"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_longer_ngrams_may_hold_unknown_words_in_any_spelling(arpa: Callable[[str], Path]) -> None:
    text = GOOD.replace("<s> a", "<unk> a")
    expected = NgramModel.load(arpa(text)).score(["z", "a"])
    assert NgramModel.load(arpa(text.replace("<unk>", "<UNK>"))).score(["z", "a"]) == expected
    assert NgramModel.load(arpa(text.replace("<unk> a", "<UNK> a"))).score(["z", "a"]) == expected


def test_a_byte_order_mark_is_no_part_of_a_word(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes("\ufeffthe\nof\n".encode())
    assert read_word_list(tmp_path / "words.txt") == ["the", "of"]
    assert [*read_words([tmp_path / "words.txt"])] == [["the"], ["of"]]


def test_without_unk_unknown_words_are_as_good_as_impossible(arpa: Callable[[str], Path]) -> None:
    text = GOOD.replace("-1.0\t<unk>\n", "").replace("ngram 1=4", "ngram 1=3")
    model = NgramModel.load(arpa(text))
    assert model.score("zebra", begin=False, end=False) == pytest.approx(-100 * LN10)
    assert model.score("a") == pytest.approx(-0.7 * LN10)


@pytest.mark.parametrize(
    ("wrong", "right", "line", "said"),
    [
        ("\\data\\", "\\daten\\", None, "no line \\data\\"),
        ("ngram 2=2", "ngram 3=2", 3, "ngram 2=... was expected"),
        ("ngram 2=2", "2 bigrams", 3, "counts of n-grams were expected"),
        ("\\1-grams:", "\\2-grams:", 5, "\\1-grams: was expected"),
        ("-0.9\t</s>", "-O.9\t</s>", 8, '"-O.9" is no log probability'),
        ("-0.9\t</s>", "nan\t</s>", 8, '"nan" is no log probability'),
        ("-0.6\ta\t-0.25", "-0.6\ta\tx", 9, '"x" is no backoff'),
        ("-0.6\ta\t-0.25", "0.6\ta\t-0.25", 9, "is above 0"),
        ("-0.6\ta\t-0.25", "-0.6\ta b c\t-0.25", 9, "5 fields"),
        ("-0.6\ta\t-0.25", "-0.6\t<s>\t-0.25", 9, "second time"),
        ("-0.6\ta\t-0.25\n", "", 9, "the 1-grams end here, but the header counts 4"),
        ("ngram 2=2", "ngram 2=1", 13, "\\end\\ was expected"),
        ("ngram 1=4", "ngram 1=3", 9, "\\2-grams: was expected"),
        ("-0.3\t<s> a", "-0.3\t<s> b", 12, '"b" is not among the unigrams'),
        ("-0.3\t<s> a", "-0.3\ta", 12, "2 fields"),
        ("-0.4\ta </s>", "-0.4\t<s> a", None, 'the 2-gram "<s> a" stands there twice'),
        ("\\end\\\n", "", 14, "cut off"),
        ("</s>", "<end>", None, "no unigram </s>"),
    ],
)
def test_malformed_files_name_the_line(
    arpa: Callable[[str], Path], wrong: str, right: str, line: int | None, said: str
) -> None:
    path = arpa(GOOD.replace(wrong, right))
    with pytest.raises(DataError) as caught:
        NgramModel.load(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert line is None or f"line {line}:" in str(caught.value)


def test_other_faults(arpa: Callable[[bytes], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a file"):
        NgramModel.load(tmp_path / "none.arpa")
    with pytest.raises(DataError, match="UTF-8"):
        read_arpa(arpa(GOOD.encode().replace(b"\ta", b"\t\xe9").replace(b" a", b" \xe9").replace(b"\xe9 <", b"\xe9 <")))
    with pytest.raises(DataError, match="cannot be read"):
        read_arpa(arpa(gzip.compress(GOOD.encode())[:-9]))
    with pytest.raises(DataError, match="no line"):
        read_arpa(arpa(b""))


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_what_is_written_is_read(trained: NgramTables, tmp_path: Path, name: str) -> None:
    write_arpa(tmp_path / name, trained)
    back = read_arpa(tmp_path / name)
    assert back.vocabulary == trained.vocabulary
    for ours, theirs in zip(back.tables, trained.tables, strict=True):
        np.testing.assert_array_equal(ours.prefixes, theirs.prefixes)
        np.testing.assert_array_equal(ours.words, theirs.words)
        np.testing.assert_array_equal(ours.log_probs.astype(np.float32), theirs.log_probs.astype(np.float32))
        np.testing.assert_array_equal(ours.log_backoffs.astype(np.float32), theirs.log_backoffs.astype(np.float32))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_arpa_and_our_file_score_the_same(trained: NgramTables, texts: list[list[str]], tmp_path: Path) -> None:
    write_arpa(tmp_path / "model.arpa", trained)
    from_arpa = NgramModel.load(tmp_path / "model.arpa")
    from_arpa.save(tmp_path / "model.lm")
    mapped = NgramModel.load(tmp_path / "model.lm")
    assert isinstance(mapped.trie.layers[0].low_words.base, np.ndarray)
    assert mapped.vocabulary == trained.vocabulary
    scores = [NgramModel.from_tables(trained).score(words) for words in texts]
    assert [from_arpa.score(words) for words in texts] == scores
    assert [mapped.score(words) for words in texts] == scores
    np.testing.assert_allclose(mapped.perplexity(texts).log_prob, sum(scores), rtol=1e-9)


@pytest.mark.parametrize("bits", [8, 16])
def test_codes_keep_their_bound(trained: NgramTables, texts: list[list[str]], tmp_path: Path, bits: int) -> None:
    exact = NgramModel.from_tables(trained)
    coded = NgramModel.from_tables(trained, bits)
    bound = coded.info["largest_error"]
    assert bound < {8: 0.03, 16: 2e-4}[bits]
    for ours, theirs in zip(coded.tables().tables, exact.tables().tables, strict=True):
        np.testing.assert_array_equal(ours.words, theirs.words)
        np.testing.assert_array_equal(ours.prefixes, theirs.prefixes)
        np.testing.assert_allclose(ours.log_probs, theirs.log_probs, atol=bound + 1e-6)
        np.testing.assert_allclose(ours.log_backoffs, theirs.log_backoffs, atol=bound + 1e-6)
    coded.save(tmp_path / "coded.lm", text="random words")
    loaded = NgramModel.load(tmp_path / "coded.lm")
    assert loaded.info == {"bits": bits, "largest_error": bound, "text": "random words"}
    for words in texts[:50]:
        assert loaded.score(words) == coded.score(words)
        # A token passes at most three backoffs and a probability.
        assert abs(coded.score(words) - exact.score(words)) <= (len(words) + 1) * 4 * bound
    ratio = coded.perplexity(texts).perplexity / exact.perplexity(texts).perplexity
    assert ratio == pytest.approx(1.0, abs=5e-3)


def test_codes_are_not_spent_on_outliers() -> None:
    values = np.append(-np.random.default_rng(0).random(10_000), [-228.0, -230.26])
    coded, error = quantise(values, 8)
    assert error <= 0.5 / 253
    np.testing.assert_allclose(coded.decode(), values, atol=error + 1e-6)
    few, none = quantise(np.array([-1.0, -2.0, -2.0, 0.25]), 8)
    assert none == 0.0
    np.testing.assert_array_equal(few.decode(), [-1.0, -2.0, -2.0, 0.25])


def test_large_vocabularies_have_three_bytes(tmp_path: Path) -> None:
    words = 70_000
    rng = np.random.default_rng(2)
    names = (*MARKS, *(f"w{number}" for number in range(words - 3)))
    pairs = np.unique(rng.integers(0, words, (3000, 2)).astype(np.int32), axis=0)
    pairs[:500, 0] = 5  # one context with words from all over
    pairs = np.unique(pairs, axis=0)
    grams = [np.arange(words, dtype=np.int32)[:, None], pairs]
    tables = build_tables(names, grams, [-rng.random(len(g)) for g in grams], [np.zeros(len(g)) for g in grams])
    NgramModel.from_tables(tables).save(tmp_path / "large.lm")
    model = NgramModel.load(tmp_path / "large.lm")
    assert len(model.trie.layers[0].high_words) == len(pairs)
    for (first, second), log_prob in zip(pairs.tolist(), tables.tables[1].log_probs.tolist(), strict=True):
        assert model.step((first,), second)[0] == pytest.approx(log_prob, abs=1e-6)
        other = second ^ 0x10000  # the same lower half
        if other < words and [first, other] not in pairs.tolist():
            assert model.step((first,), other)[0] == pytest.approx(tables.tables[0].log_probs[other], abs=1e-6)
    found = model.step_batch(pairs[:, :1].astype(np.int64), pairs[:, 1])[0]
    np.testing.assert_allclose(found, tables.tables[1].log_probs, atol=1e-6)
    rows = np.arange(len(pairs))
    found, held = model.scores([(first,) for first in pairs[:, 0].tolist()], rows, pairs[:, 1].astype(np.int64))
    np.testing.assert_allclose(found, tables.tables[1].log_probs, atol=1e-6)
    assert held.all()
    absent = sorted({word ^ 0x10000 for word in pairs[pairs[:, 0] == 5, 1].tolist() if word < words - 0x10000})
    absent = [word for word in absent if [5, word] not in pairs.tolist()]
    assert not model.scores([(5,)], np.zeros(len(absent), np.int64), np.array(absent))[1].any()


def test_many_continuations_of_one_word() -> None:
    """More than 16 bits of continuations in one stretch: the places need a base each."""
    words = 66_000
    names = (*MARKS, *(f"w{number}" for number in range(words - 3)))
    pairs = np.stack([np.repeat([7, 8], words), np.tile(np.arange(words), 2)], axis=1).astype(np.int32)
    grams = [np.arange(words, dtype=np.int32)[:, None], pairs]
    logs = [np.linspace(-9.0, -1.0, len(g)) for g in grams]
    tables = build_tables(names, grams, logs, [np.zeros(len(g)) for g in grams])
    trie, _ = pack(tables)
    assert trie.layers[0].starts.shift == 0
    back = unpack(trie)
    np.testing.assert_array_equal(back.tables[1].prefixes, tables.tables[1].prefixes)
    model = NgramModel(trie)
    assert model.step((8,), 65_999)[0] == pytest.approx(-1.0)
    assert model.step((9,), 5)[0] == pytest.approx(logs[0][5], abs=1e-6)


@pytest.fixture
def saved(trained: NgramTables, tmp_path: Path) -> Path:
    NgramModel.from_tables(trained, 8).save(tmp_path / "model.lm")
    return tmp_path / "model.lm"


def test_damaged_files_are_refused(saved: Path) -> None:
    data = saved.read_bytes()
    read_trie(saved, check=True)
    faults = {
        data[:-1]: "cut off or added to",
        data + b"\0": "cut off or added to",
        data[:20]: "cut off after 20 bytes",
        data[:40] + b"?" + data[41:]: "is damaged",
        data[:8] + struct.pack("<I", 9) + data[12:]: "format version 9",
        data.replace(b"\r\n", b"\n", 1): "no line",  # then it is not our file, nor ARPA
    }
    for content, said in faults.items():
        saved.write_bytes(content)
        with pytest.raises((ModelError, DataError), match=said):
            NgramModel.load(saved)
    saved.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    NgramModel.load(saved)  # not looked at, so that opening stays quick
    with pytest.raises(ModelError, match="checksum"):
        read_trie(saved, check=True)
    saved.write_bytes(b"")
    with pytest.raises(ModelError, match="not a vivavoce language model"):
        read_trie(saved)


def test_texts_of_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "# a-book\nThe cat's 2 tails.\n\n!!\nDr. Who\n"
    expected = [["the", "cat's", "two", "tails"], ["doctor", "who"]]
    (tmp_path / "a.txt").write_text(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "a.xz").write_bytes(lzma.compress(content.encode()))
    rows = [{"audio_filepath": "x.wav", "duration": 1.0, "text": text} for text in content.splitlines()[1:]]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    for name in ("a.txt", "a.gz", "a.xz", "a.jsonl"):
        assert list(read_words([tmp_path / name])) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lzma.compress(content.encode()))))
    assert list(read_words([tmp_path / "a.txt", "-"])) == expected * 2
    as_is = list(read_words([tmp_path / "a.txt"], as_is=True))
    assert as_is == [["#", "a-book"], ["The", "cat's", "2", "tails."], ["!!"], ["Dr.", "Who"]]


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "cut.xz").write_bytes(lzma.compress(b"a b c" * 100)[:-20])
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n["text"]\n')
    for name, said in (("none.txt", "No such file"), ("latin.txt", "UTF-8"), ("cut.xz", "cannot be read")):
        with pytest.raises(DataError, match=said):
            list(read_words([tmp_path / name]))
    with pytest.raises(DataError, match="line 2"):
        list(read_words([tmp_path / "bad.jsonl"]))


def test_word_lists_and_dictionaries(tmp_path: Path) -> None:
    (tmp_path / "words.dict").write_text("cat K AE T\ndog D AO G\n\ncat K AA T\n")
    assert read_word_list(tmp_path / "words.dict") == ["cat", "dog"]
    (tmp_path / "words.dict").write_text("\n")
    with pytest.raises(DataError, match="no words"):
        read_word_list(tmp_path / "words.dict")
