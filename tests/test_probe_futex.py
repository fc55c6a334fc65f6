"""Probe `futex` against strace's counts and against waits of a known length."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from types import SimpleNamespace

import pytest

from probe_programs import Servant, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import COSTLY, native
from zyphos_lab.probes.base import Columns, Pids, Skipped
from zyphos_lab.probes.futex import FutexProbe
from zyphos_lab.proc import children
from zyphos_lab.trace.run import probes_of

pytestmark = pytest.mark.core

# Four threads that hand a lock, a condition variable and a queue about; ends by joining them.
CONTENDING = """
import queue, threading
lock, condition, work = threading.Lock(), threading.Condition(), queue.Queue()
def busy():
    for number in range(50):
        with lock:
            work.put(sum(range(500)))
        with condition:
            condition.notify_all()
            condition.wait(0.0005)
threads = [threading.Thread(target=busy) for _ in range(4)]
[thread.start() for thread in threads]
[work.get() for _ in range(200)]
[thread.join() for thread in threads]
"""
# Number of futex on x86-64 and arm64.
NUMBER = 202 if os.uname().machine == "x86_64" else 98
CALL = (
    "word = ctypes.c_int(1); libc = ctypes.CDLL(None); "
    f"call = lambda *a: libc.syscall({NUMBER}, ctypes.byref(word), *a)"
)
TIMEOUT_NS = 2_000_000


@pytest.fixture(scope="module")
def probe() -> Iterator[FutexProbe]:
    one = FutexProbe()
    if one.reason:
        pytest.skip(one.reason)
    yield one
    one.close()


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


def around(probe: FutexProbe, pids: Pids, *orders: tuple[Servant, str]) -> tuple[Columns, Skipped]:
    probe.attach(pids, 0)
    before = probe.snapshot()
    for one, statement in orders:
        one.do(statement)
    return probe.columns(before, probe.snapshot(), 10)


def straced(out: Path) -> list[str]:
    """The contending program under strace, as soon as it is given a line."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here: apt install strace")
    traced = [strace, "-f", "-qq", "-e", "trace=futex", "-o", str(out)]
    program = [sys.executable, "-S", "-E", "-c", CONTENDING]
    return [*traced, "/bin/sh", "-c", 'echo ready; read line; exec "$@"', "sh", *program]


def results(out: Path) -> list[tuple[str, str]]:
    """(operation, result) of each call as strace printed it; a call's two halves put together."""
    calls: list[tuple[str, str]] = []
    begun: dict[str, str] = {}
    for line in out.read_text().splitlines():
        thread, text = line.split(maxsplit=1)
        if operation := re.search(r"futex\(0x\w+, (FUTEX_\w+)", text):
            begun[thread] = operation[1]
        if result := re.search(r"\) += (-1 E\w+|\d+)", text):
            calls.append((begun[thread], result[1]))
    return calls


def test_counts_are_those_of_strace(probe: FutexProbe, tmp_path: Path) -> None:
    """One and the same run; strace itself is not followed."""
    out = tmp_path / "calls"
    with subprocess.Popen(straced(out), stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.skip("strace cannot trace here")
        probe.attach({"server": children(process.pid)}, 0)
        before = probe.snapshot()
        process.communicate("go\n", timeout=60)
    columns, _ = probe.columns(before, probe.snapshot(), 10)
    calls = results(out)
    waits = [result for operation, result in calls if "FUTEX_WAIT" in operation]
    wakes = [result for operation, result in calls if "FUTEX_WAKE" in operation]
    expected = {
        "calls": len(calls),
        "waits": len(waits),
        "waits_bitset": sum("WAIT_BITSET" in operation for operation, _ in calls),
        "waits_woken": waits.count("0"),
        "waits_changed": waits.count("-1 EAGAIN"),
        "waits_timed_out": waits.count("-1 ETIMEDOUT"),
        "wakes": len(wakes),
        "wakes_empty": wakes.count("0"),
        "woken": sum(int(result) for result in wakes),
        "lost": 0,
    }
    assert {name: columns[f"server_futex_{name}"] for name in expected} == expected
    assert len(waits) >= 50 and len(wakes) >= 50


def test_waits_that_time_out_are_as_long_as_asked(probe: FutexProbe, server: Servant) -> None:
    server.do(CALL)
    server.do(f"timeout = (ctypes.c_long * 2)(0, {TIMEOUT_NS})")
    wait = "[call(0, 1, ctypes.byref(timeout), None, 0) for _ in range(20)]"
    took = "t = time.monotonic_ns(); " + wait + "; answer = time.monotonic_ns() - t"
    probe.attach({"server": [server.pid]}, 0)
    before = probe.snapshot()
    own_ns = int(server.do(took))
    after = probe.snapshot()
    columns, skipped = probe.columns(before, after, 10)
    assert columns["server_futex_waits"] == columns["server_futex_waits_timed_out"] == 20
    assert 20 * TIMEOUT_NS <= int(str(columns["server_futex_wait_ns"])) <= own_ns
    assert float(str(columns["server_futex_wait_ns_p50"])) >= TIMEOUT_NS * (1 - 1 / 31)
    assert columns["server_futex_waits_per_request"] == 2
    assert "server_futex" not in skipped and "client_futex" in skipped
    encoded = probe.histograms(before, after)["server_futex_wait_ns"]
    assert native.core().Histogram.decode(base64.b64decode(encoded)).count == 20


def test_each_side_has_its_own(probe: FutexProbe, server: Servant) -> None:
    with servant() as client:
        for one in (server, client):
            one.do(CALL)
        pids: Pids = {"server": [server.pid], "client": [client.pid]}
        wakes = [(server, "[call(1, 1) for _ in range(3)]"), (client, "call(1, 1)")]
        columns, _ = around(probe, pids, *wakes)
    assert (columns["server_futex_wakes"], columns["client_futex_wakes"]) == (3, 1)


def test_it_rests_and_wakes(probe: FutexProbe, server: Servant) -> None:
    """As the pairs of trials with and without the costly probes have it."""
    assert "futex" in COSTLY
    server.do(CALL)
    probe.rest()
    assert probe.snapshot() == {}
    probe.wake()
    columns, _ = around(probe, {"server": [server.pid]}, (server, "call(1, 1)"))
    assert columns["server_futex_wakes_empty"] == 1


def test_a_trace_has_it() -> None:
    with probes_of(["futex"]) as made:
        assert [one.name for one in made.probes] == ["futex"]


def test_every_column_is_a_metric(probe: FutexProbe) -> None:
    assert [name for name in probe.names() if lookup(name) is None] == []
    assert [name for name in probe.per_request() if lookup(f"{name}_per_request") is None] == []


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch, server: Servant) -> None:
    reason = "futex: read /sys/kernel/btf/vmlinux: No such file or directory (errno 2)"
    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(load_futex_counter=lambda: reason))
    probe = FutexProbe()
    columns, skipped = around(probe, {"server": [server.pid]}, (server, "pass"))
    assert columns and set(columns.values()) == {None}
    assert skipped == {"futex": reason}
