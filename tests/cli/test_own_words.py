"""`--words` and `viva lexicon pronounce` with the recogniser in the package, and the page that explains them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.decoding.own_words import OwnWords
from vivavoce.runtime.recognizer import Recognizer

Viva = Callable[..., Any]
SAID = "she takes metformin before breakfast every morning"


@pytest.fixture
def words(repository: Path) -> Path:
    return repository / "examples" / "words.txt"


@pytest.fixture
def recording(repository: Path) -> Path:
    return repository / "examples" / "tablets.flac"


def test_a_word_of_ones_own_is_heard(viva: Viva, words: Path, recording: Path) -> None:
    assert "metformin" not in viva("transcribe", recording).out
    assert viva("transcribe", "--words", words, recording) == (0, f"{SAID}\n", "")


def test_other_words_stay_as_they_were(viva: Viva, repository: Path, words: Path) -> None:
    rows = [json.loads(line) for line in (repository / "examples" / "expected.jsonl").read_text().splitlines()]
    rows = [row for row in rows if not row["audio"].endswith("tablets.flac")]
    done = viva("transcribe", "--words", words, "-f", "jsonl", *(repository / row["audio"] for row in rows))
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == [row["text"] for row in rows]


def test_words_of_a_sound_compete_by_their_likelihood(viva: Viva, repository: Path, tmp_path: Path) -> None:
    recording = repository / "examples" / "kitchen-light.flac"
    for likelihood, heard in (("", "kitchen"), ("0.9 ", "kitchin")):
        (tmp_path / "words.txt").write_text(f"kitchin {likelihood}K IH1 CH AH0 N  # a family\n")
        done = viva("transcribe", "--words", tmp_path / "words.txt", recording)
        assert done.out.split()[-1] == heard


def test_live_and_measured(viva: Viva, words: Path, recording: Path, tmp_path: Path) -> None:
    done = viva("listen", "--words", words, "--file", recording, "--block-ms", 1000)
    assert done.out == f"{SAID}\n"
    write_manifest(tmp_path / "one.jsonl", [Utterance("one", str(recording), SAID, 3.78)])
    report = json.loads(viva("evaluate", "--words", words, "-f", "json", tmp_path / "one.jsonl").out)
    assert "lexicon" in json.dumps(report)
    assert viva("evaluate", "--words", words, tmp_path / "one.jsonl").out.count(" 0.0 ") > 0
    for option in ("--words", "--hotwords"):
        done = viva("evaluate", "--record", option, words, tmp_path / "one.jsonl")
        assert (done.code, done.err) == (
            2, "error: --record keeps what the bundle can do by itself; leave out --hotwords and --words.\n",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "content", "said"),
    [
        (
            ["--decoder", "greedy"],
            "ab\n",
            "words were given, which the decoder 'greedy' has no use for; use 'lexicon'.",
        ),
        (["--decoder", "words"], "ab\n", "words were given, which the decoder 'words' has no use for; use 'lexicon'."),
        ([], "ab AH B\n\nac Q", "words.txt, line 3: ac is written with 'Q'; the recogniser's phones are AA AE"),
        ([], "# none\n", "words.txt holds no word; expected lines such as"),
        ([], "señor\n", "words.txt, line 1: 'señor' is no word of a-z and apostrophes; write 'senor'."),
    ],
)
def test_faults_are_told(
    viva: Viva, recording: Path, tmp_path: Path, arguments: list[str], content: str, said: str
) -> None:
    (tmp_path / "words.txt").write_text(content, encoding="utf-8")
    done = viva("transcribe", *arguments, "--words", tmp_path / "words.txt", recording)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err


def test_pronounce(viva: Viva, tiny_bundle: Path, tmp_path: Path) -> None:
    done = viva("lexicon", "pronounce", "Metformin", "tomato", "metformin", "-n", 3)
    assert done.code == 0
    rows = [line.partition("  # ") for line in done.out.splitlines()]
    assert [(row[0].split()[0], row[2][:7]) for row in rows[:3]] == [("metformin", "guessed")] * 3
    assert ("tomato T AH M EY T OW", "  # ", "in the lexicon") in rows
    assert len({row[0] for row in rows}) == len(rows)
    # Its lines are a file of --words.
    (tmp_path / "words.txt").write_text(done.out)
    bundle = Recognizer(decoder="greedy").bundle
    assert bundle.phones is not None
    said = OwnWords.load(tmp_path / "words.txt").pronunciations(bundle.phones)
    assert [" ".join([one.word, *(bundle.phones.tokens[n] for n in one.token_ids)]) for one in said] == [
        row[0] for row in rows
    ]
    for arguments, fault in (
        (["naïve"], "'naïve' is no word of a-z and apostrophes; write 'naive'."),
        (["a", "--bundle", tiny_bundle], "has no lexicon; attach one (`viva lexicon attach`)."),
    ):
        done = viva("lexicon", "pronounce", *arguments)
        assert done.code == 2
        assert fault in done.err


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_invented_words_are_heard(viva: Viva, tmp_path: Path) -> None:
    """Of a synthesiser that made no other sound here, saying words that no dictionary holds."""
    (tmp_path / "words.txt").write_text("borvalin B AO R V AH L IH N\nquandrex K W AA N D R EH K S\n")
    heard = 0
    for number, word in enumerate(("borvalin", "quandrex")):
        path = tmp_path / f"{number}.wav"
        text = f"the doctor gave him {word} and told him to rest"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", path, text], check=True)
        assert word not in viva("transcribe", path).out
        heard += word in viva("transcribe", "--words", tmp_path / "words.txt", path).out.split()
    assert heard > 0


def test_the_page_is_right(viva: Viva, repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "own-words.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w*)\n(.*?)```", page, re.S)
    (listed,) = [content for kind, content in blocks if kind == "text"]
    (tmp_path / "words.txt").write_text(listed, encoding="utf-8")
    bundle = Recognizer(decoder="greedy").bundle
    assert bundle.phones is not None
    assert len(OwnWords.load(tmp_path / "words.txt").pronunciations(bundle.phones)) > 2
    (code,) = [content for kind, content in blocks if kind == "python"]
    code = code.replace('"words.txt"', repr(str(tmp_path / "words.txt")))
    code = code.replace('"meeting.mp3"', repr(str(repository / "examples" / "tablets.flac")))
    exec(compile(code, "docs/own-words.md", "exec"), {})
    for _, content in blocks:
        for line in content.splitlines():
            if line.startswith("viva "):
                name, *arguments = line.partition("#")[0].split()[1:]
                given = {one for one in arguments if one.startswith("-")}
                command = [name, arguments[0]] if name == "lexicon" else [name]
                assert given <= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", viva(*command, "--help").out)), line
