"""The recipe of grapheme to phoneme: what is held out stays held out, errors are counted, a small run."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from vivavoce.decoding.g2p import G2p
from vivavoce.decoding.pronouncer import Pronouncer
from vivavoce.decoding.voice_lexicon import read_voice_lexicon, write_voice_lexicon
from vivavoce.errors import ConfigError, DataError, TextError
from vivavoce.recipes.g2p import Config, main, measure, measure_voice, part_of
from vivavoce.text.phonemes import PronouncingDictionary

SOUNDS = {"b": "B", "a": "AE1", "t": "T", "e": "EH0", "l": "L", "s": "S"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Three hundred words that are said as they are written, and some that the model must do without."""
    rng = random.Random(1)
    words = sorted({"".join(rng.choices("bt" + "aels" * 2, k=rng.randint(2, 7))) for _ in range(330)})
    lines = [f"{word} {' '.join(SOUNDS[letter] for letter in word)}" for word in words]
    lines += ["b.b. B", "tsk(2) T S", "x2 T"]
    (tmp_path / "small.dict").write_text("\n".join(lines) + "\n")
    return Config(dictionary=str(tmp_path / "small.dict"), run=str(tmp_path / "run"), order=3, parts=5)


def test_a_small_run(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    folder = main(config)
    assert json.loads((folder / "config.json").read_text())["parts"] == 5
    model = G2p.load(folder / "model.g2p")
    dictionary = PronouncingDictionary.load(config.dictionary)
    held_out = [word for word in dictionary if part_of(word, 5) == 0 and word.isalpha()]
    entries = sum(len(dictionary.pronounce(word)) for word in dictionary if word.isalpha()) - len(held_out)
    assert model.info["entries"] == entries
    assert model.info["held_out"]["words"] == len(held_out) > 30
    assert model.info["held_out"]["wrong_words"] == 0  # letters and sounds are one to one
    shown = capsys.readouterr().out
    assert f"trained on {entries} pronunciations" in shown
    assert f"held out: word error 0.00% (0 of {len(held_out)})" in shown
    assert model.info["held_out_with_stress"]["words"] == len(held_out)
    assert "held out, with stress: word error" in shown
    assert "held out, as a voice says them, with stress: word error" in shown
    lexicon = read_voice_lexicon(folder / "voice.lexicon")
    assert set(lexicon) == {word for word in dictionary if word.isalpha()} - set(held_out)
    assert lexicon.info["held_out"] == model.info["held_out"]
    assert lexicon.guesser().pronounce(held_out[0]) == model.pronounce(held_out[0])


def test_all_words_can_be_trained_on(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    whole = G2p.load(main(replace(config, parts=0)) / "model.g2p").info
    assert "held_out" not in whole
    assert "held out" not in capsys.readouterr().out
    parts = [G2p.load(main(replace(config, part=part)) / "model.g2p").info for part in range(5)]
    assert sum(whole["entries"] - part["entries"] for part in parts) == whole["entries"]


def test_a_part_is_the_same_everywhere() -> None:
    assert [part_of(word, 20) for word in ("viva", "voce", "it's")] == [8, 6, 2]
    parts = [part_of(str(number), 20) for number in range(20000)]
    assert all(800 < parts.count(part) < 1200 for part in range(20))


def test_lexicons_of_voices_need_units_of_one_letter(config: Config) -> None:
    folder = main(replace(config, letters=2, parts=0))
    assert [file.name for file in sorted(folder.iterdir())] == ["config.json", "model.g2p"]


def test_stress_counts_where_it_is_asked_for(tmp_path: Path) -> None:
    class Guesses:
        def pronounce(self, word: str, stress: bool = False) -> list[tuple[list[str], float]]:
            return [(["AE1", "B"] if stress else ["AE", "B"], 1.0)]

    stressed, plain = PronouncingDictionary({"ab": [["AE2", "B"]]}), PronouncingDictionary({"ab": [["AE", "B"]]})
    assert measure(Guesses(), plain, ["ab"]).wrong_phones == 0  # type: ignore[arg-type]
    assert measure(Guesses(), stressed, ["ab"], stress=True).wrong_phones == 1  # type: ignore[arg-type]


def test_a_voice_is_measured_on_what_it_has_no_table_for(tmp_path: Path) -> None:
    said = [("vlog", ["V", "L", "AO1", "G"]), ("gov", ["G", "AO1", "V"])]
    lexicon = write_voice_lexicon(tmp_path / "voice.lexicon", said, G2p.train(said, order=2, min_count=1))
    entries = {"vlogs": [["V", "L", "AO1", "G", "Z"]], "govs": [["G", "OW1", "V", "Z"]], "record": [["R", "EH1", "K"]]}
    errors = measure_voice(Pronouncer(lexicon), PronouncingDictionary(entries), list(entries))
    assert (errors.words, errors.wrong_words, errors.phones, errors.wrong_phones) == (2, 1, 9, 1)
    plain = {word: [[phone.rstrip("012") for phone in phones[0]]] for word, phones in entries.items()}
    assert measure_voice(Pronouncer(lexicon), PronouncingDictionary(plain), ["vlogs"]).wrong_phones == 0


def test_errors_are_those_of_the_nearest_variant() -> None:
    class Guesses:
        def pronounce(self, word: str) -> list[tuple[list[str], float]]:
            if word == "q":
                raise TextError("no guess")
            return [(word.upper().split("'"), 1.0)]

    entries = {"a'b'c": [["X", "Y", "Z", "A"], ["A", "B"]], "a": [["B"], ["A"]], "a'b": [["X", "B", "Y"]]}
    entries["q"] = [["K", "Y", "UW"], ["K", "UW"]]
    errors = measure(Guesses(), PronouncingDictionary(entries), list(entries))  # type: ignore[arg-type]
    assert (errors.words, errors.wrong_words, errors.phones, errors.wrong_phones) == (4, 3, 8, 5)
    assert errors.word_error == pytest.approx(3 / 4)
    assert errors.phone_error == pytest.approx(5 / 8)


@pytest.mark.parametrize(("parts", "part"), [(1, 0), (-1, 0), (20, 20), (20, -1), (0, 1)])
def test_parts_that_do_not_exist_are_refused(config: Config, parts: int, part: int) -> None:
    with pytest.raises(ConfigError, match=f"part {part} of {parts}"):
        main(replace(config, parts=parts, part=part))


def test_a_missing_dictionary_is_named(config: Config) -> None:
    with pytest.raises(DataError, match=r"absent\.dict"):
        main(replace(config, dictionary="absent.dict"))
