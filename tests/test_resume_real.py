"""A real run with pilot, computed number of starts and budget, killed at random moments."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from zyphos_lab import plan, runner, spec
from zyphos_lab.schedule import Schedule, plan_event
from zyphos_lab.stage import MEASURE, PILOT
from zyphos_lab.store import JOURNAL, Store

pytestmark = pytest.mark.native

EXPERIMENT = """
schema: 1
name: demo
question: Does it keep its schedule?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, deadline: 300ms}
factors: {nodelay: {set: load.socket.tcp_nodelay, values: [false, true]}}
compare: [{factor: nodelay, baseline: false, metrics: [latency_ns_p50]}]
repeat: {warmup: auto, pilot: 100ms, window: 30ms}
probes: [rusage]
"""
ASKED = ["--until", "ci(p50) < 2%", "--budget", "6s"]


def start(here: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", *arguments]
    command += ["--no-notebook", "--no-report"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=here, text=True, stdout=pipe, stderr=pipe)


def journal_of(here: Path) -> Path | None:
    return next(here.glob(f"results/demo/*/{JOURNAL}"), None)


def wait_for_lines(here: Path, process: subprocess.Popen[str], count: int) -> None:
    """Until the journal has so many lines, or the run has ended."""
    while process.poll() is None:
        journal = journal_of(here)
        if journal is not None and journal.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)


def whole_lines(journal: Path) -> list[bytes]:
    return [line for line in journal.read_bytes().splitlines(True) if line.endswith(b"\n")]


def recomputed(store: Store) -> list[dict[str, Any]]:
    """The plan events that follow from the rows alone."""
    request = store.manifest["request"]
    experiment = spec.loads(store.manifest["spec_text"], request["file"], sets=request["sets"])
    schedule = Schedule(plan.stages(experiment, store.manifest["seed"]))
    found = []
    while added := schedule.extend(store.rows()):
        found.append(plan_event(added))
    return found


def test_pilot_and_computed_starts_survive_kills(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text(EXPERIMENT)
    randomness = random.Random(4)
    arguments = ["demo.yaml", *ASKED]
    kept: list[bytes] = []
    for _ in range(2):
        process = start(tmp_path, *arguments)
        wait_for_lines(tmp_path, process, len(kept) + randomness.randrange(2, 12))
        process.kill()
        process.communicate()
        journal = journal_of(tmp_path)
        assert journal is not None
        assert whole_lines(journal)[: len(kept)] == kept
        kept = whole_lines(journal)
        arguments = ["--resume"]
    process = start(tmp_path, *arguments)
    _, error = process.communicate()
    assert process.returncode in (0, 5), error  # 5: a busy machine may make its trials INVALID
    assert journal is not None
    assert whole_lines(journal)[: len(kept)] == kept
    store = Store.open(journal.parent)
    check(store, error)


def check(store: Store, error: str) -> None:
    """What the finished run says is what its rows make of it; nothing ran twice."""
    rows = store.rows()
    assert store.manifest["status"] == "complete"
    assert [row["trial"] for row in rows] == list(range(len(rows)))
    events = store.plan_events()
    assert events == recomputed(store)
    stages = [event["stage"] for event in events]
    assert stages == sorted(stages, key=[PILOT, MEASURE].index)
    blocks = {row["block"] for row in store.rows(MEASURE)}
    assert blocks == set(range(len(blocks)))
    assert blocks
    warmups = {trial["warmup_ns"] for trial in store.planned()}
    assert len(warmups) == 1
    told = {note["code"]: note["message"] for note in store.manifest["told"][MEASURE]}
    assert "until" in told
    assert all(message in error for message in told.values())
    assert store.manifest["request"]["sets"] == ["repeat.until=ci(p50) < 2%", "repeat.budget=6s"]
    again = runner.resume(
        spec.loads(EXPERIMENT, sets=store.manifest["request"]["sets"]), store.path
    )
    again.store.close()
    assert json.dumps(store.manifest["told"][PILOT])
