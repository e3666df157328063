"""speechocean762: read English by Mandarin speakers, half of them children.

The text is the prompt; some words are misread. `extra["age"]` is in years. Two layouts: the published one (`WAVE/`
with `train/text`, `train/wav.scp`, `train/utt2spk`, `train/spk2age`, `train/spk2gender`), and `train.jsonl`,
`test.jsonl` with audio paths.
Source: Zhang et al., arXiv:2104.01378; https://www.openslr.org/101
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from vivavoce.data.manifest import Utterance
from vivavoce.data.recordings import (
    Progress,
    chosen_parts,
    find_audio,
    gender,
    measure,
    need_folder,
    utterances_of_rows,
)
from vivavoce.errors import DataError

NAME = "speechocean762"
LICENCE = "Apache-2.0"
FOLDERS = ("speechocean762",)
PARTS = ("train", "test")
TABLES = ("text", "wav.scp", "utt2spk", "spk2age", "spk2gender")


def prepare(
    root: Path, part: str | None = None, progress: Progress | None = None, skip_missing: bool = False
) -> list[Utterance]:
    """Utterances of all parts below `root`, or of one.

    Raises:
        DataError: no such folder or part, or recordings are missing and not to be skipped.
    """
    root = need_folder(root, NAME, "train.jsonl, or train/text and WAVE")
    published = [name for name in PARTS if (root / name / "text").is_file()]
    listed = [name for name in PARTS if (root / f"{name}.jsonl").is_file()]
    utterances: list[Utterance] = []
    for name in chosen_parts(published or listed, part, NAME, root):
        if published:
            utterances += _read_published(root, name)
        else:
            utterances += utterances_of_rows(root / f"{name}.jsonl", NAME, name, LICENCE)
    return measure(utterances, progress, skip_missing)


def files_wanted(paths: Sequence[str], part: str | None, read_text: Callable[[str], str]) -> list[str]:
    """The files of a snapshot that `prepare` needs for a part, or for all."""
    wanted = []
    for name in PARTS if part is None else (part,):
        if f"{name}/wav.scp" not in paths:
            raise DataError(f"{NAME} has no {name}/wav.scp; expected the published layout.")
        wanted += [f"{name}/{table}" for table in TABLES if f"{name}/{table}" in paths]
        wanted += list(_read_table(read_text(f"{name}/wav.scp"), f"{name}/wav.scp").values())
    return wanted


def _read_table(content: str, where: str) -> dict[str, str]:
    """Kaldi's two columns: a key, white space, the rest of the line."""
    table = {}
    for number, line in enumerate(content.splitlines(), 1):
        columns = line.strip().split(maxsplit=1)
        if len(columns) == 1:
            raise DataError(f"{where}, line {number} has no value: {line!r}. Fetch the corpus again.")
        if columns:
            table[columns[0]] = columns[1].strip()
    return table


def _read_published(root: Path, part: str) -> list[Utterance]:
    tables: dict[str, dict[str, str]] = {}
    for name in TABLES:
        path = root / part / name
        if not path.is_file() and name in ("text", "wav.scp", "utt2spk"):
            raise DataError(f"{path} is missing; fetch the corpus again.")
        tables[name] = _read_table(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else {}
    utterances = []
    for name, text in tables["text"].items():
        if name not in tables["utt2spk"] or name not in tables["wav.scp"]:
            raise DataError(
                f"{root / part}: {name} is in text, but not in utt2spk and wav.scp. Fetch the corpus again."
            )
        speaker = tables["utt2spk"][name]
        listed = root / tables["wav.scp"][name]
        audio = find_audio(listed.with_suffix(""))  # the suffix may have changed in extraction
        extra: dict[str, object] = {"corpus": NAME, "part": part, "licence": LICENCE}
        if speaker in tables["spk2age"]:
            extra["age"] = int(tables["spk2age"][speaker])
        if speaker in tables["spk2gender"]:
            extra["gender"] = gender(tables["spk2gender"][speaker])
        utterances.append(Utterance(name, str(audio or listed), text, 0.0, speaker=speaker, extra=extra))
    return utterances
