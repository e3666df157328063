"""The decoder "lexicon" in a recogniser: files, streams and batches alike, hotwords, and what cannot be honoured."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance
from vivavoce.decoding.ctc_greedy import ctc_greedy
from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.hotwords import Hotwords
from vivavoce.decoding.lexicon_file import read_lexicon, wanted_words, write_lexicon
from vivavoce.decoding.lexicon_scorer import share_of_unknown
from vivavoce.decoding.lexicon_search import LexiconHypothesis, SpokenWord, lexicon_search
from vivavoce.decoding.lexicon_tree import LexiconTree, Pronunciation
from vivavoce.decoding.ngram import NgramModel
from vivavoce.decoding.ngram_counts import count_ngrams, number_words
from vivavoce.decoding.ngram_training import estimate
from vivavoce.decoding.own_words import OwnWord, OwnWords
from vivavoce.decoding.word_scorer import Weights
from vivavoce.errors import ConfigError, DataError, ModelError, TextError
from vivavoce.evaluation.word_weights import tune_lexicon_weights
from vivavoce.runtime.bundle import attach_lexicon, load_bundle
from vivavoce.runtime.decoders import reading_shares
from vivavoce.runtime.recognizer import Recognizer, make_lexicon_scorer, open_lexicon

Babble = Callable[..., np.ndarray]
WEIGHTS = Weights(model=0.5, word=0.5, unknown=0.0)


@pytest.fixture(scope="module")
def lexicon_bundle(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, attach_babble: Callable[..., list[str]]
) -> Path:
    """The tiny bundle, with words that sound as what its phones say, by three, and a model of these."""
    work = tmp_path_factory.mktemp("lexicon")
    folder = shutil.copytree(tiny_bundle, work / "bundle")
    attach_babble(folder, work, (3,), WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def own_words(lexicon_bundle: Path, babble: Babble, name_of: Callable[[int], str]) -> OwnWords:
    """Words that sound as what the phones of other babble say, by four."""
    plain = Recognizer(lexicon_bundle, decoder="greedy")
    phones = plain.bundle.alphabet("phone_log_probs")
    lines = []
    for seed in (72, 73, 80, 81):
        log_probs = plain.log_probs(babble(2.0, seed=seed), phones=True)
        said = [phones.tokens[token] for token in ctc_greedy(log_probs, phones.blank_id).token_ids]
        lines += [OwnWord(f"x{name_of(seed)}{name_of(n)}", tuple(said[n : n + 4]), 0.02) for n in range(1, 13, 4)]
    return OwnWords(lines)


@pytest.fixture
def own_copy(lexicon_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(lexicon_bundle, tmp_path / "copy")


def test_words_of_the_lexicon_are_heard(lexicon_bundle: Path, babble: Babble) -> None:
    recognizer = Recognizer(lexicon_bundle)
    assert recognizer.decoder == "lexicon"
    waveform = babble(4.0, seed=71)
    heard = recognizer.transcribe(waveform)
    bundle = recognizer.bundle
    assert bundle.lexicon is not None
    assert bundle.lexicon.weights == WEIGHTS
    known = {
        said.word for said in read_lexicon(lexicon_bundle / bundle.lexicon.file, bundle.alphabet("phone_log_probs"))
    }
    assert len(heard.words) > 4
    assert {word.word for word in heard.words} <= known
    assert heard.text == " ".join(word.word for word in heard.words)
    assert all(0 < word.confidence <= 1 for word in heard.words)
    assert all(word.start_seconds < word.end_seconds for word in heard.words)
    assert all(one.end_seconds <= next_one.start_seconds for one, next_one in pairwise(heard.words))
    assert heard.words[-1].end_seconds <= 4.0


@pytest.mark.parametrize("live_chunk_frames", [None, 1])
@pytest.mark.parametrize("with_words", [False, True])
def test_streams_and_batches_read_as_files(
    lexicon_bundle: Path,
    own_words: OwnWords,
    babble: Babble,
    live_chunk_frames: int | None,
    with_words: bool,
    read_live: Callable[..., Any],
) -> None:
    recognizer = Recognizer(lexicon_bundle, words=own_words if with_words else None)
    rng = np.random.default_rng(5)
    waveforms = [
        np.concatenate([babble(3.0, seed=seed), np.zeros(24000, np.float32), babble(2.0, seed=seed + 1)])
        for seed in (72, 80)
    ]
    for waveform in waveforms:
        read_live(recognizer, waveform, rng.integers(0, len(waveform), 12), live_chunk_frames)
    together = recognizer.transcribe_batch([babble(2.0, seed=90), *waveforms])
    assert together[1:] == [recognizer.transcribe(waveform) for waveform in waveforms]
    heard = {word.word for one in together for word in one.words}
    assert bool(heard & own_words.log_probs.keys()) == with_words


def test_words_join_the_lexicon(own_copy: Path, own_words: OwnWords, babble: Babble) -> None:
    plain, wider = Recognizer(own_copy), Recognizer(own_copy, words=own_words)
    assert wider.decoder == "lexicon"
    bundle = plain.bundle
    known, more = open_lexicon(bundle), open_lexicon(bundle, own=own_words)
    assert set(more.words) - set(known.words) == own_words.log_probs.keys()
    # A word that is there keeps its pronunciations, and one that is given again changes nothing.
    phones = bundle.alphabet("phone_log_probs").tokens
    assert bundle.lexicon is not None
    first, other = read_lexicon(own_copy / bundle.lexicon.file, bundle.alphabet("phone_log_probs"))[:2]
    sound = " ".join(phones[token] for token in first.token_ids)
    twice = open_lexicon(bundle, own=OwnWords({first.word: [sound], other.word: [f"{sound} AA"]}))
    assert len(twice.entry_words) == len(known.entry_words) + 1
    assert twice.words == known.words
    waveform = babble(4.0, seed=71)
    expected = plain.transcribe(waveform)
    assert Recognizer(own_copy, words=OwnWords([OwnWord(first.word, likelihood=1e-9)])).transcribe(waveform) == expected


def test_words_that_nobody_can_say(own_copy: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# mine\nzyzzy\n")
    words = OwnWords.load(tmp_path / "words.txt")
    with pytest.raises(TextError, match=r"words\.txt, line 2: zyzzy has no phones, and .* has no model that guesses"):
        Recognizer(own_copy, words=words)
    for decoder in ("greedy", "beam", "words"):
        with pytest.raises(ConfigError, match=f"words were given, which the decoder '{decoder}' has no use for"):
            Recognizer(own_copy, decoder=decoder, words=words)
    with pytest.raises(ConfigError, match="has no lexicon; words need one that they can join"):
        Recognizer(tiny_bundle, words=words)
    with pytest.raises(TextError, match=r"^zyzzy is written with 'QQ'; the recogniser's phones are AA AE"):
        Recognizer(own_copy, words=OwnWords({"zyzzy": ["Z QQ"]}))
    with pytest.raises(ConfigError, match=r"no pronunciation of the hotwords \['zzz'\]"):
        Recognizer(own_copy, words=OwnWords({"zyzzy": ["Z IH"]}), hotwords=Hotwords({"zzz": 4.0}))
    hot = Recognizer(own_copy, words=OwnWords({"zyzzy": ["Z IH"]}), hotwords=Hotwords({"zyzzy": 4.0}))
    assert hot.decoder == "lexicon"  # the hotword's pronunciation is the user's


def test_hotwords_are_heard_or_another_decoder_is_taken(lexicon_bundle: Path, babble: Babble) -> None:
    plain = Recognizer(lexicon_bundle)
    bundle = plain.bundle
    assert bundle.lexicon is not None
    said = read_lexicon(lexicon_bundle / bundle.lexicon.file, bundle.alphabet("phone_log_probs"))
    waveform = babble(4.0, seed=85)
    before = plain.transcribe(waveform).text.split()
    rare = [one.word for one in said if one.word not in before][:40]
    hot = Recognizer(lexicon_bundle, hotwords=Hotwords(dict.fromkeys(rare, 6.0)))
    assert hot.decoder == "lexicon"
    assert len(set(rare) & set(hot.transcribe(waveform).text.split())) > 0
    assert Recognizer(lexicon_bundle, hotwords=Hotwords({"zyzzy": 4.0})).decoder == "words"
    with pytest.raises(ConfigError, match=r"no pronunciation of the hotwords \['zyzzy'\]"):
        Recognizer(lexicon_bundle, decoder="lexicon", hotwords=Hotwords({"zyzzy": 4.0}))


def test_hotwords_that_the_lexicon_lacks_are_guessed(own_copy: Path, tmp_path: Path, babble: Babble) -> None:
    lexicon = load_bundle(own_copy).lexicon
    assert lexicon is not None
    sounds = [("zy", ["Z", "IH"]), ("yz", ["IH", "Z"]), ("zzy", ["Z", "IH"]), ("zyz", ["Z", "IH", "Z"])]
    G2p.train(sounds, order=2).save(tmp_path / "model.g2p")
    attach_lexicon(own_copy, own_copy / lexicon.file, WEIGHTS, tmp_path / "model.g2p")
    recognizer = Recognizer(own_copy, hotwords=Hotwords({"zyzzy": 30.0}))
    assert recognizer.decoder == "lexicon"
    recognizer.transcribe(babble(2.0, seed=85))
    tree = open_lexicon(load_bundle(own_copy), ["zyzzy"])
    words = OwnWords({"zyzzy": [], "yzzy": ["AA"]})
    assert len(open_lexicon(load_bundle(own_copy), own=words).entry_words) == len(tree.entry_words) + 1
    with pytest.raises(TextError, match="'abc' has 'a', 'b', 'c'; pronunciations can be guessed of words of yz"):
        open_lexicon(load_bundle(own_copy), own=OwnWords({"abc": []}))
    phones = recognizer.bundle.alphabet("phone_log_probs")
    sound = [phones.tokens.index(phone) for phone in ("Z", "IH", "Z", "IH")]
    path = np.repeat(np.array([sound[0], 0, sound[1], 0, sound[2], 0, sound[3], 0]), 2)
    log_probs = np.log(np.full((len(path), len(phones)), 4e-3) + 0.84 * np.eye(len(phones))[path])
    scorer = make_lexicon_scorer(recognizer.bundle, tree, Hotwords({"zyzzy": 30.0}))
    assert lexicon_search(log_probs, scorer)[0].text == "zyzzy"
    (own_copy / "lexicon.g2p").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"lexicon\.g2p is not the file"):
        load_bundle(own_copy)


def test_what_is_attached_fits_or_nothing_changes(own_copy: Path, tmp_path: Path) -> None:
    lexicon = load_bundle(own_copy).lexicon
    assert lexicon is not None
    before = (own_copy / "bundle.json").read_bytes()
    for name, vowel in (("model.g2p", "IH"), ("other.g2p", "QQ")):
        G2p.train([("zy", ["Z", vowel]), ("yz", [vowel, "Z"])], order=2, min_count=1).save(tmp_path / name)
    (tmp_path / f"new{Path(lexicon.file).suffix}").write_bytes((own_copy / lexicon.file).read_bytes())
    new = tmp_path / f"new{Path(lexicon.file).suffix}"
    (tmp_path / "titles.txt").write_text("mr. M IH S T ER\nHELLO HH AH L OW\n")
    (tmp_path / "strange.txt").write_text("unheard AH N\nof AH V\n")
    for file, guesser, fault, said in (
        (new, tmp_path / "typo.g2p", DataError, r"typo\.g2p"),
        (new, tmp_path / "other.g2p", ModelError, r"other\.g2p guesses QQ, which the recogniser has no phones for"),
        (tmp_path / "titles.txt", None, DataError, r"titles\.txt: 2 words, such as 'HELLO', have characters that"),
    ):
        with pytest.raises(fault, match=said):
            attach_lexicon(own_copy, file, WEIGHTS, guesser)
        assert (own_copy / "bundle.json").read_bytes() == before
        load_bundle(own_copy)
    with pytest.raises(DataError, match="the language model knows none of the lexicon's 2 words, such as 'of'"):
        share_of_unknown(["unheard", "of"], NgramModel.load(own_copy / "words.lm"))
    attach_lexicon(own_copy, new, WEIGHTS, tmp_path / "model.g2p")
    attach_lexicon(own_copy, new, WEIGHTS)
    assert load_bundle(own_copy).lexicon.guesser == "lexicon.g2p"  # type: ignore[union-attr]
    assert not [*own_copy.glob("*.part")]


def test_words_that_can_be_spelled_are_wanted(own_copy: Path, tmp_path: Path) -> None:
    words = [["mr.", "it's", "zyzzy"], ["zyzzy", "''"]]
    text = number_words(words)
    NgramModel.from_tables(estimate(text.vocabulary, count_ngrams(text, 2), [0, 0]).tables).save(tmp_path / "some.lm")
    assert wanted_words([tmp_path / "some.lm"]) == ["it's", "zyzzy"]
    (tmp_path / "marked.txt").write_bytes("\ufeffthe DH AH\n".encode())
    assert read_lexicon(tmp_path / "marked.txt", load_bundle(own_copy).alphabet("phone_log_probs")).words == ("the",)


def test_weights_are_tuned(lexicon_bundle: Path, babble: Babble, tmp_path: Path) -> None:
    recognizer = Recognizer(lexicon_bundle)
    bundle = recognizer.bundle
    phones = bundle.alphabet("phone_log_probs")
    utterances = []
    for seed in (91, 92):
        soundfile.write(tmp_path / f"{seed}.wav", babble(3.0, seed=seed), 16000)
        text = recognizer.transcribe(babble(3.0, seed=seed)).text
        utterances.append(Utterance(str(seed), str(tmp_path / f"{seed}.wav"), text, 3.0))
    assert bundle.lexicon is not None
    tree = LexiconTree(read_lexicon(lexicon_bundle / bundle.lexicon.file, phones), len(phones))
    model = NgramModel.load(lexicon_bundle / "words.lm")
    tried = tune_lexicon_weights(recognizer, utterances, tree, model)
    assert [one.wer for one in tried] == sorted(one.wer for one in tried)
    assert tried[0].wer < 0.2
    with pytest.raises(ConfigError, match="utterances with text"):
        tune_lexicon_weights(recognizer, [], tree, model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["lexicon"].update(sha256="0" * 64), "is not the file that bundle.json describes"),
        (lambda facts: facts["lexicon"].update(file="other.txt"), "has no other.txt"),
        (lambda facts: facts["lexicon"].update(file="../lexicon.txt.gz"), "name of a file inside the bundle"),
        (lambda facts: facts["lexicon"].pop("weights"), "weights"),
        (lambda facts: facts.update(phones=None), "no phones to read it in"),
        (lambda facts: facts.update(lexicon=[]), "cannot be honoured"),
    ],
)
def test_what_cannot_be_honoured(own_copy: Path, change: Callable[[dict], None], said: str) -> None:
    facts = json.loads((own_copy / "bundle.json").read_text())
    change(facts)
    (own_copy / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=said):
        load_bundle(own_copy)


def test_without_a_lexicon(tiny_bundle: Path, own_copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no lexicon; attach one"):
        Recognizer(tiny_bundle, decoder="lexicon")
    with pytest.raises(ModelError, match="has no lexicon; put one into it"):
        open_lexicon(load_bundle(tiny_bundle))
    facts = json.loads((own_copy / "bundle.json").read_text())
    del facts["lexicon"], facts["phones"]
    (own_copy / "bundle.json").write_text(json.dumps(facts))
    (tmp_path / "lexicon.txt").write_text("the DH AH\n")
    with pytest.raises(ModelError, match="has no phones"):
        attach_lexicon(own_copy, tmp_path / "lexicon.txt", WEIGHTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no word"),
        (b"the DH AH\nof AH QQ\n", "line 2: 'QQ' is none of the recogniser's phones"),
        (b"the\n", "line 1: the has no phones"),
        (b"\n the DH AH \r\n\n\tof\n", "line 4: of has no phones"),
        (b"\n the DH AH \r\n\n of\tQ V\n", "line 4: 'Q' is none of"),
        (gzip.compress(b"the DH AH\n" * 99, mtime=0)[:-30], "cannot be read as text"),
        (b"\xff\xfe", "cannot be read as text"),
    ],
)
def test_lexicons_that_are_none(tiny_bundle: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "wrong.txt").write_bytes(content)
    phones = load_bundle(tiny_bundle).alphabet("phone_log_probs")
    with pytest.raises(DataError, match=said):
        read_lexicon(tmp_path / "wrong.txt", phones)
    with pytest.raises(DataError, match="cannot be read as text"):
        read_lexicon(tmp_path / "none.txt.gz", phones)


def test_lexicons_are_read_as_they_would_be_line_by_line(tiny_bundle: Path, tmp_path: Path) -> None:
    phones = load_bundle(tiny_bundle).alphabet("phone_log_probs")
    rng = np.random.default_rng(1)
    expected, lines = [], []
    for _ in range(500):
        word = "".join(rng.choice(list("abé'"), rng.integers(1, 4)))
        ids = rng.integers(1, len(phones), rng.integers(1, 6)).tolist()
        costs = -0.3 * sum(one.word == word for one in expected)
        expected.append(Pronunciation(word, tuple(ids), costs))
        blanks = [str(rng.choice([" ", "  ", "\t"])) for _ in ids]
        symbols = "".join(blank + phones.tokens[number] for blank, number in zip(blanks, ids, strict=True))
        lines += [
            str(rng.choice(["", " "])) + word + symbols + str(rng.choice(["", " ", "\r"])),
            *[""] * int(rng.integers(0, 2)),
        ]
    (tmp_path / "many.txt").write_bytes("\n".join(lines).encode())
    found = read_lexicon(tmp_path / "many.txt", phones)
    assert len(found) == len(expected)
    assert [(one.word, one.token_ids) for one in found] == [(one.word, one.token_ids) for one in expected]
    np.testing.assert_allclose(found.log_probs, [one.log_prob for one in expected])


def test_variants_cost_a_little(tiny_bundle: Path, tmp_path: Path) -> None:
    phones = load_bundle(tiny_bundle).alphabet("phone_log_probs")
    for name in ("a.txt", "a.txt.gz", "a.txt.xz"):
        assert write_lexicon(tmp_path / name, {"the": [["DH", "AH"], ["DH", "IY"]], "a": [["AH"]]}) == 3
        said = read_lexicon(tmp_path / name, phones)
        assert [(one.word, len(one.token_ids), one.log_prob) for one in said] == [
            ("the", 2, 0.0), ("the", 2, -0.3), ("a", 1, 0.0),
        ]  # fmt: skip
    first = (tmp_path / "a.txt.gz").read_bytes()
    write_lexicon(tmp_path / "a.txt.gz", {"the": [["DH", "AH"], ["DH", "IY"]], "a": [["AH"]]})
    assert (tmp_path / "a.txt.gz").read_bytes() == first


def test_shares_of_readings() -> None:
    def reading(text: str, share: float) -> LexiconHypothesis:
        return LexiconHypothesis(
            tuple(SpokenWord(word, 0, 1) for word in text.split()), float(np.log(share)), ((), None)
        )

    readings = [reading("a b c", 0.5), reading("a x c", 0.3), reading("a b", 0.2)]
    np.testing.assert_allclose(reading_shares(readings), [1.0, 0.7, 0.8])
    assert len(reading_shares([reading("", 1.0)])) == 0
