"""CMU ARCTIC: about 1,132 prompts, each read by several studio voices.

Finds every folder with recordings named `arctic_a0001` and so on: the published layout (`cmu_us_bdl_arctic/wav` with
`etc/txt.done.data`), or folders named after the voice (`bdl/arctic_a0001.wav`) with a prompt file given apart: one in
the form of `txt.done.data` (`( arctic_a0001 "Author of ..." )`), or an LJSpeech metadata.csv whose names begin with
the prompt's. Recordings without a prompt are left out: that holds prompts out, where a test needs unseen ones.
Source: Kominek and Black, The CMU ARCTIC databases, 2003; http://www.festvox.org/cmu_arctic/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import AUDIO_SUFFIXES, Progress, chosen_parts, measure, need_folder
from vivavoce.errors import DataError

NAME = "arctic"
LICENCE = "free for any use (Carnegie Mellon University)"
FOLDERS = ("arctic", "cmu_arctic")
RECORDING = re.compile(r"arctic_[ab]\d{4}")
PROMPT = re.compile(r'\(?\s*(arctic_[ab]\d{4})\s+"(.*)"\s*\)?')
VOICE_FOLDER = re.compile(r"cmu_us_([a-z]+)_arctic.*")
GENDERS = {"bdl": "male", "rms": "male", "awb": "male", "jmk": "male", "ksp": "male", "slt": "female", "clb": "female"}


def prepare(
    root: Path, part: str | None = None, progress: Progress | None = None, prompts: Path | None = None
) -> list[Utterance]:
    """All utterances with a prompt; the only part is "train".

    Raises:
        DataError: no such folder or part, no recordings, or no prompts for a voice.
    """
    root = need_folder(root, NAME, "recordings named arctic_a0001")
    given = read_prompts(prompts) if prompts is not None else None
    folders: dict[Path, list[Path]] = {}
    for path in sorted(root.rglob("arctic_*")):
        if path.suffix in AUDIO_SUFFIXES and RECORDING.fullmatch(path.stem):
            folders.setdefault(path.parent, []).append(path)
    chosen_parts(["train"] if folders else [], part, NAME, root)
    utterances = []
    for folder, recordings in folders.items():
        texts = given if given is not None else read_prompts(_prompt_file(folder))
        voice = _voice_of(folder)
        extra = {"corpus": NAME, "part": "train", "licence": LICENCE}
        if voice in GENDERS:
            extra["gender"] = GENDERS[voice]
        utterances += [
            Utterance(
                f"{voice}_{path.stem}",
                str(path),
                texts[path.stem],
                0.0,
                speaker=voice,
                extra={**extra, "prompt": path.stem},
            )
            for path in recordings
            if path.stem in texts
        ]
    return measure(utterances, progress)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs: the recordings and the prompt files."""
    return [
        path
        for path in paths
        if path.endswith("/etc/txt.done.data")
        or (PurePosixPath(path).suffix in AUDIO_SUFFIXES and RECORDING.fullmatch(PurePosixPath(path).stem))
    ]


def read_prompts(path: Path) -> dict[str, str]:
    """Prompt name -> text.

    Raises:
        DataError: the file is missing or holds no prompt in either form.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; CMU ARCTIC needs its prompts. Give a prompt file with --prompts.")
    prompts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, bar, text = line.partition("|")
        found = RECORDING.match(name) if bar else PROMPT.fullmatch(line.strip())
        if found and bar:
            prompts[found[0]] = text.rpartition("|")[2]
        elif found:
            prompts[found[1]] = found[2]
    if not prompts:
        raise DataError(f'{path} holds no prompt; expected `( arctic_a0001 "text" )` or `arctic_a0001...|text`.')
    return prompts


def _prompt_file(folder: Path) -> Path:
    return next((p for p in (folder / "etc", folder.parent / "etc") if p.is_dir()), folder) / "txt.done.data"


def _voice_of(folder: Path) -> str:
    for name in (folder.name, folder.parent.name):
        found = VOICE_FOLDER.fullmatch(name)
        if found:
            return found[1]
    return folder.parent.name if folder.name in ("wav", "wavs") else folder.name
