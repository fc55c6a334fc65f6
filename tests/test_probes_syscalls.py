"""System calls: the same counts as strace's, and times that are known."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probe_programs import Servant, servant
from zyphos_lab.metrics import PER_REQUEST, lookup
from zyphos_lab.probes import native
from zyphos_lab.probes.base import Columns
from zyphos_lab.probes.syscall_latency import SyscallLatencyProbe
from zyphos_lab.probes.syscalls import SyscallsProbe

pytestmark = pytest.mark.core

# Twice, since Python's own first steps differ from its second. Between the markers (two kills of
# itself by the signal that it is given: SIGSTOP, or 0 under strace) every call is the workload's.
WORKLOAD = """
import gc, os, socket, sys
gc.disable()
signal = int(sys.argv[1])

def work():
    for number in range(100):
        os.getppid()
    first, second = socket.socketpair()
    for number in range(1, 51):
        first.send(b"x" * number)
        second.recv(4096)
    first.close()
    second.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for number in range(30):
            os.write(writing, b"y")
        os._exit(0)
    os.waitpid(child, 0)
    os.read(reading, 100)
    os.close(reading)
    os.close(writing)
    with open("/proc/self/status", "rb") as file:
        file.read()

work()
os.kill(os.getpid(), signal)
work()
os.kill(os.getpid(), signal)
"""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONHASHSEED": "0"}
CALL = re.compile(r"\d+ +(\w+)\(")


def workload(stop: int) -> list[str]:
    return [sys.executable, "-S", "-E", "-c", WORKLOAD, str(stop)]


def by_strace(folder: Path) -> Counter[str]:
    """The calls between the markers, as strace -f prints them; skips where it cannot trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here: apt install strace")
    out = folder / "calls"
    command = [strace, "-f", "-qq", "-o", str(out), *workload(0)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"strace cannot trace here: {done.stderr.strip().splitlines()[-1:]}")
    calls: list[str] = []
    markers: list[int] = []
    for line in out.read_text().splitlines():
        if found := CALL.match(line):
            if found[1] == "kill":
                markers.append(len(calls))
            calls.append(found[1])
    assert len(markers) == 2, "the workload's two kills"
    return Counter(calls[markers[0] + 1 : markers[1] + 1])


def by_probe(probe: SyscallsProbe) -> Columns:
    """The columns between the markers, at each of which the workload has stopped itself."""
    with subprocess.Popen(workload(signal.SIGSTOP), env=ENVIRONMENT) as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        probe.attach({"server": [process.pid]}, 0)
        before = probe.snapshot()
        process.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        after = probe.snapshot()
        process.send_signal(signal.SIGCONT)
    return probe.columns(before, after, 1)[0]


def test_counts_are_those_of_strace(tmp_path: Path) -> None:
    probe = SyscallsProbe()
    if probe.reason:
        pytest.skip(probe.reason)
    expected = by_strace(tmp_path)
    columns = by_probe(probe)
    probe.close()
    prefix = "server_syscall_"
    counted = {
        name.removeprefix(prefix): value
        for name, value in columns.items()
        if name.startswith(prefix) and not name.endswith(PER_REQUEST) and value
    }
    assert counted == dict(expected)
    assert counted["getppid"] == 100 and counted["sendto"] == 50
    assert columns["server_syscalls"] == expected.total()


@pytest.fixture(scope="module")
def timing() -> Iterator[SyscallLatencyProbe]:
    probe = SyscallLatencyProbe()
    if probe.reason:
        pytest.skip(probe.reason)
    yield probe
    probe.close()


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


def window(probe: SyscallLatencyProbe, one: Servant, statement: str) -> tuple[Any, Any]:
    probe.attach({"server": [one.pid]}, 0)
    before = probe.snapshot()
    one.do(statement)
    return before, probe.snapshot()


SLEEPS = "libc = ctypes.CDLL(None); [libc.usleep(20000) for i in range(5)]"


def test_a_known_sleep_is_in_its_calls_histogram(
    timing: SyscallLatencyProbe, server: Servant
) -> None:
    before, after = window(timing, server, SLEEPS)
    columns, skipped = timing.columns(before, after, 5)
    call = "server_syscall_clock_nanosleep"
    assert columns[f"{call}_latency_ns_count"] == 5
    total = columns[f"{call}_ns"]
    assert isinstance(total, int) and total >= 5 * 20_000_000
    assert columns[f"{call}_latency_ns_mean"] == total / 5
    assert columns[f"{call}_ns_per_request"] == total / 5
    p50 = columns[f"{call}_latency_ns_p50"]
    assert isinstance(p50, int) and p50 >= 20_000_000
    whole = columns["server_syscalls_ns"]
    assert isinstance(whole, int) and whole >= total
    assert columns["server_syscall_latency_lost"] == 0
    assert "client_syscalls_ns" in skipped and columns["client_syscalls_ns"] is None


def test_histograms_are_the_stores(timing: SyscallLatencyProbe, server: Servant) -> None:
    before, after = window(timing, server, "[os.getppid() for i in range(1000)]")
    columns, _ = timing.columns(before, after, 1)
    name = "server_syscall_getppid_latency_ns"
    encoded = base64.b64decode(timing.histograms(before, after)[name])
    decoded = native.core().Histogram.decode(encoded)
    assert decoded.count == columns[f"{name}_count"] == 1000
    assert decoded.quantile(0.5) == columns[f"{name}_p50"]
    mean = columns[f"{name}_mean"]
    assert isinstance(mean, float) and mean <= decoded.mean * 1.001 <= mean * 1.0625 * 1.002


def test_a_name_not_called_has_a_reason(timing: SyscallLatencyProbe, server: Servant) -> None:
    window_of_getppid = window(timing, server, "os.getppid()")
    timing.columns(*window_of_getppid, 1)
    columns, skipped = timing.columns(*window(timing, server, "answer = 1"), 1)
    assert columns["server_syscall_getppid_latency_ns_count"] == 0
    assert columns["server_syscall_getppid_latency_ns_p50"] is None
    assert "not called" in skipped["server_syscall_latency"]


def test_children_are_timed_and_others_are_not(
    timing: SyscallLatencyProbe, server: Servant
) -> None:
    program = "import os\n[os.getppid() for i in range(300)]"
    child = f"subprocess.run([sys.executable, '-S', '-c', {program!r}])"
    columns, _ = timing.columns(*window(timing, server, child), 1)
    assert columns["server_syscall_getppid_latency_ns_count"] == 300
    with servant() as other:
        timing.attach({"server": [server.pid]}, 0)
        before = timing.snapshot()
        other.do("[os.getppid() for i in range(1000)]")
        columns, _ = timing.columns(before, timing.snapshot(), 1)
    assert columns["server_syscall_getppid_latency_ns_count"] == 0


def test_each_column_is_documented(timing: SyscallLatencyProbe, server: Servant) -> None:
    columns, _ = timing.columns(*window(timing, server, "os.getppid()"), 1)
    unknown = [name for name in columns if (found := lookup(name)) is None or not found.probe]
    assert columns and unknown == []
    wrong = [name for name in columns if (one := lookup(name)) and one.probe != timing.name]
    assert wrong == []
