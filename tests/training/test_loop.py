"""Killed and resumed, distributed, and diverging runs, as real processes."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vivavoce.errors import TrainingError
from vivavoce.training import distributed
from vivavoce.training.loop import LoopConfig, Trainee, run
from vivavoce.training.run_folder import RunFolder, load_checkpoint
from vivavoce.training.schedule import by_updates_or_clock

PROGRAM = Path(__file__).with_name("tiny_run.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def start(folder: Path, updates: int, pause: float = 0.0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(PROGRAM), str(folder), str(updates), str(pause)], env=ENVIRONMENT)


def newest(folder: Path) -> tuple[dict[str, torch.Tensor], dict]:
    return load_checkpoint(RunFolder(folder, writes=False).checkpoints()[-1])


def test_a_killed_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    assert start(tmp_path / "whole", 60).wait() == 0
    killed = start(tmp_path / "killed", 60, 0.02)
    folder = RunFolder(tmp_path / "killed", writes=False)
    deadline = time.monotonic() + 600  # on a busy machine importing PyTorch alone takes minutes
    while len(folder.checkpoints()) < 2 and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    _, facts = newest(tmp_path / "killed")
    assert 0 < facts["step"] < 60
    assert start(tmp_path / "killed", 60).wait() == 0
    expected, expected_facts = newest(tmp_path / "whole")
    tensors, facts = newest(tmp_path / "killed")
    assert facts == expected_facts
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """Each rank holds half of every batch, so the averaged gradient is that of the whole batch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run(
        [*command, str(PROGRAM), str(tmp_path / "two"), "20"],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    tensors, facts = newest(tmp_path / "two")
    assert facts["step"] == 20
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Identity(), torch.nn.Linear(16, 1))
    sys.path.insert(0, str(PROGRAM.parent))
    from tiny_run import Batches

    from vivavoce.training.schedule import warmup_cosine

    trainee = Trainee(model, [torch.optim.AdamW(model.parameters(), lr=1e-2)], warmup_cosine(5, 20))
    stream = iter(Batches(0, 1))
    for _ in range(20):
        for _ in range(2):
            batch = next(stream)
            ((model(batch.x) - batch.y).square().mean() / 2).backward()
        trainee.update(5.0, 0.999)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensors[f"model.{name}"], tensor, rtol=1e-5, atol=1e-6)


@pytest.fixture
def as_second_of_two(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], subprocess.Popen[str]]:
    """Makes this process rank 1 of two; returns what starts rank 0, given its arguments of Python."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "RANK": 1}.items():
        monkeypatch.setenv(name, str(value))

    def start_first(*arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **ENVIRONMENT, "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": "0"}
        environment["MASTER_ADDR"] = "127.0.0.1"
        return subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE, text=True)

    return start_first


def test_processes_stop_together(as_second_of_two: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """When the time of one is up, however long the other would go on."""
    sys.path.insert(0, str(PROGRAM.parent))
    import tiny_run

    first = as_second_of_two(str(PROGRAM), str(tmp_path), "1000000", "0.01", "0.3")
    tiny_run.main(str(tmp_path), 1_000_000, 0.01, 1e6)
    _, complaint = first.communicate(timeout=600)
    assert first.returncode == 0, complaint
    assert 0 < newest(tmp_path)[1]["step"] < 1_000_000


def test_processes_share_one_clock(as_second_of_two: Callable[..., subprocess.Popen[str]]) -> None:
    """However much later one begins, the rate falls alike in both."""
    program = """import sys, time
from vivavoce.training import distributed
from vivavoce.training.schedule import by_updates_or_clock
with distributed.join('cpu') as process:
    process.wait()
    time.sleep(0.5)
    schedule = by_updates_or_clock(0, 9, 6000.0, 1.0, process.mean)
    print('rates', *[schedule(n) for n in range(3)], file=sys.stderr)
"""
    first = as_second_of_two("-c", program)
    with distributed.join("cpu") as process:
        process.wait()
        schedule = by_updates_or_clock(0, 9, 6000.0, 1.0, process.mean)
        rates = [schedule(n) for n in range(3)]
    _, complaint = first.communicate(timeout=600)
    assert first.returncode == 0, complaint
    assert 0.0 < rates[2] < rates[0] < 1.0
    assert f"rates {rates[0]} {rates[1]} {rates[2]}" in complaint


def test_who_loses_a_peer_says_that_another_knows_why(as_second_of_two: Callable[..., subprocess.Popen[str]]) -> None:
    program = "from vivavoce.training import distributed\nwith distributed.join('cpu') as p: p.wait(); raise SystemExit"
    first = as_second_of_two("-c", program)

    def wait_twice() -> None:
        with distributed.join("cpu") as process:
            process.wait()
            process.wait()

    with pytest.raises(TrainingError, match="another process stopped"):
        wait_twice()
    first.communicate(timeout=600)


def test_a_diverging_loss_stops_with_its_reason(tmp_path: Path) -> None:
    sys.path.insert(0, str(PROGRAM.parent))
    from tiny_run import Batches

    model = torch.nn.Linear(5, 1)
    trainee = Trainee(model, [torch.optim.SGD(model.parameters(), lr=0.1)], lambda _: 1.0)

    def step(batch):
        scale = math.nan if trainee.updates >= 4 else 1.0
        return {"loss": (model(batch.x) - batch.y).square().mean() * scale}

    with distributed.join("cpu") as process, pytest.raises(TrainingError, match=r"not finite three times.*update 4"):
        run(step, Batches(0, 1), trainee, LoopConfig(updates=9), RunFolder(tmp_path), process)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_the_log_holds_means_and_speed(tmp_path: Path) -> None:
    assert start(tmp_path, 20).wait() == 0
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(row["audio_hours_per_hour"] > 0 and row["gradient_norm"] > 0 for row in rows)
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    assert start(tmp_path, 8).wait() == 0
    tensors, facts = newest(tmp_path)
    model = torch.nn.Linear(4, 1)
    trainee = Trainee(model, [torch.optim.SGD(model.parameters(), lr=0.1)], lambda _: 1.0)
    with pytest.raises(TrainingError, match="another model"):
        trainee.restore(tensors, facts["step"])


def test_a_checkpoint_of_other_optimisers_is_refused() -> None:
    """Say, one with Muon for a run without it: its numbers would go to other parameters."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    matrices, others = [[p for p in model.parameters() if p.ndim == n] for n in (2, 1)]

    def trained(*groups: list[torch.nn.Parameter]) -> Trainee:
        trainee = Trainee(model, [torch.optim.AdamW(group, lr=0.1) for group in groups], lambda _: 1.0)
        model(torch.ones(1, 4)).sum().backward()
        trainee.update(1.0, 0.9)
        return trainee

    one, two = trained([*matrices, *others]), trained(others, matrices)
    for kept, other in ((one, two), (two, one)):
        with pytest.raises(TrainingError, match="other optimisers"):
            other.restore(kept.tensors(), 1)
        kept.restore(kept.tensors(), 1)


def test_a_refused_resume_leaves_the_configuration(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 1)
    trainee = Trainee(model, [torch.optim.SGD(model.parameters(), lr=0.1)], lambda _: 1.0)
    sys.path.insert(0, str(PROGRAM.parent))
    from tiny_run import Batches

    folder, seen = RunFolder(tmp_path), []
    with distributed.join("cpu") as process:
        run(lambda _: {}, Batches(0, 1), trainee, LoopConfig(0), folder, process, begins=lambda: seen.append("empty"))
        other = torch.nn.Linear(3, 1)
        folder.save_checkpoint(1, Trainee(other, [], lambda _: 1.0).tensors(), {"position": {"number": 1}})
        with pytest.raises(TrainingError, match="another model"):
            run(lambda _: {}, Batches(0, 1), trainee, LoopConfig(0), folder, process, begins=lambda: seen.append("no"))
    assert seen == ["empty"]


def test_a_killed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "checkpoints/step-00000003.part").write_bytes(b"half")
    folder.save_checkpoint(5, {"a": torch.zeros(1)}, {})
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000005.safetensors"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not a header at all")
    with pytest.raises(TrainingError, match=r"step-00000001\.safetensors is no whole vivavoce checkpoint"):
        load_checkpoint(path)
    with pytest.raises(TrainingError, match="is not a file"):
        load_checkpoint(tmp_path / "nothing")
