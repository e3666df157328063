"""`viva voice`: what it makes of runs and of other voices, what it refuses, and what then stands where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.errors import ModelError
from vivavoce.export.voice import SENTENCES, write_voice
from vivavoce.export.voice_sources import GriffinLim
from vivavoce.runtime.speech_plan import Style
from vivavoce.runtime.synthesizer import Synthesizer
from vivavoce.runtime.voice_bundle import load_voice_bundle
from vivavoce.text.voice_tokens import TOKENS
from vivavoce.training.run_folder import RunFolder

Viva = Callable[..., Any]


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    return facts


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_runs_become_voices(tiny_voice: Path, classic_voice: Path) -> None:
    assert files_of(tiny_voice) == ["acoustic.onnx", "bundle.json", "vocoder.onnx", "words.lexicon"]
    assert files_of(classic_voice) == [
        "acoustic/bundle.json", "acoustic/encoder.onnx", "acoustic/postnet.onnx", "acoustic/step.onnx", "bundle.json",
        "vocoder/bundle.json", "vocoder/condition.onnx", "vocoder/step.onnx", "vocoder/upsample.onnx", "words.lexicon",
    ]  # fmt: skip
    for folder, name in ((tiny_voice, "tiny-voice"), (classic_voice, "classic")):
        facts = facts_of(folder)
        assert (facts["kind"], facts["name"], facts["tokens"]) == ("voice", name, list(TOKENS))
        for part in ("acoustic", "vocoder"):
            training = facts["training"][part]
            assert (training["updates"], training["corpora"], training["seed"]) == (7, ["tiny"], 3)
        assert [path.name for path in folder.parent.iterdir()] == ["bundle"]  # nothing left lying about
    assert "attention" not in facts_of(tiny_voice)
    facts = facts_of(classic_voice)
    assert facts["attention"] == {"sentences": 1, "with_faults": 1}  # with a WaveNet, one sentence is measured
    assert facts["training"]["acoustic"]["dims"]["reduction"] == 3
    for part, error in (("acoustic", "mel_max_error"), ("vocoder", "answer_max_error")):
        inner = facts_of(classic_voice / part)
        assert inner["parity"] == facts["parity"][part]
        assert inner["training"] == facts["training"][part]
        assert inner["parity"][error] < 1e-4


def test_parts_of_voices_are_copied_with_what_is_known_of_them(
    tiny_voice: Path, classic_voice: Path, hollow_voice: Path, mixed_voice: Path
) -> None:
    assert files_of(hollow_voice) == [
        "acoustic/bundle.json", "acoustic/encoder.onnx", "acoustic/postnet.onnx", "acoustic/step.onnx", "bundle.json",
        "vocoder/bundle.json", "words.lexicon",
    ]  # fmt: skip
    for folder, sources in (
        (hollow_voice, {"acoustic": classic_voice}),
        (mixed_voice, {"acoustic": tiny_voice, "vocoder": classic_voice}),
    ):
        facts = facts_of(folder)
        for part, source in sources.items():
            theirs = facts_of(source)
            for key in ("parity", "training"):
                assert facts[key][part] == theirs[key][part] != {}
            assert facts[part] == theirs[part]
        assert (folder / "words.lexicon").read_bytes() == (tiny_voice / "words.lexicon").read_bytes()
    assert facts_of(hollow_voice)["training"]["vocoder"] == {}
    assert facts_of(hollow_voice / "vocoder")["iterations"] == 32
    assert facts_of(hollow_voice)["attention"] == {"sentences": len(SENTENCES), "with_faults": len(SENTENCES)}
    (sentence,) = (tiny := Synthesizer(tiny_voice)).planner.plan("The dog is there.", Style())
    assert np.array_equal(tiny.mel(sentence)[0], Synthesizer(mixed_voice).mel(sentence)[0])


def test_a_voice_replaces_a_bundle_but_for_what_people_wrote(
    viva: Viva, hollow_voice: Path, tiny_voice: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(hollow_voice, tmp_path / "source")
    (source / "DICTIONARY_LICENSE").write_text("theirs")
    (source / "MODEL_CARD.md").write_text("of another voice")
    out = shutil.copytree(tiny_voice, tmp_path / "out")
    (out / "MODEL_CARD.md").write_text("ours")
    done = viva("voice", source, "griffin-lim", out, "--name", "new", "--loudness", "-23")
    assert (done.code, done.err) == (0, f"wrote {out}\n")
    printed = json.loads(done.out)
    facts = facts_of(out)
    assert printed == {key: facts[key] for key in ("parity", "loudness", "attention")}
    assert (facts["name"], facts["loudness"]["lufs"]) == ("new", -23.0)
    assert (out / "MODEL_CARD.md").read_text() == "ours"
    assert (out / "DICTIONARY_LICENSE").read_text() == "theirs"  # it goes where the lexicon goes
    assert "acoustic.onnx" not in files_of(out)
    # In its own place, of its own parts.
    done = viva("voice", out, out, out, "--name", "renamed")
    assert done.code == 0, done.err
    assert facts_of(out)["name"] == "renamed"
    assert files_of(out) == files_of(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_what_failed_changes_nothing(
    viva: Viva, hollow_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    done = viva("voice", hollow_voice, "griffin-lim", mine)
    assert done.code == 2
    assert f"{mine} is no bundle, and would be replaced by one; name another folder." in done.err
    with pytest.raises(ModelError, match="is no bundle"):
        write_voice(load_voice_bundle(hollow_voice), GriffinLim(), hollow_voice / "words.lexicon", mine)
    assert files_of(mine) == ["thesis.txt"]
    out = shutil.copytree(hollow_voice, tmp_path / "out")
    before = facts_of(out)
    (tmp_path / "no.lexicon").write_bytes(b"none")
    assert viva("voice", hollow_voice, "griffin-lim", out, "--lexicon", tmp_path / "no.lexicon").code == 2
    monkeypatch.setattr("vivavoce.dsp.loudness.LoudnessMeter.loudness_lufs", lambda _meter: float("-inf"))
    done = viva("voice", hollow_voice, "griffin-lim", out)
    assert done.code == 2
    assert "the voice is silent" in done.err
    assert facts_of(out) == before
    assert viva("voice", hollow_voice, "griffin-lim", tmp_path / "new").code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "no.lexicon", "out"]


def test_users_faults_are_one_line(
    viva: Viva, tiny_runs: Path, tiny_words: Path, tiny_voice: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    runs, words, voice = tiny_runs, tiny_words, ("--lexicon", tiny_voice / "words.lexicon")
    dictionary, guesser = ("--dictionary", words / "words.dict"), ("--guesser", words / "guesser.g2p")
    RunFolder(tmp_path / "empty").save_config(json.loads((runs / "wavenet" / "config.json").read_text()))
    RunFolder(tmp_path / "other").save_config({"dims": {"layers": 3, "heads": 2}})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for arguments, named in (
        ((runs / "tacotron2", "griffin-lim"), "nothing says how words are said; name --lexicon"),
        ((runs / "tacotron2", "griffin-lim", *dictionary), "name --guesser"),
        ((runs / "tacotron2", "griffin-lim", *guesser), "name --dictionary"),
        ((runs / "tacotron2", "griffin-lim", *voice, *dictionary, *guesser), "words are given twice"),
        ((tiny_voice, "griffin-lim", *voice, *guesser), "words are given twice"),
        ((runs / "tacotron2", "griffin-lim", "--lexicon", tmp_path / "none"), "none is not a file"),
        ((runs / "tacotron2", "griffin-lim", *voice, "--precision", "int4"), "expected int8 or fp32"),
        ((runs / "wavenet", runs / "wavenet", *voice), "a run of `viva train wavenet`; the acoustic model comes"),
        ((runs / "tacotron2", runs / "fastpitch", *voice), "`viva train fastpitch`; the vocoder comes second"),
        ((tmp_path / "other", "griffin-lim", *voice), "a run of another recipe; the acoustic model comes first"),
        ((tmp_path / "broken", "griffin-lim", *voice), "config.json cannot be read"),
        ((tmp_path / "none", "griffin-lim", *voice), "none is no run folder of `viva train fastpitch` or"),
        ((runs / "tacotron2", tmp_path / "none", *voice), "and no voice's bundle, nor griffin-lim"),
        ((runs / "tacotron2", tmp_path / "empty", *voice), "holds no checkpoint"),
        ((tiny_bundle, "griffin-lim", *voice), "is a 'recognizer' bundle; expected a voice"),
    ):  # fmt: skip
        done = viva("voice", *arguments[:2], tmp_path / "out", *arguments[2:])
        assert done.code == 2, arguments
        assert named in done.err
        assert len(done.err.splitlines()) == 1, done.err
        assert not (tmp_path / "out").exists()


def test_weights_of_other_sizes_are_refused(viva: Viva, tiny_runs: Path, tiny_voice: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_runs / "tacotron2", tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["dims"]["width"] = 18
    (run / "config.json").write_text(json.dumps(config))
    done = viva("voice", run, "griffin-lim", tmp_path / "out", "--lexicon", tiny_voice / "words.lexicon")
    assert done.code == 2
    assert "does not fit its config.json" in done.err
