from __future__ import annotations

import json

import pytest

from vivavoce.data.corpora import by_part, corpus_names, find_corpora, load_corpus
from vivavoce.errors import DataError


def rows_of(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_corpus_keeps_the_rules(tmp_path):
    assert {"librispeech", "common_voice", "an4", "arctic", "ljspeech", "kathleen", "fsdd"} <= set(corpus_names())
    for name in corpus_names():
        corpus = load_corpus(name)
        assert name == corpus.NAME
        assert corpus.LICENCE
        assert corpus.FOLDERS
        with pytest.raises(DataError, match="not a folder"):
            corpus.prepare(tmp_path / "none")
        (tmp_path / name).mkdir()
        with pytest.raises(DataError):
            corpus.prepare(tmp_path / name)


def test_unknown_corpora(tmp_path):
    with pytest.raises(DataError, match=r"no corpus 'timit'; known: african_stories, an4"):
        load_corpus("timit")
    with pytest.raises(DataError, match="no folder of a known corpus"):
        find_corpora(tmp_path)


def test_a_folder_of_two_names_is_found_once(tmp_path):
    for name in ("fsdd", "arctic"):
        (tmp_path / name).mkdir()
    (tmp_path / "cmu_arctic").symlink_to("arctic")
    assert [folder.name for _, folder in find_corpora(tmp_path)] == ["arctic", "fsdd"]
    (tmp_path / "free-spoken-digit-dataset").mkdir()
    assert [corpus.NAME for corpus, _ in find_corpora(tmp_path)] == ["arctic", "fsdd", "fsdd"]


def test_librispeech(tmp_path, make_audio):
    for part, speaker in (("train-clean-5", "19"), ("dev-clean", "84"), ("test-clean", "61")):
        chapter = tmp_path / part / speaker / "7"
        make_audio(chapter / f"{speaker}-7-0000.flac", 0.75)
        (chapter / f"{speaker}-7.trans.txt").write_text(f"{speaker}-7-0000 IT'S {part.upper()}\n")
    (tmp_path / "SPEAKERS.TXT").write_text("; comment\n19   | F | train-clean-5 | 25.1 | Someone\n")
    corpus = load_corpus("librispeech")
    counts = {part: len(rows) for part, rows in by_part(corpus.prepare(tmp_path)).items()}
    assert counts == {"train": 1, "dev": 1, "test": 1}
    (train,) = corpus.prepare(tmp_path, "train")
    assert (train.id, train.text, train.speaker, train.duration_seconds) == (
        "19-7-0000", "IT'S TRAIN-CLEAN-5", "19", 0.75,
    )  # fmt: skip
    assert train.extra["gender"] == "female"
    assert corpus.prepare(tmp_path, "train-clean-5") == [train]
    assert [u.text for u in corpus.prepare(tmp_path / "dev-clean")] == ["IT'S DEV-CLEAN"]
    with pytest.raises(DataError, match="has no part 'valid'"):
        corpus.prepare(tmp_path, "valid")
    (tmp_path / "dev-clean/84/7/84-7-0000.flac").unlink()
    with pytest.raises(DataError, match=r"84-7-0000, but .* no audio"):
        corpus.prepare(tmp_path)


def test_librispeech_from_inside_a_part(tmp_path, make_audio, monkeypatch):
    """The part is the folder's name, however the folder is written."""
    chapter = tmp_path / "train-clean-5/19/7"
    make_audio(chapter / "19-7-0000.flac")
    (chapter / "19-7.trans.txt").write_text("19-7-0000 YES\n")
    for inside, root in (("train-clean-5", "."), ("train-clean-5/19", "."), ("train-clean-5/19", "..")):
        monkeypatch.chdir(tmp_path / inside)
        (utterance,) = load_corpus("librispeech").prepare(root)
        assert (utterance.extra["part"], utterance.extra["subset"]) == ("train", "train-clean-5")


def test_unicode_line_separators_end_no_row(tmp_path, make_audio):
    text = "one\u2028two\x85three"
    make_audio(tmp_path / "cv/clips/a.mp3")
    (tmp_path / "cv/train.tsv").write_text(f"client_id\tpath\tsentence\nf00\ta.mp3\t{text}\n", encoding="utf-8")
    make_audio(tmp_path / "an4/a.wav")
    row = json.dumps({"id": "a", "audio": "a.wav", "text": text}, ensure_ascii=False)
    (tmp_path / "an4/train.jsonl").write_text(row + "\n", encoding="utf-8")
    make_audio(tmp_path / "ljspeech/wavs/a.wav")
    (tmp_path / "ljspeech/metadata.csv").write_text(f"a|{text}|{text}\n", encoding="utf-8")
    for name, folder in (("common_voice", "cv"), ("an4", "an4"), ("ljspeech", "ljspeech")):
        (utterance,) = load_corpus(name).prepare(tmp_path / folder)
        assert utterance.text == text


def test_common_voice_tables_and_unlabelled_clips(tmp_path, make_audio):
    for name in ("a", "b", "c", "d"):
        make_audio(tmp_path / f"clips/{name}.mp3")
    header = "client_id\tpath\tsentence\tage\tgender\taccents\n"
    (tmp_path / "train.tsv").write_text(header + 'f00\ta.mp3\tHe said "no.\ttwenties\tmale_masculine\t\n')
    (tmp_path / "test.tsv").write_text(header + "f01\tb.mp3\tYes.\t\t\t\n")
    (tmp_path / "validated.tsv").write_text(header)
    (tmp_path / "invalidated.tsv").write_text(header + "f02\tc.mp3\tBroken.\t\t\t\n")
    corpus = load_corpus("common_voice")
    train, test = corpus.prepare(tmp_path)
    assert (train.text, train.speaker, train.extra["gender"], train.extra["age"]) == (
        'He said "no.', "f00", "male", "twenties",
    )  # fmt: skip
    assert "gender" not in test.extra
    assert (test.text, test.extra["part"]) == ("Yes.", "test")
    (unlabelled,) = corpus.prepare(tmp_path, "unlabelled")
    assert (unlabelled.id, unlabelled.text) == ("d", "")


def test_an4_published_layout(tmp_path, make_audio):
    make_audio(tmp_path / "wav/an4_clstk/fash/an251-fash-b.wav")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/an4_train.transcription").write_text("<s> GO AHEAD </s> (an251-fash-b)\n")
    (tmp_path / "etc/an4_train.fileids").write_text("an4_clstk/fash/an251-fash-b\n")
    (utterance,) = load_corpus("an4").prepare(tmp_path)
    assert (utterance.text, utterance.speaker, utterance.extra["gender"]) == ("GO AHEAD", "fash", "female")


def test_speechocean762_published_layout(tmp_path, make_audio):
    make_audio(tmp_path / "WAVE/SPEAKER0001/000010011.WAV")
    tables = {"text": "WE CALL IT BEAR", "wav.scp": "WAVE/SPEAKER0001/000010011.WAV", "utt2spk": "0001"}
    for name, value in tables.items():
        rows_path = tmp_path / "train" / name
        rows_path.parent.mkdir(exist_ok=True)
        rows_path.write_text(f"000010011\t{value}\n")
    (tmp_path / "train/spk2age").write_text("0001 6\n")
    (tmp_path / "train/spk2gender").write_text("0001 m\n")
    (utterance,) = load_corpus("speechocean762").prepare(tmp_path, "train")
    assert (utterance.text, utterance.speaker) == ("WE CALL IT BEAR", "0001")
    assert (utterance.extra["age"], utterance.extra["gender"]) == (6, "male")
    (tmp_path / "WAVE/SPEAKER0001/000010011.WAV").unlink()
    with pytest.raises(DataError, match="missing"):
        load_corpus("speechocean762").prepare(tmp_path, "train")
    assert load_corpus("speechocean762").prepare(tmp_path, "train", skip_missing=True) == []


def test_arctic_layouts_and_held_out_prompts(tmp_path, make_audio):
    for name in ("arctic_a0001", "arctic_a0002"):
        make_audio(tmp_path / f"cmu_us_slt_arctic/wav/{name}.wav")
        make_audio(tmp_path / f"plain/bdl/{name}.wav")
    (tmp_path / "cmu_us_slt_arctic/etc").mkdir()
    (tmp_path / "cmu_us_slt_arctic/etc/txt.done.data").write_text(
        '( arctic_a0001 "Author of the trail, etc." )\n( arctic_a0002 "Not at this case." )\n'
    )
    corpus = load_corpus("arctic")
    published = corpus.prepare(tmp_path / "cmu_us_slt_arctic")
    assert [(u.id, u.text, u.speaker) for u in published] == [
        ("slt_arctic_a0001", "Author of the trail, etc.", "slt"),
        ("slt_arctic_a0002", "Not at this case.", "slt"),
    ]
    with pytest.raises(DataError, match="--prompts"):
        corpus.prepare(tmp_path / "plain")
    (tmp_path / "metadata.csv").write_text("arctic_a0002_159|Not at this|Not at this\n")
    (utterance,) = corpus.prepare(tmp_path / "plain", prompts=tmp_path / "metadata.csv")
    assert (utterance.id, utterance.text, utterance.extra["gender"]) == ("bdl_arctic_a0002", "Not at this", "male")
    (tmp_path / "empty").write_text("nothing\n")
    with pytest.raises(DataError, match="no prompt"):
        corpus.prepare(tmp_path / "plain", prompts=tmp_path / "empty")


def test_ljspeech_below_a_folder(tmp_path, make_audio):
    make_audio(tmp_path / "LJSpeech-1.1/wavs/LJ001-0001.flac")
    (tmp_path / "LJSpeech-1.1/metadata.csv").write_text("LJ001-0001|In 1455|In fourteen fifty-five\n")
    (utterance,) = load_corpus("ljspeech").prepare(tmp_path)
    assert (utterance.text, utterance.extra["printed"]) == ("In fourteen fifty-five", "In 1455")
    (tmp_path / "LJSpeech-1.1/metadata.csv").write_text("LJ001-0001\n")
    with pytest.raises(DataError, match="line 1"):
        load_corpus("ljspeech").prepare(tmp_path)


def test_robotutor(tmp_path, make_audio):
    audio = tmp_path / "assets/audio/en/cmu/xprize/story_reading/quality_low/1/1_8"
    for name, seconds in (
        ("What's this we see", 2.0), ("what_s_this_we_see", 2.0), ("counting_cats", 1.5),
        ("it sounds like this s", 3.0), ("a_very_long_silence_then", 30.0), ("she said no", 1.2),
    ):  # fmt: skip
        make_audio(audio / f"{name}.wav", seconds)
    story = {"data": [{"text": [[{"sentence": "Counting Cats!", "narration": [{"audio": "counting_cats.mp3"}]}]]}]}
    place = tmp_path / "assets/story/en/1/1_8/storydata.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(story))
    texts = sorted(u.text for u in load_corpus("robotutor").prepare(tmp_path))
    assert texts == ["Counting Cats!", "What's this we see", "she said no"]
    place.write_text('{"pages": []}')
    with pytest.raises(DataError, match="not a story"):
        load_corpus("robotutor").prepare(tmp_path)


def test_speech_commands_published_layouts(tmp_path, make_audio):
    make_audio(tmp_path / "whole/yes/0a7c2a8d_nohash_0.wav")
    make_audio(tmp_path / "whole/_background_noise_/noise.wav")
    (utterance,) = load_corpus("speech_commands").prepare(tmp_path / "whole")
    assert (utterance.text, utterance.speaker, utterance.extra["command"]) == ("yes", "0a7c2a8d", "yes")
    for name in ("_unknown_/bed_4c7c95de_nohash_0", "_silence_/42", "up/0a7c2a8d_nohash_0"):
        make_audio(tmp_path / f"test/{name}.wav")
    found = {u.extra["command"]: (u.text, u.speaker) for u in load_corpus("speech_commands").prepare(tmp_path / "test")}
    assert found == {"_unknown_": ("bed", "4c7c95de"), "_silence_": ("", ""), "up": ("up", "0a7c2a8d")}


def test_fsdd_and_voxforge_published_layouts(tmp_path, make_audio):
    make_audio(tmp_path / "f/recordings/7_theo_3.wav", 0.4, 8000)
    (digit,) = load_corpus("fsdd").prepare(tmp_path / "f", "test")
    assert (digit.text, digit.speaker) == ("seven", "theo")
    make_audio(tmp_path / "v/ann-2014-abc/wav/a0001.wav")
    (tmp_path / "v/ann-2014-abc/etc").mkdir()
    (tmp_path / "v/ann-2014-abc/etc/PROMPTS").write_text("ann-2014-abc/mfc/a0001 TWO WORDS\n")
    (tmp_path / "v/ann-2014-abc/etc/README").write_text("Gender: Female\nPronunciation dialect: Indian English\n")
    (spoken,) = load_corpus("voxforge").prepare(tmp_path / "v")
    assert (spoken.id, spoken.text, spoken.speaker) == ("ann-2014-abc-a0001", "TWO WORDS", "ann")
    assert (spoken.extra["gender"], spoken.extra["dialect"]) == ("female", "Indian English")


def test_coffee_intents_have_slots_and_no_text(tmp_path, make_audio):
    make_audio(tmp_path / "speech/a.opus")
    rows_of(
        tmp_path / "commands.jsonl",
        [{"id": "a", "audio": "speech/a.opus", "intent": "order", "slots": {"size": "big"}}],
    )
    (utterance,) = load_corpus("coffee_intents").prepare(tmp_path)
    assert (utterance.text, utterance.extra["intent"], utterance.extra["slots"]) == ("", "order", {"size": "big"})


@pytest.fixture(scope="module")
def prepared(data_root):
    """Corpus -> part -> utterances, of everything beside the repository."""
    return {corpus.NAME: by_part(corpus.prepare(folder)) for corpus, folder in find_corpora(data_root)}


def test_corpora_beside_the_repository(prepared):
    counts = {(name, part): len(rows) for name, parts in prepared.items() for part, rows in parts.items()}
    expected = {
        ("librispeech", "train"): 2561, ("librispeech", "test"): 301, ("speechocean762", "train"): 1220,
        ("speechocean762", "test"): 598, ("an4", "test"): 130, ("kathleen", "train"): 1470, ("fsdd", "test"): 997,
    }  # fmt: skip
    assert {key: counts.get(key) for key in expected} == expected
    hours = sum(utterance.duration_seconds for utterance in prepared["librispeech"]["train"]) / 3600
    assert hours == pytest.approx(7.96, abs=0.01)
    for name, parts in prepared.items():
        rows = [utterance for part in parts.values() for utterance in part]
        assert len({utterance.id for utterance in rows}) == len(rows)
        assert all(utterance.extra["corpus"] == name and utterance.extra["licence"] for utterance in rows)


def test_share_alike_and_test_corpora_have_no_train_part(prepared):
    assert [
        name for name in ("fsdd", "voxforge", "speech_commands", "coffee_intents") if "train" in prepared[name]
    ] == []


def test_no_speaker_is_in_train_and_test(prepared):
    split = {name: parts for name, parts in prepared.items() if {"train", "test"} <= set(parts)}
    assert {"librispeech", "common_voice", "an4", "speechocean762"} <= set(split)
    for name, parts in split.items():
        train, test = ({utterance.speaker for utterance in parts[part]} - {""} for part in ("train", "test"))
        assert train, name
        assert not train & test, name
