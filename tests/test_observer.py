"""The observer's cost: pairs of trials with and without the costly probes, and what they say."""

from __future__ import annotations

import os
import random
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from probe_programs import Servant, servant
from running import served
from spec_samples import ECHO
from zyphos_lab import observer, plan, probes, spec
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import native
from zyphos_lab.probes.bpf_stats import BpfStatsProbe
from zyphos_lab.probes.memory import MemoryProbe
from zyphos_lab.probes.syscalls import SyscallsProbe
from zyphos_lab.report import course
from zyphos_lab.stage import INSTRUMENTED, MEASURE, OBSERVER, PLAIN, Planned


def experiment(pairs: str = "4", budget: str = "5%", watched: str = "[syscalls]") -> Any:
    text = ECHO.replace(
        "aa: {cells: 1}", f"aa: {{cells: 1}}, observer: {{pairs: {pairs}, budget: {budget}}}"
    )
    return spec.loads(text.replace("probes: [syscalls]", f"probes: {watched}"))


def pairs_of(found: Any) -> list[tuple[Planned, Planned]]:
    [stage] = observer.stages(found, 7)
    trials = list(stage.next([]) or [])
    return list(zip(trials[::2], trials[1::2], strict=True))


def test_plain_and_instrumented_stand_side_by_side_under_one_load() -> None:
    pairs = pairs_of(experiment())
    assert len(pairs) == 4 * 8
    for first, second in pairs:
        assert {first.arm, second.arm} == {PLAIN, INSTRUMENTED}
        assert (first.cell, first.block, first.seed) == (second.cell, second.block, second.seed)
        assert observer.plain(first) != observer.plain(second)
    assert {first.arm for first, _ in pairs} == {PLAIN, INSTRUMENTED}
    assert pairs == pairs_of(experiment())


def test_its_trials_come_after_the_measurement_and_are_none_of_it() -> None:
    found = experiment()
    assert [name for name, _ in plan.make(found).stages][-2:] == [MEASURE, OBSERVER]
    [stage] = observer.stages(found, 7)
    assert stage.next([{"stage": OBSERVER}]) is None


def test_without_costly_probes_there_is_nothing_to_pair() -> None:
    assert observer.stages(experiment(watched="[tcp_info]"), 7) == []
    assert observer.stages(experiment("0"), 7) == []
    costly = {"syscalls", "syscall_latency", "sched", "futex", "memory", "uring", "perf"}
    assert costly | {"tcp_events", "bpf_stats"} == probes.COSTLY


def test_auto_pairs_where_they_take_little_of_the_run() -> None:
    assert observer.stages(experiment("auto"), 7) == []  # 16 trials beside 72
    text = ECHO.replace("starts: 8", "starts: 30")
    [stage] = observer.stages(spec.loads(text), 7)
    assert stage.outlook().trials == 2 * observer.AUTO_PAIRS
    rehearsal = text.replace("schema: 1", "schema: 1\nevidence: false")
    assert observer.stages(spec.loads(rehearsal), 7) == []


def rows(cost: float, pairs: int = 8, cells: Sequence[str] = ("a", "b")) -> list[dict[str, Any]]:
    randomness = random.Random(1)
    found = []
    for cell in cells:
        for block in range(pairs):
            plain_ns = 50_000 * randomness.uniform(0.9, 1.1)
            noise = randomness.uniform(0.995, 1.005)
            for arm, factor in ((PLAIN, 1.0), (INSTRUMENTED, cost * noise)):
                latency_ns = plain_ns * factor
                row = {"stage": OBSERVER, "cell": cell, "block": block, "arm": arm}
                row |= {"verdict": "VALID", "latency_ns_p50": latency_ns}
                found.append(row | {"requests_per_second": 1e9 / latency_ns})
    return found


def test_the_cost_is_the_ratio_of_the_pairs_whichever_way_the_metric_goes() -> None:
    together = observer.costs(rows(1.08))[:2]
    assert [cost.metric for cost in together] == ["latency_ns_p50", "requests_per_second"]
    for cost in together:
        assert cost.pairs == 16 and cost.cells == "all 2 cells"
        assert cost.low is not None and cost.high is not None
        assert cost.low <= 1.08 <= cost.high and cost.high - cost.low < 0.01
        assert cost.over(0.05) and not cost.over(0.1)
    assert together[0].text(0.1).startswith("latency_ns_p50 +7.9%")
    low, high = re.findall(r"-\d\.\d%", together[1].text(0.1).split("[")[1])
    assert float(low[:-1]) < -7.4 < float(high[:-1])  # 1 / 1.08


def test_too_few_pairs_say_so() -> None:
    [cost, rate] = observer.costs(rows(1.5, pairs=4, cells=("a",)))
    assert cost.low is None and not cost.over(0.05)
    assert cost.text(0.05).startswith("latency_ns_p50 +50.")
    assert "too few pairs" in cost.text(0.05)
    assert rate.text(0.05).startswith("requests_per_second -33.")


def test_an_invalid_trial_takes_its_pair_along() -> None:
    found = rows(1.0, cells=("a",))
    found[3]["verdict"] = "INVALID"
    assert observer.costs(found)[0].pairs == 7


@pytest.mark.parametrize(("cost", "code"), [(1.2, "observer_over_budget"), (1.0, "observer_cost")])
def test_more_than_the_budget_speaks_against_the_run(cost: float, code: str) -> None:
    [stage] = observer.stages(experiment(), 7)
    notes = stage.tell(rows(cost))
    assert {note.code for note in notes} == {code}
    assert "syscalls cost all 2 cells" in notes[0].message
    told = {"experiment": {}, "told": {OBSERVER: [vars_of(note) for note in notes]}}
    against = course.grave(told)
    beside = [remark.code for remark in course.remarks(told)]
    assert bool(against) == (code == "observer_over_budget") != bool(beside)


def vars_of(note: Any) -> dict[str, Any]:
    return {"code": note.code, "message": note.message}


# the probes themselves


@pytest.mark.core
def test_a_resting_probe_has_no_program_until_it_wakes() -> None:
    probe, stats = SyscallsProbe(), BpfStatsProbe()
    if probe.reason:
        pytest.skip(probe.reason)
    if stats.reason:
        pytest.skip(stats.reason)
    assert "count_entry" in {one.name for one in stats.snapshot().values()}
    probe.rest()
    assert stats.snapshot() == {}
    columns, skipped = stats.columns({}, {}, 1)
    assert columns["observer_bpf_run_ns"] is None and "no probe" in skipped["bpf_stats"]
    with servant() as server:
        probe.wake()
        probe.attach({"server": [server.pid]}, 0)
        before, stats_before = probe.snapshot(), stats.snapshot()
        server.do("[os.getppid() for i in range(1000)]")
        counted, _ = probe.columns(before, probe.snapshot(), 1)
        columns, skipped = stats.columns(stats_before, stats.snapshot(), 1)
    assert counted["server_syscall_getppid"] == 1000
    runs, run_ns = columns["observer_bpf_count_entry_runs"], columns["observer_bpf_run_ns"]
    assert isinstance(runs, int) and runs >= 1000
    assert isinstance(run_ns, int) and run_ns > 0
    assert columns["observer_bpf_count_entry_missed"] == 0
    assert skipped == {} and [name for name in columns if lookup(name) is None] == []
    probe.close()
    stats.close()


RESTING = ["syscalls", "syscall_latency", "sched", "futex", "memory", "uring", "tcp_events"]


@pytest.mark.core
@pytest.mark.native
@pytest.mark.parametrize("name", RESTING)
def test_what_rests_is_not_run_by_the_kernel(name: str) -> None:
    """Its programs outlive the rest, for they are held here: what is gone is what calls them."""
    [probe] = [one for one in probes.make([name]) if one.name == name]
    stats = BpfStatsProbe()
    refused = probe.traps if isinstance(probe, MemoryProbe) else probe
    if refused.reason or stats.reason:
        pytest.skip(refused.reason or stats.reason)
    with at_work(name) as (pid, port, work), held_programs():
        probe.attach({"server": [pid]}, port)
        assert sum(runs_of(stats, work).values()) > 20
        probe.rest()
        runs = runs_of(stats, work)
        assert runs and set(runs.values()) == {0}
        probe.wake()
        probe.attach({"server": [pid]}, port)
        assert sum(runs_of(stats, work).values()) > 20
    probe.close()
    stats.close()


@contextmanager
def at_work(name: str) -> Iterator[tuple[int, int, Callable[[], None]]]:
    """(process, port, what makes it do something that the probe sees)."""
    with ExitStack() as stack:
        if name == "uring":
            able = native.core().engines()["uring"]
            if able is not True:
                pytest.skip(f"engine uring: {able}")
            serve = stack.enter_context(served("engine=uring", "protocol=http1"))
            yield serve.process.pid, serve.port, lambda: ask(serve.port)
            return
        server = stack.enter_context(servant())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = int(listener.getsockname()[1])
        yield server.pid, port, lambda: send(server, port)


def ask(port: int) -> None:
    """Some requests, each answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        for _ in range(50):
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert peer.recv(4096).endswith(b"Hello, world!")


def send(server: Servant, port: int) -> None:
    """It sleeps, calls the kernel, and is sent to."""
    connect = f"import socket; one = socket.create_connection(('127.0.0.1', {port}))"
    server.do(f"{connect}; [(time.sleep(0.0001), one.send(b'x')) for _ in range(50)]; one.close()")


@contextmanager
def held_programs() -> Iterator[None]:
    """Keeps every BPF program of this process, whoever else lets it go."""
    folder = Path("/proc/self/fd")
    links = {int(one.name): os.readlink(one) for one in folder.iterdir() if one.is_symlink()}
    held = [os.dup(fd) for fd, link in links.items() if link == "anon_inode:bpf-prog"]
    try:
        yield
    finally:
        for fd in held:
            os.close(fd)


def runs_of(stats: BpfStatsProbe, work: Callable[[], None]) -> dict[int, int]:
    """How often each program ran meanwhile."""
    before = stats.snapshot()
    work()
    after = stats.snapshot()
    return {one: after[one].runs - before[one].runs for one in before.keys() & after.keys()}
