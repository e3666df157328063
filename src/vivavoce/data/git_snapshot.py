"""Reading a corpus straight out of a git repository, without a checkout.

Some open corpora are published as git repositories. A clone without a work tree holds every recording once, compressed;
`extract` writes the wanted ones as 16 kHz mono FLAC and leaves everything else packed. Objects that did not arrive (a
partial clone) are counted, never fetched. This module knows git and audio, and no corpus.
"""

from __future__ import annotations

import io
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from vivavoce.audio import read_waveform, write_waveform
from vivavoce.data.recordings import AUDIO_SUFFIXES, Progress
from vivavoce.errors import AudioError, DataError

BLOCK = 128  # files held in memory at once


@dataclass(frozen=True)
class Extraction:
    """What became of the wanted files: how many were written or there already, and the names of the others."""

    present: int
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]


class GitSnapshot:
    """The files of one commit of a repository."""

    def __init__(self, root: Path, revision: str = "HEAD") -> None:
        """Open a bare repository, or the one that a checkout belongs to.

        Raises:
            DataError: git is not installed, or `root` is no repository with such a commit.
        """
        self.root = Path(root)
        self._blobs: dict[str, str] = {}
        for entry in self._git("ls-tree", "-r", "-z", revision).split(b"\0"):
            facts, _, path = entry.partition(b"\t")
            if facts and facts.split()[1] == b"blob":
                self._blobs[path.decode("utf-8", "surrogateescape")] = facts.split()[2].decode()

    def paths(self) -> list[str]:
        """All files, with `/` between folders."""
        return list(self._blobs)

    def read_text(self, path: str) -> str:
        """One text file.

        Raises:
            DataError: it is not in the commit, or its content did not arrive with the clone.
        """
        for _, content in self.read([path]):
            if content is not None:
                return content.decode("utf-8", "replace")
        raise DataError(f"{path} is not in {self.root}, or its content is missing there; fetch the repository again.")

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """(path, content) of each, in order; content is None where it is missing."""
        command = ["git", "-C", str(self.root), "cat-file", "--batch"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = threading.Thread(target=_feed, args=(process.stdin, [self._blobs.get(path, path) for path in paths]))
        feeder.start()
        try:
            for path in paths:
                header = process.stdout.readline().split()
                if not header:
                    raise DataError(f"git stopped while reading {path} from {self.root}; check it with `git fsck`.")
                if len(header) != 3 or header[1] != b"blob":  # "<name> missing"
                    yield path, None
                    continue
                content = process.stdout.read(int(header[2]))
                process.stdout.read(1)
                yield path, content
        finally:
            process.kill()
            process.wait()
            feeder.join()
            process.stdout.close()

    def _git(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *arguments], capture_output=True, check=False, env=_environment()
            )
        except FileNotFoundError:
            raise DataError("git is not installed; install it, or give a folder with the files checked out.") from None
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip()
            raise DataError(f"{self.root} cannot be read as a git repository: {reason}. Clone it again.")
        return done.stdout


def is_bare_repository(root: Path) -> bool:
    """Whether a folder is a git repository without a work tree."""
    root = Path(root)
    return (root / "HEAD").is_file() and (root / "objects").is_dir() and not (root / ".git").exists()


def extract(
    snapshot: GitSnapshot,
    paths: Sequence[str],
    target: Path,
    sample_rate: int = 16000,
    progress: Progress | None = None,
) -> Extraction:
    """Write files below `target`: audio as mono FLAC at `sample_rate`, under its name with `.flac`, the rest as it is.

    What is there already is left alone, so that a broken-off extraction goes on.

    Raises:
        AudioError: audio cannot be written.
    """
    target = Path(target)
    wanted = [(path, _place(target, path)) for path in paths]
    open_paths = {path: place for path, place in wanted if not place.is_file()}
    missing: list[str] = []
    unreadable: list[str] = []
    done = len(wanted) - len(open_paths)

    def write(path: str, content: bytes) -> str | None:
        place = open_paths[path]
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name("." + place.name)
        if place.suffix == ".flac":
            try:
                waveform = read_waveform(io.BytesIO(content), sample_rate)
            except AudioError:
                return path
            # Resampling and lossy decoding overshoot a recording that was at full scale by a little.
            write_waveform(partial, waveform.clip(-1.0, 1.0), sample_rate)
        else:
            partial.write_bytes(content)
        partial.replace(place)
        return None

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        waiting = list(open_paths)
        for start in range(0, len(waiting), BLOCK):
            block = list(snapshot.read(waiting[start : start + BLOCK]))
            missing += [path for path, content in block if content is None]
            jobs = [pool.submit(write, path, content) for path, content in block if content is not None]
            for job in jobs:
                failed = job.result()
                unreadable += [failed] if failed else []
            done += len(block)
            if progress is not None:
                progress(done, len(wanted))
    return Extraction(len(wanted) - len(missing) - len(unreadable), tuple(missing), tuple(unreadable))


def _place(target: Path, path: str) -> Path:
    inside = PurePosixPath(path)
    assert not inside.is_absolute()
    assert ".." not in inside.parts  # git refuses to make such trees, and we to follow them
    place = target.joinpath(*inside.parts)
    return place.with_suffix(".flac") if place.suffix in AUDIO_SUFFIXES else place


def _feed(pipe: IO[bytes], names: Sequence[str]) -> None:
    try:
        pipe.write("".join(name + "\n" for name in names).encode("utf-8", "surrogateescape"))
        pipe.close()
    except (BrokenPipeError, ValueError):
        return  # the reader stopped early and closed the pipe


def _environment() -> dict[str, str]:
    # A partial clone would fetch every missing object over the network, one by one.
    return {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
