"""The recipe of the neural language model: what is held out stays out, a small run learns, and goes on where it was."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.data.manifest import Utterance, write_manifest
from vivavoce.data.unit_text import UnitText, read_unit_text
from vivavoce.errors import ConfigError, DataError
from vivavoce.export.text_lm import load_text_lm
from vivavoce.models.text_lm import TextLmDims
from vivavoce.recipes.text_lm import Config, RowBatches, main, prepare
from vivavoce.training.run_folder import load_checkpoint
from vivavoce.training.schedule import ClockSchedule, by_updates_or_clock

WORDS = ("to", "be", "or", "not", "question", "whether", "nobler", "suffer", "slings", "arrows")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A text in which each word says which one follows, but for one in five."""
    rng = random.Random(0)
    lines, word = [], 0
    for _ in range(900):
        row = []
        for _ in range(rng.randint(3, 12)):
            word = (3 * word + 1) % 10 if rng.random() < 0.8 else rng.randrange(10)
            row.append(WORDS[word])
        lines.append(" ".join(row).capitalize() + ".")
    (tmp_path / "books.txt").write_text("# a-book\n" + "\n".join(lines) + "\n")
    said = [Utterance(str(n), f"{n}.wav", lines[n], 1.0) for n in range(20)]
    write_manifest(tmp_path / "train.jsonl", [*said, Utterance("again", "x.wav", lines[3].upper(), 1.0)])
    return Config(
        texts=(str(tmp_path / "books.txt"), str(tmp_path / "train.jsonl")),
        prepared=str(tmp_path / "units"),
        run=str(tmp_path / "run"),
        vocabulary=80,
        dims=TextLmDims(units=81, width=32, layers=1, heads=2, feed_forward=64),
        row_units=(16, 8),
        batch_units=512,
        updates=160,
        warmup=4,
        device="cpu",
        threads=1,
    )


def test_a_small_run_learns_and_goes_on_where_it_was(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.data.unit_text.WATCHED_EVERY", 5)
    folder = main(config)
    model, subwords, facts = load_text_lm(folder / "text-lm.safetensors")
    assert facts["updates"] == 160
    assert len(subwords) == 80
    # Ten words, one in five of them any: a perplexity of 10 without what comes before, of 3.6 with it.
    assert 3.0 < facts["watch"]["watch_perplexity_in_rows"] < 6.0
    assert model.dims == config.dims
    half = replace(config, run=f"{config.run}-half")
    main(replace(half, updates=80, decay_share=0.1))
    (first,) = (Path(half.run) / "checkpoints").glob("*")
    assert load_checkpoint(first)[1]["step"] == 80
    main(half)
    assert load_text_lm(Path(half.run) / "text-lm.safetensors")[2]["updates"] == 160
    with pytest.raises(ConfigError, match="of other batch_units"):
        main(replace(half, updates=170, batch_units=1024))


def test_held_out_texts_stay_out(config: Config, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"training": {"held_out": ["3", "5"]}}))
    prepare(replace(config, held_out=str(bundle)))
    _, _, facts = read_unit_text(config.prepared)
    assert facts["texts_left_out"] == 3  # that of number 3 is said twice
    bundle.write_text(json.dumps({"training": {"held_out": ["3", "77"]}}))
    with pytest.raises(DataError, match=r"\['77'\], which none of the manifests has"):
        prepare(replace(config, held_out=str(bundle)))
    write_manifest(tmp_path / "held-out.jsonl", [Utterance("else", "y.wav", "To be or not", 1.0)])
    prepare(replace(config, held_out=str(tmp_path / "held-out.jsonl")))
    assert read_unit_text(config.prepared)[2]["texts_left_out"] == 0


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"training": {}}', '{"training": {"held_out": null}}'])
def test_a_bundle_that_does_not_tell_what_was_held_out(config: Config, tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "bundle.json"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(DataError, match=r"bundle\.json does not tell what was held out"):
        prepare(replace(config, held_out=str(bundle)))


def test_a_prepared_text_is_of_what_it_was_made_with(config: Config, tmp_path: Path) -> None:
    write_manifest(tmp_path / "held-out.jsonl", [Utterance("else", "y.wav", "To be or not", 1.0)])
    config = replace(config, held_out=str(tmp_path / "held-out.jsonl"), updates=0)
    main(config)
    main(config)
    alone = Config(prepared=config.prepared, updates=0)
    main(alone)  # on another machine, say, that has nothing else
    for same in ({"vocabulary": 80}, {"held_out": config.held_out}):
        main(replace(alone, **same))
    for of, name, value in (
        (config, "texts", config.texts[:1]),
        (config, "held_out", ""),
        (config, "held_out", "other.jsonl"),
        (config, "vocabulary", 4095),
        (alone, "held_out", "other.jsonl"),
        (alone, "vocabulary", 60),
    ):
        with pytest.raises(ConfigError, match=rf"units was made with {name}=.*; name another folder with prepared="):
            main(replace(of, **{name: value}))
    about = Path(config.prepared) / "text.json"
    known = json.loads(about.read_text())
    about.write_text(json.dumps({name: known[name] for name in ("merges", "units", "words", "texts_left_out")}))
    main(replace(config, vocabulary=60))  # one that does not say is taken as it is


def test_a_checkpoint_is_of_its_text(config: Config) -> None:
    config = replace(config, updates=6, decay_share=0.5, warmup=1)
    main(config)
    prepare(replace(config, texts=config.texts[:1]))
    more = replace(config, texts=(), updates=9)
    with pytest.raises(ConfigError, match="checkpoint is of a run on another prepared text"):
        main(more)
    prepare(config)
    main(more)
    text = UnitText.from_marked(*read_unit_text(config.prepared)[:2])
    batches = RowBatches(text, config, torch.device("cpu"))
    batches.load_state_dict({"epoch": 1, "batch": 2, "rows": 32})  # as checkpoints of before have it
    assert (batches.epoch, batches.batch) == (1, 2)


def test_rows_are_of_the_text(config: Config) -> None:
    prepare(config)
    marked, subwords, _ = read_unit_text(config.prepared)
    text = UnitText.from_marked(marked, subwords)
    whole = subwords.decode(text.units)
    batches = RowBatches(text, config, torch.device("cpu"))
    stream = iter(batches)
    for number in range(4):
        batch = next(stream)
        length = config.row_units[number % 2]
        assert batch.rows.shape == (512 // length, length + 1)
        assert batch.audio_seconds == 512
        assert (batch.rows[:, 0] == config.dims.mark).all()
        for row in batch.rows[:, 1:].numpy():
            said = subwords.decode(row)
            assert f" {said}" in f" {whole}"
        position = batch.position
    again = RowBatches(text, config, torch.device("cpu"))
    again.load_state_dict(position)
    np.testing.assert_array_equal(next(iter(again)).rows, next(stream).rows)


def test_the_clock_brings_the_rate_down(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    schedule = ClockSchedule(20.0, 10, 0.5)
    assert [schedule(n) for n in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    now = 115.0
    assert schedule(50) == pytest.approx(0.5)
    now = 121.0
    assert schedule(50) == 0.0


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_a_fall_that_is_no_share(share: float) -> None:
    for seconds in (20.0, math.inf):
        with pytest.raises(ConfigError, match=r"decay_share is .*; expected a share above 0 and of at most 1"):
            by_updates_or_clock(10, 100, seconds, share, float)
    assert by_updates_or_clock(0, 100, 20.0, 1.0, float)(5) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"row_units": (1,)}, "lengths of 2 or more"),
        ({"batch_units": 500}, "shared out evenly"),
        ({"seconds": 0.0}, "seconds above 0"),
        ({"texts": ()}, "no texts were given"),
        ({"dims": TextLmDims(units=80)}, "set dims.units=81"),
    ],
)
def test_settings_that_cannot_be(config: Config, change: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        main(replace(config, **change))


def test_texts_that_are_too_short(config: Config, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("To be.\n")
    with pytest.raises(DataError, match="expected"):
        main(replace(config, texts=(str(tmp_path / "short.txt"),)))
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="hold no words"):
        prepare(replace(config, texts=(str(tmp_path / "empty.txt"),)))
