"""RoboTutor's English assets: children's stories read for a reading tutor, by few speakers.

A story's `storydata.json` gives the text of its recordings; other recordings (the lessons that go with the stories) are
named after their text, without punctuation. Left out: a second copy of a recording under another name, texts that are
no words (a lesson's "sounds like this s"), and recordings too long or too short for their text.
Source: https://github.com/XPRIZE/GLEXP-Team-RoboTutor-EnglishAssets
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import AUDIO_SUFFIXES, Progress, chosen_parts, measure, need_folder
from vivavoce.errors import DataError

NAME = "robotutor"
LICENCE = "CC-BY-4.0"
FOLDERS = ("robotutor", "GLEXP-Team-RoboTutor-EnglishAssets")
STORY_AUDIO = re.compile(r".*/story_reading/[^/]+/([^/]+/[^/]+)/[^/]+")
CHARACTERS_PER_SECOND = (2.5, 24.0)  # with the silence at both ends, for texts of three words and more
SHORT_TEXT_SECONDS = (0.25, 4.0)


def prepare(root: Path, part: str | None = None, progress: Progress | None = None) -> list[Utterance]:
    """All utterances; the only part is "train".

    Raises:
        DataError: no such folder or part, or no stories.
    """
    root = need_folder(root, NAME, "English_StoriesAudio with story_reading folders and storydata.json files")
    texts = _story_texts(root)
    files = [path for path in sorted(root.rglob("*")) if path.suffix in AUDIO_SUFFIXES]
    chosen = _without_copies([path.as_posix() for path in files])
    chosen_parts(["train"] if chosen else [], part, NAME, root)
    utterances = []
    for path in chosen:
        story = _story_of(path)
        text = texts.get((story, _key(Path(path).stem))) or Path(path).stem.replace("_", " ")
        if not has_only_words(text):
            continue
        extra = {"corpus": NAME, "part": "train", "licence": LICENCE, "story": story}
        name = f"{story}/{_key(Path(path).stem)}".replace("/", "-")
        utterances.append(Utterance(name, path, text, 0.0, speaker=NAME, extra=extra))
    return [utterance for utterance in measure(utterances, progress) if fits(utterance)]


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs."""
    return [path for path in paths if path.endswith("/storydata.json")] + _without_copies(paths)


def has_only_words(text: str) -> bool:
    """False where letters stand for sounds, or nothing is said: "like this s", "sh sh"."""
    words = re.findall(r"[A-Za-z']+|\d+", text)
    alone = [word for word in words if len(word) == 1 and word not in ("a", "A", "I", "O") and word.isalpha()]
    return bool(words) and not (alone and "letter" not in text.lower()) and "like this" not in text.lower()


def fits(utterance: Utterance) -> bool:
    """Whether a recording can be its text, by length."""
    seconds = utterance.duration_seconds
    if len(utterance.text.split()) < 3:
        return SHORT_TEXT_SECONDS[0] <= seconds <= SHORT_TEXT_SECONDS[1]
    slowest, fastest = CHARACTERS_PER_SECOND
    return slowest <= len(utterance.text) / seconds <= fastest


def _without_copies(paths: Sequence[str]) -> list[str]:
    """The recordings of stories, one for each text: names as the text has them before names_like_this."""
    kept: dict[tuple[str, str], str] = {}
    for path in paths:
        stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
        if not _story_of(path) or dot + suffix not in AUDIO_SUFFIXES or path.endswith("/segmentation"):
            continue
        key = (_story_of(path), _key(stem))
        if key not in kept or "_" in kept[key].rpartition("/")[2]:
            kept[key] = path
    return sorted(kept.values())


def _story_of(path: str) -> str:
    found = STORY_AUDIO.fullmatch(path)
    return found[1] if found else ""


def _key(stem: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")


def _story_texts(root: Path) -> dict[tuple[str, str], str]:
    """(story, key of the recording's name) -> text, with the sentence's punctuation where it is one recording."""
    texts: dict[tuple[str, str], str] = {}
    for path in sorted(root.rglob("storydata.json")):
        story = "/".join(path.parts[-3:-1])
        try:
            pages = json.loads(path.read_text(encoding="utf-8-sig"))["data"]
            sentences = [sentence for page in pages for paragraph in page["text"] for sentence in paragraph]
            for sentence in sentences:
                narration = sentence.get("narration") or []
                for piece in narration:
                    text = sentence["sentence"] if len(narration) == 1 else piece["utterances"]
                    texts[story, _key(Path(piece["audio"]).stem)] = text.strip()
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is not a story as RoboTutor writes it ({error!r}). Fetch the corpus again."
            ) from None
    return texts
