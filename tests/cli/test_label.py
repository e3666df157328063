"""`viva label`, `viva cut` and `viva splice`: manifests that training reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vivavoce.data.manifest import Utterance, read_manifest, write_manifest
from vivavoce.metrics.error_rate import error_rate
from vivavoce.runtime.recognizer import Recognizer

Babble = Callable[..., np.ndarray]
Viva = Callable[..., Any]

EXAMPLES = Path(__file__).parents[2] / "examples"


def listed(folder: Path, babble: Babble, bundle: Path) -> list[Utterance]:
    """Two recordings with what the bundle hears in them, in all.jsonl."""
    utterances = []
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", babble(6.0, seed=number + 5), 16000, subtype="FLOAT")
        text = Recognizer(bundle).transcribe(str(folder / f"{number}.wav")).text
        utterances.append(Utterance(f"u{number}", str(folder / f"{number}.wav"), text, 6.0))
    write_manifest(folder / "all.jsonl", utterances)
    return utterances


def test_sure_labels_are_kept(viva: Viva, tmp_path: Path, babble: Babble, tiny_bundle: Path) -> None:
    utterances = listed(tmp_path, babble, tiny_bundle)
    options = ("label", tmp_path / "all.jsonl", "-o", tmp_path / "out.jsonl", "--bundle", tiny_bundle)
    done = viva(*options, "--least", 0)
    assert done.code == 0
    found = read_manifest(tmp_path / "out.jsonl")
    assert [(u.id, u.text) for u in found] == [(u.id, u.text) for u in utterances]
    assert "2 of 2 utterances" in done.err
    between = np.mean([u.extra["confidence"] for u in found])
    assert viva(*options, "--least", between).code == 0
    assert len(read_manifest(tmp_path / "out.jsonl")) == 1
    former = (tmp_path / "out.jsonl").read_bytes()
    done = viva(*options, "--least", 1)
    assert done.code == 2
    assert "--least" in done.err
    assert (tmp_path / "out.jsonl").read_bytes() == former
    (tmp_path / "out.jsonl").unlink()
    assert viva(*options, "--least", 1).code == 2
    assert not list(tmp_path.glob("out*"))


def test_what_was_labelled_before_an_end_is_kept(viva: Viva, tmp_path: Path, babble: Babble, tiny_bundle: Path) -> None:
    rows = listed(tmp_path, babble, tiny_bundle)
    write_manifest(tmp_path / "all.jsonl", [*rows, Utterance("gone", str(tmp_path / "gone.wav"), "", 1.0)])
    write_manifest(tmp_path / "out.jsonl", rows[:1])
    former = (tmp_path / "out.jsonl").read_bytes()
    options = ("label", tmp_path / "all.jsonl", "-o", tmp_path / "out.jsonl", "--bundle", tiny_bundle)
    done = viva(*options, "--least", 0)
    assert done.code == 2
    assert "gone.wav" in done.err
    assert (tmp_path / "out.jsonl").read_bytes() == former
    assert [one.id for one in read_manifest(tmp_path / "out.jsonl.part")] == ["u0", "u1"]


@pytest.mark.parametrize("command", ["label", "cut", "recode", "splice"])
def test_what_is_read_is_not_written_over(viva: Viva, tmp_path: Path, command: str) -> None:
    for name in ("a", "b"):
        write_manifest(tmp_path / f"{name}.jsonl", [Utterance(name, str(tmp_path / "gone.wav"), "text", 1.0)])
    (tmp_path / "same.jsonl").symlink_to(tmp_path / "b.jsonl")
    manifests = [tmp_path / f"{name}.jsonl" for name in ("b" if command == "label" else "ab")]
    audio = ("--audio", tmp_path / "audio") if command in ("recode", "splice") else ()
    before = (tmp_path / "b.jsonl").read_bytes()
    for output in (tmp_path / "b.jsonl", tmp_path / "same.jsonl"):
        done = viva(command, *manifests, "-o", output, *audio)
        assert done.code == 2
        assert f"--output {output} is a manifest that is read" in done.err
        assert (tmp_path / "b.jsonl").read_bytes() == before
    assert not (tmp_path / "audio").exists()
    assert not list(tmp_path.glob("*.part"))


def test_words_are_cut(viva: Viva, tmp_path: Path, babble: Babble, tiny_bundle: Path) -> None:
    utterances = listed(tmp_path, babble, tiny_bundle)
    options = ("cut", tmp_path / "all.jsonl", "-o", tmp_path / "words.jsonl", "--bundle", tiny_bundle)
    done = viva(*options, "--shortest", 0.05, "--longest", 3, "--most", 1)
    assert done.code == 0, done.err
    found = read_manifest(tmp_path / "words.jsonl")
    assert {word.text for word in found} <= {word for u in utterances for word in u.text.split()}
    assert len({word.text for word in found}) == len(found)
    assert all(word.extra["of"] == [word.id.rpartition("-word")[0]] for word in found)
    done = viva(*options, "--shortest", 5.9, "--longest", 6.0)
    assert done.code == 2
    assert "aligns" in done.err


def test_copies_are_listed(viva: Viva, tmp_path: Path, babble: Babble, tiny_bundle: Path) -> None:
    listed(tmp_path, babble, tiny_bundle)
    options = ("recode", tmp_path / "all.jsonl", "-o", tmp_path / "mp3.jsonl", "--audio", tmp_path / "mp3")
    done = viva(*options, "--kbps", "24")
    assert done.code == 0, done.err
    found = read_manifest(tmp_path / "mp3.jsonl")
    assert [u.id for u in found] == ["u0-mp3", "u1-mp3"]
    assert [u.extra["of"] for u in found] == [["u0"], ["u1"]]
    assert all(Path(u.audio).is_file() for u in found)
    done = viva(*options, "--kbps", "low")
    assert done.code == 2
    assert "--kbps low" in done.err
    done = viva(*options, "--kbps", "16,20")
    assert done.code == 2
    assert "expected one or more of 8, 16, 24" in done.err


def test_sentences_are_spliced(viva: Viva, tmp_path: Path) -> None:
    """The package's own recogniser on the recordings beside it: as if one person had said them all."""
    rows = [json.loads(line) for line in (EXAMPLES / "expected.jsonl").read_text().splitlines()]
    utterances = []
    for row in rows:
        path = EXAMPLES / Path(row["audio"]).name
        utterances.append(Utterance(path.stem, str(path), row["text"], soundfile.info(path).duration, speaker="one"))
    write_manifest(tmp_path / "all.jsonl", utterances)
    options = ("splice", tmp_path / "all.jsonl", "-o", tmp_path / "new.jsonl", "--audio", tmp_path / "new")
    done = viva(*options, "--longest", 5, "--times", 2)
    assert done.code == 0, done.err
    found = read_manifest(tmp_path / "new.jsonl")
    assert f"{len(found)} sentences" in done.err
    said = {word for u in utterances for word in u.text.split()}
    assert {word for u in found for word in u.text.split()} <= said
    assert not {u.text for u in found} & {u.text for u in utterances}
    for one in found:
        assert soundfile.info(one.audio).duration == pytest.approx(one.duration_seconds, abs=1e-3)
        assert 3.0 <= one.duration_seconds <= 5.0
        said_there = {word for u in utterances if u.id in one.extra["of"] for word in u.text.split()}
        assert set(one.text.split()) <= said_there
    heard = [Recognizer().transcribe(one.audio).text for one in found]
    assert error_rate([one.text for one in found], heard).rate < 0.5
    write_manifest(tmp_path / "none.jsonl", [replace(utterances[0], text="zebra zebra zebra")])  # nobody said that
    done = viva("splice", tmp_path / "none.jsonl", "-o", tmp_path / "x.jsonl", "--audio", tmp_path / "x")
    assert done.code == 2
    assert "too little speech" in done.err
    assert not (tmp_path / "x.jsonl").exists()
    write_manifest(tmp_path / "twice.jsonl", [utterances[0], replace(utterances[1], id=utterances[0].id)])
    done = viva("splice", tmp_path / "twice.jsonl", "-o", tmp_path / "x.jsonl", "--audio", tmp_path / "x")
    assert done.code == 2
    assert "`id` of its own" in done.err
