"""The probe `ending`: it ends the server of a trial while the load holds its connections."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine import assert_usable
from probe_programs import servant
from test_links_runs import run
from zyphos_lab.probes import ending
from zyphos_lab.probes.ending import COLUMN, EndingProbe

EXPERIMENT = """
schema: 1
name: demo
question: How long does it take to end?
targets: {echo: {engine: thread, protocol: echo}}
load: {protocol: echo, connections: 5, arrival: {law: constant, rate: 100/s}, deadline: 20s}
repeat: {starts: 1, warmup: 0s, window: 300ms}
probes: [ending]
"""
DEAF = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True);"
    "sys.stdin.read()"
)


def test_it_waits_for_the_end() -> None:
    probe = EndingProbe()
    with servant() as one:
        probe.attach({"server": [one.pid]}, 0)
        assert probe.end_server()
        columns, skipped = probe.columns(None, None, 0)
    assert not skipped
    took_ns = columns[COLUMN]
    assert isinstance(took_ns, int) and 0 < took_ns < ending.GRACE_NS


def test_who_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "GRACE_NS", 1_000_000)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", DEAF], stdin=pipe, stdout=pipe) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        probe = EndingProbe()
        probe.attach({"server": [deaf.pid]}, 0)
        assert probe.end_server()
        assert probe.columns(None, None, 0) == ({COLUMN: None}, {COLUMN: ending.TOO_LONG})
        deaf.kill()


def test_nothing_to_end_has_its_reason() -> None:
    probe = EndingProbe()
    probe.attach({}, 0)
    assert not probe.end_server()
    assert set(probe.columns(None, None, 0)[1]) == {"ending"}
    probe.attach({"server": [os.getpid()]}, 0)  # as in a trace: nobody is ended
    assert probe.columns(None, None, 0) == ({COLUMN: None}, {COLUMN: ending.NOT_ENDED})


@pytest.mark.native
def test_a_trial_ends_its_server_first(tmp_path: Path) -> None:
    _, store = run(tmp_path, EXPERIMENT)
    [row] = store.rows()
    assert_usable(row)
    assert row["requests_done"] == 30 and row["target_killed"] is False
    assert 0 < row[COLUMN] < ending.GRACE_NS
    assert "target_failed" not in [one["code"] for one in row["reasons"]]
