"""A run killed at any point goes on: the same cells, the finished lines untouched."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import fakes
from machine import INVALID_RUN, assert_measured
from zyphos_lab import child, proc
from zyphos_lab.child import CHILDREN
from zyphos_lab.store import JOURNAL, Store

EXPERIMENT = """
schema: 1
name: demo
question: Does it go on?
targets:
  echo: {engine: epoll, protocol: echo}
  other: {command: [python3, "{dir}/s.py", "{port}"], files: {s.py: "FILE"}}
load: {protocol: echo, connections: 2, deadline: 100ms}
factors:
  target: {set: target, values: [echo, other]}
repeat: {starts: 3, warmup: 0, window: 60ms}
probes: [rusage]
"""
SERVER = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
    " held = [s.accept() for _ in iter(int, 1)]"
)
QUIET = ["--no-notebook", "--no-report"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    fakes.programs(tmp_path)
    text = EXPERIMENT.replace("FILE", SERVER).replace("python3", sys.executable)
    (tmp_path / "demo.yaml").write_text(text)
    return tmp_path


def start(here: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", *arguments, *QUIET]
    env = {**os.environ, "ZYPHOS_BIN": str(here / "bin"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=here, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def journal_of(here: Path) -> Path | None:
    return next(here.glob(f"results/demo/*/{JOURNAL}"), None)


def wait_for_bytes(here: Path, process: subprocess.Popen[str], size: int) -> None:
    """Until the journal holds `size` bytes, or the run has ended."""
    while process.poll() is None:
        journal = journal_of(here)
        if journal is not None and journal.stat().st_size >= size:
            return
        time.sleep(0.002)


def lines_of(journal: Path) -> list[bytes]:
    return [line for line in journal.read_bytes().splitlines(True) if line.endswith(b"\n")]


def lines_so_far(here: Path) -> list[bytes]:
    journal = journal_of(here)
    return lines_of(journal) if journal else []


def trials_of(lines: list[bytes]) -> list[int]:
    events = [json.loads(line) for line in lines]
    return [event["row"]["trial"] for event in events if event["event"] == "trial"]


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_points_it_ends_with_the_same_cells(here: Path, seed: int) -> None:
    print(f"seed {seed}")
    randomness = random.Random(seed)
    arguments = ["demo.yaml"]
    kept: list[bytes] = []
    for _ in range(3):
        process = start(here, *arguments)
        known = journal_of(here)
        size = known.stat().st_size if known else 0
        wait_for_bytes(here, process, size + randomness.randrange(1, 12_000))
        time.sleep(randomness.random() * 0.1)
        process.kill()
        process.communicate()
        journal = journal_of(here)
        if journal is not None:
            lines = lines_of(journal)
            assert lines[: len(kept)] == kept
            kept = lines
            arguments = ["demo.yaml", "--resume"]
    process = start(here, *arguments)
    _, error = process.communicate()
    journal = journal_of(here)
    assert journal is not None, error
    assert_measured(process.returncode, Store.open(journal.parent), error)
    assert lines_of(journal)[: len(kept)] == kept
    trials = trials_of(lines_of(journal))
    assert trials == list(range(6))
    store = Store.open(journal.parent)
    assert [row["cell"] for row in store.rows()] == [one["cell"] for one in store.planned()]
    assert store.manifest["status"] == "complete"
    assert len(list((here / "results" / "demo").iterdir())) == 1


def noted(here: Path) -> list[dict[str, Any]]:
    """What the run says is running on its behalf."""
    files = list(here.glob(f"results/demo/*/{CHILDREN}"))
    return [json.loads(line) for line in files[0].read_text().splitlines()] if files else []


def is_alive(entry: dict[str, Any]) -> bool:
    found = proc.process(entry["pid"]) if "pid" in entry else None
    return found is not None and found.state != "Z" and found.start_ticks == entry["start_ticks"]


# The fakes have no server to try the load against, which a run as long as this would do first.
LONG = ("--set", "repeat.window=60s", "--set", "design.ceiling=false")


def test_what_a_killed_run_had_not_noted_yet_is_ended(tmp_path: Path) -> None:
    (tmp_path / CHILDREN).touch()
    env = {**os.environ, **child.Children(tmp_path).mark}
    sleeper = subprocess.Popen(["sleep", "600"], env=env, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"], env={**env, child.RUN_MARK: f"{tmp_path}-2"})
    try:
        while not proc.environment(sleeper.pid) or not proc.environment(other.pid):
            time.sleep(0.001)
        assert child.sweep(tmp_path) == 1
        assert sleeper.wait() == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_a_killed_run_left_is_ended(here: Path) -> None:
    process = start(here, "demo.yaml", "--only", "target=other", *LONG)
    # A folder, target and load are noted, and the target's tree once more when it is ready.
    while process.poll() is None and len(noted(here)) < 4:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    entries = noted(here)
    assert any(is_alive(entry) for entry in entries)
    [folder] = [Path(entry["folder"]) for entry in entries if "folder" in entry]
    assert folder.exists()
    process = start(here, "demo.yaml", "--only", "target=echo")
    _, error = process.communicate()
    assert process.returncode in (0, INVALID_RUN), error
    assert not any(is_alive(entry) for entry in entries)
    assert not folder.exists()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(
    here: Path, signum: signal.Signals, code: int
) -> None:
    process = start(here, "demo.yaml", "--set", "repeat.window=1s")
    while process.poll() is None and not trials_of(lines_so_far(here)):
        time.sleep(0.005)
    process.send_signal(signum)
    out, error = process.communicate()
    assert process.returncode == code
    last = error.splitlines()[-1]
    assert last.startswith(f"zyphos-lab: stopped by {signum.name}; what was measured is saved")
    assert "zyphos-lab run --resume" in last
    assert "Traceback" not in error + out
    journal = journal_of(here)
    assert journal is not None
    store = Store.open(journal.parent)
    assert store.manifest["status"] == "interrupted"
    assert 1 <= len(store.rows()) < 6
    assert (store.path / "trials.parquet").exists()
    assert not (store.path / CHILDREN).exists()
