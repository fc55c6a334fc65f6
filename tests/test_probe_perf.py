"""Probe `perf` against threads that do a known amount of work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe_programs import BURN, Servant, around, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes.perf import HARDWARE, SOFTWARE, THREADS_MAX, PerfProbe, RawPerf


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


@pytest.mark.core
def test_switches_of_ended_threads_and_children_are_counted(server: Servant) -> None:
    probe = PerfProbe()
    nap = "import time\n[time.sleep(0.0001) for i in range(25)]"
    thread = f"t = threading.Thread(target=exec, args=({nap!r}, {{}})); t.start(); t.join()"
    child = f"subprocess.run([sys.executable, '-S', '-c', {nap!r}])"
    columns, skipped = around(probe, {"server": [server.pid]}, (server, thread), (server, child))
    probe.close()
    if "server_perf" in skipped:
        pytest.skip(skipped["server_perf"])
    switches = columns["server_perf_context_switches"]
    assert isinstance(switches, int) and switches >= 50
    assert isinstance(columns["server_perf_task_clock_ns"], int)


@pytest.mark.core
def test_hardware_counts_or_says_why_not(server: Servant) -> None:
    probe = PerfProbe()
    columns, skipped = around(probe, {"server": [server.pid]}, (server, BURN))
    probe.close()
    values = [columns[f"server_perf_{name}"] for name in HARDWARE]
    for group in ("server_perf", "server_perf_hardware"):
        if group in skipped:
            assert values == [None] * len(HARDWARE)
            pytest.skip(skipped[group])
    assert columns["server_perf_instructions"]


class Shared:
    """Stands for counters whose hardware events took turns; only its reasons are asked for."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.threads = [(7, 7, "main"), (7, 8, "idle")]


@pytest.mark.core
def test_events_that_took_turns_are_scaled_and_say_so() -> None:
    probe = PerfProbe()
    probe._counters["server"] = Shared()
    before = dict.fromkeys(HARDWARE, (1000, 0, 0))
    after = dict.fromkeys(HARDWARE, (4000, 8000000, 2000000))
    after["branches"] = (1_000, 8_000_000, 0)
    idle = dict.fromkeys(HARDWARE, (5, 0, 0))
    edges: list[RawPerf] = [{"server": [before, idle]}, {"server": [after, idle]}]
    columns, skipped = probe.columns(*edges, 10)
    assert columns["server_perf_cycles"] == 12_000
    assert columns["server_perf_cycles_per_request"] == 1_200
    assert columns["server_perf_cycles_enabled_ns"] == 8_000_000
    assert columns["server_perf_cycles_running_ns"] == 2_000_000
    assert columns["server_perf_cycles_running_ratio"] == 0.25
    assert columns["server_perf_branches"] is None
    assert columns["server_perf_branches_running_ns"] == 0
    assert "never free" in skipped["server_perf_branches"]
    assert columns["server_perf_thread0_cycles"] == 12_000
    assert columns["server_perf_thread0_cycles_running_ratio"] == 0.25
    assert columns["server_perf_thread0_branches"] is None
    assert columns["server_perf_thread1_cycles"] == 0, "it did not run"
    assert [name for name in columns if lookup(name) is None and "_name" not in name] == []


TWO_THREADS = """
go, done, spent_ns = [threading.Semaphore(0) for _ in range(2)], threading.Semaphore(0), [0, 0]
def acting(number, act):
    go[number].acquire()
    begun_ns = time.thread_time_ns()
    act()
    spent_ns[number] = time.thread_time_ns() - begun_ns
    done.release()
    go[number].acquire()
def burn():
    end = time.thread_time() + 0.08
    while time.thread_time() < end: pass
def nap():
    for _ in range(40): time.sleep(0.001)
threads = [threading.Thread(target=acting, args=one, daemon=True) for one in enumerate((burn, nap))]
for one in threads: one.start()
answer = " ".join(str(one.native_id) for one in threads)
"""
WORK = (
    "[one.release() for one in go]; [done.acquire() for _ in go]; answer = '%d %d' % (*spent_ns,)"
)


def asleep(pid: int, thread: int) -> int:
    """Its context switches so far, as the kernel has them, once it sleeps."""
    file = Path(f"/proc/{pid}/task/{thread}/status")
    while True:
        found = dict(line.split(":\t", 1) for line in file.read_text().splitlines())
        if found["State"].startswith("S"):
            return int(found["voluntary_ctxt_switches"]) + int(found["nonvoluntary_ctxt_switches"])


class Worked:
    """What perf, the threads' own clocks and the kernel's counts say of TWO_THREADS at work."""

    def __init__(self, server: Servant) -> None:
        probe = PerfProbe()
        self.ids = [int(one) for one in server.do(f"exec({TWO_THREADS!r})").split()]
        before_work = [asleep(server.pid, one) for one in self.ids]
        probe.attach({"server": [server.pid]}, 0)
        before = probe.snapshot()
        self.spent_ns = [int(one) for one in server.do(WORK).split()]
        self.switches = [asleep(server.pid, one) for one in self.ids]
        self.switches = [new - old for new, old in zip(self.switches, before_work, strict=True)]
        self.columns, skipped = probe.columns(before, probe.snapshot(), 10)
        probe.close()
        if "server_perf" in skipped:
            pytest.skip(skipped["server_perf"])
        self._order = sorted([server.pid, *self.ids])

    def of(self, thread: int, event: str) -> int:
        found = self.columns[f"server_perf_thread{self._order.index(thread)}_{event}"]
        assert isinstance(found, int)
        return found

    def of_all(self, event: str) -> int:
        return sum(self.of(one, event) for one in self._order)


@pytest.mark.core
def test_each_thread_has_its_own_work(server: Servant) -> None:
    """One burns 80 ms of its CPU clock, one sleeps 40 times. Perf's clock leaves out a part of each
    switch, some microseconds; its switches are those that the kernel counts, to the unit.
    """
    worked = Worked(server)
    assert [worked.of(one, "context_switches") for one in worked.ids] == worked.switches
    assert worked.switches[1] >= 40
    clocks = [worked.of(one, "task_clock_ns") for one in worked.ids]
    assert clocks == pytest.approx(worked.spent_ns, abs=10_000_000)
    assert worked.spent_ns[0] >= 80_000_000 and clocks[0] / clocks[1] > 4
    assert {event: worked.columns[f"server_perf_{event}"] for event in SOFTWARE} == {
        event: worked.of_all(event) for event in SOFTWARE
    }
    assert worked.columns["server_perf_threads"] == 3
    assert "server_perf_thread3_name" not in worked.columns
    assert isinstance(worked.columns["server_perf_thread0_name"], str)


@pytest.mark.core
def test_beyond_so_many_threads_only_the_sums_go_on(server: Servant) -> None:
    probe = PerfProbe()
    server.do(
        f"[threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
        f" for _ in range({THREADS_MAX})]"
    )
    columns, skipped = around(probe, {"server": [server.pid]}, (server, BURN))
    probe.close()
    if "server_perf" in skipped:
        pytest.skip(skipped["server_perf"])
    assert columns["server_perf_threads"] == THREADS_MAX + 1
    assert f"server_perf_thread{THREADS_MAX - 1}_name" in columns
    assert f"server_perf_thread{THREADS_MAX}_name" not in columns
    assert f"of {THREADS_MAX + 1} threads" in skipped[f"server_perf_thread{THREADS_MAX}"]
