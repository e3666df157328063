"""`viva prepare`: a corpus becomes manifests. The corpora are the files in `vivavoce/data/corpora`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce.cli.outputs import need_new_manifest
from vivavoce.data.checks import find_suspicious
from vivavoce.data.corpora import Corpus, by_part, corpus_names, find_corpora, load_corpus
from vivavoce.data.git_snapshot import GitSnapshot, extract, is_bare_repository
from vivavoce.data.manifest import Utterance, read_manifest, write_manifest
from vivavoce.data.recordings import Progress
from vivavoce.data.selection import with_speakers_of, without_ids_of, without_texts_of
from vivavoce.data.sound_checks import find_noise
from vivavoce.errors import ConfigError, DataError

SHOWN_SUSPECTS = 5
PARTS = ("train", "dev", "test", "unlabelled")  # that manifests are written of


@dataclass(frozen=True)
class Selection:
    """What decides which utterances stay; see the options of the same names."""

    without: Sequence[Path] = ()
    speakers_of: Sequence[Path] = ()
    not_texts_of: Sequence[Path] = ()
    drop_suspects: bool = False

    def need_apart(self, out: Path, corpora: Sequence[str], part: str | None) -> None:
        """Refuse, before any work is done, to write over a manifest that is read here."""
        parts = (part,) if part in PARTS else PARTS
        names = [out / f"{corpus}-{name}.jsonl" for corpus in corpora for name in parts]
        for path in [out] if out.suffix == ".jsonl" else names:
            need_new_manifest(path, [*self.without, *self.speakers_of, *self.not_texts_of], "--out")

    def apply(self, utterances: list[Utterance]) -> list[Utterance]:
        """The utterances that stay."""
        if self.without:
            utterances = without_ids_of(utterances, _read_all(self.without))
        if self.speakers_of:
            utterances = with_speakers_of(utterances, _read_all(self.speakers_of))
        if self.not_texts_of:
            utterances = without_texts_of(utterances, [u.text for u in _read_all(self.not_texts_of)], words=3)
        suspects = find_suspicious(utterances)
        for suspect in suspects[:SHOWN_SUSPECTS]:
            print(f"suspect: {suspect.utterance.id}: {suspect.reason}: {suspect.utterance.text}", file=sys.stderr)
        if suspects:
            fate = "left out" if self.drop_suspects else "kept; leave them out with --drop-suspects"
            print(f"{len(suspects)} texts do not fit their recordings: {fate}", file=sys.stderr)
        return without_ids_of(utterances, [s.utterance for s in suspects]) if self.drop_suspects else utterances


def prepare(
    corpus: Annotated[
        str | None, typer.Argument(help="Name of the corpus, or `all`; without it they are listed.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Argument(help="Folder of the corpus, or its bare git repository; for `all`, the folder of them all."),
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Manifest to write (.jsonl), or folder for one manifest a part.")
    ] = Path("manifests"),
    part: Annotated[str | None, typer.Option(help="Only this part: train, dev, test; all when not given.")] = None,
    audio: Annotated[
        Path | None, typer.Option(help="Where recordings out of a git repository go; default: beside the manifest.")
    ] = None,
    prompts: Annotated[Path | None, typer.Option(help="Prompt file, for corpora that come without (arctic).")] = None,
    skip_missing: Annotated[
        bool, typer.Option(help="Leave out recordings that are missing instead of failing.")
    ] = False,
    without: Annotated[
        list[Path] | None, typer.Option(help="Leave out utterances with an id of this manifest.")
    ] = None,
    speakers_of: Annotated[list[Path] | None, typer.Option(help="Keep only speakers of this manifest.")] = None,
    not_texts_of: Annotated[
        list[Path] | None, typer.Option(help="Leave out texts (of three words and more) of this manifest: no leaks.")
    ] = None,
    drop_suspects: Annotated[bool, typer.Option(help="Leave out texts that cannot fit their recordings.")] = False,
) -> None:
    """Read a corpus and write JSONL manifests, one utterance a line, with measured durations."""
    if corpus is None:
        for name in corpus_names():
            typer.echo(name)
        return
    if root is None:
        raise ConfigError(f"`viva prepare {corpus}` needs the folder the corpus lies in.")
    selection = Selection(without or (), speakers_of or (), not_texts_of or (), drop_suspects)
    if corpus != "all":
        found = load_corpus(corpus)
        selection.need_apart(out, [corpus], part)
        options = _options(found, prompts=prompts, skip_missing=skip_missing or None)
        beside = out.with_suffix("") if out.suffix == ".jsonl" else out
        folder = _unpack(found, root, part, audio or beside / found.NAME) if _is_git(found, root) else root
        with _progress_bar(found.NAME) as progress:
            if not _write(found, found.prepare(folder, part, progress, **options), out, selection):
                raise DataError(f"no utterance of {found.NAME} is left; nothing was written.")
        return
    if out.suffix == ".jsonl" or prompts is not None or skip_missing:
        raise ConfigError(
            "`viva prepare all` writes one manifest a part: --out must be a folder; --prompts and --skip-missing are "
            "for one corpus."
        )
    pairs = find_corpora(root)
    selection.need_apart(out, [found.NAME for found, _ in pairs], part)
    written = 0
    for found, folders in groupby(pairs, key=lambda pair: pair[0]):
        with _progress_bar(found.NAME) as progress:
            utterances = [u for _, folder in folders for u in found.prepare(folder, None, progress)]
        written += _write(found, [u for u in utterances if part in (None, u.extra["part"])], out, selection)
    if not written:
        raise DataError(f"no utterance {f'of part {part!r} ' if part else ''}was found in {root}; nothing was written.")


def _options(corpus: Corpus, **given: Any) -> dict[str, Any]:
    """What was given, of the options that only some corpora have."""
    options = {name: value for name, value in given.items() if value is not None}
    known = inspect.signature(corpus.prepare).parameters
    for name in options:
        if name not in known:
            raise ConfigError(f"{corpus.NAME} has no use for --{name.replace('_', '-')}; leave it out.")
    return options


def _is_git(corpus: Corpus, root: Path) -> bool:
    if not is_bare_repository(root):
        return False
    if not hasattr(corpus, "files_wanted"):
        raise DataError(f"{root} is a bare git repository; {corpus.NAME} is read from a folder. Check it out first.")
    return True


def _unpack(corpus: Any, root: Path, part: str | None, target: Path) -> Path:
    """Extract what `prepare` will need; returns the folder it lies in."""
    snapshot = GitSnapshot(root)
    wanted = corpus.files_wanted(snapshot.paths(), part, snapshot.read_text)
    with _progress_bar(f"{corpus.NAME}: unpacking") as progress:
        result = extract(snapshot, wanted, target, progress=progress)
    for names, fault in ((result.missing, "missing in the repository"), (result.unreadable, "not readable as audio")):
        if names:
            shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
            print(f"{corpus.NAME}: {len(names)} of {len(wanted)} files are {fault}: {shown}", file=sys.stderr)
    return target


def _write(corpus: Corpus, utterances: list[Utterance], out: Path, selection: Selection) -> int:
    """Write what the selection leaves, if anything; returns how many utterances."""
    kept = selection.apply(utterances)
    if out.suffix != ".jsonl":
        for name, rows in by_part(kept).items():
            _write_manifest(out / f"{corpus.NAME}-{name}.jsonl", rows)
    elif kept:
        _write_manifest(out, kept)
    return len(kept)


def _write_manifest(path: Path, utterances: list[Utterance]) -> None:
    count = write_manifest(path, utterances)
    hours = sum(utterance.duration_seconds for utterance in utterances) / 3600
    speakers = len({utterance.speaker for utterance in utterances} - {""})
    named = f"{speakers} speakers" if speakers else "speakers not named"
    print(f"{path}: {count} utterances, {hours:.2f} h, {named}", file=sys.stderr)
    noise, tried = find_noise(utterances)
    if noise:
        shown = ", ".join(utterance.id for utterance in noise[:3])
        print(
            f"warning: {len(noise)} of {tried} recordings that were tried sound like noise, not speech (samples of the "
            f"wrong byte order?); listen to {shown}",
            file=sys.stderr,
        )


def _read_all(paths: Sequence[Path]) -> list[Utterance]:
    return [utterance for path in paths for utterance in read_manifest(path)]


@contextmanager
def _progress_bar(name: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
