"""`viva evaluate voice`: what it refuses, what it keeps, and a whole run with the package's own voice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.audio import probe
from vivavoce.cli.evaluate_voice import judge_texts, open_listeners
from vivavoce.cli.main import load_command
from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.errors import ConfigError, DataError
from vivavoce.runtime.recognizer import Recognizer

VOICE = Path(__file__).parents[2] / "src" / "vivavoce" / "assets" / "tts-en-kathleen" / "bundle.json"


def evaluate_voice(*arguments: object) -> None:
    load_command("evaluate_voice").main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def utterance(repository: Path) -> Utterance:
    audio = str(repository / "examples" / "kitchen-light.flac")
    return Utterance("light/1", audio, "Please turn on the light in the kitchen.", 2.0, 0.0, "slt")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(decoder="greedy")


def test_what_is_said_is_kept(utterance: Utterance, recognizer: Recognizer, tmp_path: Path) -> None:
    systems = {"recording": lambda take: take.waveform, "espeak-ng (en-us)": lambda take: take.waveform[::-1]}
    listeners = open_listeners(recognizer, False)
    assert [listener.name for listener in listeners] == ["asr-en-small (greedy)"]
    heard = judge_texts([(utterance, None)], systems, listeners, recognizer, tmp_path / "heard")
    assert [one.system for one in heard] == list(systems)
    files = sorted(path.name for path in (tmp_path / "heard").iterdir())
    assert files == ["light-1-espeak-ng-en-us.flac", "light-1-recording.flac"]
    for name in files:
        assert probe(tmp_path / "heard" / name).sample_rate == 22050


def test_pocketsphinx_is_asked_where_it_is(recognizer: Recognizer) -> None:
    pytest.importorskip("pocketsphinx")
    assert [listener.name for listener in open_listeners(recognizer, None)][1:] == ["pocketsphinx"]


def test_faults_are_named(tmp_path: Path, utterance: Utterance) -> None:
    write_manifest(tmp_path / "test.jsonl", [utterance])
    with pytest.raises(ConfigError, match="--format yaml"):
        evaluate_voice("voice", "--test", tmp_path / "test.jsonl", "-f", "yaml")
    with pytest.raises(ConfigError, match="--test MANIFEST"):
        evaluate_voice("voice")
    with pytest.raises(DataError, match="none of 1 utterances"):
        evaluate_voice("voice", "--test", tmp_path / "test.jsonl")  # this text is not held out


def test_a_voice_whose_attention_fails_is_judged(
    hollow_voice: Path, tmp_path: Path, utterance: Utterance, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "test.jsonl", [utterance])
    arguments = ("--test", tmp_path / "test.jsonl", "--all-texts", "--no-pocketsphinx", "--decoder", "greedy")
    evaluate_voice(hollow_voice, *arguments, "-f", "json")
    out, err = capsys.readouterr()
    assert "attention, 'Please turn on the light in the kitchen.': not aligned: " in err
    rows = {row["name"]: row for row in json.loads(out)["rows"]}
    assert list(rows) == ["recording", "copy-synthesis", "synthesis"]
    assert rows["copy-synthesis"]["mcd_db"]["value"] < 4.0  # Griffin-Lim needs no training
    assert rows["synthesis"]["wer"]["asr-en-small (greedy)"]["value"] > 0.7


@pytest.mark.skipif(not VOICE.is_file(), reason="the package has no voice yet")
def test_a_whole_run(tmp_path: Path, utterance: Utterance, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(tmp_path / "test.jsonl", [utterance])
    arguments = ("--test", tmp_path / "test.jsonl", "--all-texts", "--no-pocketsphinx", "--decoder", "greedy")
    evaluate_voice(VOICE.parent, *arguments, "-f", "json", "-o", tmp_path / "report")
    report = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == ["recording", "copy-synthesis", "synthesis"]
    assert rows["copy-synthesis"]["mcd_db"]["value"] < rows["synthesis"]["mcd_db"]["value"]
    assert rows["synthesis"]["wer"]["asr-en-small (greedy)"]["value"] < 0.7
    assert report["facts"]["texts"] == 1
    assert (tmp_path / "report" / "voice.md").read_text().startswith("# A voice against recordings")
