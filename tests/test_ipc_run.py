"""Messages between two processes as the load of a run: their columns, and whose limits they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine import assert_measured
from running import END_SECONDS
from zyphos_lab.store import Store

pytestmark = [pytest.mark.native, pytest.mark.core]

EXPERIMENT = """
schema: 1
name: talk
question: What does a message cost?
targets:
  other:
    command: [zyphos-ipc, role=answer, "port={port}", hold=true]
    ready: {log: "^waiting"}
load:
  protocol: echo
  connections: 1
  message_bytes: 1KiB
  ipc: {by: futex}
factors:
  pattern: {set: load.ipc.pattern, values: [ping_pong, stream]}
  by: {set: load.ipc.by, values: [pipe, futex, spin]}
repeat: {starts: 1, warmup: 20ms, window: 300ms}
probes: [rusage]
"""


def test_a_whole_run(tmp_path: Path) -> None:
    (tmp_path / "talk.yaml").write_text(EXPERIMENT)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "talk.yaml"]
    command += ["--no-notebook", "--no-report"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=END_SECONDS
    )
    [run] = (tmp_path / "results" / "talk").iterdir()
    store = Store.open(run)
    assert_measured(done.returncode, store, done.stderr)
    rows = {row["cell"]: row for row in store.rows()}
    assert len(rows) == 6
    for cell, row in rows.items():
        assert row["requests_done"] > 0 == row["requests_failed"], cell
        assert row["client_requests"] is not None and row["server_cpu_ns"] is not None
        assert "server_family" not in row and row["ceiling_ratio"] is None
        # Who asks is half of what is measured, however busy it is.
        assert all(reason["code"] != "generator_limit" for reason in row["reasons"])
        streams = "pattern=stream" in cell
        assert (row["latency_ns_p50"] is None) is streams
        assert ("no answers" in row["skipped"].get("latency_ns", "")) is streams
