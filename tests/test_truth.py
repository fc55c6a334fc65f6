"""Verdicts against trouble made on purpose, with real processes: who is blamed, and who is not.

Nothing here asserts how fast anything was; the effects are far beyond their thresholds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from test_runner import Watcher
from zyphos_lab import finish, health, report, runner, spec
from zyphos_lab.errors import MeasurementError
from zyphos_lab.probes import verdict
from zyphos_lab.probes.hogs import SHOWN_MAX
from zyphos_lab.store import Store

CPUS = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(
    len(CPUS) < 2, reason="load and server need a CPU each: one of them is to be left alone"
)
SERVER, CLIENT = CPUS[0], CPUS[-1]

EXPERIMENT = f"""
schema: 1
name: truth
question: Who is to blame?
targets:
  echo: {{engine: epoll, protocol: echo, cpus: [{SERVER}]}}
load:
  protocol: echo
  connections: 16
  cpus: [{CLIENT}]
  arrival: {{law: constant, rate: 50000/s}}
  deadline: 500ms
repeat: {{starts: 2, warmup: 50ms, window: 300ms, interval: 30ms}}
probes: [rusage]
"""
# Says that it runs, then uses its CPU until its input ends; greedier than others where it may be.
SPIN = """
import os, sys, threading
os.sched_setaffinity(0, [int(sys.argv[1])])
try:  # a session of its own has a share of its own (sched(7), autogroup)
    os.nice(int(sys.argv[2]))
    open("/proc/self/autogroup", "w").write(sys.argv[2])
except OSError: pass
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print("spinning", flush=True)
while True: pass
"""


@contextmanager
def spinning(cpu: int, count: int, nice: int = 0) -> Iterator[list[int]]:
    """Pids of processes that want all of this CPU."""
    started: list[subprocess.Popen[str]] = []
    try:
        for _ in range(count):
            command = [sys.executable, "-S", "-c", SPIN, str(cpu), str(nice)]
            pipe = subprocess.PIPE
            started.append(
                subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
                )
            )
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "spinning\n"
        yield [process.pid for process in started]
        assert [process.poll() for process in started] == [None] * count, "a spinner has ended"
    finally:
        for process in started:
            process.kill()
            process.communicate()


@contextmanager
def away_from(cpu: int) -> Iterator[None]:
    """Keeps this process, which reads the counters, off a CPU that is not to be had."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, usual - {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def measured(tmp_path: Path, rate: str = "50000/s") -> Store:
    experiment = spec.loads(EXPERIMENT, sets=[f"load.arrival.rate={rate}"])
    return runner.execute(runner.begin(experiment, tmp_path / "results"), Watcher())


def reason(row: dict[str, Any], code: str) -> dict[str, Any] | None:
    return next((found for found in row["reasons"] if found["code"] == code), None)


def hogs(found: dict[str, Any]) -> Sequence[dict[str, Any]]:
    listed: list[dict[str, Any]] = found["evidence"]["host_hogs"]
    return listed


def test_a_load_without_a_cpu_is_the_limit(tmp_path: Path) -> None:
    with spinning(CLIENT, 8), away_from(CLIENT):
        store = measured(tmp_path)
    for row in store.rows():
        limit = reason(row, "generator_limit")
        assert limit is not None, row["reasons"]
        assert limit["severity"] == row["verdict"] == "INVALID"
        assert limit["message"].startswith("the generator was the limit: its threads waited")
        waited_ns = limit["evidence"]["client_threads_run_delay_ns"]
        assert waited_ns > health.STARVED_DEGRADED * row["window_ns"]
        assert row["requests_per_second_at_least"] is True
    made = report.answer(store)
    assert made.verdict == "INVALID"
    assert "generator_limit" in {remark.code for remark in made.reasons}
    assert "the generator was the limit" in report.html(store, made).read_text()
    with pytest.raises(MeasurementError) as caught:
        finish.gate(made, require_conclusive=False)
    assert caught.value.exit_code == 5


def test_another_process_on_the_servers_cpu_is_named(tmp_path: Path) -> None:
    with spinning(SERVER, 1, nice=-10) as ours, away_from(SERVER):
        store = measured(tmp_path)
    for row in store.rows():
        assert row["verdict"] in ("DEGRADED", "INVALID")
        other = reason(row, "other_load")
        assert other is not None, row["reasons"]
        # The greediest are listed: where ours is not, all places are taken by greedier ones.
        named = {hog["pid"] for hog in hogs(other)}
        assert named & set(ours) or len(named) == SHOWN_MAX, other
        taken_ns = other["evidence"]["host_cpu_other_ns"]
        assert taken_ns > verdict.OTHER_LOAD_DEGRADED * row["host_window_ns"]
    made = report.answer(store)
    assert "other_load" in {remark.code for remark in made.reasons}
    assert "other work took" in report.html(store, made).read_text()


def test_a_clean_run_is_not_blamed(tmp_path: Path) -> None:
    """What else runs here may be seen, but only with its own evidence."""
    with spinning(CLIENT, 1) as ended:
        pass
    for row in measured(tmp_path, "2000/s").rows():
        limit, other = reason(row, "generator_limit"), reason(row, "other_load")
        assert reason(row, "wrong_answers") is None
        assert other is None or not {hog["pid"] for hog in hogs(other)} & set(ended)
        if limit is not None and limit["severity"] == "INVALID":
            assert health.starved(row) >= health.STARVED_DEGRADED
        if row["host_cpu_other_ratio"] < verdict.OTHER_LOAD_DEGRADED:
            assert (limit, other) == (None, None), row["reasons"]
