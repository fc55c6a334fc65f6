"""Probe `sched` against the kernel's own counts and against sleeps of a known length."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from probe_programs import Servant, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import native
from zyphos_lab.probes.base import Columns, Pids, Skipped, now_ns
from zyphos_lab.probes.sched import SchedProbe

pytestmark = pytest.mark.core

NAP_NS = 300_000
NAPS = f"[time.sleep({NAP_NS} / 1e9) for i in range(50)]"
# Two processes on one CPU that both want it for 60 ms of CPU each: the kernel has to preempt.
BURN = "t = time.process_time_ns() + 60_000_000\nwhile time.process_time_ns() < t: pass"


@pytest.fixture(scope="module")
def probe() -> Iterator[SchedProbe]:
    one = SchedProbe()
    if one.reason:
        pytest.skip(one.reason)
    yield one
    one.close()


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


def around(probe: SchedProbe, pids: Pids, *orders: tuple[Servant, str]) -> tuple[Columns, Skipped]:
    probe.attach(pids, 0)
    before = probe.snapshot()
    for one, statement in orders:
        one.do(statement)
    return probe.columns(before, probe.snapshot(), 10)


def kernels(server: Servant) -> dict[str, int]:
    """The kernel's own numbers of a process with one thread."""
    folder = Path(f"/proc/{server.pid}")
    lines = (folder / "status").read_text().splitlines() + (
        folder / "sched"
    ).read_text().splitlines()
    fields = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    return {
        "switches_voluntary": int(fields["voluntary_ctxt_switches"]),
        "switches_involuntary": int(fields["nonvoluntary_ctxt_switches"]),
        "migrations": int(fields["se.nr_migrations"]),
        "run_delay_ns": int((folder / "schedstat").read_text().split()[1]),
    }


def seen(columns: Columns, *names: str) -> list[Any]:
    return [columns[f"server_sched_{name}"] for name in names]


EXACT = ("switches_voluntary", "switches_involuntary", "migrations")


MOVE = "[os.sched_setaffinity(0, {cpu}) for i in range(5) for cpu in sorted(cpus)]"


def both(probe: SchedProbe, server: Servant, work: str) -> tuple[Columns, dict[str, int]]:
    """The probe's columns of some work, and the kernel's own numbers of it.

    The servant sleeps on its pipe at both readings of the kernel's, so that they and the probe's
    are of the same switches.
    """
    asleep(server)
    before, then = probe.snapshot(), kernels(server)
    server.do(work)
    asleep(server)
    after, now = probe.snapshot(), kernels(server)
    columns, _ = probe.columns(before, after, 10)
    return columns, {name: now[name] - then[name] for name in now}


@pytest.mark.parametrize("work", [NAPS, f"exec({BURN!r})", "os.sched_yield()", MOVE])
def test_counts_are_the_kernels(probe: SchedProbe, server: Servant, work: str) -> None:
    with servant() as rival:
        for one in (server, rival):
            one.do("cpus = os.sched_getaffinity(0); os.sched_setaffinity(0, {min(cpus)})")
        rival.do(f"threading.Thread(target=exec, args=({BURN!r}, globals())).start()")
        probe.attach({"server": [server.pid]}, 0)
        columns, kernel = both(probe, server, work)
    assert seen(columns, *EXACT) == [kernel[name] for name in EXACT]
    assert seen(columns, "lost") == [0]


def test_the_run_delay_is_the_kernels(probe: SchedProbe, server: Servant) -> None:
    """Two clocks, read some instructions apart at each switch. What the hypervisor takes between
    the two readings is in one and not in the other, hence the best of several rounds.
    """
    apart = []
    with servant() as rival:
        for one in (server, rival):
            one.do("cpus = os.sched_getaffinity(0); os.sched_setaffinity(0, {min(cpus)})")
        probe.attach({"server": [server.pid]}, 0)
        for _ in range(5):
            rival.do(f"threading.Thread(target=exec, args=({BURN!r}, globals())).start()")
            columns, kernel = both(probe, server, f"exec({BURN!r})")
            (waited,) = seen(columns, "run_delay_ns")
            apart.append(abs(waited - kernel["run_delay_ns"]) / kernel["run_delay_ns"])
    assert min(apart) < 0.01, apart


def asleep(one: Servant) -> None:
    """Returns when the servant has gone to sleep on its pipe."""
    while "\nState:\tS" not in Path(f"/proc/{one.pid}/status").read_text():
        pass


def test_sleeps_are_as_long_as_they_were(probe: SchedProbe, server: Servant) -> None:
    columns, skipped = around(probe, {"server": [server.pid]}, (server, NAPS))
    naps, p50, slept = seen(columns, "switches_voluntary", "sleeping_ns_p50", "sleeping_ns")
    assert naps >= 50 and slept >= 50 * NAP_NS
    assert p50 >= NAP_NS * (1 - 1 / 31)
    off, waited = seen(columns, "off_cpu_ns", "run_delay_ns")
    assert off == slept + waited
    woken = seen(
        columns, "wakeups_by_own", "wakeups_by_peer", "wakeups_by_idle", "wakeups_by_other"
    )
    assert sum(woken) == columns["server_sched_wakeups"] and woken[2] + woken[3] >= 50
    assert columns["server_sched_switches_voluntary_per_request"] == naps / 10
    assert "server_sched" not in skipped and "client_sched" in skipped


def test_a_sleep_from_before_counts_from_the_windows_start(
    probe: SchedProbe, server: Servant
) -> None:
    probe.attach({"server": [server.pid]}, 0)
    server.do("pass")
    asleep(server)
    with servant() as other:
        other.do(NAPS)  # the server sleeps all the while
    start_ns = now_ns()
    before = probe.snapshot()
    server.do("pass")
    asleep(server)
    columns, _ = probe.columns(before, probe.snapshot(), 1)
    assert seen(columns, "switches_voluntary") == [1]
    assert 0 < seen(columns, "sleeping_ns")[0] <= now_ns() - start_ns


def test_who_woke_whom(probe: SchedProbe, server: Servant) -> None:
    """Two threads of one process hand a token to and fro, twenty times."""
    server.do("r, w = os.pipe(); back, say = os.pipe()")
    server.do("echo = lambda: [os.write(say, os.read(r, 1)) for i in range(20)]")
    server.do("thread = threading.Thread(target=echo); thread.start()")
    ask = "[(os.write(w, b'x'), os.read(back, 1)) for i in range(20)]; thread.join()"
    columns, _ = around(probe, {"server": [server.pid]}, (server, ask))
    own, same, elsewhere, woken = seen(
        columns, "wakeups_by_own", "wakeups_same_cpu", "wakeups_other_cpu", "wakeups"
    )
    assert own >= 20
    assert same + elsewhere == woken


def test_the_other_side_is_the_peer(probe: SchedProbe, server: Servant, tmp_path: Path) -> None:
    """A token goes to and fro fifty times: now and then who waits for it must have slept."""
    there, back = tmp_path / "there", tmp_path / "back"
    for fifo in (there, back):
        os.mkfifo(fifo)
    echo = f"r = os.open({str(there)!r}, os.O_RDONLY); w = os.open({str(back)!r}, os.O_WRONLY)"
    ask = f"w = os.open({str(there)!r}, os.O_WRONLY); r = os.open({str(back)!r}, os.O_RDONLY)"
    echo += "\nfor i in range(50): os.write(w, os.read(r, 1))"
    ask += "; [(os.write(w, b'x'), os.read(r, 1)) for i in range(50)]"
    thread = f"t = threading.Thread(target=exec, args=({echo!r}, globals())); t.start()"
    with servant() as client:
        pids: Pids = {"server": [server.pid], "client": [client.pid]}
        columns, _ = around(probe, pids, (server, thread), (client, ask), (server, "t.join()"))
    assert columns["server_sched_wakeups_by_peer"] or columns["client_sched_wakeups_by_peer"]
    assert columns["server_sched_starts"] == 1


def test_threads_that_ended_and_children_are_counted(probe: SchedProbe, server: Servant) -> None:
    nap = "import time\n[time.sleep(0.0001) for i in range(25)]"
    thread = f"t = threading.Thread(target=exec, args=({nap!r}, {{}})); t.start(); t.join()"
    child = f"subprocess.run([sys.executable, '-S', '-c', {nap!r}])"
    columns, _ = around(probe, {"server": [server.pid]}, (server, thread), (server, child))
    (switches,) = seen(columns, "switches_voluntary")
    assert switches >= 50


def test_histograms_go_into_the_record(probe: SchedProbe, server: Servant) -> None:
    probe.attach({"server": [server.pid]}, 0)
    before = probe.snapshot()
    server.do(NAPS)
    after = probe.snapshot()
    encoded = probe.histograms(before, after)["server_sched_sleeping_ns"]
    histogram = native.core().Histogram.decode(base64.b64decode(encoded))
    columns, _ = probe.columns(before, after, 1)
    assert histogram.count >= 50
    assert histogram.quantile(0.99) == columns["server_sched_sleeping_ns_p99"]


def test_every_column_is_a_metric(probe: SchedProbe) -> None:
    assert [name for name in probe.names() if lookup(name) is None] == []
    assert [name for name in probe.per_request() if lookup(f"{name}_per_request") is None] == []


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch, server: Servant) -> None:
    reason = "sched: read /sys/kernel/btf/vmlinux: No such file or directory (errno 2)"
    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(load_sched_counter=lambda: reason))
    probe = SchedProbe()
    columns, skipped = around(probe, {"server": [server.pid]}, (server, "pass"))
    assert columns and set(columns.values()) == {None}
    assert skipped == {"sched": reason}
    assert probe.histograms({}, {}) == {}
