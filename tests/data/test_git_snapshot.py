from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from vivavoce.data import git_snapshot
from vivavoce.data.git_snapshot import GitSnapshot, extract, is_bare_repository
from vivavoce.errors import AudioError, DataError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(*arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, make_audio):
    """A bare repository with two recordings, a text, and a file that only looks like audio."""
    work = tmp_path / "work"
    make_audio(work / "wavs/a one.wav", 1.0, 44100)
    make_audio(work / "wavs/é.mp3", 1.0, 16000)
    (work / "wavs/broken.wav").write_bytes(b"RIFF")
    (work / "metadata.csv").write_text("a one|Éa|Éa\n", encoding="utf-8")
    git("init", "-q", str(work))
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "-qm", "x")
    git("clone", "-q", "--bare", "--no-hardlinks", str(work), str(tmp_path / "bare"))
    return tmp_path / "bare"


def test_lists_and_reads(repository):
    assert is_bare_repository(repository)
    assert not is_bare_repository(repository.parent / "work")
    snapshot = GitSnapshot(repository)
    assert sorted(snapshot.paths()) == ["metadata.csv", "wavs/a one.wav", "wavs/broken.wav", "wavs/é.mp3"]
    assert snapshot.read_text("metadata.csv") == "a one|Éa|Éa\n"
    assert GitSnapshot(repository.parent / "work").paths() == snapshot.paths()
    with pytest.raises(DataError, match="not in"):
        snapshot.read_text("other.csv")
    with pytest.raises(DataError, match="cannot be read as a git repository"):
        GitSnapshot(repository / "refs" / "none")


def test_extract_converts_counts_and_goes_on(repository, tmp_path):
    snapshot = GitSnapshot(repository)
    target = tmp_path / "out"
    calls: list[tuple[int, int]] = []
    result = extract(snapshot, snapshot.paths(), target, 16000, lambda *done: calls.append(done))
    assert (result.present, result.missing, result.unreadable) == (3, (), ("wavs/broken.wav",))
    assert calls[-1] == (4, 4)
    waveform, sample_rate = soundfile.read(target / "wavs/a one.flac")
    assert (sample_rate, len(waveform)) == (16000, 16000)
    tone = 0.3 * np.sin(2 * np.pi * 220.0 * np.arange(16000) / 16000)
    assert np.abs(waveform - tone)[200:-200].max() < 1e-3
    assert (target / "metadata.csv").read_bytes() == "a one|Éa|Éa\n".encode()
    assert sorted(path.name for path in target.rglob("*") if path.is_file()) == ["a one.flac", "metadata.csv", "é.flac"]
    before = (target / "wavs/a one.flac").stat().st_mtime_ns
    assert extract(snapshot, snapshot.paths(), target).present == 3
    assert (target / "wavs/a one.flac").stat().st_mtime_ns == before


def test_what_cannot_be_written_is_no_fault_of_the_audio(repository, tmp_path, monkeypatch):
    def write(path, waveform, sample_rate):
        raise AudioError(f"{path} cannot be written: No space left on device.")

    monkeypatch.setattr(git_snapshot, "write_waveform", write)
    with pytest.raises(AudioError, match="No space left"):
        extract(GitSnapshot(repository), ["wavs/a one.wav"], tmp_path / "out")


def test_missing_objects_are_counted(repository, tmp_path):
    snapshot = GitSnapshot(repository)
    name = git("-C", str(repository), "rev-parse", "HEAD:wavs/é.mp3")
    (repository / "objects" / name[:2] / name[2:]).unlink()
    result = extract(snapshot, ["metadata.csv", "wavs/é.mp3"], tmp_path / "out")
    assert (result.present, result.missing) == (1, ("wavs/é.mp3",))
    with pytest.raises(DataError, match="missing there"):
        snapshot.read_text("wavs/é.mp3")
